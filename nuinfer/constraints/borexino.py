"""Solar 7Be neutrinos in Borexino: the rate of elastic scattering with a Z', or the paper's recipe.

The Z' reaches the electron by mixing with the photon through muon and tau loops (eq. 3): with ``L = -(eps/2) F Z'`` the
electron's coupling is ``e eps``. A neutrino of charge ``Q_a`` then scatters with

``g_L,R -> g_L,R + Q_a g' e eps / (2 sqrt2 G_F (m_Z'^2 + 2 m_e T))``,

so that the rate is exactly ``R/R_SM = 1 + b g'^2 + c g'^4``: interference and the Z' alone. The mixing is taken at
q^2 = -1 MeV^2; over the recoils of the window, -q^2 = 2 m_e T = 0.3 to 0.7 MeV^2, it changes by less than 1e-4.

The paper's recipe instead asks that ``sqrt(|eps| e g')`` stay below the limit on a B-L coupling, relaxed by
``(1/0.66)^(1/4)`` because nu_e do not couple. The measurement's id chooses: a rate, or the limit of the recipe.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from nuinfer.constants import ELECTRIC_CHARGE, G_FERMI_GEV2, MASS_ELECTRON_MEV, MASS_MUON_MEV, MASS_TAU_MEV, MEV_PER_GEV
from nuinfer.constraints.base import (
    FOLDER,
    Charges,
    Constraint,
    Form,
    MassRange,
    lmu_ltau_strength,
    quadratic_rate,
    read_measurement,
    read_numbers,
    require_coverage,
    require_within,
    with_limit,
)
from nuinfer.datafiles import DataFolder, locate
from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray

NAME = "borexino"
_SERIES_BELOW = 1.0  # |q^2|/m^2 under which the closed form of the loop cancels
_TERMS = 24
_NODES = 16  # Gauss-Legendre nodes of the recoil; exact to 1e-14 down to the lightest Z'
_HIGHEST_MEV = 1e100  # beyond, squares overflow


def kinetic_mixing(g_prime: ArrayLike, q2_mev2: ArrayLike = -1.0) -> FloatArray:
    """Photon-Z' mixing from muon and tau loops (the paper's eq. 3).

    Closed form, relative accuracy 1e-11; negative for positive coupling.

    Parameters
    ----------
    g_prime : array_like, shape (*batch,)
        Coupling of L_mu - L_tau.
    q2_mev2 : array_like, shape (*batch,)
        Squared four-momentum, MeV^2; below the dimuon threshold ``4 m_mu^2``.

    Returns
    -------
    ndarray, shape (*batch,)
        eps, dimensionless.

    Raises
    ------
    PhysicsDomainError
        If `q2_mev2` is not below the dimuon threshold.

    Examples
    --------
    >>> print(f"{1.0 / kinetic_mixing(1.0):.2f}")
    -69.29
    """
    q2 = np.asarray(q2_mev2, float)
    require_within("q2_mev2", q2, -np.finfo(float).max, 4.0 * MASS_MUON_MEV**2 * (1.0 - 1e-12))
    mass_part = math.log(MASS_TAU_MEV / MASS_MUON_MEV) / 3.0
    loops = mass_part + _loop(q2 / MASS_TAU_MEV**2) - _loop(q2 / MASS_MUON_MEV**2)
    return np.asarray(-ELECTRIC_CHARGE / (2.0 * math.pi**2) * np.asarray(g_prime, float) * loops)


def paper_limit(m_zprime_mev: ArrayLike) -> FloatArray:
    """Upper limit on g' of L_mu - L_tau from the paper's recipe (Sec. II).

    The B-L limit is that of arXiv:1803.05466, not the curve the paper used; interpolated in log-log, and flat below its
    first point (0.228 MeV).

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV, positive and not above the last point (107.9 MeV).

    Returns
    -------
    ndarray, shape (*batch,)
        Limit on g', dimensionless.

    Raises
    ------
    PhysicsDomainError
        Outside that range.

    Examples
    --------
    >>> print(f"{paper_limit(10.0):.2e}")
    3.78e-04
    """
    mass = np.asarray(m_zprime_mev, float)
    log_mass, log_limit = _log_limit()
    require_within("m_zprime_mev", mass, np.finfo(float).tiny, _highest_mass_mev())
    return np.asarray(np.exp(np.interp(np.log(mass), log_mass, log_limit)))


def rate_coefficients(m_zprime_mev: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """``b`` and ``c`` of ``R/R_SM = 1 + b g'^2 + c g'^4``, for L_mu - L_tau.

    A Gauss-Legendre sum over the electron's recoil from 270 keV to the Compton edge of the 862 keV line (665 keV), with
    flavours P(nu_e -> nu_e, nu_mu, nu_tau) after adiabatic conversion in the Sun; relative accuracy 1e-12.

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV, positive.

    Returns
    -------
    b, c : ndarray, shape (*batch,)
        Dimensionless, both positive: nu_mu, slightly more frequent than nu_tau, interfere constructively.

    Raises
    ------
    PhysicsDomainError
        If a mass is not positive, or above 1e100.

    Examples
    --------
    >>> b, c = rate_coefficients(10.0)
    >>> print(f"{b:.3e} {c:.3e}")
    3.082e+04 2.373e+12
    """
    mass = np.asarray(m_zprime_mev, float)
    require_within("m_zprime_mev", mass, np.finfo(float).tiny, _HIGHEST_MEV)
    momentum2, linear, quadratic = _recoil()
    propagator = 1.0 / (mass[..., None] ** 2 + momentum2)
    return np.asarray(propagator @ linear), np.asarray(propagator**2 @ quadratic)


def rate_ratio(m_zprime_mev: ArrayLike, g_prime: ArrayLike) -> FloatArray:
    """Rate of 7Be neutrinos in Borexino over its Standard Model value, for L_mu - L_tau.

    Recoils of 270 to 665 keV, 862 keV line; derived in the module's docstring, constants in ``borexino.toml``.

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV, positive.
    g_prime : array_like, shape (*batch,)
        Coupling; a charge q other than one multiplies it.

    Returns
    -------
    ndarray, shape (*batch,)
        Dimensionless, at least one.

    Raises
    ------
    PhysicsDomainError
        If a mass is not positive, or above 1e100.

    Examples
    --------
    >>> print(f"{rate_ratio(10.0, 5e-4):.3f}")
    1.156
    """
    return quadratic_rate(g_prime, *rate_coefficients(m_zprime_mev))


def build(
    form: Form,
    measurement: str,
    charges: Charges,
    mass_range_mev: MassRange | None,
    *,
    confidence_level: float = 0.95,
    limit: float | None = None,
) -> Constraint:
    """The constraint for charges (0, q, -q), on the rate or by the recipe as the measurement says.

    With a measured rate the observable is ``R_SM R/R_SM`` in counts per day and 100 t; the error is that of the
    measurement and of R_SM in quadrature. With the limit of the recipe it is ``g'/limit``, an exclusion at 1.

    Raises
    ------
    ConfigError
        If the form does not fit the measurement or the limit, the charges are others, the recipe's table does not cover
        the masses, or the measurement is unknown.
    """
    measured = read_measurement(NAME, measurement)
    strength = lmu_ltau_strength(NAME, charges)
    numbers = read_numbers(NAME)["measurements"][measurement]
    if "standard_model" in numbers:
        standard = float(numbers["standard_model"])
        measured = dataclasses.replace(measured, sigma=math.hypot(*numbers["sigmas"]))
        measured = with_limit(NAME, form, measured, limit)
        predict = functools.partial(_rate, strength=strength, standard_model=standard)
        return Constraint(NAME, form, measured, predict, standard, confidence_level)
    if form != "exclusion":
        raise ConfigError(
            f"constraints.{NAME}.form: '{form}' is not allowed with measurement '{measurement}'; "
            "the recipe is a limit, so the form can only be 'exclusion'"
        )
    measured = with_limit(NAME, form, measured, limit)
    require_coverage(NAME, mass_range_mev, (np.finfo(float).tiny, _highest_mass_mev()))
    predict = functools.partial(_over_limit, strength=strength)
    return Constraint(NAME, form, measured, predict, standard_model=0.0, confidence_level=confidence_level)


def _rate(m_zprime_mev: FloatArray, g_prime: FloatArray, *, strength: float, standard_model: float) -> FloatArray:
    return standard_model * rate_ratio(m_zprime_mev, g_prime * strength)


def _over_limit(m_zprime_mev: FloatArray, g_prime: FloatArray, *, strength: float) -> FloatArray:
    return np.asarray(g_prime * strength / paper_limit(m_zprime_mev))


@functools.cache
def _recoil() -> tuple[FloatArray, FloatArray, FloatArray]:
    """``-q^2`` in MeV^2 at the nodes of the recoil, and the weights of b and c (MeV^2, MeV^4), over the SM rate.

    ``dsigma/dT`` is proportional to ``g_L^2 + g_R^2 (1-y)^2 - g_L g_R m_e y/E`` with ``y = T/E``.
    """
    numbers = read_numbers(NAME)["rate"]
    energy, sin2 = float(numbers["line_mev"]), float(numbers["sin2_theta_w"])
    edge = 2.0 * energy**2 / (MASS_ELECTRON_MEV + 2.0 * energy)
    low, high = numbers["window_mev"][0], min(numbers["window_mev"][1], edge)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    recoil = 0.5 * (high + low) + 0.5 * (high - low) * nodes
    right_part = (1.0 - recoil / energy) ** 2
    mixed_part = -MASS_ELECTRON_MEV * recoil / energy**2
    probability = np.array(numbers["probabilities"])
    left, right = sin2 + np.array([0.5, -0.5, -0.5]), sin2
    charge = np.array([0.0, 1.0, -1.0])
    standard = sum(
        p * (weights @ (g**2 + right**2 * right_part + g * right * mixed_part))
        for p, g in zip(probability, left, strict=True)
    )
    per_propagator = ELECTRIC_CHARGE * float(kinetic_mixing(1.0, numbers["q2_mev2"]))
    per_propagator /= 2.0 * math.sqrt(2.0) * G_FERMI_GEV2 / MEV_PER_GEV**2
    slope = 2.0 * left[1] + 2.0 * right * right_part + (left[1] + right) * mixed_part  # alike for nu_mu and nu_tau
    linear = per_propagator * (probability @ charge) * weights * slope / standard
    quadratic = per_propagator**2 * (probability @ charge**2) * weights * (1.0 + right_part + mixed_part) / standard
    return 2.0 * MASS_ELECTRON_MEV * recoil, linear, quadratic


@functools.cache
def _table() -> tuple[FloatArray, FloatArray]:
    columns = DataFolder.open(locate(FOLDER)).read_csv("borexino_bl_limit.csv")
    return columns["m_mev"], columns["g_bl"]


def _highest_mass_mev() -> float:
    return float(_table()[0][-1])


@functools.cache
def _log_limit() -> tuple[FloatArray, FloatArray]:
    """Logarithms of mass and of the limit on g': ``g_BL (1/f)^(1/4) / sqrt(|eps/g'| e)``, f the coupled fraction."""
    numbers = read_numbers(NAME)["recipe"]
    mass, g_bl = _table()
    mixing = abs(float(kinetic_mixing(1.0, numbers["q2_mev2"])))
    relaxed = g_bl * (1.0 / numbers["coupled_fraction"]) ** 0.25
    return np.log(mass), np.log(relaxed / math.sqrt(mixing * ELECTRIC_CHARGE))


def _loop(s: FloatArray) -> FloatArray:
    """``int_0^1 dx x(1-x) ln(1 - x(1-x) s)`` for ``s < 4``."""
    near_zero = np.abs(s) < _SERIES_BELOW
    small = np.where(near_zero, s, 0.0)
    series = np.zeros_like(small)
    for k in range(_TERMS, 0, -1):
        series = small * (series - math.factorial(k + 1) ** 2 / math.factorial(2 * k + 3) / k)
    away = np.where(near_zero, -1.0, s)
    root = np.sqrt(np.abs(1.0 - 4.0 / away))  # spacelike: root > 1; below threshold: the imaginary part
    spacelike = away < 0.0
    arc = np.where(
        spacelike,
        2.0 * np.arctanh(1.0 / np.where(spacelike, root, 2.0)),
        2.0 * np.arctan2(1.0, root),
    )
    closed = -5.0 / 18.0 - 2.0 / (3.0 * away) + (1.0 + 2.0 / away) * root * arc / 6.0
    return np.where(near_zero, series, closed)
