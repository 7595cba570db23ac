"""Neutrino burst of SN1987A: diffusion of nu_mu and nu_tau through Z' decay and inverse decay (the paper's Sec. IV B).

``lambda = c / (1/2 <Gamma> n_Z'/n_nu)``, ``<Gamma> = g'^2/(12 pi) m_Z' f_D(m_Z'/T)`` and ``tau_diff = R^2/(lambda c)``.
This is the paper's historical constraint: later work (arXiv:2307.15115) finds that strong neutrino self-interactions
do not prolong the burst.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from nuinfer.constants import HBAR_C_MEV_CM, SPEED_OF_LIGHT_CM_S
from nuinfer.constraints.base import (
    Charges,
    Constraint,
    Form,
    MassRange,
    Measurement,
    lmu_ltau_strength,
    read_measurement,
    read_numbers,
    read_table,
    require_coverage,
    require_positive_option,
    require_within,
    with_limit,
)
from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray

NAME = "sn1987a"
_TABLE = "sn1987a_width.csv"
_CM_PER_KM = 1e5


def width_factor(m_over_t: ArrayLike) -> FloatArray:
    """Thermal average of the width of a Z' over its width at rest, f_D (the paper's eq. 37, normalised per Z').

    Time dilation and Pauli blocking of both daughters; the paper's print misses the factor ``m/(n_Z'/3)``.
    Interpolated from a table, relative error below 1e-8.

    Parameters
    ----------
    m_over_t : array_like, shape (*batch,)
        Mass over temperature, in [1e-4, 300].

    Returns
    -------
    ndarray, shape (*batch,)
        Between 0 and 1; tends to 1 for ``m >> T``.

    Raises
    ------
    PhysicsDomainError
        Outside the table.

    Examples
    --------
    >>> print(f"{width_factor(1.0):.4f}")
    0.2133
    """
    table = read_table(_TABLE)
    log_width, _ = table.splines
    return np.asarray(np.exp(log_width(table.log(np.asarray(m_over_t, float)))))


def mean_free_path_cm(m_zprime_mev: ArrayLike, g_prime: ArrayLike, temperature_mev: ArrayLike = 8.0) -> FloatArray:
    """Mean free path of a nu_mu or nu_tau against inverse decay (the paper's eq. 36).

    n_Z' counts three polarisations, n_nu one species of one helicity.

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV; over the temperature in [1e-4, 300].
    g_prime : array_like, shape (*batch,)
        Coupling of L_mu - L_tau; zero gives infinity.
    temperature_mev : array_like, shape (*batch,)
        Temperature of the core, MeV.

    Returns
    -------
    ndarray, shape (*batch,)
        cm.

    Raises
    ------
    PhysicsDomainError
        If the temperature is not positive or the ratio is outside the table.

    Examples
    --------
    >>> print(f"{mean_free_path_cm(10.0, 1e-5):.2f}")
    2.22
    """
    rate = _rate_per_cm(m_zprime_mev, g_prime, temperature_mev)
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / rate)


def diffusion_time_s(
    m_zprime_mev: ArrayLike,
    g_prime: ArrayLike,
    temperature_mev: ArrayLike = 8.0,
    radius_km: ArrayLike = 10.0,
) -> FloatArray:
    """Time in which nu_mu and nu_tau diffuse out of the core, ``(lambda/c) (R/lambda)^2``.

    Parameters
    ----------
    m_zprime_mev, g_prime, temperature_mev : array_like, shape (*batch,)
        As in `mean_free_path_cm`.
    radius_km : array_like, shape (*batch,)
        Radius of the core, km.

    Returns
    -------
    ndarray, shape (*batch,)
        Seconds; zero without a coupling (the weak interaction is not in the recipe).

    Raises
    ------
    PhysicsDomainError
        As `mean_free_path_cm`.

    Examples
    --------
    >>> print(f"{diffusion_time_s(10.0, 1e-5):.1f}")
    15.0
    """
    rate = _rate_per_cm(m_zprime_mev, g_prime, temperature_mev)
    radius_cm = np.asarray(radius_km, float) * _CM_PER_KM
    return np.asarray(radius_cm**2 * rate / SPEED_OF_LIGHT_CM_S)


def build(
    form: Form,
    measurement: str,
    charges: Charges,
    mass_range_mev: MassRange,
    *,
    confidence_level: float = 0.95,
    limit: float | None = None,
    temperature_mev: float = 8.0,
    radius_km: float = 10.0,
    sigma_dex: float = 1.0,
) -> Constraint:
    """The constraint on ``log10(tau_diff / duration of the burst)``, for charges (0, q, -q).

    ``one_sided`` is log-normal with the theory error `sigma_dex`; ``exclusion`` cuts at the duration.

    Raises
    ------
    ConfigError
        If the form is ``two_sided`` (the recipe has no diffusion time without a Z'), the charges are others, the table
        does not cover the masses, the measurement is unknown, or an option is not positive.
    """
    measured = read_measurement(NAME, measurement)
    if form == "two_sided":
        raise ConfigError(
            f"constraints.{NAME}.form: 'two_sided' is not allowed, only 'exclusion' and 'one_sided': "
            "the recipe has no diffusion time without a Z'"
        )
    require_positive_option(NAME, temperature_mev=temperature_mev, radius_km=radius_km, sigma_dex=sigma_dex)
    duration_s = float(read_numbers(NAME)["measurements"][measurement]["duration_s"])
    measured = Measurement(measured.name, measured.reference, mean=0.0, sigma=sigma_dex, limit=0.0)
    measured = with_limit(NAME, form, measured, limit)
    table = read_table(_TABLE)
    require_coverage(NAME, mass_range_mev, (table.low * temperature_mev, table.high * temperature_mev))
    predict = functools.partial(
        _observable,
        strength=lmu_ltau_strength(NAME, charges),
        temperature_mev=temperature_mev,
        radius_km=radius_km,
        duration_s=duration_s,
    )
    return Constraint(NAME, form, measured, predict, standard_model=-math.inf, confidence_level=confidence_level)


def _observable(
    m_zprime_mev: FloatArray,
    g_prime: FloatArray,
    *,
    strength: float,
    temperature_mev: float,
    radius_km: float,
    duration_s: float,
) -> FloatArray:
    time_s = diffusion_time_s(m_zprime_mev, g_prime * strength, temperature_mev, radius_km)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log10(time_s / duration_s))


def _rate_per_cm(m_zprime_mev: ArrayLike, g_prime: ArrayLike, temperature_mev: ArrayLike) -> FloatArray:
    """``1/lambda``; its thermal part ``f_D n_Z'/n_nu`` is tabulated without its Boltzmann factor."""
    temperature = np.asarray(temperature_mev, float)
    require_within("temperature_mev", temperature, np.finfo(float).tiny, np.finfo(float).max)
    mass = np.asarray(m_zprime_mev, float)
    table = read_table(_TABLE)
    ratio = mass / temperature
    _, log_thermal = table.splines
    thermal = np.exp(log_thermal(table.log(ratio)) - ratio)
    width_mev = np.asarray(g_prime, float) ** 2 / (12.0 * math.pi) * mass
    return np.asarray(0.5 * width_mev * thermal / HBAR_C_MEV_CM)
