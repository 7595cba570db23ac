"""Neutrino tridents, nu_mu N -> nu_mu N mu+ mu-: a Z' between the neutrino and the muons.

``R/R_SM = 1 + b g'^2 + c g'^4``, with b and c tabulated by ``data/constraints/make_trident_table.py`` in the
equivalent-photon approximation of arXiv:1406.2332, at the mean energy of the beam. For a heavy Z' the vector coupling
is shifted by ``v^2 g'^2/m_Z'^2``, and if vector and axial part had the same rate, ``R/R_SM`` would be ``[1 + (1 + 4
s_W^2 + 2 v^2 g'^2/m_Z'^2)^2] / [1 + (1 + 4 s_W^2)^2]``; the mass of the muon makes their ratio 0.91 at CCFR and 0.79 at
CHARM-II.
"""

from __future__ import annotations

import functools

import numpy as np

from nuinfer.constraints.base import (
    Charges,
    Constraint,
    Form,
    MassRange,
    quadratic_rate,
    read_measurement,
    read_numbers,
    read_table,
    require_coverage,
    with_limit,
)
from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray

NAME = "trident"
BEAMS = ("ccfr", "charm2")
_TABLE = "trident.csv"


def rate_coefficients(m_zprime_mev: ArrayLike, beam: str = "ccfr") -> tuple[FloatArray, FloatArray]:
    """``b`` and ``c`` of ``R/R_SM = 1 + b g'^2 + c g'^4``, for a unit charge of muon and nu_mu.

    Interpolated, relative error below 1e-9 of the calculation described in the module's docstring.

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV, in [0.01, 1e5].
    beam : {"ccfr", "charm2"}
        160 GeV on iron, or 20 GeV on glass.

    Returns
    -------
    b, c : ndarray, shape (*batch,)
        Dimensionless, positive.

    Raises
    ------
    PhysicsDomainError
        Outside the table.
    ConfigError
        If `beam` is unknown.

    Examples
    --------
    >>> b, c = rate_coefficients(10.0)
    >>> print(f"{b:.3e} {c:.3e}")
    1.859e+05 2.503e+11
    """
    if beam not in BEAMS:
        raise ConfigError(f"beam: '{beam}' is none of {', '.join(BEAMS)}")
    table = read_table(_TABLE)
    log_mass = table.log(np.asarray(m_zprime_mev, float))
    column = 2 * BEAMS.index(beam)
    return np.exp(table.splines[column](log_mass)), np.exp(table.splines[column + 1](log_mass))


def rate_ratio(m_zprime_mev: ArrayLike, g_prime: ArrayLike, beam: str = "ccfr") -> FloatArray:
    """Cross-section of neutrino tridents over its Standard Model value.

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV, in [0.01, 1e5].
    g_prime : array_like, shape (*batch,)
        Coupling; the charge of the muon multiplies it.
    beam : {"ccfr", "charm2"}
        160 GeV on iron, or 20 GeV on glass.

    Returns
    -------
    ndarray, shape (*batch,)
        Dimensionless, at least one: the interference is constructive.

    Raises
    ------
    PhysicsDomainError, ConfigError
        As `rate_coefficients`.

    Examples
    --------
    >>> print(f"{rate_ratio(10.0, 1e-3):.3f}")
    1.436
    """
    return quadratic_rate(g_prime, *rate_coefficients(m_zprime_mev, beam))


def build(
    form: Form,
    measurement: str,
    charges: Charges,
    mass_range_mev: MassRange | None,
    *,
    confidence_level: float = 0.95,
    limit: float | None = None,
) -> Constraint:
    """The constraint on ``sigma/sigma_SM``, for any charges (it depends on Q_mu alone).

    Raises
    ------
    ConfigError
        If the table does not cover the masses, the measurement is unknown, or the form does not fit the limit.
    """
    measured = with_limit(NAME, form, read_measurement(NAME, measurement), limit)
    table = read_table(_TABLE)
    require_coverage(NAME, mass_range_mev, (table.low, table.high))
    beam = read_numbers(NAME)["measurements"][measurement]["beam"]
    predict = functools.partial(_observable, muon_charge=float(charges[1]), beam=beam)
    return Constraint(NAME, form, measured, predict, standard_model=1.0, confidence_level=confidence_level)


def _observable(m_zprime_mev: FloatArray, g_prime: FloatArray, *, muon_charge: float, beam: str) -> FloatArray:
    return rate_ratio(m_zprime_mev, g_prime * muon_charge, beam)
