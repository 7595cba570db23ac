"""What is emitted beyond each resonance: the part of the compiled core that knows spectra.

If the scale of a spectrum is in the frame of the source, a shell at redshift z emits at E_s = E (1+z). With S the
spectrum over its power law E_s^-gamma and w(z) the density of the power law's flux at Earth,

    B(z; E) = int_z^z_max w S(E (1+z')) dz' / int_0^z_max w dz'

takes the place of the fraction F(z) of the flux emitted beyond z, which it is for S = 1. If its scale is in the frame
of Earth, every shell has its weight of the power law and S of the energy at Earth: B(z; E) = F(z) S(E). Everything
stays relative to the power law (E/pivot)^-gamma; B(0; E) is the unabsorbed flux. In here e = ln(E/GeV) and
x = ln(1+z), so that target j is crossed at x_j = ln E_j - e.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nuinfer.compiled import barrier, compiled, each, inlined, inner, leads, part
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.exponential import exponential
from nuinfer.physics.hermite import hermite
from nuinfer.physics.shells import Shells, fill_beyond, fraction_beyond
from nuinfer.physics.spectra import Spectrum
from nuinfer.typing import FloatArray, IntArray, read_only

STEP = 0.02
"""Interval of the table in ln E: an error of 1e-8 where the spectrum varies on the scale of a factor e."""

_FIRST = float(np.log(10.0))
_LN_ENERGIES = np.arange(_FIRST, np.log(1e15), STEP)


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


@compiled
def make_emission(ln_e: FloatArray, n_target: int, n_grid: int) -> Emission:
    """Room for what is emitted at nodes."""
    n, tables = ln_e.size, np.empty((2, 2, n_grid))
    first, end, far = np.empty(n_target, np.intp), np.empty(n_target, np.intp), np.empty((n_target, n))
    return Emission(ln_e, np.empty(n_target), first, end, np.empty(n), far, tables[0], tables[1], np.empty(1))


@part
def prepare(spectrum: Any, team: Any, b: int, shells: Shells, emission: Emission) -> None:
    """Fill the tables of point `b`; those of a power law unless the spectrum says otherwise."""
    if leads(team):
        fill_beyond(spectrum.gamma[b], shells, emission.beyond[0], emission.slope[0])


@part
def emit(spectrum: Any, team: Any, b: int, n_target: int, n_node: int, shells: Shells, emission: Emission) -> None:
    """Fill `unabsorbed` and `far` for the first nodes and targets, by a sum over the grid of redshifts at every node.

    It serves every spectrum that registers `log_shape`.
    """
    n, unabsorbed, far = shells.density.size - 1, emission.unabsorbed, emission.far
    if n == 0:
        for node in each(team, n_node):
            ln_e = emission.ln_e[node] + shells.x_max
            unabsorbed[node] = math.exp(log_shape(spectrum, b, ln_e, math.exp(ln_e))[0])
            for j in range(n_target):
                far[j, node] = unabsorbed[node]
        return
    step, gamma = shells.x_max / n, spectrum.gamma[b]
    for node in each(team, n_node):
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
    """Ln S and d ln S/d ln E at an energy, of point `b`."""
    raise NotImplementedError


@part
def shape_at(spectrum: Any, b: int, ln_e: float, x: float) -> float:
    """S of what is emitted at x = ln(1+z) and has the energy e at Earth; 1 for a power law."""
    return math.exp(log_shape(spectrum, b, ln_e + x, math.exp(ln_e + x))[0])


@part
def reach(_spectrum: Any, x_max: float) -> float:
    """How far the shells smear a kink of the spectrum, in ln E: from that of the farthest source to the nearest."""
    return x_max


@inlined
def fill_shares(team: Any, n_target: int, shells: Shells, emission: Emission) -> None:
    """Fill `far` for a power law: what is emitted beyond a redshift is a share that does not depend on energy."""
    beyond, slope = emission.beyond[0], emission.slope[0]
    intervals_per_x = (beyond.size - 1) / shells.x_max
    for j in range(n_target):
        first, end, ln_res = emission.first[j], emission.end[j], emission.ln_res[j]
        here, out = emission.ln_e[first:end], emission.far[j, first:end]
        for node in each(team, end - first):
            out[node] = fraction_beyond(ln_res - here[node], intervals_per_x, beyond, slope)


@inner
def emit_at(spectrum: Any, team: Any, b: int, ln_e: float, shells: Shells, emission: Emission) -> float:
    """B(0; E) at one energy; it overwrites the first node."""
    emission.ln_e[0] = ln_e
    emit(spectrum, team, b, 0, 1, shells, emission)
    return float(emission.unabsorbed[0])


# A spectrum whose scale is in the frame of Earth ----------------------------------------------------------------------


class AtEarth(NamedTuple):
    """Spectra of a batch, as functions of the energy at Earth.

    Parameters
    ----------
    gamma, ln_kinks : ndarray, shape (n,) and (kink, n)
        Those of `shape`.
    shape : named tuple
        The spectra, with `log_shape`.
    """

    gamma: FloatArray
    ln_kinks: FloatArray
    shape: Any


@shape_at.register(AtEarth)
def _shape_at_earth(spectrum: AtEarth, b: int, ln_e: float, x: float) -> float:  # noqa: ARG001
    return math.exp(log_shape(spectrum.shape, b, ln_e, math.exp(ln_e))[0])


@reach.register(AtEarth)
def _no_reach(_spectrum: AtEarth, x_max: float) -> float:  # noqa: ARG001
    return 0.0


@emit.register(AtEarth)
def _emit_at_earth(
    spectrum: AtEarth, team: Any, b: int, n_target: int, n_node: int, shells: Shells, emission: Emission
) -> None:
    """The share of a power law, times S at Earth."""
    ln_e, far, unabsorbed = emission.ln_e, emission.far, emission.unabsorbed
    for node in each(team, n_node):
        unabsorbed[node] = exponential(log_shape(spectrum.shape, b, ln_e[node], exponential(ln_e[node]))[0])
    fill_shares(team, n_target, shells, emission)
    barrier(team)
    for j in range(n_target):
        first = emission.first[j]
        for at in each(team, emission.end[j] - first):
            far[j, first + at] *= unabsorbed[first + at]


# A spectrum that is a Python function, as a table that is filled before every call ------------------------------------


class Tabulated(NamedTuple):
    """Spectra of a batch.

    Parameters
    ----------
    gamma : ndarray, shape (n,)
        Spectral index.
    ln_kinks : ndarray, shape (0, n)
        None.
    table, slopes : ndarray, shape (n, node)
        ln S from 10 to 1e15 GeV, and its change per interval; constant beyond.
    """

    gamma: FloatArray
    ln_kinks: FloatArray
    table: FloatArray
    slopes: FloatArray


def tabulated(spectrum: Spectrum, gamma: FloatArray, own: Mapping[str, FloatArray]) -> Tabulated:
    """Fill the tables of a batch, slopes by differences of fourth order.

    Raises
    ------
    PhysicsDomainError
        If the function of the spectrum gives anything else than one number per energy.
    """
    if spectrum.log_shape is None:
        raise PhysicsDomainError(f"spectrum '{spectrum.name}': it has neither log_shape nor make")
    energies, table = read_only(np.exp(_LN_ENERGIES)), np.empty((gamma.size, _LN_ENERGIES.size))
    for b in range(gamma.size):
        values = {name: float(column[b]) for name, column in {"gamma": gamma, **own}.items()}
        row = np.asarray(spectrum.log_shape(energies, **values), float)
        if row.shape != energies.shape:
            text = f"its log_shape gave shape {row.shape} for energies of shape {energies.shape}"
            raise PhysicsDomainError(f"spectrum '{spectrum.name}': {text}")
        table[b] = row
    slopes = np.asarray(np.gradient(table, axis=-1))
    slopes[:, 2:-2] = (table[:, :-4] - table[:, 4:] + 8.0 * (table[:, 3:-1] - table[:, 1:-3])) / 12.0
    return Tabulated(gamma, np.empty((0, gamma.size)), table, slopes)


@log_shape.register(Tabulated)
def _log_shape(spectrum: Tabulated, b: int, ln_e: float, energy_gev: float) -> tuple[float, float]:  # noqa: ARG001
    """The interpolant of the table, and its slope there by the slopes of the nodes."""
    last = spectrum.table.shape[1] - 2
    position = (ln_e - _FIRST) / STEP
    k = min(max(int(position), 0), last)
    t = min(max(position - k, 0.0), 1.0)
    left, right, left_slope, right_slope = hermite(t)
    value = left * spectrum.table[b, k] + right * spectrum.table[b, k + 1]
    value += left_slope * spectrum.slopes[b, k] + right_slope * spectrum.slopes[b, k + 1]
    rise = spectrum.table[b, k + 1] - spectrum.table[b, k]
    change = spectrum.slopes[b, k] * (1.0 - t) * (1.0 - 3.0 * t) + spectrum.slopes[b, k + 1] * t * (3.0 * t - 2.0)
    return value, (6.0 * t * (1.0 - t) * rise + change) / STEP
