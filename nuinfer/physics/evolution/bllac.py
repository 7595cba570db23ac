"""Gamma-ray luminosity density of BL Lacs, Di Mauro et al. 2014: luminosity-dependent density evolution."""

import numpy as np

from nuinfer.physics.evolution import Law
from nuinfer.typing import FloatArray

_RISE, _FALL = 1.54, -0.42


def log_density(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Nearly constant to z = 2, falling beyond; (ln W, slope) at x = ln(1+z), 1 today.

    int dL [(L/L_c)^0.59 + (L/L_c)^1.43]^-1 / [r^1.54 + r^-0.42] with r = (1+z)/(1+z_c), z_c = 2.1 (L/1e48 erg/s)^0.052
    and L_c = 1.82e48 erg/s, from 7e43 to 1e52 erg/s.
    """
    total, slope = _luminosity(x)
    return np.log(total / _luminosity(np.zeros(1))[0]), slope / total


def _luminosity(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The integral over L and its derivative in x."""
    node, weight = np.polynomial.legendre.leggauss(64)
    low, high = np.log([7e-5, 1e4])  # in 1e48 erg/s
    ln_l = low + (high - low) * (0.5 * (node + 1.0))
    ratio = np.exp(ln_l) / 1.82
    ln_r = x - np.log1p(2.1 * np.exp(0.052 * ln_l))[:, None]
    up, down = np.exp(_RISE * ln_r), np.exp(_FALL * ln_r)
    density = (weight * ratio / (ratio**0.59 + ratio**1.43))[:, None] / (up + down)
    return density.sum(axis=0), -(density * (_RISE * up + _FALL * down) / (up + down)).sum(axis=0)


CITATION = "Di Mauro et al., Astrophys. J. 786 (2014) 129, arXiv:1311.5708"
LAW = Law("bllac", "BL Lacs", CITATION, log_density, order=3)
