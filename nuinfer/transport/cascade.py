"""Neutrinos from the decay of the Z' where relic neutrinos move.

On moving targets a neutrino of any energy can make a Z', of its own energy, and the shares x of the daughters are
relative to that: with E the energy today and A = sum_i Gamma_i n_i the absorbed flux per x = ln(1+z),

    S(E, x) = int_E^inf dE'/E' (E/E')^gamma f(E/E') A(E', x)

is added per x, in the populations g_k of `nuinfer.physics.regeneration`. All fluxes are over the unabsorbed power law.
Physical energies only ever fall, by redshift and by decay. So everything is followed in v = ln(y/T_nu0) with
y = m_Z'^2/(2 E (1+z)), from energies that no target absorbs to those that no target absorbs any more:

* along a neutrino's path v + x is constant, dn_i/dv = w src_i + S g_i - Gamma_i n_i with w the density of the sources;
* at one x the moments q_p = int dE'/E' (E/E')^(p+gamma) A obey dq_p/dv = A - (p+gamma) q_p, and S = sum_p f_p q_p.

At fixed v everything varies slowly with x, however narrow a resonance is, because its place is fixed in v: a grid in x
is coarse, and lines of constant v are dense where targets absorb. Half of a step is made with the rates of each of its
lines, exactly for constant rates (the implicit sum of what daughters lose and make is solved exactly); errors of second
order in the step are removed by a march on every other line. Below the last resonance q_p scales, and the flux at Earth
of any lower energy is a sum of three powers.
"""

import math
from typing import NamedTuple

import numpy as np

from nuinfer.compiled import compiled, inlined, reordered
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.regeneration import cumulative_rule
from nuinfer.physics.shells import Shells, fill_beyond
from nuinfer.physics.thermal import relic, relic_table
from nuinfer.transport.cascade_grid import POINTS, CascadeRule, cascade_lines, shift_rule
from nuinfer.transport.points import Path, Propagation
from nuinfer.typing import FloatArray, IntArray

_SMALL = 0.3
_SERIES = tuple((-1.0) ** k / math.factorial(k + 1) for k in range(10))  # of (1 - e^-d)/d, to 1e-13 below _SMALL


class Setting(NamedTuple):
    """What a cascade has in common for all points.

    Parameters
    ----------
    path : Path
        As for targets at rest.
    x, hubble, cooling : ndarray, shape (n + 1,)
        Uniform grid in ln(1+z), e^x H0/H and e^-x there.
    table : ndarray, shape (a, b, 4)
        Values of the table of J.
    shift : ndarray, shape (POINTS, POINTS, POINTS)
        Interpolation weights by the number of neighbours to the left, see `shift_rule`.
    first : ndarray, shape (n + 1,)
        Node of the first neighbour.
    """

    path: Path
    x: FloatArray
    hubble: FloatArray
    cooling: FloatArray
    table: FloatArray
    shift: FloatArray
    first: IntArray


class Flights(NamedTuple):
    """Points of a batch.

    Parameters
    ----------
    gamma, strength, cut, share : ndarray, shape (n,)
        Spectral index; rate per x over (y/T_nu0)^2 J e^x H0/H; largest |s| that matters; share of decays to neutrinos.
    a : ndarray, shape (n, target)
        Masses over T_nu0.
    source : ndarray, shape (n, channel, 3)
        Populations at the source.
    density, beyond : ndarray, shape (n, node)
        Unabsorbed flux per x and its integral outwards, of the sources at the nodes.
    """

    gamma: FloatArray
    strength: FloatArray
    cut: FloatArray
    share: FloatArray
    a: FloatArray
    source: FloatArray
    density: FloatArray
    beyond: FloatArray


def make_setting(shells: Shells, propagation: Propagation, rule: CascadeRule) -> Setting:
    """For sources and what neutrinos meet."""
    cosmology = propagation.cosmology
    intervals = rule.intervals(shells.x_max)
    x = np.linspace(0.0, shells.x_max, intervals + 1)
    hubble = np.exp(x) * cosmology.hubble0_ev / cosmology.hubble_ev(np.expm1(x))
    coefficients, first = shift_rule(intervals)
    shift = coefficients[np.unique(np.arange(x.size) - first, return_index=True)[1]]
    return Setting(propagation.path(shells), x, hubble, np.exp(-x), relic_table(), shift, first)


@compiled
def _flux_of_sources(shells: Shells, gamma: FloatArray, n_node: int) -> tuple[FloatArray, FloatArray]:
    batch, n = gamma.size, shells.density.size - 1
    density, beyond = np.zeros((batch, n_node)), np.ones((batch, n_node))
    table, slope = np.empty(n + 1), np.empty(n + 1)
    if n > 0:
        stride, per_interval = n // (n_node - 1), shells.x_max / n
        for b in range(batch):
            fill_beyond(gamma[b], shells, table, slope)
            for k in range(n_node):
                density[b, k], beyond[b, k] = -slope[k * stride] / per_interval, table[k * stride]
    return density, beyond


