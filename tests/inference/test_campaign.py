"""Campaigns: what a file stands for, results that survive anything, a rerun that does the rest, ways to fail."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import nuinfer
from nuinfer import errors, registry
from nuinfer.cli import main
from nuinfer.detector.dataset import load_dataset
from nuinfer.errors import ConfigError, NotConvergedError, RunFolderError
from nuinfer.inference.profile.profile import Profile
from nuinfer.inference.studies.calibration import Setting, simulate
from nuinfer.inference.studies.campaign import count_jobs, jobs_of, open_campaign, parse_campaign, run_campaign
from nuinfer.inference.studies.digest import cases
from nuinfer.inference.studies.jobs import drawn_data, found_at, run_job, run_jobs
from nuinfer.inference.work.calls import Inline
from nuinfer.inference.work.files import write_lines
from nuinfer.inference.work.groups import MOST
from nuinfer.inference.work.store import Question, open_store, read_results

needs_cluster = pytest.mark.skipif(not importlib.util.find_spec("distributed"), reason="needs nuinfer[cluster]")

DIFFERS = ["seconds", "cpu_seconds", "attempts"]  # from one execution to the next
TWO_LEFT = """
"parameters.energy_scale.value" = 1.0
"parameters.detector_scale.value" = 1.0
"parameters.norm_muon.value" = 1.0
"parameters.norm_conventional.value" = 1.0
"parameters.norm_prompt.value" = 0.0
"parameters.tilt_conventional.value" = 0.0
"""
FITS = f"""
seed = 11
[jobs.fits]
task = "best_fit"
analysis = "hese7_icecube"
data = "simulated"
others = "centre"
n = 6
[jobs.fits.set]
"model.absorption" = false
{TWO_LEFT}
"""
POSTERIORS = f"""
[jobs.posteriors]
task = "posterior"
analysis = "hese7_icecube"
data = "simulated"
n = 4
[jobs.posteriors.set]
"model.absorption" = false
"sampler.walkers" = 16
"sampler.ensembles" = 2
"sampler.max_steps" = 400
"sampler.checkpoint_seconds" = 0.2
{TWO_LEFT}
"""
POISON = """
import multiprocessing
import os
from functools import partial

import numpy as np

from nuinfer.constraints.base import Constraint, Measurement


def predict(m_zprime_mev, g_prime, kind):
    if multiprocessing.parent_process() is not None:  # in a worker
        if kind == "kills":
            os._exit(3)
        if kind == "raises":
            raise ArithmeticError("a broken formula")
        if kind == "nan":
            return np.nan * g_prime
    return 0.0 * g_prime + 0.0 * m_zprime_mev


def build(charges, mass_range_mev, kind):
    measured = Measurement("poison", "nobody", mean=0.0, sigma=1.0)
    return Constraint("poison", "two_sided", measured, partial(predict, kind=kind), standard_model=0.0)
"""


def numbers(folder):
    """What must not depend on how a campaign was executed."""
    return [{k: v for k, v in row.items() if k not in DIFFERS} for row in open_campaign(folder).rows()]


def write(path, text):
    path.write_text(text)
    return str(path)


# What a file stands for -----------------------------------------------------------------------------------------------


def test_jobs_are_every_combination_and_addressed_by_what_decides_them(tmp_path):
    text = FITS + '[jobs.fits.vary]\n"data.exposure" = [1, 2]\n"model.source" = ["pp", "pgamma"]\n'
    jobs = list(jobs_of(parse_campaign(text)))
    assert len(jobs) == len({job.key for job in jobs}) == 24
    assert jobs[7].case == {"job": "fits", "task": "best_fit", "analysis": "hese7_icecube"} | {
        "data.exposure": 1,
        "model.source": "pgamma",
    }
    assert jobs[7].number == 1
    renamed = [job.key for job in jobs_of(parse_campaign(text.replace("jobs.fits", "jobs.others")))]
    assert renamed == [job.key for job in jobs]
    for change in ("seed = 12", "seed = 11\nattempts = 5"):
        keys = {job.key for job in jobs_of(parse_campaign(text.replace("seed = 11", change)))}
        assert keys.isdisjoint({job.key for job in jobs}) == (change == "seed = 12")
    assert count_jobs(write(tmp_path / "file.toml", text)) == {"fits": 24}


def test_data_of_one_number_and_truth_are_the_same_for_all_jobs():
    """The limits of one pseudo-experiment at several masses belong together."""
    text = """
