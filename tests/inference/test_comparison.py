"""Comparisons: what is refused, what is printed, absorption against none, averages, folders, and honest odds."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from nominal import FIXED
from scipy import special

import nuinfer
from nuinfer import cli, plotting
from nuinfer.cli.compare import print_comparison
from nuinfer.detector.dataset import load_dataset
from nuinfer.errors import ConfigError, RunFolderError
from nuinfer.inference.evidence import evidence, hypotheses
from nuinfer.inference.evidence.absorption_test import savage_dickey
from nuinfer.inference.evidence.compare import compare, read_run
from nuinfer.inference.evidence.evidence import REFIT_DRAWS, Evidence, average, leave_one_out, probabilities, verbal
from nuinfer.inference.evidence.hypotheses import absorption_pairs, check, gathered, named, varied
from nuinfer.inference.evidence.nested import NestedRun, Setting, Target, run_nested
from nuinfer.inference.studies.odds import judge_odds, odds_of_simulations, simulate_odds
from nuinfer.inference.work.calls import Inline
from nuinfer.likelihood import COUNTING
from nuinfer.plotting import Bar
from nuinfer.plotting.figures.flavours import at_dip

FAST = Setting(live=60, walks=10)
FLUX = (*FIXED, "model.absorption=false")  # two parameters are free
PLANE = (*FIXED, "parameters.gamma.value=2.6", "parameters.phi_total.value=6")


def quick(hypotheses, out=None, **options):
    settings = {"setting": FAST, "pseudo_experiments": 0, "loo": False, "progress": False} | options
    return compare(hypotheses, out, executor=Inline(), **settings)


def fake_run(ln_z, error, samples, log_likelihood=None):
    n = len(samples)
    weights = np.full(n, -np.log(n))
    return NestedRun(
        ln_z, error, 0.0, 0.0, 1.0, n, samples, weights, np.zeros(n) if log_likelihood is None else log_likelihood
    )


# What can be compared -------------------------------------------------------------------------------------------------


def test_names_of_varied_hypotheses():
    made = gathered(["hese7_icecube"], FIXED, ["model.charges=[0, 1, -1],[1, 1, 1]", "parameters.gamma.value=2,2.5"])
    assert list(made)[:2] == ["charges=[0, 1, -1], gamma=2", "charges=[0, 1, -1], gamma=2.5"]
    assert made["charges=[1, 1, 1], gamma=2"].config.model.charges == (1.0, 1.0, 1.0)
    assert next(iter(gathered(["hese7", "hese7_icecube"], [], ["model.source=pp"]))) == "hese7: source=pp"


def test_names_of_analyses_in_a_list():
    """What tells them apart, where their presets do not; twice the same is refused."""
    pp, neutron, alone = nuinfer.load("hese7"), nuinfer.load("hese7", ["model.source=neutron"]), nuinfer.load("paper")
    assert list(named([pp, neutron])) == ["source=pp", "source=neutron"]
    assert list(named([pp, alone])) == ["hese7", "paper"]
    assert list(named({"a": pp, "b": neutron})) == ["a", "b"]
    with pytest.raises(ConfigError, match="given twice"):
        named([pp, pp])
    with pytest.raises(ConfigError, match="1 hypotheses are given"):
        named([pp])


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        (["model.source"], "--vary model.source: write it as"),
        (["model.source=pp", "model.source=pgamma"], "given twice"),
        (["model.source=pp,,pgamma"], "empty value"),
        (["model.source=pp,pq"], "model.source"),
        (["model.source=pp"], "one hypothesis is not a comparison"),
    ],
)
def test_bad_variations_are_named(vary, message):
    with pytest.raises(ConfigError, match=message):
        gathered(["hese7_icecube"], [], vary)


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ("data.dataset=hese7,hese3", "different data.*overlap in time"),
        ("data.min_deposited_energy_gev=60000,79432.82347", "same events in other bins"),
        ("constraints.sn1987a.form=off,one_sided", "constraints.sn1987a: off.*a measurement is data"),
        ("constraints.muon_g2.measurement=wp2025,fnal2023", "constraints.muon_g2.*a measurement is data"),
        ("constraints.muon_g2.form=two_sided,exclusion", "constraints.muon_g2.*a measurement is data"),
        ("model.z_max=5,5.0", "are the same hypothesis"),
    ],
)
def test_what_cannot_be_compared_is_refused(vary, message):
    with pytest.raises(ConfigError, match=message):
        check(gathered(["hese7"], [], [vary]))


def test_what_depends_on_a_choice_is_said():
    """Priors, exclusions and modelling are warnings; a parameter that only one has is nothing special."""

    def warnings(*vary, settings=()):
        return check(gathered(["paper"], settings, vary))

    (text,) = warnings("parameters.gamma.high=4,3")
    assert "parameters.gamma has different priors" in text
    assert "[1.5, 3]" in text
    (text,) = warnings("constraints.sn1987a.form=off,exclusion")
    assert "different parts of the prior" in text
    (text,) = warnings("model.coherence=coherent,decoherent")
    assert "sensitivity to modelling" in text
    assert not warnings("model.source=pp,neutron", "model.absorption=true,false")
    assert not warnings("model.source=pp,free")


def test_absorption_pairs():
    made = varied("hese7_icecube", [], ["model.source=pp,neutron", "model.absorption=true,false"])
    assert absorption_pairs(made) == [
        (f"source={source}, absorption=true", f"source={source}, absorption=false") for source in ("pp", "neutron")
    ]


# Numbers --------------------------------------------------------------------------------------------------------------


def test_prior_volume():
    """Widths of the uniform priors, sqrt(2 pi) sigma over what the cut leaves for the normal ones (by hand)."""
    analysis = nuinfer.load("hese7_icecube")
    widths = 1.7 * 3.5 * 0.097 * 2.5 * 20.0
    normal = np.prod([np.sqrt(2 * np.pi) * s * special.ndtr(1.0 / s) for s in (0.4, 0.5, 0.1)])
    energy = analysis.space.sampled[analysis.parameter_names.index("energy_scale")][1]
    normal *= np.exp(-energy.coefficients[0])
    normal *= np.sqrt(2 * np.pi) * 1.0 * (special.ndtr(5.0) - 0.5) * np.sqrt(2 * np.pi) * 0.05  # prompt, tilt
    assert Evidence("", analysis, (), (), {}, 0.0).ln_prior_volume == pytest.approx(np.log(widths * normal), abs=1e-12)


def test_errors_and_words():
    """The larger of quoted error and scatter; words change where the error crosses a border."""
    none = np.zeros((4, 1))
    runs = fake_run(-10.0, 0.1, none), fake_run(-10.6, 0.1, none)
    evidence = Evidence("a", None, (1, 2), runs, {}, 0.0)
    assert evidence.ln_z == pytest.approx(-10.3)
    assert evidence.ln_z_error == pytest.approx(np.std([-10.0, -10.6], ddof=1))
    assert Evidence("a", None, (1,), runs[:1], {}, 0.0).ln_z_error == 0.1
    assert [verbal(x) for x in (0.5, -1.5, 3.0, -8.0)] == ["inconclusive", "weak", "moderate", "strong"]
    assert verbal(0.9, 0.3) == "inconclusive to weak"


def test_leave_one_out_is_that_of_a_gaussian():
    """A conjugate model: n observations of a mean with a flat prior have predictive N(mean of the others, 1 + 1/(n-1))
    (analytic)."""
    rng = np.random.default_rng(4)
    observed = rng.normal(size=12)
    n = len(observed)

    class Means:
        density, observed_counts = COUNTING, observed

        def data_terms(self, theta):
            return -0.5 * (observed - theta) ** 2 - 0.5 * np.log(2 * np.pi)

    others = np.array([np.delete(observed, k).mean() for k in range(n)])
    variance = 1.0 + 1.0 / (n - 1)
    expected = -0.5 * (observed - others) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)
    draws = rng.normal(observed.mean(), 1.0 / np.sqrt(n), (5000, 1))
    weights = np.full(len(draws), -np.log(len(draws)))
    found = leave_one_out(Means(), draws, weights, lambda _: pytest.fail("no bin needs a refit"))
    np.testing.assert_allclose(found.by_bin, expected, atol=0.02)
    assert found.difference(found) == (0.0, 0.0)


def test_a_bin_that_dominates_is_left_out_in_earnest(monkeypatch):
    """With the limit on k at -inf every bin is refitted, to the same analytic values as above."""
    analysis = nuinfer.load("hese7_icecube", ["model.absorption=false", *FIXED, "parameters.gamma.value=2.6"])

    phi = np.random.default_rng(1).uniform(0.01, 19.99, 4000)[:, None]

    def log_weights(without_bin=None):
        log_likelihood = Target(analysis, without_bin).log_likelihood(phi)  # the prior is flat
        return log_likelihood - special.logsumexp(log_likelihood)

    def posterior_draws(without_bin):
        return phi[np.random.default_rng(2).choice(len(phi), 4000, p=np.exp(log_weights(without_bin)))]

    smoothed = leave_one_out(analysis, phi, log_weights(), posterior_draws)
    monkeypatch.setattr(evidence, "RELIABLE_K", -np.inf)
    exact = leave_one_out(analysis, phi, log_weights(), posterior_draws)
    assert len(exact.refitted) == exact.by_bin.size
    assert not smoothed.refitted
    np.testing.assert_allclose(smoothed.by_bin, exact.by_bin, atol=0.03)


def test_flux_points_are_left_out_one_by_one_limits_too(capsys):
    """One free flux, with each segment's mean, density and integral written out (independent computation).

    An upper limit that was simulated above zero makes small fluxes impossible; without it they are possible again. With
    the softer index it is exp(-16) below what is left, where no draw comes.
    """
    data = load_dataset("mese11")
    measured = data.observed.copy()
    measured[0, 0] = 15.5
    assert (data.observed[0, 0], data.error_low[0]) == (0.0, 0.0)
    fixed = ["model.absorption=false", "model.spectrum=power_law"]
    analyses = {
        gamma: nuinfer.load("mese11_icecube", [*fixed, f"parameters.gamma.value={gamma}"]).with_observed(measured, {})
        for gamma in ("2.5", "2.4")
    }
    compared = quick(analyses, seeds=1, loo=True)
    assert compared.to_dict()["hypotheses"][1]["loo"]["elpd"] is None
    print_comparison(compared, "limits")
    (row,) = [line.strip(" │") for line in capsys.readouterr().out.splitlines() if line.strip(" │").startswith("2.4 ")]
    assert row.endswith(" -")
    phi, (low, high) = np.linspace(0.0, 20.0, 40_001), data.bins_gev.T / 1e5
    for gamma, found in ((float(name), compared[name]) for name in analyses):
        shape = (high ** (2.0 - gamma) - low ** (2.0 - gamma)) / (3.0 * (2.0 - gamma) * np.log(high / low))
        apart = measured[0] - phi[:, None] * shape
        width = np.where(apart > 0.0, data.error_low, data.error_up)
        chi2 = np.where(width > 0.0, np.square(apart / np.maximum(width, 1e-9)), np.inf)
        terms = -0.5 * chi2 - np.log(np.sqrt(np.pi / 2.0) * (data.error_up + data.error_low))
        assert found.ln_z == pytest.approx(special.logsumexp(terms.sum(axis=1)) - np.log(len(phi)), abs=0.5)
        assert found.loo.refitted[0] == 0
        for k in range(13):
            others = np.delete(terms, k, axis=1).sum(axis=1)
            expected = special.logsumexp(others + terms[:, k]) - special.logsumexp(others)
            if (gamma, k) == (2.4, 0):
                assert expected < -2.0 * np.log(REFIT_DRAWS)
                expected = -np.inf
            assert found.loo.by_bin[k] == pytest.approx(expected, abs=0.15), (gamma, k)


def test_average_weighs_by_evidence():
    """Two hypotheses with ln B = ln 3: the mean of a shared parameter is 1/4 and 3/4 of theirs (by hand)."""
    rng = np.random.default_rng(2)
    bare = nuinfer.load("hese7_icecube", ["model.absorption=false", *FIXED])
    more = nuinfer.load("hese7_icecube", ["model.absorption=false", *FIXED, "model.source=free"])
    made = []
    for name, analysis, ln_z, gamma in (("bare", bare, 0.0, 2.0), ("more", more, np.log(3.0), 3.0)):
        samples = analysis.sample_prior(3000, rng)
        samples[:, analysis.parameter_names.index("gamma")] = rng.normal(gamma, 0.1, 3000)
        made.append(Evidence(name, analysis, (0,), (fake_run(ln_z, 0.1, samples),), {}, 0.0))
    mean = average(made)
    assert set(mean.names) == {"gamma", "phi_total"}
    assert mean.weights["more"] == pytest.approx(0.75)
    assert mean.errors["more"] == pytest.approx(0.75 * 0.25 * np.sqrt(0.02), rel=0.1)
    assert mean.draws[:, mean.names.index("gamma")].mean() == pytest.approx(2.75, abs=0.02)
    np.testing.assert_allclose(probabilities(np.log([[1.0, 1.0], [9.0, 1.0]])), [[0.5, 0.5], [0.9, 0.1]])


def test_average_needs_something_in_common():
    one = nuinfer.load("hese7_icecube", [*PLANE])
    other = nuinfer.load("hese7_icecube", ["model.absorption=false", *FIXED])
    made = [Evidence(str(k), a, (0,), (), {}, 0.0) for k, a in enumerate((one, other))]
    with pytest.raises(ConfigError, match="share no parameter"):
        average(made)


# A comparison ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper", "hese7"])
def test_savage_dickey_agrees_with_nested_sampling(preset):
    """Constraints that exclude masses, and that weigh them: both ratios within their errors (independent methods)."""
    made = varied(preset, FIXED, ["model.absorption=true,false"])
    result = quick(made, setting=Setting(live=150, walks=20))
    (test,) = result.absorption
    found = test.savage_dickey
    assert found is not None, test.note
    assert abs(found.ln_bayes_factor - test.ln_bayes_factor) < 4.0 * np.hypot(found.error, test.error)
    assert 0.2 < found.mass_only < 0.8
    assert found.floor < found.plateau_below < 1e-4


def test_savage_dickey_against_quadrature():
    """The paper's exclusions with the flux free: one nested run, and the integral over the flux without absorption."""
    settings = [*FIXED, "parameters.gamma.value=2.6", "parameters.m_nu_ev.value=0.06"]
    analysis = nuinfer.load("paper", settings)
    none = nuinfer.load("paper", [*settings, "model.absorption=false"])
    run = run_nested(analysis, 2, Setting(live=150, walks=20))
    flux = np.linspace(0.0, 20.0, 20_001)[1:, None]
    ln_z_none = special.logsumexp(none.log_likelihood(flux)) - np.log(len(flux))
    found = savage_dickey(Evidence("", analysis, (2,), (run,), {}, 0.0), none)
    assert abs(found.ln_bayes_factor - (run.ln_z - ln_z_none)) < 4.0 * np.hypot(found.error, run.ln_z_error)
    assert found.mass_only == pytest.approx(0.57, abs=0.03)  # 1.7 dex of masses, those above 5.25 MeV: 0.577


