"""Borexino: the loop mixing against quadrature of eq. 3, and the paper's recipe against its arithmetic."""

from __future__ import annotations

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest

from nuinfer.constants import MASS_MUON_MEV, MASS_TAU_MEV
from nuinfer.constraints import borexino
from nuinfer.constraints.base import Form
from nuinfer.errors import ConfigError, PhysicsDomainError

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "constraints.json").read_text())["borexino"]
LMU_LTAU = (0.0, 1.0, -1.0)
ELECTRIC_CHARGE = math.sqrt(4.0 * math.pi / 137.035999084)


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: f"{row['q2_mev2']:g}MeV2")
def test_equals_quadrature_of_the_printed_formula(row: dict[str, float]) -> None:
    # Independent computation (tests/reference/make_constraints.py); far above the muon mass the two loops cancel.
    assert float(borexino.kinetic_mixing(1.0, row["q2_mev2"])) == pytest.approx(row["mixing"], rel=1e-11)


@pytest.mark.parametrize("q2", [-3.1e6, -3.2e6, -1e9, -1e12, -1e18, -1e24])
def test_nothing_cancels_far_above_the_masses(q2: float) -> None:
    # eq. 3 with the ratio of both logarithms as one, which falls as 1/q^2; mpmath, a hundred digits.
    with mpmath.workdps(100):
        heavy, light = mpmath.mpf(MASS_TAU_MEV) ** 2, mpmath.mpf(MASS_MUON_MEV) ** 2

        def integrand(x: mpmath.mpf) -> mpmath.mpf:
            return x * (1 - x) * mpmath.log1p((heavy - light) / (light - x * (1 - x) * q2))

        edges = [0, *(10.0**k for k in range(-24, 0)), 0.5]
        expected = -ELECTRIC_CHARGE / (2.0 * mpmath.pi**2) * 2 * mpmath.quad(integrand, edges)
    assert float(borexino.kinetic_mixing(1.0, q2)) == pytest.approx(float(expected), rel=1e-13)


def test_published_mixing() -> None:
    # eps/g' = -1/69.29 at q^2 = -1 MeV^2 (four digits given), linear in g'.
    assert 1.0 / float(borexino.kinetic_mixing(1.0)) == pytest.approx(-69.29, abs=0.005)
    assert float(borexino.kinetic_mixing(2e-4)) == pytest.approx(2e-4 * float(borexino.kinetic_mixing(1.0)), rel=1e-15)


def test_momentum_transfer_does_not_matter_below_the_muon_mass() -> None:
    # The paper's remark, Sec. II; the leading correction is q^2/(10 m_mu^2) of 1/... : 1e-3 at 30 MeV.
    assert float(borexino.kinetic_mixing(1.0, -900.0)) == pytest.approx(float(borexino.kinetic_mixing(1.0)), rel=4e-3)


def test_series_and_closed_form_of_the_loop_join() -> None:
    # At |q^2| = m_mu^2 the muon loop changes from its series to its closed form.
    m2 = 105.6583755**2
    for sign in (-1.0, 1.0):
        inside, outside = borexino.kinetic_mixing(1.0, sign * m2 * np.array([1.0 - 1e-12, 1.0 + 1e-12]))
        assert inside == pytest.approx(outside, rel=1e-11)


def test_mixing_above_the_dimuon_threshold_is_refused() -> None:
    with pytest.raises(PhysicsDomainError, match="q2_mev2: 50000 "):
        borexino.kinetic_mixing(1.0, 5e4)


def test_the_recipe_at_points_of_the_published_curve() -> None:
    # Published B-L limits (arXiv:1803.05466) and the recipe by hand: sqrt(g'^2 e/69.286...) = g_BL (1/0.66)^(1/4).
    row = next(row for row in REFERENCE if row["q2_mev2"] == -1.0)
    scale = (1.0 / 0.66) ** 0.25 / math.sqrt(abs(row["mixing"]) * ELECTRIC_CHARGE)
    masses, g_bl = np.array([0.22756, 1.0, 9.0, 107.9]), np.array([1.7449e-06, np.nan, np.nan, 2.4999e-4])
    for k, (m0, g0, m1, g1) in (
        (1, (0.96628, 2.7066e-6, 1.1286, 2.9919e-6)),
        (2, (8.9954, 2.0323e-5, 10.21, 2.2992e-5)),
    ):
        g_bl[k] = g0 * (g1 / g0) ** (math.log(masses[k] / m0) / math.log(m1 / m0))
    np.testing.assert_allclose(borexino.paper_limit(masses), scale * g_bl, rtol=1e-12)


def test_flat_below_the_first_point_and_refused_above_the_last() -> None:
    assert float(borexino.paper_limit(1e-3)) == float(borexino.paper_limit(0.22756))
    with pytest.raises(PhysicsDomainError, match="m_zprime_mev: 108 "):
        borexino.paper_limit([1.0, 108.0])
    with pytest.raises(PhysicsDomainError, match="m_zprime_mev: 0 "):
        borexino.paper_limit(0.0)


def test_stronger_than_the_2001_moment_below_10_mev() -> None:
    # The paper, Sec. II: 'more stringent than (g-2) for m_Z' below 10 MeV'; with this curve the two meet near 15 MeV.
    assert np.all(borexino.paper_limit(np.linspace(0.5, 10.0, 50)) < 5.8e-4)


def test_excludes_above_the_limit_whatever_the_sign_of_the_charges() -> None:
    limit = float(borexino.paper_limit(10.0))
    term = borexino.CONSTRAINT.build("exclusion", "bauer2018", LMU_LTAU, (1.0, 50.0))
    np.testing.assert_array_equal(term.log_term(10.0, limit * np.array([0.0, 0.999, 1.001])), [0.0, 0.0, -np.inf])
    double = borexino.CONSTRAINT.build("exclusion", "bauer2018", (0.0, -2.0, 2.0), (1.0, 50.0))
    np.testing.assert_array_equal(double.log_term(10.0, limit * np.array([0.499, 0.501])), [0.0, -np.inf])


@pytest.mark.parametrize("form", ["one_sided", "two_sided"])
def test_other_forms_are_refused(form: Form) -> None:
    with pytest.raises(ConfigError, match="measurement 'bauer2018' is a limit, so the form can only be 'exclusion'"):
        borexino.CONSTRAINT.build(form, "bauer2018", LMU_LTAU, (1.0, 50.0))


def test_masses_beyond_the_table_are_refused_when_built() -> None:
    with pytest.raises(ConfigError, match=r"constraints.borexino: the range of m_zprime_mev, \[1, 200\]"):
        borexino.CONSTRAINT.build("exclusion", "bauer2018", LMU_LTAU, (1.0, 200.0))