[jobs.limits]
task = "limit"
analysis = "hese7_icecube"
data = "simulated"
truth = "standard_model"
n = 2
vary = { "parameters.log10_m_zprime_mev.value" = [0.5, 1.0], "data.exposure" = [1, 4] }
"""
    jobs = list(jobs_of(parse_campaign(text)))
    observed = []
    for job in jobs:
        seed = np.random.SeedSequence(job.seed, spawn_key=(job.number,)).spawn(2)[0]
        analysis = nuinfer.load("hese7_icecube", {key: v for key, v in job.case.items() if "." in key})
        observed.append(drawn_data(analysis, job.settings, seed).counts)
    assert np.array_equal(observed[0], observed[4])  # number 0 at both masses
    assert np.array_equal(observed[1], observed[5])
    assert not np.array_equal(observed[0], observed[1])
    assert 3.0 < observed[2].sum() / observed[0].sum() < 5.5  # four times the exposure of some 50 events


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[jobs.a]\ntask = 'best_fits'\nanalysis = 'hese7'", r"jobs.a.task: \"best_fits\" is not allowed"),
        ("[jobs.a]\ntask = 'best_fit'\nanalysi = 'hese7'", r"jobs.a.analys.*"),
        ("[jobs.a]\ntask = 'best_fit'\nanalysis = 'hese7'\nnn = 2", r"jobs.a.nn: unknown key \(did you mean 'n'\?\)"),
        ("[jobs.a]\ntask = 'best_fit'\nanalysis = 'hese8'", r"jobs.a: 'hese8': neither a preset"),
        ("[jobs.a]\ntask = 'best_fit'\nanalysis = 'hese7'\nn = 2", r"jobs.a.n: 2 is not allowed with data 'observed'"),
        ("[jobs.a]\ntask = 'best_fit'\nanalysis = 'hese7'\nat = {gamma = 2}", r"jobs.a.at: the observed data have no"),
        ("[jobs.a]\ntask = 'exclusion'\nanalysis = 'hese7'", r"jobs.a.test: .* give m_zprime_mev and g_prime"),
        ("[jobs.a]\ntask = 'limit'\nanalysis = 'hese7'\nparameter = 'g'", r"jobs.a.parameter: 'g' is not one of log10"),
        ("[jobs.a]\ntask = 'best_fit'\nanalysis = 'hese7'\nvary = {'model.source' = []}", r"jobs.a.vary.model.source"),
        ("sed = 3\n[jobs.a]\ntask = 'best_fit'\nanalysis = 'hese7'", r"sed: unknown key \(did you mean 'seed'\?\)"),
        ("seed = 3", r"jobs: missing"),
        ("[jobs.a]\nn = 2", r"jobs.a.task, jobs.a.analysis: missing"),
        ("jobs = 3 =", r"not valid TOML"),
    ],
)
def test_a_wrong_file_is_one_clear_line_and_leaves_nothing(text, message, tmp_path, capsys):
    assert main(["campaign", write(tmp_path / "c.toml", text), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    with pytest.raises(ConfigError, match=message):
        list(jobs_of(parse_campaign(text)))
    assert not (tmp_path / "out").exists()


# What it leaves -------------------------------------------------------------------------------------------------------


def test_results_do_not_depend_on_the_executor_and_are_kept(tmp_path, capsys):
    """In this process, in two local processes; a second run does nothing, a larger one only what is new."""
    file = write(tmp_path / "c.toml", FITS)
    table = tmp_path / "two.csv"
    assert main(["campaign", file, "--out", str(tmp_path / "two"), "--jobs", "2", "--csv", str(table)]) == 0
    printed = capsys.readouterr().out
    assert "two: complete" in printed
    assert f"wrote {table}" in printed
    with table.open() as lines:
        written = list(csv.DictReader(lines))
    gammas = [float(row["gamma"]) for row in written]
    assert f" {statistics.median(gammas):.3g} " in next(line for line in printed.splitlines() if "gamma" in line)
    assert [float(row["gamma"]) for row in nuinfer.open_campaign(tmp_path / "two").rows()] == gammas
    one = run_campaign(file, tmp_path / "one", executor=Inline(), progress=False)
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")
    columns = one.columns()
    assert columns["number"].tolist() == [0, 1, 2, 3, 4, 5]
    assert np.all(np.isfinite(columns["log_likelihood"]))
    assert {"gamma", "phi_total"} <= set(columns)
    before = one.rows()
    more = FITS.replace("n = 6", "n = 7")
    assert run_campaign(write(tmp_path / "c.toml", more), tmp_path / "one", executor=Inline()).complete
    assert "6 of 7 jobs are there" in capsys.readouterr().err
    assert one.rows()[:6] == before
    assert main(["status", str(tmp_path / "one"), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["state"], status["done"], status["left"]) == ("done", 7, 0)
    assert main(["status", str(tmp_path / "one")]) == 0
    assert "jobs: 7" in capsys.readouterr().out


def test_best_fits_are_those_of_the_profile(tmp_path):
    """A job does what a user would do by hand with the same data and seed."""
    config = parse_campaign(FITS.replace("n = 6", "n = 1") + '"data.likelihood" = "poisson"\n')
    (job,) = jobs_of(config)
    row = run_job(job, tmp_path)
    data, _ = np.random.SeedSequence(11, spawn_key=(0,)).spawn(2)
    analysis = nuinfer.load("hese7_icecube", config.jobs["fits"].set)
    expected = np.sum(list(analysis.predict().values()), axis=0)
    fitted = analysis.with_observed(np.random.default_rng(data).poisson(expected))
    best = Profile(fitted, 11).best
    assert row["gamma"] == best.theta[analysis.parameter_names.index("gamma")]
    uniform = np.log(2.5) + np.log(20.0)  # widths of the priors on gamma and phi_total, which are no measurements
    assert row["log_likelihood"] == pytest.approx(best.log_prob + uniform, rel=1e-12)


def test_best_fits_at_an_edge_of_the_prior_are_counted(tmp_path):
    """An edge that the prior has and not nature: the largest coupling, no flux of 0 and no end of a normal prior."""
    analysis = nuinfer.load("hese7_icecube")
    middle = np.clip(analysis.prior_transform([0.5] * len(analysis.parameter_names)), -3.0, 3.0)

    def row(**changed):
        point = {**dict(zip(analysis.parameter_names, middle, strict=True)), **changed}
        return found_at(analysis, np.array(list(point.values())))

    rows = [row(), row(log10_g_prime=-2.5, gamma=3.96), row(log10_g_prime=-2.51), row(norm_prompt=0.0, norm_muon=0.0)]
    assert [one["at_edge"] for one in rows] == ["", "log10_g_prime gamma", "log10_g_prime", ""]
    labels = {"key": "k", "job": "fits", "task": "best_fit", "analysis": "hese7_icecube"}
    (tmp_path / "campaign.toml").write_text(FITS.replace('others = "centre"', "at = {gamma = 2.5}"))
    numbered = [{**labels, "number": n, **one, "seconds": 1.0} for n, one in enumerate(rows)]
    (case,) = cases(SimpleNamespace(folder=tmp_path, rows=lambda: numbered))
    assert case.sentence() == "2 of 4 best fits at the edge of the prior (log10_g_prime 2, gamma 1)"
    assert case.quantities["g_prime"][0] == pytest.approx(10.0 ** np.median([one["log10_g_prime"] for one in rows]))
    assert case.quantities["gamma"][3] == 2.5


@pytest.mark.parametrize(
    "task",
    ["best_fit", *(pytest.param(task, marks=pytest.mark.slow) for task in ("significance", "limit", "exclusion"))],
)
def test_results_do_not_depend_on_what_is_done_together(task, tmp_path):
    """Four data sets as one batch, and each alone: the same to the bit, with counts and measured values drawn."""
    text = f"""
