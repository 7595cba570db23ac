"""The forward model's inner loop, compiled: bin integrals of the mass populations at Earth, point by point.

The formulas are those of `nuinfer.physics.propagation`, `nuinfer.physics.regeneration` and
`nuinfer.detector.quadrature`, which give the same numbers with numpy where numba is not installed. What is gained is
that nothing is computed where nothing happens: a target touches energies between E_j/(1 + z_max) and E_j only.

In here e = ln(E/GeV) and x = ln(1+z), so that target j is crossed at x_j = ln E_j - e. Arrays are passed one by one and
never sliced: a view, or an array inside a tuple, costs more than the arithmetic around it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nuinfer.detector.quadrature import BinQuadrature
from nuinfer.physics.absorption import optical_depth, ordered_targets, resonance_redshift
from nuinfer.physics.propagation import Propagation
from nuinfer.physics.regeneration import INSIDE, cumulative_rule
from nuinfer.physics.spectra import shape_values
from nuinfer.shells_kernel import (
    BREAK,
    CUTOFF,
    POWER_LAW,
    compiled,
    fill_fractions,
    fill_shells,
    fraction_beyond,
    inlined,
)
from nuinfer.typing import FloatArray, IntArray

KINDS = {"power_law": POWER_LAW, "cutoff": CUTOFF, "broken_power_law": BREAK}
"""Spectrum to what the compiled functions call it."""


@inlined
def _cross(
    target: int,
    first: int,
    end: int,
    scale: float,
    energies: FloatArray,
    kappa: float,
    omega_m: float,
    omega_lambda: float,
    rates: FloatArray,
    matrices: FloatArray,
    depth: FloatArray,
    populations: FloatArray,
) -> None:
    """Cross `target`, at 1 + z = E_R/E = 1/(scale E), with the nodes from `first` to `end`."""
    n_channel = populations.shape[0]
    for node in range(first, end):
        r = energies[node] * scale
        cube = 1.0 / (r * r * r)
        depth[node] = kappa * cube / math.sqrt(omega_m * cube + omega_lambda)
    if matrices.shape[1] == 0:
        for i in range(3):
            for node in range(first, end):
                decay = math.exp(-rates[target, i] * depth[node])
                for c in range(n_channel):
                    populations[c, i, node] *= decay
    else:
        for node in range(first, end):
            for c in range(n_channel):
                n0, n1, n2 = populations[c, 0, node], populations[c, 1, node], populations[c, 2, node]
                for k in range(3):
                    populations[c, k, node] = 0.0
                for p in range(rates.shape[1]):
                    decay = math.exp(-rates[target, p] * depth[node])
                    for k in range(3):
                        populations[c, k, node] += decay * (
                            matrices[target, p, k, 0] * n0
                            + matrices[target, p, k, 1] * n1
                            + matrices[target, p, k, 2] * n2
                        )


@inlined
def _made_until(
    parent: int, c: int, x: float, f0: float, f1: float, f2: float, n_piece: int, ends: FloatArray, moments: FloatArray
) -> float:
    """f0 M_0(x) + f1 M_1(x) + f2 M_2(x) of the daughters made at one target."""
    piece = 0
    while piece < n_piece - 1 and x > ends[parent, piece + 1]:
        piece += 1
    length = ends[parent, piece + 1] - ends[parent, piece]
    n = moments.shape[3] - 1
    position = (x - ends[parent, piece]) / length * n if length > 0.0 else 0.0
    k = min(max(int(position), 0), n - 1)
    t = position - k
    # The Hermite polynomials, then three moments: values at 0..2, their change per interval at 3..5
    right, rise = t * t * (3.0 - 2.0 * t), t * (1.0 - t)
    left, left_slope, right_slope = 1.0 - right, rise * (1.0 - t), -rise * t
    here, there = moments[parent, c, piece, k], moments[parent, c, piece, k + 1]
    m0 = left * here[0] + right * there[0] + left_slope * here[3] + right_slope * there[3]
    m1 = left * here[1] + right * there[1] + left_slope * here[4] + right_slope * there[4]
    m2 = left * here[2] + right * there[2] + left_slope * here[5] + right_slope * there[5]
    return float(f0 * m0 + f1 * m1 + f2 * m2)


@compiled
def _arriving(
    n_crossed: int,
    n_node: int,
    ln_energies: FloatArray,
    energies: FloatArray,
    powers: FloatArray,
    kappa: float,
    x_max: float,
    omega_m: float,
    omega_lambda: float,
    ln_res: FloatArray,
    order: IntArray,
    scales: FloatArray,
    rates: FloatArray,
    matrices: FloatArray,
    source: FloatArray,
    daughters: FloatArray,
    spectrum: FloatArray,
    beyond: FloatArray,
    beyond_slope: FloatArray,
    unabsorbed: FloatArray,
    far: FloatArray,
    n_pieces: IntArray,
    ends: FloatArray,
    moments: FloatArray,
    fraction: FloatArray,
    depth: FloatArray,
    made: FloatArray,
    out: FloatArray,
) -> None:
    """Populations in front of target number `n_crossed`, or at Earth if that is the number of targets.

    The first `n_node` of `ln_energies`, `energies` and `powers` hold e, in increasing order, E, and (E/pivot)^gamma;
    `scales` holds 1/E_R and (pivot/E_R)^gamma of each target; `beyond` and its slope are tables of a power law, which
    other spectra replace by `unabsorbed` and `far`, see `fill_fractions`; `out` has shape (channel, 3, node).
    """
    n_target, n_channel = ln_res.size, source.shape[0]
    tabulated, intervals_per_x = far.size == 0, (beyond.size - 1) / x_max
    last = moments.shape[3] - 1
    # Nodes below `first` cross a target beyond the last source, those from `end` on are above its resonance.
    first = np.searchsorted(ln_energies[:n_node], ln_res[0] - x_max, side="right")
    end = np.searchsorted(ln_energies[:n_node], ln_res[0])
    for node in range(n_node):
        fraction[node] = 0.0 if node < first else (1.0 if tabulated else unabsorbed[node])
    for node in range(first, end):
        if tabulated:
            fraction[node] = fraction_beyond(ln_res[0] - ln_energies[node], intervals_per_x, beyond, beyond_slope)
        else:
            fraction[node] = far[0, node]
    for c in range(n_channel):
        for i in range(3):
            for node in range(n_node):
                out[c, i, node] = source[c, i] * fraction[node]
    for j in range(n_crossed):
        _cross(order[j], first, end, scales[j, 0], energies, kappa, omega_m, omega_lambda, rates, matrices, depth, out)
        first_next = end_next = 0
        if j + 1 < n_target:
            first_next = np.searchsorted(ln_energies[:n_node], ln_res[j + 1] - x_max, side="right")
            end_next = np.searchsorted(ln_energies[:n_node], ln_res[j + 1])
        for node in range(first_next, end):
            if tabulated:
                nearer = 1.0
                if node < end_next:
                    x = ln_res[j + 1] - ln_energies[node]
                    nearer = fraction_beyond(x, intervals_per_x, beyond, beyond_slope)
            else:
                nearer = far[j + 1, node] if node < end_next else unabsorbed[node]
            gain = nearer - fraction[node]
            fraction[node] = nearer
            for c in range(n_channel):
                for i in range(3):
                    out[c, i, node] += source[c, i] * gain
        if last > 0:
            for c in range(n_channel):
                for parent in range(j + 1):
                    n_piece = n_pieces[parent] if moments.shape[2] > 1 else 1
                    for node in range(first_next, end):
                        r = energies[node] * scales[parent, 0]
                        r_gamma = powers[node] * scales[parent, 1]
                        f0, f1, f2 = (
                            spectrum[c, 0] * r_gamma,
                            spectrum[c, 1] * r_gamma * r,
                            spectrum[c, 2] * r_gamma * r * r,
                        )
                        if node < first:
                            whole = moments[parent, c, n_piece - 1, last]
                            farthest = f0 * whole[0] + f1 * whole[1] + f2 * whole[2]
                        elif parent == j:
                            x = ln_res[j] - ln_energies[node]
                            farthest = _made_until(parent, c, x, f0, f1, f2, n_piece, ends, moments)
                        else:
                            farthest = made[parent, c, node]
                        nearest = 0.0
                        if node < end_next:
                            x = ln_res[j + 1] - ln_energies[node]
                            nearest = _made_until(parent, c, x, f0, f1, f2, n_piece, ends, moments)
                        made[parent, c, node] = nearest
                        for i in range(3):
                            out[c, i, node] += daughters[i] * (farthest - nearest)
        first, end = first_next, end_next


@compiled
def bin_integrals(
    ln_edges: FloatArray,
    rule: FloatArray,
    x_max: float,
    density: FloatArray,
    log_slope: FloatArray,
    omega_m: float,
    omega_lambda: float,
    rates: FloatArray,
    matrices: FloatArray,
    daughters: FloatArray,
    spectrum: FloatArray,
    cumulative: FloatArray,
    stencil: IntArray,
    ln_pivot: float,
    kind: int,
    gammas: FloatArray,
    ln_scales: FloatArray,
    gammas_high: FloatArray,
    kappas: FloatArray,
    branchings: FloatArray,
    resonances: FloatArray,
    orders: IntArray,
    sources: FloatArray,
) -> FloatArray:
    """Integrals over energy bins of the populations at Earth for an unabsorbed flux B(0; E) (E/pivot)^-gamma.

    Parameters
    ----------
    ln_edges : ndarray, shape (n_bin + 1,)
        Bin edges.
    rule : ndarray, shape (2, q)
        Gauss-Legendre nodes and weights on [0, 1].
    x_max : float
        ln(1 + z_max).
    density, log_slope : ndarray, shape (n + 1,)
        Density of the sources in x at gamma = 0 and its logarithmic slope, on a uniform grid; n = 0: all at x_max.
    omega_m, omega_lambda : float
        Matter and vacuum densities.
    rates : ndarray, shape (target, term)
        Rates of the crossings.
    matrices : ndarray, shape (target, term, 3, 3)
        Their matrices; no terms if they are diagonal.
    daughters : ndarray, shape (3,)
        Populations of the mass states among the daughters of a Z'.
    spectrum : ndarray, shape (2, 3)
        Coefficients of the daughters' spectrum by channel.
    cumulative : ndarray, shape (intervals, 6)
        Weights of the integral over each interval of a piece; no intervals without regeneration.
    stencil : ndarray, shape (intervals,)
        First node that each row of them applies to.
    ln_pivot : float
        Logarithm of the energy in GeV at which the unabsorbed flux is 1.
    kind : int
        Spectrum: power law, cut-off or break.
    gammas, ln_scales, gammas_high : ndarray, shape (batch,)
        Spectral index; logarithm of the energy of the cut-off or break in GeV; index above the break.
    kappas : ndarray, shape (batch,)
        Optical depth of a unit entry of R at z is kappa (1+z)^3 H0/H(z).
    branchings : ndarray, shape (batch,)
        Fraction of the decays of the Z' that give neutrinos.
    resonances : ndarray, shape (batch, target)
        Logarithm of the resonance energies in GeV, decreasing.
    orders : ndarray, shape (batch, target)
        Which crossing each of them is.
    sources : ndarray, shape (batch or 1, channel, 3)
        Populations at the source.

    Returns
    -------
    ndarray, shape (batch, channel, 3, n_bin)
        In GeV.
    """
    batch, n_target = resonances.shape
    n_channel, n_bin, n_interval, n_rule = sources.shape[1], ln_edges.size - 1, stencil.size, rule.shape[1]
    integrals = np.zeros((batch, n_channel, 3, n_bin))
    n_kink = 2 if kind == BREAK else 0
    beyond, beyond_slope = np.ones((2, density.size)), np.zeros((2, density.size))
    most_pieces = (n_target if density.size == 1 else 1) + n_kink // 2
    n_pieces, ends = np.zeros(n_target, np.intp), np.zeros((n_target, most_pieces + 1))
    moments = np.zeros((n_target, n_channel, most_pieces, n_interval + 1, 6))  # M_p, and their change per interval
    scales, breaks = np.zeros((n_target, 2)), np.zeros(2 * n_target + n_kink)
    n_node = max(n_rule * (n_bin + 2 * n_target + n_kink), n_interval + 1)
    unabsorbed, far = np.zeros(n_node), np.zeros((0 if kind == POWER_LAW else n_target, n_node))
    ln_energies, energies, powers, weights = np.zeros(n_node), np.zeros(n_node), np.zeros(n_node), np.zeros(n_node)
    fraction, depth, made = np.zeros(n_node), np.zeros(n_node), np.zeros((n_target, n_channel, n_node))
    bins = np.zeros(n_node, np.intp)
    here, there = np.zeros((n_channel, 3, n_node)), np.zeros((n_channel, 3, n_interval + 1))
    for b in range(batch):
        gamma, kappa, ln_res, order = gammas[b], kappas[b], resonances[b], orders[b]
        source = sources[min(b, sources.shape[0] - 1)]
        ln_scale, gamma_high = ln_scales[b], gammas_high[b]
        ratio_high = math.exp((gamma - gamma_high) * x_max)  # if every source is at x_max
        if density.size > 1:
            step = x_max / (density.size - 1)
            total = fill_shells(gamma, step, density, log_slope, beyond[0], beyond_slope[0])
            if kind == BREAK:
                ratio_high = fill_shells(gamma_high, step, density, log_slope, beyond[1], beyond_slope[1]) / total
        for target in range(n_target):
            scales[target, 0] = math.exp(-ln_res[target])
            scales[target, 1] = math.exp(-gamma * (ln_res[target] - ln_pivot))
            breaks[2 * target], breaks[2 * target + 1] = ln_res[target] - x_max, ln_res[target]
        if n_kink:
            breaks[2 * n_target], breaks[2 * n_target + 1] = ln_scale - x_max, ln_scale
        for target in range(n_target if n_interval > 0 else 0):
            # A piece ends where a lighter target leaves the path and where the farthest source reaches the break.
            n_piece = target + 1 if density.size == 1 else 1
            for piece in range(n_piece):
                leaving = ln_res[target] - ln_res[piece] if density.size == 1 else 0.0
                ends[target, piece + 1] = max(0.0, x_max + leaving)
            if n_kink:
                n_piece += 1
                ends[target, n_piece] = min(max(ln_res[target] - ln_scale + x_max, 0.0), x_max)
                ends[target, : n_piece + 1].sort()
            n_pieces[target] = n_piece
            for piece in range(n_piece):  # nodes at the ends of a piece stay just inside
                start, length = ends[target, piece], ends[target, piece + 1] - ends[target, piece]
                for k in range(n_interval + 1):
                    x = start + length * ((n_interval - k) / n_interval)
                    ln_energies[k] = ln_res[target] - min(max(x, start + INSIDE), start + length - INSIDE)
                    energies[k] = math.exp(ln_energies[k])
                    powers[k] = math.exp(gamma * (ln_energies[k] - ln_pivot))
                if kind != POWER_LAW:
                    fill_fractions(
                        kind, target + 1, n_interval + 1, ln_energies, x_max, ln_res, gamma, ln_scale, gamma_high,
                        ratio_high, density, log_slope, beyond, beyond_slope, unabsorbed, far,
                    )  # fmt: skip
                _arriving(
                    target, n_interval + 1, ln_energies, energies, powers, kappa, x_max, omega_m, omega_lambda, ln_res,
                    order, scales, rates, matrices, source, daughters, spectrum, beyond[0], beyond_slope[0],
                    unabsorbed, far, n_pieces, ends, moments, fraction, depth, made, here,
                )  # fmt: skip
                there[:] = here[:, :, : n_interval + 1]
                _cross(
                    order[target], 0, n_interval + 1, scales[target, 0], energies, kappa, omega_m, omega_lambda, rates,
                    matrices, depth, there,
                )  # fmt: skip
                for k in range(n_interval + 1):
                    node = n_interval - k  # x increases with k
                    r = energies[node] * scales[target, 0]
                    weight = branchings[b] * (length / n_interval) / (powers[node] * scales[target, 1])
                    for c in range(n_channel):
                        absorbed = 0.0
                        for i in range(3):
                            absorbed += here[c, i, node] - there[c, i, node]
                        moments[target, c, piece, k, 3] = absorbed * weight
                        moments[target, c, piece, k, 4] = absorbed * weight / r
                        moments[target, c, piece, k, 5] = absorbed * weight / (r * r)
                for c in range(n_channel):
                    for p in range(3):
                        total = moments[target, c, piece - 1, n_interval, p] if piece > 0 else 0.0
                        moments[target, c, piece, 0, p] = total
                        for k in range(n_interval):
                            for s in range(6):
                                total += cumulative[k, s] * moments[target, c, piece, stencil[k] + s, p + 3]
                            moments[target, c, piece, k + 1, p] = total
        breaks.sort()
        k = node = 0
        for n in range(n_bin):
            low = ln_edges[n]
            while k < breaks.size and breaks[k] <= low:
                k += 1
            while low < ln_edges[n + 1]:
                high = ln_edges[n + 1]
                if k < breaks.size and breaks[k] < high:
                    high = breaks[k]
                    k += 1
                for q in range(n_rule):
                    ln_energies[node] = low + rule[0, q] * (high - low)
                    weights[node] = rule[1, q] * (high - low)
                    bins[node] = n
                    node += 1
                low = high
        for k in range(node):
            energies[k] = math.exp(ln_energies[k])
            powers[k] = math.exp(gamma * (ln_energies[k] - ln_pivot))
            weights[k] *= energies[k] / powers[k]
        if kind != POWER_LAW:
            fill_fractions(
                kind, n_target, node, ln_energies, x_max, ln_res, gamma, ln_scale, gamma_high, ratio_high, density,
                log_slope, beyond, beyond_slope, unabsorbed, far,
            )  # fmt: skip
        _arriving(
            n_target, node, ln_energies, energies, powers, kappa, x_max, omega_m, omega_lambda, ln_res, order, scales,
            rates, matrices, source, daughters, spectrum, beyond[0], beyond_slope[0], unabsorbed, far, n_pieces, ends,
            moments, fraction, depth, made, here,
        )  # fmt: skip
        for c in range(n_channel):
            for i in range(3):
                for k in range(node):
                    integrals[b, c, i, bins[k]] += weights[k] * here[c, i, k]
    return integrals


class Kernel:
    """Bin integrals for one propagation and one set of bins.

    Parameters
    ----------
    propagation : Propagation
        Absorption between source and Earth.
    quadrature : BinQuadrature
        Bins and nodes.
    pivot_gev : float
        Energy at which the power law is 1.
    spectrum : str
        ``power_law``, ``cutoff`` or ``broken_power_law``.
    """

    def __init__(
        self, propagation: Propagation, quadrature: BinQuadrature, pivot_gev: float, spectrum: str = "power_law"
    ) -> None:
        crossings, background = propagation.crossings, propagation.cosmology
        diagonal = np.zeros((len(crossings.rates), 0, 3, 3))
        _, log_density, log_slope = propagation.shells.grid
        cumulative, stencil = np.zeros((0, 6)), np.zeros(0, np.intp)
        if propagation.regeneration_intervals:
            cumulative, stencil = cumulative_rule(propagation.regeneration_intervals)
        self._mediator, self._shape_values = propagation.mediator, shape_values(spectrum)
        # tau = kappa (1+z)^3 H0/H(z) with H(0) = H0 sqrt(Om + OL), and kappa grows like (g'/m_Z')^2
        today = propagation.depth_factor * float(optical_depth(0.0, 1.0, 1.0, background))
        self._unit_kappa = today * math.sqrt(background.omega_m + background.omega_lambda)
        self._setting = (
            np.log(quadrature.edges_gev),
            np.array(quadrature.rule),
            math.log1p(propagation.shells.z_max),
            np.exp(log_density),
            np.ascontiguousarray(log_slope),
            background.omega_m,
            background.omega_lambda,
            np.ascontiguousarray(crossings.rates),  # one memory layout to compile for
            np.ascontiguousarray(diagonal if crossings.matrices is None else crossings.matrices),
            propagation.daughters,
            propagation.spectrum,
            cumulative,
            stencil,
            math.log(pivot_gev),
            KINDS[spectrum],
        )

    def __call__(self, point: Mapping[str, FloatArray], masses_ev: FloatArray, source: FloatArray) -> FloatArray:
        """Integrals at points of shape (batch,) of the populations over the power law.

        Parameters
        ----------
        point : mapping
            Values of shape (batch,): ``gamma``, ``m_zprime_mev``, ``g_prime`` and those of the spectrum.
        masses_ev : ndarray, shape (batch, target)
            Target masses in eV.
        source : ndarray, shape (batch or 1, channel, 3)
            Populations of the mass states at the source.

        Returns
        -------
        ndarray, shape (batch, channel * 3 * n_bin)
            In GeV.
        """
        gamma, m_zprime_mev, g_prime = (point[name] for name in ("gamma", "m_zprime_mev", "g_prime"))
        order, targets = ordered_targets(masses_ev)
        resonances = np.log(resonance_redshift(1.0, m_zprime_mev[:, None], targets) + 1.0)
        kappa = self._unit_kappa * np.square(g_prime / m_zprime_mev)
        branching = self._mediator.neutrino_branching(m_zprime_mev)
        extra = [point[name] for name in self._shape_values]
        ln_scale = np.log(extra[0]) if extra else np.zeros_like(gamma)
        gamma_high = extra[1] if len(extra) > 1 else gamma
        # Copies: one type, writable, to compile for
        columns = (np.array(gamma), np.array(ln_scale), np.array(gamma_high), kappa, branching, resonances, order)
        return bin_integrals(*self._setting, *columns, np.array(source)).reshape(len(gamma), -1)
