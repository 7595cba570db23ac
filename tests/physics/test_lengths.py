"""The lengths that decide the regime of coherence, against the numbers quoted for them."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.absorption import optical_depth, resonance_redshift
from nuinfer.physics.cosmology import PAPER, PLANCK18
from nuinfer.physics.mediator import LMU_LTAU
from nuinfer.physics.quoted.lengths import (
    coherence_length_pc,
    coherence_regime,
    crossing_length_pc,
    oscillation_length_pc,
    pion_decay_size_cm,
    surviving_interference,
    thermal_smearing_length_pc,
)


def test_oscillation_length():
    """Sec. III: 8e-8 pc (E/PeV)(eV^2/dm^2), printed to one digit; 1.1e-3 pc at 1 PeV, solar; SI by hand."""
    assert oscillation_length_pc(1e6, 1.0) == pytest.approx(8e-8, rel=0.02)
    assert oscillation_length_pc(1e6, 7.5e-5) == pytest.approx(1.1e-3, rel=0.03)
    joule, hbar, c, parsec = 1.602176634e-19, 1.054571817e-34, 299792458.0, 3.0856775814913673e16
    by_hand = 4 * math.pi * (1e15 * joule) * hbar * c / (7.5e-5 * joule**2) / parsec
    assert oscillation_length_pc(1e6, -7.5e-5) == pytest.approx(by_hand, rel=1e-9)
    assert oscillation_length_pc(1e6, 0.0) == math.inf


def test_coherence_length():
    """Eq. 4: sigma_x 2.7e-5 cm and 111 Gpc (print: 100) at 1 PeV and 1e-3 eV^2; it grows as E with a pion's size."""
    assert pion_decay_size_cm(1e6) == pytest.approx(2.7e-5, rel=0.01)
    assert coherence_length_pc(1e6, 1e-3) == pytest.approx(111e9, rel=5e-3)
    assert coherence_length_pc(1e6, 1e-3, 2.7e-5) == pytest.approx(
        4 * math.pi * 1e33 * 2.7e-5 / 3.0856775814913673e18, rel=1e-12
    )
    assert coherence_length_pc(2e6, 1e-3) == pytest.approx(2 * coherence_length_pc(1e6, 1e-3), rel=1e-12)


def test_crossing_length():
    """6.4 pc at g' = 1.7e-4, in the paper's cosmology where its example crosses; by integrating dl = c dz/((1+z) H)."""
    z = float(resonance_redshift(600e3, 8.0, 0.05))
    width = float(LMU_LTAU.width_over_mass(1.7e-4))
    assert crossing_length_pc(width, z, PAPER) == pytest.approx(6.4, abs=0.05)
    assert crossing_length_pc(width, 0.0, PAPER) == pytest.approx(6.7, abs=0.05)
    h0 = 0.69 * 1e7 / 3.0856775814913673e24
    with mpmath.workdps(30):
        # The half maxima of the line lie at (1 + z)(1 -+ Gamma/m)
        path = mpmath.quad(
            lambda x: 1 / (x * mpmath.sqrt(0.32 * x**3 + 0.68)),
            [(1 + z) * (1 - mpmath.mpf(width)), (1 + z) * (1 + mpmath.mpf(width))],
        )
    by_hand = float(path) * 2.99792458e10 / h0 / 3.0856775814913673e18
    assert crossing_length_pc(width, z, PAPER) == pytest.approx(by_hand, rel=1e-8)


def test_where_crossing_meets_oscillation():
    """Crossing length and depth go as g'^2: they meet the oscillation length near g' = 2e-6, where tau is 2e-4."""
    z, g = 1 / 15, 1.7e-4
    ratio = crossing_length_pc(LMU_LTAU.width_over_mass(g), z, PAPER) / oscillation_length_pc(1e6, 7.5e-5)
    meeting = g / math.sqrt(ratio)
    assert meeting == pytest.approx(2.2e-6, rel=0.02)
    assert optical_depth(z, 8.0, meeting, PAPER) == pytest.approx(1.7e-4, rel=0.05)


