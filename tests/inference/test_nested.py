"""Evidence by nested sampling against integrals known in closed form or by quadrature, for every engine."""

from __future__ import annotations

import functools
import importlib.util
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import nominal
import numpy as np
import pytest
from scipy import special

import nuinfer
from nuinfer.errors import ConfigError
from nuinfer.inference.evidence import nested
from nuinfer.inference.evidence.nested import Setting, resampled, run_nested

ENGINES = [
    "dynesty",
    pytest.param(
        "ultranest",
        marks=pytest.mark.skipif(importlib.util.find_spec("ultranest") is None, reason="ultranest is not installed"),
    ),
]
FIXED = (*nominal.FIXED, "parameters.gamma.value=2.6")


@dataclass(frozen=True)
class Gauss:
    """Correlated Gaussian in the unit cube, outside of x_0 > cut excluded."""

    n_dim: int = 5
    sigma: float = 0.05
    correlation: float = 0.8
    cut: float = 1.0
    term_names: tuple = ("prior", "limit", "data")

    @property
    def parameter_names(self):
        return tuple(f"x{k}" for k in range(self.n_dim))

    @functools.cached_property
    def covariance(self):
        rho = np.full((self.n_dim, self.n_dim), self.correlation)
        np.fill_diagonal(rho, 1.0)
        return self.sigma**2 * rho

    def prior_transform(self, u):
        return np.asarray(u)

    def log_exclusion(self, theta):
        return np.where(theta[..., 0] > self.cut, -np.inf, 0.0)

    def evaluate(self, theta):
        away = theta - 0.5
        chi2 = np.einsum("ni,ij,nj->n", away, np.linalg.inv(self.covariance), away)
        log_l = -0.5 * chi2 - 0.5 * np.linalg.slogdet(2.0 * np.pi * self.covariance)[1]
        terms = np.column_stack([np.zeros(len(theta)), self.log_exclusion(theta), log_l])
        return terms.sum(axis=1), terms, None


@pytest.mark.parametrize("engine", ENGINES)
def test_evidence_of_a_gaussian(engine):
    """Its integral over the cube is one; the posterior has its mean and covariance (analytic)."""
    toy = Gauss()
    run = run_nested(toy, 3, Setting(engine, live=200))
    assert abs(run.ln_z) < 4.0 * run.ln_z_error
    assert run.ln_allowed == run.ln_allowed_error == 0.0
    draws = resampled(run.samples, run.log_weights, 4000, np.random.default_rng(0))
    error = toy.sigma / np.sqrt(min(run.effective, 200.0))
    np.testing.assert_allclose(draws.mean(axis=0), 0.5, atol=5.0 * error)
    np.testing.assert_allclose(np.cov(draws.T), toy.covariance, atol=0.45 * toy.sigma**2)
    # the information of a Gaussian in a unit cube: minus its differential entropy
    entropy = 0.5 * np.linalg.slogdet(2.0 * np.pi * np.e * toy.covariance)[1]
    assert run.information == pytest.approx(-entropy, abs=0.8)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_exclusion_counts_against_the_evidence(engine):
    """Half of the posterior is excluded, and with it ln 2 of ln Z; the share of the prior is known too (analytic)."""
    run = run_nested(Gauss(n_dim=3, cut=0.5), 5, Setting(engine, live=200))
    assert abs(run.ln_z + np.log(2.0)) < 4.0 * run.ln_z_error
    assert run.ln_allowed == pytest.approx(np.log(0.5), abs=5.0 * run.ln_allowed_error)
    assert run.ln_allowed_error == pytest.approx(np.sqrt(1.0 / nested.PRIOR_DRAWS), rel=0.02)
    assert np.all(run.samples[run.log_weights > -np.inf, 0] <= 0.5)


@pytest.mark.slow
def test_quoted_errors_are_those_of_repetition():
    """Over 24 seeds the pulls of ln Z have mean 0 and variance 1 (statistical; chi^2 at 1e-4)."""
    runs = [run_nested(Gauss(n_dim=2, sigma=0.02), seed, Setting(live=50, walks=10)) for seed in range(24)]
    pulls = np.array([run.ln_z / run.ln_z_error for run in runs])
    assert abs(pulls.sum()) / np.sqrt(len(pulls)) < 3.9
    assert special.chdtrc(len(pulls), np.sum(pulls**2)) > 1e-4
    assert special.chdtr(len(pulls), np.sum(pulls**2)) > 1e-4


def by_quadrature(analysis, nodes):
    """ln of the integral over the unit cube by the midpoint rule, `nodes` per axis."""
    axes = [(np.arange(n) + 0.5) / n for n in nodes]
    parts = []
    for first in axes[0]:
        grid = np.stack(np.meshgrid([first], *axes[1:], indexing="ij"), axis=-1).reshape(-1, len(nodes))
        _, terms, _ = analysis.evaluate(analysis.prior_transform(grid))
        parts.append(special.logsumexp(terms[:, 1:].sum(axis=1)))
    return special.logsumexp(parts) - np.sum(np.log(nodes))


