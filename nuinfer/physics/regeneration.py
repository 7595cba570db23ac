"""Neutrinos from the decay of the Z'.

A neutrino absorbed at redshift z on target j becomes a Z' of energy E_R = m_Z'^2/(2 m_j), whose decay gives a neutrino
and an antineutrino with energies x E_R: dN/dx = 3 x^2 for the one of the incoming helicity, 3 (1 - x)^2 for the other.
The sum nu + nubar therefore feeds itself with f = 3 - 6 x + 6 x^2 and the difference nu - nubar with f = 6 x - 3.
A real scalar decays isotropically, to two neutrinos or two antineutrinos alike: f = 2 and f = 0.

Let a(z) be the absorbed flux over the unabsorbed one at the energy that crosses at z, r = E/E_R for an energy E at
Earth, and gamma the index of the unabsorbed flux. Daughters made between two redshifts are, over the unabsorbed flux,

    D = r^gamma int a (1+z)^gamma f(r (1+z)) dln(1+z) = r^gamma sum_p f_p r^p dM_p,

with three cumulative moments M_p = int a (1+z)^(gamma+p) dln(1+z), p = 0, 1, 2: exact for every energy, pieces between
two crossings included.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from nuinfer.physics.mediator import Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.typing import FloatArray, IntArray

SPECTRUM = np.array([[3.0, -6.0, 6.0], [-3.0, 6.0, 0.0]])
"""Coefficients f_p of the daughters' spectrum of a vector, for nu + nubar and for nu - nubar."""

SCALAR_SPECTRUM = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
"""The same of a real scalar."""

INSIDE = 1e-12
"""Nodes at the ends of a piece stay this far inside, on their own side of a jump, whatever the rounding."""


def daughter_populations(mixing: Mixing, mediator: Mediator) -> FloatArray:
    """Populations g_k = sum_a |U_ak|^2 Q_a^2/sum Q^2 of the mass states among the daughters, shape (3,)."""
    squared = mediator.squared_charges
    return np.asarray(squared @ mixing.probabilities / squared.sum())


def decay_spectrum(mediator: Mediator) -> FloatArray:
    """Coefficients f_p of the spectrum of a mediator's daughters, shape (2, 3): nu + nubar, nu - nubar."""
    return SPECTRUM if mediator.spin else SCALAR_SPECTRUM


@dataclass(frozen=True)
class Pieces:
    """A grid in x = ln(1+z) that follows the points where the absorbed flux is not smooth.

    Parameters
    ----------
    edges : ndarray, shape (*batch, piece + 1)
        Ends of the pieces, increasing from 0.
    intervals : int
        Equal intervals per piece.
    """

    edges: FloatArray
    intervals: int

    @property
    def steps(self) -> FloatArray:
        """Interval of each piece, shape (*batch, piece)."""
        return np.diff(self.edges, axis=-1) / self.intervals

    @property
    def nodes(self) -> FloatArray:
        """Nodes, shape (*batch, piece * (intervals + 1)), those at the ends just inside their piece."""
        low, high = self.edges[..., :-1, None], self.edges[..., 1:, None]
        nodes = low + (high - low) * (np.arange(self.intervals + 1) / self.intervals)
        return np.asarray(np.clip(nodes, low + INSIDE, high - INSIDE).reshape(*self.edges.shape[:-1], -1))


