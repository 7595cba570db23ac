"""Simulated data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nuinfer.analysis import Analysis


def simulate(analysis: Analysis, at: Mapping[str, float] | None = None, seed: int = 0) -> Analysis:
    """The same analysis of counts drawn from its model.

    Parameters
    ----------
    analysis : Analysis
        The model, and what is simulated.
    at : mapping of str to float, optional
        Parameters of the truth by name, ``m_zprime_mev`` and ``g_prime`` included; the others take the centre of their
        prior.
    seed : int
        Of the Poisson draw.

    Examples
    --------
    >>> import nuinfer
    >>> analysis = nuinfer.simulate(nuinfer.load("hese7"), {"m_zprime_mev": 8.0, "g_prime": 1e-3}, seed=1)
    >>> analysis.observed_counts.shape
    (2, 15)
    """
    expected = np.sum(list(analysis.predict(at).values()), axis=0)
    return analysis.with_observed(np.random.default_rng(seed).poisson(expected))