def flux_of_sources(shells: Shells, x: FloatArray, gamma: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unabsorbed flux per x and that from beyond, at nodes x, each of shape (n, node); over the whole.

    Raises
    ------
    PhysicsDomainError
        If the nodes are none of the grid of the shells.
    """
    intervals = shells.density.size - 1
    if intervals % (x.size - 1):
        raise PhysicsDomainError(f"redshift_intervals: {intervals} must be a multiple of {x.size - 1}")
    return _flux_of_sources(shells, gamma, x.size)


@inlined
def _half_step(half: float, absorbing: bool, rate: FloatArray, alive: FloatArray, time: FloatArray) -> None:
    """Survival of half a step, and what of a constant gain of one is left after it."""
    if not absorbing:
        alive[:], time[:] = 1.0, half
        return
    for i in range(3):
        for n in range(rate.shape[1]):
            depth = half * rate[i, n]
            if depth < _SMALL:  # the power series is much faster
                mean = _SERIES[-1]
                for k in range(len(_SERIES) - 2, -1, -1):
                    mean = mean * depth + _SERIES[k]
            else:
                mean = -math.expm1(-depth) / depth
            alive[i, n] = 1.0 - depth * mean
            time[i, n] = half * mean


@inlined
def _shift(row: FloatArray, weights: FloatArray, first: IntArray, out: FloatArray) -> None:
    """Values of a row at a distance from its nodes, by interpolation."""
    n_node, side = row.size, POINTS // 2 - 1
    for n in range(side, n_node - POINTS // 2):
        total = 0.0
        for p in range(POINTS):
            total += weights[side, p] * row[n - side + p]
        out[n] = total
    for n in range(n_node):
        if n < side or n >= n_node - POINTS // 2:
            total = 0.0
            for p in range(POINTS):
                total += weights[n - first[n], p] * row[first[n] + p]
            out[n] = total


@reordered
def march(lines: FloatArray, setting: Setting, flights: Flights) -> tuple[FloatArray, FloatArray]:
    """Follow a batch of points from line to line.

    Parameters
    ----------
    lines : ndarray, shape (n, line)
        Values of v.
    setting, flights
        What is followed, on what.

    Returns
    -------
    at_earth : ndarray, shape (n, channel, 3, line)
        Daughters that arrive, over the unabsorbed flux.
    moments : ndarray, shape (n, channel, 3, node)
        q_p on the last line.
    """
    x, path = setting.x, setting.path
    rates, daughters, decay = path.crossings.rates, path.daughters, path.decay
    (batch, n_line), n_channel, n_node = lines.shape, flights.source.shape[1], x.size
    n_target = flights.a.shape[1]
    out, moments = np.zeros((batch, n_channel, 3, n_line)), np.zeros((batch, n_channel, 3, n_node))
    rate, alive, time = np.zeros((3, n_node)), np.zeros((3, n_node)), np.zeros((3, n_node))
    primary, made, row = np.zeros((3, n_node)), np.zeros((n_channel, 3, n_node)), np.zeros(n_node)
    absorbed, gain = np.zeros((n_channel, n_node)), np.zeros((n_channel, n_node))
    weights, falling, again = np.zeros((POINTS, POINTS)), np.zeros(3), np.zeros(n_node)
    cooling, ln_a = setting.cooling, np.zeros(n_target)
    for b in range(batch):
        cut, branching, density, beyond = flights.cut[b], flights.share[b], flights.density[b], flights.beyond[b]
        for j in range(n_target):
            ln_a[j] = math.log(flights.a[b, j]) if flights.a[b, j] > 0.0 else -math.inf
        made[:], absorbed[:], gain[:] = 0.0, 0.0, 0.0
        absorbing = True
        for line in range(n_line):
            step = 0.0
            if line > 0:
                step = lines[b, line] - lines[b, line - 1]
                _half_step(0.5 * step, absorbing, rate, alive, time)
                for k in range(POINTS):
                    for p in range(POINTS):
                        value = 0.0
                        for power in range(POINTS - 1, -1, -1):
                            value = value * step / x[1] + setting.shift[k, p, power]
                        weights[k, p] = value
                for i in range(3):
                    for n in range(n_node):
                        row[n] = primary[i, n] * alive[i, n] + time[i, n] * density[n]
                    _shift(row, weights, setting.first, primary[i])
                    for c in range(n_channel):
                        for n in range(n_node):
                            row[n] = made[c, i, n] * alive[i, n] + time[i, n] * daughters[i] * gain[c, n]
                        _shift(row, weights, setting.first, made[c, i])
            eta = math.exp(lines[b, line])
            scale = flights.strength[b] * eta * eta
            absorbing = False
            rate[:] = 0.0
            for j in range(n_target):
                s_today = abs(eta * eta - flights.a[b, j] ** 2) / (2.0 * eta)
                if s_today * cooling[n_node - 1] >= cut:
                    continue
                absorbing = True
                for n in range(n_node):
                    s = s_today * cooling[n]
                    if s < cut:
                        value = relic(s, ln_a[j] - x[n], flights.a[b, j] * cooling[n], setting.table)
                        value = value * scale * setting.hubble[n]
                        for i in range(3):
                            rate[i, n] += rates[j, i] * value
            if line == 0:
                for i in range(3):
                    for n in range(n_node):
                        primary[i, n] = beyond[n]
                continue
            half = 0.5 * step
            _half_step(half, absorbing, rate, alive, time)
            again[:] = 0.0
            for i in range(3):
                for n in range(n_node):
                    primary[i, n] = primary[i, n] * alive[i, n] + time[i, n] * density[n]
                primary[i, n_node - 1] = beyond[n_node - 1]
                time[i, n_node - 1] = 0.0
                for n in range(n_node):
                    again[n] += branching * rate[i, n] * time[i, n] * daughters[i]
            for p in range(3):
                falling[p] = math.exp(-(flights.gamma[b] + p) * step)
            for c in range(n_channel):
                sharpest = half * (decay[c, 0] + decay[c, 1] + decay[c, 2])
                for i in range(3):
                    for n in range(n_node):
                        made[c, i, n] *= alive[i, n]
                    made[c, i, n_node - 1] = 0.0
                row[:] = 0.0
                if absorbing:
                    for i in range(3):
                        for n in range(n_node):
                            row[n] += branching * rate[i, n] * (flights.source[b, c, i] * primary[i, n] + made[c, i, n])
                for n in range(n_node):
                    total = sharpest * row[n]
                    for p in range(3):
                        moments[b, c, p, n] = (moments[b, c, p, n] + half * absorbed[c, n]) * falling[p]
                        total += decay[c, p] * moments[b, c, p, n]
                    gain[c, n] = total / (1.0 - sharpest * again[n])
                    absorbed[c, n] = row[n] + again[n] * gain[c, n]
                    for p in range(3):
                        moments[b, c, p, n] += half * absorbed[c, n]
                for i in range(3):
                    for n in range(n_node):
                        made[c, i, n] += time[i, n] * daughters[i] * gain[c, n]
                    out[b, c, i, line] = made[c, i, 0]
    return out, moments


def daughters_at_earth(y_over_t: FloatArray, setting: Setting, flights: Flights, rule: CascadeRule) -> FloatArray:
    """Populations of daughters at Earth over the unabsorbed flux.

    Parameters
    ----------
    y_over_t : ndarray, shape (n, energy)
        m_Z'^2/(2 E) over T_nu0 at energies E at Earth.
    setting, flights
        What is followed, on what.
    rule : CascadeRule
        Numerical settings.

    Returns
    -------
    ndarray, shape (n, channel, 3, energy)
    """
    lines = cascade_lines(flights.a, flights.cut, float(setting.x[-1]), rule)
    coarse, coarse_end = march(np.ascontiguousarray(lines[:, ::2]), setting, flights)
    fine, end = march(lines, setting, flights)
    correction = (fine[..., ::2] - coarse) / 3.0
    fine[..., ::2] += correction
    fine[..., 1::2] += 0.5 * (correction[..., 1:] + correction[..., :-1])
    end += (end - coarse_end) / 3.0
    v = np.log(y_over_t)
    inside = _interpolated(lines, fine, v)
    # below the last line: daughters of all shells, made at the resonances
    decay = flights.gamma[:, None] + np.arange(3.0)
    whole = end * np.exp(decay[:, None, :, None] * setting.x) @ _whole_rule(setting.x)
    below = np.exp(-decay[:, :, None] * np.maximum(v - lines[:, -1:], 0.0)[:, None, :])
    sums = np.einsum("cp,bcp,bpe->bce", setting.path.decay[: whole.shape[1]], whole, below)
    outside = setting.path.daughters[:, None] * sums[:, :, None, :]
    return np.where((v < lines[:, -1:])[:, None, None], inside, outside)


def _whole_rule(x: FloatArray) -> FloatArray:
    """Weights of the integral over all nodes, of sixth order."""
    weights, first = cumulative_rule(x.size - 1)
    total = np.zeros(x.size)
    np.add.at(total, first[:, None] + np.arange(weights.shape[1]), weights * x[1])
    return total


def _interpolated(lines: FloatArray, values: FloatArray, v: FloatArray) -> FloatArray:
    """Cubic interpolation of values (batch, ..., line) at v of shape (batch, energy); 0 above the first line."""
    index = np.array([np.searchsorted(line, at) for line, at in zip(lines, v, strict=True)])
    first = np.clip(index - 2, 0, lines.shape[1] - 4)
    place = np.take_along_axis(lines[:, None, :], first[:, None, :] + np.arange(4)[:, None], axis=-1)
    total = np.zeros((*values.shape[:-1], v.shape[-1]))
    axes = (slice(None), *(None,) * (values.ndim - 2))
    for k in range(4):
        weight = np.ones_like(v)
        for other in range(4):
            if other != k:
                weight = weight * (v - place[:, other]) / (place[:, k] - place[:, other])
        total += weight[axes] * np.take_along_axis(values, np.broadcast_to((first + k)[axes], total.shape), axis=-1)
    return total * (v >= lines[:, :1])[axes]
