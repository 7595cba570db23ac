"""Simulated data: counts and measured values, and truths that exclusions and one-sided terms keep."""

from __future__ import annotations

import pickle
import time

import nominal
import numpy as np
import pytest
from scipy import special, stats

import nuinfer
from nuinfer.constraints import CONSTRAINTS, base, borexino, muon_g2, neff
from nuinfer.errors import ConfigError
from nuinfer.inference.evidence import nested
from nuinfer.inference.evidence.nested import Setting, run_nested, without_penalties
from nuinfer.inference.sampling.fit import fit
from nuinfer.inference.studies import odds
from nuinfer.inference.studies.odds import simulate_odds
from nuinfer.inference.work.simulation import draw_data, draw_truths

AT = {"m_zprime_mev": 8.0, "g_prime": 3e-4}
SIGMAS = {"muon_g2": 6.3, "borexino": np.sqrt(1.1**2 + 0.55**2 + 2.8**2), "neff": 0.17}  # of the publications


def predictions(m: float, g: float) -> dict[str, float]:
    """Of the three two-sided terms of hese7, from the public functions: 1e-10, counts/day/100 t, N_eff."""
    return {
        "muon_g2": 1e10 * float(muon_g2.delta_a_mu(m, g)),
        "borexino": 47.9 * float(borexino.rate_ratio(m, g)),
        "neff": 3.044 + float(neff.delta_neff(m, g)),
    }


def test_which_terms_are_densities_and_which_act_on_the_prior():
    """Two-sided ones can be simulated; limits, one-sided terms and half-normals cannot."""
    forms = ("exclusion", "one_sided", "two_sided")
    charges, box = (0.0, 1.0, -1.0), (1.0, 50.0)
    for definition in CONSTRAINTS.shipped.values():
        for form in definition.forms:
            term = definition.build(form, definition.measurement, charges, box, mediator=definition.mediators[0])
            assert (term.is_exclusion, term.is_penalty, term.is_density) == tuple(form == each for each in forms)
    positive = base.Measurement("m", "nowhere", mean=0.0, sigma=1.0, positive=True)
    half_normal = base.Constraint("toy", "two_sided", positive, lambda m, g: m * g, 0.0)
    assert half_normal.is_penalty
    assert not half_normal.is_density
    assert half_normal.largest_term == pytest.approx(stats.norm.logpdf(0.0))


def test_measured_values_are_drawn_from_their_densities_statistical():
    """Mean, spread and shape against the publications' errors and the public predictions; without a generator they are
    the predictions."""
    analysis, rng, n = nuinfer.load("hese7"), np.random.default_rng(3), 400
    drawn = [draw_data(analysis, AT, rng) for _ in range(n)]
    expected = predictions(**dict(zip("mg", AT.values(), strict=True)))
    assert draw_data(analysis, AT).measured == pytest.approx(expected, rel=1e-9)
    for name, mean in expected.items():
        pulls = (np.array([data.measured[name] for data in drawn]) - mean) / SIGMAS[name]
        assert stats.kstest(pulls, "norm").pvalue > 1e-3, name
    counts = np.array([data.counts.sum() for data in drawn])
    total = np.sum(list(analysis.predict(AT).values()))
    assert abs(counts.mean() - total) < 4.0 * np.sqrt(total / n)
    assert {name for name, _ in nuinfer.simulate(analysis, AT).measured} == set(expected)
    standard = nuinfer.load("hese7", ["model.absorption=false"])
    assert draw_data(standard).measured == pytest.approx({"muon_g2": 0.0, "borexino": 47.9, "neff": 3.044})


def test_terms_take_the_simulated_values():
    """Each is the normal density of its new value (scipy); the one-sided term and all predictions stay as they are."""
    analysis = nuinfer.load("hese7")
    measured = {"muon_g2": 12.0, "borexino": 51.0, "neff": 4.5}
    moved = analysis.with_observed(analysis.observed_counts, measured)
    theta = draw_truths(analysis, 5, np.random.default_rng(1))
    before, after, values = analysis.log_terms(theta), moved.log_terms(theta), analysis.values(theta)
    for k in range(len(theta)):
        expected = predictions(values["m_zprime_mev"][k], values["g_prime"][k])
        for name, value in measured.items():
            wanted = stats.norm.logpdf(value, expected[name], SIGMAS[name])
            assert after[name][k] == pytest.approx(wanted, rel=1e-9), name
    for name in ("prior", "sn1987a", "data"):
        np.testing.assert_array_equal(after[name], before[name])
    np.testing.assert_array_equal(moved.evaluate(theta)[1].sum(axis=1), moved.log_prob(theta))


