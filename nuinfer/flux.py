"""Fluxes at Earth, and what becomes of each flavour on the way, at points of an analysis.

Every function takes theta of shape (*batch, n_dim) and energies of shape (energy,), and answers with the settings of
the analysis: its source, spectrum, evolution, coherence, regeneration and target motion.
"""

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.build import Values
from nuinfer.detector.response import PHI_UNIT
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.propagation import source_populations
from nuinfer.transport.points import PIVOT_GEV
from nuinfer.typing import ArrayLike, FloatArray

_PURE = np.hstack([np.eye(3), np.eye(3)])  # sources of one flavour, nu and nubar alike


def flux_at_earth(analysis: Analysis, theta: ArrayLike, energy_gev: ArrayLike) -> FloatArray:
    """Flux of each flavour (nu + nubar) at Earth.

    Parameters
    ----------
    analysis : Analysis
        Model and parameters.
    theta : array_like, shape (*batch, n_dim)
        Points.
    energy_gev : array_like, shape (energy,)
        Energies at Earth in GeV.

    Returns
    -------
    ndarray, shape (*batch, energy, 3)
        GeV^-1 cm^-2 s^-1 sr^-1.

    Examples
    --------
    >>> import nuinfer
    >>> analysis = nuinfer.load("hese7")
    >>> flux_at_earth(analysis, analysis.prior_transform([0.5] * len(analysis.parameter_names)), [1e5, 1e6]).shape
    (2, 3)
    """
    values, batch, energy = _values(analysis, theta, energy_gev)
    flavours = _arriving(analysis, values, energy, analysis.model.source(values)[:, :1])
    return np.asarray(_spectrum(values, energy)[..., None] * flavours).reshape(*batch, energy.size, 3)


def unabsorbed_flux(analysis: Analysis, theta: ArrayLike, energy_gev: ArrayLike) -> FloatArray:
    """Flux of each flavour at Earth if nothing were absorbed; arguments and result as in `flux_at_earth`."""
    values, batch, energy = _values(analysis, theta, energy_gev)
    flavours = analysis.model.source(values)[:, :1] @ analysis.mixing.probabilities.T
    flux = _spectrum(values, energy) * analysis.model.unabsorbed(values, energy)
    return np.asarray(flux[..., None] * flavours).reshape(*batch, energy.size, 3)


def transition_at_earth(analysis: Analysis, theta: ArrayLike, energy_gev: ArrayLike) -> FloatArray:
    """Transition matrix averaged over the sources: flux of flavour a at Earth from sources of flavour b alone.

    Parameters
    ----------
    analysis, theta, energy_gev
        As in `flux_at_earth`.

    Returns
    -------
    ndarray, shape (*batch, energy, 3, 3)
        P[a, b], over the unabsorbed flux of all flavours. Columns sum to one without absorption, to less with it, and
        to more where neutrinos from decays of the Z' pile up. NaN where a cut-off leaves no flux.
    """
    values, batch, energy = _values(analysis, theta, energy_gev)
    pure = source_populations(_PURE, analysis.mixing)[:, :1]
    flavours = np.stack([_arriving(analysis, values, energy, source[None]) for source in pure], axis=-1)
    with np.errstate(invalid="ignore"):
        flavours = flavours / analysis.model.unabsorbed(values, energy)[..., None, None]
    return flavours.reshape(*batch, energy.size, 3, 3)


def depths_at_earth(analysis: Analysis, theta: ArrayLike, energy_gev: ArrayLike) -> FloatArray:
    """Optical depth at each target mass, of a unit entry of R, between the farthest source and Earth.

    Parameters
    ----------
    analysis, theta, energy_gev
        As in `flux_at_earth`.

    Returns
    -------
    ndarray, shape (*batch, energy, target)
        In the order of the mass states, one target if masses are degenerate, then a sterile one with its density; 0
        where the resonance is not crossed.

    Raises
    ------
    PhysicsDomainError
        Without absorption.
    """
    values, batch, energy = _values(analysis, theta, energy_gev)
    if not analysis.absorbs:
        raise PhysicsDomainError("depths_at_earth: model.absorption = false, so there is no resonance to cross")
    depths = analysis.model.transport.depths(analysis.model.points(values), energy[None])
    return depths.reshape(*batch, energy.size, -1)


def _values(analysis: Analysis, theta: ArrayLike, energy_gev: ArrayLike) -> tuple[Values, tuple[int, ...], FloatArray]:
    """Named values of shape (n,) each, the batch they come from, and the energies."""
    energy = np.asarray(energy_gev, float)
    if energy.ndim != 1 or not np.all(energy > 0.0):
        raise PhysicsDomainError(f"energy_gev: shape {energy.shape} is not allowed, it must be a row of energies > 0")
    values = analysis.values(theta)
    return {name: value.ravel() for name, value in values.items()}, np.shape(theta)[:-1], energy


def _spectrum(values: Values, energy_gev: FloatArray) -> FloatArray:
    """Flux phi_total (E/100 TeV)^-gamma, shape (n, energy)."""
    exponent = -values["gamma"][:, None] * np.log(energy_gev / PIVOT_GEV)
    return np.asarray(PHI_UNIT * values["phi_total"][:, None] * np.exp(exponent))


def _arriving(analysis: Analysis, values: Values, energy_gev: FloatArray, source: FloatArray) -> FloatArray:
    """Flavours of nu + nubar over `_spectrum` from populations at the source (n or 1, 1, 3), shape (n, energy, 3)."""
    points = analysis.model.points(values)._replace(source=np.ascontiguousarray(source))
    energy = np.tile(energy_gev, (len(values["gamma"]), 1))
    arriving = analysis.model.transport.populations(points, energy)[:, 0]
    return np.asarray(np.swapaxes(arriving, -1, -2) @ analysis.mixing.probabilities.T)
