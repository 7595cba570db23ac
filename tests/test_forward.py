"""Expected counts: exact through edges, continuous, independent of batches."""

from __future__ import annotations

import numpy as np
import pytest
from beams import finer

import nuinfer


@pytest.fixture(scope="module")
def analysis():
    return nuinfer.load("hese7_icecube", ["model.regeneration=false"])


def test_default_accuracy_of_every_bin(analysis):
    """Against 32 times finer tables and nine nodes per piece, over the prior: below 2e-6 in every bin."""
    values = analysis.values(analysis.sample_prior(400, np.random.default_rng(3)))
    default, exact = (model.expected(values).total for model in (analysis.model, finer(analysis, 4096, 9)))
    assert np.abs(default / exact - 1).max() < 2e-6


def test_log_likelihood_has_no_steps_in_the_mediator_mass(analysis):
    """Along 4000 steps of 1e-4 in log10 m_Z' the second difference of ln L stays small: a step would stand out."""
    centre = analysis.prior_transform([0.5] * len(analysis.parameter_names))
    theta = np.tile(centre, (4000, 1))
    theta[:, 0] = 0.6 + 1e-4 * np.arange(4000)
    theta[:, 1], theta[:, 2] = -3.2, 0.02
    log_likelihood = analysis.log_likelihood(theta)
    assert np.ptp(log_likelihood) > 3.0, "the dip should matter along this line"
    assert np.abs(np.diff(log_likelihood)).max() < 0.02
    # A bin whose jump is not split moves by whole quadrature weights: a single step of more than 0.1 here.


@pytest.mark.parametrize("overrides", [
    ["model.coherence=coherent"], ["model.masses=degenerate", "model.coherence=coherent"], ["model.source=pgamma"],
    ["model.evolution=single", "model.source_redshift=1.0"], ["model.neutrino=dirac", "model.ordering=inverted"],
    ["model.absorption=false"], ["model.regeneration=false"],
    ["model.source=pgamma", "model.evolution=single", "model.source_redshift=1.0", "model.coherence=coherent"],
    ["model.charges=[1, -2, 0.5]", "model.source=neutron", "model.coherence=coherent"],
])  # fmt: skip
def test_batches_do_not_matter(overrides):
    """Not in a single bit."""
    analysis = nuinfer.load("hese7_icecube", overrides)
    theta = analysis.sample_prior(150, np.random.default_rng(9))
    whole = analysis.expected_counts(theta)
    assert whole.shape == (150, 3, 15)
    np.testing.assert_array_equal([analysis.expected_counts(point) for point in theta[:20]], whole[:20])
    np.testing.assert_array_equal(analysis.expected_counts(theta[7:14]), whole[7:14])
    np.testing.assert_array_equal(analysis.expected_counts(theta.reshape(3, 50, -1)), whole.reshape(3, 50, 3, 15))
    np.testing.assert_array_equal(analysis.log_likelihood(theta[3]), analysis.log_likelihood(theta)[3])


@pytest.mark.parametrize("overrides", [[], ["model.source=free", "model.spectrum=cutoff"]], ids=["pp", "free"])
def test_points_that_differ_behind_the_transport_share_it(overrides):
    """Each parameter of each point moved in turn, next to the point: not in a single bit different from alone."""
    analysis = nuinfer.load("hese7_icecube", overrides)
    points = analysis.sample_prior(3, np.random.default_rng(4))
    n_dim = points.shape[1]
    rows = np.repeat(points[:, None], 2 * n_dim, axis=1)
    rows[:, 2 * np.arange(n_dim), np.arange(n_dim)] *= 0.999
    rows = rows.reshape(-1, n_dim)
    alone = [analysis.expected_counts(row) for row in rows]
    np.testing.assert_array_equal(analysis.expected_counts(rows), alone)
    assert len({counts.tobytes() for counts in alone}) > 2 * n_dim
    log_prob, _, counts = analysis.evaluate(rows)
    np.testing.assert_array_equal(counts.sum(axis=1), alone)
    np.testing.assert_array_equal(log_prob, analysis.log_prob(rows))


def test_absorption_fades_with_the_coupling():
    """g' -> 0 gives the counts of the Standard Model; Dirac targets absorb like half the depth, g'/sqrt(2)."""
    at = {"m_zprime_mev": 8.0, "lightest_nu_mass_ev": 0.02}
    free = nuinfer.load("hese7_icecube", ["model.absorption=false"]).predict()["astro"]
    removed = nuinfer.load("hese7_icecube", ["model.regeneration=false", "model.relic_neutrinos=standard"])
    faint = removed.predict({**at, "g_prime": 1e-9})["astro"]
    np.testing.assert_allclose(faint, free, rtol=1e-6)
    dirac = removed.with_overrides(["model.neutrino=dirac"]).predict({**at, "g_prime": 3e-4})["astro"]
    majorana = removed.predict({**at, "g_prime": 3e-4 / np.sqrt(2)})["astro"]
    np.testing.assert_allclose(dirac, majorana, rtol=1e-12)
    assert majorana.sum() < 0.95 * free.sum()


def test_standard_model_counts_follow_the_power_law_integral():
    """No absorption: counts = exposure x area x flavour x exact integral of E^-gamma, by plain loops."""
    analysis = nuinfer.load("hese7_icecube", ["model.absorption=false", "model.source=pgamma"])
    data, gamma, phi = analysis.dataset, 2.6, 5.0
    weights = analysis.mixing.probabilities
    p = weights @ weights.T
    flux = np.concatenate([p @ [1 / 3, 1 / 3, 0], p @ [0, 1 / 3, 0]])
    edges = data.true_edges_gev
    integral = 1e5**gamma * (edges[:-1] ** (1 - gamma) - edges[1:] ** (1 - gamma)) / (gamma - 1)
    expected = data.livetime_s * 4 * np.pi * 1e4 * phi * 1e-18 * np.einsum("s,setd,e->td", flux, data.area_m2, integral)
    got = analysis.predict({"gamma": gamma, "phi_total": phi})["astro"]
    np.testing.assert_allclose(got, expected, rtol=2e-6)


def test_norms_scale_what_they_name():
    analysis = nuinfer.load("hese7_icecube")
    base = analysis.predict({"norm_prompt": 1.0})
    scaled = analysis.predict({"norm_prompt": 1.0, "norm_conventional": 0.5, "norm_muon": 2.0, "detector_scale": 1.1})
    for name, factor in {"astro": 1.1, "conventional": 0.55, "prompt": 1.1, "muon": 2.0}.items():
        np.testing.assert_allclose(scaled[name], factor * base[name], rtol=1e-12)
