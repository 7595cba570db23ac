"""Solar neutrinos in Borexino, by the paper's recipe: a published B-L limit carried over to L_mu - L_tau.

The Z' reaches the electron by mixing with the photon through muon and tau loops (eq. 3). The recipe asks that
``sqrt(|eps| e g')`` stay below the limit on a B-L coupling, relaxed by ``(1/0.66)^(1/4)`` because nu_e do not couple.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from nuinfer.constants import ELECTRIC_CHARGE, MASS_MUON_MEV, MASS_TAU_MEV
from nuinfer.constraints.base import (
    FOLDER,
    Charges,
    Constraint,
    Form,
    MassRange,
    lmu_ltau_strength,
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


def build(
    form: Form,
    measurement: str,
    charges: Charges,
    mass_range_mev: MassRange,
    *,
    confidence_level: float = 0.95,
    limit: float | None = None,
) -> Constraint:
    """The constraint on ``g'/limit``, an exclusion at 1, for charges (0, q, -q).

    Raises
    ------
    ConfigError
        If the form is not ``exclusion``, the charges are others, the table does not cover the masses, or the
        measurement is unknown.
    """
    measured = read_measurement(NAME, measurement)
    if form != "exclusion":
        raise ConfigError(
            f"constraints.{NAME}.form: '{form}' is not allowed; "
            "the recipe is a limit, so the form can only be 'exclusion'"
        )
    measured = with_limit(NAME, form, measured, limit)
    predict = functools.partial(_observable, strength=lmu_ltau_strength(NAME, charges))
    require_coverage(NAME, mass_range_mev, (np.finfo(float).tiny, _highest_mass_mev()))
    return Constraint(NAME, form, measured, predict, standard_model=0.0, confidence_level=confidence_level)


def _observable(m_zprime_mev: FloatArray, g_prime: FloatArray, *, strength: float) -> FloatArray:
    return np.asarray(g_prime * strength / paper_limit(m_zprime_mev))


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
