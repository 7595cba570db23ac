"""Distributed propagation against adaptive quadrature over redshift, its limits and its own loop."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from beams import columns, emitted_beyond
from scipy.integrate import quad

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics import cosmology, masses, mixing
from nuinfer.physics.absorption import degenerate_transition, optical_depth, resonance_redshift, split_transition
from nuinfer.physics.evolution import LAWS
from nuinfer.physics.mediator import LMU_LTAU
from nuinfer.physics.propagation import flavour_at_earth, species_at_earth
from nuinfer.physics.shells import make_shells
from nuinfer.physics.sources import source_fractions

NORMAL = masses.neutrino_masses_ev(0.01, "normal", 7.49e-5, 2.513e-3)
SETTING = (mixing.NUFIT60_NORMAL, LMU_LTAU, cosmology.PLANCK18)


def _emitted(low, high, gamma, evolution):
    """Unabsorbed flux emitted between two redshifts, by adaptive quadrature."""

    def shell(z):
        return (
            float(LAWS.shipped[evolution].density(z))
            * (1 + z) ** -gamma
            * 1e-33
            / float(cosmology.PLANCK18.hubble_ev(z))
        )

    inner = [z for z in (1.0, 4.0) if low < z < high]
    return sum(quad(shell, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in pairwise([low, *inner, high]))


@pytest.mark.parametrize("coherence", ["coherent", "decoherent"])
@pytest.mark.parametrize("evolution", ["sfr", "flat"])
def test_split_masses_equal_the_integral_over_shells(coherence, evolution):
    """Between two crossings the transition does not depend on the shell: integrate each piece, both sides of edges."""
    gamma, fractions = 2.2, np.array([1, 2, 0]) / 3
    for energy in (3.1e5, 7e5, 3e6, 2.9e7):
        z = resonance_redshift(energy, 8.0, NORMAL)
        pieces = [0.0, *sorted(z[(z > 0) & (z < 5)]), 5.0]
        total, flux = 0.0, np.zeros(3)
        for low, high in pairwise(pieces):
            weight = _emitted(low, high, gamma, evolution)
            total += weight
            flux += (
                weight * split_transition(energy, (low + high) / 2, 8.0, 3e-4, NORMAL, *SETTING, coherence) @ fractions
            )
        got = flavour_at_earth([energy], 8.0, 3e-4, NORMAL, [1, 2, 0], gamma, evolution, *SETTING, coherence)
        np.testing.assert_allclose(got[0], flux / total, rtol=1e-9)


def test_degenerate_masses_equal_the_two_pieces():
    energy, z = 3.1e5, float(resonance_redshift(3.1e5, 8.0, 0.06))
    near, far = (_emitted(*ends, 2.5, "sfr") for ends in ((0, z), (z, 5)))
    tau = optical_depth(z, 8.0, 3e-4, cosmology.PLANCK18)
    p = [degenerate_transition(t, mixing.NUFIT60_NORMAL, LMU_LTAU, "coherent") for t in (0.0, tau)]
    expected = (near * p[0] + far * p[1]) @ [0, 1, 0] / (near + far)
    got = flavour_at_earth([energy], 8.0, 3e-4, [0.06], [0, 1, 0], 2.5, "sfr", *SETTING, "coherent")
    np.testing.assert_allclose(got[0], expected, rtol=1e-9)


def test_single_redshift_is_one_transition():
    energy = np.array([2e5, 5e5, 1e6])
    got = flavour_at_earth(energy, 8.0, 3e-4, NORMAL, [1, 0, 0], 2.5, "single", *SETTING, "decoherent", z_max=0.7)
    expected = split_transition(energy, 0.7, 8.0, 3e-4, NORMAL, *SETTING, "decoherent")[..., 0]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_without_coupling_only_oscillations_remain():
    got = species_at_earth([1e5, 1e6], 8.0, 0.0, NORMAL, source_fractions("pgamma"), 2.5, "sfr", *SETTING, "coherent")
    p = mixing.NUFIT60_NORMAL.probabilities @ mixing.NUFIT60_NORMAL.probabilities.T
    expected = np.concatenate([p @ [1 / 3, 1 / 3, 0], p @ [0, 1 / 3, 0]])
    np.testing.assert_allclose(got, [expected, expected], rtol=1e-12)


def test_species_add_up_to_flavours_where_nu_and_nubar_are_alike():
    arguments = (2.2, "sfr", *SETTING, "coherent")
    energy = [2e5, 4e5, 9e5]
    species = species_at_earth(energy, 8.0, 3e-4, NORMAL, source_fractions("pp"), *arguments)
    flavours = flavour_at_earth(energy, 8.0, 3e-4, NORMAL, [1, 2, 0], *arguments)
    np.testing.assert_allclose(species[:, :3] + species[:, 3:], flavours, rtol=1e-12)
    np.testing.assert_allclose(species[:, :3], species[:, 3:], rtol=1e-12)


def test_the_redshift_table_converges_with_the_fourth_power():
    z = np.linspace(0.01, 4.99, 400)[None]
    tables = [
        emitted_beyond(columns(2.3), make_shells("sfr", cosmology.PLANCK18, 5.0, n), z, 1e5) for n in (64, 128, 4096)
    ]
    errors = [np.abs(t - tables[-1]).max() for t in tables[:-1]]
    assert errors[0] / errors[1] > 10  # 16 asymptotically
    assert errors[1] < 3e-6


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3)])
@pytest.mark.parametrize("n_mass", [1, 3])
def test_propagation_equals_its_loop(shape, n_mass):
    rng = np.random.default_rng(11)
    energy = 10 ** rng.uniform(4, 7, (*shape, 4))
    m, g, gamma = 10 ** rng.uniform(0, 1.7, shape), 10 ** rng.uniform(-5, -2.5, shape), rng.uniform(1.5, 4, shape)
    targets, fractions = rng.uniform(0.003, 0.1, (*shape, n_mass)), rng.dirichlet(np.ones(6), shape)
    batch = species_at_earth(energy, m, g, targets, fractions, gamma, "sfr", *SETTING, "coherent")
    assert batch.shape == (*shape, 4, 6)
    for i in np.ndindex(shape):
        one = species_at_earth(energy[i], m[i], g[i], targets[i], fractions[i], gamma[i], "sfr", *SETTING, "coherent")
        np.testing.assert_allclose(batch[i], one, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"evolution": "steady"}, "evolution"),
        ({"masses_ev": [0.05, 0.06]}, "masses_ev"),
        ({"masses_ev": [-0.05]}, "masses_ev"),
        ({"source_fractions": [-1, 2, 0]}, "source_fractions"),
        ({"z_max": 0.0}, "z_max"),
    ],
)
def test_nonsense_is_named(change, name):
    arguments = {"masses_ev": [0.05], "source_fractions": [1, 2, 0], "evolution": "sfr", **change}
    with pytest.raises(PhysicsDomainError, match=name):
        flavour_at_earth([1e5], 8.0, 3e-4, gamma=2.5, mixing=mixing.PAPER, mediator=LMU_LTAU, cosmology=cosmology.PAPER,
                         coherence="coherent", **arguments)  # fmt: skip


@pytest.mark.parametrize(("targets", "regeneration"), [("at_rest", False), ("at_rest", True), ("thermal", False)])
def test_one_list_of_energies_serves_a_batch_of_points(regeneration, targets):
    """Energies (3,) with points (2,), (4, 1) or masses and fractions of a batch: equal to point by point."""
    energy, rng = np.array([3e5, 6e5, 1e6]), np.random.default_rng(5)
    how = {"regeneration": regeneration, "targets": targets}

    def flux(mass, coupling, target_masses, fractions, gamma):
        return flavour_at_earth(
            energy, mass, coupling, target_masses, fractions, gamma, "sfr", *SETTING, "decoherent", **how
        )

    heavy, coupling = np.array([8.0, 9.0]), np.array([[3e-4], [2e-4]])
    together = flux(heavy, coupling, NORMAL, [1, 2, 0], 2.5)
    assert together.shape == (2, 2, 3, 3)
    for i, j in np.ndindex(2, 2):
        np.testing.assert_allclose(together[i, j], flux(heavy[j], coupling[i, 0], NORMAL, [1, 2, 0], 2.5), rtol=1e-12)
    several = rng.dirichlet([1, 1, 1], 2)
    together = flux(8.0, 3e-4, np.stack([NORMAL, 1.1 * NORMAL]), several, 2.5)
    for k in range(2):
        alone = flux(8.0, 3e-4, [1.0, 1.1][k] * NORMAL, several[k], 2.5)
        np.testing.assert_allclose(together[k], alone, rtol=1e-12)
