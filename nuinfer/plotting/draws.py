"""Posterior draws as figures need them: flat, not too many, with intervals and a best fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from nuinfer.constants import COORDINATES
from nuinfer.errors import ConfigError
from nuinfer.plotting.annotations import Analysis, ArrayLike, FloatArray

FEWEST = 50
"""Draws without which a figure would mislead."""


Summary = Mapping[str, Any] | None
"""What a run says of its chains, if it is known."""


class Posterior(NamedTuple):
    """One of several posteriors that are drawn over each other.

    What was sampled, the draws (..., n_dim), the best fit (n_dim,), which is searched among the draws if it is not
    given, and the summary of the run, with its intervals, limits and effective sample sizes.
    """

    analysis: Analysis
    samples: ArrayLike
    best_fit: ArrayLike | None = None
    summary: Summary = None


Others = Mapping[str, tuple[Any, ...]]
"""Name to `Posterior`, or to its first fields, of what is drawn over another."""

ALONE: Others = MappingProxyType({})


def together(label: str, first: Posterior, others: Others) -> dict[str, Posterior]:
    """All that is drawn, by name."""
    return {label: first} | {name: Posterior(*each) for name, each in others.items()}


def effective(summary: Summary, *names: str) -> float | None:
    """Smallest effective sample size of quantities from the summary of a run, of all if one is derived, if it is known.

    Without names, that of mass and coupling.
    """
    entries = summary["parameters"] if summary else {}
    each = {name: float(entry["ess"]) for name, entry in entries.items() if "ess" in entry}
    return min(each.get(name, min(each.values())) for name in names or COORDINATES) if each else None


def truth(analysis: Analysis) -> FloatArray:
    """The point (n_dim,) with which data were simulated, NaN where it is not known or they were not."""
    known = dict(analysis.truth)
    return np.array([known.get(name, np.nan) for name in analysis.parameter_names])


def flat(analysis: Analysis, samples: ArrayLike, most: int) -> FloatArray:
    """Samples of shape (..., n_dim) as (n, n_dim), evenly thinned to at most `most`.

    Raises
    ------
    ConfigError
        If the columns are not the parameters of `analysis`, there are fewer than 50 draws or one is not finite.
    """
    array, names = np.asarray(samples, float), analysis.parameter_names
    if array.ndim < 2 or array.shape[-1] != len(names):
        raise ConfigError(f"samples: shape {array.shape} must end in {len(names)} (the parameters {', '.join(names)})")
    rows = array.reshape(-1, len(names))
    if len(rows) < FEWEST:
        raise ConfigError(f"samples: {len(rows)} draws are too few for a figure, at least {FEWEST} are needed")
    if not np.all(np.isfinite(rows)):
        raise ConfigError("samples: NaN or infinity in them; only finite draws can be drawn")
    return rows[:: math.ceil(len(rows) / most)]


def flat_for_flux(analysis: Analysis, samples: ArrayLike, most: int) -> FloatArray:
    """As `flat`, fewer where targets move, whose absorption takes about eight times as long."""
    moving = analysis.absorbs and analysis.config.model.targets == "thermal"
    return flat(analysis, samples, most // 8 if moving else most)


def best_fit(analysis: Analysis, samples: ArrayLike, given: ArrayLike | None = None) -> FloatArray:
    """Point of highest posterior density: the one given, else the maximum found from the best draw.

    Parameters
    ----------
    analysis : Analysis
        What was sampled.
    samples : array_like, shape (..., n_dim)
        Posterior draws.
    given : array_like, shape (n_dim,), optional
        The point, if it is known.

    Returns
    -------
    ndarray, shape (n_dim,)
    """
    from nuinfer.inference.profile import search

    if given is not None:
        return np.asarray(given, float)
    draws = flat(analysis, samples, 4000)
    return search.best_fit(analysis, starts=draws[[np.argmax(analysis.log_prob(draws))]]).theta