def test_savage_dickey_needs_a_plateau():
    """A prior of the coupling that begins where the dip is deep has no limit without absorption in it."""
    settings = [*FIXED, "parameters.gamma.value=2.6", "parameters.log10_g_prime.low=-3.2"]
    analysis = nuinfer.load("hese7_icecube", settings)
    none = nuinfer.load("hese7_icecube", [*settings, "model.absorption=false"])
    samples = analysis.sample_prior(500, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="a lower floor is needed"):
        savage_dickey(Evidence("", analysis, (0,), (fake_run(0.0, 0.1, samples),), {}, 0.0), none)
    with pytest.raises(ConfigError, match="is fixed; it must be sampled"):
        savage_dickey(Evidence("", none, (0,), (), {}, 0.0), none)


@pytest.mark.slow
def test_likelihood_ratio_of_simulated_data():
    made = varied(
        "hese7_icecube", [*FIXED, "parameters.lightest_nu_mass_ev.value=0.02"], ["model.absorption=true,false"]
    )
    (test,) = quick(made, seeds=1, pseudo_experiments=3).absorption
    ratio = test.likelihood_ratio
    assert len(ratio.simulated) == 3
    assert min(ratio.simulated) >= 0.0
    assert ratio.p_value in (0.25, 0.5, 0.75, 1.0)


