"""Regeneration: published survival rates, conservation of energy, and a Monte Carlo of single neutrinos."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from beams import finer, one_point, populations

import nuinfer
from nuinfer.physics import cosmology, masses, mixing
from nuinfer.physics.mediator import LMU_LTAU, Mediator
from nuinfer.physics.propagation import flavour_at_earth, source_populations
from nuinfer.physics.regeneration import cumulative_rule
from nuinfer.physics.shells import make_shells
from nuinfer.transport.points import Propagation
from nuinfer.transport.resonant import Resonant

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "regeneration.json").read_text())
LIGHT = masses.neutrino_masses_ev(0.01, "normal", 7.5e-5, 2.4e-3)


def _transport(intervals, coherence="decoherent", evolution="sfr", split=True, charges=(0, 1, -1), spin=1):
    shells = make_shells(evolution, cosmology.PLANCK18, 5.0 if evolution != "single" else 1.7)
    mediator = Mediator(charges, spin)
    passed = Propagation(mixing.NUFIT60_NORMAL, mediator, cosmology.PLANCK18, coherence, split)
    return Resonant(shells, passed, intervals)


def test_survival_becomes_much_larger():
    """8 MeV, g' = 3e-4, lightest 0.01 eV: 0.56 becomes 0.94 at 380 TeV, 0.51 becomes 0.88 at 420; above 1 at 200."""
    energy = [380e3, 420e3, 200e3, 4e6]
    model = (mixing.PAPER, LMU_LTAU, cosmology.PLANCK18, "decoherent")
    without, with_daughters = (
        flavour_at_earth(energy, 8.0, 3e-4, LIGHT, [1, 2, 0], 2.2, "sfr", *model, regeneration=r).sum(axis=-1)
        for r in (False, True)
    )
    np.testing.assert_allclose(without[:2], [0.56, 0.51], atol=5e-3)
    np.testing.assert_allclose(with_daughters[:2], [0.94, 0.88], atol=5e-3)
    assert with_daughters[2] > 1.0
    assert with_daughters[3] == pytest.approx(1.0, abs=1e-12), "above the highest resonance nothing happens"


@pytest.mark.parametrize("coherence", ["coherent", "decoherent"])
@pytest.mark.parametrize("evolution", ["sfr", "single"])
@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("spin", [1, 0])
def test_energy_is_conserved(coherence, evolution, split, spin):
    """Redshifting aside, the energy absorbed at every crossing comes back in daughters: total energy is unchanged.

    The integral of E N over all energies, by Gauss-Legendre between edges; below the last one N is a polynomial.
    """
    gamma, targets = 1.8, LIGHT if split else np.array([0.05])
    transport = _transport(1024, coherence, evolution, split, spin=spin)
    source = source_populations([1, 2, 0, 1, 2, 0], mixing.NUFIT60_NORMAL)[:1]
    edges = np.sort(transport.edges_gev(one_point(8.0, 4e-4, targets, gamma, source))[0]) / 1e5
    x, w = np.polynomial.legendre.leggauss(40)
    # In ln E between edges, in many panels: daughters of daughters leave weak kinks. Below the edges in E^(1/10), where
    # daughters go like E^2 and the flux like E^(2 - gamma).
    nodes, weights = [], []
    for low, high in zip(np.log(edges[:-1]), np.log(edges[1:]), strict=True):
        half = (high - low) / 40
        inside = (low + half * np.arange(1, 40, 2)[:, None] + half * x).ravel()
        nodes.append(np.exp(inside))
        weights.append(half * np.tile(w, 20) * np.exp(inside * (2 - gamma)))
    root = 0.5 * edges[0] ** 0.1 * (x + 1)
    nodes.append(root**10)
    weights.append(0.5 * edges[0] ** 0.1 * w * 10 * root**9 * nodes[-1] ** (1 - gamma))
    energy, weight = np.concatenate(nodes), np.concatenate(weights)
    arriving = populations(transport, energy * 1e5, 8.0, 4e-4, targets, gamma, source)
    assert np.abs(arriving.sum(axis=(0, 1)) - 1).max() > 0.1
    exact = edges[-1] ** (2 - gamma) / (2 - gamma)
    assert weight @ arriving.sum(axis=(0, 1)) == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda _: "")
def test_agrees_with_a_monte_carlo_of_crossings(case):
    """Bins x states x (nu, nubar) within the Monte-Carlo error, which is below 0.5 % of every bin's total."""
    edges, gamma = np.array(REFERENCE["bins_gev"]), case["gamma"]
    transport = _transport(128, case["coherence"], charges=tuple(case["charges"]), spin=case.get("spin", 1))
    targets = np.array(case["masses_ev"])
    source = source_populations(case["source"], mixing.NUFIT60_NORMAL)
    point = (case["m_zprime_mev"], case["g_prime"], targets, gamma, source)
    ends = np.sort(np.concatenate([edges, transport.edges_gev(one_point(*point))[0]]))
    ends = ends[(ends >= edges[0]) & (ends <= edges[-1])]
    x, w = np.polynomial.legendre.leggauss(20)
    middle, half = 0.5 * np.log(ends[1:] * ends[:-1]), 0.5 * np.log(ends[1:] / ends[:-1])
    energy = np.exp(middle[:, None] + half[:, None] * x)
    weight = half[:, None] * w * (energy / 1e5) ** (1 - gamma)
    arriving = populations(transport, energy.ravel(), *point).reshape(2, 3, *energy.shape)
    bins = np.searchsorted(edges, np.exp(middle)) - 1
    both = np.stack([arriving[0] + arriving[1], arriving[0] - arriving[1]]) / 2
    counts = np.zeros((2, 3, len(edges) - 1))
    for piece, where in enumerate(bins):
        counts[..., where] += (both[:, :, piece] * weight[piece]).sum(axis=-1)
    unabsorbed = np.array([weight[bins == b].sum() for b in range(len(edges) - 1)])
    result, error = np.array(case["result"]), np.array(case["error"])
    assert (np.sqrt((error**2).sum(axis=(0, 1))) / result.sum(axis=(0, 1))).max() < 5e-3
    pulls = (counts / unabsorbed - result) / np.maximum(error, 1e-6)
    assert np.abs(pulls).max() < 5.5, "ten batches per error: Student's t with nine degrees of freedom"
    assert np.abs(pulls).mean() < 1.2


def test_cumulative_rule_is_exact_for_polynomials_of_fifth_degree():
    weights, first = cumulative_rule(9)
    nodes = np.arange(10.0)
    for power in range(6):
        exact = np.diff(nodes ** (power + 1)) / (power + 1)
        np.testing.assert_allclose(
            (nodes[first[:, None] + np.arange(6)] ** power * weights).sum(axis=1), exact, rtol=1e-11
        )


def test_default_accuracy_with_regeneration():
    analysis = nuinfer.load("hese7_icecube")
    fine = finer(analysis, 512, 6, regeneration_intervals=256)
    values = analysis.values(analysis.sample_prior(300, np.random.default_rng(21)))
    counts, exact = (model.expected(values).components.sum(axis=1) for model in (analysis.model, fine))
    assert np.abs(counts / exact - 1).max() < 1e-5
