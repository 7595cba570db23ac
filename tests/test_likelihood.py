"""The density of binned counts, effective or Poisson: its formula, its draws, its tails, and who uses it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from nuinfer.detector.response import Expected
from nuinfer.inference.runs.summary import predictive_checks
from nuinfer.likelihood import COUNTING, data_log_likelihood, data_log_terms, drawn, log_factorials

REFERENCE = np.array(json.loads((Path(__file__).parent / "reference" / "effective.json").read_text()))


def test_terms_are_those_of_the_publication():
    """Sixty digits more (make_effective.py): variances from 1e-312 to 1e9, means from 1e-12 to 1e6, fractions of n."""
    n, mean, variance, expected = REFERENCE.T
    got = data_log_terms(n, mean, variance)
    assert np.all(np.abs(got - expected) <= 1e-12 * np.maximum(1.0, np.abs(expected)))


def test_without_variance_they_are_the_poisson_distribution():
    n, mu = np.arange(6.0), np.array([0.0, 0.5, 2.0, 1e-3, 40.0, 5.0])
    np.testing.assert_allclose(data_log_terms(n, mu), stats.poisson.logpmf(n, mu), rtol=1e-12)
    assert data_log_terms(1, 0.0) == -np.inf
    assert np.isnan(data_log_terms(1, -0.1))


def test_effective_tends_to_poisson():
    """To first order in the variance by v (1/2 - (n + 1)/mu + n (n + 1)/(2 mu^2)), expanded by hand."""
    n, mu, v = np.array([0.0, 1.0, 4.0, 30.0]), np.array([0.5, 2.0, 3.0, 25.0]), 1e-6
    slope = 0.5 - (n + 1.0) / mu + n * (n + 1.0) / (2.0 * mu**2)
    np.testing.assert_allclose(data_log_terms(n, mu, v) - data_log_terms(n, mu), v * slope, rtol=1e-4)


@pytest.mark.parametrize(("n", "mu", "variance"), [(0.0, 0.0, 0.0), (3.0, 0.0, 0.0), (0.0, 0.0, 1.0), (2.0, 0.0, 1.0)])
def test_nothing_expected(n, mu, variance):
    """Nothing is certain without a variance; with one the rate b = mu/variance is 0, and a ln b minus infinity."""
    assert data_log_terms(n, mu, variance) == (0.0 if n == variance == 0.0 else -np.inf)


def test_rows_of_a_batch_are_held_against_their_own_data():
    rng = np.random.default_rng(3)
    components, variance = rng.random((4, 3, 2, 5)), rng.random((4, 2, 5)) * np.array([0.0, 1.0])[:, None]
    observed, of = rng.poisson(2.0, (2, 2, 5)).astype(float), np.array([1, 0, 1, 1])
    got = data_log_likelihood(observed, log_factorials(observed), of, Expected(components, variance))
    for row, one in enumerate(got):
        terms = data_log_terms(observed[of[row]], components[row].sum(axis=0), variance[row])
        assert one == pytest.approx(terms.sum(), rel=1e-13)


@pytest.mark.parametrize("other", [1.0, 0.25])
def test_draws_have_the_density(other):
    """Pearson's chi^2 of 40,000 draws against the probabilities; the negative control has a quarter of the variance."""
    n, mu, variance = np.arange(30.0), 4.0, 3.0
    counts = drawn(
        Expected(np.full((40_000, 1, 1, 1), mu), np.full((40_000, 1, 1), variance)), np.random.default_rng(5)
    )
    expected = 40_000 * np.exp(data_log_terms(n, mu, other * variance))
    kept = expected > 10.0
    seen = np.bincount(counts.astype(int).ravel(), minlength=30)[:30]
    p = stats.chi2.sf(np.sum((seen - expected)[kept] ** 2 / expected[kept]), kept.sum() - 1)
    assert (p > 1e-3) == (other == 1.0)


def test_draws_without_variance_are_those_of_the_generator():
    mean = np.array([[[0.0, 1.5, 30.0]]])
    got = drawn(Expected(mean, np.zeros((1, 3))), np.random.default_rng(8))
    np.testing.assert_array_equal(got, np.random.default_rng(8).poisson(mean[0]))


def test_tails_are_exact():
    n, mu = np.array([0.0, 3.0, 9.0]), np.array([0.4, 2.0, 20.0])
    np.testing.assert_allclose(
        COUNTING.tail(n, mu), stats.poisson.sf(n, mu) + 0.5 * stats.poisson.pmf(n, mu), rtol=1e-12
    )


def test_predictive_p_values_know_the_variance():
    """Of one bin: a negative binomial of size a and probability b/(1 + b), as scipy has it."""
    n, mu, variance = 9, 4.0, 3.0
    exact = stats.nbinom(mu**2 / variance + 1.0, mu / variance / (1.0 + mu / variance))
    expected = np.full((40_000, 1, 1), mu)
    checks = predictive_checks([[n]], expected, np.random.default_rng(2), np.full_like(expected, variance))
    assert checks.bins[0, 0] == pytest.approx(exact.sf(n) + 0.5 * exact.pmf(n), rel=0.03)
    assert checks.total == pytest.approx(checks.bins[0, 0], rel=1e-12)
