"""What Monte-Carlo errors are worth when chains end by the stop rule: many runs of posteriors that are known.

The error of a mean is the deviation over the root of the effective sample size, that of a quantile follows from the
share of the draws below it. Pulls, the errors made in units of the errors quoted, must have unit variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import emcee
import numpy as np
import pytest
from scipy import stats

from nuinfer.inference.runs.diagnostics import autocorrelation_times, diagnose
from nuinfer.inference.sampling import lockstep
from nuinfer.inference.sampling.fit import round_lengths

QUANTILES = (0.05, 0.5, 0.95)


def walkers_own_times(chain):
    """As emcee estimates them: about the mean of each walker, worst ensemble."""
    return np.max([emcee.autocorr.integrated_time(one, tol=0) for one in chain], axis=0)


def pulls(kept, truth, times, quantiles=QUANTILES):
    """Of the mean of each parameter and of the share of the draws below its quantiles, shape (1 + quantile, n_dim)."""
    n = kept[..., 0].size
    values = [(kept, truth.mean(), truth.std())]
    values += [((kept < truth.ppf(q)).astype(float), q, np.sqrt(q * (1.0 - q))) for q in quantiles]
    return np.array([(np.mean(x, axis=(0, 1, 2)) - mu) / (sd * np.sqrt(times(x) / n)) for x, mu, sd in values])


def ends(grow, n_dim, target, longest):
    """Chains of a run and the steps that count, as `fit` grows and judges them; None if they never converge."""
    for steps in round_lengths(longest, 100, 1.2):
        chain = grow(steps)
        verdict = diagnose(chain, np.zeros(chain.shape[:3]), [f"x{k}" for k in range(n_dim)], target)
        if verdict.converged:
            return chain[:, verdict.discard :]
    return None


def autoregressive(rng, rho, ensembles, walkers, n_dim):
    """Chains of unit Gaussians that start far too wide, as long as one likes."""
    made = [rng.normal(0.0, 4.0, (ensembles, walkers, n_dim))]

    def grow(steps):
        while len(made) < steps:
            made.append(rho * made[-1] + np.sqrt(1.0 - rho**2) * rng.standard_normal(made[-1].shape))
        return np.stack(made, axis=1)

    return grow


def test_errors_of_short_chains_are_those_quoted_statistical():
    """With the times of emcee, which for short chains are low, they are not: the negative control."""
    rng, n_dim = np.random.default_rng(3), 10
    runs = [ends(autoregressive(rng, 0.9, 4, 8, n_dim), n_dim, 200, 3000) for _ in range(16)]
    lengths = [run.shape[1] / 19.0 for run in runs]  # (1 + rho)/(1 - rho)
    assert 12.0 < np.mean(lengths) < 25.0  # four of them: 50 together
    found = np.array([pulls(run, stats.norm(), autocorrelation_times) for run in runs])
    scale = 1.0 / np.sqrt(2.0 * 16 * n_dim)
    assert np.all(np.abs(found.std(axis=(0, 2)) - 1.0) < 4.0 * scale + 0.05), found.std(axis=(0, 2))
    early = [run[:, : 4 * 19] for run in runs]
    low = np.array([pulls(run, stats.norm(), walkers_own_times, ()) for run in early])
    assert low.std() > 1.0 + 5.0 * scale


@dataclass(frozen=True)
class Known:
    """A posterior whose parameters are independent, all with the same known distribution, or a mixture of two."""

    n_dim: int
    truth: object
    term_names: tuple = ("all",)
    apart: float = 0.0

    @property
    def parameter_names(self):
        return tuple(f"x{k}" for k in range(self.n_dim))

    def evaluate(self, theta):
        if self.apart:
            sides = [np.sum(stats.norm.logpdf(theta, mu), axis=1) for mu in (-self.apart, self.apart)]
            log_prob = np.logaddexp(*sides) - np.log(2.0)
        else:
            log_prob = np.sum(self.truth.logpdf(theta), axis=1)
        return log_prob, log_prob[:, None]

    def draw(self, rng, n):
        side = np.where(rng.random((n, 1)) < 0.5, -self.apart, self.apart)
        return side + self.truth.rvs((n, self.n_dim), random_state=rng)


class Mixture:
    """Distribution of one parameter of two unit Gaussians."""

    def __init__(self, apart):
        self.apart = apart

    def mean(self):
        return 0.0

    def std(self):
        return np.sqrt(1.0 + self.apart**2)

    def ppf(self, q):
        grid = np.linspace(-self.apart - 6.0, self.apart + 6.0, 200_001)
        shares = 0.5 * (stats.norm.cdf(grid, -self.apart) + stats.norm.cdf(grid, self.apart))
        return np.interp(q, shares, grid)


def sampled(analysis, seed, proposals, ensembles=4, walkers=32):
    """Chains of ensembles in lockstep, each of which starts too wide around a point of its own."""
    rng, places, rows = np.random.default_rng(seed), [], []
    for _ in range(ensembles):
        coords = 2.0 * analysis.draw(rng, walkers) + rng.normal(0.0, 1.0, analysis.n_dim)
        random = np.random.RandomState(rng.integers(2**31))
        places.append(lockstep.Walkers(coords, *analysis.evaluate(coords), random))

    def grow(steps):
        while len(rows) < steps:
            lockstep.step(places, analysis, proposals)
            rows.append([one.coords for one in places])
        return np.stack(rows, axis=1)

    return grow


SMALL = [(emcee.moves.DEMove(gamma0=0.2), 0.95), (emcee.moves.DEMove(gamma0=1.0), 0.05)]
CASES = {
    "Gaussian": (Known(9, stats.norm()), stats.norm(), None),
    "heavy tails": (Known(3, stats.t(5)), stats.t(5), None),
    "small steps": (Known(4, stats.norm()), stats.norm(), SMALL),
    "two modes": (Known(2, stats.norm(), apart=4.0), Mixture(4.0), None),
    "two modes, rare jumps": (Known(2, stats.norm(), apart=4.0), Mixture(4.0), SMALL),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_errors_of_ensembles_are_those_quoted_statistical(case):
    analysis, truth, proposals = CASES[case]
    proposals = proposals or lockstep.moves(analysis)
    runs = [ends(sampled(analysis, seed, proposals), analysis.n_dim, 500, 12_000) for seed in range(40)]
    assert all(run is not None for run in runs)
    found = np.array([pulls(run, truth, autocorrelation_times) for run in runs])
    root = np.sqrt(np.mean(found**2, axis=(0, 2)))
    assert np.all(np.abs(root - 1.0) < 0.25), (
        f"{root.round(2)} with {np.mean([run.shape[1] for run in runs]):.0f} steps"
    )