@pytest.mark.parametrize("preset", ["hese7", "paper"])
def test_rows_of_several_data_sets_are_those_of_each_to_the_bit(preset):
    """One batch whose rows belong to five data sets, against each data set by itself; the order does not matter."""
    analysis, rng = nuinfer.load(preset), np.random.default_rng(4)
    measured = draw_data(analysis, AT, rng).measured if preset == "hese7" else {}
    drawn = [
        (rng.poisson(3.0, analysis.observed_counts.shape), {k: v + n for k, v in measured.items()}) for n in range(5)
    ]
    theta, of = analysis.sample_prior(100, rng), rng.integers(5, size=100)
    together = analysis.evaluate(theta, analysis.data_sets(drawn), of)
    for k, one in enumerate(drawn):
        for found, wanted in zip(together, analysis.with_observed(*one).evaluate(theta[of == k]), strict=True):
            np.testing.assert_array_equal(found[of == k], wanted)
    with pytest.raises(ConfigError, match="observed counts: finite numbers"):
        analysis.data_sets([(np.zeros((1, 1)), {})])


def test_data_stay_with_an_analysis(tmp_path, pool):
    """They survive pickling, overrides, a run folder and a second draw of counts; what is off does not count."""
    analysis = nuinfer.load("hese7", [*FIXED, "sampler.walkers=24"])
    moved = nuinfer.simulate(analysis, AT, seed=1)
    assert moved.config_hash != analysis.config_hash
    assert moved.config_hash != moved.with_observed(moved.observed_counts, {"neff": 3.0}).config_hash
    again = pickle.loads(pickle.dumps(moved))  # noqa: S301 - ours
    theta = analysis.sample_prior(3, np.random.default_rng(0))
    run = fit(moved, tmp_path / "run", ensembles=2, max_steps=2, progress=False, executor=pool)
    for other in (again, moved.with_overrides([]), moved.with_observed(moved.observed_counts), run.analysis):
        np.testing.assert_array_equal(other.log_prob(theta), moved.log_prob(theta))
    without = moved.with_overrides(["constraints.neff.form=off"])
    assert "neff" not in without.log_terms(theta)
    one_sided = moved.with_overrides(["constraints.neff.form=one_sided"])
    np.testing.assert_array_equal(
        one_sided.log_terms(theta)["neff"],
        analysis.with_overrides(["constraints.neff.form=one_sided"]).log_terms(theta)["neff"],
    )


@pytest.mark.parametrize("measured", [{"sn1987a": 1.0}, {"typo": 1.0}, {"neff": np.nan}])
def test_values_of_what_is_no_density_are_refused(measured):
    analysis = nuinfer.load("hese7")
    with pytest.raises(
        ConfigError, match=f"measured values: '{next(iter(measured))}' = .*one of muon_g2, borexino, neff"
    ):
        analysis.with_observed(analysis.observed_counts, measured)


def test_new_values_are_cheap_and_compile_nothing():
    analysis = nuinfer.load("hese7")
    theta = analysis.sample_prior(4, np.random.default_rng(0))
    analysis.log_prob(theta)
    kinds = len(getattr(base.log_terms, "signatures", ()))
    start = time.process_time()
    for k in range(100):
        analysis.with_observed(analysis.observed_counts, {"neff": 3.0 + k / 100}).log_prob(theta)
    assert time.process_time() - start < 1.0  # 10 ms each, building one takes more
    assert len(getattr(base.log_terms, "signatures", ())) == kinds


# Truths ---------------------------------------------------------------------------------------------------------------

