"""Universality of leptonic decays with a light scalar among the neutrinos: tau -> e nu nubar against mu -> e nu nubar.

A scalar (`nuinfer.physics.mediator`) dresses every neutrino a, whose propagator becomes that of neutrinos of mass
sqrt(s) with a spectral density: what is left of the massless state, and the continuum of nu -> nubar phi, n_a rho(s),

    rho(s) = (1 - M^2/s)^2 / (32 pi^2 s),     n_a = g^2 sum_b |G_ab|^2,

the imaginary part of the self-energy at one loop. The massless state lacks what the continuum holds, up to the scale
Lambda at which W bosons couple to all leptons alike. The rate of l -> nu_l e nubar_e, all invisible states together, is

    Gamma/Gamma_0 = 1 - (n_l + n_e) I(m_l),     I(m) = int_{M^2}^{Lambda^2} ds rho(s) [1 - f(s/m^2)],

with f the phase space with one massive neutrino, the same for either, f(x) = 1 - 8 x + 8 x^3 - x^4 - 12 x^2 ln x, 0 for
x > 1. Emission alone would grow as ln(m/M); the loop takes that away (Kinoshita, Lee, Nauenberg; arXiv:2407.12738), and
for M << m is I = [ln(Lambda^2/m^2) + 31/12]/(32 pi^2). The two neutrinos interfere only if the scalar turns nu_e into
another flavour, which is refused. To first order in n

    g_tau/g_mu = 1 - [(n_tau + n_e) I(m_tau) - (n_mu + n_e) I(m_mu)]/2.

Lambda drops out of the share of nu_e; those of nu_tau (lower) and nu_mu (higher) grow with its logarithm. Above the
mass of the W the loop needs the theory of which g is the low-energy end: with Lambda = m_W it is left out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import PositiveFloat

from nuinfer.compiled import compiled, elementwise, inlined
from nuinfer.constants import MASS_MUON_MEV, MASS_TAU_MEV, MASS_W_GEV, MEV_PER_GEV
from nuinfer.constraints.definition import Definition, Prediction
from nuinfer.constraints.tables import within
from nuinfer.errors import ConfigError
from nuinfer.physics.mediator import written
from nuinfer.typing import ArrayLike, ComplexArray, FloatArray


def lost_share(m_mediator_mev: ArrayLike, m_lepton_mev: float, scale_gev: float = MASS_W_GEV) -> FloatArray:
    """I(m), by which the rate of a lepton's decay falls for a neutrino of unit coupling.

    Parameters
    ----------
    m_mediator_mev : array_like, shape (*batch,)
        Mass of the scalar, MeV, below the scale.
    m_lepton_mev : float
        Mass of the lepton that decays, MeV.
    scale_gev : float
        Lambda, GeV, above the mass of the lepton.

    Returns
    -------
    ndarray, shape (*batch,)
        Dimensionless.

    Raises
    ------
    PhysicsDomainError
        If the scalar is not lighter than the scale.

    Examples
    --------
    >>> print(f"{32.0 * math.pi**2 * lost_share(1e-3, 1776.86) - 2.0 * math.log(80.377e3 / 1776.86):.4f}")
    2.5833
    """
    scale = scale_gev * MEV_PER_GEV
    mass = within("m_zprime_mev", m_mediator_mev, high=scale)
    return elementwise(_share_loop, (mass,), m_lepton_mev, scale)


@compiled
def _share_loop(mass: FloatArray, lepton: float, scale: float, out: FloatArray) -> None:
    for n in range(out.size):
        r, above = (mass[n] / lepton) ** 2, (mass[n] / scale) ** 2
        out[n] = (_within_reach(r) if r < 1.0 else 0.0) + 2.0 * math.log(scale / max(lepton, mass[n]))
        start = min(r, 1.0)
        out[n] += (2.0 - 0.5 * above) * above - (2.0 - 0.5 * start) * start
        out[n] /= 32.0 * math.pi**2


@inlined
def _within_reach(r: float) -> float:
    """``int_r^1 dx/x (1 - r/x)^2 [1 - f(x)]``."""
    log = math.log(r)
    polynomial = 31.0 / 12.0 + r * (94.0 / 3.0 + r * (-36.5 + r * (8.0 / 3.0 - r / 12.0)))
    return polynomial + r * log * (16.0 + r * (18.0 - 6.0 * log))


def coupling_ratio(
    m_mediator_mev: ArrayLike, coupling: ArrayLike, squared: FloatArray, scale_gev: float = MASS_W_GEV
) -> FloatArray:
    """g_tau/g_mu from the rates of tau and muon to electrons.

    Parameters
    ----------
    m_mediator_mev, coupling : array_like, shape (*batch,)
        Mass of the scalar, MeV, and g.
    squared : ndarray, shape (3,)
        ``sum_b |G_ab|^2`` of the flavours.
    scale_gev : float
        Lambda.

    Returns
    -------
    ndarray, shape (*batch,)
        Dimensionless, one in the Standard Model.

    Examples
    --------
    >>> print(f"{coupling_ratio(5.0, 0.3, np.array([0.0, 0.0, 1.0])):.5f}")
    0.99855
    """
    electron, muon, tau = squared
    of_tau, of_muon = (lost_share(m_mediator_mev, lepton, scale_gev) for lepton in (MASS_TAU_MEV, MASS_MUON_MEV))
    lost = (tau + electron) * of_tau - (muon + electron) * of_muon
    return np.asarray(1.0 - 0.5 * np.square(np.asarray(coupling, float)) * lost)


def _prediction(
    _numbers: Mapping[str, Any], couplings: ComplexArray, *, scale_gev: PositiveFloat = MASS_W_GEV
) -> Prediction:
    """``g_tau/g_mu`` with the couplings of a scalar."""
    if np.any(couplings[0, 1:] != 0.0):
        only = "only those of nu_e to itself: other flavours would interfere; set its form to 'off'"
        raise ConfigError(f"constraints.tau_decays: model.couplings {written(couplings)} are not allowed, {only}")
    if scale_gev * MEV_PER_GEV <= MASS_TAU_MEV:
        above = f"it must be above the mass of the tau, {MASS_TAU_MEV / MEV_PER_GEV:g}"
        raise ConfigError(f"constraints.tau_decays.scale_gev: {scale_gev:g} is not allowed, {above}")
    squared = np.sum(np.abs(couplings) ** 2, axis=1)
    predict = functools.partial(coupling_ratio, squared=squared, scale_gev=scale_gev)
    return Prediction(predict, standard_model=1.0, covered_mev=(0.0, scale_gev * MEV_PER_GEV))


CONSTRAINT = Definition(
    name="tau_decays",
    order=7,
    label=r"$\tau$ decays",
    colour="#4477AA",
    measurement="hflav2022",
    prediction=_prediction,
    prediction_reference="derived here; emission and loop together as in Dev et al., arXiv:2407.12738; the decays: "
    "Brdar et al., Phys. Rev. D 101 (2020) 115001, arXiv:2003.05339",
    mediators=("scalar",),
    of_scalar=_prediction,
    forms=("two_sided",),
    forms_because="nu_tau lower the ratio, nu_mu and nu_e raise it",
    late=("tau_decays.toml",),
)
