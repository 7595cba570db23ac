"""Cross-sections of all channels: explicit spinors, closed forms and limits by hand, conservation, symmetries."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.cross_sections import (
    channels_of,
    daughters,
    density_terms,
    propagator_integrals,
    shape_integrals,
    shapes,
    total_cm2,
)
from nuinfer.physics.mediator import FLAVOUR_BLIND, LMU_LTAU, Mediator
from nuinfer.physics.mixing import NUFIT60_INVERTED, NUFIT60_NORMAL, PAPER, Mixing

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "cross_sections.json").read_text())
KINDS = [(0, "majorana"), (1, "majorana"), (0, "dirac"), (1, "dirac")]
NO_MIXING = Mixing(0.0, 0.0, 0.0, 0.0)
HBAR_C_MEV_CM = 1.9732698e-11
MASSES = [0.05, 0.051, 0.011]
NODES, WEIGHTS = (0.5 * (np.polynomial.legendre.leggauss(120)[0] + 1), 0.5 * np.polynomial.legendre.leggauss(120)[1])


def at(ratio, mass_mev=8.0, target_ev=0.05):
    """Energy in GeV where s/M^2 is `ratio`."""
    return np.asarray(ratio) * (mass_mev * 1e6) ** 2 / (2.0 * target_ev) / 1e9


def random_mediator(spin, neutrino="majorana", seed=3):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    return Mediator(couplings=0.3 * (matrix + (matrix.conj().T if spin else matrix.T)), spin=spin, neutrino=neutrino)


def in_units(spin, neutrino="majorana", **given):
    """`total_cm2` of one flavour on itself over g^4/(16 pi M^2), at values of s/M^2."""
    mass, g = 8.0, given["coupling"]
    one = Mediator((1.0, 0.0, 0.0), spin, neutrino=neutrino)
    channels = given.get("channels", "all")
    total = total_cm2(at(given["ratio"]), mass, g, [0.05] * 3, NO_MIXING, one, channels)[..., 0, 0]
    return total / (g**4 / (16.0 * math.pi * mass**2) * HBAR_C_MEV_CM**2)


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: f"{case['neutrino']}-{case['spin']}")
def test_explicit_spinors_and_wick_contractions(case):
    """`tests/reference/make_cross_sections.py`: complex couplings, below, on and above the resonance, wide ones too."""
    couplings = np.array(case["couplings"]) @ [1.0, 1j]
    mediator = Mediator(couplings=couplings, spin=case["spin"], neutrino=case["neutrino"])
    point = (case["energy_gev"], case["m_mediator_mev"], case["coupling"], case["m_nu_ev"])
    mixing = Mixing(*case["mixing"]["sin2"], case["mixing"]["delta_cp"])
    for channels, result in case["result"].items():
        total = total_cm2(*point, mixing, mediator, channels)
        made = daughters(REFERENCE["x"], *point, mixing, mediator, channels)
        np.testing.assert_allclose(total, result["total_cm2"], rtol=1e-9, err_msg=channels)
        np.testing.assert_allclose(made, result["daughters"], atol=1e-10, err_msg=channels)


def test_contact_interactions():
    """s << M^2: scalar 5 g^4 s/(96 pi M^4), vector g^4 s/(2 pi M^4) on nu and g^4 s/(3 pi M^4) on nubar."""
    ratio = np.array([1e-14, 1e-12])
    g = 1e-3
    np.testing.assert_allclose(in_units(0, ratio=ratio, coupling=g), 16.0 * 5.0 / 96.0 * ratio, rtol=3e-8)
    np.testing.assert_allclose(in_units(1, ratio=ratio, coupling=g), 16.0 * (1 / 2 + 1 / 3) * ratio, rtol=3e-8)
    for spin in (0, 1):  # without the digits of hbar c above
        each = in_units(spin, ratio=ratio, coupling=g) / ratio
        np.testing.assert_allclose(each, each[0], rtol=1e-11)


def _quadrature(spin, neutrino, a, width, channels):
    """One flavour on itself: squared amplitudes integrated over y = 1 - x, in units of g^4/(16 pi M^2)."""
    a, width = mp.mpf(float(a)), mp.mpf(float(width))
    s = a / (a - 1 + 1j * width) if channels != "tu" else 0
    on = 0 if channels == "s" else 1

    def scalar(y):
        t, u = on * a * y / (1 + a * y), on * a * (1 - y) / (1 + a * (1 - y))
        if neutrino == "majorana":
            return (abs(s) ** 2 + _square(s, t, u, channels)) / 2 + t * t
        return (_square(s, t, 0, channels) + abs(s) ** 2 + 2 * t * t + (t + u) ** 2 / 2) / 2

    def vector(y):
        t, u = -on / (1 + a * y), -on / (1 + a * (1 - y))
        return 4 * a * a * ((t + u) ** 2 / 2 + (1 - y) ** 2 * _square(s / a, t, 0, channels))

    return mp.quad(vector if spin else scalar, sorted({0, 1, *(min(1, 10**n / a) for n in range(5))})) / a


def _square(s, t, u, channels):
    return abs(s + t + u) ** 2 if channels == "all" else abs(s) ** 2 + abs(t + u) ** 2


@pytest.mark.parametrize(("spin", "neutrino"), KINDS[:3])
def test_totals_against_quadrature(spin, neutrino):
    """From contact interactions to s = 1e8 M^2, widths from 1e-12 M to close to M, every selection of channels."""
    one = Mediator((1.0, 0.0, 0.0), spin, neutrino=neutrino)
    for ratio, coupling in ((1e-8, 0.3), (0.2, 1e-5), (0.97, 0.3), (1.0, 3.0), (1.5, 1e-5), (30.0, 4.0), (1e8, 1.0)):
        for channels in ("all", "s", "tu"):
            width = one.width_over_mass(coupling)
            exact = float(_quadrature(spin, neutrino, ratio, width, channels))
            got = in_units(spin, neutrino, ratio=ratio, coupling=coupling, channels=channels)
            assert got == pytest.approx(exact, rel=3e-8), (ratio, coupling, channels)  # as many digits of hbar c
            whole = in_units(spin, neutrino, ratio=2.0, coupling=coupling, channels=channels)
            other = float(_quadrature(spin, neutrino, 2.0, width, channels))
            assert got / whole == pytest.approx(exact / other, rel=1e-11), (ratio, coupling, channels)


def test_one_flavour_of_a_vector_in_closed_form():
    """t and u: nu nu g^4 s/(8 pi M^4) (2/(1+a) + 4 ln(1+a)/(a (2+a))), nu nubar the integral of x^2/(1 + a (1-x))^2."""
    a = np.array([0.1, 1.0, 20.0])
    alike = 2.0 * a * (2.0 / (1.0 + a) + 4.0 * np.log1p(a) / (a * (2.0 + a)))
    opposite = 4.0 * a * (a * (a + 2.0) - 2.0 * (1.0 + a) * np.log1p(a)) / a**3
    np.testing.assert_allclose(in_units(1, ratio=a, coupling=0.1, channels="tu"), alike + opposite, rtol=3e-8)


@pytest.mark.parametrize(("spin", "neutrino"), KINDS)
def test_narrow_resonance(spin, neutrino):
    """The integral of sigma over s: 2 pi g^2 |V_ij|^2 of a vector, pi g^2 |Y_ij|^2 of a scalar, half if Dirac."""
    mass, g = 8.0, 1e-3
    mediator = random_mediator(spin, neutrino)
    width = float(mediator.width_over_mass(g))
    phi = math.pi / 2 * 0.999
    angle, weight = phi * (2.0 * NODES - 1.0), 2.0 * phi * WEIGHTS
    a = 1.0 + width * np.tan(angle)
    for j, target in enumerate(MASSES):
        total = total_cm2(at(a, mass, target), mass, g, MASSES, NUFIT60_NORMAL, mediator, "s")[..., j]
        over_s = mass**2 * np.einsum("n,ni->i", weight * width / np.cos(angle) ** 2, total) / 0.999
        expected = (2.0 if spin else 1.0) * math.pi * g**2 * np.abs(mediator.in_mass_basis(NUFIT60_NORMAL)[:, j]) ** 2
        expected *= 0.5 if neutrino == "dirac" else 1.0
        np.testing.assert_allclose(over_s, expected * HBAR_C_MEV_CM**2, rtol=1e-6)


@pytest.mark.parametrize(("spin", "neutrino"), KINDS)
def test_daughters_on_a_narrow_resonance(spin, neutrino):
    """3 x^2 + 3 (1-x)^2 of a vector, 2 of a scalar, shared as the decays are; all x at once."""
    x = np.linspace(0.0, 1.0, 5)
    mediator = Mediator((0.0, 1.0, -1.0), spin, neutrino=neutrino)
    made = daughters(x, at(1.0), 8.0, 1e-3, [0.05] * 3, PAPER, mediator, "s")
    share = np.sum(np.abs(mediator.in_mass_basis(PAPER)) ** 2, axis=0) / 2.0
    law = (3.0 * x**2 + 3.0 * (1.0 - x) ** 2 if spin else 2.0 + 0.0 * x) * mediator.active_fraction
    np.testing.assert_allclose(made, np.broadcast_to(law[:, None, None, None] * share, made.shape), rtol=1e-12)


@pytest.mark.parametrize("channels", ["all", "s", "tu"])
@pytest.mark.parametrize("spin", [0, 1])
def test_two_neutrinos_share_the_energy(spin, channels):
    """Majorana: number 2, energy 1, nowhere negative, whatever the couplings."""
    energy = at([0.01, 0.98, 1.3, 15.0], 8.0)
    made = daughters(NODES[:, None], energy, 8.0, 1.0, MASSES, NUFIT60_NORMAL, random_mediator(spin), channels)
    np.testing.assert_allclose(np.einsum("x,xeijk->eij", WEIGHTS, made), 2.0, rtol=1e-12)
    np.testing.assert_allclose(np.einsum("x,xeijk->eij", WEIGHTS * NODES, made), 1.0, rtol=1e-12)
    assert made.min() >= 0.0


def test_active_daughters_of_dirac_neutrinos():
    """A scalar far below its mass, final states counted by hand in one flavour.

    S = -a and T = a y, U = a (1-y): collisions a^2/2 (<(1-y)^2> + 1 + 2 <y^2> + 1/2) = a^2 5/4; active daughters
    a^2/2 (<(1-y)^2> + 1 + <y^2>) = a^2 5/6.
    """
    made = daughters(NODES, at(1e-10), 8.0, 1e-3, [0.05] * 3, NO_MIXING, Mediator((1.0, 0.0, 0.0), 0, neutrino="dirac"))
    assert np.einsum("x,xijk->ij", WEIGHTS, made)[0, 0] == pytest.approx(2.0 / 3.0, rel=1e-9)


@pytest.mark.parametrize("spin", [0, 1])
def test_crossing_symmetry(spin):
    """One flavour, no width: the sum of all squared amplitudes, s^2 times the density, is symmetric in s, t and u."""
    tensors = channels_of(NO_MIXING, Mediator((1.0, 0.0, 0.0), spin)).daughters[:, 0, 0, 0]

    def squared(s, _, u):
        return s**2 * np.dot(tensors, density_terms(spin, s, 0.0, -u / s))

    invariants = (2.7, -1.9, -0.8)
    values = [squared(*permuted) for permuted in itertools.permutations(invariants)]
    np.testing.assert_allclose(values, values[0], rtol=1e-12)
    assert abs(squared(2.7, -1.5, -1.2) / values[0] - 1.0) > 0.01, "it does depend on them"


def test_couplings_of_mass_states_are_what_counts():
    """In any basis; a flavour-blind vector does not know mixing, and two states that differ only exchange it."""
    point = (at(0.9), 8.0, 0.7, MASSES)
    for spin in (0, 1):
        mediator = random_mediator(spin)
        masses = Mediator(couplings=_symmetric(mediator.in_mass_basis(NUFIT60_INVERTED), spin), spin=spin)
        ours, there = (mediator, NUFIT60_INVERTED), (masses, NO_MIXING)
        one, other = (total_cm2(*point, mixing, given) for given, mixing in (ours, there))
        np.testing.assert_allclose(one, other, rtol=1e-12)
        one, other = (daughters(0.3, *point, mixing, given) for given, mixing in (ours, there))
        np.testing.assert_allclose(one, other, rtol=1e-12)
    for channels in ("all", "s", "tu"):
        blind = [total_cm2(*point, mixing, FLAVOUR_BLIND, channels) for mixing in (PAPER, NUFIT60_INVERTED)]
        np.testing.assert_allclose(*blind, rtol=1e-12, atol=1e-14 * blind[0].max())
    assert blind[0][0, 1] > 0.0
    resonant = total_cm2(*point, PAPER, FLAVOUR_BLIND, "s")
    np.testing.assert_allclose(resonant - np.diag(np.diag(resonant)), 0.0, atol=1e-14 * resonant.max())


def _symmetric(matrix, spin):
    return 0.5 * (matrix + (matrix.conj().T if spin else matrix.T))


def test_states_that_do_not_meet():
    """Without mixing nu_e does not know of L_mu - L_tau: no cross-section and no daughters, and no warning."""
    point = (at([1e-6, 1.0, 1e6]), 8.0, [[1e-9], [0.5]], MASSES, NO_MIXING, LMU_LTAU)
    total, made = total_cm2(*point), daughters(0.5, *point)
    assert total.shape == (2, 3, 3, 3)
    assert made.shape == (2, 3, 3, 3, 3)
    assert not total[..., 0, :].any()
    assert not total[..., :, 0].any()
    assert not made[..., 0, :, :].any()
    assert np.all(made[..., 1:, 1:, 1:].sum(axis=-1) > 0.0)
    assert np.all(np.isfinite(daughters(0.5, at(1.0), 8.0, 0.0, MASSES, NO_MIXING, LMU_LTAU)))
    assert not total_cm2(at(1.0), 8.0, 0.0, MASSES, NO_MIXING, LMU_LTAU).any()
    massless = (1e5, 8.0, 0.1, [0.0, 1e-12, 0.02], PAPER, LMU_LTAU)
    assert not total_cm2(*massless)[:, 0].any()
    at_rest = daughters(0.5, *massless)[:, 0].sum(axis=-1)  # those of a contact interaction, as of a very light target
    assert np.all(at_rest > 0.0)
    one = daughters(0.5, 1e5, 8.0, 0.1, [1e-12, 1e-12, 0.02], PAPER, LMU_LTAU)[:, 0].sum(axis=-1)
    np.testing.assert_allclose(at_rest, one, rtol=1e-9)


def test_a_batch_is_its_own_loop():
    rng = np.random.default_rng(5)
    energy, mass, g = at(10.0 ** rng.uniform(-3, 3, (4, 2))), rng.uniform(3, 20, (4, 2)), rng.uniform(0.01, 1, (4, 2))
    targets, x = rng.uniform(0.01, 0.1, (4, 2, 3)), rng.uniform(0, 1, (4, 2))
    mediator = random_mediator(0)
    total = total_cm2(energy, mass, g, targets, PAPER, mediator)
    made = daughters(x, energy, mass, g, targets, PAPER, mediator)
    for n in np.ndindex(4, 2):
        here = (energy[n], mass[n], g[n], targets[n], PAPER, mediator)
        np.testing.assert_allclose(total[n], total_cm2(*here), rtol=1e-12)
        np.testing.assert_allclose(made[n], daughters(x[n], *here), rtol=1e-12)


@pytest.mark.parametrize("spin", [0, 1])
@pytest.mark.parametrize("ratio", [1e-13, 0.3, 0.6, 30.0])
def test_integrals_below_x(spin, ratio):
    """Numbers and energies of daughters below x by quadrature of the functions."""
    for x in (0.02, 0.7, 1.0):
        nodes = x * NODES
        s, _, u, tu, _, su = np.array([shapes(spin, ratio, node) for node in nodes]).T
        found, end = shape_integrals(spin, ratio, x), shape_integrals(spin, ratio, 1.0)
        rest = shape_integrals(spin, ratio, 1.0 - x)
        for n, f in ((0, s), (2, u), (6, su)):
            np.testing.assert_allclose(found[n : n + 2], [x * WEIGHTS @ f, x * (WEIGHTS * nodes) @ f], rtol=1e-10)
        number, energy = x * WEIGHTS @ tu, x * (WEIGHTS * nodes) @ tu
        assert found[4] + end[4] - rest[4] == pytest.approx(number, rel=1e-10)
        assert found[5] + end[4] - end[5] - (rest[4] - rest[5]) == pytest.approx(energy, rel=1e-9)


def test_propagator_through_the_resonance():
    """Cells that hold all, nothing and half of a resonance of any width, against antiderivatives to 40 digits."""
    with mp.workdps(40):
        for low, high, width in ((0.5, 0.6, 1e-12), (0.9, 1.1, 1e-12), (0.999, 1.0, 1e-8), (1.1, 1.100001, 0.3)):
            ends = [mp.mpc(mp.mpf(value) - 1, mp.mpf(width)) for value in (low, high)]
            integral = mp.log(ends[1]) - mp.log(ends[0])  # of 1/(a - 1 + i gamma)
            square, real, imaginary = propagator_integrals(low, high, width)
            assert real == pytest.approx(float(integral.real), rel=1e-11)
            assert imaginary == pytest.approx(float(integral.imag), rel=1e-11)
            assert square == pytest.approx(-float(integral.imag) / width, rel=1e-11)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"energy_gev": [1e5, 0.0]}, r"energy_gev: 0.0 is not allowed, it must be positive"),
        ({"m_mediator_mev": -8.0}, r"m_mediator_mev: -8.0"),
        ({"coupling": 6.2}, r"coupling: 6.2 is not allowed, it must be from 0 to 6.14, where the width is the mass"),
        ({"coupling": -0.1}, r"coupling: -0.1"),
        ({"m_nu_ev": [0.01, -0.02, 0.1]}, r"m_nu_ev: -0.02"),
        ({"m_nu_ev": [0.01, math.nan, 0.1]}, r"m_nu_ev: nan"),
        ({"x": 1.01}, r"x: 1.01 is not allowed, it must be from 0 to 1"),
        ({"channels": "resonance"}, r"channels: 'resonance' is not one of 'all', 's', 'tu'"),
        ({"mediator": Mediator((0.0, 1.0, -1.0), neutrino="dirac")}, r"channels: 'all' .* only 's'"),
        ({"mediator": Mediator((0.0, 1.0, -1.0), sterile=(0.0, 0.0, 1.0))}, r"mediator: .* without a sterile state"),
    ],
)
def test_outside_the_domain(changes, message):
    given = {"x": 0.5, "energy_gev": 1e5, "m_mediator_mev": 8.0, "coupling": 0.1, "m_nu_ev": MASSES}
    with pytest.raises(PhysicsDomainError, match=message):
        daughters(**(given | {"mixing": PAPER, "mediator": LMU_LTAU} | changes))
