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

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nuinfer.constants import EV_PER_GEV, EV_PER_MEV
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.cascade_grid import POINTS, CascadeRule, cascade_lines, shift_rule
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.regeneration import cumulative_rule
from nuinfer.physics.shells import Shells
from nuinfer.physics.thermal import relic_table
from nuinfer.typing import FloatArray


@dataclass(frozen=True)
class Setting:
    """What a cascade has in common for all points.

    Parameters
    ----------
    x, hubble : ndarray, shape (n + 1,)
        Uniform grid in ln(1+z) and e^x H0/H there.
    rates : ndarray, shape (target, 3)
        R_j,ii.
    daughters : ndarray, shape (3,)
        Populations g_k of the mass states among daughters.
    spectrum : ndarray, shape (channel, 3)
        Coefficients f_p of the daughters' spectrum.
    t_nu0_ev : float
        Temperature of the relics today.
    """

    x: FloatArray
    hubble: FloatArray
    rates: FloatArray
    daughters: FloatArray
    spectrum: FloatArray
    t_nu0_ev: float

    @classmethod
    def of(
        cls,
        shells: Shells,
        cosmology: Cosmology,
        rates: FloatArray,
        daughters: FloatArray,
        spectrum: FloatArray,
        rule: CascadeRule,
    ) -> Setting:
        """For sources, an expansion and what neutrinos meet."""
        x_max = math.log1p(shells.z_max)
        x = np.linspace(0.0, x_max, rule.intervals(x_max) + 1)
        hubble = np.exp(x) * cosmology.hubble0_ev / cosmology.hubble_ev(np.expm1(x))
        return cls(x, hubble, np.ascontiguousarray(rates), daughters, spectrum, cosmology.t_nu0_ev)


@dataclass(frozen=True)
class Points:
    """Points of a batch.

    Parameters
    ----------
    gamma, strength, cut, branching : ndarray, shape (batch,)
        Spectral index; rate per x over (y/T_nu0)^2 J e^x H0/H; largest |s| that matters; decays to neutrinos.
    a : ndarray, shape (batch, target)
        Masses over T_nu0.
    source : ndarray, shape (batch, channel, 3)
        Populations at the source.
    density, beyond : ndarray, shape (batch, n + 1)
        Unabsorbed flux per x and its integral outwards, of the sources at the nodes.
    """

    gamma: FloatArray
    strength: FloatArray
    cut: FloatArray
    branching: FloatArray
    a: FloatArray
    source: FloatArray
    density: FloatArray
    beyond: FloatArray


March = Callable[[FloatArray, Setting, Points], tuple[FloatArray, FloatArray]]
"""`march`, or its compiled equal."""


