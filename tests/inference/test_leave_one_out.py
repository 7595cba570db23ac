"""What figures ask of a run: posteriors without one constraint, autocorrelation times against length, a best fit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from nominal import NOMINAL
from scipy import stats

import nuinfer
from nuinfer import plotting
from nuinfer.cli import main
from nuinfer.inference.runs.diagnostics import tau_against_length
from nuinfer.inference.sampling.short import leave_one_out

FIXED = {
    "lightest_nu_mass_ev": 0.05, "phi_total": 6.5, **NOMINAL,
}  # fmt: skip


@pytest.fixture(scope="module")
def analysis():
    """Mass, coupling and index; muon g-2 as an exclusion and N_eff as a likelihood."""
    fixed = [f"parameters.{name}.value={value}" for name, value in FIXED.items()]
    constraints = [
        "constraints.muon_g2.form=exclusion", "constraints.borexino.form=off", "constraints.sn1987a.form=off",
    ]  # fmt: skip
    return nuinfer.load("hese7", [*fixed, *constraints])


def test_the_posterior_is_that_of_the_analysis_without_the_constraint(analysis):
    """Statistical, against prior draws weighted with the likelihood that is left: means within four errors."""
    analysis = analysis.with_overrides(["constraints.muon_g2.form=off"])
    found = leave_one_out(analysis, seed=3, walkers=24, steps=200)
    assert list(found) == ["neff"]
    without, other = found["neff"], analysis.with_overrides(["constraints.neff.form=off"])
    prior = other.sample_prior(8_000, np.random.default_rng(5))
    log_weight = other.log_prob(prior) - other.log_prior(prior)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    effective, samples = 1.0 / np.sum(weight**2), without.samples.reshape(-1, 3)
    assert without.rhat < 1.05
    assert without.ess > 100.0
    for column in range(3):
        mean = weight @ prior[:, column]
        sigma = np.sqrt(weight @ (prior[:, column] - mean) ** 2)
        error = sigma * np.sqrt(1.0 / effective + 1.0 / without.ess)
        assert abs(samples[:, column].mean() - mean) < 4.0 * error, column


def test_what_a_constraint_excluded_is_there_again(analysis):
    """Beyond the exclusion of muon g-2 the full posterior has nothing; without it there are draws."""
    found = leave_one_out(analysis, seed=4, ensembles=1, walkers=16, steps=80)["muon_g2"]
    samples = found.samples.reshape(-1, 3)
    assert np.mean(np.isneginf(analysis.log_exclusion(samples))) > 0.01


def test_tau_against_length_grows_to_that_of_an_autoregressive_chain():
    """Analytic: x_t = rho x_(t-1) + noise has tau = (1 + rho)/(1 - rho); short chains give less."""
    rho, rng = 0.8, np.random.default_rng(2)
    chain = np.empty((2, 4000, 16, 1))
    chain[:, 0] = stats.norm.rvs(size=(2, 16, 1), random_state=rng) / np.sqrt(1.0 - rho**2)
    for step in range(1, 4000):
        chain[:, step] = rho * chain[:, step - 1] + rng.normal(size=(2, 16, 1))
    lengths, tau = tau_against_length(chain)
    assert tau.shape == (len(lengths), 2, 1)
    assert lengths[-1] == 4000
    assert np.all(np.diff(lengths) > 0)
    assert tau[-1] == pytest.approx(9.0, rel=0.15)
    assert np.all(tau[0] < tau[-1])


def test_a_short_run_has_every_figure_and_the_command_draws_it(analysis, tmp_path, capsys):
    with ThreadPoolExecutor(1) as executor:
        run = nuinfer.fit(
            analysis, tmp_path / "run", ensembles=2, walkers=16, max_steps=60, seed=1, executor=executor, progress=False
        )
    every = [name for name, kind in plotting.KINDS.items() if kind.of == "run"]
    assert plotting.kinds_of(run) == tuple(name for name in every if name != "flux_points")  # there are counts
    assert float(analysis.log_prob(run.best_fit)) >= run.log_prob().max()
    lengths, tau = run.tau_against_length()
    assert lengths[-1] == run.steps - run.verdict.discard
    assert tau.shape == (len(lengths), 2, 3)
    for kind in ("trace", "autocorrelation", "pulls"):
        assert main(["plot", str(run.folder), "--kind", kind, "--format", "png"]) == 0
        assert capsys.readouterr().out == f"wrote {run.folder / 'figures' / kind}.png\n"