seed = 3
[jobs.x]
task = "{task}"
analysis = "hese7"
data = "simulated"
others = "centre"
n = 4
[jobs.x.set]
"parameters.log10_m_zprime_mev.value" = 1.0
"parameters.lightest_nu_mass_ev.value" = 0.02
{TWO_LEFT}
"""
    test = "test = {m_zprime_mev = 10.0, g_prime = 1e-3}" if task == "exclusion" else ""
    jobs = list(jobs_of(parse_campaign(text.replace("n = 4", f"n = 4\n{test}"))))
    assert len({job.group for job in jobs}) == 1
    together = run_jobs([(job, tmp_path) for job in jobs])
    for row, job in zip(together, jobs, strict=True):
        alone = run_job(job, tmp_path)
        assert {k: v for k, v in row.items() if k not in DIFFERS} == {
            k: v for k, v in alone.items() if k not in DIFFERS
        }
    assert len({tuple(str(v) for k, v in row.items() if k not in DIFFERS) for row in together}) > 1


def test_odds_are_the_evidences_of_each_hypothesis(tmp_path):
    """Two hypotheses, two free parameters: ln Z of a job is that of a tensor grid over the same prior and data."""
    text = f"""
[jobs.sources]
task = "odds"
analysis = "hese7_icecube"
live = 200
[jobs.sources.vary]
"model.source" = ["pp", "neutron"]
[jobs.sources.set]
"model.absorption" = false
{TWO_LEFT}
"""
    campaign = run_campaign(write(tmp_path / "c.toml", text), tmp_path / "out", executor=Inline(), progress=False)
    assert campaign.complete
    columns = campaign.columns()
    cube = np.stack(np.meshgrid(*[(np.arange(120) + 0.5) / 120] * 2), axis=-1)
    common = parse_campaign(text).jobs["sources"].set
    for k, source in enumerate(["pp", "neutron"]):
        analysis = nuinfer.load("hese7_icecube", {**common, "model.source": source})
        values = analysis.log_likelihood(analysis.prior_transform(cube))
        expected = values.max() + np.log(np.mean(np.exp(values - values.max())))
        assert columns["ln_z"][k] == pytest.approx(expected, abs=4.0 * columns["ln_z_error"][k])


def test_a_campaign_on_flux_points(tmp_path):
    """Observed segments: the index and flux of `tests/detector/test_flux_points.py`, 2.48 and 3 x 1.84, chi^2 35.5, and
    the evidence of that spectrum is a quadrature; data that are expectations give back their truth (analytic)."""
    text = """
