"""Borexino and trident rates against calculations that share nothing with the package, and their analytic limits."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nuinfer
from nuinfer.constants import ELECTRIC_CHARGE, G_FERMI_GEV2
from nuinfer.constraints import borexino, trident
from nuinfer.errors import ConfigError, PhysicsDomainError
from nuinfer.physics.mixing import NUFIT60_INVERTED, NUFIT60_NORMAL, PAPER, Mixing

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "rates.json").read_text())
LMU_LTAU = (0.0, 1.0, -1.0)
BOX = (1.0, 50.0)


MIXINGS = {
    row["mixing"]: Mixing(row["sin2_theta12"], row["sin2_theta23"], row["sin2_theta13"], math.radians(row["delta_deg"]))
    for row in REFERENCE["flavours"]
}
SPLITTING = {row["mixing"]: row["delta_m2_21_ev2"] for row in REFERENCE["flavours"]}


@pytest.mark.parametrize("row", REFERENCE["flavours"], ids=lambda row: row["mixing"])
def test_solar_flavours_are_those_of_the_eigenstates_in_matter(row: dict[str, Any]) -> None:
    """Eigenvectors of the Hamiltonian in matter: of two states the same, of three with what the third adds, 1e-4."""
    got = borexino.flavours(MIXINGS[row["mixing"]], row["delta_m2_21_ev2"])
    np.testing.assert_allclose(got, row["two"], rtol=1e-9)
    np.testing.assert_allclose(got, row["three"], atol=2e-4)
    assert got.sum() == pytest.approx(1.0, abs=1e-15)


def test_solar_flavours_that_are_known() -> None:
    """Averaged oscillations in vacuum for a large splitting; nu_e = nu_2 in dense matter, sin^2 th12 without th13."""
    vacuum = PAPER.probabilities @ PAPER.probabilities[0]
    np.testing.assert_allclose(borexino.flavours(PAPER, 1e9), vacuum, rtol=1e-9)
    assert borexino.flavours(Mixing(0.3, 0.5, 0.0, 0.0), 1e-12)[0] == pytest.approx(0.3, rel=1e-6)
    with pytest.raises(PhysicsDomainError, match=r"delta_m2_21_ev2: 0\.0 is not allowed"):
        borexino.flavours(PAPER, 0.0)


@pytest.mark.parametrize("ordering", ["normal", "inverted"])
def test_the_term_has_the_mixing_of_its_analysis(ordering: str) -> None:
    """The ordering and a splitting of the user reach the rate: that of the reference for nufit6.0."""
    at = {"log10_m_zprime_mev": 1.0, "log10_g_prime": math.log10(5e-4)}
    base = ["model.ordering=" + ordering, *(f"constraints.{n}.form=off" for n in ("muon_g2", "neff", "sn1987a"))]
    (row,) = (
        r for r in REFERENCE["borexino"] if (r["mixing"], r["m_mev"], r["g_prime"]) == (f"nufit_{ordering}", 10.0, 5e-4)
    )
    rates = []
    for settings in (base, [*base, "model.delta_m2_21_ev2=6e-5"]):
        analysis = nuinfer.load("hese7", settings)
        theta = analysis.prior_transform(np.full(len(analysis.parameter_names), 0.5))
        for name, value in at.items():
            theta[analysis.parameter_names.index(name)] = value
        rates.append(float(analysis.observables(theta)["borexino"]))
    assert rates[0] == pytest.approx(47.9 * row["ratio"], rel=1e-5)
    assert abs(rates[1] / rates[0] - 1.0) > 1e-5


@pytest.mark.parametrize("row", REFERENCE["borexino"])
def test_borexino_rate_is_the_brute_force_one(row: dict[str, Any]) -> None:
    """mpmath integrates the cross-section with the Z' in place and the mixing at the momentum of every recoil.

    The package takes the mixing at -1 MeV^2: 2e-6, seen twice in g'^4.
    """
    oscillation = MIXINGS[row["mixing"]], SPLITTING[row["mixing"]]
    got = borexino.rate_ratio(row["m_mev"], row["g_prime"], *oscillation)
    assert got == pytest.approx(row["ratio"], rel=1e-5)
    if row["mixing"] == "nufit_normal":
        assert borexino.rate_ratio(row["m_mev"], row["g_prime"]) == got


def test_borexino_of_a_heavy_mediator_is_a_shift_of_the_vector_coupling() -> None:
    """g_L and g_R move alike by Q g' g_e/(2 sqrt2 G_F m^2): the rate with shifted couplings, on its own grid."""
    mass, coupling = 300.0, 0.05
    electron = ELECTRIC_CHARGE * float(borexino.kinetic_mixing(coupling))
    shift = coupling * electron / (2.0 * math.sqrt(2.0) * G_FERMI_GEV2 * 1e-6 * mass**2)
    recoil = np.linspace(0.270, 2.0 * 0.862**2 / (0.51099895 + 2.0 * 0.862), 20001)

    def rate(shift: float) -> float:
        total = np.zeros_like(recoil)
        for p, weak, q in zip(REFERENCE["flavours"][0]["two"], (0.5, -0.5, -0.5), (0.0, 1.0, -1.0), strict=True):
            left, right = weak + 0.2387 + q * shift, 0.2387 + q * shift
            y = recoil / 0.862
            total += p * (left**2 + right**2 * (1.0 - y) ** 2 - left * right * 0.51099895 * y / 0.862)
        return float(np.trapezoid(total, recoil))

    # the propagator is 1/m^2 up to 2 m_e T/m^2 = 7e-6
    assert borexino.rate_ratio(mass, coupling) - 1.0 == pytest.approx(rate(shift) / rate(0.0) - 1.0, rel=2e-5)


