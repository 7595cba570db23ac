"""What is emitted beyond each resonance: the part of the compiled core that knows spectra.

The scale of a spectrum is in the frame of the source: a shell at redshift z emits at E_s = E (1+z). With S the spectrum
over its power law E_s^-gamma and w(z) the density of the power law's flux at Earth,

    B(z; E) = int_z^z_max w S(E (1+z')) dz' / int_0^z_max w dz'

takes the place of the fraction of the flux emitted beyond z, which it is for S = 1. Everything stays relative to the
power law (E/pivot)^-gamma; B(0; E) is the unabsorbed flux. In here e = ln(E/GeV) and x = ln(1+z), so that target j is
crossed at x_j = ln E_j - e.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from nuinfer.compiled import inner, part
from nuinfer.physics.hermite import hermite
from nuinfer.physics.shells import Shells, fill_beyond
from nuinfer.typing import FloatArray, IntArray


class Emission(NamedTuple):
    """Workspace of a point.

    Parameters
    ----------
    ln_e : ndarray, shape (node,)
        e of the nodes, increasing.
    ln_res : ndarray, shape (target,)
        e of the resonances, decreasing.
    first, end : ndarray, shape (target,)
        Nodes below `first` cross a target beyond the last source, those from `end` on are above its resonance.
    unabsorbed : ndarray, shape (node,)
        B(0; E).
    far : ndarray, shape (target, node)
        B at the resonance of each target, from `first` to `end`.
    beyond, slope : ndarray, shape (2, n + 1)
        Tables of the fraction beyond of a power law, and of a second one if the spectrum has two.
    ratio : ndarray, shape (1,)
        Whole flux of the second over that of the first.
    """

    ln_e: FloatArray
    ln_res: FloatArray
    first: IntArray
    end: IntArray
    unabsorbed: FloatArray
    far: FloatArray
    beyond: FloatArray
    slope: FloatArray
    ratio: FloatArray


@part
def prepare(spectrum: Any, b: int, shells: Shells, emission: Emission) -> None:
    """Fill the tables of point `b`; those of a power law unless the spectrum says otherwise."""
    fill_beyond(spectrum.gamma[b], shells, emission.beyond[0], emission.slope[0])


@part
def emit(spectrum: Any, b: int, n_target: int, n_node: int, shells: Shells, emission: Emission) -> None:
    """Fill `unabsorbed` and `far` for the first nodes and targets, by a sum over the grid of redshifts at every node.

    It serves every spectrum that registers `log_shape`.
    """
    n, unabsorbed, far = shells.density.size - 1, emission.unabsorbed, emission.far
    if n == 0:
        for node in range(n_node):
            ln_e = emission.ln_e[node] + shells.x_max
            unabsorbed[node] = math.exp(log_shape(spectrum, b, ln_e, math.exp(ln_e))[0])
            for j in range(n_target):
                far[j, node] = unabsorbed[node]
        return
    step, gamma = shells.x_max / n, spectrum.gamma[b]
    for node in range(n_node):
        ln_e, energy = emission.ln_e[node], math.exp(emission.ln_e[node])
        total = right = right_slope = 0.0
        for k in range(n, -1, -1):
            log_s, slope_s = log_shape(spectrum, b, ln_e + step * k, energy * shells.growth[k])
            here = -0.5 * emission.slope[0, k] * math.exp(log_s)  # the table's slope is -2 times the density
            slope = here * (shells.log_slope[k] - gamma + slope_s)
            if k < n:
                before = total
                total += here + right + (step / 6.0) * (slope - right_slope)
                for j in range(n_target):
                    t = (emission.ln_res[j] - ln_e) / step - k
                    if 0.0 <= t < 1.0:
                        at_left, at_right, of_left, of_right = hermite(t)
                        far[j, node] = at_left * total + at_right * before - 2.0 * (of_left * here + of_right * right)
            right, right_slope = here, slope
        unabsorbed[node] = total


@part
def log_shape(spectrum: Any, b: int, ln_e: float, energy_gev: float) -> tuple[float, float]:
    """Ln S and d ln S/d ln E at the energy of emission, of point `b`."""
    raise NotImplementedError


@inner
def emit_at(spectrum: Any, b: int, ln_e: float, shells: Shells, emission: Emission) -> float:
    """B(0; E) at one energy; it overwrites the first node."""
    emission.ln_e[0] = ln_e
    emit(spectrum, b, 0, 1, shells, emission)
    return float(emission.unabsorbed[0])
