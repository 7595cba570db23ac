"""Effective number of neutrinos, by the paper's thermodynamics (Sec. IV A, eqs. 27-35).

After decoupling at `t_dec_mev`, nu_mu, nu_tau and the Z' share one temperature apart from photons and nu_e. When the Z'
becomes non-relativistic it heats them. Two cases: ``entropy`` (no chemical potential, entropy per comoving volume
conserved; pair annihilation in equilibrium) and ``number`` (entropy and ``n_nu + 2 n_Z'`` conserved). The energy of the
Z' left at the end is not counted.

The evolution stops at ``T_gamma = t_dec_mev/15``, the paper's 0.1 MeV for its 1.5 MeV, so the result depends on
``m_Z'/t_dec_mev`` only. Where the stopping point matters at all (m_Z' below ``t_dec_mev``) this is a convention.
"""

from __future__ import annotations

import functools
from typing import Literal, get_args

import numpy as np

from nuinfer.constants import N_EFF_STANDARD_MODEL
from nuinfer.constraints.base import (
    Charges,
    Constraint,
    Form,
    MassRange,
    lmu_ltau_strength,
    read_measurement,
    read_table,
    require_coverage,
    require_positive_option,
    require_within,
    with_limit,
)
from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray

NAME = "neff"
Case = Literal["entropy", "number", "auto"]
PAIR_ANNIHILATION_G_PRIME = 1e-5  # the paper, Sec. IV A: annihilation in equilibrium above
_TABLE = "neff_paper.csv"


def delta_neff_paper(
    m_zprime_mev: ArrayLike,
    t_dec_mev: ArrayLike = 1.5,
    case: Case = "entropy",
    *,
    g_prime: ArrayLike | None = None,
) -> FloatArray:
    """Extra effective neutrinos left by a thermalised Z' of L_mu - L_tau.

    Interpolated from a table of the paper's eqs. (27)-(35); the error of the interpolation is below 1e-8.

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV.
    t_dec_mev : array_like, shape (*batch,)
        Decoupling temperature of the neutrinos, MeV.
    case : {"entropy", "number", "auto"}
        What is conserved; ``auto`` takes ``number`` for g' < 1e-5 and ``entropy`` above.
    g_prime : array_like, shape (*batch,), optional
        Coupling, needed by ``auto`` and by it only.

    Returns
    -------
    ndarray, shape (*batch,)
        Delta N_eff.

    Raises
    ------
    PhysicsDomainError
        If ``m_zprime_mev/t_dec_mev`` is outside the table, [0.01, 300].
    ConfigError
        If `case` is unknown, or ``auto`` comes without `g_prime`.

    Examples
    --------
    >>> print(f"{delta_neff_paper(5.25):.2f} {delta_neff_paper(9.76):.2f}")
    0.70 0.10
    """
    _require_case(case)
    if (case == "auto") != (g_prime is not None):
        raise ConfigError(f"case: 'auto' needs g_prime, and only 'auto' takes it (case is '{case}')")
    t_dec = np.asarray(t_dec_mev, float)
    require_within("t_dec_mev", t_dec, np.finfo(float).tiny, np.finfo(float).max)
    table = read_table(_TABLE)
    ratio = np.asarray(m_zprime_mev, float) / t_dec
    log_ratio = table.log(ratio)
    # the table holds Delta N_eff over the Boltzmann factor, which is smooth where Delta N_eff falls by 130 decades
    suppression = (1.0 + ratio) ** 2.5 * np.exp(-ratio)
    entropy, number = table.splines
    if g_prime is None:
        return np.asarray(suppression * (entropy if case == "entropy" else number)(log_ratio))
    weak = np.asarray(g_prime, float) < PAIR_ANNIHILATION_G_PRIME
    return np.asarray(suppression * np.where(weak, number(log_ratio), entropy(log_ratio)))


def build(
    form: Form,
    measurement: str,
    charges: Charges,
    mass_range_mev: MassRange,
    *,
    confidence_level: float = 0.95,
    limit: float | None = None,
    t_dec_mev: float = 1.5,
    case: Case = "auto",
) -> Constraint:
    """The constraint on ``N_eff = 3.044 + Delta N_eff``, for charges (0, q, -q).

    Raises
    ------
    ConfigError
        If the charges are others, the table does not cover the masses, the measurement or case is unknown, or the
        form does not fit the measurement or the limit.
    """
    measured = with_limit(NAME, form, read_measurement(NAME, measurement), limit)
    strength = lmu_ltau_strength(NAME, charges)
    require_positive_option(NAME, t_dec_mev=t_dec_mev)
    _require_case(case, f"constraints.{NAME}.")
    table = read_table(_TABLE)
    require_coverage(NAME, mass_range_mev, (table.low * t_dec_mev, table.high * t_dec_mev))
    predict = functools.partial(_observable, strength=strength, t_dec_mev=t_dec_mev, case=case)
    return Constraint(NAME, form, measured, predict, N_EFF_STANDARD_MODEL, confidence_level)


def _observable(
    m_zprime_mev: FloatArray, g_prime: FloatArray, *, strength: float, t_dec_mev: float, case: Case
) -> FloatArray:
    coupling = g_prime * strength if case == "auto" else None
    extra = delta_neff_paper(m_zprime_mev, t_dec_mev, case, g_prime=coupling)
    return np.broadcast_arrays(N_EFF_STANDARD_MODEL + extra, g_prime)[0]


def _require_case(case: str, prefix: str = "") -> None:
    if case not in get_args(Case):
        raise ConfigError(f"{prefix}case: '{case}' is none of {', '.join(get_args(Case))}")
