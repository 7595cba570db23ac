"""Luminosity density of optical quasars, Boyle et al. 2000: L* of pure luminosity evolution."""

import math

import numpy as np

from nuinfer.physics.evolution import Law
from nuinfer.typing import FloatArray


def log_density(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """10^(1.36 z - 0.27 z^2); (ln W, slope) at x = ln(1+z).

    Their fit for Omega_m = 0.3 and Lambda = 0.7 to 0.35 < z < 2.3, taken to all redshifts: it peaks at z = 2.5 and
    falls to its value of today at z = 5.
    """
    z = np.expm1(x)
    return math.log(10.0) * (1.36 - 0.27 * z) * z, math.log(10.0) * (1.36 - 0.54 * z) * (1.0 + z)


CITATION = "Boyle et al., Mon. Not. R. Astron. Soc. 317 (2000) 1014, astro-ph/0005368"
LAW = Law("quasar", "optical quasars", CITATION, log_density, order=4)
