"""Fluxes at Earth: published matrices, an analytic depth, the counts by another integration, and batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nuinfer
from nuinfer.errors import PhysicsDomainError
from nuinfer.flux import depths_at_earth, flux_at_earth, transition_at_earth, unabsorbed_flux

# PHYSICS: the paper's mixing; survival of flavours in an opaque coherent crossing, arXiv:1504.00711 eqs. (24) and (26)
E_ROW = (0.5477, 0.2412, 0.2111)
OPAQUE_PP = (0.564, 0.248, 0.217)  # of 3


@pytest.fixture(scope="module")
def opaque():
    """The paper's model with every source at one redshift and a coupling that absorbs all that it can."""
    values = {
        "log10_m_zprime_mev": np.log10(8.0),
        "log10_g_prime": -2.5,
        "m_nu_ev": 0.05,
    }
    overrides = [f"parameters.{name}.value={value}" for name, value in values.items()]
    off = [f"constraints.{name}.form=off" for name in ("muon_g2", "borexino", "neff", "sn1987a")]
    return nuinfer.load("paper", [*overrides, *off, "model.evolution=single", "model.source_redshift=1.0"])


@pytest.fixture(scope="module")
def analysis():
    return nuinfer.load("hese7")


@pytest.fixture(scope="module")
def theta(analysis):
    points = analysis.sample_prior(4, np.random.default_rng(2))
    points[:, analysis.parameter_names.index("log10_g_prime")] = -3.3
    return points


def test_standard_mixing_and_an_opaque_crossing_give_the_published_numbers(opaque):
    """m_Z' = 8 MeV and 0.05 eV put the dip at 320-640 TeV for a source at z = 1."""
    at = opaque.prior_transform([0.5] * len(opaque.parameter_names))
    above, inside = transition_at_earth(opaque, at, [2e6, 5e5])
    assert above[0] == pytest.approx(E_ROW, abs=1e-4)
    assert above.sum(axis=0) == pytest.approx(1.0)
    assert inside @ [1.0, 2.0, 0.0] == pytest.approx(OPAQUE_PP, abs=1e-3)
    flux, unabsorbed = flux_at_earth(opaque, at, [5e5]), unabsorbed_flux(opaque, at, [5e5])
    assert float(flux.sum() / unabsorbed.sum()) == pytest.approx(0.343, abs=1e-3)


def test_the_unabsorbed_flux_is_normalised_at_100_tev(analysis, theta):
    """Definition: phi_total is the sum over flavours at 100 TeV in units of 1e-18."""
    phi = theta[:, analysis.parameter_names.index("phi_total")]
    gamma = theta[:, analysis.parameter_names.index("gamma")]
    flux = unabsorbed_flux(analysis, theta, [1e5, 1e6]).sum(axis=-1)
    assert flux[:, 0] == pytest.approx(1e-18 * phi)
    assert flux[:, 1] == pytest.approx(1e-18 * phi * 10.0**-gamma)


def test_the_depth_is_the_papers(opaque):
    """tau = 8.79 for g' = 5e-4, 8 MeV, 0.05 eV at 600 TeV with the paper's cosmology; it goes as g'^2."""
    at = opaque.prior_transform([0.5] * len(opaque.parameter_names))
    depth = depths_at_earth(opaque, at, [3.1e5, 6e5, 6.5e5])
    assert depth[:, 0] == pytest.approx([0.0, 8.79 * (10.0**-2.5 / 5e-4) ** 2, 0.0], rel=1e-3)


def test_the_flux_folded_with_the_response_gives_the_expected_counts(analysis, theta):
    """Independent quadrature: midpoints of a fine grid in every true bin, not the nodes of the model."""
    data = analysis.dataset
    edges, parts = data.true_edges_gev, 400
    fine = np.concatenate([np.geomspace(a, b, parts, endpoint=False) for a, b in itertools.pairwise(edges)])
    fine = np.append(fine, edges[-1])
    middle, width = np.sqrt(fine[1:] * fine[:-1]), np.diff(fine)
    at = theta.copy()
    for name in ("detector_scale", "energy_scale"):
        at[:, analysis.parameter_names.index(name)] = 1.0
    integral = (flux_at_earth(analysis, at, middle) * width[:, None]).reshape(len(at), -1, parts, 3).sum(axis=2)
    area = data.area_m2[:3] + data.area_m2[3:]  # nu and nubar alike
    counts = data.livetime_s * 4.0 * np.pi * 1e4 * np.einsum("nea,aetd->ntd", integral, area) / 2.0
    assert counts == pytest.approx(analysis.components(at)["astro"], rel=2e-3)


@pytest.mark.parametrize("function", [flux_at_earth, unabsorbed_flux, transition_at_earth, depths_at_earth])
def test_a_batch_is_its_own_loop(analysis, theta, function):
    energy = np.geomspace(3e4, 5e6, 7)
    batch = function(analysis, theta.reshape(2, 2, -1), energy)
    loop = np.array([[function(analysis, point, energy) for point in row] for row in theta.reshape(2, 2, -1)])
    assert batch.shape == loop.shape
    assert batch == pytest.approx(loop, rel=1e-12)


def test_flavours_of_a_source_are_its_transition(analysis, theta):
    """Linear: the flux is the transition matrix times (1, 2, 0)/3 of the unabsorbed flux."""
    energy = np.geomspace(3e4, 5e6, 7)
    transition = transition_at_earth(analysis, theta, energy) @ (np.array([1.0, 2.0, 0.0]) / 3.0)
    total = unabsorbed_flux(analysis, theta, energy).sum(axis=-1, keepdims=True)
    assert flux_at_earth(analysis, theta, energy) == pytest.approx(transition * total, rel=1e-12)


def test_other_models(analysis, theta):
    """Without absorption nothing changes on the way; free flavour and a cut-off are followed."""
    standard = analysis.with_overrides(["model.absorption=false"])
    at = standard.prior_transform([0.5] * len(standard.parameter_names))
    assert flux_at_earth(standard, at, [1e5, 1e6]) == pytest.approx(unabsorbed_flux(standard, at, [1e5, 1e6]))
    with pytest.raises(PhysicsDomainError, match="absorption = false"):
        depths_at_earth(standard, at, [1e5])
    with pytest.raises(PhysicsDomainError, match="energy_gev"):
        flux_at_earth(analysis, theta, [[1e5]])
    free = analysis.with_overrides(["model.source=free", "model.spectrum=cutoff"])
    points = free.sample_prior(3, np.random.default_rng(1))
    assert np.all(flux_at_earth(free, points, [1e5, 1e6]) > 0.0)
