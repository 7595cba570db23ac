"""Profile likelihood against closed forms, pseudo-experiments, predictive checks."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import numpy as np
import pytest
from baseline_numbers import HESE7_THEN
from nominal import FIXED
from scipy import stats

import nuinfer
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.profile import Profile, _crossing, log_likelihood, pseudo_experiments
from nuinfer.inference.runs.summary import predictive_checks


class Correlated:
    """A Gaussian with correlation 0.8 and unit widths; its profile in x0 is exp(-x0^2/2) (closed form)."""

    def __new__(cls, toys, **settings):
        inverse = np.linalg.inv([[1.0, 0.8], [0.8, 1.0]])

        class Toy(toys.Toy):
            def log_likelihood(self, theta):
                return -0.5 * np.einsum("...i,ij,...j", theta, inverse, theta)

        return Toy(n_dim=2, **settings)


def test_profile_of_a_correlated_gaussian_analytic(toys):
    profile = Profile(Correlated(toys, bound=6.0))
    assert profile.best.theta == pytest.approx([0.0, 0.0], abs=1e-3)
    assert profile.losses("x0", 1.5)[0] == pytest.approx(1.125, abs=2e-3)
    assert profile.at("x0", 1.5).theta == pytest.approx([1.5, 1.2], abs=1e-2)
    assert profile.interval("x0", 0.6827) == pytest.approx((-1.0, 1.0), abs=5e-3)
    assert profile.limit("x0", "upper") == pytest.approx(1.6449, abs=5e-3)
    assert profile.limit("x0", "lower", 0.9) == pytest.approx(-1.2816, abs=5e-3)
    with pytest.raises(ConfigError, match="parameter 'y': not one of x0, x1"):
        profile.limit("y", "upper")


def test_limits_that_the_prior_hides(toys):
    short = Profile(Correlated(toys, bound=0.5))
    assert short.limit("x0", "upper") is None
    assert short.interval("x0") == (-0.5, 0.5)
    flat = Profile(toys.Plateau(n_dim=2))  # flat below 0, a Gaussian above
    assert flat.limit("x0", "upper") == pytest.approx(1.6449, abs=5e-3)
    assert flat.limit("x0", "lower") is None


class Tip:
    """A flat density below a roof, |x1 - 2| < (3 - x0)/50, that the other parameter narrows to its tip at x0 = 3."""

    def __new__(cls, toys):
        class Toy(toys.Toy):
            def log_likelihood(self, theta):
                below = np.abs(theta[:, 1] - 2.0) < (3.0 - theta[:, 0]) / 50.0
                return np.where(below, -0.5 * theta[:, 2] ** 2, -np.inf)

        return Toy(n_dim=3)


def test_a_limit_reaches_the_tip_of_what_exclusions_leave_analytic(toys):
    """No random point hits the last of it: at a distance of one step the roof is as wide as 4e-6 of the prior."""
    limit = Profile(Tip(toys)).limit("x0", "upper")
    assert 3.0 - 4e-3 < limit < 3.0  # two steps of EDGE


@pytest.mark.parametrize(
    ("excess", "zero", "most"),
    [
        (lambda x: x - 1.5, 1.5, 4),
        (lambda x: math.sqrt(0.5 * x**2 + 0.2 * x**3) - 1.2, 1.36489, 8),
        (lambda x: math.inf if x > 2.3 else -1.0, 2.3, 22),
        (lambda x: -1.0 if x < 0.6 else 2.0 * x, 0.6, 22),
    ],
    ids=["straight", "curved", "cut", "jump"],
)
def test_crossings_analytic(excess, zero, most):
    """A line, a smooth curve (x^3 + 2.5 x^2 = 7.2), an exclusion and a step."""
    search, tried = _crossing(0.0, 0.2, 5.0, 1e-3, -1.2), 0
    value = next(search)
    try:
        while True:
            value, tried = search.send(excess(value)), tried + 1
    except StopIteration as ended:
        assert ended.value == pytest.approx(zero, abs=1.1e-3)
    assert tried < most


def test_profile_finds_the_higher_of_two_modes_from_either_side(toys):
    class Unequal(toys.Toy):
        def log_likelihood(self, theta):
            low = -0.5 * np.sum(((theta + 6.0) / 0.1) ** 2, axis=1)
            return np.logaddexp(low, -0.5 * np.sum(((theta - 6.0) / 0.1) ** 2, axis=1) - 1.0)

    profile = Profile(Unequal(n_dim=3))
    assert profile.best.theta == pytest.approx([-6.0] * 3, abs=0.01)
    assert profile.losses("x0", 6.0)[0] == pytest.approx(1.0, abs=2e-3)


def test_nothing_possible_is_refused(toys):
    with pytest.raises(ConfigError, match="none of 4000 draws of the prior"):
        Profile(toys.Toy(defect="excluded"))


class Counting:
    """One bin, mean = signal + 3, no other parameter: everything is a sum of Poisson probabilities."""

    def __new__(cls, toys, observed):
        class Toy(toys.Toy):
            @property
            def observed_counts(self):
                return np.array([[float(observed)]])

            def sample_prior(self, n, rng):
                return rng.uniform(0.0, 20.0, (n, 1))

            @property
            def prior_bounds(self):
                return np.array([[0.0, 20.0]])

            def expected_counts(self, theta):
                return (np.asarray(theta)[..., 0] + 3.0)[..., None, None]

            def evaluate(self, theta, data=None, of=0):
                counts = (self.own if data is None else data).counts[of, 0, 0]
                poisson = stats.poisson.logpmf(counts, theta[:, 0] + 3.0)
                prior = np.where((theta[:, 0] >= 0.0) & (theta[:, 0] <= 20.0), -np.log(20.0), -np.inf)
                return prior + poisson, np.column_stack([prior, poisson]), self.expected_counts(theta)[:, None]

        return Toy(n_dim=1)


def test_pseudo_experiments_give_the_exact_p_value_analytic(toys):
    """Counting experiment: 3 events at a mean of 7; as many or fewer have probability 0.0818 (Wilks: 0.041)."""
    p = pseudo_experiments(Counting(toys, 3), "x0", 4.0, "upper", n=60)
    exact = stats.poisson.cdf(3, 7.0)
    assert abs(p - exact) < 4.0 * np.sqrt(exact * (1.0 - exact) / 60)
    assert pseudo_experiments(Counting(toys, 12), "x0", 4.0, "upper", n=3) == 1.0


def test_profile_limit_does_not_depend_on_the_floor_of_the_prior():
    """The reason for it: the floor of log10 g' moves a credible limit, never this one (property)."""
    limits = [
        Profile(nuinfer.load("hese7", [f"parameters.log10_g_prime.low={floor}", *FIXED])).limit(
            "log10_g_prime", "upper"
        )
        for floor in (-6.0, -7.5)
    ]
    assert limits[0] == pytest.approx(limits[1], abs=3e-3)


