"""Parameter vectors from every corner of float64: -inf, a finite number or an error of ours (property).

Never another exception, never a warning (they are errors here), never NaN without an error that names the term.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nuinfer
from nuinfer.errors import NonFiniteLogProbError, NuinferError

CORNERS = [
    *(np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308),
    *(-1.7976931348623157e308, 1e-16, -1e-16, 1.0, -1.0, 308.0, -308.0, 309.0, 1e3, -1e3, 1e17),
]
ANALYSES = {
    "hese7": [],
    "hese7_icecube": [],
    "coherent": ["model.coherence=coherent"],
    "degenerate": ["model.masses=degenerate", "model.source=pgamma"],
    "standard_model": ["model.absorption=false"],
    "free": ["model.source=free"],
    "cutoff": ["model.spectrum=cutoff", "model.regeneration=false"],
    "broken": ["model.spectrum=broken_power_law", "model.source=free"],
}


@pytest.fixture(scope="module")
def analyses():
    return {name: nuinfer.load("hese7_icecube" if name == "hese7_icecube" else "hese7", extra)
            for name, extra in ANALYSES.items()}  # fmt: skip


def vectors(analysis):
    """Points of the prior with some coordinates, or all of them, replaced."""
    inside = [st.floats(*np.clip(bounds, -50.0, 50.0).tolist()) for bounds in analysis.prior_bounds]
    wild = st.one_of(st.sampled_from(CORNERS), st.floats())
    return st.tuples(*(st.one_of(one, wild) for one in inside))


def checked(evaluate):
    """What is returned, or None for a refusal."""
    try:
        return evaluate()
    except NuinferError as error:
        assert "\n" not in str(error)
        return None


@pytest.mark.parametrize("name", list(ANALYSES))
def test_any_float_is_a_number_minus_infinity_or_refused(analyses, name):
    analysis = analyses[name]

    @settings(max_examples=60, deadline=None)
    @given(vectors(analysis))
    def run(theta):
        log_prob = checked(lambda: analysis.log_prob(theta))
        inside = bool(np.all((theta >= analysis.prior_bounds[:, 0]) & (theta <= analysis.prior_bounds[:, 1])))
        if log_prob is not None:
            assert np.isfinite(log_prob) or log_prob == -np.inf
            assert inside or log_prob == -np.inf
        else:
            assert np.any(np.isnan(theta)) or inside  # outside the prior is -inf, whatever else is wrong there
        for evaluate in (analysis.log_likelihood, analysis.log_exclusion):
            value = checked(lambda evaluate=evaluate: evaluate(theta))
            assert value is None or value < np.inf
        prior = analysis.log_prior(theta)  # documented: NaN for NaN
        assert prior < np.inf or np.any(np.isnan(theta))
        terms = checked(lambda: analysis.log_terms(theta))
        assert terms is None or all(term < np.inf for term in terms.values())
        counts = checked(lambda: analysis.expected_counts(theta))
        assert counts is None or np.all(np.isfinite(counts))

    run()


def test_components_that_overflow_on_both_sides_are_refused(analyses):
    """Found by the test above: inf - inf."""
    theta = np.array([2.0, -np.finfo(float).max, np.finfo(float).max, 1.0, 0.0, 1.0, 1.0, 0.0])
    with pytest.raises(NuinferError, match="the expected counts are not finite at"):
        analyses["standard_model"].expected_counts(theta)


@pytest.mark.parametrize("name", list(ANALYSES))
def test_a_wild_point_does_not_spoil_its_batch(analyses, name):
    """A point outside the prior leaves the others as they are, bit for bit."""
    analysis = analyses[name]
    good = analysis.sample_prior(3, np.random.default_rng(5))
    alone = analysis.log_prob(good)
    for corner in CORNERS:
        for column in range(good.shape[1]):
            low, high = analysis.prior_bounds[column]
            if np.isnan(corner) or low <= corner <= high:
                continue
            batch = np.vstack([good, good[:1]])
            batch[3, column] = corner
            log_prob = analysis.log_prob(batch)
            assert log_prob[3] == -np.inf
            np.testing.assert_array_equal(log_prob[:3], alone)


def test_not_a_number_names_the_term_and_the_point(analyses):
    analysis = analyses["hese7"]
    theta = analysis.prior_transform([0.5] * len(analysis.parameter_names))
    theta[3] = np.nan
    with pytest.raises(NonFiniteLogProbError, match=r"'prior'.*gamma=nan"):
        analysis.log_prob(theta)