FIXED = (
    *nominal.FIXED,
    *("parameters.log10_m_zprime_mev.value=1", "parameters.gamma.value=2.6", "parameters.phi_total.value=6"),
    "parameters.lightest_nu_mass_ev.value=0.02",
)
"""Of 10 MeV, where a coupling of 1e-5 has a diffusion time of 15.0 s (by hand): the coupling alone is free."""

FREE_FLUX = ("model.absorption=false", "parameters.gamma.value=2.6")


def penalty(log10_g):
    """exp(-pull^2/2) with the pull of log10(tau/10 s), tau going with g'^2, and sigma of one decade."""
    return np.exp(-0.5 * np.maximum(np.log10(1.5) + 2.0 * (np.asarray(log10_g) + 5.0), 0.0) ** 2)


def test_truths_follow_prior_times_penalty_statistical():
    analysis = nuinfer.load("hese7", FIXED)
    drawn = draw_truths(analysis, 2000, np.random.default_rng(4))[:, 0]
    grid = np.linspace(-6.0, -2.5, 4001)
    area = np.cumsum(penalty(grid))
    assert stats.kstest(drawn, lambda x: np.interp(x, grid, area / area[-1])).pvalue > 1e-3
    kept = analysis.with_overrides({"constraints.sn1987a.form": "exclusion"})
    edge = -5.0 - 0.5 * np.log10(1.5)  # where the diffusion time is 10 s
    assert -5.2 < draw_truths(kept, 2000, np.random.default_rng(4)).max() <= edge + 1e-3


def test_truths_that_are_never_kept_are_an_error(monkeypatch):
    analysis = nuinfer.load("hese7", [*FIXED, "parameters.log10_g_prime.low=-3", "constraints.sn1987a.form=exclusion"])
    monkeypatch.setattr("nuinfer.inference.work.simulation.MOST_DRAWS", 1000)
    with pytest.raises(ConfigError, match="keep less than 1 of 1000"):
        draw_truths(analysis, 1, np.random.default_rng(0))


def test_hypotheses_pay_for_penalties_in_the_odds_statistical(monkeypatch):
    """One whose prior a one-sided term cuts down to a share s is the truth in s/(1 + s) of the data sets."""
    made = {"with": nuinfer.load("hese7", FIXED), "without": nuinfer.load("hese7", FREE_FLUX)}

    class Nothing:
        ln_z = 0.0

    monkeypatch.setattr(odds, "run_nested", lambda *_: Nothing)
    found = [simulate_odds(made, k, 9, odds.Setting())["truth"] == "with" for k in range(300)]
    share = float(np.mean(penalty(np.linspace(-6.0, -2.5, 4001))))
    assert 0.2 < share < 0.6
    expected = share / (1.0 + share)
    assert abs(np.mean(found) - expected) < 4.0 * np.sqrt(expected * (1.0 - expected) / len(found))


@pytest.mark.parametrize("sigma_dex", [1.0, 0.02])
def test_evidence_without_one_sided_terms_by_quadrature(sigma_dex, monkeypatch):
    """Reweighted draws, and a run of its own where these are too few, against a sum over the coupling."""
    setting, analysis = Setting(live=200, walks=20), nuinfer.load("hese7", FIXED)
    coupling = np.linspace(-6.0, -2.5, 20_001)[1:, None]
    terms = analysis.log_terms(coupling)
    data = sum(terms[name] for name in ("muon_g2", "borexino", "neff", "data"))
    exact = special.logsumexp(data) - np.log(len(data))
    weighed = analysis.with_overrides({"constraints.sn1987a.sigma_dex": sigma_dex})
    run = run_nested(weighed, 3, setting)
    ln_z, error = without_penalties(weighed, run, 3, setting)
    assert abs(ln_z - exact) < 4.0 * error
    assert run.ln_z_error <= error < 0.3
    bare = analysis.with_overrides(["constraints.sn1987a.form=off"])
    own = run_nested(bare, 3, setting)
    assert abs(own.ln_z - exact) < 4.0 * own.ln_z_error
    assert without_penalties(bare, own, 4, setting) == (own.ln_z, own.ln_z_error)
    monkeypatch.setattr(nested, "ENOUGH_DRAWS", 1e9)
    assert without_penalties(weighed, run, 3, setting) == (own.ln_z, own.ln_z_error)
