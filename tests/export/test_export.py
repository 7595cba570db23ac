"""Chains for GetDist and ArviZ and the likelihood for Cobaya, read by the real packages."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from nominal import FIXED

import nuinfer
from nuinfer import cobaya as bridge
from nuinfer import private
from nuinfer.errors import ConfigError
from nuinfer.inference.sampling.fit import fit

SMALL = list(FIXED)


@pytest.fixture(scope="module")
def run(toys, tmp_path_factory):
    """A unit Gaussian in three dimensions, bounded far away, with its radius as a derived quantity."""
    with ThreadPoolExecutor(1) as pool:
        return fit(
            toys.Toy(sampler=toys.ToySampler(max_steps=600)),
            tmp_path_factory.mktemp("run") / "gauss",
            executor=pool,
            progress=False,
        )


@pytest.fixture(scope="module")
def getdist():
    return pytest.importorskip("getdist", reason="needs GetDist (pip install nuinfer[export])")


def test_getdist_reads_the_chains(run, getdist, tmp_path):
    """Names, derived flag, ranges and burn-in; means and covariance are those of the samples to the digits written."""
    root = run.to_getdist(tmp_path, "gauss")
    assert {path.name for path in tmp_path.iterdir()} == {
        "gauss_1.txt", "gauss_2.txt", "gauss.paramnames", "gauss.ranges", "gauss.properties.ini",
    }  # fmt: skip
    samples = getdist.loadMCSamples(str(root), settings={"ignore_rows": 0.3})  # overruled: burn-in is removed
    own = run.samples().reshape(-1, 3)
    assert len(samples.weights) == len(own)
    np.testing.assert_array_equal(samples.weights, 1.0)
    assert samples.getParamNames().list() == ["x0", "x1", "x2", "radius"]
    assert samples.getParamNames().getDerivedNames() == ["radius"]
    assert samples.ranges.getLower("x0") == -10.0
    assert samples.ranges.getUpper("x0") == 10.0
    assert samples.ranges.getUpper("radius") is None
    np.testing.assert_allclose(samples.getMeans()[:3], own.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(samples.getCovMat().matrix[:3, :3], np.cov(own.T, bias=True), atol=1e-8)
    np.testing.assert_allclose(np.sort(samples.loglikes), np.sort(-run.log_prob().ravel()), rtol=1e-9)
    radius = np.sqrt(np.sum(samples.samples[:, :3] ** 2, axis=1))
    np.testing.assert_allclose(samples.samples[:, 3], radius, rtol=1e-8)


def test_getdist_finds_the_limits_and_the_effective_samples(run, getdist, tmp_path):
    """Limits of a unit Gaussian; and rows that follow walkers, so that GetDist sees their correlation."""
    samples = getdist.loadMCSamples(str(run.to_getdist(tmp_path)))
    density = samples.getMargeStats().parWithName("x0")
    error = 1.0 / np.sqrt(run.summary()["ess_min"])
    assert density.limits[0].lower == pytest.approx(-1.0, abs=6.0 * error)
    assert density.limits[1].upper == pytest.approx(1.96, abs=10.0 * error)
    assert samples.getEffectiveSamples("x0") == pytest.approx(run.summary()["parameters"]["x0"]["ess"], rel=0.3)


def test_getdist_files_replace_those_of_another_run(run, tmp_path):
    """No ensemble of a run with more of them stays behind; a root that leads elsewhere is refused."""
    (tmp_path / "gauss_7.txt").write_text("1 2 3\n")
    run.to_getdist(tmp_path, "gauss")
    assert not (tmp_path / "gauss_7.txt").exists()
    for root in ("", "a/b", ".."):
        with pytest.raises(ConfigError, match="beginning of a file name"):
            run.to_getdist(tmp_path / "other", root)
    assert not (tmp_path / "other").exists()


def test_arviz_container_has_names_prior_and_predictions(run):
    """Axes of counts have names; prior and simulated counts are there, and are what they say."""
    data = run.to_arviz(max_draws=400)
    assert set(data.groups()) == {
        "posterior", "prior", "sample_stats", "log_likelihood", "posterior_predictive", "observed_data",
    }  # fmt: skip
    assert data.observed_data["counts"].coords["topology"].values.tolist() == ["row0", "row1"]
    assert data.posterior_predictive["counts"].coords["bin"].values.tolist() == ["0-1 GeV", "1-2 GeV"]
    simulated = data.posterior_predictive["counts"].values
    assert simulated.shape[2:] == (2, 2)
    draws = simulated.shape[0] * simulated.shape[1]
    expected = run.analysis.observed_counts  # the toy's own
    assert np.all(np.abs(simulated.mean(axis=(0, 1)) - expected) < 5.0 * np.sqrt(expected / draws))
    assert set(data.prior) == set(data.posterior) == {"x0", "x1", "x2", "radius"}
    assert data.prior["x0"].values.std() == pytest.approx(10.0 / np.sqrt(3.0), rel=0.2)


@pytest.fixture(scope="module")
def model():
    return pytest.importorskip("cobaya.model", reason="needs Cobaya (pip install nuinfer[export])")


CASES = [
    ("hese7", ()),  # uniform and cut normal priors, smooth constraints
    ("paper", ()),  # exclusions
    ("hese7_icecube", ("model.source=free",)),  # fractions on a simplex
    ("hese7", ("model.absorption=false",)),  # nothing is derived
    ("hese7_icecube", ("parameters.gamma.prior=normal", "parameters.gamma.mean=2.5", "parameters.gamma.sigma=0.3")),
]


@pytest.mark.parametrize(("preset", "overrides"), CASES)
def test_log_posterior_of_cobaya_is_ours(model, preset, overrides):
    """At draws of the prior and around them: equal to rounding, -inf at the same points, derived values included."""
    analysis = nuinfer.load(preset, overrides)
    cobaya = model.get_model(bridge.info(analysis), debug=50)
    rng = np.random.default_rng(5)
    inside = analysis.sample_prior(25, rng)
    outside = inside[:15].copy()
    cut = np.flatnonzero(np.isfinite(analysis.prior_bounds[:, 0]))
    column = rng.choice(cut, len(outside))
    outside[np.arange(len(outside)), column] = analysis.prior_bounds[column, 0] - 0.1 * rng.random(len(outside))
    heavy = inside[:5].copy()  # fractions inside [0, 1] that add up to more
    heavy[:, list(analysis.space.shares)] = 0.6
    theta = np.concatenate([inside, outside, heavy])
    ours = analysis.log_prob(theta)
    points = [dict(zip(analysis.parameter_names, row, strict=True)) for row in theta.tolist()]
    theirs = np.array([cobaya.logpost(point) for point in points])
    finite = np.isfinite(ours)
    assert 1 < finite.sum() < len(theta)
    np.testing.assert_array_equal(np.isfinite(theirs), finite)
    np.testing.assert_allclose(theirs[finite], ours[finite], rtol=1e-12, atol=1e-9)
    first = int(np.flatnonzero(finite)[0])
    derived = cobaya.logposterior(points[first]).derived
    np.testing.assert_allclose(derived, list(analysis.derived(theta[first]).values()), rtol=1e-12)


def test_exclusions_reach_cobaya_as_minus_infinity(model):
    """A point that an exclusion forbids, inside the prior."""
    analysis = nuinfer.load("paper")
    theta = analysis.sample_prior(50, np.random.default_rng(1))
    excluded = theta[np.isneginf(analysis.log_exclusion(theta))][0]
    point = dict(zip(analysis.parameter_names, excluded.tolist(), strict=True))
    cobaya = model.get_model(bridge.info(analysis), debug=50)
    assert np.isfinite(cobaya.logprior(point))
    assert cobaya.loglike(point)[0] == -np.inf


@pytest.fixture
def written(tmp_path):
    """The YAML file that the command line writes for a small analysis."""
    from nuinfer.cli import main

    path = tmp_path / "in.yaml"
    arguments = [word for override in SMALL for word in ("--set", override)]
    assert main(["export", "hese7_icecube", "--format", "cobaya", "--out", str(path), *arguments]) == 0
    return path


def test_yaml_is_the_input(model, written):
    """Read back by Cobaya it is the dictionary, and evaluates to our log-probability at a point given."""
    from cobaya.run import run
    from cobaya.yaml import yaml_load_file

    content = yaml_load_file(str(written))
    assert content == bridge.info("hese7_icecube", SMALL) | {"sampler": {"mcmc": {}}}
    analysis = nuinfer.load("hese7_icecube", SMALL)
    theta = analysis.prior_transform([0.4] * len(analysis.parameter_names))
    point = dict(zip(analysis.parameter_names, theta.tolist(), strict=True))
    content["sampler"] = {"evaluate": {"override": point}}
    _, sampler = run(content, debug=50)
    row = sampler.products()["sample"].data.iloc[0]
    assert -row["minuslogpost"] == pytest.approx(float(analysis.log_prob(theta)), abs=1e-9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Setting a value on a DataFrame via .at")  # Cobaya 3.6 with pandas 3
def test_cobaya_samples_our_posterior(model, written):
    """Its Metropolis sampler and our ensembles agree on gamma and the flux, to the errors of both."""
    from cobaya.run import run
    from cobaya.yaml import yaml_load_file

    content = yaml_load_file(str(written))
    widths = {
        "log10_m_zprime_mev": 0.5,
        "log10_g_prime": 1.0,
        "lightest_nu_mass_ev": 0.03,
        "gamma": 0.2,
        "phi_total": 1.5,
    }
    for name, width in widths.items():
        content["params"][name]["proposal"] = width
    content["sampler"] = {"mcmc": {"seed": 11, "max_samples": 4000, "burn_in": 200, "learn_proposal": True}}
    _, sampler = run(content, debug=50)
    table = sampler.products()["sample"].data
    analysis = nuinfer.load("hese7_icecube", SMALL)
    prior = analysis.sample_prior(200_000, np.random.default_rng(2))
    log_weight = analysis.log_prob(prior) - analysis.log_prior(prior)
    weight = np.exp(log_weight - log_weight.max())
    for name in ("gamma", "phi_total"):
        column = prior[:, analysis.parameter_names.index(name)]
        mean = np.average(column, weights=weight)
        width = np.sqrt(np.average((column - mean) ** 2, weights=weight))
        found = np.average(table[name], weights=table["weight"])
        assert found == pytest.approx(mean, abs=0.35 * width)  # some hundred independent points
        spread = np.sqrt(np.average((table[name] - found) ** 2, weights=table["weight"]))
        assert spread == pytest.approx(width, rel=0.3)


@pytest.mark.slow
def test_without_a_home_that_can_be_written_to_libraries_are_quiet(tmp_path):
    """Neither ArviZ nor matplotlib says a word; fonts are known in a private folder."""
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    places = {"HOME": str(tmp_path / "file" / "home"), "TMPDIR": str(tmp_path / "temporary")}
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "MPL"))} | places
    code = (
        "import platformdirs\n"
        "usual = platformdirs.user_cache_dir\n"
        "from nuinfer.export import arviz_adapter\n"
        "from nuinfer.plotting import style\n"
        "with style.context():\n"
        "    style.new_figure(4, 3)\n"
        "arviz_adapter.prepare()\n"
        "assert platformdirs.user_cache_dir is usual\n"
        "import matplotlib\n"
        "print(matplotlib.get_configdir(), matplotlib.get_cachedir(), sep='\\n')\n"
    )
    command = [sys.executable, "-c", code]
    made = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    (place,) = {Path(line) for line in made.stdout.splitlines()}
    assert place.relative_to(tmp_path / "temporary").parts[1:] == ("matplotlib",)


@pytest.mark.parametrize(
    ("home", "given", "expected"), [("file/home", "", "temporary"), ("", "", ""), ("file", "x", "x")]
)
def test_matplotlib_has_a_private_place_where_it_has_none(home, given, expected, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / home))
    monkeypatch.setenv("MPLCONFIGDIR", given)
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    private.give_matplotlib_a_place()
    found = os.environ["MPLCONFIGDIR"]
    if expected == "temporary":
        assert Path(found).is_relative_to(tmp_path / "temporary")
        assert Path(found).parent.stat().st_mode & 0o077 == 0
    else:
        assert found == expected
