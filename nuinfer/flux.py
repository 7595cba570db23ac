"""Fluxes at Earth, and what becomes of each flavour on the way, at points of an analysis.

Every function takes theta of shape (*batch, n_dim) and energies of shape (energy,), and answers with the settings of
the analysis: its source, spectrum, evolution, coherence, regeneration and target motion.
"""

from __future__ import annotations

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import PhysicsDomainError
from nuinfer.forward import PHI_UNIT, PIVOT_GEV
from nuinfer.physics.absorption import optical_depth, resonance_redshift
from nuinfer.physics.propagation import source_populations
from nuinfer.physics.thermal import thermal_optical_depth
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
    points, batch, energy = _points(analysis, theta, energy_gev)
    model = analysis.posterior.model
    source = model.source(points)[:, :1]
    flavours = _arriving(analysis, points, energy, source) @ model.mixing.probabilities.T
    return np.asarray(_spectrum(points, energy)[..., None] * flavours).reshape(*batch, energy.size, 3)


def unabsorbed_flux(analysis: Analysis, theta: ArrayLike, energy_gev: ArrayLike) -> FloatArray:
    """Flux of each flavour at Earth if nothing were absorbed; arguments and result as in `flux_at_earth`."""
    points, batch, energy = _points(analysis, theta, energy_gev)
    model = analysis.posterior.model
    flavours = model.source(points)[:, :1] @ model.mixing.probabilities.T
    flux = _spectrum(points, energy) * _unabsorbed(analysis, points, energy)
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
    points, batch, energy = _points(analysis, theta, energy_gev)
    mixing = analysis.posterior.model.mixing
    source = source_populations(_PURE, mixing)[None, :, :1]
    flavours = _arriving(analysis, points, energy, source) @ mixing.probabilities.T  # (n, source, energy, flavour)
    with np.errstate(invalid="ignore"):
        flavours = flavours / _unabsorbed(analysis, points, energy)[:, None, :, None]
    return np.moveaxis(flavours, -3, -1).reshape(*batch, energy.size, 3, 3)


def depths_at_earth(analysis: Analysis, theta: ArrayLike, energy_gev: ArrayLike) -> FloatArray:
    """Optical depth at each target mass, of a unit entry of R, between the farthest source and Earth.

    Parameters
    ----------
    analysis, theta, energy_gev
        As in `flux_at_earth`.

    Returns
    -------
    ndarray, shape (*batch, energy, target)
        In the order of the mass states, one target if masses are degenerate; 0 where the resonance is not crossed.

    Raises
    ------
    PhysicsDomainError
        Without absorption.
    """
    points, batch, energy = _points(analysis, theta, energy_gev)
    model = analysis.posterior.model
    propagation = model.propagation
    if propagation is None:
        raise PhysicsDomainError("depths_at_earth: model.absorption = false, so there is no resonance to cross")
    mass, coupling = (points[name][:, None, None] for name in ("m_zprime_mev", "g_prime"))
    targets, at = _masses(analysis, points)[:, None, :], energy[None, :, None]
    z_max, expansion = propagation.shells.z_max, propagation.cosmology
    if propagation.targets == "thermal":
        depth = thermal_optical_depth(at, z_max, mass, coupling, targets, expansion)
    else:
        z = resonance_redshift(at, mass, targets)
        crossed = (z >= 0.0) & (z < z_max)
        depth = np.where(crossed, optical_depth(np.where(crossed, z, 0.0), mass, coupling, expansion), 0.0)
    return np.asarray(propagation.depth_factor * depth).reshape(*batch, energy.size, -1)


def _points(
    analysis: Analysis, theta: ArrayLike, energy_gev: ArrayLike
) -> tuple[dict[str, FloatArray], tuple[int, ...], FloatArray]:
    """Named values of shape (n,) each, the batch they come from, and the energies."""
    rows = analysis.posterior.space.check(theta)
    energy = np.asarray(energy_gev, float)
    if energy.ndim != 1 or not np.all(energy > 0.0):
        raise PhysicsDomainError(f"energy_gev: shape {energy.shape} is not allowed, it must be a row of energies > 0")
    flat = rows.reshape(-1, rows.shape[-1])
    point = analysis.posterior.point(flat)
    return {name: np.broadcast_to(value, (len(flat),)) for name, value in point.items()}, rows.shape[:-1], energy


def _masses(analysis: Analysis, points: dict[str, FloatArray]) -> FloatArray:
    return analysis.posterior.model.masses_ev(points)


def _spectrum(points: dict[str, FloatArray], energy_gev: FloatArray) -> FloatArray:
    """Flux phi_total (E/100 TeV)^-gamma, shape (n, energy)."""
    exponent = -points["gamma"][:, None] * np.log(energy_gev / PIVOT_GEV)
    return np.asarray(PHI_UNIT * points["phi_total"][:, None] * np.exp(exponent))


def _unabsorbed(analysis: Analysis, points: dict[str, FloatArray], energy_gev: FloatArray) -> FloatArray:
    """Unabsorbed flux of all flavours over `_spectrum`, shape (n, energy)."""
    energy = np.broadcast_to(energy_gev, (len(points["gamma"]), energy_gev.size))
    return analysis.posterior.model.unabsorbed(points, energy)


def _arriving(
    analysis: Analysis, points: dict[str, FloatArray], energy_gev: FloatArray, source: FloatArray
) -> FloatArray:
    """Populations of the mass states of nu + nubar over `_spectrum`.

    Parameters
    ----------
    analysis : Analysis
        Model.
    points : dict
        Named values, shape (n,) each.
    energy_gev : ndarray, shape (energy,)
        Energies.
    source : ndarray, shape (n or 1, *kind, 1, 3)
        Populations at the source.

    Returns
    -------
    ndarray, shape (n, *kind, energy, 3)
    """
    model = analysis.posterior.model
    kinds = source.shape[1:-2]
    shape = (len(points["gamma"]), *kinds)

    def spread(values: FloatArray) -> FloatArray:
        return np.broadcast_to(values.reshape(-1, *(1,) * len(kinds), *values.shape[1:]), (*shape, *values.shape[1:]))

    targets = np.zeros((*shape, 0)) if model.propagation is None else spread(_masses(analysis, points))
    energy = np.broadcast_to(energy_gev, (*shape, energy_gev.size))
    values = {name: spread(value) for name, value in points.items()}
    arriving = model.populations(values, energy, targets, np.broadcast_to(source, (*shape, 1, 3)))
    arriving = np.broadcast_to(arriving, (*arriving.shape[:-1], energy_gev.size))
    return np.swapaxes(arriving[..., 0, :, :], -1, -2)
