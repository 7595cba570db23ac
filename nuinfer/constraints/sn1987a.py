"""Neutrino burst of SN1987A: diffusion of nu_mu and nu_tau through Z' decay and inverse decay (the paper's Sec. IV B).

``lambda = c / (1/2 <Gamma> n_Z'/n_nu)``, ``<Gamma> = g'^2/(12 pi) m_Z' f_D(m_Z'/T)`` and ``tau_diff = R^2/(lambda c)``.
This is the paper's historical constraint: later work (arXiv:2307.15115) finds that strong neutrino self-interactions
do not prolong the burst.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import PositiveFloat

from nuinfer.compiled import compiled, elementwise, inlined
from nuinfer.constants import HBAR_C_MEV_CM, KAMADA_YU, SPEED_OF_LIGHT_CM_S
from nuinfer.constraints.definition import Definition, Prediction
from nuinfer.constraints.tables import LARGEST, SMALLEST, read_table, require_within, spline
from nuinfer.typing import ArrayLike, FloatArray

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
    return read_table(_TABLE).exponential(0, m_over_t)


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


def _rate_per_cm(m_zprime_mev: ArrayLike, g_prime: ArrayLike, temperature_mev: ArrayLike) -> FloatArray:
    """``1/lambda``."""
    temperature, mass = np.asarray(temperature_mev, float), np.asarray(m_zprime_mev, float)
    require_within("temperature_mev", temperature, SMALLEST, LARGEST)
    table = read_table(_TABLE)
    table.require(mass / temperature)
    return elementwise(_rate_loop, (mass, g_prime, temperature), table.pieces[1])


def _log_time(
    m_zprime_mev: ArrayLike, g_prime: ArrayLike, *, temperature_mev: float, time_per_rate: float
) -> FloatArray:
    """Decimal logarithm of the time in the unit of `time_per_rate`."""
    table = read_table(_TABLE)
    table.require(np.asarray(m_zprime_mev, float) / temperature_mev)
    return elementwise(_log_time_loop, (m_zprime_mev, g_prime), temperature_mev, time_per_rate, table.pieces[1])


@compiled
def _rate_loop(
    mass: FloatArray, g_prime: FloatArray, temperature: FloatArray, pieces: FloatArray, out: FloatArray
) -> None:
    for n in range(out.size):
        out[n] = _rate(mass[n], g_prime[n], temperature[n], pieces)


@compiled
def _log_time_loop(
    mass: FloatArray, g_prime: FloatArray, temperature: float, per_rate: float, pieces: FloatArray, out: FloatArray
) -> None:
    for n in range(out.size):
        time = per_rate * _rate(mass[n], g_prime[n], temperature, pieces)
        out[n] = -math.inf if time == 0.0 else math.log10(time)


@inlined
def _rate(mass: float, g_prime: float, temperature: float, pieces: FloatArray) -> float:
    """``1/lambda`` in 1/cm; its thermal part ``f_D n_Z'/n_nu`` is tabulated without its Boltzmann factor."""
    ratio = mass / temperature
    thermal = math.exp(spline(math.log(ratio), pieces) - ratio)
    width = g_prime * g_prime / (12.0 * math.pi) * mass
    return 0.5 * width * thermal / HBAR_C_MEV_CM


def _prediction(
    numbers: Mapping[str, Any], strength: float, *, temperature_mev: float, radius_km: float, sigma_dex: float
) -> Prediction:
    """``log10(tau_diff / duration of the burst)``, log-normal with the theory error `sigma_dex`, or cut at zero."""
    table = read_table(_TABLE)
    time_per_rate = (strength * radius_km * _CM_PER_KM) ** 2 / SPEED_OF_LIGHT_CM_S / float(numbers["duration_s"])
    predict = functools.partial(_log_time, temperature_mev=temperature_mev, time_per_rate=time_per_rate)
    return Prediction(
        predict,
        standard_model=-math.inf,
        covered_mev=(table.low * temperature_mev, table.high * temperature_mev),
        measured={"mean": 0.0, "sigma": sigma_dex, "limit": 0.0},
    )


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
    options=MappingProxyType(
        {"temperature_mev": (PositiveFloat, 8.0), "radius_km": (PositiveFloat, 10.0), "sigma_dex": (PositiveFloat, 1.0)}
    ),
)
