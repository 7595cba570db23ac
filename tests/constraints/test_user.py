"""Constraints of the user's own (limit curves, Python files) and on other values than (m_Z', g')."""

from __future__ import annotations

import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

import nuinfer
from nuinfer.constraints import CONSTRAINTS, neutrino_mass
from nuinfer.constraints.base import Constraint
from nuinfer.errors import ConfigError

ROOT = Path(__file__).parents[2]
DEFINITIONS = CONSTRAINTS.shipped
LMU_LTAU = (0.0, 1.0, -1.0)
CURVE = "# a limit\nm_zprime_mev,g_prime\n1.0,1e-5\n10.0,1e-4\n60.0,6e-4\n"


def entry(path: Path, **more: object) -> dict[str, object]:
    keys = {"table": str(path), "reference": "a paper", "confidence_level": 0.9, **more}
    return {f"constraints.limit_curve.toy.{key}": value for key, value in keys.items()}


def theta_at(analysis: nuinfer.Analysis, m_zprime_mev: list[float], g_prime: list[float]) -> np.ndarray:
    theta = np.repeat(analysis.prior_transform([[0.5] * len(analysis.parameter_names)]), len(g_prime), axis=0)
    theta[:, analysis.parameter_names.index("log10_m_zprime_mev")] = np.log10(m_zprime_mev)
    theta[:, analysis.parameter_names.index("log10_g_prime")] = np.log10(g_prime)
    return theta


# Limit curves ---------------------------------------------------------------------------------------------------------


def test_a_limit_curve_joins_the_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This curve is g' = 1e-5 m/MeV, a straight line in log-log; it is found from any working directory."""
    (tmp_path / "toy.csv").write_text(CURVE)
    monkeypatch.chdir(tmp_path)
    analysis = nuinfer.load("hese7_icecube", entry(Path("toy.csv")))
    monkeypatch.chdir(ROOT)
    theta = theta_at(analysis, [1.0, 3.0, 30.0, 50.0], [0.99e-5, 3.01e-5, 2.99e-4, 5.1e-4])
    assert analysis.log_terms(theta)["limit_curve.toy"].tolist() == [0.0, -math.inf, 0.0, -math.inf]
    assert analysis.log_exclusion(theta).tolist() == [0.0, -math.inf, 0.0, -math.inf]
    assert "limit_curve.toy: a paper" in analysis.references()
    again = analysis.with_overrides([])
    assert again.log_terms(theta)["limit_curve.toy"].tolist() == [0.0, -math.inf, 0.0, -math.inf]
    before = analysis.config_hash
    (tmp_path / "toy.csv").write_text(CURVE.replace("6e-4", "7e-4"))
    assert analysis.with_overrides([]).config_hash != before


