"""Where the flux comes from: its distribution over the redshift of the sources.

At energy E (today) a shell at redshift z contributes W(z) (1+z)^-gamma/H(z) to the flux of a power law. The density
per x = ln(1+z) and its slope are exact on a uniform grid; the fraction beyond x is the corrected trapezoid of the
density and its cubic Hermite interpolant, both of fourth order in the interval.
"""

import math
from typing import NamedTuple

import numpy as np

from nuinfer.compiled import inlined, inner
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.domain import checked
from nuinfer.physics.evolution import LAWS, Law
from nuinfer.physics.hermite import hermite
from nuinfer.typing import FloatArray, read_only

FINE_INTERVALS = 4096
"""Redshift intervals of the public functions: relative error of the fraction beyond below 1e-11."""


class Shells(NamedTuple):
    """Distribution of sources over redshift, for any power law.

    Parameters
    ----------
    z_max, x_max : float
        Redshift of the farthest source, and ln(1 + z_max).
    density, log_slope, growth : ndarray, shape (n + 1,)
        Density of the sources in x at gamma = 0, its logarithmic slope, and 1 + z, on a uniform grid to x_max; n = 0:
        every source is at x_max.
    """

    z_max: float
    x_max: float
    density: FloatArray
    log_slope: FloatArray
    growth: FloatArray

    @property
    def single(self) -> bool:
        """Whether every source is at `z_max`, so that the fraction beyond jumps there."""
        return self.density.size == 1


def make_shells(evolution: Law | str, cosmology: Cosmology, z_max: float, intervals: int = FINE_INTERVALS) -> Shells:
    """Shells of an evolution law, or of the name or file of one; ``single`` puts every source at `z_max`.

    Raises
    ------
    PhysicsDomainError
        For an unknown law or a `z_max` that is not positive.
    """
    checked("z_max", z_max, "positive")
    x_max = math.log1p(z_max)
    law = evolution if isinstance(evolution, Law) else LAWS.find(evolution, "evolution")
    if law.log_density is None:
        return Shells(z_max, x_max, np.ones(1), np.zeros(1), np.ones(1))
    x = np.linspace(0.0, x_max, intervals + 1)
    log_w, slope_w = law.log_density(read_only(x))
    hubble = cosmology.hubble_ev(np.expm1(x)) / cosmology.hubble0_ev
    matter = cosmology.omega_m * np.exp(3.0 * x) / hubble**2
    return Shells(z_max, x_max, np.exp(log_w + x) / hubble, slope_w + 1.0 - 1.5 * matter, np.exp(x))


@inner
def fill_beyond(gamma: float, shells: Shells, beyond: FloatArray, slope: FloatArray) -> float:
    """Tabulate the fraction of a power law's flux that is emitted beyond each point of the grid.

    Parameters
    ----------
    gamma : float
        Spectral index.
    shells : Shells
        Distribution of the sources.
    beyond, slope : ndarray, shape (n + 1,)
        Written: the fraction, and its change per interval.

    Returns
    -------
    float
        Whole flux at a given energy, for one and the same source at z = 0.
    """
    n = shells.density.size - 1
    if n == 0:
        beyond[0], slope[0] = 1.0, 0.0
        return math.exp(-gamma * shells.x_max)
    step = shells.x_max / n
    ratio = math.exp(gamma * step)
    power = math.exp(-gamma * shells.x_max)
    total = right = right_slope = 0.0
    for k in range(n, -1, -1):
        here = shells.density[k] * power
        here_slope = here * (shells.log_slope[k] - gamma)
        if k < n:
            total += here + right + (step / 6.0) * (here_slope - right_slope)
        beyond[k], slope[k] = total, here
        right, right_slope = here, here_slope
        power *= ratio
    scale = 1.0 / total
    for k in range(n + 1):
        beyond[k] *= scale
        slope[k] *= -2.0 * scale
    return 0.5 * step * total


@inlined
def fraction_beyond(x: float, intervals_per_x: float, beyond: FloatArray, slope: FloatArray) -> float:
    """Fraction of the flux emitted beyond 0 <= x < x_max; 1 if every source is at x_max."""
    n = beyond.size - 1
    if n == 0:
        return 1.0
    position = x * intervals_per_x
    k = min(max(int(position), 0), n - 1)
    left, right, left_slope, right_slope = hermite(position - k)
    here, there = np.uint64(k), np.uint64(k + 1)
    return float(left * beyond[here] + right * beyond[there] + left_slope * slope[here] + right_slope * slope[there])
