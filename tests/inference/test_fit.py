"""The fit as a whole: the folder it leaves, kills and resumes, refusals, verdicts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray

import nuinfer
from nuinfer.errors import ConfigError, NonFiniteLogProbError, RunFolderError
from nuinfer.export import arviz_adapter
from nuinfer.inference.runs import run_folder
from nuinfer.inference.runs.run import open_run
from nuinfer.inference.sampling.fit import fit
from nuinfer.inference.work import files

KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import inference_toys as toys
from nuinfer.inference.sampling.fit import fit

if __name__ == "__main__":
    fit(toys.slow(), Path(sys.argv[2]), resume=True, jobs=2)
"""


def sampler(toys, **settings):
    return toys.Toy(sampler=toys.ToySampler(**settings))


def contents(path):
    return {p.relative_to(path): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def netcdf(run, group=None):
    return xarray.open_dataset(run.folder / "posterior.nc", group=group, engine="h5netcdf")


def everything(run):
    return [run.samples(0, 1), run.log_prob(0, 1), *run.log_terms(0, 1).values()]


def assert_identical(one, two):
    for a, b in zip(everything(one), everything(two), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def short(toys):
    return sampler(toys, target_ess=1e9, max_steps=450)


def test_run_folder_summary_and_arviz(toys, tmp_path, pool, capfd):
    analysis = replace(sampler(toys), defect="")
    run = fit(analysis, tmp_path / "a" / "run", executor=pool, command="nuinfer fit toy")
    names = {p.name for p in run.folder.iterdir()}
    assert names == {
        *("run.json", "config.input.toml", "config.resolved.toml", "chains", "status.json", "summary.json"),
        *("posterior.nc", "log.txt", "lock"),
    }
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "converged after" in shown.err.splitlines()[-1]
    assert "converged after" in (run.folder / "log.txt").read_text().splitlines()[-1]
    record = json.loads((run.folder / "run.json").read_text())
    assert record["complete"] is True
    assert record["seed"] == 7
    assert record["command"] == "nuinfer fit toy"
    assert record["checksums"] == {"toy.csv": "0"}
    assert record["references"][0] == "a toy"
    assert any(text.startswith("emcee") for text in record["references"])
    assert {"python", "emcee", "numpy", "arviz-stats", "nuinfer"} <= set(record["versions"])
    assert (run.folder / "config.input.toml").read_text() == "# as written\n"
    status = run.status
    assert (status["state"], status["converged"], status["missing"]) == ("done", True, [])
    assert all(0.1 < one["acceptance"] < 0.9 for one in status["ensembles"])

    summary = json.loads((run.folder / "summary.json").read_text())
    assert list(summary) == ["converged", "rhat_max", "ess_min", "steps", "parameters", "warnings"]
    assert summary == run.summary() == open_run(run.folder).summary()
    assert run.converged
    assert summary["rhat_max"] < 1.01
    assert summary["ess_min"] >= 500
    for entry in summary["parameters"].values():
        assert list(entry) == ["median", "hpd68", "hpd95", "ess", "rhat", "unconstrained"]
        assert abs(entry["median"]) < 5.0 * 1.2533 / np.sqrt(entry["ess"])  # Monte-Carlo error of a Gaussian median
        assert entry["hpd95"] == pytest.approx([-1.96, 1.96], abs=0.3)

    everything_kept, defaults = run.samples(0, 1), run.samples()
    assert everything_kept.shape == (2, summary["steps"], 16, 3)
    np.testing.assert_array_equal(defaults, everything_kept[:, run.verdict.discard :: run.verdict.thin])
    terms = run.log_terms()
    assert list(terms) == ["prior", "data"]
    np.testing.assert_array_equal(terms["prior"] + terms["data"], run.log_prob())

    with netcdf(run, "posterior") as posterior:
        assert list(posterior) == ["x0", "x1", "x2", "radius"]
        assert posterior.sizes["chain"] == 2
        assert 100 < posterior.sizes["draw"] <= 1000
        squares = sum(posterior[name] ** 2 for name in ("x0", "x1", "x2"))
        np.testing.assert_allclose(posterior["radius"] ** 2, squares)
    with netcdf(run, "log_likelihood") as likelihood, netcdf(run, "sample_stats") as stats:
        assert likelihood["counts"].dims == ("chain", "draw", "topology", "bin")
        np.testing.assert_allclose(likelihood["counts"].values[..., 0, 0], stats["term_data"])
        np.testing.assert_allclose(stats["lp"], stats["term_data"] + stats["term_prior"])
    with netcdf(run) as whole:
        assert whole.attrs["config_hash"] == "toy"
    with netcdf(run, "observed_data") as observed:
        np.testing.assert_array_equal(observed["counts"], [[1, 2], [3, 4]])


def test_finished_run_is_returned_as_it_is_and_a_higher_target_continues_it(short, tmp_path, pool):
    first = fit(short, tmp_path / "run", executor=pool)
    assert not first.converged
    assert first.summary()["steps"] == 450
    assert any("effective sample size" in text for text in first.summary()["warnings"])
    assert first.status["missing"]
    before = contents(first.folder)
    again = fit(short, tmp_path / "run", resume=True, executor=None)
    assert contents(first.folder) == before
    assert_identical(first, again)
    longer = fit(short, tmp_path / "run", resume=True, max_steps=600, executor=pool)
    assert longer.summary()["steps"] == 600
    np.testing.assert_array_equal(longer.samples(0, 1)[:, :450], first.samples(0, 1))
    assert_identical(longer, fit(short, tmp_path / "straight", max_steps=600, executor=pool))
    lower = fit(short, tmp_path / "run", resume=True, target_ess=1, executor=pool)
    assert lower.summary()["steps"] == 600
    assert lower.status["ensembles"] == longer.status["ensembles"]  # what was known of them stays


def test_chains_do_not_depend_on_jobs_but_on_the_seed(short, tmp_path, pool):
    threads = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    one = fit(short, tmp_path / "one", jobs=1, progress=False)
    two = fit(short, tmp_path / "two", jobs=2, progress=False)
    assert_identical(one, two)
    assert_identical(one, fit(short, tmp_path / "threads", executor=pool, progress=False))
    other = fit(short, tmp_path / "other", executor=pool, seed=8, progress=False)
    assert not np.any(np.isin(other.samples(0, 1), one.samples(0, 1)))
    assert not np.any(np.isin(one.samples(0, 1)[0], one.samples(0, 1)[1]))
    assert {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")} == threads


def test_killed_runs_resume_to_identical_chains(toys, tmp_path, pool):
    (tmp_path / "main.py").write_text(KILLED)
    run = tmp_path / "run"
    for least in (2, 6):
        process = subprocess.Popen(
            [sys.executable, tmp_path / "main.py", Path(__file__).parents[1], run], stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60.0
        while len(list(run.glob("chains/ensemble-1/*.npz"))) < least:
            assert process.poll() is None, "ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.3)
        left = contents(run)
        time.sleep(0.3)
        assert contents(run) == left  # the workers have ended with their parent
    resumed = fit(toys.slow(), run, resume=True, executor=pool)
    straight = fit(toys.slow(), tmp_path / "straight", executor=pool)
    assert resumed.summary() == straight.summary()
    assert_identical(resumed, straight)
    assert not list(run.rglob("*.tmp"))


@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_interrupt_leaves_a_run_that_resumes(name, toys, tmp_path, pool):
    (tmp_path / "main.py").write_text(KILLED)
    run = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, tmp_path / "main.py", Path(__file__).parents[1], run],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60.0
    while not list(run.glob("chains/ensemble-1/000001.npz")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, getattr(signal, name))  # as a terminal or a batch system does: to the workers too
    _, stderr = process.communicate(timeout=30)
    assert stderr.count("Traceback") == 1  # the KeyboardInterrupt of the script itself, none of a worker
    assert files.read_json(run / "status.json")["state"] == "interrupted"
    assert not (run / "stop").exists()
    assert_identical(fit(toys.slow(), run, resume=True, executor=pool), fit(toys.slow(), tmp_path / "b", executor=pool))


def test_refusals_touch_nothing(short, toys, tmp_path, pool):
    run = fit(short, tmp_path / "run", executor=pool, progress=False)
    before = contents(run.folder)
    with pytest.raises(RunFolderError, match="already holds a run"):
        fit(short, run.folder, executor=pool)
    with pytest.raises(RunFolderError, match=r"another configuration, model\.threshold is 2\.0 there and 3\.0 here"):
        fit(replace(short, config_hash="new", threshold=3.0), run.folder, resume=True, executor=pool)
    with pytest.raises(RunFolderError, match="started with walkers = 16; 20 is not possible"):
        fit(short, run.folder, resume=True, walkers=20, executor=pool)
    for force in (False, True):
        with files.locked(run.folder / "lock"), pytest.raises(RunFolderError, match="in use by another process"):
            fit(short, run.folder, resume=not force, force=force, max_steps=900, executor=pool)
    with pytest.raises(ConfigError, match="only one of them"):
        fit(short, run.folder, resume=True, force=True, executor=pool)
    assert contents(run.folder) == before
    with pytest.raises(ConfigError, match="walkers: 4 is not allowed"):
        fit(short, tmp_path / "new", walkers=4, executor=pool)
    with pytest.raises(ConfigError, match="max_steps: 0 is not allowed"):
        fit(short, tmp_path / "new", max_steps=0, executor=pool)
    with pytest.raises(ConfigError, match="'data'"):
        fit(toys.Toy(defect="excluded"), tmp_path / "new", executor=pool)
    with pytest.raises(ConfigError, match="jobs: 0 is not allowed"):
        fit(short, tmp_path / "new", jobs=0)
    with pytest.raises(RunFolderError, match="not a run folder"):
        open_run(tmp_path)
    assert not (tmp_path / "new").exists()


def test_a_run_that_another_process_makes_meanwhile_is_kept(short, tmp_path, pool, monkeypatch):
    """Two processes begin with --resume where there is nothing: the later one touches nothing."""
    begin = {"resume": True, "executor": pool, "progress": False}

    def other():
        monkeypatch.undo()
        fit(short, tmp_path / "run", seed=8, **begin)
        before.update(contents(tmp_path / "run"))

    before = {}
    monkeypatch.setattr(arviz_adapter, "prepare", other)
    with pytest.raises(RunFolderError, match="another process has made a run there meanwhile; --resume continues it"):
        fit(short, tmp_path / "run", seed=9, **begin)
    assert before == contents(tmp_path / "run")


def test_force_starts_over_and_keeps_what_is_not_ours(short, tmp_path, pool):
    run = fit(short, tmp_path / "run", executor=pool, progress=False)
    (run.folder / "notes.md").write_text("keep me")
    new = fit(short, run.folder, force=True, seed=99, executor=pool, progress=False)
    assert new.record["seed"] == 99
    assert (run.folder / "notes.md").read_text() == "keep me"
    assert_identical(new, fit(short, tmp_path / "b", seed=99, executor=pool, progress=False))


def test_not_a_number_stops_at_the_checkpoint_and_saves_the_point(toys, tmp_path, pool):
    sick = replace(sampler(toys, max_steps=20_000, target_ess=1e9), defect="nan", bound=4.4)
    fit(sick, tmp_path / "run", max_steps=50, executor=pool, progress=False)
    with pytest.raises(NonFiniteLogProbError, match="'data'"):
        fit(replace(sick, bound=10.0), tmp_path / "run", resume=True, executor=pool, progress=False)
    saved = json.loads((tmp_path / "run" / "nonfinite.json").read_text())
    assert saved["term"] == "data"
    assert saved["point"]["x0"] > 4.5
    assert open_run(tmp_path / "run").samples(0, 1).shape[1] >= 50
    assert files.read_json(tmp_path / "run" / "status.json")["state"] == "failed"


def test_damaged_chains_are_named_on_resume_and_on_reading(short, tmp_path, pool):
    run = fit(short, tmp_path / "run", executor=pool, progress=False)
    last = max(run.folder.glob("chains/ensemble-1/*.npz"))
    content = last.read_bytes()
    last.write_bytes(content[: len(content) // 2])
    with pytest.raises(RunFolderError, match=rf"ensemble-1/{last.name}: truncated or damaged"):
        fit(short, run.folder, resume=True, max_steps=900, executor=pool, progress=False)
    with pytest.raises(RunFolderError, match=rf"ensemble-1/{last.name}: truncated or damaged"):
        open_run(run.folder).samples(0, 1)
    last.unlink()
    with pytest.raises(RunFolderError, match=r"ensemble-1: its last blocks are missing, it ends at step 400 of 450"):
        open_run(run.folder).samples(0, 1)


def test_bimodal_with_wrong_weights_is_reported_not_converged(toys, tmp_path, pool):
    """Each ensemble keeps the weights with which it starts: R-hat and the indicators of the modes say so."""
    analysis = toys.Bimodal(n_dim=4, sampler=toys.ToySampler(ensembles=4, max_steps=1500))
    run = fit(analysis, tmp_path / "run", executor=pool, progress=False)
    assert not run.converged
    assert run.summary()["rhat_max"] > 1.01
    assert any("R-hat" in text for text in run.summary()["warnings"])
    assert any("x0 below " in text and "not alike in all ensembles" in text for text in run.summary()["warnings"])
    assert np.ptp(np.mean(run.samples()[..., 0] > 0.0, axis=(1, 2))) > 0.2


def test_equal_starts_hide_the_wrong_weights_negative_control(toys, tmp_path, pool, monkeypatch):
    """Without starts in different regions the same run passes: what the test above sees is their doing."""
    analysis = toys.Bimodal(n_dim=4, sampler=toys.ToySampler(ensembles=4, max_steps=3000, target_ess=200))

    def start_in_one_mode(_, walkers, seed, ensemble):
        rng = np.random.default_rng([seed, ensemble])
        theta = -5.0 + np.where(np.arange(4) < 2, 0.003, 0.3) * rng.standard_normal((walkers, 4))
        log_prob, terms, _ = analysis.evaluate(theta)
        state = np.random.RandomState(ensemble).get_state(legacy=True)
        return run_folder.Block(-1, theta[None], log_prob[None], terms[None], np.zeros(walkers, np.intp), state)

    monkeypatch.setattr("nuinfer.inference.sampling.fit.start_of", start_in_one_mode)
    run = fit(analysis, tmp_path / "run", executor=pool, progress=False)
    assert run.converged
    assert np.all(run.samples()[..., 0] < 0.0)


def test_tolerated_points_mark_the_run(toys, tmp_path, pool):
    sick = replace(sampler(toys, max_steps=450, target_ess=1e9), defect="nan", bound=4.4)
    fit(sick, tmp_path / "run", executor=pool, progress=False)  # the defect lies outside the prior box
    wider = replace(sick, bound=10.0)
    options = {"resume": True, "max_steps": 600, "executor": pool, "progress": False}
    run = fit(wider, tmp_path / "run", tolerate_nonfinite=500, **options)
    rejected = run.rejected()
    assert rejected
    assert (
        f"{len(rejected)} points were rejected because their log-probability is not a number (term data)"
        in (run.summary()["warnings"])
    )
    assert run.record["tolerate_nonfinite"] == 500
    with pytest.raises(ConfigError, match="tolerate_nonfinite: -1 is not allowed"):
        fit(wider, tmp_path / "other", tolerate_nonfinite=-1, executor=pool)


def test_limit_at_the_edge_of_the_prior(toys, tmp_path, pool):
    # flat on [-10, 0], half a Gaussian above: 10 + sqrt(2 pi) (Phi(v) - 1/2) = 0.95 (10 + sqrt(pi/2)) at v = 0.757
    run = fit(toys.Plateau(n_dim=2, sampler=toys.ToySampler(target_ess=1500)), tmp_path / "run", executor=pool)
    limit = run.summary()["parameters"]["x0"]["limit95"]
    assert (limit["side"], limit["prior_floor"]) == ("upper", -10.0)
    assert limit["value"] == pytest.approx(0.757, abs=0.25)
    assert limit["profile"] == pytest.approx(1.645, abs=0.01)  # 95 % of a Gaussian that is flat below its mean
    checks = run.predictive_checks()
    assert checks.bins.shape == (2, 2)  # the toy predicts just what is observed
    assert checks.warnings() == []
    assert "limit95" not in run.summary()["parameters"]["x1"]


def test_a_run_goes_on_where_only_the_hash_of_its_configuration_has_changed(tmp_path, pool, monkeypatch):
    """As after an update of nuinfer: same configuration and log-probabilities; other numbers are refused."""
    analysis = nuinfer.load("hese7_icecube", ["model.absorption=false"])
    few = {"ensembles": 2, "walkers": 16, "seed": 5, "progress": False, "executor": pool}
    fit(analysis, tmp_path / "run", max_steps=4, **few)
    straight = fit(analysis, tmp_path / "straight", max_steps=8, **few)
    monkeypatch.setattr(nuinfer.Analysis, "config_hash", "of a later version")
    other = analysis.with_observed(analysis.observed_counts + 1.0)
    with pytest.raises(RunFolderError, match="of the observed counts there and of counts that were given here"):
        fit(other, tmp_path / "run", resume=True, max_steps=8, progress=False, executor=pool)
    run = fit(analysis, tmp_path / "run", resume=True, max_steps=8, progress=False, executor=pool)
    assert_identical(run, straight)
    assert_identical(open_run(run.folder), straight)


def test_a_run_whose_configuration_was_edited_is_not_its_model(tmp_path, pool):
    """The chains still open: names and priors are enough for a trace."""
    analysis = nuinfer.load("hese7_icecube", ["model.absorption=false"])
    few = {"ensembles": 2, "walkers": 16, "seed": 5, "progress": False, "executor": pool}
    fit(analysis, tmp_path / "run", max_steps=4, **few)
    path = tmp_path / "run" / "config.resolved.toml"
    path.write_text(path.read_text().replace('source = "pp"', 'source = "neutron"'))
    run = nuinfer.open_run(tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"config\.resolved\.toml: was changed after the chains were made"):
        _ = run.analysis
    assert run.samples(0, 1).shape == (2, 4, 16, len(run.parameter_names))
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record.pop("resolved_sha256")  # as of 0.1.0
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    run = nuinfer.open_run(tmp_path / "run")
    assert run.described.parameter_names == run.parameter_names
    with pytest.raises(RunFolderError, match="today's model gives other log-probabilities"):
        _ = run.analysis


def test_code_of_a_stranger_does_not_run(tmp_path, pool, monkeypatch):
    """The signature is of this user's key: a folder made elsewhere has none, or another one."""
    mine, ran = tmp_path / "mine.py", tmp_path / "ran"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    mine.write_text(f"""
import pathlib
pathlib.Path({str(ran)!r}).touch()
from nuinfer.constraints.base import Constraint, Measurement
def build(charges, mass_range_mev):
    measured = Measurement("mine", "none", limit=1.0)
    return Constraint("mine", "exclusion", measured, lambda m, g: 0.0 * m, 0.0)
""")
    analysis = nuinfer.load("hese7_icecube", [f"constraints.custom.mine.file={mine}"])
    fit(analysis, tmp_path / "run", ensembles=1, walkers=32, max_steps=2, progress=False, executor=pool)
    ran.unlink()
    for name in [name for name in sys.modules if name.startswith("nuinfer_user_")]:
        del sys.modules[name]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of another user"))
    with pytest.raises(RunFolderError, match=r"runs the code of .*mine\.py, and another user or machine .* --trust"):
        _ = nuinfer.open_run(tmp_path / "run").analysis
    assert not ran.exists()
    assert nuinfer.open_run(tmp_path / "run", trust=True).analysis.config_hash == analysis.config_hash
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert nuinfer.open_run(tmp_path / "run").analysis.config_hash == analysis.config_hash
    mine.write_text(mine.read_text() + "# changed")
    assert nuinfer.open_run(tmp_path / "run").analysis.absorbs  # by the copy that the folder keeps
    (kept,) = (tmp_path / "run" / "kept").iterdir()
    kept.write_text(mine.read_text())
    for trust in (False, True):
        with pytest.raises(RunFolderError, match=r"mine\.py was changed after the chains were made"):
            _ = nuinfer.open_run(tmp_path / "run", trust=trust).analysis


def test_an_ensemble_in_the_place_of_another_is_refused(tmp_path, pool):
    analysis = nuinfer.load("hese7_icecube", ["model.absorption=false"])
    few = {"ensembles": 2, "walkers": 16, "progress": False, "executor": pool, "max_steps": 4}
    fit(analysis, tmp_path / "run", seed=5, **few)
    fit(analysis, tmp_path / "other", seed=8, **few)
    chains = tmp_path / "run" / "chains"
    for foreign, what in (
        (chains / "ensemble-0", "its ensemble is ensemble-0 and the run's is ensemble-1"),
        (tmp_path / "other" / "chains" / "ensemble-1", "its seed is 8 and the run's is 5"),
    ):
        for block in foreign.glob("*.npz"):
            shutil.copy(block, chains / "ensemble-1" / block.name)
        with pytest.raises(RunFolderError, match=what):
            nuinfer.open_run(tmp_path / "run").samples()
