"""Delta N_eff of the paper: its numbers, an independent solution at 30 digits, limits, and the error of the table."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.optimize import brentq

from nuinfer.constraints import neff
from nuinfer.errors import ConfigError, PhysicsDomainError

HERE = Path(__file__).parents[1]
REFERENCE = json.loads((HERE / "reference" / "constraints.json").read_text())["neff"]
LMU_LTAU = (0.0, 1.0, -1.0)


def maker() -> ModuleType:
    import sys

    name = "make_constraint_tables"
    spec = importlib.util.spec_from_file_location(name, HERE.parent / "data" / "constraints" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: f"{row['m_mev']:g}MeV-{row['t_dec_mev']:g}MeV-{row['case']}")
def test_equals_an_independent_solution(row: dict[str, float]) -> None:
    # mpmath on eqs. 27-35 (tests/reference/make_constraints.py), stopped at T_gamma = 0.1 MeV as printed also for
    # other decoupling temperatures: there m_Z' is large enough that the stopping point does not matter.
    value = float(neff.delta_neff_paper(row["m_mev"], row["t_dec_mev"], row["case"]))
    assert value == pytest.approx(row["delta_neff"], rel=1e-9, abs=0.0)


@pytest.mark.parametrize(
    ("case", "target", "mass"), [("entropy", 0.7, 5.25), ("number", 0.7, 5.28), ("entropy", 0.1, 9.76)]
)
def test_published_masses(case: neff.Case, target: float, mass: float) -> None:
    # The paper prints 5.3 and 10 MeV; the three digits are the exact evaluation of its formulas.
    found = brentq(lambda m: float(neff.delta_neff_paper(m, case=case)) - target, 4.0, 12.0)
    assert found == pytest.approx(mass, abs=0.006)


@pytest.mark.parametrize("case", ["entropy", "number"])
def test_function_of_mass_over_decoupling_temperature(case: neff.Case) -> None:
    mass = np.geomspace(0.05, 100.0, 50)
    scaled = neff.delta_neff_paper(mass * 4.0, 6.0, case)
    np.testing.assert_allclose(scaled, neff.delta_neff_paper(mass, 1.5, case), rtol=1e-12, atol=1e-15)


def test_linear_response_of_a_heavy_boson() -> None:
    # Analytic: 2 (4/3) s_Z'/s_nu with one term of the Boltzmann series of s_Z' = 3 m^3 K_3(m/T)/(2 pi^2);
    # corrections are the square of the result.
    from scipy.special import kn

    u = 40.0 / 1.5
    s_nu = 4.0 * (4.0 / 3.0) * 7.0 * math.pi**2 / 240.0
    expected = 8.0 / 3.0 * 3.0 * u**3 * float(kn(3, u)) / (2.0 * math.pi**2) / s_nu
    for case in ("entropy", "number"):
        assert float(neff.delta_neff_paper(40.0, case=case)) == pytest.approx(expected, rel=1e-7)


def test_complete_transfer_bounds_the_entropy_case_and_it_is_not_monotone() -> None:
    # All entropy of a relativistic Z' given to the neutrinos: 2 [(1 + 3/(4 x 7/8))^(4/3) - 1] = 2.566.
    mass = np.geomspace(0.02, 10.0, 300)
    value = neff.delta_neff_paper(mass)
    top = int(np.argmax(value))
    assert 0.5 < mass[top] < 3.0
    assert value[top] < 2.0 * ((6.5 / 3.5) ** (4.0 / 3.0) - 1.0)
    assert value[0] < 0.05  # a Z' that stays relativistic heats nobody, and its own energy is left out


@pytest.mark.parametrize("case", ["entropy", "number"])
def test_interpolation_error_is_below_1e_8(case: neff.Case) -> None:
    # The generator's own quadrature between the nodes: this is the error of the spline alone.
    tables = maker()
    rng = np.random.default_rng(11)
    u = np.sort(np.exp(rng.uniform(math.log(0.0101), math.log(299.0), 25)))
    columns = tables.neff_columns(tables.Momenta.spaced(0.04), u)
    exact = columns[:, 0 if case == "entropy" else 1] * (1.0 + u) ** 2.5 * np.exp(-u)
    np.testing.assert_allclose(neff.delta_neff_paper(u, 1.0, case), exact, rtol=1e-8, atol=1e-10)


def test_auto_chooses_by_the_coupling() -> None:
    mass, g = np.array([2.0, 2.0, 2.0]), np.array([0.99e-5, 1e-5, 1e-3])
    number, entropy = (float(neff.delta_neff_paper(2.0, case=case)) for case in ("number", "entropy"))
    np.testing.assert_array_equal(neff.delta_neff_paper(mass, case="auto", g_prime=g), [number, entropy, entropy])
    term = neff.CONSTRAINT.build("two_sided", "planck2018", (0.0, 3.0, -3.0), (1.0, 50.0), model="paper")
    np.testing.assert_array_equal(term.predict(mass, g / 3.0), 3.044 + np.array([number, entropy, entropy]))


def test_domain_and_options_are_refused_by_name() -> None:
    with pytest.raises(PhysicsDomainError, match=r"m_over_t_dec: 0.001 "):
        neff.delta_neff_paper(0.0015)
    with pytest.raises(PhysicsDomainError, match="t_dec_mev: 0 "):
        neff.delta_neff_paper(1.0, 0.0)
    with pytest.raises(ConfigError, match="case: 'both' is none of entropy, number, auto"):
        neff.delta_neff_paper(1.0, 1.5, "both")
    with pytest.raises(ConfigError, match="'auto' needs g_prime"):
        neff.delta_neff_paper(1.0, case="auto")
    with pytest.raises(ConfigError, match=r"constraints.neff.t_dec_mev: 0.0 must be"):
        neff.CONSTRAINT.build("two_sided", "planck2018", LMU_LTAU, (1.0, 50.0), model="paper", t_dec_mev=0.0)
    with pytest.raises(ConfigError, match=r"constraints.neff: the range of m_zprime_mev"):
        neff.CONSTRAINT.build("two_sided", "planck2018", LMU_LTAU, (1e-3, 50.0), model="paper")


@pytest.mark.parametrize(
    ("name", "mean", "sigma"), [("planck2018", 2.99, 0.17), ("act_dr6", 2.86, 0.13), ("cmb_bbn2026", 2.990, 0.070)]
)
def test_published_measurements(name: str, mean: float, sigma: float) -> None:
    term = neff.CONSTRAINT.build("two_sided", name, LMU_LTAU, (1.0, 50.0), model="paper")
    assert (term.measurement.mean, term.measurement.sigma) == (mean, sigma)
    assert float(term.predict(np.array(50.0), np.array(1e-4))) == pytest.approx(3.044, abs=1e-9)
    assert term.standard_model == 3.044


def test_the_papers_exclusion() -> None:
    # Delta N_eff < 0.7 excludes below 5.25 MeV (entropy).
    term = neff.CONSTRAINT.build("exclusion", "paper", LMU_LTAU, (1.0, 50.0), model="paper", case="entropy")
    np.testing.assert_array_equal(term.log_term([5.24, 5.26], 1e-4), [-np.inf, 0.0])
    with pytest.raises(ConfigError, match="is a limit, so the form can only be 'exclusion'"):
        neff.CONSTRAINT.build("two_sided", "paper", LMU_LTAU, (1.0, 50.0))
