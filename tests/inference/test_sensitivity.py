"""What the limit on g' hangs on: constraints left out and edges moved, against sums over a grid of (m_Z', g')."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from nominal import NOMINAL

import nuinfer
from nuinfer.inference.profile.search import BestFit
from nuinfer.inference.runs import sensitivity
from nuinfer.inference.work.calls import Inline

FIXED = {
    "lightest_nu_mass_ev": 0.05, "gamma": 2.9, "phi_total": 6.5, **NOMINAL,
}  # fmt: skip
DROP = 1.3528  # half of 2.7055, PDG 2024, Table 40.2
DRAWS = 40_000


def on_grid(analysis, n=250):
    """Mass and coupling in log10, shape (n,), and the log-probability, shape (n mass, n coupling)."""
    (low, high), (floor, ceiling) = analysis.prior_bounds
    mass, coupling = np.linspace(low, high, n), np.linspace(floor, ceiling, n)
    theta = np.stack(np.meshgrid(mass, coupling, indexing="ij"), axis=-1)
    return mass, coupling, analysis.log_prob(theta.reshape(-1, 2)).reshape(n, n)


def profile_limit(coupling, log_prob):
    """Where the maximum over the masses has fallen by DROP above the best coupling."""
    profile = log_prob.max(axis=0)
    beyond = np.flatnonzero((profile < profile.max() - DROP) & (np.arange(len(profile)) > np.argmax(profile)))
    allowed = np.flatnonzero(profile >= profile.max() - DROP)[-1]
    return 10.0 ** coupling[allowed] if len(beyond) and allowed < len(profile) - 1 else None


def credible_limit(coupling, log_prob):
    """Where 95 % of the probability lies below."""
    marginal = np.exp(log_prob - log_prob.max()).sum(axis=0)
    return 10.0 ** np.interp(0.95, (np.cumsum(marginal) - 0.5 * marginal) / marginal.sum(), coupling)


def cases_of(analysis):
    """The cases, from draws of the posterior on a grid."""
    mass, coupling, log_prob = on_grid(analysis)
    weights = np.exp(log_prob - log_prob.max()).ravel()
    rng = np.random.default_rng(1)
    chosen = rng.choice(weights.size, DRAWS, p=weights / weights.sum())
    theta = np.column_stack([mass[chosen // len(coupling)], coupling[chosen % len(coupling)]])
    theta += rng.uniform(-0.5, 0.5, theta.shape) * [mass[1] - mass[0], coupling[1] - coupling[0]]
    theta = np.clip(theta, *analysis.prior_bounds.T)
    best = np.unravel_index(np.argmax(log_prob), log_prob.shape)
    at = np.array([mass[best[0]], coupling[best[1]]])
    found = cases_at(analysis, theta, at, sensitivity.fitted(analysis, 1, theta[:1000], [("log10_g_prime", "upper")]))
    return {case.case: case for case in found}


def cases_at(analysis, theta, at, searched):
    """The cases for draws, a best fit, and a limit that have been found."""
    fitted = Inline().submit(searched._replace, best=dataclasses.replace(searched.best, theta=at))
    return sensitivity.sensitivity(analysis, theta, analysis.log_terms(theta), fitted, 1, Inline())()


@pytest.fixture(scope="module")
def analysis():
    """Mass and coupling alone; muon g-2 as an exclusion, N_eff and SN1987A as likelihoods."""
    fixed = [f"parameters.{name}.value={value}" for name, value in FIXED.items()]
    return nuinfer.load("hese7", [*fixed, "constraints.muon_g2.form=exclusion", "constraints.borexino.form=off"])


@pytest.fixture(scope="module")
def cases(analysis):
    return cases_of(analysis)


def test_every_limit_is_that_of_the_changed_analysis(analysis, cases):
    """Independent computation: brute sums and maxima over the plane, for every constraint and every edge."""
    assert list(cases) == [
        "as fitted", "without muon_g2", "without neff", "without sn1987a", "m_Z' up to 25.1 MeV", "m_Z' up to 100 MeV",
        "g' from 1e-05",
    ]  # fmt: skip
    for name, case in cases.items():
        _, *other = on_grid(analysis.with_overrides(case.changed))
        assert case.profile == pytest.approx(profile_limit(*other), rel=0.04), name  # a step of the grid is 3 %
        if case.credible is not None:
            statistical = 0.1 if case.credible_by == "reweighted" else 0.04
            assert case.credible == pytest.approx(credible_limit(*other), rel=statistical), name
    assert cases["without sn1987a"].profile > 3.0 * cases["as fitted"].profile


def test_a_limit_does_not_depend_on_the_cases_beside_it(analysis):
    """Property: alone, or in lockstep with others, the same to the bit."""
    draws = analysis.sample_prior(200, np.random.default_rng(1))
    boxes = np.repeat(analysis.prior_bounds[None], 3, axis=0)
    boxes[2, 0, 1] = 1.4
    without = ["sn1987a", "muon_g2", None]
    together = sensitivity.limits_of(analysis, 1, (draws, draws[:50]), without, boxes)
    for k in range(3):
        alone = sensitivity.limits_of(analysis, 1, (draws, draws[:50]), without[k : k + 1], boxes[k : k + 1])
        assert alone == together[k : k + 1]
    assert len(set(together)) == 3


def test_what_was_not_measured_does_not_count(analysis):
    """Two ways to the same number: no measured value, and the constraint left out of the configuration."""
    theta = analysis.sample_prior(200, np.random.default_rng(2))
    for k, one in enumerate(analysis.constraints):
        data = analysis.own.chosen(np.zeros(1, np.intp))
        data.measured[0, k] = np.nan
        found, terms, _ = analysis.evaluate(theta, data, np.zeros(200, np.intp))
        other = analysis.with_overrides({f"constraints.{one.name}.form": "off"})
        np.testing.assert_array_equal(found, other.log_prob(theta))
        assert not terms[found > -np.inf, 1 + k].any()


def test_what_the_draws_cannot_say_is_left_open(cases):
    """Beyond an exclusion and outside the prior there are no draws; too few behind a constraint that cuts hard."""
    by = {name: (case.credible_by, case.credible is None) for name, case in cases.items()}
    assert by["as fitted"] == ("draws", False)
    assert by["without muon_g2"] == by["m_Z' up to 100 MeV"] == ("needs a fit", True)
    assert by["m_Z' up to 25.1 MeV"] == by["g' from 1e-05"] == ("cut", False)
    for case in cases.values():
        if case.pareto_k is not None:
            assert (case.credible is None) == (case.pareto_k >= 0.7)


def test_reweighting_that_fails_is_found_out(analysis, monkeypatch):
    """Negative control: SN1987A so sharp that no draw is left where the posterior without it lies."""
    monkeypatch.setattr(sensitivity, "limits_of", lambda *given: [None] * len(given[-1]))
    sharp = analysis.with_overrides({"constraints.sn1987a.sigma_dex": 0.1})
    case = cases_of(sharp)["without sn1987a"]
    assert case.pareto_k > 0.7
    assert case.credible is None


def test_an_edge_that_cannot_be_moved_is_left_out(analysis, monkeypatch):
    """The table of N_eff ends at 100 MeV: with a prior up to there no wider one exists."""
    monkeypatch.setattr(sensitivity, "limits_of", lambda *given: [None] * len(given[-1]))
    wide = analysis.with_overrides({"parameters.log10_m_zprime_mev.high": 2.0})
    assert [name for name in cases_of(wide) if name.startswith("m_Z'")] == ["m_Z' up to 50.1 MeV"]


def test_at_a_given_mass_its_edges_do_not_count(analysis, monkeypatch):
    monkeypatch.setattr(sensitivity, "limits_of", lambda *given: [1e-4] * len(given[-1]))
    fixed = analysis.with_overrides({"parameters.log10_m_zprime_mev.value": 1.3})
    draws = np.linspace(-6.0, -5.0, 1001)[:, None]
    limits = {("log10_g_prime", "upper"): -4.0}
    searched = sensitivity.Fitted(BestFit(np.array([-6.0]), 0.0, {}), limits, np.empty((0, 1)))
    found = cases_at(fixed, draws, np.array([-6.0]), searched)
    assert [case.case for case in found][-2:] == ["without sn1987a", "g' from 1e-05"]
    assert found[0].credible == pytest.approx(10.0**-5.05, rel=1e-3)  # 95 % of a uniform density lie below


def test_without_a_coupling_there_is_nothing_to_say(analysis):
    fixed = analysis.with_overrides({"parameters.log10_g_prime.value": -5.0})
    nothing = Inline().submit(lambda: None)
    assert sensitivity.sensitivity(fixed, np.zeros((1, 1)), {}, nothing, 1, Inline())() == []
