"""Rate of long gamma-ray bursts, Wanderman and Piran 2010."""

import math

import numpy as np

from nuinfer.physics.evolution import Law, smoothly_joined
from nuinfer.typing import FloatArray


def log_density(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(1+z)^2.1 below z = 3 and (1+z)^-1.4 above; (ln W, slope) at x = ln(1+z), 1 today.

    Joined as smoothly as the star formation rate, which takes 7 % off the corner.
    """
    slopes = np.array([2.1, -1.4])
    offsets = -slopes * math.log(4.0)
    log_w, slope = smoothly_joined(x, slopes, offsets)
    return log_w - smoothly_joined(np.zeros(1), slopes, offsets)[0], slope


CITATION = "Wanderman and Piran, Mon. Not. R. Astron. Soc. 406 (2010) 1944, arXiv:0912.0709"
LAW = Law("grb", "gamma-ray bursts", CITATION, log_density, order=5, regeneration_intervals=80)
