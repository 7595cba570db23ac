"""Neutrinos from the decay of the mediator.

A neutrino absorbed at redshift z on target j becomes a mediator of energy E_R = m_Z'^2/(2 m_j), whose decay gives a
neutrino and an antineutrino with energies x E_R: dN/dx = 3 x^2 for the one of the incoming helicity, 3 (1 - x)^2 for
the other. The sum nu + nubar therefore feeds itself with f = 3 - 6 x + 6 x^2 and the difference nu - nubar with
f = 6 x - 3. A real scalar decays isotropically, to two neutrinos or two antineutrinos alike: f = 2 and f = 0. If
neutrinos are Dirac particles, half of them are inert, right-handed ones, and f halves.

Let a(z) be the absorbed flux over the unabsorbed one at the energy that crosses at z, r = E/E_R for an energy E at
Earth, and gamma the index of the unabsorbed flux. Daughters made between two redshifts are, over the unabsorbed flux,

    D = r^gamma int a (1+z)^gamma f(r (1+z)) dln(1+z) = r^gamma sum_p f_p r^p dM_p,

with three cumulative moments M_p = int a (1+z)^(gamma+p) dln(1+z), p = 0, 1, 2: exact for every energy, pieces between
two crossings included.
"""

from functools import cache

import numpy as np

from nuinfer.physics.mediator import Mediator
from nuinfer.typing import FloatArray, IntArray

SPECTRUM = np.array([[3.0, -6.0, 6.0], [-3.0, 6.0, 0.0]])
"""Coefficients f_p of the daughters' spectrum of a vector, for nu + nubar and for nu - nubar."""

SCALAR_SPECTRUM = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
"""The same of a real scalar."""


def decay_spectrum(mediator: Mediator) -> FloatArray:
    """Coefficients f_p of the spectrum of a mediator's active daughters, shape (2, 3): nu + nubar, nu - nubar."""
    return mediator.active_fraction * (SPECTRUM if mediator.spin else SCALAR_SPECTRUM)


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
