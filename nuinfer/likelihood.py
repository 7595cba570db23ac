"""Poisson likelihood of binned counts."""

from __future__ import annotations

import numpy as np
from scipy import special

from nuinfer.typing import ArrayLike, FloatArray


def poisson_log_terms(observed: ArrayLike, expected: ArrayLike) -> FloatArray:
    """Log-probability of each bin, n ln(mu) - mu - ln(n!).

    Parameters
    ----------
    observed : array_like, shape (*bins,)
        Observed counts.
    expected : array_like, shape (*batch, *bins)
        Expected counts, >= 0.

    Returns
    -------
    ndarray, shape (*batch, *bins)
        0 where n = mu = 0, -inf where mu = 0 < n, NaN where mu < 0.

    Examples
    --------
    >>> poisson_log_terms([0, 2], [0.0, 2.0]).round(4).tolist()
    [0.0, -1.3069]
    """
    n, mu = np.asarray(observed, float), np.asarray(expected, float)
    return np.asarray(special.xlogy(n, mu) - mu - special.gammaln(n + 1.0))
