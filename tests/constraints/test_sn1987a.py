"""SN1987A: the width factor with Pauli blocking, mean free path and diffusion time."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.optimize import brentq
from scipy.special import k1e, kve

from nuinfer.constraints import sn1987a
from nuinfer.errors import ConfigError, PhysicsDomainError

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "constraints.json").read_text())
LMU_LTAU = (0.0, 1.0, -1.0)


@pytest.mark.parametrize("row", REFERENCE["sn1987a_width"], ids=lambda row: f"{row['m_over_t']:g}")
def test_width_factor_equals_a_double_integral(row: dict[str, float]) -> None:
    # Independent computation (tests/reference/make_constraints.py), 20 digits, no analytic step.
    assert float(sn1987a.width_factor(row["m_over_t"])) == pytest.approx(row["width_factor"], rel=1e-9)


@pytest.mark.parametrize("ratio", [0.037, 0.7, 2.3, 17.0])
def test_width_factor_equals_adaptive_quadrature_between_the_nodes(ratio: float) -> None:
    def weight(c: float, k: float) -> float:
        energy = math.hypot(k, ratio)
        free = (1.0 + math.exp(-(energy + k * c) / 2.0)) * (1.0 + math.exp(-(energy - k * c) / 2.0))
        return k**2 * math.exp(-energy) / -math.expm1(-energy) * ratio / energy / free

    def number(_: float, k: float) -> float:
        energy = math.hypot(k, ratio)
        return k**2 * math.exp(-energy) / -math.expm1(-energy)

    cuts = [0.0, ratio, 2.0 + ratio, 8.0 + 3.0 * ratio, 60.0 + 6.0 * ratio]
    parts = [
        sum(dblquad(h, a, b, 0.0, 1.0, epsrel=1e-10, epsabs=0.0)[0] for a, b in itertools.pairwise(cuts))
        for h in (weight, number)
    ]
    assert float(sn1987a.width_factor(ratio)) == pytest.approx(parts[0] / parts[1], rel=1e-8)


def test_published_width_factors() -> None:
    # With blocking 0.2133, without 0.3878 (four digits); m/T is 4.7 times too large at 1 and 3.5 times at small m/T.
    at_one = next(row for row in REFERENCE["sn1987a_width"] if row["m_over_t"] == 1.0)
    assert at_one["without_blocking"] == pytest.approx(0.3878, abs=5e-5)
    assert float(sn1987a.width_factor(1.0)) == pytest.approx(0.2133, abs=5e-5)
    too_large = np.array([1.0, 1e-3]) / sn1987a.width_factor([1.0, 1e-3])
    np.testing.assert_allclose(too_large, [4.7, 3.5], atol=0.05)


def test_limits_of_the_width_factor() -> None:
    ratio = np.array([60.0, 100.0, 300.0])
    # Analytic: blocking and Bose terms fall as exp(-m/2T), leaving the time dilation K1/K2 of a classical gas.
    np.testing.assert_allclose(sn1987a.width_factor(ratio), k1e(ratio) / kve(2, ratio), rtol=1e-9)
    # Linear in m/T for a relativistic Z', and rising everywhere.
    np.testing.assert_allclose(sn1987a.width_factor(2e-4) / sn1987a.width_factor(1e-4), 2.0, rtol=1e-3)
    assert np.all(np.diff(sn1987a.width_factor(np.geomspace(1e-4, 300.0, 3000))) > 0.0)


def test_blocking_lowers_the_width() -> None:
    for row in REFERENCE["sn1987a_width"]:
        assert float(sn1987a.width_factor(row["m_over_t"])) <= row["without_blocking"] * (1.0 + 1e-9)


@pytest.mark.parametrize("row", REFERENCE["sn1987a_time"], ids=lambda row: f"{row['m_mev']:g}MeV")
def test_mean_free_path_and_time_equal_an_independent_computation(row: dict[str, float]) -> None:
    # 1e-9: both sides carry hbar c to ten digits.
    point = row["m_mev"], row["g_prime"], row["t_mev"]
    assert float(sn1987a.mean_free_path_cm(*point)) == pytest.approx(row["mean_free_path_cm"], rel=1e-9)
    assert float(sn1987a.diffusion_time_s(*point, row["r_km"])) == pytest.approx(row["time_s"], rel=1e-9)


def test_published_contour() -> None:
    # tau_diff = 10 s at g' ~ 1e-5 for 5 to 10 MeV; 'about' is taken as a factor 1.6.
    for mass in (5.0, 7.0, 10.0):
        log_g = brentq(lambda x, m=mass: math.log10(float(sn1987a.diffusion_time_s(m, 10.0**x)) / 10.0), -8.0, -2.0)
        assert abs(log_g + 5.0) < 0.2


def test_time_is_quadratic_in_coupling_and_radius() -> None:
    base = float(sn1987a.diffusion_time_s(6.0, 1e-5))
    assert float(sn1987a.diffusion_time_s(6.0, 3e-5, radius_km=20.0)) == pytest.approx(36.0 * base, rel=1e-13)
    assert float(sn1987a.mean_free_path_cm(6.0, 0.0)) == math.inf
    assert float(sn1987a.diffusion_time_s(6.0, 0.0)) == 0.0


def test_one_sided_term_is_log_normal_above_the_burst() -> None:
    term = sn1987a.CONSTRAINT.build("one_sided", "burst_duration", LMU_LTAU, (1.0, 50.0), sigma_dex=0.5)
    peak = -math.log(0.5 * math.sqrt(2.0 * math.pi))
    g = math.sqrt(10.0 / float(sn1987a.diffusion_time_s(8.0, 1.0)))  # tau_diff = 10 s
    terms = term.log_term(8.0, g * np.array([0.0, 0.1, 1.0, 10.0]))
    np.testing.assert_allclose(terms, [peak, peak, peak, peak - 0.5 * (2.0 / 0.5) ** 2], rtol=1e-12)
    assert float(term.log_term_of(term.standard_model)) == peak


def test_exclusion_at_the_duration_of_the_burst() -> None:
    term = sn1987a.CONSTRAINT.build("exclusion", "burst_duration", (0.0, 2.0, -2.0), (1.0, 50.0))
    g = 0.5 * math.sqrt(10.0 / float(sn1987a.diffusion_time_s(8.0, 1.0)))
    np.testing.assert_array_equal(term.log_term(8.0, g * np.array([0.0, 0.999, 1.001])), [0.0, 0.0, -np.inf])


def test_refusals_name_the_field_and_what_is_allowed() -> None:
    with pytest.raises(ConfigError, match="'two_sided' is not allowed, only 'exclusion' and 'one_sided'"):
        sn1987a.CONSTRAINT.build("two_sided", "burst_duration", LMU_LTAU, (1.0, 50.0))
    with pytest.raises(ConfigError, match=r"constraints.sn1987a.sigma_dex: -1.0 must be"):
        sn1987a.CONSTRAINT.build("one_sided", "burst_duration", LMU_LTAU, (1.0, 50.0), sigma_dex=-1.0)
    with pytest.raises(ConfigError, match=r"constraints.sn1987a: the range of m_zprime_mev, \[1, 5000\]"):
        sn1987a.CONSTRAINT.build("one_sided", "burst_duration", LMU_LTAU, (1.0, 5000.0))
    with pytest.raises(PhysicsDomainError, match="m_over_t: 1000 "):
        sn1987a.width_factor(1e3)
    with pytest.raises(PhysicsDomainError, match="temperature_mev: -8 "):
        sn1987a.diffusion_time_s(8.0, 1e-5, -8.0)