def test_borexino_signs() -> None:
    """eps < 0 and Q = 1: g_V of nu_mu, -1/2 + 2 s^2 < 0, grows in size, that of nu_tau shrinks: the more frequent wins.

    nu_tau prevail in NuFIT 6.0, theta_23 being in the first octant or not far in the second; nu_mu in the paper's.
    """
    for mixing, sign in ((None, -1.0), (NUFIT60_INVERTED, -1.0), (PAPER, 1.0)):
        b, c = borexino.rate_coefficients([0.1, 1.0, 10.0, 100.0], mixing)
        assert np.all(sign * b > 0.0)
        assert np.all(c > 0.0)
        _, muon, tau = borexino.flavours(mixing or NUFIT60_NORMAL)
        assert sign * (muon - tau) > 0.0


@pytest.mark.parametrize("row", REFERENCE["trident"])
def test_trident_rate_is_that_of_the_full_phase_space(row: dict[str, float]) -> None:
    """Quasi-Monte Carlo with four-vectors; its error is 0.1 to 0.3 % of what the Z' adds."""
    got = trident.rate_ratio(row["m_mev"], row["g_prime"], row["beam"])
    assert got - 1.0 == pytest.approx(row["ratio"] - 1.0, rel=0.004)


@pytest.mark.parametrize(("beam", "vector_over_axial"), [("ccfr", 0.9125), ("charm2", 0.7919)])
def test_trident_of_a_heavy_mediator(beam: str, vector_over_axial: float) -> None:
    """Beyond the momentum transfer the Z' shifts g_V by v^2 g'^2/m^2 (arXiv:1406.2332, eq. 5, with V/A = 1 there).

    The ratio of the vector and the axial rate is printed by the generator of the table and, independently, by that of
    the reference.
    """
    sin2, v2 = 0.2387, 1.0 / (math.sqrt(2.0) * G_FERMI_GEV2)  # GeV^2
    mass_gev, coupling = 100.0, 0.3

    def rate(ratio: float) -> float:
        shifted = 1.0 + 4.0 * sin2 + 2.0 * v2 * coupling**2 / mass_gev**2
        return (1.0 + ratio * shifted**2) / (1.0 + ratio * (1.0 + 4.0 * sin2) ** 2)

    got = float(trident.rate_ratio(1e3 * mass_gev, coupling, beam))
    assert got == pytest.approx(rate(vector_over_axial), rel=1e-3)
    assert got == pytest.approx(rate(1.0), rel=0.03)


def test_published_trident_limit() -> None:
    """arXiv:1406.2332, Fig. 3: CCFR excludes g' above about 1e-3 at 95 % for a few to tens of MeV."""
    term = trident.CONSTRAINT.build("exclusion", "ccfr", LMU_LTAU, BOX)
    assert np.isneginf(term.log_term([5.0, 20.0], 1.3e-3)).all()
    assert (term.log_term([5.0, 20.0], 7e-4) == 0.0).all()


def test_published_borexino_limits() -> None:
    """The recipe (arXiv:1504.00711) and the rate agree within 30 %, the error of the prediction included."""
    mass = np.geomspace(1.0, 50.0, 7)
    b, c = borexino.rate_coefficients(mass)
    excess = (48.3 + 1.645 * math.hypot(1.1, 0.55, 2.8)) / 47.9 - 1.0
    limit = np.sqrt((-b + np.sqrt(b**2 + 4.0 * c * excess)) / (2.0 * c))
    np.testing.assert_allclose(limit / borexino.paper_limit(mass), 1.2, atol=0.1)