def test_a_limit_curve_may_end_inside_the_prior_only_if_told(tmp_path: Path) -> None:
    path = tmp_path / "toy.csv"
    path.write_text("m_zprime_mev,g_prime\n5,1e-4\n20,1e-4\n")
    with pytest.raises(ConfigError, match=r"constraints.limit_curve.toy: the range .* outside = 'allowed'"):
        nuinfer.load("hese7_icecube", entry(path))
    analysis = nuinfer.load("hese7_icecube", entry(path, outside="allowed"))
    term = analysis.log_terms(theta_at(analysis, [2.0, 10.0, 30.0], [1e-3] * 3))["limit_curve.toy"]
    assert term.tolist() == [0.0, -math.inf, 0.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("m,g\n1,1e-4\n60,1e-4\n", "must have the columns m_zprime_mev and g_prime"),
        ("m_zprime_mev,g_prime\n1,1e-4\n", "needs two or more rows"),
        ("m_zprime_mev,g_prime\n60,1e-4\n1,1e-4\n", "increasing masses"),
        ("m_zprime_mev,g_prime\n1,-1e-4\n60,1e-4\n", "positive numbers"),
        ("m_zprime_mev,g_prime\n1,nan\n60,1e-4\n", "positive numbers"),
        ("m_zprime_mev,g_prime\n1,x\n60,1e-4\n", "is not a CSV of numbers"),
        ("m_zprime_mev,g_prime\n1\n60,1e-4\n", "is not a CSV of numbers"),
        ("", "is not a CSV of numbers"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "toy.csv"
    path.write_text(content)
    with pytest.raises(ConfigError, match=f"constraints.limit_curve.toy.table: .*{message}"):
        nuinfer.load("hese7_icecube", entry(path))


def test_other_refusals_of_a_limit_curve(tmp_path: Path) -> None:
    path = tmp_path / "toy.csv"
    with pytest.raises(ConfigError, match=r"limit_curve.toy.table: .* cannot be read"):
        nuinfer.load("hese7_icecube", entry(path))
    path.write_text(CURVE)
    with pytest.raises(ConfigError, match=r"limit_curve.toy.reference: blank"):
        nuinfer.load("hese7_icecube", entry(path, reference=" "))
    with pytest.raises(ConfigError, match=r"limit_curve.toy: model.charges"):
        nuinfer.load("hese7_icecube", {**entry(path), "model.charges": [1, 1, 1]})
    with pytest.raises(ConfigError, match=r"limit_curve.toy.outsde: unknown key \(did you mean 'outside'\?\)"):
        nuinfer.load("hese7_icecube", entry(path, outsde="allowed"))
    with pytest.raises(ConfigError, match=r"limit_curve.toy.reference, .*confidence_level: missing"):
        nuinfer.load("hese7_icecube", {"constraints.limit_curve.toy.table": str(path)})
    off = nuinfer.load("hese7_icecube", entry(path, form="off"))
    assert "limit_curve.toy" not in off.term_names


# The user's own Python file -------------------------------------------------------------------------------------------


def documented_example() -> str:
    """The Python example of docs/constraints.md, which is thereby tested."""
    found = re.search(r"```python\n(# mine\.py.*?)```", (ROOT / "docs" / "constraints.md").read_text(), re.DOTALL)
    assert found
    return found.group(1)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(documented_example())
    return path


def with_own(path: Path, **options: object) -> nuinfer.Analysis:
    keys = {"file": str(path), **options}
    return nuinfer.load("hese7_icecube", {f"constraints.custom.mine.{k}": v for k, v in keys.items()})


def test_the_documented_example_works(mine: Path) -> None:
    analysis = with_own(mine, mean=2e-10, sigma=1e-10)
    theta = theta_at(analysis, [1.0, 10.0], [1e-5, 2e-5])
    expected = -0.5 * ((np.array([1e-5, 2e-5]) ** 2 - 2e-10) / 1e-10) ** 2 - math.log(1e-10 * math.sqrt(2.0 * math.pi))
    np.testing.assert_allclose(analysis.log_terms(theta)["custom.mine"], expected, rtol=1e-12)
    assert "custom.mine" in analysis.term_names
    assert any("mine.py" in name for name in analysis.checksums)


def test_it_goes_to_other_processes(mine: Path) -> None:
    analysis = with_own(mine, mean=2e-10, sigma=1e-10)
    theta = theta_at(analysis, [1.0, 10.0], [1e-5, 2e-5])
    again = pickle.loads(pickle.dumps(analysis))  # noqa: S301 - ours
    np.testing.assert_array_equal(again.log_prob(theta), analysis.log_prob(theta))
    term = next(c for c in analysis.constraints if c.name == "custom.mine")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(term)).log_term(1.0, 1e-5), term.log_term(1.0, 1e-5))  # noqa: S301
    packed = pickle.dumps(term)
    mine.write_text(mine.read_text() + "\n# changed\n")
    with pytest.raises(ConfigError, match="has changed while it was in use"):
        pickle.loads(packed)  # noqa: S301 - ours