def flux_of_sources(shells: Shells, x: FloatArray, gamma: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unabsorbed flux per x and that from beyond, at nodes x, each of shape (batch, node); over the whole."""
    if shells.jump:
        beyond = np.ones((gamma.size, x.size))
        return np.zeros_like(beyond), beyond
    grid, log_density, _ = shells.grid
    stride = (grid.size - 1) // (x.size - 1)
    if stride * (x.size - 1) != grid.size - 1:
        raise PhysicsDomainError(f"redshift_intervals: {grid.size - 1} must be a multiple of {x.size - 1}")
    density = np.exp(log_density[::stride] - gamma[:, None] * grid[::stride]) / shells.total(gamma)[:, None]
    beyond = shells.beyond(np.broadcast_to(np.expm1(x), (gamma.size, 1, x.size)), gamma)[:, 0]
    return density, np.concatenate([beyond[:, :-1], np.zeros((gamma.size, 1))], axis=-1)


def march(lines: FloatArray, setting: Setting, points: Points) -> tuple[FloatArray, FloatArray]:
    """Follow a batch of points from line to line.

    Parameters
    ----------
    lines : ndarray, shape (batch, line)
        Values of v.
    setting, points
        What is followed, on what.

    Returns
    -------
    at_earth : ndarray, shape (batch, channel, 3, line)
        Daughters that arrive, over the unabsorbed flux.
    moments : ndarray, shape (batch, channel, 3, n + 1)
        q_p on the last line.
    """
    x, gamma = setting.x, points.gamma
    batch, n_line = lines.shape
    n_channel = points.source.shape[1]
    coefficients, first = shift_rule(x.size - 1)
    neighbours = first[:, None] + np.arange(POINTS)
    spectrum, g = setting.spectrum[:n_channel], setting.daughters[:, None]
    sharpest = spectrum.sum(axis=1)[:, None]  # f(1)
    with np.errstate(divide="ignore"):
        ln_a = np.log(points.a)[:, :, None] - x
    primary = np.repeat(points.beyond[:, None], 3, axis=1)
    made = np.zeros((batch, n_channel, 3, x.size))
    moments, out = np.zeros_like(made), np.zeros((batch, n_channel, 3, n_line))
    absorbed, gain = np.zeros((2, batch, n_channel, x.size))
    decay = gamma[:, None] + np.arange(3.0)

    def rate_on(line: int) -> FloatArray:
        eta = np.exp(lines[:, line])[:, None, None]
        s = np.abs((eta * eta - np.square(points.a)[:, :, None]) / (2.0 * eta)) * np.exp(-x)
        j = np.where(s < points.cut[:, None, None], relic_table().at(s, ln_a), 0.0)
        scale = points.strength[:, None, None] * eta * eta * setting.hubble
        return np.asarray(scale * np.einsum("ji,bjn->bin", setting.rates, j))

    rate = rate_on(0)
    for line in range(1, n_line):
        step = lines[:, line] - lines[:, line - 1]
        half = 0.5 * step[:, None, None]
        alive, time = _half_step(rate, half)
        primary = primary * alive + time * points.density[:, None]
        made = made * alive[:, None] + time[:, None] * (g * gain[:, :, None])
        weights = np.einsum("npk,bk->bnp", coefficients, (step / x[1])[:, None] ** np.arange(POINTS))
        primary = np.einsum("binp,bnp->bin", primary[..., neighbours], weights)
        made = np.einsum("bcinp,bnp->bcin", made[..., neighbours], weights)
        rate = rate_on(line)
        alive, time = _half_step(rate, half)
        primary = primary * alive + time * points.density[:, None]
        made *= alive[:, None]
        primary[..., -1], made[..., -1] = points.beyond[:, -1:], 0.0  # where paths begin
        time[..., -1] = 0.0
        # A and S on this line, each of which adds to the other
        lost = np.einsum("bin,bcin->bcn", rate, points.source[..., None] * primary[:, None] + made)
        lost *= points.branching[:, None, None]
        again = (points.branching[:, None] * np.sum(rate * time * g, axis=1))[:, None]
        moments = (moments + half[..., None] * absorbed[:, :, None]) * np.exp(-decay * step[:, None])[:, None, :, None]
        gain = np.einsum("cp,bcpn->bcn", spectrum, moments) + half * sharpest * lost
        gain /= 1.0 - half * sharpest * again
        absorbed = lost + again * gain
        moments = moments + half[..., None] * absorbed[:, :, None]
        made = made + time[:, None] * (g * gain[:, :, None])
        out[..., line] = made[..., 0]
    return out, moments


def _half_step(rate: FloatArray, half: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Survival of half a step, and what of a constant gain of one is left after it."""
    depth = half * rate
    lost = -np.expm1(-depth)
    return 1.0 - lost, half * np.divide(lost, depth, out=np.ones_like(depth), where=depth > 0.0)


def daughters_at_earth(
    energy_gev: FloatArray,
    m_zprime_mev: FloatArray,
    setting: Setting,
    points: Points,
    rule: CascadeRule,
    march: March = march,
) -> FloatArray:
    """Populations of daughters at Earth over the unabsorbed flux.

    Parameters
    ----------
    energy_gev : ndarray, shape (batch, energy)
        Energies at Earth in GeV.
    m_zprime_mev : ndarray, shape (batch,)
        Mediator mass in MeV.
    setting, points
        What is followed, on what.
    rule : CascadeRule
        Numerical settings.
    march : callable
        What follows it.

    Returns
    -------
    ndarray, shape (batch, channel, 3, energy)
    """
    lines = cascade_lines(points.a, points.cut, float(setting.x[-1]), rule)
    coarse, coarse_end = march(lines[:, ::2], setting, points)
    fine, end = march(lines, setting, points)
    correction = (fine[..., ::2] - coarse) / 3.0
    fine[..., ::2] += correction
    fine[..., 1::2] += 0.5 * (correction[..., 1:] + correction[..., :-1])
    end += (end - coarse_end) / 3.0
    y_ev = (m_zprime_mev[:, None] * EV_PER_MEV) ** 2 / (2.0 * energy_gev * EV_PER_GEV)
    v = np.log(y_ev / setting.t_nu0_ev)
    inside = _interpolated(lines, fine, v)
    # below the last line: daughters of all shells, made at the resonances
    decay = points.gamma[:, None] + np.arange(3.0)
    whole = end * np.exp(decay[:, None, :, None] * setting.x) @ _whole_rule(setting.x)
    below = np.exp(-decay[:, :, None] * np.maximum(v - lines[:, -1:], 0.0)[:, None, :])
    sums = np.einsum("cp,bcp,bpe->bce", setting.spectrum[: whole.shape[1]], whole, below)
    outside = setting.daughters[:, None] * sums[:, :, None, :]
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
