"""How deep a beam has to go through all channels, or through those that a narrow resonance leaves out."""

import math

import numpy as np

from nuinfer.compiled import compiled
from nuinfer.physics.cross_sections import energy_ratio, propagator_integrals, shape_integrals
from nuinfer.physics.mediator import neutrino_share
from nuinfer.transport.march_step import Medium, density
from nuinfer.transport.points import Points
from nuinfer.typing import FloatArray

STEPS = 128
"""Steps in x = ln(1+z)."""


@compiled
def depths_of_states(
    points: Points, medium: Medium, spin: int, totals: FloatArray, energy_gev: FloatArray
) -> FloatArray:
    """Optical depth of each state at each target from the farthest source to Earth.

    Parameters
    ----------
    points : Points
        A batch.
    medium : Medium
        What lies between source and Earth.
    spin : int
        Of the mediator.
    totals : ndarray, shape (5, 3, target)
        `Channels.totals` of the channels that count.
    energy_gev : ndarray, shape (n, energy)
        Energies at Earth in GeV.

    Returns
    -------
    ndarray, shape (n, energy, 3, target)
    """
    n_target, h = points.masses_ev.shape[1], medium.path.shells.x_max / STEPS
    out, growth = np.zeros((*energy_gev.shape, 3, n_target)), math.exp(h)
    thick = np.empty(STEPS)
    for s in range(STEPS):
        thick[s] = density((s + 0.5) * h, medium)
    for b in range(out.shape[0]):
        mass, coupling = points.m_zprime_mev[b], points.g_prime[b]
        unit = medium.path.strength * (coupling / mass) ** 2 * points.relic_temperature[b] ** 3
        unit *= medium.exchange * coupling * coupling
        into, charged = medium.path.neutrinos, medium.path.charged
        width = medium.width * coupling * coupling / neutrino_share(mass, into, charged)
        for node in range(energy_gev.shape[1]):
            for j in range(n_target):
                low = energy_ratio(energy_gev[b, node], mass, points.masses_ev[b, j])
                for s in range(STEPS):
                    high, middle = low * growth, low * math.sqrt(growth)
                    whole = shape_integrals(spin, middle, 1.0)
                    square, real, _ = propagator_integrals(low, high, width)
                    square /= neutrino_share(mass * math.sqrt(middle), into, charged)  # the rest into charged leptons
                    for i in range(3):
                        found = totals[0, i, j] * whole[0] * square + totals[3, i, j] * whole[6] * real
                        found += (totals[1, i, j] * whole[2] + 2.0 * totals[2, i, j] * whole[4]) * middle * h
                        out[b, node, i, j] += unit * thick[s] * found
                    low = high
    return out
