"""The forms of a constraint, the registry, refusals and the array rule, for all constraints alike."""

from __future__ import annotations

import json
import math
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad

from nuinfer.constraints import CONSTRAINTS, base, borexino, muon_g2, neff, sn1987a
from nuinfer.constraints.definition import Couplings, read_numbers
from nuinfer.datafiles import seal
from nuinfer.errors import ConfigError, DataIntegrityError

DEFINITIONS = CONSTRAINTS.shipped


def its_mediator(name: str) -> str:
    """A mediator for which a constraint was derived."""
    return DEFINITIONS[name].mediators[0]


LMU_LTAU = (0.0, 1.0, -1.0)
DEFAULTS = {
    "muon_g2": ("two_sided", "wp2025"),
    "borexino": ("two_sided", "phase2"),
    "neff": ("two_sided", "planck2018"),
    "sn1987a": ("one_sided", "burst_duration"),
    "trident": ("two_sided", "ccfr"),
    "neutrino_mass": ("one_sided", "planck2018"),
    "tau_decays": ("two_sided", "hflav2022"),
}
FUNCTIONS: dict[str, Callable[..., object]] = {
    "delta_a_mu": muon_g2.delta_a_mu,
    "kinetic_mixing": lambda m, g: borexino.kinetic_mixing(g, -(m**2)),
    "paper_limit": lambda m, g: borexino.paper_limit(m) + 0.0 * g,
    "entropy": lambda m, g: neff.delta_neff_paper(m, 1.0 + g) + 0.0 * g,
    "number": lambda m, g: neff.delta_neff_paper(m, case="number") + 0.0 * g,
    "auto": lambda m, g: neff.delta_neff_paper(m, case="auto", g_prime=g),
    "width_factor": lambda m, g: sn1987a.width_factor(m) + 0.0 * g,
    "mean_free_path_cm": sn1987a.mean_free_path_cm,
    "diffusion_time_s": lambda m, g: sn1987a.diffusion_time_s(m, g, 8.0 + g, 10.0 + m),
    **{
        f"{name}_term": DEFINITIONS[name]
        .build(form, which, LMU_LTAU, (0.1, 100.0), mediator=its_mediator(name))
        .log_term
        for name, (form, which) in DEFAULTS.items()
        if name != "neutrino_mass"
    },
}


def values_of(term: base.Constraint) -> tuple[NDArray[np.float64], ...]:
    """Two points for a constraint: (m_Z', g'), or a sum of masses."""
    points = {"m_zprime_mev": [2.0, 20.0], "g_prime": [1e-6, 1e-3], "sum_nu_masses_ev": [0.06, 0.2]}
    return tuple(np.array(points[name]) for name in term.arguments)


