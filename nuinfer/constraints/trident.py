"""Neutrino tridents, nu_mu N -> nu_mu N mu+ mu-: a Z' between the neutrino and the muons.

``R/R_SM = 1 + b g'^2 + c g'^4``, with b and c tabulated by ``data/constraints/make_trident_table.py`` in the
equivalent-photon approximation of arXiv:1406.2332, at the mean energy of the beam. For a heavy Z' the vector coupling
is shifted by ``v^2 g'^2/m_Z'^2``, and if vector and axial part had the same rate, ``R/R_SM`` would be ``[1 + (1 + 4
s_W^2 + 2 v^2 g'^2/m_Z'^2)^2] / [1 + (1 + 4 s_W^2)^2]``; the mass of the muon makes their ratio 0.91 at CCFR and 0.79 at
CHARM-II.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nuinfer.compiled import compiled, elementwise
from nuinfer.constraints.definition import Definition, Prediction
from nuinfer.constraints.tables import quadratic_rate, read_table, spline
from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray

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
    table, column = read_table(_TABLE), _column(beam)
    return table.exponential(column, m_zprime_mev), table.exponential(column + 1, m_zprime_mev)


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
    return _rate(m_zprime_mev, g_prime, charge=1.0, column=_column(beam))


def _column(beam: str) -> int:
    """Place of b in the table; c is next to it."""
    if beam not in BEAMS:
        raise ConfigError(f"beam: '{beam}' is none of {', '.join(BEAMS)}")
    return 2 * BEAMS.index(beam)


def _rate(m_zprime_mev: ArrayLike, g_prime: ArrayLike, *, charge: float, column: int) -> FloatArray:
    table, mass = read_table(_TABLE), np.asarray(m_zprime_mev, float)
    table.require(mass)
    return elementwise(_rate_loop, (mass, g_prime), charge, table.pieces[column : column + 2])


@compiled
def _rate_loop(mass: FloatArray, g_prime: FloatArray, charge: float, pieces: FloatArray, out: FloatArray) -> None:
    for n in range(out.size):
        x = math.log(mass[n])
        linear, quadratic = math.exp(spline(x, pieces[0])), math.exp(spline(x, pieces[1]))
        out[n] = quadratic_rate(g_prime[n] * charge, linear, quadratic)


def _prediction(numbers: Mapping[str, Any], charge: float) -> Prediction:
    table = read_table(_TABLE)
    predict = functools.partial(_rate, charge=charge, column=_column(numbers["beam"]))
    return Prediction(predict, standard_model=1.0, covered_mev=(table.low, table.high))


CONSTRAINT = Definition(
    name="trident",
    order=5,
    label="tridents",
    colour="#8C510A",
    measurement="ccfr",
    prediction=_prediction,
    prediction_reference="Altmannshofer et al., Phys. Rev. Lett. 113 (2014) 091801, arXiv:1406.2332",
    charges="any",  # it depends on the muon's alone
)
