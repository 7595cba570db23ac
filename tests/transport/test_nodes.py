"""Integration over bins, exact through jumps."""

from __future__ import annotations

import numpy as np
import pytest

from nuinfer.compiled import ALONE
from nuinfer.transport.nodes import collect, make_nodes, place, weigh
from nuinfer.transport.points import PIVOT_GEV, make_bins

EDGES = np.geomspace(1e5, 1e6, 21)


def placed(edges_gev, order, jumps, gamma):
    """Nodes with the weights of the integral of (E/pivot)^-gamma over energies, and how many there are."""
    bins = make_bins(edges_gev, order)
    nodes = make_nodes(order * (len(edges_gev) - 1 + len(jumps)))
    n_node = place(bins, np.log(np.array(jumps, float)), nodes)
    weigh(ALONE, n_node, gamma, nodes)
    return nodes, n_node


def integrated(nodes, n_node, populations, n_bin, factor=1.0):
    """Integrals of populations (channel, 3, node) per bin."""
    out = np.full((*populations.shape[:2], n_bin), np.nan)
    collect(ALONE, n_node, factor, nodes, populations, out)
    return out


def _power_law_counts(jumps, heights, gamma):
    """Integral of E^-gamma times a step function, exactly: heights[k] between jump k - 1 and jump k."""
    order = np.argsort(jumps)
    points = np.concatenate([[0.0], np.asarray(jumps)[order], [np.inf]])
    total = np.zeros(len(EDGES) - 1)
    for k, height in enumerate(heights):
        low, high = np.clip(EDGES[:-1], points[k], points[k + 1]), np.clip(EDGES[1:], points[k], points[k + 1])
        total += height * (low ** (1 - gamma) - high ** (1 - gamma)) / (gamma - 1)
    return total


@pytest.mark.parametrize(
    "jumps",
    [(2e5, 4e5, 7e5), (2.1e5, 2.11e5, 7e5), (2.1e5, 2.12e5, 2.13e5), (1e3, 5e5, np.inf), (1e5, 1e6, 3e5),
     (EDGES[3], EDGES[4], EDGES[3]), (2e7, 3e7, 4e7)],
)  # fmt: skip
def test_steps_are_integrated_exactly(jumps):
    """No jump, one, two or three in a bin, on an edge, outside: all to the accuracy of the smooth part (gamma 3)."""
    heights, gamma = np.array([1.0, 0.2, 0.7, 0.4]), 3.0
    nodes, n_node = placed(EDGES, 4, jumps, gamma)
    step = heights[np.searchsorted(np.sort(jumps), nodes.energy[:n_node])]
    got = integrated(nodes, n_node, np.broadcast_to(step, (1, 3, n_node)).copy(), len(EDGES) - 1)
    expected = _power_law_counts(jumps, heights, gamma) * PIVOT_GEV**gamma
    np.testing.assert_allclose(got[0], np.broadcast_to(expected, (3, 20)), rtol=1e-10)


def test_every_bin_and_piece_has_its_nodes_in_order():
    """As many as the rule has, in increasing order and inside; without jumps just the rule of each bin."""
    nodes, n_node = placed(EDGES, 3, [], 2.0)
    assert n_node == 60
    jumps = [3.3e5, 1.2e5, 1e3, np.inf, EDGES[5]]
    nodes, n_node = placed(EDGES, 3, jumps, 2.0)
    assert n_node == 60 + 2 * 3, "two jumps lie inside a bin"
    assert np.all(np.diff(nodes.ln_e[:n_node]) > 0.0)
    np.testing.assert_array_equal(np.searchsorted(EDGES, nodes.energy[:n_node]) - 1, nodes.bins[:n_node])


def test_channels_and_states_are_integrated_apart():
    """Populations that are powers of the energy: (E/pivot)^-2 and (E/pivot)^-3 over bins, times a common factor."""
    nodes, n_node = placed(EDGES, 3, [], 2.0)
    x = nodes.energy[:n_node] / PIVOT_GEV
    populations = np.stack([np.stack([np.ones(n_node), 1 / x, x]), np.stack([0 * x, -1 / x, np.ones(n_node)])])
    got = integrated(nodes, n_node, populations, 20, factor=0.5)
    x = EDGES / PIVOT_GEV
    second, third = -np.diff(1 / x), -np.diff(0.5 / x**2)
    first = np.diff(np.log(x))
    exact = 0.5 * PIVOT_GEV * np.array([[second, third, first], [0 * first, -third, second]])
    np.testing.assert_allclose(got, exact, rtol=1e-9)


def test_error_falls_with_the_order_of_the_rule():
    """Gauss-Legendre with q nodes: error ~ h^(2q), so halving the bins gains 2^(2q)."""
    exact = 0.5 * (1.0 - 10.0**-2.0) * PIVOT_GEV
    for order in (1, 2, 3):
        errors = []
        for n_bin in (4, 8):
            nodes, n_node = placed(np.geomspace(1e5, 1e6, n_bin + 1), order, [], 3.0)
            errors.append(abs(nodes.weight[:n_node].sum() - exact))
        assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * order, abs=0.4)
