"""A point's bits do not depend on the batch it is evaluated in: a chain is the same however its walkers are spread."""

from __future__ import annotations

import numpy as np
import pytest

import nuinfer
from nuinfer.detector.response import count

ANALYSES = {
    "hese7": ("hese7", ()),
    "coherent": ("hese7", ("model.coherence=coherent",)),
    "pgamma": ("hese7_icecube", ("model.source=pgamma", "model.masses=degenerate", "model.coherence=coherent")),
    "cutoff": ("hese7_icecube", ("model.spectrum=cutoff",)),
    "free": ("hese7_icecube", ("model.source=free", "model.spectrum=broken_power_law")),
    "paper": ("paper", ()),
    "thermal": ("hese7", ("model.targets=thermal", "parameters.lightest_nu_mass_ev.low=0")),
}


@pytest.fixture(scope="module", params=list(ANALYSES))
def analysis(request):
    preset, overrides = ANALYSES[request.param]
    return nuinfer.load(preset, overrides)


@pytest.fixture(scope="module")
def theta(analysis):
    """Points of the prior; of an analysis with exclusions most would be -inf, so half have a small coupling."""
    points = analysis.sample_prior(64, np.random.default_rng(17))
    points[::2, analysis.parameter_names.index("log10_g_prime")] = -5.7
    return points


@pytest.fixture(scope="module")
def alone(analysis, theta):
    """Log-probability of each point by itself."""
    return np.array([analysis.log_prob(point) for point in theta])


@pytest.mark.parametrize("size", [1, 7, 64])
def test_log_probability_is_that_of_the_point_alone(analysis, theta, alone, size):
    assert np.isfinite(alone).sum() > 8
    for start in range(0, len(theta) - size + 1, size):
        rows = slice(start, start + size)
        np.testing.assert_array_equal(analysis.log_prob(theta[rows]), alone[rows])


def test_the_order_and_the_neighbours_do_not_matter(analysis, theta, alone):
    """Backwards, as a batch of batches, from memory in another order, beside points outside the prior."""
    np.testing.assert_array_equal(analysis.log_prob(theta[::-1]), alone[::-1])
    np.testing.assert_array_equal(analysis.log_prob(theta.reshape(2, 32, -1)).ravel(), alone)
    np.testing.assert_array_equal(analysis.log_prob(np.asfortranarray(theta)), alone)
    mixed = np.repeat(theta, 2, axis=0)
    mixed[1::2, 0] = 1e3
    np.testing.assert_array_equal(analysis.log_prob(mixed)[::2], alone)


def test_an_impossible_point_compiles_nothing_anew(analysis, theta):
    """Arrays reach the compiled functions in one layout: else the first step outside the prior would wait for them."""
    mixed = theta.copy()
    mixed[::3, 0] = 1e3
    assert np.isinf(analysis.log_prob(mixed)[::3]).all()
    layouts = [getattr(each, "layout", "C") for signature in count.signatures for each in signature]
    assert set(layouts) == {"C"}


def test_terms_and_counts_are_those_of_the_point_alone(analysis, theta):
    some = theta[:9]
    terms, counts = analysis.log_terms(some), analysis.expected_counts(some)
    for k, point in enumerate(some):
        np.testing.assert_array_equal(counts[k], analysis.expected_counts(point))
        for name, value in analysis.log_terms(point).items():
            assert terms[name][k] == value, name
