"""The lattice of `nuinfer.transport.march`, and daughters of channels without resonance on it.

Lines of constant physical energy, a distance h apart in ln E_phys, and of constant x = ln(1+z), as far apart: a step of
h towards Earth takes a neutrino from one crossing of lines to the next, so that what it meets depends on its line of
energy alone, but for the density of targets, which depends on its redshift alone.

Daughters of a parent in the middle between two lines of energy are given to the middles below it: one whose energy lies
between two of them counts for both, in linear proportion, which keeps number and energy. How many come to which is
tabulated in ln a = ln(s/M^2), once for all masses of mediator and target, which only say where to look.
"""

import math
from typing import NamedTuple

import numpy as np

from nuinfer.compiled import compiled
from nuinfer.physics.cross_sections import Channels, shape_integrals
from nuinfer.typing import BoolArray, FloatArray

LN_TOP_GEV = math.log(1e9)
"""Highest energy at Earth from which daughters are followed."""

MIN_STEPS = 4
"""Steps in x at the least."""

LOWEST_RANK = 1e-12
"""What is below so much of the largest singular value is rounding."""


class Lattice(NamedTuple):
    """Lines of energy and of redshift.

    Parameters
    ----------
    ln_top, step : float
        Logarithm of the highest physical energy in GeV; h.
    n_step, n_line : int
        Steps in x and in energy.
    """

    ln_top: float
    step: float
    n_step: int
    n_line: int


class Smooth(NamedTuple):
    """Exchange of the mediator in t and u, and its interference with the resonance, for targets j.

    Depths and daughters are sums over functions f of s/M^2, times Re S where `resonant` says so. Daughters are made by
    combinations p of states, and come out in combinations q; with couplings of one flavour there is one of each.

    Parameters
    ----------
    tables : ndarray, shape (f, row, n_line)
        Daughters at middles 0, 1, 2, ... below the parent's, in rows of ln a at multiples of h.
    totals : ndarray, shape (f, row)
        Cross-section.
    first : int
        ln a of the first row, over h.
    resonant : ndarray of bool, shape (f,)
        Whether the function is to be multiplied with a Re S.
    depth : ndarray, shape (3, target, f)
        Coefficients of the depths of mass states.
    parents, daughters : ndarray, shape (p, 3) and (q, 3)
        What a parent of each state counts for in a combination, and the populations in one of daughters.
    weights : ndarray, shape (p, q, target, f)
        Coefficients of pairs of them.
    """

    tables: FloatArray
    totals: FloatArray
    first: int
    resonant: BoolArray
    depth: FloatArray
    parents: FloatArray
    daughters: FloatArray
    weights: FloatArray


def make_lattice(x_max: float, ln_low: float, ln_high: float, step: float) -> Lattice:
    """For energies at Earth between two logarithms, with steps of at most `step`; its top may be up to one higher."""
    n_step = max(MIN_STEPS, math.ceil(x_max / step - 1e-9))
    h = x_max / n_step
    ln_top = max(LN_TOP_GEV, ln_high) + x_max
    return Lattice(ln_top, h, n_step, math.ceil((ln_top - ln_low) / h) + 3)


@compiled
def _spread(spin: int, first: int, step: float, n_row: int, n: int, tables: FloatArray, totals: FloatArray) -> None:
    """Fill tables (5, row, n) and totals (5, row) of t, u, tu, st and su."""
    number, energy = np.empty((5, n + 2)), np.empty((5, n + 2))
    for row in range(n_row):
        a = math.exp((first + row) * step)
        whole = shape_integrals(spin, a, 1.0)
        for d in range(n + 2):
            x = math.exp(-d * step)
            here, there = shape_integrals(spin, a, x), shape_integrals(spin, a, -math.expm1(-d * step))
            number[1, d], energy[1, d] = here[2], here[3]
            number[0, d] = whole[2] - there[2]
            energy[0, d] = whole[2] - whole[3] - (there[2] - there[3])
            number[2, d] = here[4] + whole[4] - there[4]
            energy[2, d] = here[5] + whole[4] - whole[5] - (there[4] - there[5])
            number[4, d], energy[4, d] = here[6], here[7]
            number[3, d] = whole[6] - there[6]
            energy[3, d] = whole[6] - whole[7] - (there[6] - there[7])
        for f in range(5):
            scale = a if f < 3 else 1.0
            totals[f, row] = scale * number[f, 0]
            for d in range(n):
                tables[f, row, d] = 0.0
            for d in range(n):
                high, low = math.exp(-d * step), math.exp(-(d + 1) * step)
                many, carried = number[f, d] - number[f, d + 1], energy[f, d] - energy[f, d + 1]
                upper = (carried - low * many) / (high - low)
                tables[f, row, d] += scale * upper
                if d + 1 < n:
                    tables[f, row, d + 1] += scale * (many - upper)


def _basis(matrix: FloatArray) -> FloatArray:
    """Orthonormal rows that span the rows of a matrix."""
    _, values, rows = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(rows[values > LOWEST_RANK * max(values[0], 1e-300)])


def per_target(channels: Channels, split: bool) -> Channels:
    """Tensors per target: those of degenerate masses added up, as one."""
    if split:
        return channels
    return Channels(channels.totals.sum(axis=2, keepdims=True), channels.daughters.sum(axis=2, keepdims=True))


def make_smooth(channels: Channels, spin: int, lattice: Lattice, rows: tuple[int, int]) -> Smooth:
    """Tables for ln a from ``rows[0]`` to ``rows[1]`` times h, and what couplings make of them."""
    first, last = rows
    tables, totals = np.empty((5, last - first + 1, lattice.n_line)), np.empty((5, last - first + 1))
    _spread(spin, first, lattice.step, totals.shape[1], lattice.n_line, tables, totals)
    made = np.moveaxis(channels.daughters[1:], 0, -1)  # [i, j, k, f]
    depth = np.moveaxis(channels.totals[[1, 1, 2, 3, 3]] / np.array([2, 2, 1, 2, 2])[:, None, None], 0, -1)
    parents, daughters = (_basis(np.moveaxis(made, axis, -1).reshape(-1, 3)) for axis in (0, 2))
    weights = np.einsum("pi,ijkf,qk->pqjf", parents, made, daughters)
    kept, flags = [], []
    for group in ([0, 1, 2], [3, 4]):  # few combinations of them may be all there is
        both = np.concatenate([weights[..., group].reshape(-1, len(group)), depth[..., group].reshape(-1, len(group))])
        if both.any():
            found = np.zeros((5, len(_basis(both))))
            found[group] = _basis(both).T
            kept += list(found.T)
            flags += [group[0] == 3] * found.shape[1]
    functions = np.array(kept).reshape(-1, 5)
    return Smooth(
        np.einsum("gf,frd->grd", functions, tables), functions @ totals, first, np.array(flags, bool),
        np.ascontiguousarray(depth @ functions.T), parents, daughters, np.ascontiguousarray(weights @ functions.T),
    )  # fmt: skip