def test_a_build_that_names_couplings_gets_the_matrix(tmp_path: Path) -> None:
    """With charges where they say all; a file without the argument is refused where they do not."""
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\nfrom nuinfer.constraints.base import Constraint, Measurement\n"
        "def build(charges, mass_range_mev, couplings):\n"
        "    predict = lambda m, g: g * abs(couplings[1, 2]) + (0.0 if charges is None else 7.0)\n"
        "    return Constraint('x', 'two_sided', Measurement('m', 'none', 0.0, 1.0), predict, 0.0)\n"
    )
    model = {"model.couplings": [[0, 0, 0], [0, 0, [3, 4]], [0, [3, -4], 0]]}
    at, file = {"g_prime": 1e-3}, {"constraints.custom.mine.file": str(path)}
    mixed = nuinfer.load("hese7_icecube", {**file, **model})
    assert mixed.predict_observables(at)["custom.mine"] == pytest.approx(5e-3)
    assert nuinfer.load("hese7_icecube", file).predict_observables(at)["custom.mine"] == pytest.approx(7.0)
    path.write_text(path.read_text().replace(", couplings", "").replace("couplings[1, 2]", "0.0"))
    with pytest.raises(ConfigError, match=r"custom.mine: model.couplings \[\[0, 0, 0\], .* argument 'couplings'"):
        nuinfer.load("hese7_icecube", {**file, **model})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1\n", "defines no function build"),
        ("x = \n", "cannot be loaded: SyntaxError"),
        (
            "def build(charges, mass_range_mev):\n    raise ValueError('no such detector')\n",
            "failed: ValueError: no such",
        ),
        ("def build(charges, mass_range_mev):\n    return 3\n", "returned int, it must be a Constraint"),
    ],
)
def test_a_file_that_does_not_work_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(content)
    with pytest.raises(ConfigError, match=f"constraints.custom.mine.*{message}"):
        with_own(path)


def test_an_unknown_option_or_value_is_named(mine: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"constraints.custom.mine: .*unexpected keyword argument 'sgma'"):
        with_own(mine, mean=1.0, sgma=1.0)
    with pytest.raises(ConfigError, match=r"constraints.custom.mine.file: .* cannot be read"):
        with_own(tmp_path / "none.py")
    mine.write_text(documented_example().replace("standard_model=0.0", "standard_model=0.0, arguments=('g_prme',)"))
    with pytest.raises(
        ConfigError, match=r"constraints.custom.mine: it depends on 'g_prme', which is none of .*g_prime"
    ):
        with_own(mine, mean=1.0, sigma=1.0)
    mine.write_text(documented_example().replace("standard_model=0.0", "standard_model=0.0, arguments=('gamma',)"))
    with pytest.raises(ConfigError, match=r"constraints.custom.mine.file: '.*mine.py' failed at \(2.75\): TypeError"):
        with_own(mine, mean=1.0, sigma=1.0)


# Neutrino masses from cosmology ---------------------------------------------------------------------------------------


def test_half_normal_holds_95_percent_below_the_published_limit() -> None:
    """arXiv:1807.06209: the sum is below 0.12 eV at 95 %."""
    term = neutrino_mass.CONSTRAINT.build("one_sided", "planck2018", LMU_LTAU, None)

    def density(x: float) -> float:
        return 2.0 * math.exp(float(term.log_term_of(x)))

    assert quad(density, 0.0, 2.0, points=[0.1, 0.5])[0] == pytest.approx(1.0, rel=1e-8)
    assert quad(density, 0.0, 0.12)[0] == pytest.approx(0.95, rel=1e-8)
    assert neutrino_mass.CONSTRAINT.build("exclusion", "planck2018", LMU_LTAU, None).limit == pytest.approx(
        0.12, rel=1e-12
    )
    wider = neutrino_mass.CONSTRAINT.build("exclusion", "planck2018", LMU_LTAU, None, confidence_level=0.99)
    assert quad(density, 0.0, wider.limit)[0] == pytest.approx(0.99, rel=1e-8)
    with pytest.raises(ConfigError, match="'two_sided' is not allowed"):
        neutrino_mass.CONSTRAINT.build("two_sided", "planck2018", LMU_LTAU, None)


@pytest.mark.parametrize("ordering", ["normal", "inverted"])
def test_it_acts_on_the_lightest_mass(ordering: str) -> None:
    """The sum from the splittings of NuFIT 6.0 by hand."""
    analysis = nuinfer.load("hese7_icecube", [f"model.ordering={ordering}", "constraints.neutrino_mass.form=one_sided"])
    theta = analysis.sample_prior(50, np.random.default_rng(2))
    lightest = theta[:, analysis.parameter_names.index("lightest_nu_mass_ev")]
    if ordering == "normal":
        total = lightest + np.sqrt(lightest**2 + 7.49e-5) + np.sqrt(lightest**2 + 2.513e-3)
    else:
        heavy = np.sqrt(lightest**2 + 2.484e-3)
        total = lightest + heavy + np.sqrt(heavy**2 - 7.49e-5)
    sigma = 0.12 / 1.959963984540054
    expected = -0.5 * (total / sigma) ** 2 - math.log(sigma * math.sqrt(2.0 * math.pi))
    np.testing.assert_allclose(analysis.log_terms(theta)["neutrino_mass"], expected, rtol=1e-9)


