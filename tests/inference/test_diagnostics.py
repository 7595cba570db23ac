"""Diagnostics against analytic limits and independent computations, and verdicts that must not be wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from nuinfer.export import arviz_adapter
from nuinfer.inference.runs.diagnostics import autocorrelation_times, diagnose, least_ess, modes, transient
from nuinfer.inference.runs.summary import edges_reached, one_sided_limit, shortest_interval, summarise, unconstrained


def autoregressive(rng, rho, steps, walkers, n_dim=1):
    """Stationary AR(1) of unit variance; its integrated autocorrelation time is (1 + rho)/(1 - rho)."""
    chain = np.empty((steps, walkers, n_dim))
    chain[0] = rng.standard_normal((walkers, n_dim))
    for step in range(1, steps):
        chain[step] = rho * chain[step - 1] + np.sqrt(1 - rho**2) * rng.standard_normal((walkers, n_dim))
    return chain


def test_striding_a_long_chain_makes_tau_larger_never_smaller_analytic():
    assert 3.0 < autocorrelation_times(autoregressive(np.random.default_rng(2), 0.5, 10_000, 20))[0] < 12.0


@pytest.mark.parametrize(("rho", "steps"), [(0.5, 1000), (0.95, 8000), (0.97, 12000)])
def test_autocorrelation_time_of_an_autoregressive_chain_analytic(rho, steps):
    # the estimate of emcee is low by some ten tau over the number of steps; beyond 1024 steps the chain is strided
    tau = autocorrelation_times(autoregressive(np.random.default_rng(2), rho, steps, 40))[0]
    assert (1 + rho) / (1 - rho) == pytest.approx(tau, rel=0.08)


def test_a_walker_that_never_moved_makes_tau_infinite_and_the_verdict_negative():
    chain = autoregressive(np.random.default_rng(2), 0.5, 400, 10)[None].repeat(2, axis=0)
    chain[0, :, 3] = 0.1
    verdict = diagnose(chain, np.zeros(chain.shape[:3]), ["x"], 10)
    assert not verdict.converged
    assert np.isinf(verdict.tau[0])
    assert 0 <= verdict.discard <= 200
    assert verdict.thin >= 1


def test_transient_is_found_and_discarded():
    rng = np.random.default_rng(3)
    log_prob = rng.normal(-5.0, 2.0, (1000, 20))
    assert transient(log_prob) < 5
    log_prob[:150] -= np.linspace(300.0, 10.0, 150)[:, None]
    assert transient(log_prob) == 150
    chain = rng.standard_normal((2, 1000, 20, 1))
    assert diagnose(chain, np.array([log_prob, log_prob]), ["x"], 100).discard == 150


def test_effective_sample_size_is_that_of_all_ensembles_analytic():
    rng = np.random.default_rng(4)
    chain = np.array([autoregressive(rng, 0.8, 1000, 30) for _ in range(4)])
    verdict = diagnose(chain, np.zeros(chain.shape[:3]), ["x"], 2000)
    assert verdict.ess[0] == pytest.approx(4 * 30 * (1000 - verdict.discard) / 9.0, rel=0.1)
    assert verdict.steps_per_tau == pytest.approx((1000 - verdict.discard) / 9.0, rel=0.15)
    assert verdict.converged
    assert verdict.missing == ()
    short = diagnose(chain[:, :100], np.zeros(chain[:, :100].shape[:3]), ["x"], 5000)
    assert not short.converged
    assert short.missing[0] == f"x: effective sample size {short.ess[0]:.0f} of 5000"
    assert short.missing[1].endswith("autocorrelation times of 12.5")
    assert 200 < short.needed_steps < 1000
    assert (verdict.decides, short.decides) == ("", "ESS")
    assert least_ess(4, 30) == 4 * 30 * 12.5
    assert diagnose(chain[:, :100], np.zeros(chain[:, :100].shape[:3]), ["x"], least_ess(4, 30) - 1).decides == "length"


def test_rhat_compares_ensembles_and_the_order_of_steps():
    rng = np.random.default_rng(5)
    chain = rng.standard_normal((4, 500, 20, 2))
    chain[..., 1] += np.array([0.0, 0.0, 0.0, 0.5])[:, None, None]
    verdict = diagnose(chain, np.zeros(chain.shape[:3]), ["good", "bad"], 100)
    assert verdict.rhat[0] < 1.002
    assert verdict.rhat[1] > 1.02
    assert all(what.startswith("bad: ") for what in verdict.missing)
    drift = rng.standard_normal((4, 500, 20, 1)) + np.linspace(0.0, 2.0, 500)[:, None, None]
    assert diagnose(drift, np.zeros(drift.shape[:3]), ["x"], 100).rhat[0] > 1.05  # the halves disagree


def test_rhat_is_the_rank_normalised_split_one_independent_computation():
    # Vehtari et al. 2021, equations 3-4 and 14, written out
    rng = np.random.default_rng(6)
    draws = rng.standard_cauchy((4, 1000)) + np.array([0.0, 0.0, 0.2, 0.4])[:, None]

    def classic(x):
        split = np.concatenate([x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]])
        scores = stats.norm.ppf((stats.rankdata(split).reshape(split.shape) - 0.375) / (split.size + 0.25))
        n = scores.shape[1]
        within, between = scores.var(axis=1, ddof=1).mean(), n * scores.mean(axis=1).var(ddof=1)
        return np.sqrt(((n - 1) / n * within + between / n) / within)

    expected = max(classic(draws), classic(np.abs(draws - np.median(draws))))
    assert arviz_adapter.rhat(draws) == pytest.approx(expected, rel=1e-10)
    assert np.isnan(arviz_adapter.rhat(draws[:1]))
    assert np.isnan(arviz_adapter.rhat(np.ones((4, 100))))


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_pareto_k_is_the_shape_of_the_tail_analytic(shape):
    """Ratios u^-k of uniform u are a Pareto tail of shape k; those of its inverse have none."""
    uniform = (np.arange(20_000) + 0.5) / 20_000
    log_weights, k = arviz_adapter.pareto_smoothed(-shape * np.log([uniform, 1.0 / uniform]))
    assert k[0] == pytest.approx(shape, abs=0.05)
    assert k[1] < 0.0
    assert special.logsumexp(log_weights, axis=1) == pytest.approx(0.0, abs=1e-9)
    assert np.all(np.diff(log_weights[0]) <= 1e-12)  # in the order of the ratios


def test_intervals_have_the_probability_asked_for_analytic():
    uniform = (np.arange(20_000) + 0.5) / 20_000
    exponential = -np.log1p(-uniform)
    assert shortest_interval(exponential, 0.68) == pytest.approx((0.0, -np.log(0.32)), abs=2e-3)
    assert shortest_interval(stats.norm.ppf(uniform), 0.95) == pytest.approx((-1.95996, 1.95996), abs=5e-3)


@pytest.mark.parametrize(
    ("sample", "edges"),
    [
        (stats.norm(0.5, 0.1), ()),
        (stats.norm(0.5, 0.2), ()),  # 2.5 sigma from both edges
        (stats.truncnorm(0.0, 10.0, 0.0, 0.1), ("low",)),
        (stats.truncnorm(-10.0, 0.0, 1.0, 0.1), ("high",)),
        (stats.uniform(0.0, 0.7), ("low",)),  # a plateau that is cut at one side
        (stats.uniform(), ("low", "high")),
    ],
)
def test_edges_where_the_posterior_piles_up(sample, edges):
    draws = sample.ppf((np.arange(20_000) + 0.5) / 20_000)
    assert edges_reached(draws, 0.0, 1.0) == edges


def test_open_ends_of_a_prior_are_never_reached():
    draws = stats.halfnorm.ppf((np.arange(20_000) + 0.5) / 20_000)
    assert edges_reached(draws, 0.0, np.inf) == ("low",)
    assert edges_reached(draws, -np.inf, np.inf) == ()


def test_one_sided_limits_analytic():
    draws = stats.halfnorm.ppf((np.arange(20_000) + 0.5) / 20_000)
    assert one_sided_limit(draws, 0.0, 9.0, "low") == {
        "side": "upper",
        "value": pytest.approx(1.95996, abs=1e-3),
        "prior_floor": 0.0,
    }
    assert one_sided_limit(-draws, -9.0, 0.0, "high") == {
        "side": "lower",
        "value": pytest.approx(-1.95996, abs=1e-3),
        "prior_floor": 0.0,
    }


def test_summary_of_independent_draws():
    rng = np.random.default_rng(7)
    chain = np.stack([rng.standard_normal((4, 400, 20)), np.abs(rng.standard_normal((4, 400, 20)))], axis=-1)
    verdict = diagnose(chain, np.zeros(chain.shape[:3]), ["a", "b"], 500)
    prior = rng.uniform([-20.0, 0.0], 20.0, (5000, 2))
    summary = summarise(chain, verdict, ["a", "b"], np.array([[-np.inf, np.inf], [0.0, 20.0]]), prior)
    assert list(summary) == ["converged", "rhat_max", "ess_min", "steps", "parameters", "warnings"]
    assert summary["converged"]
    assert summary["steps"] == 400
    assert list(summary["parameters"]["a"]) == ["median", "hpd68", "hpd95", "ess", "rhat", "unconstrained"]
    assert summary["parameters"]["a"]["hpd68"] == pytest.approx([-0.99446, 0.99446], abs=0.08)
    assert summary["parameters"]["b"]["limit95"]["value"] == pytest.approx(1.96, abs=0.05)
    assert summary["warnings"] == []
    alone = summarise(
        chain[:1], diagnose(chain[:1], np.zeros((1, 400, 20)), ["a", "b"], 500), ["a", "b"], np.zeros((2, 2)), prior
    )
    assert any("a single ensemble" in text for text in alone["warnings"])


def test_what_has_learned_nothing_is_called_unconstrained():
    """A Gaussian that has shrunk to 0.95 of its prior's width, to 0.85, and one of few draws."""
    rng = np.random.default_rng(9)
    prior, draws = rng.standard_normal(100_000), rng.standard_normal(20_000)
    assert unconstrained(0.95 * draws, prior, 4000.0)
    assert not unconstrained(0.85 * draws, prior, 4000.0)
    assert unconstrained(draws[:300], prior, 300.0)
    chain = np.abs(draws).reshape(4, 50, 100, 1)
    verdict = diagnose(chain, np.zeros(chain.shape[:3]), ["a"], 500)
    entry = summarise(chain, verdict, ["a"], np.array([[0.0, 9.0]]), np.abs(prior)[:, None])["parameters"]["a"]
    assert entry["unconstrained"]
    assert "limit95" not in entry  # it would be the prior's own


