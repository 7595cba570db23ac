"""Widths of the W and Z: a light Z' opens three-body decays such as W -> mu nu Z' (the paper's Sec. II).

A bound of order one on g', a thousand times weaker than the others, so it is a number and no term of the posterior.
"""

from __future__ import annotations

import math

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.typing import ArrayLike, FloatArray

_PER_COUPLING_SQUARED = 3.0 / (16.0 * math.pi**2)


def width_shift(g_prime: ArrayLike) -> FloatArray:
    """Relative change of the leptonic widths of W and Z, ``3 g'^2/(16 pi^2)`` (the paper's Sec. II).

    For leptons of unit charge and m_Z' far below the mass of the W.

    Parameters
    ----------
    g_prime : array_like, shape (*batch,)
        Coupling; another charge of the lepton multiplies it.

    Returns
    -------
    ndarray, shape (*batch,)
        Delta Gamma/Gamma.

    Examples
    --------
    >>> print(f"{width_shift(0.7):.4f}")
    0.0093
    """
    return np.asarray(_PER_COUPLING_SQUARED * np.asarray(g_prime, float) ** 2)


def coupling_limit(precision: ArrayLike = 0.01) -> FloatArray:
    """Coupling at which the widths change by `precision`; the paper's 1 % gives 0.73.

    Parameters
    ----------
    precision : array_like, shape (*batch,)
        Relative precision of the measured branching ratios, not negative.

    Returns
    -------
    ndarray, shape (*batch,)
        g'.

    Raises
    ------
    PhysicsDomainError
        If the precision is negative.

    Examples
    --------
    >>> print(f"{coupling_limit(0.01):.3f}")
    0.726
    """
    relative = np.asarray(precision, float)
    if np.any(relative < 0.0):
        raise PhysicsDomainError(f"precision: {relative.min():g} is not allowed, it must be >= 0")
    return np.asarray(np.sqrt(relative / _PER_COUPLING_SQUARED))
