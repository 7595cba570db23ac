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


def require_within(name: str, values: FloatArray, low: float, high: float) -> None:
    """Refuse values outside ``[low, high]``; NaN passes, so that the term it spoils can be named.

    Raises
    ------
    PhysicsDomainError
        Naming the first value outside.
    """
    flat = values.ravel()
    outside = _first_outside(flat, low, high)
    if outside >= 0:
        raise PhysicsDomainError(f"{name}: {flat[outside]:g} is outside the allowed range [{low:g}, {high:g}]")


@compiled
def _first_outside(values: FloatArray, low: float, high: float) -> int:
    """Index of the first value outside, -1 if there is none."""
    for k in range(values.size):
        if values[k] < low or values[k] > high:
            return k
    return -1


@inlined
def interval(x: float, starts: FloatArray) -> int:
    """Index of the last of increasing `starts` that is not above x; 0 if there is none.

    The guess is exact for equal distances, and corrected where they are not.
    """
    last = starts.size - 1
    if not x > starts[0]:
        return 0
    if x >= starts[last]:
        return last
    k = int((x - starts[0]) * last / (starts[last] - starts[0]))
    while x < starts[k]:
        k -= 1
    while x >= starts[k + 1]:
        k += 1
    return k


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
    low, high : float
        First and last mass, MeV.
    logarithms : ndarray, shape (2, node)
        Of mass and limit.
    flat : bool
        Whether it goes on beyond its ends, at the limit there; if not, nothing is excluded there.
    """

    low: float
    high: float
    logarithms: FloatArray
    flat: bool = False

    @classmethod
    def through(cls, m_zprime_mev: FloatArray, g_prime: FloatArray, *, flat: bool = False) -> Curve:
        """The curve through points with increasing masses."""
        return cls(float(m_zprime_mev[0]), float(m_zprime_mev[-1]), np.log([m_zprime_mev, g_prime]), flat)

    def over_limit(self, m_zprime_mev: ArrayLike, g_prime: ArrayLike, strength: float = 1.0) -> FloatArray:
        """Ratio of g' times `strength` to the limit, shape (*batch,): above one where it is excluded.

        Examples
        --------
        >>> curve = Curve.through(np.array([1.0, 100.0]), np.array([1e-4, 1e-2]))
        >>> curve.over_limit([10.0, 200.0], 2e-3).round(6).tolist()
        [2.0, 0.0]
        """
        ends = (-math.inf, math.inf) if self.flat else (self.low, self.high)
        return elementwise(_curve_loop, (m_zprime_mev, g_prime), strength, *ends, self.logarithms)


@compiled
def _curve_loop(
    mass: FloatArray, g_prime: FloatArray, strength: float, low: float, high: float, logs: FloatArray, out: FloatArray
) -> None:
    for n in range(out.size):
        if mass[n] < low or mass[n] > high:
            out[n] = 0.0
        else:
            x = min(max(math.log(mass[n]), logs[0, 0]), logs[0, -1])
            k = interval(x, logs[0, :-1])
            slope = (logs[1, k + 1] - logs[1, k]) / (logs[0, k + 1] - logs[0, k])
            out[n] = g_prime[n] * strength / math.exp(logs[1, k] + slope * (x - logs[0, k]))


# Smooth quantities ----------------------------------------------------------------------------------------------------


@compiled
def _exp_loop(values: FloatArray, pieces: FloatArray, out: FloatArray) -> None:
    for n in range(out.size):
        out[n] = math.exp(spline(math.log(values[n]), pieces))


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

    def require(self, values: FloatArray) -> None:
        """Refuse values outside the table.

        Raises
        ------
        PhysicsDomainError
            Naming the first one.
        """
        require_within(self.variable, values, self.low, self.high)

    def exponential(self, quantity: int, values: ArrayLike) -> FloatArray:
        """A quantity that is tabulated as its logarithm, shape (*batch,).

        Raises
        ------
        PhysicsDomainError
            Outside the table.
        """
        positive = np.asarray(values, float)
        self.require(positive)
        return elementwise(_exp_loop, (positive,), self.pieces[quantity])


@functools.cache
def read_table(name: str) -> LogTable:
    """A table of ``data/constraints``, first column the variable; read once per process."""
    from scipy.interpolate import make_interp_spline  # heavy, and not every constraint needs it

    (variable, nodes), *quantities = DataFolder.open(locate(FOLDER)).read_csv(name).items()
    curves = make_interp_spline(np.log(nodes), np.column_stack([column for _, column in quantities]), k=5)
    starts = np.unique(curves.t)[:-1]
    powers = [curves(starts, nu=power).T / math.factorial(power) for power in range(5, -1, -1)]
    pieces = np.stack([np.broadcast_to(starts, powers[0].shape), *powers], axis=-1)
    return LogTable(variable, float(nodes[0]), float(nodes[-1]), pieces)
