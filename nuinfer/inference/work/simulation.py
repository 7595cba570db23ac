"""Simulated data: counts, and the measured values of constraints. The only place that draws them.

Terms that are densities of measured values (`nuinfer.constraints.base`) are simulated like counts. What else constrains
is part of the prior: truths are drawn from the prior, exclusions refuse, and one-sided terms keep with a probability
that is the term over its largest value.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.likelihood import drawn
from nuinfer.typing import BoolArray, FloatArray

BATCH = 64  # draws of the prior at a time
MOST_DRAWS = 20_000_000  # until enough are kept


class Data(NamedTuple):
    """What `Analysis.with_observed` takes: counts (topology, bin), and measured values by constraint."""

    counts: FloatArray
    measured: dict[str, float]


def draw_data(
    truth: Analysis,
    at: Mapping[str, float] | None = None,
    rng: np.random.Generator | None = None,
    livetime: float = 1.0,
) -> Data:
    """Data of a truth.

    Parameters
    ----------
    truth : Analysis
        The model.
    at : mapping of str to float, optional
        Its parameters by name, as for `Analysis.predict`.
    rng : Generator, optional
        Source of the counts and measured values (their own normal errors); without one, the expectations.
    livetime : float
        Factor on the expected counts.

    Raises
    ------
    ConfigError
        If a measured value cannot be simulated; names the constraint.
    """
    expected = truth.expected_at(at).times(livetime)
    counts = expected.total if rng is None else drawn(expected, rng, truth.density)
    densities = [constraint for constraint in truth.constraints if constraint.is_density]
    predicted = truth.predict_observables(at) if densities else {}
    return Data(counts, {c.name: c.simulated(predicted[c.name], rng) for c in densities})


def draw_truths(analysis: Analysis, n: int, rng: np.random.Generator) -> FloatArray:
    """Parameters drawn from the prior times exclusions and one-sided terms, shape (n, n_dim).

    Raises
    ------
    ConfigError
        If these leave too little of the prior.
    """

    def kept(size: int) -> FloatArray:
        drawn = analysis.sample_prior(size, rng)
        return np.asarray(drawn[accepted(analysis, drawn, rng)])

    return first_kept(n, kept, max(n, BATCH), "constraints: exclusions and one-sided terms")


def first_kept(n: int, kept: Callable[[int], FloatArray], size: int, what: str) -> FloatArray:
    """The first `n` rows that are kept of draws of the prior.

    Parameters
    ----------
    n : int
        Rows.
    kept : callable
        Makes so many draws and gives those that are kept.
    size : int
        How many are made at a time.
    what : str
        What keeps them.

    Raises
    ------
    ConfigError
        If too few of `MOST_DRAWS` are kept.
    """
    found: list[FloatArray] = []
    for _ in range(0, MOST_DRAWS, size):
        found.append(kept(size))
        if sum(map(len, found)) >= n:
            return np.concatenate(found)[:n]
    raise ConfigError(f"{what} keep less than {n} of {MOST_DRAWS} draws of the prior")


def accepted(analysis: Analysis, theta: FloatArray, rng: np.random.Generator) -> BoolArray:
    """Which draws of the prior, (n, n_dim), exclusions and one-sided terms keep, the latter at random; shape (n,)."""
    kept = analysis.log_exclusion(theta) == 0.0
    penalties = [constraint.largest_term for constraint in analysis.constraints if constraint.is_penalty]
    if penalties:
        kept &= np.log(rng.random(len(theta))) < analysis.log_penalty(theta) - sum(penalties)
    return np.asarray(kept)


def simulate(analysis: Analysis, at: Mapping[str, float] | None = None, seed: int = 0) -> Analysis:
    """The same analysis of data drawn from its model: counts, and the measured values of two-sided constraints.

    Parameters
    ----------
    analysis : Analysis
        The model, and what is simulated.
    at : mapping of str to float, optional
        Parameters of the truth by name, ``m_zprime_mev`` and ``g_prime`` included; the others take the centre of their
        prior.
    seed : int
        Of the draw.

    Raises
    ------
    ConfigError
        If a measured value cannot be simulated; names the constraint.

    Examples
    --------
    >>> import nuinfer
    >>> analysis = nuinfer.simulate(nuinfer.load("hese7"), {"m_zprime_mev": 8.0, "g_prime": 1e-3}, seed=1)
    >>> analysis.observed_counts.shape
    (3, 15)
    >>> [name for name, value in analysis.measured]
    ['muon_g2', 'borexino', 'neff']
    """
    counts, measured = draw_data(analysis, at, np.random.default_rng(seed))
    return replace(analysis.with_observed(counts, measured), truth=tuple(analysis.point(at).items()))