@dataclass(frozen=True)
class Moments:
    """Cumulative moments M_p of the flux absorbed at one target.

    Parameters
    ----------
    pieces : Pieces
        Grid in ln(1+z).
    values, slopes : ndarray, shape (*batch, channel, 3, piece * (intervals + 1))
        Moments at the nodes, and their change per interval there.
    """

    pieces: Pieces
    values: FloatArray
    slopes: FloatArray

    @classmethod
    def of(cls, pieces: Pieces, absorbed: FloatArray, gamma: FloatArray) -> Moments:
        """Moments of the absorbed flux at the nodes of a grid.

        Parameters
        ----------
        pieces : Pieces
            Grid.
        absorbed : ndarray, shape (*batch, channel, node)
            Absorbed over unabsorbed flux.
        gamma : ndarray, shape (*batch,)
            Spectral index.
        """
        power = gamma[..., None] + np.arange(3.0)
        integrand = absorbed[..., None, :] * np.exp(power[..., None] * pieces.nodes[..., None, :])[..., None, :, :]
        split = (*integrand.shape[:-1], -1, pieces.intervals + 1)
        slopes = integrand.reshape(split) * pieces.steps[..., None, None, :, None]
        weights, first = cumulative_rule(pieces.intervals)
        values = np.zeros_like(slopes)
        each = np.sum(slopes[..., first[:, None] + np.arange(6)] * weights, axis=-1)
        np.cumsum(each, axis=-1, out=values[..., 1:])
        values[..., 1:, :] += np.cumsum(values[..., :-1, -1:], axis=-2)
        return cls(pieces, values.reshape(integrand.shape), slopes.reshape(integrand.shape))

    def at(self, x: FloatArray) -> FloatArray:
        """Moments up to ln(1+z) = `x` of shape (*batch, energy), by cubic Hermite interpolation.

        Returns
        -------
        ndarray, shape (*batch, channel, 3, energy)
        """
        edges, n = self.pieces.edges, self.pieces.intervals
        bounded = np.clip(x, 0.0, edges[..., -1:])
        piece = np.sum(bounded[..., None, :] > edges[..., 1:-1, None], axis=-2)
        step = np.take_along_axis(self.pieces.steps, piece, axis=-1)
        offset = bounded - np.take_along_axis(edges, piece, axis=-1)
        position = np.divide(offset, step, out=np.zeros_like(offset), where=step > 0.0)
        index = np.clip(position.astype(np.intp), 0, n - 1)  # of NaN too
        t = (position - index)[..., None, None, :]
        left = (piece * (n + 1) + index)[..., None, None, :]
        (m0, m1), (s0, s1) = (_neighbours(table, left) for table in (self.values, self.slopes))
        rise = m1 - m0
        return np.asarray(m0 + t * (s0 + t * ((3.0 * rise - 2.0 * s0 - s1) + t * (s0 + s1 - 2.0 * rise))))

    def daughters(
        self, r: FloatArray, gamma: FloatArray, low: FloatArray, high: FloatArray, spectrum: FloatArray
    ) -> FloatArray:
        """Daughters made between two redshifts over the unabsorbed flux, of all mass states together.

        Parameters
        ----------
        r : ndarray, shape (*batch, energy)
            Energy at Earth over E_R.
        gamma : ndarray, shape (*batch,)
            Spectral index.
        low, high : ndarray, shape (*batch, energy)
            Ends in ln(1+z); nothing is made at negative ones.
        spectrum : ndarray, shape (2, 3)
            Coefficients of the daughters' spectrum by channel.

        Returns
        -------
        ndarray, shape (*batch, channel, energy)
        """
        made = self.at(high) - self.at(low)
        powers = np.exp((gamma[..., None] + np.arange(3.0))[..., None] * np.log(r)[..., None, :])
        coefficients = spectrum[: made.shape[-3], :, None]
        return np.asarray(np.sum(made * coefficients * powers[..., None, :, :], axis=-2))


def _neighbours(table: FloatArray, left: IntArray) -> tuple[FloatArray, FloatArray]:
    index = np.broadcast_to(left, (*table.shape[:-1], left.shape[-1]))
    return np.take_along_axis(table, index, axis=-1), np.take_along_axis(table, index + 1, axis=-1)


@cache
def cumulative_rule(intervals: int) -> tuple[FloatArray, IntArray]:
    """Integral over each interval between equidistant nodes, of sixth order.

    Parameters
    ----------
    intervals : int
        Number of intervals, at least 5.

    Returns
    -------
    weights : ndarray, shape (intervals, 6)
        Weights of six neighbouring values, for intervals of length one.
    first : ndarray, shape (intervals,)
        Node that the first of them applies to.
    """
    first = np.clip(np.arange(intervals) - 2, 0, intervals - 5)
    ends = (np.arange(intervals) - first)[:, None] + np.arange(2.0)
    power = np.arange(1, 7)
    integrals = np.diff(ends[:, None, :] ** power[:, None] / power[:, None])[..., 0]
    return np.linalg.solve(np.vander(np.arange(6.0), increasing=True).T, integrals.T).T.copy(), first