def test_predictive_p_values_of_fixed_means_analytic():
    rng = np.random.default_rng(1)
    mean = np.array([[0.3, 5.0], [40.0, 0.0]])
    observed = np.array([[0.0, 9.0], [30.0, 0.0]])
    checks = predictive_checks(observed, np.broadcast_to(mean, (500, 2, 2)), rng)
    exact = stats.poisson.sf(observed, mean) + 0.5 * stats.poisson.pmf(observed, mean)
    np.testing.assert_allclose(checks.bins, exact, rtol=1e-10)
    total = stats.poisson(45.3)
    assert checks.total == pytest.approx(total.sf(39) + 0.5 * total.pmf(39), rel=1e-10)
    assert 0.05 < checks.deviance < 0.9
    assert checks.warnings() == []
    far = predictive_checks([[0.0, 25.0], [0.0, 0.0]], np.broadcast_to(mean, (500, 2, 2)), rng)
    texts = "; ".join(far.warnings())
    assert "does not describe the counts" in texts
    assert "topology 0, bin 1" in texts
    assert "topology 1, bin 0" in texts


def test_predictive_p_values_are_uniform_without_a_fit_statistical():
    """Data from the model at its own parameters: the global p-values are uniform (200 data sets)."""
    rng = np.random.default_rng(2)
    mean = rng.uniform(0.5, 8.0, (2, 10))
    checks = [predictive_checks(rng.poisson(mean), np.broadcast_to(mean, (200, 2, 10)), rng) for _ in range(200)]
    assert stats.kstest([one.deviance for one in checks], "uniform").pvalue > 1e-3
    assert stats.kstest([one.total for one in checks], "uniform").pvalue > 1e-3


