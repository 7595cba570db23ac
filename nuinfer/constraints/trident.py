"""Neutrino tridents, nu_mu N -> nu_mu N mu+ mu-: a Z' between the neutrino and the muons.

``R/R_SM = 1 + b g'^2 + c g'^4``, with b and c tabulated by ``data/constraints/make_trident_table.py`` in the
equivalent-photon approximation of arXiv:1406.2332, at the mean energy of the beam. For a heavy Z' the vector coupling
is shifted by ``v^2 g'^2/m_Z'^2``, and if vector and axial part had the same rate, ``R/R_SM`` would be ``[1 + (1 + 4
s_W^2 + 2 v^2 g'^2/m_Z'^2)^2] / [1 + (1 + 4 s_W^2)^2]``; the mass of the muon makes their ratio 0.91 at CCFR and 0.79 at
CHARM-II.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from nuinfer.compiled import plain
from nuinfer.constraints.base import check_option
from nuinfer.constraints.definition import Definition, Oscillation, Prediction
from nuinfer.constraints.tables import quadratic_rate, read_table
from nuinfer.typing import ArrayLike, FloatArray

Beam = Literal["ccfr", "charm2"]
_TABLE = "trident.csv"


def rate_coefficients(m_zprime_mev: ArrayLike, beam: Beam = "ccfr") -> tuple[FloatArray, FloatArray]:
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
    check_option("beam", Beam, beam)
    table, column = read_table(_TABLE), 2 * get_args(Beam).index(beam)
    return np.exp(table(column, m_zprime_mev)), np.exp(table(column + 1, m_zprime_mev))


def rate_ratio(m_zprime_mev: ArrayLike, g_prime: ArrayLike, beam: Beam = "ccfr") -> FloatArray:
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
    return np.asarray(plain(quadratic_rate)(np.asarray(g_prime, float), *rate_coefficients(m_zprime_mev, beam)))


def _prediction(numbers: Mapping[str, Any], _oscillation: Oscillation) -> Prediction:
    table = read_table(_TABLE)
    predict = functools.partial(rate_ratio, beam=numbers["beam"])
    return Prediction(predict, standard_model=1.0, covered_mev=(table.low, table.high))


CONSTRAINT = Definition(
    name="trident",
    order=5,
    label="tridents",
    colour="#8C510A",
    measurement="ccfr",
    prediction=_prediction,
    prediction_reference="Altmannshofer et al., Phys. Rev. Lett. 113 (2014) 091801, arXiv:1406.2332",
    charges="muon",
    not_scalar_because="a scalar couples to neutrinos alone and makes no muons",
)
