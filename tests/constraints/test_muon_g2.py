"""Muon g-2: against quadrature of the paper's eq. 2, analytic limits and published numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from nuinfer.constants import MASS_MUON_MEV
from nuinfer.constraints import muon_g2
from nuinfer.errors import ConfigError, PhysicsDomainError

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "constraints.json").read_text())["muon_g2"]
LMU_LTAU = (0.0, 1.0, -1.0)


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: f"{row['m_mev']:g}MeV")
def test_equals_quadrature_of_the_printed_formula(row: dict[str, float]) -> None:
    # Independent computation (tests/reference/make_constraints.py). The closed form cancels most near 334 MeV,
    # where it loses four of its sixteen digits.
    assert float(muon_g2.delta_a_mu(row["m_mev"], 1.0)) == pytest.approx(row["delta_a_mu"], rel=5e-12)


def test_light_and_heavy_limits() -> None:
    # Analytic limits g'^2/(8 pi^2) and g'^2 m_mu^2/(12 pi^2 m^2); corrections are of order m/m_mu and (m_mu/m)^2 log.
    g = 3e-4
    assert float(muon_g2.delta_a_mu(1e-6, g)) == pytest.approx(g**2 / (8.0 * math.pi**2), rel=1e-7)
    heavy = g**2 * MASS_MUON_MEV**2 / (12.0 * math.pi**2 * 1e7**2)
    assert float(muon_g2.delta_a_mu(1e7, g)) == pytest.approx(heavy, rel=1e-8)


def test_continuous_where_the_two_closed_forms_meet_and_at_the_dimuon_threshold() -> None:
    for mass in (2.0 * MASS_MUON_MEV, math.sqrt(10.0) * MASS_MUON_MEV):
        # The function changes by 1e-8 x (-2 .. 0) over this step; the forms must not add a jump to it.
        below, above = muon_g2.delta_a_mu([mass * (1.0 - 5e-9), mass * (1.0 + 5e-9)], 1.0)
        assert -2e-8 < above / below - 1.0 < 0.0


def test_decreases_with_mass() -> None:
    values = muon_g2.delta_a_mu(np.geomspace(1e-3, 1e5, 4001), 1.0)
    assert np.all(np.diff(values) < 0.0)


def test_coupling_that_saturates_the_2001_value() -> None:
    # Evaluating eq. 2: 5.8e-4 (massless) to 6.6e-4 (10 MeV), where the paper prints 5e-4. One unit in the last digit.
    saturating = np.sqrt(42.6e-10 / muon_g2.delta_a_mu([1e-3, 10.0], 1.0))
    np.testing.assert_allclose(saturating, [5.8e-4, 6.6e-4], atol=0.05e-4)
    # The printed 5e-4 belongs to 28.8e-10, for a Z' near 3.5 MeV.
    assert float(muon_g2.delta_a_mu(3.5, 5e-4)) == pytest.approx(28.8e-10, abs=0.3e-10)


@pytest.mark.parametrize("mass", [0.0, -1.0])
def test_a_mass_that_is_not_positive_is_refused(mass: float) -> None:
    with pytest.raises(PhysicsDomainError, match=f"m_zprime_mev: {mass:g} "):
        muon_g2.delta_a_mu(mass, 1e-4)


@pytest.mark.parametrize(
    ("name", "mean", "sigma"),
    [("bnl2001", 42.6, 16.5), ("wp2020_fnal2021", 25.1, 5.9), ("fnal2023", 24.9, 4.8), ("wp2025", 3.8, 6.3)],
)
def test_published_measurements(name: str, mean: float, sigma: float) -> None:
    term = muon_g2.CONSTRAINT.build("two_sided", name, LMU_LTAU, (1.0, 50.0))
    assert (term.measurement.mean, term.measurement.sigma) == (mean, sigma)
    expected = -0.5 * (mean / sigma) ** 2 - math.log(sigma * math.sqrt(2.0 * math.pi))
    assert float(term.log_term(10.0, 0.0)) == pytest.approx(expected, rel=1e-14)
    assert float(term.log_term_of(term.standard_model)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("name", "measured", "predicted"),
    [
        ("fnal2023", (116592059.0, 22.0), (116591810.0, 43.0)),
        ("wp2025", (116592071.5, 14.5), (116592033.0, 62.0)),  # the final average; with runs 1 to 3 it would be 2.6
    ],
)
def test_they_are_the_world_average_less_the_prediction(
    name: str, measured: tuple[float, float], predicted: tuple[float, float]
) -> None:
    """arXiv:2308.06230, 2506.03069 against arXiv:2006.04822, 2505.21476, to the digit that is printed."""
    term = muon_g2.CONSTRAINT.build("two_sided", name, LMU_LTAU, (1.0, 50.0))
    mean, sigma = (measured[0] - predicted[0]) / 10.0, math.hypot(measured[1], predicted[1]) / 10.0
    assert term.measurement.gaussian == pytest.approx((mean, sigma), abs=0.1)


def test_scales_with_the_muon_charge_squared() -> None:
    unit = muon_g2.CONSTRAINT.build("two_sided", "wp2025", LMU_LTAU, (1.0, 50.0))
    triple = muon_g2.CONSTRAINT.build("two_sided", "wp2025", (1.0, -3.0, 5.0), (1.0, 50.0))
    none = muon_g2.CONSTRAINT.build("two_sided", "wp2025", (1.0, 0.0, -1.0), (1.0, 50.0))
    m, g = np.array(7.0), np.array(3e-4)
    assert float(triple.predict(m, g)) == pytest.approx(9.0 * float(unit.predict(m, g)), rel=1e-14)
    assert float(unit.predict(m, g)) == pytest.approx(1e10 * float(muon_g2.delta_a_mu(7.0, 3e-4)), rel=1e-14)
    assert float(none.predict(m, g)) == 0.0


def test_the_papers_exclusion_and_one_at_a_confidence_level() -> None:
    paper = muon_g2.CONSTRAINT.build("exclusion", "bnl2001", LMU_LTAU, (1.0, 50.0), limit=42.6)
    np.testing.assert_array_equal(paper.log_term([10.0, 10.0], [6.5e-4, 6.6e-4]), [0.0, -np.inf])
    assert muon_g2.CONSTRAINT.build("exclusion", "wp2025", LMU_LTAU, (1.0, 50.0)).limit == pytest.approx(
        3.8 + 1.6448536 * 6.3
    )


def test_unknown_measurement_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"constraints.muon_g2.measurement: 'fnal2031' is unknown; known: bnl2001, "):
        muon_g2.CONSTRAINT.build("two_sided", "fnal2031", LMU_LTAU, (1.0, 50.0))
