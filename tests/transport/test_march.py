"""The march of all channels: brute force, limits, conservation, convergence, smoothness, and what it refuses."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from beams import one_point, populations
from nominal import FIXED
from scipy.integrate import quad

import nuinfer
from nuinfer.constants import ZETA3
from nuinfer.errors import ConfigError, PhysicsDomainError
from nuinfer.exchange import depth_left_out
from nuinfer.physics import cosmology, cross_sections, masses, mixing
from nuinfer.physics.mediator import LMU_LTAU, NU_TAU, Mediator
from nuinfer.physics.propagation import flavour_at_earth, source_populations, species_at_earth
from nuinfer.physics.shells import make_shells
from nuinfer.transport.march import FINE_STEPS, FIT_STEPS, March, per_target
from nuinfer.transport.march_grid import make_lattice, make_smooth
from nuinfer.transport.march_step import decay_share
from nuinfer.transport.points import Propagation, make_bins
from nuinfer.transport.resonant import Resonant

REFERENCE, WALKS = (
    json.loads((Path(__file__).parents[1] / "reference" / name).read_text())
    for name in ("march.json", "transport.json")
)
SCALAR = Mediator((0, 0, 1), 0)
GENERAL = Mediator(couplings=[[0.3, 0.2, 0.1j], [0.2, 0.5, 0.4], [0.1j, 0.4, 1.0]], spin=0)
TARGETS = masses.neutrino_masses_ev(0.02, "normal", 7.49e-5, 2.513e-3)
PION = source_populations([1, 2, 0, 1, 2, 0], mixing.NUFIT60_NORMAL)[:1]
BINS = make_bins(np.geomspace(3e4, 1e7, 18), 3)
HBAR_C_EV_CM = 1.973269804e-5


def path(mediator=SCALAR, evolution="sfr", z_max=5.0, universe=cosmology.PLANCK18, basis=mixing.NUFIT60_NORMAL):
    """Shells and what is passed."""
    return make_shells(evolution, universe, z_max), Propagation(basis, mediator, universe, "decoherent", True)


@pytest.mark.parametrize(("steps", "tolerance"), [(FIT_STEPS, 3e-3), (FINE_STEPS, 5e-4)])
@pytest.mark.parametrize("case", range(3))
def test_brute_force(case, steps, tolerance):
    """A matrix equation on a fine grid, for one state that meets its own kind; relative to the unabsorbed flux."""
    given = REFERENCE["cases"][case]
    universe = cosmology.Cosmology(0.6766, 0.3111, 0.6889, given["t_nu0_ev"])
    way = path(SCALAR, "flat", given["z_max"], universe, mixing.Mixing(0.0, 0.0, 0.0, 0.0))
    point = given["m_mev"], given["g"], 3 * [given["m_nu_ev"]], given["gamma"], [[0.0, 0.0, 1.0]]
    found = populations(March(*way, True, steps=steps), REFERENCE["energy_gev"], *point)[0, 2]
    assert np.min(given["flux"]) < 0.8
    assert np.max(given["flux"]) > 1.02
    np.testing.assert_allclose(found, given["flux"], atol=tolerance)


@pytest.mark.parametrize("given", WALKS["cases"], ids=lambda one: f"{one['g']}-{one['m_mev']}-{one['gamma']}")
def test_neutrino_by_neutrino(given):
    """Random walks without a lattice, whose errors are up to 6e-4 of the unabsorbed flux; each flavour in each bin.

    The implicit discretisation of arXiv:2107.13568, of which nothing is random, comes nearer with more cells.
    """
    edges = np.log(given["edges_gev"])
    nodes, weights = np.polynomial.legendre.leggauss(24)
    ln_e = 0.5 * (edges[1:] + edges[:-1])[:, None] + 0.5 * np.diff(edges)[:, None] * nodes
    weights = weights * np.exp((1.0 - given["gamma"]) * (ln_e - ln_e[:, :1]))
    basis = mixing.NUFIT60_NORMAL if given["ordering"] == "normal" else mixing.NUFIT60_INVERTED
    point = np.exp(ln_e.ravel()), given["m_mev"], given["g"], given["masses_ev"], [1, 2, 0, 1, 2, 0], given["gamma"]
    rest = "sfr", basis, SCALAR, cosmology.PLANCK18, "decoherent", 5.0, True, "at_rest", "all"
    species = species_at_earth(*point, *rest).reshape(*ln_e.shape, 2, 3).sum(axis=2)
    found = np.einsum("bef,be->bf", species, weights / weights.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, given["flavours"], rtol=0.0, atol=1e-3)
    total = found.sum(axis=1)
    coarse, fine = (np.abs(np.sum(one, axis=1) / total - 1.0) for one in given["implicit"].values())
    assert np.median(fine) < 0.35 * np.median(coarse)
    assert np.median(coarse) < 0.05


@pytest.mark.parametrize("regeneration", [False, True])
@pytest.mark.parametrize("mediator", [SCALAR, LMU_LTAU, Mediator((0, 1, -1), 0, neutrino="dirac")])
@pytest.mark.parametrize("coupling", [3e-4, 1e-2])
def test_narrow_resonances_are_crossed_as_analytically(mediator, coupling, regeneration):
    """Alone and infinitely narrow, at the depth of the coupling; every bin of half the width of one of the data."""
    way = path(mediator)
    march = March(*way, regeneration, "s")
    vars(march)["_medium"] = march._medium._replace(width=1e-20)
    source = source_populations([1, 1, 0, 0, 1, 0], mixing.NUFIT60_NORMAL)
    point = one_point(8.0, coupling, TARGETS, 2.4, source)
    found, expected = (each.integrals(point, BINS)[0] for each in (march, Resonant(*way, 512 * regeneration)))
    total = expected[0].sum(axis=0)
    np.testing.assert_allclose(found[0].sum(axis=0), total, rtol=2e-3)
    np.testing.assert_allclose(found / total, expected / total, atol=2e-3)


def test_what_a_coupling_of_one_percent_adds_is_the_width_and_exchange():
    """Where the resonance is not crossed at all, the flux falls by the depth of what is left out and of the wings."""
    way = path()
    point = one_point(8.0, 1e-2, TARGETS, 2.4, PION)
    energy = np.array([[3e6, 6e6]])
    march = March(*way, False)
    survival = march.populations(point, energy)[0, 0].sum(axis=0)
    assert np.all(Resonant(*way).populations(point, energy)[0, 0].sum(axis=0) > 1.0 - 1e-9)
    assert np.all((survival < 1.0 - 1e-4) & (survival > 0.98))


LOW_AND_HIGH = (2e3, 3e5, 3e8)  # with a mass of 30 MeV: below 2 m_e, above it, and above the resonance


@pytest.mark.parametrize(
    ("mediator", "mass", "coupling", "energies"),
    [
        (NU_TAU, 2.0, 0.1, (3e6, 2e7, 3e8)),
        (Mediator((0, 0, 1), 0), 2.0, 0.1, (3e6, 2e7, 3e8)),
        (GENERAL, 2.0, 0.1, (3e6, 2e7, 3e8)),
        (Mediator((1, 1, 1)), 30.0, 0.3, LOW_AND_HIGH),
        (Mediator(couplings=[[1, 0.5, 0], [0.5, 0, 1j], [0, -1j, -1]]), 30.0, 0.2, LOW_AND_HIGH),
        (LMU_LTAU, 300.0, 0.9, (1e6,)),  # muons are closed here, though not for the mediator
    ],
)
def test_absorption_is_that_of_the_cross_section(mediator, mass, coupling, energies):
    """One source at z = 1, no daughters: exp(-int c n sigma dt), by quadrature; that of nubar differs by less.

    A pair that meets through s has the branching into charged leptons of a mediator of mass sqrt(s).
    """
    universe = cosmology.PLANCK18
    march = March(*path(mediator, "single", 1.0), False, steps=FINE_STEPS)
    energy = np.array(energies)
    origin = np.full((1, 3), 1.0 / 3.0)
    found = populations(march, energy, mass, coupling, TARGETS, 2.0, origin)[0] * 3.0
    n_1 = 3.0 * ZETA3 * universe.t_nu0_ev**3 / (4.0 * np.pi**2)
    depths = march.depths(one_point(mass, coupling, TARGETS, 2.0, origin), energy[None])[0]

    def rate(z, e, i):
        given = e * (1.0 + z), mass, coupling, TARGETS, mixing.NUFIT60_NORMAL, mediator
        total, resonant = (cross_sections.total_cm2(*given, channels)[i] for channels in ("all", "s"))
        share = mediator.neutrino_branching(np.sqrt(2.0 * np.array(TARGETS) * e * (1.0 + z) * 1e9) / 1e6)
        total += resonant * (1.0 / share - 1.0)
        return total.sum() / HBAR_C_EV_CM**2 * n_1 * (1.0 + z) ** 2 / universe.hubble_ev(z)

    states = range(3)
    exact = np.array([[quad(rate, 0.0, 1.0, args=(e, i), epsabs=0.0, epsrel=1e-7)[0] for e in energy] for i in states])
    np.testing.assert_allclose(found, np.exp(-exact), rtol=3e-3)
    weights = march.propagation.crossings.rates.sum(axis=-1)  # by which depths are averaged over the states of the beam
    np.testing.assert_allclose(depths @ weights, exact.sum(axis=0), rtol=1e-3)


@pytest.mark.parametrize(("coupling", "mass"), [(0.35, 24.0), (0.24, 7.5)])
def test_next_to_a_deep_and_wide_resonance(coupling, mass):
    """Sources at all redshifts, no daughters, at and around the core of a resonance: the same with any steps."""
    way, point = path(Mediator((1, 1, 1), 0)), one_point(mass, coupling, TARGETS, 2.0, PION)
    bins = make_bins(np.geomspace(6e4, 1e7, 13), 3)
    marches = (March(*way, False, steps=(step,)) for step in (0.032, 0.008))
    coarse, fine = (march.integrals(point, bins)[0, 0].sum(axis=0) for march in marches)
    np.testing.assert_allclose(coarse, fine, rtol=1e-2)


@pytest.mark.parametrize("mediator", [SCALAR, LMU_LTAU, GENERAL])
def test_daughters_of_exchange_keep_number_and_energy(mediator):
    """On the lattice: two neutrinos per collision, and all its energy."""
    lattice = make_lattice(1.8, np.log(1e1), np.log(1e9), 0.05)
    lattice = lattice._replace(n_line=800)
    tensors = per_target(cross_sections.channels_of(mixing.NUFIT60_NORMAL, mediator), True)
    smooth = make_smooth(tensors, mediator.spin, lattice, (-100, 250))
    number, carried = smooth.tables.sum(axis=-1), smooth.tables @ np.exp(-lattice.step * np.arange(800))
    for kind in (False, True):
        some = smooth.resonant == kind
        made = np.einsum("pi,qk,pqjf->ijkf", smooth.parents, smooth.daughters, smooth.weights)[..., some].sum(axis=2)
        lost = smooth.depth.transpose(0, 1, 2)[..., some] @ smooth.totals[some]
        scale = np.abs(lost).max(axis=(0, 1))
        np.testing.assert_allclose(made @ number[some] / scale, 2.0 * lost / scale, atol=1e-6)
        np.testing.assert_allclose(made @ carried[some] / scale, lost / scale, atol=1e-6)


@pytest.mark.parametrize("place", [0.0, 0.3, 0.5, 0.99])
def test_daughters_of_a_resonance_keep_number_and_energy(place):
    """Wherever it lies between two lines."""
    h, lines = 0.06, np.arange(400)
    middles = np.exp(-(lines + 0.5 - place) * h)
    for p in range(3):
        share = np.array([decay_share(p, d, middles[0], np.exp(-h), np.exp((place - 1.0) * h)) for d in lines])
        assert share.sum() == pytest.approx(1.0 / (p + 1), rel=1e-6)
        assert share @ middles == pytest.approx(1.0 / (p + 2), rel=1e-6)


@pytest.mark.parametrize(
    ("mediator", "coupling"), [(SCALAR, 0.1), pytest.param(LMU_LTAU, 0.03, marks=pytest.mark.slow)]
)
def test_energy_is_conserved(mediator, coupling):
    """From one redshift to Earth, as a share of the absorbed energy; by Gauss-Legendre in ln E.

    The spectrum is hard, with a cut-off: hardly anything is below the lowest energy.
    """
    way = path(mediator, "single", 1.0)
    point = one_point(20.0, coupling, TARGETS, 1.2, PION, "cutoff", cutoff_gev=1e7)
    bins = make_bins(np.geomspace(1e2, 1e9, 400), 3, power=1.0)
    with_daughters, without = (March(*way, on).integrals(point, bins)[0, 0].sum() for on in (True, False))
    unabsorbed = Resonant(way[0]).integrals(point._replace(masses_ev=np.zeros((1, 0))), bins)[0, 0].sum()
    assert without < unabsorbed
    np.testing.assert_allclose((with_daughters - without) / (unabsorbed - without), 1.0, atol=5e-3)


@pytest.mark.parametrize("overrides", [
    ["model.spectrum=cutoff"],
    *(pytest.param(each, marks=pytest.mark.slow) for each in (
        [], ["model.spectrum=broken_power_law", "model.spectrum_frame=earth"],
        ["model.evolution=single", "model.source_redshift=1"], ["model.ordering=inverted"],
        ["model.masses=degenerate"], ["model.couplings=flavour_blind"],
    )),
])  # fmt: skip
def test_counts_are_those_of_a_finer_march(overrides):
    """Expected counts of every bin within 2e-3 of a march with steps four times shorter, where the data allow it."""
    analysis = nuinfer.load("hese7_nutau_scalar", overrides)
    theta = analysis.sample_prior(5, np.random.default_rng(2))
    theta[:, analysis.parameter_names.index("log10_g_prime")] = np.linspace(-2.8, -1.6, 5)
    transport = analysis.model.transport
    finer = replace(transport, steps=tuple(step / 4.0 for step in transport.steps))
    values = analysis.values(theta)
    found, expected = (
        replace(analysis.model, transport=each).expected(values).total for each in (transport, finer)
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=4e-3 if transport.shells.single else 2e-3, atol=1e-5)


def test_log_likelihood_is_smooth():
    """Along tiny steps of each parameter, across lines of the lattice, it is a polynomial to 1e-3.

    What is left along the mass is no fault of the march: jumps of the flux move across edges of bins.
    """
    analysis = nuinfer.load("hese7_nutau_scalar", FIXED)
    base = analysis.prior_transform(np.full(len(analysis.parameter_names), 0.5))
    base[analysis.parameter_names.index("phi_total")] = 6.0
    base[analysis.parameter_names.index("log10_g_prime")] = -1.5
    for name, width in (("log10_m_zprime_mev", 0.02), ("log10_g_prime", 0.02), ("lightest_nu_mass_ev", 0.002)):
        theta = np.tile(base, (41, 1))
        s = np.linspace(-1.0, 1.0, 41)
        theta[:, analysis.parameter_names.index(name)] += width * s
        log_like = analysis.log_likelihood(theta)
        rough = log_like - np.polyval(np.polyfit(s, log_like, 5), s)
        assert np.ptp(log_like) > 3e-3
        assert np.abs(rough).max() < 1e-3


def test_batches_and_threads():
    """A batch is its points one by one, and threads share it."""
    way = path()
    march = March(*way, True)
    one = one_point(8.0, 0.05, TARGETS, 2.4, PION)
    both = one._replace(
        spectrum=one.spectrum._make([np.array([2.4, 2.9]), np.empty((0, 2))]), m_zprime_mev=np.array([8.0, 5.0]),
        g_prime=np.array([0.05, 0.01]), masses_ev=np.array([TARGETS, TARGETS]), relic_temperature=np.ones(2),
    )  # fmt: skip
    together = march.integrals(both, BINS)
    np.testing.assert_array_equal(together, replace(march, threads=2).integrals(both, BINS))
    np.testing.assert_allclose(together[:1], march.integrals(one, BINS), rtol=1e-12)


def test_public_functions():
    """Flavours are the sum of species; without channels = "all" there is nothing new."""
    point = [2e5, 9e5], 8.0, 0.03, TARGETS
    rest = 2.4, "sfr", mixing.NUFIT60_NORMAL, SCALAR, cosmology.PLANCK18, "decoherent", 5.0, True, "at_rest"
    flavours = flavour_at_earth(*point, [1, 2, 0], *rest, "all")
    species = species_at_earth(*point, [1, 2, 0, 1, 2, 0], *rest, "all")
    np.testing.assert_allclose(flavours, species[:, :3] + species[:, 3:], rtol=1e-12)
    with pytest.raises(PhysicsDomainError, match="channels: 'all' is not allowed with targets 'thermal'"):
        flavour_at_earth(*point, [1, 2, 0], *rest[:-1], "thermal", "all")
    with pytest.raises(PhysicsDomainError, match="coherence 'coherent'"):
        flavour_at_earth(*point, [1, 2, 0], *rest[:5], "coherent", 5.0, True, "at_rest", "all")
    with pytest.raises(PhysicsDomainError, match="channels: 'both' is not one of"):
        flavour_at_earth(*point, [1, 2, 0], *rest, "both")


@pytest.mark.parametrize(("overrides", "message"), [
    (["model.targets=thermal"], "model.channels: \"all\" is not allowed with model.targets 'thermal'"),
    (["model.coherence=coherent"], "model.coherence: \"coherent\" is not allowed with model.channels 'all'"),
    (
        ["model.neutrino=dirac", "model.mediator=vector", "parameters.log10_g_prime.high=-2"],
        "model.neutrino: \"dirac\" is not allowed",
    ),
    (["sampler.device=cuda"], "sampler.device: 'cuda' is not allowed with model.channels 'all', only 'cpu'"),
    (["model.z_max=0.02"], "model.z_max: 0.02 is not allowed, with channels 'all' it must be at least 0.051"),
    (["model.channels=some"], "model.channels: \"some\" is not allowed"),
])  # fmt: skip
def test_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        nuinfer.load("hese7_nutau_scalar", overrides)


def test_what_the_resonance_leaves_out(caplog):
    """PHYSICS: 0.14 at g' = 3e-3 and 1 MeV, and it grows with the fourth power of the coupling."""
    standard = ["model.relic_neutrinos=standard", "parameters.log10_g_prime.high=-2.523"]
    with caplog.at_level(logging.WARNING, "nuinfer"):
        analysis = nuinfer.load("hese7", standard)
    assert "leaves out exchange in t and u of optical depth 0.1" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, "nuinfer"):
        nuinfer.load("hese7", [*standard, "parameters.log10_g_prime.high=-3.5"])
        nuinfer.load("hese7_nutau_scalar")
        nuinfer.load("hese7", ["model.absorption=false"])
    assert not caplog.text
    theta = np.tile(analysis.prior_transform(np.full(len(analysis.parameter_names), 0.5)), (2, 1))
    theta[:, analysis.parameter_names.index("log10_g_prime")] = [-3.0, -2.9]
    weak, strong = depth_left_out(analysis.model, analysis.values(theta))
    assert strong / weak == pytest.approx(10.0**0.4, rel=1e-3)
