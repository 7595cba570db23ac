"""What is seen from a point: curves, counts and terms; and around it, the bounds on (m_Z', g')."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.constraints.base import Constraint
from nuinfer.constraints.limits import Bound, bound
from nuinfer.explore.state import State
from nuinfer.flux import depths_at_earth, flux_at_earth, unabsorbed_flux
from nuinfer.plotting import energies, plane
from nuinfer.plotting.figures.bounds import CROSSED, masses_of
from nuinfer.typing import FloatArray

COUPLING = (1e-6, 10.0**-2.5)
"""Shown in any case."""

ENERGIES, FEW_ENERGIES = 160, 24  # along an axis; of depths that take long
MASSES = 120


@dataclass(frozen=True)
class Scene:
    """What follows from a point.

    Parameters
    ----------
    energy_gev : ndarray, shape (energy,)
        Energies at Earth, GeV.
    flux, unabsorbed : ndarray, shape (energy, 3)
        E^2 phi of each flavour, TeV cm^-2 s^-1 sr^-1, and without absorption.
    survival : ndarray, shape (energy, 3)
        Their ratio.
    depth_energy_gev, depths : ndarray, shape (energy,) and (energy, target)
        Optical depth at each target mass; no target without absorption.
    components : mapping of str to ndarray
        Expected counts (topology, bin), or flux points, as ``nuinfer predict`` gives them.
    terms : mapping of str to float
        Of the log-probability.
    derived : mapping of str to float
        What follows from the parameters.
    """

    energy_gev: FloatArray
    flux: FloatArray
    unabsorbed: FloatArray
    survival: FloatArray
    depth_energy_gev: FloatArray
    depths: FloatArray
    components: Mapping[str, FloatArray]
    terms: Mapping[str, float]
    derived: Mapping[str, float]


def look(state: State) -> Scene:
    """What is seen from the point of a state.

    Raises
    ------
    PhysicsDomainError, NonFiniteLogProbError
        If the model fails there.
    """
    analysis, theta = state.analysis, state.theta
    energy = energies.with_edges(analysis, theta, np.geomspace(*energies.span(analysis), ENERGIES))
    square = np.square(energy)[:, None] / energies.GEV_PER_TEV
    flux, unabsorbed = (make(analysis, theta, energy) * square for make in (flux_at_earth, unabsorbed_flux))
    slow = analysis.config.model.targets == "thermal"
    depth_energy = energy[:: len(energy) // FEW_ENERGIES] if slow else energy
    absorbs = analysis.absorbs
    return Scene(
        energy_gev=energy,
        flux=flux,
        unabsorbed=unabsorbed,
        survival=np.divide(flux, unabsorbed, out=np.full_like(flux, np.nan), where=unabsorbed > 0.0),
        depth_energy_gev=depth_energy,
        depths=depths_at_earth(analysis, theta, depth_energy) if absorbs else np.empty((len(depth_energy), 0)),
        components=analysis.predict(state.at),
        terms={name: float(term) for name, term in analysis.log_terms(theta).items()},
        derived={name: float(value) for name, value in analysis.derived(theta).items()},
    )


def targets_of(analysis: Analysis) -> tuple[str, ...]:
    """Names of the target masses, as `Scene` has their depths."""
    model = analysis.config.model
    active = ("at m₁", "at m₂", "at m₃") if model.masses == "split" else ("at m_ν",)
    return (*active, *(("at m_s",) if model.sterile else ())) if analysis.absorbs else ()


@dataclass(frozen=True)
class Surroundings:
    """The plane (m_Z', g').

    Parameters
    ----------
    masses_mev : ndarray, shape (mass,)
        Masses, MeV.
    couplings : tuple of float
        Ends of the axis of couplings.
    bounds : tuple
        Each constraint in the plane with its look and bound.
    opaque : ndarray, shape (2, mass)
        Couplings with a depth of one for resonances crossed between redshift 0 and 3.
    """

    masses_mev: FloatArray
    couplings: tuple[float, float]
    bounds: tuple[tuple[Constraint, plane.BoundLook, Bound], ...]
    opaque: FloatArray


def axes_of(analysis: Analysis) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of the axes of the plane: masses in MeV, and couplings."""
    strongest = next(p for p in analysis.space.parameters if p.name == "log10_g_prime").range[1]
    return masses_of(analysis), (COUPLING[0], max(COUPLING[1], 10.0**strongest))


def surroundings(analysis: Analysis) -> Surroundings:
    """The bounds that ``nuinfer constraints`` gives, for all masses of the prior; it may take a while."""
    ends, couplings = axes_of(analysis)
    masses = np.geomspace(*ends, MASSES)
    bounds = tuple((*each, bound(each[0], masses)) for each in plane.looks(analysis.constraints))
    return Surroundings(masses, couplings, bounds, analysis.model.coupling_of_depth(1.0, CROSSED, masses))