def test_three_degenerate_masses_weigh_three_times_one() -> None:
    analysis = nuinfer.load(
        "hese7_icecube",
        ["model.masses=degenerate", "constraints.neutrino_mass.form=exclusion", "constraints.neutrino_mass.limit=0.2"],
    )
    theta = np.repeat(analysis.prior_transform([[0.5] * len(analysis.parameter_names)]), 2, axis=0)
    theta[:, analysis.parameter_names.index("m_nu_ev")] = [0.0666, 0.0668]
    assert analysis.log_terms(theta)["neutrino_mass"].tolist() == [0.0, -math.inf]


def test_without_a_zprime_the_masses_cost_their_average_over_the_prior() -> None:
    """So that the Bayes factor against the Standard Model, whose neutrinos have masses too, does not see the term."""
    on = ["constraints.neutrino_mass.form=one_sided"]
    term = neutrino_mass.CONSTRAINT.build("one_sided", "planck2018", LMU_LTAU, None)
    standard = nuinfer.load("hese7_icecube", [*on, "model.absorption=false"])
    got = float(standard.log_terms(standard.prior_transform([0.5] * len(standard.parameter_names)))["neutrino_mass"])

    def density(m: float) -> float:
        return math.exp(float(term.log_term_of(m + math.sqrt(m**2 + 7.49e-5) + math.sqrt(m**2 + 2.513e-3))))

    assert got == pytest.approx(math.log(quad(density, 0.003, 0.1)[0] / 0.097), abs=1e-5)


@pytest.mark.parametrize("name", ["muon_g2", "borexino", "neff", "trident"])
def test_without_a_zprime_a_term_takes_its_standard_model_value(name: str) -> None:
    """At a coupling that does nothing (N_eff: at a mass that does nothing) the term is the same."""
    on = [f"constraints.{name}.form=two_sided"]
    standard = nuinfer.load("hese7_icecube", [*on, "model.absorption=false"])
    got = float(standard.log_terms(standard.prior_transform([0.5] * len(standard.parameter_names)))[name])
    term: Constraint = next(c for c in nuinfer.load("hese7_icecube", on).constraints if c.name == name)
    assert got == pytest.approx(float(term.log_term(90.0, 1e-9)), rel=1e-5)


# Everything is refused when the analysis loads ------------------------------------------------------------------------

FORMS = {"sn1987a": "one_sided", "neutrino_mass": "one_sided"}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_wrong_measurement_is_refused_at_load(name: str) -> None:
    on = [f"constraints.{name}.form={FORMS.get(name, 'two_sided')}", f"constraints.{name}.measurement=nobody2030"]
    on.append(f"model.mediator={CONSTRAINTS.shipped[name].mediators[0]}")
    with pytest.raises(ConfigError, match=f"constraints.{name}.measurement: 'nobody2030' is unknown; known: "):
        nuinfer.load("hese7_icecube", on)


@pytest.mark.parametrize("name", ["borexino", "neff", "sn1987a"])
def test_wrong_charges_are_refused_at_load(name: str) -> None:
    on = [f"constraints.{name}.form={FORMS.get(name, 'two_sided')}", "model.charges=[1, 1, 1]"]
    with pytest.raises(ConfigError, match=rf"constraints.{name}: model.charges .* only \(0, q, -q\)"):
        nuinfer.load("hese7_icecube", on)


@pytest.mark.parametrize(
    ("name", "more"),
    [("neff", []), ("sn1987a", []), ("trident", []), ("borexino", ["constraints.borexino.measurement=bauer2018"])],
)
def test_a_prior_box_wider_than_a_table_is_refused_at_load(name: str, more: list[str]) -> None:
    form = "exclusion" if more else FORMS.get(name, "two_sided")
    on = [f"constraints.{name}.form={form}", *more, "parameters.log10_m_zprime_mev.high=6"]
    with pytest.raises(
        ConfigError, match=rf"constraints.{name}: the range of m_zprime_mev, \[1, 1e\+06\], is not inside"
    ):
        nuinfer.load("hese7_icecube", on)