@pytest.mark.parametrize("seed", [0, 2])
def test_the_best_fit_is_the_global_maximum(seed):
    """An independent search found ln P = -30.380 at 2.75 MeV, g' = 1.79e-3; a narrower one ends at 6.7 MeV, -30.747.

    It had the first edition of the data, and relics at T_nu0; hotter ones are as deep at a smaller coupling.
    """
    analysis = nuinfer.load("hese7_icecube", ["model.relic_neutrinos=standard", *HESE7_THEN])
    best = nuinfer.best_fit(analysis, seed)
    assert best.log_prob == pytest.approx(-30.380, abs=2e-3)
    found = dict(zip(analysis.parameter_names, best.theta, strict=True))
    assert 10.0 ** found["log10_m_zprime_mev"] == pytest.approx(2.75, rel=0.01)
    assert 10.0 ** found["log10_g_prime"] == pytest.approx(1.79e-3, rel=0.02)
    assert found["lightest_nu_mass_ev"] == pytest.approx(0.0047, rel=0.05)


@pytest.mark.parametrize(
    "truth",
    [{"m_zprime_mev": 4.0}, {"m_zprime_mev": 9.0, "lightest_nu_mass_ev": 0.01, "gamma": 2.2}, {"m_zprime_mev": 25.0}],
    ids=lambda truth: f"{truth['m_zprime_mev']:g}-mev",
)
def test_counts_as_expected_are_fitted_best_by_their_truth_analytic(truth):
    """Poisson probabilities of n are highest at mu = n: no point beats the truth, and the search comes back to it."""
    analysis = nuinfer.load("hese7_icecube", ["data.likelihood=poisson"])
    at = {"g_prime": 1e-3, "lightest_nu_mass_ev": 0.05, "phi_total": 8.0, "norm_prompt": 0.0, **truth}
    expected = sum(analysis.predict(at).values())
    theta = analysis.theta(at)
    exact = analysis.with_observed(expected)
    lost = float(exact.log_prob(theta)) - nuinfer.best_fit(exact).log_prob
    assert -1e-9 < lost < 2e-3


def test_a_profile_is_the_best_fit_with_the_value_fixed_in_the_configuration():
    """Two ways to the same number: small searches from the pool of one profile, and a full search of another model."""
    analysis = nuinfer.load("hese7_icecube")
    profile = Profile(analysis, seed=1)
    for value in (0.3, 1.4):
        fixed = analysis.with_overrides({"parameters.log10_m_zprime_mev.value": value})
        alone = log_likelihood(fixed, nuinfer.best_fit(fixed, seed=2))
        assert log_likelihood(analysis, profile.at("log10_m_zprime_mev", value)) == pytest.approx(alone, abs=0.01)


def test_a_search_from_posterior_draws_is_no_worse_than_they_are(toys):
    draws = np.random.default_rng(0).normal(0.0, 1.0, (500, 3))
    toy = toys.Toy()
    assert nuinfer.best_fit(toy, starts=draws, effort=0.05).log_prob >= toy.evaluate(draws)[0].max()
    with pytest.raises(ConfigError, match=r"effort: 0\.0 is not allowed"):
        nuinfer.best_fit(toy, effort=0.0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_much_more_expensive_searches_find_nothing_better():
    """Simulated data, best fits against the same search with more effort and against differential evolution."""
    compared = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "global_maximum.py"))["compared"]
    for k in range(10):
        best, *expensive, _ = compared(k)
        assert max(expensive) - best < 0.01


def test_an_integer_is_the_number_it_is():
    profile = Profile(nuinfer.load("hese7_icecube", ["model.absorption=false"]))
    assert profile.losses("gamma", 3)[0] == pytest.approx(profile.losses("gamma", 3.0)[0], abs=1e-6)