def test_results_do_not_depend_on_the_company_and_resume_to_the_same(tmp_path):
    """A hypothesis has the same ln Z with others beside it; a second call reads what the first has left."""
    made = varied("hese7_icecube", FLUX, ["model.source=pp,neutron"])
    first = quick(made, tmp_path / "two", seeds=1)
    more = {"other": nuinfer.load("hese7_icecube", [*FLUX, "model.source=pgamma"]), **made}
    second = quick(more, tmp_path / "two", resume=True, seeds=1)
    third = quick({name: made[name] for name in reversed(made)}, seeds=1)
    for name in made:
        assert first[name].ln_z == second[name].ln_z == third[name].ln_z
        assert first[name].ln_z_without_one_sided == first[name].ln_z  # there are no such terms
    assert first.to_dict()["hypotheses"] == json.loads(json.dumps(first.to_dict()))["hypotheses"]
    with pytest.raises(RunFolderError, match="--resume continues it"):
        quick(made, tmp_path / "two")
    with pytest.raises(RunFolderError, match="made with seed 1504"):
        quick(made, tmp_path / "two", resume=True, seed=1)
    changed = {"source=pp": more["other"], "source=neutron": made["source=neutron"]}
    with pytest.raises(RunFolderError, match="'source=pp' was another configuration"):
        quick(changed, tmp_path / "two", resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    for options in ({}, {"resume": True}, {"force": True}):
        with pytest.raises(RunFolderError, match="not the folder of a comparison"):
            quick(made, tmp_path / "mine", **options)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_ln_b_with_and_without_one_sided_terms():
    """SN1987A is a constant of one decade without a Z', and with one the evidence is that of a run without it."""
    settings = [*FIXED, "parameters.gamma.value=2.6", "parameters.lightest_nu_mass_ev.value=0.02"]
    made = varied("hese7", settings, ["model.absorption=true,false"])
    result = quick(made, seeds=1, setting=Setting(live=150, walks=20))
    absorbing, standard = result.to_dict()["hypotheses"]
    assert standard["ln_z_without_one_sided"] - standard["ln_z"] == pytest.approx(0.5 * np.log(2.0 * np.pi), abs=1e-9)
    assert standard["ln_z_without_one_sided_error"] == pytest.approx(standard["ln_z_error"])
    own = run_nested(nuinfer.load("hese7", [*settings, "constraints.sn1987a.form=off"]), 7, Setting(live=150, walks=20))
    error = np.hypot(own.ln_z_error, absorbing["ln_z_without_one_sided_error"])
    assert abs(absorbing["ln_z_without_one_sided"] - own.ln_z) < 4.0 * error
    apart = absorbing["ln_z_without_one_sided"] - standard["ln_z_without_one_sided"]
    assert absorbing["ln_bayes_factor_without_one_sided"] == pytest.approx(apart)
    assert absorbing["ln_bayes_factor_without_one_sided"] > absorbing["ln_bayes_factor"]


OWN_ENGINE = """
import numpy as np
from scipy import special

from nuinfer.inference.evidence.nested import Engine, NestedRun


def run(target, seed, setting, checkpoint, every_seconds):
    theta = target.transform(np.random.default_rng(seed).random((2000, target.n_dim)))
    values = target.log_likelihood(theta)
    total = special.logsumexp(values)
    return NestedRun(total - np.log(len(values)), 0.1, 0.0, 0.0, 1.0, len(values), theta, values - total, values)


ENGINE = Engine("plain Monte Carlo", run)
"""


def test_an_engine_of_the_users_own(tmp_path):
    """It is named by its file; a comparison made with another text of it is not gone on with."""
    path = tmp_path / "mine.py"
    path.write_text(OWN_ENGINE)
    made = varied("hese7_icecube", FLUX, ["model.source=pp,neutron"])
    result = quick(made, tmp_path / "out", seeds=1, engine=str(path))
    expected = quick(made, seeds=1, setting=Setting(live=200, walks=20))
    for name in made:
        assert result[name].ln_z == pytest.approx(expected[name].ln_z, abs=0.8)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["engine"]["engine"] == str(path)
    path.write_text(OWN_ENGINE + "# changed\n")
    with pytest.raises(RunFolderError, match="holds another comparison, it was made with setting"):
        quick(made, tmp_path / "out", seeds=1, engine=str(path), resume=True)


def test_a_damaged_result_is_named(tmp_path):
    path = tmp_path / "seed-0.npz"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(RunFolderError, match=r"seed-0.npz: missing or damaged"):
        read_run(path)
    np.savez(path, x=1.0)
    with pytest.raises(RunFolderError, match=r"seed-0.npz: missing or damaged.*checksum"):
        read_run(path, "0" * 64)


COMMAND = [
    sys.executable,
    "-m",
    "nuinfer",
    "compare",
    "hese7_icecube",
    "--vary",
    "model.source=pp,neutron",
    "--live",
    "60",
]
COMMAND += ["--jobs", "1", "--no-loo", "--json", *(part for text in FIXED for part in ("--set", text))]


@pytest.mark.slow
def test_a_killed_comparison_resumes(tmp_path):
    """SIGKILL of the command in the middle of its runs: with --resume the JSON is that of an undisturbed one."""
    whole = subprocess.run([*COMMAND, "--out", tmp_path / "whole"], capture_output=True, text=True, check=True)
    killed = subprocess.Popen(
        [*COMMAND, "--out", tmp_path / "cut"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not list((tmp_path / "cut").glob("hypotheses/*/seed-*.npz")):
        assert killed.poll() is None
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    again = [*COMMAND, "--out", tmp_path / "cut", "--resume"]
    for _ in range(50):  # until the worker of the killed command has noticed
        resumed = subprocess.run(again, capture_output=True, text=True, check=False)
        if "in use by another process" not in resumed.stderr:
            break
        time.sleep(0.1)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["hypotheses"] == json.loads(whole.stdout)["hypotheses"]


def test_the_command(tmp_path, capsys, monkeypatch):
    """The fixed part of the JSON, the table, the figures, and exit code 2 with one line for bad input."""
    monkeypatch.chdir(tmp_path)
    settings = [part for text in FLUX for part in ("--set", text)]
    base = ["compare", "hese7_icecube", *settings, "--live", "60", "--jobs", "1"]
    command = [*base, "--vary", "model.source=pp,neutron", "--out", "mine"]
    assert cli.main([*command, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    first, second = answer["hypotheses"]
    assert first["name"] == "source=pp"
    for key in ("ln_z", "ln_z_error", "ln_bayes_factor", "best_fit", "ln_prior_volume", "loo"):
        assert key in first
    assert max(first["ln_bayes_factor"], second["ln_bayes_factor"]) == 0.0
    best, other = sorted((first, second), key=lambda entry: -entry["ln_z"])
    assert other["ln_bayes_factor"] == pytest.approx(other["ln_z"] - best["ln_z"])
    assert set(first["best_fit"]) == {"gamma", "phi_total"}
    assert cli.main([*command, "--resume"]) == 0
    printed = capsys.readouterr().out
    assert "evidences" in printed
    assert "arXiv:0803.4089" in printed
    assert "Result: none is favoured; " in printed
    for name in ("bayes_factors", "flavours"):
        assert (tmp_path / "mine" / "figures" / f"{name}.png").stat().st_size > 10_000
    assert cli.main(command) == 2
    assert "--resume continues it, --force starts over" in capsys.readouterr().err
    assert cli.main(["compare", "hese7", "--vary", "data.dataset=hese7,hese3", "--out", "none"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "none").exists()
    assert cli.main(["compare"]) == 2
    assert cli.main(["compare", "hese7", "--standard"]) == 2


def test_who_is_favoured_is_one_sentence():
    entries = [
        {"name": name, "ln_z": ln_z, "ln_bayes_factor": ln_z + 10.0, "ln_bayes_factor_error": 0.1, "scale": scale}
        for name, ln_z, scale in (("b", -12.0, "weak"), ("a", -10.0, "best"), ("c", -14.0, "moderate"))
    ]
    assert evidence.in_one_sentence(entries) == (
        "Result: 'a' is favoured, over 'b', the next one, by ln B = 2.00 ± 0.10, weak."
    )
    close = [*entries[1:], {**entries[0], "ln_bayes_factor": -0.5, "ln_z": -10.5, "scale": "inconclusive to weak"}]
    assert evidence.in_one_sentence(close).startswith("Result: none is favoured; 'a' is ahead of 'b' by ln B = 0.50")
    assert "alone" in evidence.in_one_sentence(entries[:1])


def test_the_standard_set():
    """Every block can be compared, its first hypothesis is the baseline, and each other one is in a group."""
    blocks = hypotheses.standard_blocks()
    assert [len(block.hypotheses) for block in blocks] == [18, 18, 3, 3, 4, 4]
    assert len({block.folder for block in blocks}) == len(blocks)
    for block in blocks:
        check(block.hypotheses)
        assert next(iter(block.hypotheses)) == hypotheses.BASELINE
        assert {hypotheses.BASELINE, *block.groups} == set(block.hypotheses)
        assert set(block.groups.values()) <= set(hypotheses.GROUPS)
        assert absorption_pairs(block.hypotheses)
        assert ("Dirac" in block.hypotheses) == ("without N_eff" in block.name)
        if "Dirac" in block.hypotheses:
            assert all("neff" not in {c.name for c in a.constraints} for a in block.hypotheses.values())
    assert "free flavour" in blocks[0].alternatives()
    assert "coherent" not in blocks[0].alternatives()


@pytest.mark.slow
def test_the_command_for_the_standard_set(tmp_path, capsys, monkeypatch):
    """Each block against its baseline, one folder each, with a set of two hypotheses in place of the shipped one."""
    changes = {"neutron": ("model.source=neutron",)}
    pair = {name: nuinfer.load("hese7_icecube", [*PLANE, *own]) for name, own in {"pp": (), **changes}.items()}
    block = hypotheses.Block("hese7", pair, {"neutron": "source"})
    monkeypatch.setattr(hypotheses, "standard_blocks", lambda _: (block,))
    out = str(tmp_path / "standard")
    assert cli.main(["compare", "--standard", "--out", out, "--live", "60", "--jobs", "1", "--json", "--no-loo"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [entry["ln_b_baseline"][0] == 0.0 for entry in answer["hypotheses"]] == [True, False]
    assert answer["hypotheses"][1]["group"] == "source"
    assert answer["data"]["hese7"]["average"]["weights"].keys() == {"pp", "neutron"}
    assert (tmp_path / "standard" / "figures" / "bayes_factors.png").exists()


# Figures -------------------------------------------------------------------------------------------------------------


def drawn_hypotheses():
    """Two hypotheses with draws around a dip at 10 MeV, and one without absorption."""
    rng = np.random.default_rng(5)
    made = []
    for name in ("pp", "neutron", "none"):
        settings = [*PLANE, "model.source=neutron"] if name == "neutron" else PLANE
        settings = [*FIXED, "model.absorption=false"] if name == "none" else settings
        analysis = nuinfer.load("hese7_icecube", settings)
        samples = analysis.sample_prior(3000, rng)
        if name != "none":
            samples[:, :2] = rng.normal([1.0, -3.5], [0.1, 0.2], (3000, 2))
        run = fake_run(-1.0, 0.1, samples, rng.normal(size=3000))
        made.append(Evidence(name, analysis, (0,), (run,), {}, 0.0))
    return made


def test_figure_of_bayes_factors():
    """One bar per hypothesis at its place, groups named, borders of the scale within reach."""
    bars = [Bar("pp", 0.0, 0.1), Bar("neutron", -3.0, 0.2, "source"), Bar("flat", 1.5, 0.2, "evolution")]
    figure = plotting.plot_bayes_factors({"hese7": bars, "hese3": bars[:2]}, "pp")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["pp", "neutron", "flat", "source", "evolution"]
    places = axes.get_yticks()
    assert len(set(places)) == 5
    assert list(axes.containers[0].lines[0].get_xdata()) == [0.0, -3.0, 1.5]
    low, high = axes.get_xlim()
    assert low < -3.2
    assert high > 1.7


def test_figure_of_regions():
    """A contour per level for those with a mediator; one that fills its prior says so instead."""
    *both, none = drawn_hypotheses()
    analysis = both[0].analysis
    run = fake_run(0.0, 0.1, analysis.sample_prior(3000, np.random.default_rng(1)))
    flat = Evidence("flat", analysis, (0,), (run,), {}, 0.0)
    figure = plotting.plot_overlaid_regions([*both, none, flat])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["pp", "neutron", "flat (flat)"]
    corner = analysis.sample_prior(3000, np.random.default_rng(1))  # the axes hold what is drawn, not the whole prior
    corner[:, :2] = analysis.prior_bounds[:2, 1] - 0.1 * (analysis.prior_bounds[:2, 1] - corner[:, :2])
    narrow = Evidence("corner", analysis, (0,), (fake_run(0.0, 0.1, corner),), {}, 0.0)
    (axes,) = plotting.plot_overlaid_regions([narrow, flat]).axes
    for ends, (low, high) in zip((axes.get_xlim(), axes.get_ylim()), analysis.prior_bounds[:2], strict=True):
        assert low + 0.7 * (high - low) < np.log10(ends[0]) < high - 0.1 * (high - low)
    with pytest.raises(ConfigError, match="none of the hypotheses samples mass and coupling"):
        plotting.plot_overlaid_regions([none])


def test_flavours_at_the_dip():
    """Absorption by L_mu - L_tau takes the muon and tau flavours of a pion source, and changes nothing without a Z'."""
    pion, neutron, none = drawn_hypotheses()
    found = at_dip(pion)
    assert found["in"][0] < found["below"][0] or found["in"][0] != pytest.approx(found["below"][0], abs=1e-3)
    still = at_dip(none)
    np.testing.assert_allclose(still["in"], still["below"], atol=1e-12)
    for point in (*found.values(), *at_dip(neutron).values()):
        assert point.sum() == pytest.approx(1.0)
    assert plotting.plot_flavours([pion, neutron, none]).legends


# Odds -----------------------------------------------------------------------------------------------------------------


def test_bold_odds_are_found():
    """Exact evidences of two Gaussians pass, their squares and a bias of ln 3 do not (1000 data sets; analytic)."""
    rng = np.random.default_rng(8)
    truth = rng.integers(2, size=1000)
    x = rng.normal(truth, 1.0)
    ln_z = np.stack([-0.5 * x**2, -0.5 * (x - 1.0) ** 2], axis=-1)
    names = ("a", "b")

    def judged(values, power=1.0):
        simulations = [
            {"truth": names[t], "ln_z": dict(zip(names, z, strict=True))} for t, z in zip(truth, values, strict=True)
        ]
        return judge_odds(simulations, power)

    honest = judged(ln_z)
    assert honest.p_value > 0.01
    assert honest.brier < honest.brier_prior
    assert all(abs(row.true - row.predicted) < 4.0 * row.error for row in honest.reliability)
    assert judged(ln_z, power=2.0).boldness < -4.0
    assert judged(ln_z + np.log([3.0, 1.0])).p_value < 1e-6


def test_odds_of_simulated_data(tmp_path):
    """Ten data sets of two sources, all evidences computed: nothing contradicts the odds."""
    settings = ["model.absorption=false", *FIXED, "parameters.gamma.value=2.6"]
    settings += ["parameters.phi_total.low=3", "parameters.phi_total.high=9"]
    sources = {name: nuinfer.load("hese7_icecube", [*settings, f"model.source={name}"]) for name in ("pp", "neutron")}
    setting, quiet = Setting(live=50, walks=5), {"executor": Inline(), "progress": False}
    first = odds_of_simulations(sources, tmp_path / "odds", 4, 3, setting, **quiet)
    simulations = odds_of_simulations(sources, tmp_path / "odds", 10, 3, setting, **quiet)
    assert simulations[:4] == first
    with pytest.raises(RunFolderError, match="holds another odds, it was made with seed 3"):
        odds_of_simulations(sources, tmp_path / "odds", 10, 4, setting, **quiet)
    result = judge_odds(simulations)
    assert result.p_value > 1e-3
    assert result.brier < result.brier_prior
    assert simulations[4] == simulate_odds(sources, 4, 3, Setting(live=50, walks=5))


def test_the_shipped_odds_are_honest():
    """The evidences of the section "odds" of `docs/numbers.json` pass, and squared they do not."""
    shipped = json.loads((Path(__file__).parents[2] / "docs" / "numbers.json").read_text())["odds"]["values"]
    names = list(shipped["hypotheses"])
    simulations = [
        {"truth": truth, "ln_z": dict(zip(names, ln_z, strict=True))} for truth, *ln_z in shipped["data_sets"]
    ]
    assert len(simulations) >= 100
    result = judge_odds(simulations)
    assert result.p_value > 0.01
    assert result.p_value == pytest.approx(shipped["result"]["p_value"], abs=0.02)
    assert judge_odds(simulations, power=2.0).p_value < 1e-4
