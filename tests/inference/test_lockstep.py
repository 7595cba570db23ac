"""Searches of many problems in lockstep: against scipy's, and each against itself alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from nuinfer.inference.profile.climb import _lowest
from nuinfer.inference.profile.lockstep import evolve, simplex

CENTRES = np.array([[0.3, 0.7, 0.5], [0.9, 0.2, 0.4], [0.0, 0.55, 1.2]])  # the last one outside of the cube
STARTS = np.array([[0.5, 0.5, 0.5], [0.2, 0.9, 0.1], [0.6, 0.0, 0.4]])


def kinked(unit, of):
    """Absolute values and squares around the centre of each problem."""
    apart = unit - CENTRES[of]
    return np.sum(np.abs(apart), axis=1) + np.sum(apart**2 * [3.0, 1.0, 2.0], axis=1)


def test_a_simplex_ends_where_that_of_scipy_ends():
    """The same start and the same rules: to the accuracy of both, also at the walls of the cube."""
    found, costs = simplex(kinked, STARTS, 1e-7, 5000)
    for k, start in enumerate(STARTS):
        settings = {"adaptive": True, "fatol": 1e-7, "xatol": 1e-7, "maxfev": 5000}
        walls = optimize.Bounds(np.zeros(3), np.ones(3))
        alone = optimize.minimize(
            lambda x, k=k: kinked(x[None], np.array([k])).item(),
            start,
            method="Nelder-Mead",
            bounds=walls,
            options=settings,
        )
        assert costs[k] == pytest.approx(alone.fun, abs=1e-5)
        np.testing.assert_allclose(found[k], alone.x, atol=1e-6)


def test_an_evolution_finds_the_lowest_of_many_wells():
    """Rastrigin's function, a hundred wells in the square: a simplex from the same start ends in another one."""

    def wells(unit, of):
        x = 10.24 * (unit - [[0.5, 0.5], [0.3, 0.8]][0]) - of[:, None]
        return np.sum(x**2 - 10.0 * np.cos(2.0 * np.pi * x) + 10.0, axis=1)

    start = np.random.default_rng(1).random((2, 40, 2))
    best = evolve(wells, start, 150, np.random.default_rng(2))
    assert wells(best, np.arange(2)) == pytest.approx([0.0, 0.0], abs=1e-3)
    assert np.all(simplex(wells, start[:, 0], 1e-6, 3000)[1] > 0.5)


def test_what_becomes_of_a_problem_does_not_depend_on_the_others():
    """To the bit: three together, and each alone."""

    def alone(k):
        return lambda unit, of: kinked(unit, of + k)

    population = np.random.default_rng(3).random((3, 12, 3))
    together = evolve(kinked, population, 20, np.random.default_rng(4))
    polished, _ = simplex(kinked, together, 1e-6, 200)
    for k in range(3):
        one = evolve(alone(k), population[k : k + 1], 20, np.random.default_rng(4))
        np.testing.assert_array_equal(one[0], together[k])
        np.testing.assert_array_equal(simplex(alone(k), one, 1e-6, 200)[0][0], polished[k])


def test_the_lowest_share_of_each_problem_goes_on():
    cost, of = np.array([3.0, 1.0, 2.0, 9.0, 8.0]), np.array([0, 0, 0, 1, 1])
    assert _lowest(cost, of, np.arange(5), 0.5).tolist() == [1, 2, 4]
