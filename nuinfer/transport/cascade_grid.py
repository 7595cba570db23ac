"""The grid on which `nuinfer.transport.cascade` follows neutrinos: lines of constant v, nodes in x = ln(1+z)."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.typing import FloatArray, IntArray

POINTS = 6
"""Nodes in x that a value between nodes is interpolated from."""

CORE, SLOPE = 1.0, 0.17
"""Distance of lines at a resonance over its width at z = 0, and how it grows with the distance from there."""

NEWTON = 5
"""Iterations for the places of lines: to rounding."""

LONGEST = 0.95
"""Longest step between lines over the interval in x: a path enters the grid at its last node."""


@dataclass(frozen=True)
class CascadeRule:
    """Numerical settings.

    Parameters
    ----------
    lines : int
        Steps in v of the coarser march; the finer one makes twice as many.
    interval : float
        Largest interval in x = ln(1+z).
    least : float
        Targets with y below this, in units of T_nu0, are left out: the depth there is of the order of its square.
    """

    lines: int
    interval: float
    least: float

    def intervals(self, x_max: float) -> int:
        """Intervals of the grid in x: a power of two, at least 8."""
        doublings = math.ceil(math.log2(x_max / (8.0 * self.interval)) - 0.01)
        return 8 << max(0, doublings)

    def steps(self, x_max: float) -> int:
        """Steps in v, enough for any masses of a few eV."""
        longest = LONGEST * x_max / self.intervals(x_max)
        return max(self.lines, int(np.ceil((8.0 + x_max - math.log(self.least)) / longest)))


FIT_CASCADE = CascadeRule(lines=288, interval=0.056, least=1e-2)
"""Rule of a fit."""

FINE_CASCADE = CascadeRule(lines=1024, interval=0.028, least=1e-4)
"""Rule of the public functions."""


def cascade_lines(a: FloatArray, cut: FloatArray, x_max: float, rule: CascadeRule) -> FloatArray:
    """Values of v at the lines, increasing, from the first absorption to x_max below the last.

    The number of lines is fixed and their density a sum over the targets, so that they move smoothly with the masses.

    Parameters
    ----------
    a : ndarray, shape (batch, target)
        Masses over T_nu0.
    cut : ndarray, shape (batch,)
        Largest |s| that matters.
    x_max : float
        ln(1 + z_max).
    rule : CascadeRule
        Number of lines.

    Returns
    -------
    ndarray, shape (batch, 2 steps + 1)

    Raises
    ------
    PhysicsDomainError
        If the masses span too many orders of magnitude.
    """
    hottest, steps = math.exp(x_max), rule.steps(x_max)
    light, heavy = a.min(axis=-1) / hottest, a.max(axis=-1) / hottest
    start = np.log(np.maximum(hottest * light**2 / (cut + np.hypot(cut, light)), rule.least))
    end = np.log(hottest * (cut + np.hypot(cut, heavy))) + x_max + 0.02
    size = np.hypot(a, 1.0)[..., None]
    centre, width = np.log(size), CORE / size

    def near(v: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lines on account of the targets up to v of shape (batch, n), and their density."""
        distance = SLOPE * (v[:, None] - centre)
        number = np.sum(np.arcsinh(distance / width), axis=1) / SLOPE
        return number, np.sum(1.0 / np.hypot(width, distance), axis=1)

    first, last = start[:, None], end[:, None]
    longest = LONGEST * x_max / rule.intervals(x_max)
    whole, spare = near(last)[0] - near(first)[0], longest * steps - (last - first)
    if np.any(spare <= 0.0):
        raise PhysicsDomainError(f"masses_ev: targets at {a.max():.3g} times the temperature of relics are too heavy")
    background = 1.0 / np.minimum(longest, spare / whole)
    scale = 2 * steps / (background * (last - first) + whole)
    # Inverted by Newton's method, from and between marks that lie densely where lines do.
    arms = np.arcsinh(SLOPE * 20.0 / width) / SLOPE * np.linspace(-1.0, 1.0, 33)
    marks = (centre + width / SLOPE * np.sinh(SLOPE * arms)).reshape(len(a), -1)
    marks = np.sort(np.clip(np.concatenate([first, marks, last], axis=-1), first, last), axis=-1)
    offset = background * first + near(first)[0]
    numbers = scale * (background * marks + near(marks)[0] - offset)
    wanted = np.arange(1.0, 2 * steps)
    index = np.array([np.searchsorted(row, wanted) for row in numbers])
    low, high = (np.take_along_axis(marks, k, axis=-1) for k in (index - 1, index))
    v = np.array([np.interp(wanted, row, mark) for row, mark in zip(numbers, marks, strict=True)])
    for _ in range(NEWTON):
        number, density = near(v)
        miss = scale * (background * v + number - offset) - wanted
        v = np.clip(v - miss / (scale * (background + density)), low, high)
    return np.concatenate([first, v, last], axis=-1)


@cache
def shift_rule(intervals: int) -> tuple[FloatArray, IntArray]:
    """Interpolation between equidistant nodes.

    Parameters
    ----------
    intervals : int
        Number of intervals.

    Returns
    -------
    coefficients : ndarray, shape (intervals + 1, POINTS, POINTS)
        Weight of each neighbour, as a polynomial in the distance from a node.
    first : ndarray, shape (intervals + 1,)
        Node that the first of them applies to.
    """
    node = np.arange(intervals + 1)
    first = np.clip(node - (POINTS // 2 - 1), 0, intervals + 1 - POINTS)
    place = (first - node)[:, None] + np.arange(float(POINTS))
    return np.linalg.inv(np.swapaxes(place[..., None] ** np.arange(POINTS), -1, -2)), first
