"""The point of highest posterior density near a good one."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from nuinfer.typing import FloatArray


class Searched(Protocol):
    """What is maximised; `nuinfer.analysis.Analysis` is one."""

    @property
    def prior_bounds(self) -> FloatArray:
        """Support of each prior, shape (n_dim, 2)."""
        ...

    def evaluate(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log-probability, shape (n,), and its terms at theta of shape (n, n_dim)."""
        ...


def improved(analysis: Searched, start: FloatArray, scale: FloatArray, max_evaluations: int = 1500) -> FloatArray:
    """Improve a point by a simplex search inside the prior.

    Parameters
    ----------
    analysis : Searched
        Its log-probability is maximised.
    start : ndarray, shape (n_dim,)
        Where the search begins, the best of the posterior draws for example.
    scale : ndarray, shape (n_dim,)
        Size of the posterior in each parameter.
    max_evaluations : int
        Evaluations, at most.

    Returns
    -------
    ndarray, shape (n_dim,)
        No worse than `start`.
    """
    from scipy import optimize

    low, high = analysis.prior_bounds.T

    def cost(x: FloatArray) -> float:
        log_prob, _ = analysis.evaluate(np.clip(start + scale * x, low, high)[None])
        return float(np.minimum(-log_prob[0], 1e300))

    simplex = np.vstack([np.zeros_like(start), 0.3 * np.eye(len(start))])
    found = optimize.minimize(
        cost,
        np.zeros_like(start),
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "maxfev": max_evaluations, "adaptive": True, "xatol": 1e-3, "fatol": 1e-4},
    )
    return np.asarray(np.clip(start + scale * found.x, low, high))