def toy(form: base.Form, **numbers: float) -> base.Constraint:
    return base.Constraint("toy", form, base.Measurement("m", "nowhere", **numbers), lambda m, g: m * g, 0.0)


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_broadcasts_and_equals_its_own_loop(name: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    m, g = 10.0 ** rng.uniform(-0.9, 1.9, shape), 10.0 ** rng.uniform(-6.0, -2.5, shape)
    whole = np.asarray(FUNCTIONS[name](m, g))
    assert whole.shape == shape
    loop = [float(np.asarray(FUNCTIONS[name](float(a), float(b)))) for a, b in zip(m.flat, g.flat, strict=True)]
    np.testing.assert_allclose(whole.ravel(), loop, rtol=1e-12)
    outer = np.asarray(FUNCTIONS[name](m[..., None], np.array([1e-5, 1e-4])))
    assert outer.shape == (*shape, 2)


def test_the_registry_keeps_its_order() -> None:
    assert list(DEFINITIONS) == ["muon_g2", "borexino", "neff", "sn1987a", "trident", "neutrino_mass", "tau_decays"]


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_built_constraint_survives_pickling(name: str) -> None:
    term = DEFINITIONS[name].build(*DEFAULTS[name], LMU_LTAU, (1.0, 50.0), mediator=its_mediator(name))
    again = pickle.loads(pickle.dumps(term))  # noqa: S301 - ours
    np.testing.assert_array_equal(again.log_term(*values_of(term)), term.log_term(*values_of(term)))


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_facts_of_a_constraint_are_whole(name: str) -> None:
    """Its table in the configuration, its label and colour in figures, its citation: all come from one constant."""
    facts = DEFINITIONS[name]
    term = facts.build(facts.forms[-1], facts.measurement, LMU_LTAU, (1.0, 50.0), mediator=its_mediator(name))
    assert (term.label, term.colour, term.prediction_reference) == (
        facts.label, facts.colour, facts.prediction_reference,
    )  # fmt: skip
    assert facts.label
    assert len(facts.colour) == 7
    assert facts.measurement in read_numbers(name)["measurements"]
    for mediator, other in (("scalar", "vector"), ("vector", "scalar")):
        because = ": .*" if facts.not_scalar_because and mediator == "scalar" else ""
        refusal = rf"constraints.{name}: it is a {other}'s; with model.mediator '{mediator}' it must be off{because}$"
        with nullcontext() if mediator in facts.mediators else pytest.raises(ConfigError, match=refusal):
            facts.build(facts.forms[-1], facts.measurement, LMU_LTAU, (1.0, 50.0), mediator=mediator)
    assert bool(facts.not_scalar_because) == ("scalar" not in facts.mediators)


def test_plain_python_gives_the_numbers_of_the_compiled_code() -> None:
    """Self-regression of the compiler, at points on both sides of each branch."""
    script = (
        "import json, sys; from nuinfer.constraints import CONSTRAINTS; points = json.loads(sys.argv[1]); "
        "every = CONSTRAINTS.shipped.values(); "
        "built = [d.build(d.forms[-1], d.measurement, (0.0, 1.0, -1.0), (0.1, 100.0), mediator=m) "
        "for d in every for m in d.mediators]; "
        "print(json.dumps([c.log_term(*(points[a] for a in c.arguments)).tolist() for c in built]))"
    )
    points = {
        "m_zprime_mev": [0.1, 0.5, 10.0, 100.0], "g_prime": [0.0, 1e-7, 2e-4, 0.3],
        "sum_nu_masses_ev": [0.0, 0.1, 0.2, math.nan],
    }  # fmt: skip

    def run(disable: str) -> list[list[float]]:
        command = [sys.executable, "-c", script, json.dumps(points)]
        done = subprocess.run(
            command, env={**os.environ, "NUMBA_DISABLE_JIT": disable}, capture_output=True, text=True, check=True
        )
        found: list[list[float]] = json.loads(done.stdout)
        return found

    np.testing.assert_allclose(run("1"), run("0"), rtol=1e-12)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_measurement_has_a_reference_and_builds(name: str) -> None:
    for identifier in read_numbers(name)["measurements"]:
        facts = DEFINITIONS[name]
        term = facts.build(facts.forms[0], identifier, LMU_LTAU, (1.0, 50.0), mediator=its_mediator(name))
        assert len(term.measurement.reference) > 10
        assert math.isfinite(term.centre)


def test_the_page_says_how_each_measurement_was_checked() -> None:
    """Ids, values and what was compared are those of the TOML files; none is left out."""
    page = (Path(__file__).parents[2] / "docs" / "constraints.md").read_text(encoding="utf-8")
    table = page.partition("## Measurements")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:3] == "| `"]
    listed = {(name.strip("`"), key.strip("`")): cells for name, key, *cells in rows}
    known = {(name, key): m for name in DEFINITIONS for key, m in read_numbers(name)["measurements"].items()}
    assert listed.keys() == known.keys()
    for measurement, numbers in known.items():
        value, *checked = listed[measurement]
        assert checked == [numbers.get("verified", ""), numbers.get("unverified", "")]
        given = [numbers[key] for key in ("mean", "sigma", "limit", "limit95", "duration_s") if key in numbers]
        assert [float(x) for x in re.findall(r"[\d.]+", value)] == [*given, *numbers.get("sigmas", [])]


def test_numbers_that_do_not_say_how_they_were_checked_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("nuinfer.constraints.tables.locate", lambda _: tmp_path)
    said = '[measurements.one]\nlimit = 1.0\nreference = "a paper"\nunverified = "all of it"\n'
    for text, where in (
        ('[beams.other]\nreference = "a paper"\nverified = " "\n', r"mine.beams.other"),
        ("[measurements.other]\nlimit = 1.0\n", r"mine.measurements.other"),
    ):
        (tmp_path / "mine.toml").write_text(said + text)
        seal(tmp_path, {"mine.toml": ("us", "MIT")})
        with pytest.raises(DataIntegrityError, match=where + ": neither 'verified' nor 'unverified'"):
            read_numbers("mine")
    (tmp_path / "mine.toml").write_text(said)
    seal(tmp_path, {"mine.toml": ("us", "MIT")})
    assert read_numbers("mine")["measurements"]["one"]["limit"] == 1.0


@pytest.mark.parametrize("name", DEFINITIONS)
def test_unknown_measurement_is_refused(name: str) -> None:
    facts = DEFINITIONS[name]
    with pytest.raises(ConfigError, match=f"constraints.{name}.measurement: 'none' is unknown; known: "):
        facts.build(facts.forms[0], "none", LMU_LTAU, (1.0, 50.0), mediator=its_mediator(name))


