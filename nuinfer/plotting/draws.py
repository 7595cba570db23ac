"""Posterior draws as figures need them: flat, not too many, with intervals and a best fit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray

if TYPE_CHECKING:
    from nuinfer.analysis import Analysis


FEWEST = 50
"""Draws without which a figure would mislead."""

SLOWER = 8
"""Times fewer draws are taken where targets move, whose absorption takes that much longer."""


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
    """As `flat`, fewer where the flux at Earth takes long."""
    propagation = analysis.posterior.model.propagation
    moving = propagation is not None and propagation.targets == "thermal"
    return flat(analysis, samples, most // SLOWER if moving else most)


def shortest_interval(draws: ArrayLike, probability: float) -> tuple[float, float]:
    """Shortest interval that holds the given share of the draws (highest posterior density).

    Examples
    --------
    >>> shortest_interval([0.0, 1.0, 2.0, 3.0, 9.0], 0.6)
    (0.0, 2.0)
    """
    ordered = np.sort(np.ravel(draws))
    inside = min(max(1, math.ceil(probability * len(ordered))), len(ordered))
    widths = ordered[inside - 1 :] - ordered[: len(ordered) - inside + 1]
    first = int(np.argmin(widths))
    return float(ordered[first]), float(ordered[first + inside - 1])


def best_fit(analysis: Analysis, samples: ArrayLike, start_from: int = 4000) -> FloatArray:
    """Point of highest posterior density: the best of the draws, improved by a simplex search.

    Parameters
    ----------
    analysis : Analysis
        What was sampled.
    samples : array_like, shape (..., n_dim)
        Posterior draws.
    start_from : int
        Number of draws among which the start is searched.

    Returns
    -------
    ndarray, shape (n_dim,)
    """
    from nuinfer.inference.profile.search import improved

    draws = flat(analysis, samples, start_from)
    return improved(analysis, draws[np.argmax(analysis.log_prob(draws))], np.std(draws, axis=0))


def with_edges(analysis: Analysis, point: FloatArray, energy_gev: FloatArray) -> FloatArray:
    """Energies, and pairs of them on either side of the jumps of the spectrum at one point, in order.

    Parameters
    ----------
    analysis : Analysis
        Model.
    point : ndarray, shape (n_dim,)
        Parameters.
    energy_gev : ndarray, shape (energy,)
        Energies at Earth in GeV.
    """
    model = analysis.posterior.model
    if model.propagation is None:
        return energy_gev
    named = analysis.posterior.point(point)
    edges = model.propagation.edges_gev(named["m_zprime_mev"], model.masses_ev(named)).ravel()
    inside = edges[(edges > energy_gev[0]) & (edges < energy_gev[-1])]
    return np.sort(np.concatenate([energy_gev, *(inside * (1.0 + side) for side in (-1e-9, 1e-9))]))
