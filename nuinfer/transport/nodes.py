"""Nodes of the integrals over energy bins, exact through the jumps of the flux.

Gauss-Legendre nodes in ln E fill every bin, and each piece of a bin between two energies at which the flux is not
smooth, so that counts move continuously with the energy of a jump.
"""

from typing import Any, NamedTuple

import numpy as np

from nuinfer.compiled import compiled, each, inner
from nuinfer.physics.exponential import exponential
from nuinfer.transport.points import LN_PIVOT, Bins
from nuinfer.typing import FloatArray, IntArray


class Nodes(NamedTuple):
    """Nodes of a point, in increasing order.

    Parameters
    ----------
    ln_e, energy, power : ndarray, shape (node,)
        ln E, E in GeV, (E/pivot)^gamma.
    weight : ndarray, shape (node,)
        Of the integral over dln E, later over (E/pivot)^-gamma dE.
    bins : ndarray, shape (node,)
        Bin of each node.
    """

    ln_e: FloatArray
    energy: FloatArray
    power: FloatArray
    weight: FloatArray
    bins: IntArray


@inner
def sort(values: FloatArray, n: int) -> None:
    """Sort the first `n` of a few values, by insertion."""
    for k in range(1, n):
        value, m = values[k], k
        while m > 0 and values[m - 1] > value:
            values[m] = values[m - 1]
            m -= 1
        values[m] = value


@inner
def place(bins: Bins, breaks: FloatArray, nodes: Nodes) -> int:
    """Place nodes in the bins and their pieces; returns how many.

    Parameters
    ----------
    bins : Bins
        The bins.
    breaks : ndarray, shape (n_break,)
        Logarithms of the energies at which the flux is not smooth; sorted in place.
    nodes : Nodes
        `ln_e`, `weight` and `bins` are written.
    """
    sort(breaks, breaks.size)
    k = node = 0
    for n in range(bins.ln_edges.size - 1):
        low = bins.ln_edges[n]
        while k < breaks.size and breaks[k] <= low:
            k += 1
        while low < bins.ln_edges[n + 1]:
            high = bins.ln_edges[n + 1]
            if k < breaks.size and breaks[k] < high:
                high = breaks[k]
                k += 1
            for q in range(bins.rule.shape[1]):
                nodes.ln_e[node] = low + bins.rule[0, q] * (high - low)
                nodes.weight[node] = bins.rule[1, q] * (high - low)
                if bins.power != 0.0:
                    nodes.weight[node] *= exponential(bins.power * nodes.ln_e[node])
                nodes.bins[node] = n
                node += 1
            low = high
    return node


@inner
def weigh(team: Any, n_node: int, gamma: float, nodes: Nodes) -> None:
    """Energies, powers, and weights of the integral over (E/pivot)^-gamma dE, of nodes that are placed."""
    ln_e, energy, power, weight = nodes.ln_e, nodes.energy, nodes.power, nodes.weight
    for k in each(team, n_node):
        energy[k] = exponential(ln_e[k])
        power[k] = exponential(gamma * (ln_e[k] - LN_PIVOT))
        weight[k] *= energy[k] / power[k]


@inner
def collect(team: Any, n_node: int, factor: float, nodes: Nodes, populations: FloatArray, out: FloatArray) -> None:
    """Add up weighted populations (channel, 3, node) per bin, `out` of shape (channel, 3, n_bin)."""
    for c in range(out.shape[0]):
        for i in each(team, 3):
            for n in range(out.shape[2]):
                out[c, i, n] = 0.0
        for k in range(n_node):
            for i in each(team, 3):
                out[c, i, nodes.bins[k]] += factor * nodes.weight[k] * populations[c, i, k]


@compiled
def make_nodes(n_node: int) -> Nodes:
    """Room for nodes."""
    return Nodes(np.empty(n_node), np.empty(n_node), np.empty(n_node), np.empty(n_node), np.empty(n_node, np.intp))