@pytest.mark.parametrize("charges", [(1.0, 1.0, 1.0), (0.0, 1.0, 1.0), (1.0, -1.0, 0.0), (0.0, 0.0, 0.0)])
@pytest.mark.parametrize("name", ["borexino", "neff", "sn1987a"])
def test_charges_it_was_not_derived_for_are_refused(name: str, charges: Couplings) -> None:
    with pytest.raises(ConfigError, match=rf"constraints.{name}: model.charges .* only \(0, q, -q\)"):
        DEFINITIONS[name].build(*DEFAULTS[name], charges, (1.0, 50.0))


@pytest.mark.parametrize("name", DEFINITIONS)
def test_nan_is_not_turned_into_a_probability(name: str) -> None:
    term = DEFINITIONS[name].build(*DEFAULTS[name], LMU_LTAU, (1.0, 50.0), mediator=its_mediator(name))
    assert math.isnan(float(term.log_term(math.nan, *[1e-4][: len(term.arguments) - 1])))
    assert math.isnan(float(term.log_term_of(math.nan)))


@pytest.mark.parametrize("name", ["muon_g2", "borexino", "neff", "sn1987a", "trident", "neutrino_mass"])
def test_a_limit_needs_the_exclusion_form(name: str) -> None:
    with pytest.raises(ConfigError, match=f"constraints.{name}.limit: 1.0 is for the form 'exclusion' only"):
        DEFINITIONS[name].build(*DEFAULTS[name], LMU_LTAU, (1.0, 50.0), limit=1.0)
    assert DEFINITIONS[name].build("exclusion", DEFAULTS[name][1], LMU_LTAU, (1.0, 50.0), limit=1.0).limit == 1.0


def test_two_sided_is_a_normalised_density() -> None:
    term = toy("two_sided", mean=1.0, sigma=0.3)
    assert quad(lambda x: math.exp(float(term.log_term_of(x))), -5.0, 7.0)[0] == pytest.approx(1.0, rel=1e-8)


@settings(max_examples=50, deadline=None)
@given(x=st.floats(-1e3, 1e3), mean=st.floats(-100.0, 100.0), sigma=st.floats(0.01, 10.0))
def test_one_sided_never_punishes_below_the_mean_and_never_rewards_above(x: float, mean: float, sigma: float) -> None:
    one, two = (float(toy(form, mean=mean, sigma=sigma).log_term_of(x)) for form in ("one_sided", "two_sided"))
    peak = -math.log(sigma * math.sqrt(2.0 * math.pi))
    assert one == (peak if x <= mean else two)


def test_exclusion_cuts_at_the_limit_or_at_the_confidence_level() -> None:
    np.testing.assert_array_equal(toy("exclusion", limit=2.0).log_term_of([1.0, 2.0, 2.1]), [0.0, 0.0, -np.inf])
    # 1.6449 sigma is the one-sided 95 % point of a normal distribution.
    assert toy("exclusion", mean=1.0, sigma=2.0).limit == pytest.approx(1.0 + 2.0 * 1.6448536269514722, rel=1e-12)


def test_numbers_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"constraints.toy.form: 'upper' is none of exclusion, one_sided, two_sided"):
        toy("upper", mean=1.0, sigma=1.0)
    with pytest.raises(ConfigError, match="'m' is a limit, so the form can only be 'exclusion'"):
        toy("one_sided", limit=1.0)
    with pytest.raises(ConfigError, match="neither a limit nor mean and sigma"):
        toy("exclusion", mean=1.0)
    with pytest.raises(ConfigError, match=r"sigma 0.0 of 'm' must be positive"):
        toy("two_sided", mean=1.0, sigma=0.0)
    with pytest.raises(ConfigError, match=r"confidence_level: 1.0 is outside the allowed"):
        DEFINITIONS["muon_g2"].build("exclusion", "wp2025", LMU_LTAU, (1.0, 50.0), confidence_level=1.0)


@pytest.mark.parametrize("form", ["one_sided", "two_sided"])
def test_averaged_over_values_of_its_arguments(form: base.Form) -> None:
    """The average of the likelihood by hand; a constraint on something else stays as it is."""
    measured = base.Measurement("m", "nowhere", mean=1.0, sigma=0.5)
    term = base.Constraint("toy", form, measured, lambda x, y: x * y, 0.0, arguments=("x", "y"))
    values = {"x": np.array([0.5, 1.0, 3.0]), "y": np.array([1.0, 2.0, 0.5]), "z": np.zeros(3)}
    averaged = float(term.log_term_of(term.averaged(values).standard_model))
    assert averaged == pytest.approx(math.log(np.mean(np.exp(term.log_term(values["x"], values["y"])))), rel=1e-12)
    assert term.averaged({"x": values["x"]}) is term
    cut = base.Constraint("toy", "exclusion", measured, np.abs, 0.0, arguments=("x",))
    assert cut.averaged(values).standard_model == 0.5
