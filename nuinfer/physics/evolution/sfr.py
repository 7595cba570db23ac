"""Star formation rate: the smooth broken power law of Yuksel et al. 2008, eq. (1)."""

import math

import numpy as np

from nuinfer.physics.evolution import Law, smoothly_joined
from nuinfer.typing import FloatArray


def log_density(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(1+z)^3.4 to z = 1, (1+z)^-0.3 to z = 4, (1+z)^-3.5 beyond; (ln W, slope) at x = ln(1+z)."""
    a, b, c = 3.4, -0.3, -3.5
    log_b = (1.0 - a / b) * math.log(2.0)
    log_c = (b - a) / c * math.log(2.0) + (1.0 - b / c) * math.log(5.0)
    return smoothly_joined(x, np.array([a, b, c]), np.array([0.0, -b * log_b, -c * log_c]))


CITATION = "Yuksel, Kistler, Beacom, Hopkins, Astrophys. J. 683 (2008) L5, arXiv:0804.4008"
LAW = Law("sfr", "star formation rate", CITATION, log_density, order=1)
