"""Neutrino burst of SN1987A: diffusion of nu_mu and nu_tau through Z' decay and inverse decay (the paper's Sec. IV B).

``lambda = c / (1/2 <Gamma> n_Z'/n_nu)``, ``<Gamma> = g'^2/(12 pi) m_Z' f_D(m_Z'/T)`` and ``tau_diff = R^2/(lambda c)``.
This is the paper's historical constraint: later work (arXiv:2307.15115) finds that strong neutrino self-interactions
do not prolong the burst.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import PositiveFloat

from nuinfer.constants import CM_PER_KM, HBAR_C_MEV_CM, KAMADA_YU, SPEED_OF_LIGHT_CM_S
from nuinfer.constraints.definition import Definition, Oscillation, Prediction
from nuinfer.constraints.tables import read_table, within
from nuinfer.typing import ArrayLike, FloatArray

_TABLE = "sn1987a_width.csv"


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
    return np.exp(read_table(_TABLE)(0, m_over_t))


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
    rate = _rate_per_cm(m_zprime_mev, g_prime, within("temperature_mev", temperature_mev))
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / rate)


def diffusion_time_s(
    m_zprime_mev: ArrayLike, g_prime: ArrayLike, temperature_mev: ArrayLike = 8.0, radius_km: ArrayLike = 10.0
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
    temperature, radius_cm = within("temperature_mev", temperature_mev), np.asarray(radius_km, float) * CM_PER_KM
    return np.asarray(radius_cm**2 * _rate_per_cm(m_zprime_mev, g_prime, temperature) / SPEED_OF_LIGHT_CM_S)


def _rate_per_cm(m_zprime_mev: ArrayLike, g_prime: ArrayLike, temperature_mev: FloatArray | float) -> FloatArray:
    """``1/lambda``; its thermal part ``f_D n_Z'/n_nu`` is tabulated without its Boltzmann factor."""
    mass, coupling = np.asarray(m_zprime_mev, float), np.asarray(g_prime, float)
    ratio = mass / temperature_mev
    thermal = np.exp(read_table(_TABLE)(1, ratio) - ratio)
    return np.asarray(coupling**2 * mass * thermal / (24.0 * math.pi * HBAR_C_MEV_CM))


def _log_times(temperature_mev: float, per_rate: float, m_zprime_mev: FloatArray, g_prime: FloatArray) -> FloatArray:
    """Decimal logarithm of the diffusion time over the duration of the burst, `per_rate` times ``1/lambda``."""
    with np.errstate(divide="ignore"):
        return np.log10(per_rate * _rate_per_cm(m_zprime_mev, g_prime, temperature_mev))


def _prediction(
    numbers: Mapping[str, Any], _oscillation: Oscillation, *,
    temperature_mev: PositiveFloat = 8.0, radius_km: PositiveFloat = 10.0, sigma_dex: PositiveFloat = 1.0,
) -> Prediction:  # fmt: skip
    """``log10(tau_diff / duration of the burst)``, log-normal with the theory error `sigma_dex`, or cut at zero."""
    table = read_table(_TABLE)
    per_rate = (radius_km * CM_PER_KM) ** 2 / SPEED_OF_LIGHT_CM_S / numbers["duration_s"]
    predict = functools.partial(_log_times, temperature_mev, per_rate)
    covered = table.low * temperature_mev, table.high * temperature_mev
    return Prediction(predict, -math.inf, covered, measured={"mean": 0.0, "sigma": sigma_dex, "limit": 0.0})


CONSTRAINT = Definition(
    name="sn1987a",
    order=4,
    label="SN1987A",
    colour="#E69F00",
    measurement="burst_duration",
    prediction=_prediction,
    prediction_reference=KAMADA_YU,
    forms=("exclusion", "one_sided"),
    forms_because="the recipe has no diffusion time without a Z'",
    estimate=True,
    not_scalar_because="a scalar's diffusion differs, for it makes nu nu and has no polarisations",
)