def test_thermal_smearing():
    """1 % at 0.05 eV, 26 % (1+z) at 0.002 eV (twice that for the full width); mean momentum 3.151 T by quadrature."""
    mean = mpmath.quad(lambda p: p**3 / (mpmath.exp(p) + 1), [0, mpmath.inf]) / mpmath.quad(
        lambda p: p**2 / (mpmath.exp(p) + 1), [0, mpmath.inf]
    )
    for mass, z, relative in ((0.05, 0.0, 0.0106), (0.002, 0.0, 0.264), (0.002, 1.0, 0.53)):
        p = float(mean) * PLANCK18.t_nu0_ev * (1 + z)
        assert p / mass == pytest.approx(relative, rel=0.01)
        omega = math.hypot(p, mass)
        expected = math.log((omega + p) / (omega - p)) * crossing_length_pc(0.5, z, PLANCK18)
        assert thermal_smearing_length_pc(mass, z, PLANCK18) == pytest.approx(expected, rel=1e-10)
    assert thermal_smearing_length_pc(0.0, 0.0, PLANCK18) == math.inf


def test_regimes():
    """At rest by the natural width; targets in motion leave no coherence at any coupling."""
    widths = LMU_LTAU.width_over_mass([1e-8, 1e-6, 1.7e-4])
    assert coherence_regime(6e5, 1 / 15, widths, 7.5e-5, PAPER).tolist() == ["coherent", "intermediate", "decoherent"]
    moving = coherence_regime(6e5, 1 / 15, widths[:, None], [7.5e-5, 2.4e-3], PAPER, m_nu_ev=0.08)
    assert moving.shape == (3, 2)
    assert np.all(moving == "decoherent")
    np.testing.assert_allclose(surviving_interference([0.0, 1.0], [1.0, 2 * math.pi]), [1, math.exp(-1)], rtol=1e-14)


def test_batches_equal_their_loop():
    a, b = np.geomspace(1e4, 1e7, 4)[:, None], np.array([1e-5, 1e-3, 2.5e-3])
    z = np.array([0.0, 0.5, 4.0])
    for batch, single in (
        (oscillation_length_pc(a, b), oscillation_length_pc),
        (coherence_length_pc(a, b), coherence_length_pc),
        (crossing_length_pc(a * 1e-15, z, PAPER), None),
        (thermal_smearing_length_pc(a * 1e-8, z, PAPER), None),
    ):
        assert batch.shape == (4, 3)
        if single is not None:
            loop = [[single(x, y) for y in b] for x in a[:, 0]]
            np.testing.assert_allclose(batch, loop, rtol=1e-12)
    loop = [[thermal_smearing_length_pc(x * 1e-8, y, PAPER) for y in z] for x in a[:, 0]]
    np.testing.assert_allclose(thermal_smearing_length_pc(a * 1e-8, z, PAPER), loop, rtol=1e-12)
    loop = [[crossing_length_pc(x * 1e-15, y, PAPER) for y in z] for x in a[:, 0]]
    np.testing.assert_allclose(crossing_length_pc(a * 1e-15, z, PAPER), loop, rtol=1e-12)
    regimes = coherence_regime(a, z, 1e-16, 1e-3, PAPER)
    assert regimes.tolist() == [[str(coherence_regime(x, y, 1e-16, 1e-3, PAPER)) for y in z] for x in a[:, 0]]


@pytest.mark.parametrize("call", [
    lambda: oscillation_length_pc(-1.0, 1e-3),
    lambda: coherence_length_pc(1e6, 1e-3, 0.0),
    lambda: crossing_length_pc(-1e-9, 0.0, PAPER),
    lambda: thermal_smearing_length_pc(-0.1, 0.0, PAPER),
])  # fmt: skip
def test_refusals(call):
    with pytest.raises(PhysicsDomainError, match=r"is not allowed"):
        call()