[jobs.observed]
task = "best_fit"
analysis = "mese11_icecube"
[jobs.observed.set]
"model.absorption" = false
"model.spectrum" = "power_law"
[jobs.asimov]
task = "best_fit"
analysis = "mese11_icecube"
data = "asimov"
at = {gamma = 2.2, phi_total = 6.0}
[jobs.asimov.set]
"model.absorption" = false
"model.spectrum" = "power_law"
[jobs.odds]
task = "odds"
analysis = "mese11_icecube"
live = 100
[jobs.odds.set]
"model.absorption" = false
"model.spectrum" = "power_law"
"""
    campaign = run_campaign(write(tmp_path / "c.toml", text), tmp_path / "out", executor=Inline(), progress=False)
    columns = campaign.columns()
    observed, asimov = np.stack([columns["gamma"], columns["phi_total"]], axis=-1)[:2]
    assert observed == pytest.approx([2.48, 3 * 1.84], abs=0.015)
    assert asimov == pytest.approx([2.2, 6.0], rel=1e-3)
    data = load_dataset("mese11")
    gamma, phi = (x[..., None] for x in np.meshgrid(np.linspace(1.5, 4.0, 501), np.linspace(0.02, 20.0, 1000)))
    low, high = data.bins_gev.T / 1e5
    with np.errstate(divide="ignore", invalid="ignore"):
        shape = (high ** (2.0 - gamma) - low ** (2.0 - gamma)) / (3.0 * (2.0 - gamma) * np.log(high / low))
    apart = np.where(gamma == 2.0, phi / 3.0, phi * shape) - data.observed[0]
    terms = -0.5 * np.square(apart / np.where(apart > 0.0, data.error_up, np.maximum(data.error_low, 1e-9)))
    norm = -np.log(np.sqrt(np.pi / 2.0) * (data.error_up + data.error_low)).sum()
    log_likelihood = terms.sum(axis=-1)
    assert -2.0 * log_likelihood.max() == pytest.approx(35.5, abs=0.06)
    assert columns["log_likelihood"][0] == pytest.approx(norm + log_likelihood.max(), abs=0.01)
    expected = norm + np.log(np.mean(np.exp(log_likelihood)))
    assert columns["ln_z"][2] == pytest.approx(expected, abs=4.0 * columns["ln_z_error"][2])


def test_rows_are_columns_and_a_table(tmp_path):
    """Labels of several types become texts, a number that is missing NaN; results of an earlier campaign stay out."""
    folder = tmp_path / "out"
    names = ["a", 1, 2.5]
    jobs = [{"key": f"k{i}", "job": "x", "number": i, "mixed": v} for i, v in enumerate(names)]
    results = [
        {"key": "k2", "attempts": 1, "result": {"x": 2.0, "limit": None, "number": 9}},
        {"key": "k0", "attempts": 2, "result": {"x": 1, "limit": 3.5}},
        {"key": "k1", "attempts": 3, "reason": "its worker died, 3 times"},
        {"key": "stranger", "attempts": 1, "result": {"x": 1.0}},
    ]
    with open_store(folder, Question("campaign"), progress=False):
        write_lines(folder / "jobs.jsonl", jobs)
        write_lines(folder / "results.jsonl", results)
    campaign = open_campaign(folder)
    assert list(campaign.rows()[1]) == ["key", "job", "number", "mixed", "x", "limit", "attempts"]
    assert campaign.failures() == [{**jobs[1], "attempts": 3, "reason": "its worker died, 3 times"}]
    columns = campaign.columns()
    assert columns["key"].tolist() == ["k0", "k2"]
    assert columns["number"].tolist() == [0, 2]
    assert columns["number"].dtype == int
    assert columns["mixed"].tolist() == ["a", "2.5"]
    np.testing.assert_array_equal(columns["x"], [1.0, 2.0])
    np.testing.assert_array_equal(columns["limit"], [3.5, np.nan])
    assert np.array_equal(columns["mixed"] == "a", [True, False])
    pytest.importorskip("pyarrow", reason="needs nuinfer[campaign]")
    assert campaign.table().to_pydict()["limit"] == [3.5, None]
    assert campaign.table().column("mixed").to_pylist() == ["a", "2.5"]


def test_a_folder_of_something_else_is_refused(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    assert main(["campaign", write(tmp_path / "c.toml", FITS), "--out", str(tmp_path / "out")]) == 2
    assert "not the folder of a campaign" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]
    with pytest.raises(RunFolderError, match="is not the folder of a campaign"):
        open_campaign(tmp_path)


def test_without_the_extra_only_the_table_is_missing(tmp_path, monkeypatch):
    real = registry.import_module

    def missing(name):
        if name == "pyarrow":
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(registry, "import_module", missing)
    campaign = run_campaign(parse_campaign(FITS.replace("n = 6", "n = 1")), tmp_path, executor=Inline(), progress=False)
    assert campaign.columns()["number"].tolist() == [0]
    with pytest.raises(ConfigError, match=r"pip install 'nuinfer\[campaign\]'"):
        campaign.table()


OWN_KIND = """
from nuinfer.inference.studies.jobs import JobKind

