"""Resonant absorption on relic neutrinos that move.

Relic neutrinos have the momentum distribution f = 1/(e^{p/T} + 1) with T = T_nu0 (1+z). For a neutrino of energy E the
resonance is met by those targets whose energy w and direction satisfy m_Z'^2 = 2 E (w - p cos), and with
y = m_Z'^2/(2 E) the rate of absorption for a unit entry of R is

    Gamma_abs = (6 Gamma/m_Z') (y/(2 E)) int_{p_min} p dp f/w,    p_min = |y^2 - m^2|/(2 y).

Along the path q_min = p_min/T = |s| with s = (Y^2/(1+z)^2 - m^2)/(2 T_nu0 Y), Y = m_Z'^2/(2 E_today), positive on the
near side of the crossing of a target at rest, s = 0. So with x = ln(1+z)

    tau = (6 Gamma/m_Z'^3) Y^2 T_nu0 int dx J(|s|, m/T) e^{-x}/H,
    J(b, a) = int_b^inf q dq/(sqrt(q^2 + a^2) (e^q + 1)),

which holds for every mass, zero included. Phases average inside a resonance that is smeared out, hence mass state i
survives with exp(-sum_j R_j,ii tau_j).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from nuinfer.constants import EV_PER_GEV, EV_PER_MEV
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.mediator import LMU_LTAU
from nuinfer.typing import ArrayLike, FloatArray

TAIL = 45.0
"""Integrals over e^-q end this far above their lower limit."""

PIECES = np.array([0.0, 1.5, 5.0, 12.0, 24.0, TAIL])
"""Ends in |s|, from the value nearest to the resonance, of the pieces of the integral over the path."""

CHUNK = 32
"""Optical depths that are integrated together; a matter of memory alone."""


def relic_integral(b: ArrayLike, a: ArrayLike) -> FloatArray:
    """J(b, a) = int_b^inf q dq/(sqrt(q^2 + a^2) (e^q + 1)) to about 1e-11, relative.

    Up to q = 1 the variable is t with q = a sinh t, above it is q, so that nothing varies fast for any a.

    Parameters
    ----------
    b, a : array_like, broadcast together
        Least momentum and mass of the targets over their temperature, both >= 0.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> bool(abs(relic_integral(0.3, 0.0) - np.log1p(np.exp(-0.3))) < 1e-13)
    True
    """
    return relic_moment(np.asarray(b, float), np.asarray(a, float), 1)


def thermal_optical_depth(
    energy_gev: ArrayLike,
    source_redshift: ArrayLike,
    m_zprime_mev: ArrayLike,
    g_prime: ArrayLike,
    m_nu_ev: ArrayLike,
    cosmology: Cosmology,
) -> FloatArray:
    """Optical depth between a source and Earth of relic neutrinos with their thermal motion, for a unit-charge flavour.

    The depth of a unit entry of R for any charges, as `nuinfer.physics.absorption.optical_depth`, to which it tends,
    with a sharp edge, where m_nu is far above the temperature. Relative accuracy about 1e-9.

    Parameters
    ----------
    energy_gev, source_redshift, m_zprime_mev, g_prime, m_nu_ev : array_like, broadcast together
        Energy at Earth in GeV, redshift of the source, mediator mass in MeV, coupling, target mass in eV (0 allowed).
    cosmology : Cosmology
        Expansion rate and relic temperature.

    Returns
    -------
    ndarray
        Dimensionless depth.

    Raises
    ------
    PhysicsDomainError
        For a negative target mass or source redshift, or an energy or mediator mass that is not positive.

    Examples
    --------
    >>> from nuinfer.physics.cosmology import PAPER
    >>> thermal_optical_depth([5.9e5, 6.4e5, 6.5e5], 2.0, 8.0, 5e-4, 0.05, PAPER).round(3).tolist()
    [9.156, 3.772, 0.141]
    """
    inputs = {
        "energy_gev": (energy_gev, "positive"),
        "source_redshift": (source_redshift, "at least 0"),
        "m_zprime_mev": (m_zprime_mev, "positive"),
        "m_nu_ev": (m_nu_ev, "at least 0"),
    }
    for name, (value, allowed) in inputs.items():
        low = np.min(np.asarray(value, float), initial=np.inf)
        if not (low > 0.0 if allowed == "positive" else low >= 0.0):
            raise PhysicsDomainError(f"{name}: {low} is not allowed, it must be {allowed}")
    columns = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (energy_gev, source_redshift, m_zprime_mev, g_prime, m_nu_ev))
    )
    energy, redshift, mass, coupling, target = (column.ravel() for column in columns)
    y_ev = (mass * EV_PER_MEV) ** 2 / (2.0 * energy * EV_PER_GEV)
    path = np.empty(energy.size)
    for start in range(0, energy.size, CHUNK):
        part = slice(start, start + CHUNK)
        path[part] = _path_integral(y_ev[part], target[part], np.log1p(redshift[part]), cosmology)
    return (depth_scale(mass, coupling, cosmology) * y_ev * y_ev * path).reshape(columns[0].shape)


def depth_scale(m_zprime_mev: FloatArray, g_prime: FloatArray, cosmology: Cosmology) -> FloatArray:
    """6 Gamma T_nu0/(m_Z'^3 H0) in eV^-2: tau is this times Y^2 int dx J e^{-x} H0/H."""
    width = LMU_LTAU.width_over_mass(g_prime)
    return np.asarray(6.0 * width / (m_zprime_mev * EV_PER_MEV) ** 2 * cosmology.t_nu0_ev / cosmology.hubble0_ev)


def relic_moment(b: FloatArray, a: FloatArray, power: int) -> FloatArray:
    """int_b^inf q f/w^power dq with w^2 = q^2 + a^2; power 1 is J."""
    b, a = b[..., None], np.maximum(a, 1e-100)[..., None]
    x, w = unit_rule(32)
    # t from asinh(b/a); what lies 30 e-folds below the upper end does not matter
    split = np.maximum(b, 1.0)
    high = np.arcsinh(split / a)
    low = np.maximum(np.arcsinh(b / a), high - 30.0)
    t = low + x * (high - low)
    q = a * np.sinh(t)
    below = np.sum(w * (high - low) * q * np.exp(-q) / (1.0 + np.exp(-q)) * (a * np.cosh(t)) ** (1 - power), axis=-1)
    x, w = unit_rule(48)
    q = split + TAIL * x
    # e^-q, relative to its largest value, which underflows late
    decay = np.exp(-TAIL * x) / (1.0 + np.exp(-q))
    above = np.sum(TAIL * w * q * decay / (q * q + a * a) ** (0.5 * power), axis=-1)
    return np.asarray(below + np.exp(-split[..., 0]) * above)


@cache
def unit_rule(n: int) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(n)
    return 0.5 * (x + 1.0), 0.5 * w


def _path_integral(y_ev: FloatArray, m_nu_ev: FloatArray, x_source: FloatArray, cosmology: Cosmology) -> FloatArray:
    """int_0^x_source dx J e^{-x} H0/H for inputs of shape (n,), in pieces of |s| on both sides of the resonance.

    d = s + m^2/(2 T Y) = (Y/2T) e^{-2x}, so that a step in s is a step -ln(1 - ds/d)/2 in x without cancellation.
    """
    temperature = cosmology.t_nu0_ev
    rest = m_nu_ev**2 / (2.0 * temperature * y_ev)
    first = (y_ev - m_nu_ev) * (y_ev + m_nu_ev) / (2.0 * temperature * y_ev)
    last = first + y_ev / (2.0 * temperature) * np.expm1(-2.0 * x_source)
    near = np.minimum(np.maximum(last, 0.0)[:, None] + PIECES, first[:, None])  # upwards from the resonance
    far = np.maximum(np.minimum(first, 0.0)[:, None] - PIECES, last[:, None])  # downwards
    start = np.concatenate([near[:, 1:], far[:, :-1]], axis=-1)
    end = np.concatenate([near[:, :-1], far[:, 1:]], axis=-1)
    largest, least = y_ev / (2.0 * temperature), y_ev / (2.0 * temperature) * np.exp(-2.0 * x_source)
    d = np.clip(start + rest[:, None], least[:, None], largest[:, None])  # whatever the rounding, far from resonance
    length = -0.5 * np.log1p(np.maximum((end - start) / d, least[:, None] / d - 1.0))
    begin = 0.5 * np.log(y_ev[:, None] / (2.0 * temperature * d))
    t, weight = unit_rule(24)
    x = begin[..., None] + t * length[..., None]
    s = start[..., None] + d[..., None] * np.expm1(-2.0 * t * length[..., None])
    kernel = relic_integral(np.abs(s), m_nu_ev[:, None, None] / temperature * np.exp(-x))
    hubble = cosmology.hubble_ev(np.expm1(x)) / cosmology.hubble0_ev
    return np.asarray(np.sum(length * np.sum(weight * kernel * np.exp(-x) / hubble, axis=-1), axis=-1))