def test_modes_of_known_densities():
    rng = np.random.default_rng(8)
    for one in (
        rng.standard_normal(80_000),
        rng.uniform(size=80_000),
        rng.standard_cauchy(80_000),
        rng.exponential(size=8000),
    ):
        assert modes(one) == []
    two = np.concatenate([rng.normal(-3.0, 1.0, 60_000), rng.normal(3.0, 1.0, 20_000)])
    (_, cut), (same, _) = modes(two)
    assert cut == same
    assert -1.0 < cut < 2.0
    assert len(modes(np.concatenate([two, rng.normal(12.0, 0.5, 20_000)]))) == 3
    assert modes(np.concatenate([two[:60_000], rng.normal(12.0, 0.1, 300)])) == []  # less than 1 %


def test_an_indicator_of_a_mode_sees_weights_that_differ():
    """Ensembles with modes of weight 0.5 and 0.7; with equal weights nothing is missing."""
    rng = np.random.default_rng(9)
    chain = rng.normal(size=(2, 2000, 20, 1)) * 0.1
    weight = np.array([0.5, 0.7])[:, None, None, None]
    chain += np.where(rng.random(chain.shape) < weight, 1.0, -1.0)
    verdict = diagnose(chain, np.zeros(chain.shape[:3]), ["x"], 100)
    assert any(what.startswith("x below ") and "R-hat" in what for what in verdict.missing)
    same = np.where(rng.random(chain.shape) < 0.5, 1.0, -1.0) + 0.1 * rng.normal(size=chain.shape)
    assert diagnose(same, np.zeros(chain.shape[:3]), ["x"], 100).converged