JOB = JobKind("gamma", lambda work: {"gamma": work.analysis.point()["gamma"], "seed": work.seed})
"""


def test_a_kind_of_the_users_own(tmp_path):
    """A Python file with the constant JOB is a task; its results depend on its text."""
    own = tmp_path / "mine.py"
    own.write_text(OWN_KIND)
    config = parse_campaign(f'[jobs.own]\ntask = "{own}"\nanalysis = "hese7_icecube"\n')
    campaign = run_campaign(config, tmp_path / "out", jobs=1, progress=False)
    assert campaign.complete, campaign.failures()
    assert campaign.columns()["gamma"].tolist() == [nuinfer.load("hese7_icecube").point()["gamma"]]
    (before,) = jobs_of(config)
    own.write_text(OWN_KIND + "# changed\n")
    assert [job.key for job in jobs_of(config)] != [before.key]
    with pytest.raises(ConfigError, match=r"absent.py' cannot be read"):
        parse_campaign('[jobs.own]\ntask = "absent.py"\nanalysis = "hese7_icecube"\n')


def test_calibration_in_a_campaign_is_that_of_the_command(tmp_path):
    """The same simulations, judged by the same statistics."""
    text = FITS.replace('data = "simulated"\nothers = "centre"\nn = 6', "min_ess = 20\nn = 2") + '"sampler.walkers" = 8'
    config = parse_campaign(text.replace("best_fit", "calibration"))
    campaign = run_campaign(config, tmp_path / "out", executor=Inline(), progress=False)
    expected = simulate(nuinfer.load("hese7_icecube", config.jobs["fits"].set), Setting(11, 20.0), 1)
    found = campaign.calibration("fits")
    assert found.simulations == 2
    assert {name: ranks[1] for name, ranks in found.ranks.items()} == expected["rank"]


# What goes wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", [None, pytest.param("local", marks=[needs_cluster, pytest.mark.slow])])
def test_poisoned_jobs_are_reported_and_the_rest_go_on(scheduler, tmp_path, capsys):
    """One raises, one gives NaN, one kills its worker each time it is started; the healthy ones end."""
    write(tmp_path / "poison.py", POISON)
    kinds = ["fine", "raises", "nan", "kills", "healthy"]
    text = f"""
