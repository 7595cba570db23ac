"""Citations, checksums and the hash; laws and sources from users' own files."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
from baseline_numbers import BY_NAME

import nuinfer
from nuinfer import provenance
from nuinfer.config import parse
from nuinfer.constraints import CONSTRAINTS
from nuinfer.errors import ConfigError
from nuinfer.physics.cosmology import COSMOLOGIES
from nuinfer.physics.evolution import LAWS
from nuinfer.physics.mediator import MEDIATORS
from nuinfer.physics.mixing import MIXINGS
from nuinfer.physics.sources import SOURCES
from nuinfer.provenance import config_hash

LAW = """
import numpy as np
from nuinfer.physics.evolution import Law

def log_density(x):
    return 2.0 * x, np.full_like(x, 2.0)

LAW = Law(name="square", label="(1+z)^2", citation="a paper on squares", log_density=log_density)
"""
SOURCE = """
from nuinfer.physics.sources import Source

SOURCE = Source(name="mine", label="mine", citation="a paper on mine", species=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
"""

SPECTRUM = """
import numpy as np
from nuinfer.parameters import Definition
from nuinfer.physics.spectra import Spectrum
from nuinfer.priors import Uniform

BETA = Definition("bend", r"$\\bend$", "", "curvature", (-1.0, 3.0), Uniform(-0.5, 1.0))

def log_shape(energy_gev, gamma, bend):
    return -bend * np.log10(energy_gev / 1e5) * np.log(energy_gev / 1e5)

SPECTRUM = Spectrum("log_parabola", "log parabola", "a paper on parabolas", (BETA,), log_shape=log_shape)
"""


def test_everything_shipped_has_a_citation_or_says_that_it_rests_on_none() -> None:
    none = {"flat", "single", "free"}
    for things in (LAWS.shipped, SOURCES.shipped, COSMOLOGIES, MEDIATORS, MIXINGS):
        for name, thing in things.items():
            assert (thing.citation is None) == (name in none), name
            assert name in none or thing.citation.strip(), name


@pytest.mark.parametrize("name", CONSTRAINTS.shipped)
def test_every_constraint_cites_its_measurement_and_its_prediction(name: str) -> None:
    form = "one_sided" if name in {"sn1987a", "neutrino_mass"} else "two_sided"
    mediator = f"model.mediator={CONSTRAINTS.shipped[name].mediators[0]}"
    analysis = nuinfer.load("hese7_icecube", [f"constraints.{name}.form={form}", mediator])
    cited = [line.partition(": ")[0] for line in analysis.references()]
    assert name in cited
    assert f"{name}, prediction" in cited or name == "neutrino_mass"  # the sum of the masses is its own prediction


def test_what_could_not_be_verified_is_marked() -> None:
    cited = nuinfer.load("hese7").references()
    assert [line.partition(":")[0] for line in cited if "[unverified: " in line] == ["borexino", "sn1987a"]


def test_a_constraint_may_predict_in_more_than_one_way() -> None:
    analysis = nuinfer.load("hese7", ["constraints.neff.model=paper"])
    assert any(line.startswith("neff, prediction: Kamada") for line in analysis.references())


@pytest.fixture
def law(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "law.py"
    path.write_text(LAW)
    return path


def test_a_law_of_the_user_is_used_cited_and_recorded(law: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found from any working directory, and what it says now counts."""
    analysis = nuinfer.load("hese7_icecube", ["model.evolution=law.py"])
    assert analysis.config.model.evolution == str(law)
    assert "evolution square: a paper on squares" in analysis.references()
    assert analysis.checksums[str(law)] == hashlib.sha256(law.read_bytes()).hexdigest()
    theta = analysis.sample_prior(20, np.random.default_rng(3))
    flat = analysis.with_overrides(["model.evolution=flat"])
    assert not np.allclose(analysis.log_prob(theta), flat.log_prob(theta))
    law.write_text(LAW.replace("2.0 * x, np.full_like(x, 2.0)", "0.0 * x, 0.0 * x"))
    monkeypatch.chdir("/")
    changed = analysis.with_overrides([])
    np.testing.assert_allclose(changed.log_prob(theta), flat.log_prob(theta), rtol=1e-12)
    assert changed.config_hash != analysis.config_hash


def test_an_analysis_that_is_sent_is_the_same_where_it_arrives_or_refused(law: Path) -> None:
    analysis = nuinfer.load("hese7_icecube", [f"model.evolution={law}"])
    other = analysis.with_observed(analysis.observed_counts + 1.0)
    packed, packed_other = pickle.dumps(analysis), pickle.dumps(other)
    assert pickle.loads(packed).config_hash == analysis.config_hash  # noqa: S301 - ours
    assert pickle.loads(packed_other).config_hash == other.config_hash != analysis.config_hash  # noqa: S301
    law.write_text(LAW.replace("2.0 * x", "3.0 * x"))
    with pytest.raises(ConfigError, match=r"^analysis 'hese7_icecube': '.*law.py' has changed while it was in use$"):
        pickle.loads(packed)  # noqa: S301


WRITERS = {
    "model.evolution": LAW.replace("    return", "    x *= 2.0\n    return"),
    "model.source": """
from nuinfer.physics.sources import Source, free_fractions
from nuinfer.physics.sources.free import FRACTIONS

def species(f_e, f_mu):
    f_e *= 0.5
    return free_fractions(f_e, f_mu)

SOURCE = Source("mine", "mine", None, species, FRACTIONS)
""",
    "model.spectrum": """
from nuinfer.physics.spectra import Spectrum

def log_shape(energy_gev, gamma):
    energy_gev *= 2.0
    return 0.0 * energy_gev

SPECTRUM = Spectrum("mine", "mine", None, log_shape=log_shape)
""",
    "constraints.custom.mine.file": """
from nuinfer.constraints.base import Constraint, Measurement

def predict(m_zprime_mev, g_prime):
    g_prime *= 2.0
    return g_prime

def build(charges, mass_range_mev):
    return Constraint("mine", "exclusion", Measurement("m", "nowhere", limit=1.0), predict, 0.0)
""",
}


@pytest.mark.parametrize("key", WRITERS)
def test_a_function_of_the_user_cannot_write_to_what_it_is_given(tmp_path: Path, key: str) -> None:
    """The data term after a constraint, or the next point of a spectrum, would see it."""
    path = tmp_path / "mine.py"
    path.write_text(WRITERS[key])
    with pytest.raises(ConfigError, match=rf"^{key.removesuffix('.file')}.*failed: ValueError: .*read-only"):
        nuinfer.load("hese7_icecube", [f"{key}={path}"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('citation="a paper on squares"', 'citation=" "'), "evolution square: its citation is blank"),
        (('citation="a paper on squares", ', ""), "model.evolution: .* cannot be loaded: .* argument: 'citation'"),
        (("LAW = ", "MINE = "), r"model.evolution: '.*law.py' defines no LAW = Law\(...\)"),
        (("2.0 * x, np", "y, np"), "model.evolution: its log_density failed: NameError"),
        (("2.0 * x, np", "np.log(x), np"), "model.evolution: its log_density must give .* finite"),
        (("2.0 * x, np", "x[:1], np"), r"model.evolution: its log_density must give .* of the shape \(5,\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_law_that_does_not_work_is_refused(law: Path, change: tuple[str, str], message: str) -> None:
    law.write_text(LAW.replace(*change))
    with pytest.raises(ConfigError, match=message):
        nuinfer.load("hese7_icecube", [f"model.evolution={law}"])


def test_a_source_of_the_user_is_used_cited_and_recorded(tmp_path: Path) -> None:
    """Its composition lies between those of a neutron source and others: half nu_e, half nubar_mu."""
    path = tmp_path / "source.py"
    path.write_text(SOURCE)
    analysis = nuinfer.load("hese7_icecube", [f"model.source={path}", "model.absorption=false"])
    assert "source mine: a paper on mine" in analysis.references()
    assert str(path) in analysis.checksums
    counts = [
        a.components(a.prior_transform(np.full(len(a.parameter_names), 0.5)))["astro"]
        for a in (analysis, *(analysis.with_overrides([f"model.source={s}"]) for s in ("pgamma", "pp", "neutron")))
    ]
    assert not any(np.allclose(counts[0], other) for other in counts[1:])
    path.write_text(SOURCE.replace("(1.0, 0.0, 0.0), ", ""))
    with pytest.raises(ConfigError, match=r"model.source: '.*' cannot be loaded: PhysicsDomainError: .*two triples"):
        nuinfer.load("hese7_icecube", [f"model.source={path}"])


def test_a_source_of_the_user_may_have_the_fractions_as_parameters(tmp_path: Path) -> None:
    path = tmp_path / "source.py"
    path.write_text(
        "from nuinfer.physics.sources import Source, free_fractions\n"
        "from nuinfer.physics.sources.free import FRACTIONS\n"
        "SOURCE = Source('mine', 'mine', None, free_fractions, FRACTIONS)\n"
    )
    analysis = nuinfer.load("hese7_icecube", [f"model.source={path}", "parameters.f_mu.value=0.25"])
    assert "f_e" in analysis.parameter_names
    assert "f_mu" not in analysis.parameter_names


def test_a_spectrum_of_the_user_brings_its_parameters(tmp_path: Path) -> None:
    """Without curvature it is a power law; its parameter is a key of the configuration and a column of theta."""
    path = tmp_path / "spectrum.py"
    path.write_text(SPECTRUM)
    analysis = nuinfer.load("hese7_icecube", [f"model.spectrum={path}", "parameters.bend.high=0.5"])
    assert analysis.parameter_names[4:6] == ("phi_total", "bend")
    assert analysis.prior_bounds[5].tolist() == [-0.5, 0.5]
    assert "spectrum log_parabola: a paper on parabolas" in analysis.references()
    assert str(path) in analysis.checksums
    again = parse(analysis.config_toml())
    assert again == analysis.config
    straight, power_law = (
        analysis.with_overrides([*overrides, "model.regeneration=false"])
        for overrides in (["parameters.bend.value=0"], ["model.spectrum=power_law"])
    )
    theta = straight.sample_prior(20, np.random.default_rng(3))
    np.testing.assert_allclose(straight.expected_counts(theta), power_law.expected_counts(theta), rtol=1e-4)
    with pytest.raises(ConfigError, match=r"parameters.bend: unknown key; known here: "):
        nuinfer.load("hese7_icecube", ["parameters.bend.high=0.5"])


TOMLS_OF_0_1_0 = {
    "borexino": "7a7243d5da8f2ba5a68a8a256b8454ded14d0fd70c0bdccaa321caed77a7be67",
    "muon_g2": "06c64e38e6fd47b79a045c582c1d7594d3251f44cbb1f5e535da657cf714dafd",
    "neff": "6071f1c9f89abf436dda2e7dec29144b03e6d82ca3e18e23aa932d154e94dc62",
    "neutrino_mass": "000f7ed4ef83cf51f016bc8633eadbb6b80dfd4f95562b2eb1b0b58be19ddb7a",
    "sn1987a": "bcfffaffc20dde1f7dda2f06f27dde66e2192712f107cd7fbfa92c5fb3a08942",
    "trident": "529ef8124d06445bde3f50666c2a51a22470734db36e31c582019852ea2ba906",
}
"""Sha256 of the numbers of each constraint then: they are part of the hash, the words in them too."""


def test_keys_that_joined_later_do_not_change_the_hash_while_they_are_off() -> None:
    """Hashes of version 0.1.0, on its files and with relics as it had them."""
    recorded = {"hese7": "891f57b03a0d5124", "hese7_icecube": "0fc4e8e77066ef89", "paper": "e5a8a3395df3a167"}
    files = {f"constraints/{name}.toml": sha256 for name, sha256 in TOMLS_OF_0_1_0.items()}
    for preset, expected in recorded.items():
        analysis = BY_NAME[preset].load()
        if preset == "paper":
            files["dataset.toml"] = "3f9c21567e1f90068c5d6e517fc300af494bac585fb65843745969bb25aba4dc"  # of hese3
        then = {name: files.get(name, sha256) for name, sha256 in analysis.checksums.items()}
        data = analysis.config.data.model_copy(update={"dataset": "hese3" if preset == "paper" else "hese7"})
        assert config_hash(analysis.config.model_copy(update={"data": data}), then) == expected


def test_the_commit_is_that_of_the_checkout(monkeypatch, tmp_path):
    """A plus where files differ from it; blank where the package is not in a checkout, as one that is installed."""
    here = Path(provenance.__file__).resolve().parents[1]
    found = provenance.commit.__wrapped__()
    if (here / ".git").exists():
        asked = ("git", "-C", str(here), "rev-parse", "HEAD")
        head = subprocess.run(asked, capture_output=True, text=True, check=True)
        assert found.removesuffix("+") == head.stdout.strip()
    else:
        assert found == ""
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "nuinfer" / "provenance.py"))
    assert provenance.commit.__wrapped__() == ""