def test_the_rates_are_exactly_quadratic() -> None:
    for module in (borexino, trident):
        b, c = module.rate_coefficients(7.0)
        g2 = np.array([1e-9, 1e-7, 1e-5])
        np.testing.assert_allclose(module.rate_ratio(7.0, np.sqrt(g2)), 1.0 + b * g2 + c * g2**2, rtol=1e-12)
        assert module.rate_ratio(7.0, 0.0) == 1.0


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3)])
def test_broadcast_and_loop(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    m, g = 10.0 ** rng.uniform(-1.0, 2.0, shape), 10.0 ** rng.uniform(-6.0, -2.0, shape)
    for function in (borexino.rate_ratio, trident.rate_ratio, lambda a, b: trident.rate_ratio(a, b, "charm2")):
        whole = np.asarray(function(m, g))
        assert whole.shape == shape
        loop = [float(np.asarray(function(float(a), float(b)))) for a, b in zip(m.flat, g.flat, strict=True)]
        np.testing.assert_allclose(whole.ravel(), loop, rtol=1e-12)
        assert np.asarray(function(m[..., None], np.array([1e-5, 1e-4]))).shape == (*shape, 2)


def test_outside_their_range_they_refuse() -> None:
    for bad in (0.0, -1.0):
        with pytest.raises(PhysicsDomainError, match="m_zprime_mev"):
            borexino.rate_ratio(bad, 1e-4)
    with pytest.raises(PhysicsDomainError, match="m_zprime_mev"):
        trident.rate_ratio(1e-3, 1e-4)
    with pytest.raises(ConfigError, match="beam: 'minos' is none of ccfr, charm2"):
        trident.rate_ratio(1.0, 1e-4, "minos")
    with pytest.raises(ConfigError, match=r"constraints.trident: the range of m_zprime_mev, \[0.001, 50\]"):
        trident.CONSTRAINT.build("exclusion", "ccfr", LMU_LTAU, (1e-3, 50.0))


@pytest.mark.parametrize(
    ("identifier", "mean", "sigma"),
    [("phase2", 48.3, math.hypot(1.1, 0.55, 2.8)), ("phase1", 46.0, math.hypot(1.5, 1.55, 2.7))],
)
def test_borexino_is_a_gaussian_in_the_rate(identifier: str, mean: float, sigma: float) -> None:
    """Sources in borexino.toml; statistical, systematic and theory error in quadrature."""
    term = borexino.CONSTRAINT.build("two_sided", identifier, LMU_LTAU, BOX)
    assert (term.measurement.mean, term.measurement.sigma) == pytest.approx((mean, sigma), rel=1e-12)
    rate = term.standard_model * borexino.rate_ratio(10.0, 7e-4)
    peak = -math.log(term.measurement.sigma * math.sqrt(2.0 * math.pi))
    expected = peak - 0.5 * ((rate - mean) / sigma) ** 2
    assert term.log_term(10.0, 7e-4) == pytest.approx(expected, rel=1e-12)
    assert borexino.CONSTRAINT.build("one_sided", identifier, LMU_LTAU, BOX).log_term(10.0, 7e-4) == term.log_term(
        10.0, 7e-4
    )
    assert borexino.CONSTRAINT.build("exclusion", identifier, LMU_LTAU, BOX).log_term(10.0, 7e-4) == -math.inf


def test_charges_scale_the_coupling() -> None:
    double = borexino.CONSTRAINT.build("two_sided", "phase2", (0.0, 2.0, -2.0), BOX)
    single = borexino.CONSTRAINT.build("two_sided", "phase2", LMU_LTAU, BOX)
    assert double.log_term(10.0, 2e-4) == pytest.approx(float(single.log_term(10.0, 4e-4)), rel=1e-12)
    with pytest.raises(ConfigError, match=r"constraints.borexino: model.charges"):
        borexino.CONSTRAINT.build("two_sided", "phase2", (1.0, 1.0, 1.0), BOX)
    with pytest.raises(ConfigError, match="measurement 'bauer2018' is a limit, so the form can only be 'exclusion'"):
        borexino.CONSTRAINT.build("two_sided", "bauer2018", LMU_LTAU, BOX)
    muons = trident.CONSTRAINT.build("two_sided", "ccfr", (1.0, 2.0, 1.0), BOX)
    assert muons.predict(10.0, 2e-4) == pytest.approx(float(trident.rate_ratio(10.0, 4e-4)), rel=1e-12)