attempts = 2
[jobs.fits]
task = "best_fit"
analysis = "hese7_icecube"
[jobs.fits.set]
"constraints.custom.poison.file" = "{tmp_path / "poison.py"}"
"parameters.log10_m_zprime_mev.value" = 1.0
"parameters.lightest_nu_mass_ev.value" = 0.05
"parameters.log10_g_prime.value" = -3.0
{TWO_LEFT}
[jobs.fits.vary]
"constraints.custom.poison.kind" = {json.dumps(kinds)}
"""
    arguments = ["campaign", write(tmp_path / "c.toml", text), "--out", str(tmp_path / "out"), "--jobs", "2"]
    assert main(arguments + (["--scheduler", scheduler] if scheduler else [])) == 3
    out = capsys.readouterr().out
    assert "INCOMPLETE, 3 jobs failed" in out
    campaign = open_campaign(tmp_path / "out")
    assert not campaign.complete
    assert [row["constraints.custom.poison.kind"] for row in campaign.rows()] == ["fine", "healthy"]
    reasons = {one["constraints.custom.poison.kind"]: one["reason"] for one in campaign.failures()}
    assert "ArithmeticError: a broken formula" in reasons["raises"]
    assert reasons["kills"] == "its worker died, 2 times"
    assert "'custom.poison'" in reasons["nan"]
    assert campaign.status()["state"] == "incomplete"


def test_a_campaign_whose_every_job_fails_says_why(tmp_path, capsys):
    """The command lists the reasons; so does who asks for the numbers, which are none."""
    write(tmp_path / "mine.py", OWN_KIND.replace('{"gamma"', '{"gamma": 1 / 0, "not"'))
    text = f'[jobs.own]\ntask = "{tmp_path / "mine.py"}"\nanalysis = "hese7_icecube"\ndata = "simulated"\nn = 3\n'
    assert main(["campaign", write(tmp_path / "c.toml", text), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 3
    said = capsys.readouterr().out
    assert said.count("ZeroDivisionError: division by zero") == 3
    assert "INCOMPLETE, 3 jobs failed" in said
    campaign = open_campaign(tmp_path / "out")
    assert campaign.rows() == []
    for numbers_of in (campaign.columns, campaign.table, lambda: campaign.calibration("own")):
        with pytest.raises(NotConvergedError, match=r"all 3 jobs failed: ZeroDivisionError: division by zero \(3\)"):
            numbers_of()


def start(file, out, *options):
    """A campaign in a process group of its own."""
    command = [sys.executable, "-m", "nuinfer", "campaign", file, "--out", str(out), "--resume", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def done(out):
    """Number of results that are there."""
    return len(read_results(out))


def kill_when(process, out, least, number=signal.SIGKILL):
    """Send a signal to the command when so many results are there."""
    for _ in range(1200):
        if done(out) >= least or process.poll() is not None:
            break
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()[0].decode()
    os.kill(process.pid, number)
    return process.communicate(timeout=60)[0].decode()


def test_killed_and_run_again_it_does_only_the_rest(tmp_path):
    """SIGKILL of the command in the middle; the second run keeps what is there, and the table is that of one run."""
    file, out = write(tmp_path / "c.toml", FITS.replace("n = 6", "n = 16")), tmp_path / "out"
    kill_when(start(file, out, "--jobs", "1"), out, 2)
    kept = read_results(out)
    assert 2 <= len(kept) < 16
    assert run_campaign(file, out, executor=Inline(), progress=False).complete
    assert f"{len(kept)} of 16 jobs are there" in (out / "log.txt").read_text()
    assert not [path for path in out.rglob("*") if path.name.endswith(".tmp")]
    run_campaign(file, tmp_path / "serial", executor=Inline(), progress=False)
    assert numbers(out) == numbers(tmp_path / "serial")


@pytest.mark.skipif(not importlib.util.find_spec("psutil"), reason="needs nuinfer[cluster]")
@pytest.mark.parametrize(
    ("options", "fits", "posteriors"),
    [((), 8, 0), pytest.param(("--scheduler", "local"), 200, 4, marks=[needs_cluster, pytest.mark.slow])],
)
def test_with_workers_killed_midway_results_are_those_of_a_serial_run(options, fits, posteriors, tmp_path):
    """SIGKILL of a worker during best fits and of one during a posterior fit: only what they did is done again."""
    psutil = pytest.importorskip("psutil")
    text = FITS.replace("n = 6", f"n = {fits}")
    if posteriors:
        text += POSTERIORS.replace("n = 4", f"n = {posteriors}")
    file, out = write(tmp_path / "c.toml", text), tmp_path / "out"
    process = start(file, out, "--jobs", "2", *options)
    moments = [lambda: done(out) >= fits // 4, lambda: any(out.glob("runs/*/chains/*/000001.npz"))]
    for ready in moments[: 2 if posteriors else 1]:
        while process.poll() is None and not ready():
            time.sleep(0.02)
        busy = [one for one in psutil.Process(process.pid).children() if "spawn_main" in " ".join(one.cmdline())]
        max(busy, key=lambda one: one.create_time()).kill()  # the youngest: the pool of the other one is the older
    output = process.communicate(timeout=600)[0].decode()
    assert process.returncode == 0, output
    run_campaign(file, tmp_path / "serial", executor=Inline(), progress=False)
    assert numbers(out) == numbers(tmp_path / "serial")
    columns = open_campaign(out).columns()
    assert len(columns["job"]) == fits + posteriors
    assert 1 <= np.sum(columns["attempts"] > 1) <= (MOST + posteriors if posteriors else 4)  # a group for each kill
    if posteriors:
        assert np.array_equal(np.isnan(columns["median.gamma"]), columns["job"] == "fits")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_interrupted_it_says_so_and_can_be_read(number, code, tmp_path):
    file, out = write(tmp_path / "c.toml", FITS.replace("n = 6", "n = 100")), tmp_path / "out"
    process = start(file, out, "--jobs", "1")
    output = kill_when(process, out, 2, number)
    assert process.returncode == code
    assert "Traceback" not in output
    assert open_campaign(out).status()["state"] == "interrupted"
    assert len(open_campaign(out).rows()) >= 2
    assert not open_campaign(out).complete


MPIEXEC = shutil.which("mpiexec") or shutil.which("mpiexec", path=str(Path(sys.executable).parent))
AS_ROOT = [f"{launcher}_ALLOW_RUN_AS_ROOT{end}" for launcher in ("OMPI", "PRTE") for end in ("", "_CONFIRM")]


@pytest.mark.skipif(not importlib.util.find_spec("mpi4py"), reason="needs nuinfer[mpi]")
def test_mpi_alone_says_how_to_start_it(tmp_path):
    process = start(write(tmp_path / "c.toml", FITS), tmp_path / "out", "--scheduler", "mpi")
    output = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 2
    assert "mpiexec -n N python -m mpi4py.futures -m nuinfer" in output or "no MPI library" in output


@pytest.mark.skipif(not importlib.util.find_spec("mpi4py") or not MPIEXEC, reason="needs nuinfer[mpi] and mpiexec")
def test_mpi_gives_the_same_numbers(tmp_path):
    """Smoke test: a dispatcher and two workers."""
    file, out = write(tmp_path / "c.toml", FITS), tmp_path / "out"
    command = [str(MPIEXEC), "--oversubscribe", "-n", "3", sys.executable, "-m", "mpi4py.futures", "-m", "nuinfer"]
    command += ["campaign", file, "--out", str(out), "--scheduler", "mpi"]
    environment = {**os.environ, **dict.fromkeys(AS_ROOT, "1")}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (out / "campaign.json").is_file(), answer.stderr
    assert open_campaign(out).complete, answer.stderr  # not the launcher's exit status
    run_campaign(file, tmp_path / "serial", executor=Inline(), progress=False)
    assert numbers(out) == numbers(tmp_path / "serial")


def test_the_documented_example_is_a_campaign(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text()
    example = text[text.index("    # coverage.toml") : text.index("<!-- -->")]
    assert count_jobs(write(tmp_path / "c.toml", textwrap.dedent(example))) == {"fits": 400, "posteriors": 2}


def test_jobs_that_are_there_already_are_said_and_done_once(tmp_path, caplog):
    errors.warn_once.cache_clear()
    path = tmp_path / "twice.toml"
    path.write_text("".join(f"[jobs.{name}]\ntask = 'best_fit'\nanalysis = 'hese7_icecube'\n" for name in "ab"))
    assert count_jobs(path) == {"a": 1, "b": 0}
    assert "jobs.b: 1 of its jobs are there already" in caplog.text