REAL = {
    "constraints that weigh": ("hese7", (*FIXED, "parameters.lightest_nu_mass_ev.value=0.02"), (64, 96, 24)),
    "constraints that exclude": ("paper", (*FIXED, "parameters.m_nu_ev.value=0.06"), (250, 250, 24)),
    "two parameters": (
        "hese7",
        (*FIXED, "parameters.lightest_nu_mass_ev.value=0.02", "parameters.phi_total.value=6"),
        (150, 150),
    ),
}


@functools.cache
def real(case):
    preset, settings, nodes = REAL[case]
    analysis = nuinfer.load(preset, settings)
    return analysis, by_quadrature(analysis, nodes)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "case", [pytest.param(k, marks=pytest.mark.slow) if k != "two parameters" else k for k in REAL]
)
def test_evidence_of_the_real_model_against_quadrature(case, engine):
    """Mass, coupling and flux free, everything else fixed: a tensor grid does the same integral (independent).

    The grids are fine enough: with half the nodes per axis the sums change by less than 0.02.
    """
    analysis, expected = real(case)
    run = run_nested(analysis, 11, Setting(engine, live=250))
    assert abs(run.ln_z - expected) < 4.0 * np.hypot(run.ln_z_error, 0.02)
    assert run.ln_z_error < 0.3


def test_too_few_steps_are_refused_and_numbers_are_named():
    for wrong, text in (
        ({"live": 10}, "live: 10"),
        ({"walks": 2}, "walks: 2"),
        ({"engine": "x"}, "dynesty, ultranest, or the path of a Python file"),
    ):
        with pytest.raises(ConfigError, match=text):
            Setting(**wrong)


def test_nothing_allowed_is_an_error():
    with pytest.raises(ConfigError, match="exclusions"):
        run_nested(Gauss(cut=-1.0), 1, Setting(live=50))


OWN_ENGINE = """
import numpy as np
from scipy import special

from nuinfer.inference.evidence.nested import Engine, NestedRun


def run(target, seed, setting, checkpoint, every_seconds):
    cube = np.random.default_rng(seed).random((200 * setting.live, target.n_dim))
    theta = target.transform(cube)
    values = target.log_likelihood(theta)
    total, n = special.logsumexp(values), len(values)
    weights = values - total
    error = np.sqrt(np.exp(special.logsumexp(2.0 * weights)) - 1.0 / n)
    return NestedRun(total - np.log(n), error, 0.0, 0.0, 0.0, n, theta, weights, values)


ENGINE = Engine("plain Monte Carlo", run)
"""


def test_an_engine_of_the_users_own(tmp_path):
    """A Python file with the constant ENGINE: plain Monte Carlo over the prior has the evidence of a Gaussian too."""
    path = tmp_path / "mine.py"
    path.write_text(OWN_ENGINE)
    setting = Setting(engine=str(path), live=100)
    run = run_nested(Gauss(n_dim=2), 3, setting)
    assert abs(run.ln_z) < 4.0 * run.ln_z_error < 1.0
    before = setting.identity
    path.write_text(OWN_ENGINE + "# changed\n")
    assert setting.identity != before  # results of another text are not gone on with
    (tmp_path / "none.py").write_text("")
    with pytest.raises(ConfigError, match=r"engine: '.*none.py' defines no ENGINE"):
        Setting(engine=str(tmp_path / "none.py"))


WORK = """
import pathlib, sys, numpy as np, time
sys.path[:0] = {tests!r}
from test_nested import Gauss
from nuinfer.inference.evidence.nested import Setting, run_nested
class Slow(Gauss):
    def evaluate(self, theta):
        time.sleep({nap})
        return super().evaluate(theta)
run = run_nested(Slow(), 7, Setting(live=50, walks=10), pathlib.Path({checkpoint!r}), every_seconds=0.1)
print(repr(run.ln_z), repr(run.samples.sum()))
"""


def test_a_killed_run_goes_on_to_the_same_numbers(tmp_path):
    """SIGKILL in the middle, start again from the checkpoint: bit for bit what an undisturbed run gives."""
    tests = [str(folder) for folder in Path(__file__).parents[:2]]

    def command(name, nap):
        text = WORK.format(tests=tests, nap=nap, checkpoint=str(tmp_path / name))
        return [sys.executable, "-W", "ignore", "-c", text]

    expected = subprocess.run(command("whole", 0.0), capture_output=True, text=True, check=True).stdout
    killed = subprocess.Popen(command("cut", 0.002))
    while not (tmp_path / "cut").exists():
        assert killed.poll() is None
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    found = subprocess.run(command("cut", 0.0), capture_output=True, text=True, check=True).stdout
    assert found == expected


def test_a_checkpoint_that_cannot_be_written_costs_a_warning(tmp_path, caplog):
    """A full disk or a read-only one: the same numbers as without a checkpoint."""
    setting = Setting(live=50, walks=10)
    expected = run_nested(Gauss(), 7, setting)
    found = run_nested(Gauss(), 7, setting, tmp_path / "no folder" / "state.save", every_seconds=0.0)
    assert repr(found.ln_z) == repr(expected.ln_z)
    assert np.array_equal(found.samples, expected.samples)
    assert "state.save: cannot be written (No such file or directory); a run that is killed starts over" in caplog.text
