"""Tables of smooth quantities: read once, interpolated in compiled code.

The compiled functions take a point and plain arrays. A NaN comes out as NaN.
"""

from __future__ import annotations

import functools
import math
import sys
from dataclasses import dataclass

import numpy as np

from nuinfer.compiled import compiled, elementwise, inlined
from nuinfer.datafiles import DataFolder, locate
from nuinfer.errors import PhysicsDomainError
from nuinfer.typing import ArrayLike, FloatArray

FOLDER = "constraints"
SMALLEST, LARGEST = sys.float_info.min, sys.float_info.max
"""Ends of what is positive and finite."""


def data_folder() -> DataFolder:
    """The folder with the numbers and tables of the shipped constraints."""
    return DataFolder.open(locate(FOLDER))


def within(name: str, values: ArrayLike, low: float = SMALLEST, high: float = LARGEST) -> FloatArray:
    """The values as an array, none outside ``[low, high]``; NaN passes, so that the term it spoils can be named.

    Raises
    ------
    PhysicsDomainError
        Naming the first value outside.
    """
    array = np.asarray(values, float)
    flat = array.ravel()
    outside = _first_outside(flat, low, high)
    if outside >= 0:
        raise PhysicsDomainError(f"{name}: {flat[outside]:g} is outside the allowed range [{low:g}, {high:g}]")
    return array


@compiled
def _first_outside(values: FloatArray, low: float, high: float) -> int:
    """Index of the first value outside, -1 if there is none."""
    for k in range(values.size):
        if values[k] < low or values[k] > high:
            return k
    return -1


@inlined
def interval(x: float, starts: FloatArray) -> int:
    """Index of the last of increasing `starts` that is not above x; 0 if there is none."""
    low, high = 0, starts.size
    while high - low > 1:  # bisection, because that of numpy takes long to compile
        middle = (low + high) // 2
        if starts[middle] > x:
            high = middle
        else:
            low = middle
    return low


@inlined
def spline(x: float, pieces: FloatArray) -> float:
    """Polynomials of degree five, a row each: where it starts, and its coefficients there from the fifth power on."""
    piece = pieces[interval(x, pieces[:, 0])]
    t = x - piece[0]
    return float(((((piece[1] * t + piece[2]) * t + piece[3]) * t + piece[4]) * t + piece[5]) * t + piece[6])


@inlined
def quadratic_rate(g_prime: float, linear: float, quadratic: float) -> float:
    """Rate over that of the Standard Model, 1 + linear g'^2 + quadratic g'^4: amplitudes that add to the weak one.

    Examples
    --------
    >>> quadratic_rate(2.0, 1.0, 0.5)
    13.0
    """
    coupling2 = g_prime * g_prime
    return 1.0 + coupling2 * (linear + coupling2 * quadratic)


# Limits on g' ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Curve:
    """An upper limit on g' at increasing masses, straight lines in log-log.

    Parameters
    ----------
    m_zprime_mev, g_prime : ndarray, shape (node,)
        Masses and limits.
    flat : bool
        Whether it goes on beyond its ends, at the limit there; if not, nothing is excluded there.
    """

    m_zprime_mev: FloatArray
    g_prime: FloatArray
    flat: bool = False

    def over_limit(self, m_zprime_mev: ArrayLike, g_prime: ArrayLike) -> FloatArray:
        """Ratio of g' to the limit, shape (*batch,): above one where it is excluded.

        Examples
        --------
        >>> curve = Curve(np.array([1.0, 100.0]), np.array([1e-4, 1e-2]))
        >>> curve.over_limit([10.0, 200.0], 2e-3).round(6).tolist()
        [2.0, 0.0]
        """
        beyond = None if self.flat else math.inf
        nodes, logarithms = np.log([self.m_zprime_mev, self.g_prime])
        limit = np.exp(np.interp(np.log(m_zprime_mev), nodes, logarithms, left=beyond, right=beyond))
        return np.asarray(np.asarray(g_prime, float) / limit)


# Smooth quantities ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LogTable:
    """Quantities against a positive variable, interpolated by quintic splines in its logarithm.

    Parameters
    ----------
    variable : str
        Name of the variable, for messages.
    low, high : float
        First and last node.
    pieces : ndarray, shape (quantity, piece, 7)
        Of each quantity, for `spline`.
    """

    variable: str
    low: float
    high: float
    pieces: FloatArray

    def within(self, values: ArrayLike) -> FloatArray:
        """The values as an array, if the table covers them.

        Raises
        ------
        PhysicsDomainError
            Naming the first one that it does not.
        """
        return within(self.variable, values, self.low, self.high)

    def __call__(self, quantity: int, values: ArrayLike) -> FloatArray:
        """A quantity, shape (*batch,).

        Raises
        ------
        PhysicsDomainError
            Outside the table.
        """
        return elementwise(_spline_loop, (self.within(values),), self.pieces[quantity])


@compiled
def _spline_loop(values: FloatArray, pieces: FloatArray, out: FloatArray) -> None:
    for n in range(out.size):
        out[n] = spline(math.log(values[n]), pieces)


@functools.cache
def read_table(name: str) -> LogTable:
    """A table of ``data/constraints``, first column the variable; read once per process."""
    from scipy.interpolate import make_interp_spline  # heavy, and not every constraint needs it

    (variable, nodes), *quantities = data_folder().read_csv(name).items()
    curves = make_interp_spline(np.log(nodes), np.column_stack([column for _, column in quantities]), k=5)
    starts = np.unique(curves.t)[:-1]
    powers = [curves(starts, nu=power).T / math.factorial(power) for power in range(5, -1, -1)]
    pieces = np.stack([np.broadcast_to(starts, powers[0].shape), *powers], axis=-1)
    return LogTable(variable, float(nodes[0]), float(nodes[-1]), pieces)
