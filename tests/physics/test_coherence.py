"""A resonance of finite width: eq. (10) integrated, against both limits, perturbation theory and an ODE solver."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.crossings import cross, degenerate_crossings, split_crossings
from nuinfer.physics.mediator import LMU_LTAU, Mediator
from nuinfer.physics.mixing import NUFIT60_INVERTED, PAPER
from nuinfer.physics.quoted.coherence import crossing_transfer, interaction
from nuinfer.physics.quoted.lengths import surviving_interference

SPLITTINGS = np.array([0.0, 1.0, 32.0])
"""(m_i^2 - m_1^2)/dm^2_21 of the paper's splittings."""

MODELS = [
    (PAPER, LMU_LTAU),
    (NUFIT60_INVERTED, Mediator((1.0, -2.0, 0.5))),
    (NUFIT60_INVERTED, Mediator((0, 1, -1), 0)),
]


def _limit(mixing, mediator, coherence, target, tau):
    """M[k, i] of `nuinfer.physics.crossings`."""
    make = degenerate_crossings if target is None else split_crossings
    populations = np.eye(3)[..., None].copy()  # [initial state, state, one node]
    cross(target or 0, 0, 1, make(mixing, mediator, coherence), np.array([tau]), populations)
    return populations[..., 0].T


@pytest.mark.parametrize("tau", [0.3, 3.0])
@pytest.mark.parametrize("target", [None, 0, 1, 2])
@pytest.mark.parametrize(("mixing", "mediator"), MODELS)
def test_both_limits(mixing, mediator, target, tau):
    """Far below the oscillation lengths `coherent`, far above `decoherent`, every element to 1e-3 (a few 1e-5)."""
    matrix = interaction(mixing, mediator, target)
    narrow = crossing_transfer(tau, 1e-5 * SPLITTINGS, matrix)
    wide = crossing_transfer(tau, 3.0 * SPLITTINGS, matrix)
    coherent, decoherent = (_limit(mixing, mediator, c, target, tau) for c in ("coherent", "decoherent"))
    np.testing.assert_allclose(narrow, coherent, atol=1e-3)
    np.testing.assert_allclose(wide, decoherent, atol=1e-3)
    if tau == 3.0 and target is None:
        assert np.abs(coherent - decoherent).max() > 0.05, "so that the test could fail"


@pytest.mark.parametrize("target", [None, 2])
def test_the_transition_is_monotone(target):
    """Total survival of a pion source falls from the coherent to the decoherent limit, never outside of them."""
    source = np.array([1, 2, 0]) / 3 @ PAPER.probabilities
    widths = np.geomspace(1e-5, 2.0, 14)
    survival = (
        crossing_transfer(3.0, widths[:, None] * SPLITTINGS, interaction(PAPER, LMU_LTAU, target)) @ source
    ).sum(-1)
    high, low = ((_limit(PAPER, LMU_LTAU, c, target, 3.0) @ source).sum() for c in ("coherent", "decoherent"))
    assert np.all(np.diff(survival) < 0.0)
    assert high + 1e-5 > survival[0] > high - 1e-3
    assert low - 1e-5 < survival[-1] < low + 1e-3
    assert high > 1.4 * low


@pytest.mark.parametrize("width", [0.01, 0.1, 0.4])
def test_second_order_in_the_depth(width):
    """|T_ki|^2 = tau^2 |R_ki|^2/4 exp(-2 pi w/L_ki): the Fourier transform of the line, for every width."""
    tau, matrix, ratios = 1e-3, interaction(PAPER, LMU_LTAU), width * np.array([0.0, 1.0, -0.7])
    got = crossing_transfer(tau, ratios, matrix)
    left = surviving_interference(np.abs(ratios[:, None] - ratios), 1.0)
    expected = tau**2 / 4 * np.abs(matrix) ** 2 * left
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(got[off], expected[off], rtol=5e-3)


def test_against_an_ode_solver():
    """Eq. (10) for the density matrix itself, by an adaptive Runge-Kutta method; tails absorb without interference."""
    tau, ratios, reach = 2.0, np.array([0.0, 0.05, 0.3]), 200.0
    matrix = interaction(NUFIT60_INVERTED, Mediator((1.0, -2.0, 0.5)))
    hamiltonian = np.diag(2 * math.pi * ratios)
    outside = np.exp(-tau * matrix.diagonal().real * (0.5 - math.atan(2 * reach) / math.pi))

    def slope(u, flat):
        f = flat.reshape(3, 3)
        rate = 0.5 * tau / (2 * math.pi * (u * u + 0.25))
        return (-1j * (hamiltonian @ f - f @ hamiltonian) - rate * (f @ matrix + matrix @ f)).ravel()

    columns = []
    for i in range(3):
        start = np.zeros((3, 3), complex)
        start[i, i] = outside[i]
        end = solve_ivp(slope, (-reach, reach), start.ravel(), method="DOP853", rtol=1e-7, atol=1e-9).y[:, -1]
        columns.append(end.reshape(3, 3).diagonal().real * outside)
    np.testing.assert_allclose(crossing_transfer(tau, ratios, matrix), np.array(columns).T, atol=1e-4)


def test_step_size_and_equal_masses():
    """Second-order convergence; with equal phases nothing is decoherent, whatever the width."""
    matrix = interaction(PAPER, LMU_LTAU)
    fine, middle, coarse = (crossing_transfer(3.0, 0.02 * SPLITTINGS, matrix, n) for n in (80, 40, 20))
    assert np.abs(coarse - middle).max() / np.abs(middle - fine).max() == pytest.approx(4.0, abs=0.5)
    np.testing.assert_allclose(
        crossing_transfer(3.0, [7.0, 7.0, 7.0], matrix), _limit(PAPER, LMU_LTAU, "coherent", None, 3.0), atol=1e-12
    )


def test_batches_equal_their_loop_and_refusals():
    tau, ratios, matrix = (
        np.array([[0.5], [2.0]]),
        0.01 * SPLITTINGS * np.array([1.0, 3.0])[:, None],
        interaction(PAPER, LMU_LTAU),
    )
    batch = crossing_transfer(tau, ratios, matrix)
    loop = [[crossing_transfer(t, r, matrix) for r in ratios] for t in tau[:, 0]]
    np.testing.assert_allclose(batch, loop, rtol=1e-12)
    with pytest.raises(PhysicsDomainError, match=r"depth: -1"):
        crossing_transfer(-1.0, SPLITTINGS, matrix)
    with pytest.raises(PhysicsDomainError, match=r"inverse_lengths"):
        crossing_transfer(1.0, [0.0, 1.0], matrix)
