"""Integration over bins, exact through jumps."""

from __future__ import annotations

import numpy as np
import pytest

from nuinfer.detector.quadrature import BinQuadrature

EDGES = np.geomspace(1e5, 1e6, 21)


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
    heights, gamma = (1.0, 0.2, 0.7, 0.4), 3.0
    nodes = BinQuadrature(EDGES, 4).place(np.array([jumps]))
    step = np.array(heights)[np.searchsorted(np.sort(jumps), nodes.energy_gev[0])]
    got = nodes.integrate(nodes.weight_gev * nodes.energy_gev**-gamma * step)
    np.testing.assert_allclose(got[0], _power_law_counts(jumps, heights, gamma), rtol=1e-10)


def test_no_jumps_and_extra_axes():
    nodes = BinQuadrature(EDGES, 3).place(np.empty((2, 0)))
    values = nodes.weight_gev[:, None, :] * nodes.energy_gev[:, None, :] ** np.array([-2.0, -3.0])[None, :, None]
    got = nodes.integrate(values)
    assert got.shape == (2, 2, 20)
    np.testing.assert_allclose(got[1, 0], 1 / EDGES[:-1] - 1 / EDGES[1:], rtol=1e-9)


def test_error_falls_with_the_order_of_the_rule():
    """Gauss-Legendre with q nodes: error ~ h^(2q), so halving the bins gains 2^(2q)."""
    exact = 0.5 * (1e5**-2.0 - 1e6**-2.0)
    for order in (1, 2, 3):
        errors = []
        for n_bin in (4, 8):
            nodes = BinQuadrature(np.geomspace(1e5, 1e6, n_bin + 1), order).place(np.empty((1, 0)))
            errors.append(abs(nodes.integrate(nodes.weight_gev * nodes.energy_gev**-3.0).sum() - exact))
        assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * order, abs=0.4)
