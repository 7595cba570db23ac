"""Effective number of neutrinos with a Z' of L_mu - L_tau: Boltzmann equations, or the paper's thermodynamics.

``boltzmann``: what the equations of `neff_boltzmann` leave, tabulated. The Z' is in equilibrium with nu_mu and nu_tau
and, with mixing, exchanges energy with e+e- by decay and inverse decay. It holds for couplings that thermalise the Z',
g' above about 1e-9; below, a Z' is rarer and the result an overestimate.

``paper`` (Sec. IV A, eqs. 27-35): after decoupling at `t_dec_mev`, nu_mu, nu_tau and the Z' share one temperature apart
from photons and nu_e. When the Z' becomes non-relativistic it heats them. Two cases: ``entropy`` (no chemical
potential, entropy per comoving volume conserved; pair annihilation in equilibrium) and ``number`` (entropy and
``n_nu + 2 n_Z'`` conserved). The energy of the Z' left at the end is not counted. The evolution stops at
``T_gamma = t_dec_mev/15``, the paper's 0.1 MeV for its 1.5 MeV, so the result depends on ``m_Z'/t_dec_mev`` only. Where
the stopping point matters at all (m_Z' below ``t_dec_mev``) this is a convention.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from nuinfer.constants import ELECTRIC_CHARGE, MASS_ELECTRON_MEV, N_EFF_STANDARD_MODEL
from nuinfer.constraints.base import (
    FOLDER,
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
from nuinfer.datafiles import DataFolder, locate
from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray

if TYPE_CHECKING:
    from scipy.interpolate import RectBivariateSpline

NAME = "neff"
Case = Literal["entropy", "number", "auto"]
PAIR_ANNIHILATION_G_PRIME = 1e-5  # the paper, Sec. IV A: annihilation in equilibrium above
TABLE_FLOOR = 1e-7  # the Boltzmann table holds ln(Delta N_eff + this), which rounding leaves smooth for a heavy Z'
_TABLE = "neff_paper.csv"
_BOLTZMANN, _MIXING = "neff_boltzmann.csv", "neff_mixing.npz"
_DEFAULT_T_DEC_MEV = 1.5

Model = Literal["paper", "boltzmann"]
Temperatures = Literal["common", "split"]


def delta_neff(
    m_zprime_mev: ArrayLike, g_prime: ArrayLike | None = None, temperatures: Temperatures = "common"
) -> FloatArray:
    """Extra effective neutrinos left by a thermalised Z' of L_mu - L_tau, by the Boltzmann equations.

    ``N_eff(Z') - N_eff(SM)`` of `neff_boltzmann` (arXiv:1812.05605, arXiv:2001.04466), interpolated; the errors are in
    docs/constraints.md.

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV.
    g_prime : array_like, shape (*batch,), optional
        Coupling, which sets the mixing with the photon through muon and tau loops and with it Z' <-> e+e-. None, or
        below 2 m_e: no mixing. The table ends near g' = 0.4: a stronger coupling counts as that.
    temperatures : {"common", "split"}
        One temperature for all neutrinos, as strong flavour oscillations leave it, or nu_e apart from nu_mu, nu_tau.

    Returns
    -------
    ndarray, shape (*batch,)
        Delta N_eff.

    Raises
    ------
    PhysicsDomainError
        If ``m_zprime_mev`` is outside the table, [0.1, 100], or `g_prime` is negative.
    ConfigError
        If `temperatures` is unknown.

    Examples
    --------
    >>> print(f"{delta_neff(10.0):.3f} {delta_neff(10.0, temperatures='split'):.3f} {delta_neff(10.0, 3e-4):.3f}")
    0.315 0.452 0.592
    """
    _require(temperatures, Temperatures, "temperatures")
    mass = np.asarray(m_zprime_mev, float)
    table = read_table(_BOLTZMANN)
    log_mass = table.log(mass)
    common, split, loop = table.splines
    bare = np.exp((common if temperatures == "common" else split)(log_mass)) - TABLE_FLOOR
    if g_prime is None:
        return np.asarray(bare)
    g = np.asarray(g_prime, float)
    require_within("g_prime", g, 0.0, np.finfo(float).max)
    squares = np.maximum(1.0 - (2.0 * MASS_ELECTRON_MEV / mass) ** 2, 0.0)  # of the electrons' speed
    ratio = (ELECTRIC_CHARGE * loop(log_mass) * g) ** 2 * (1.5 - 0.5 * squares) * np.sqrt(squares) / (12.0 * math.pi)
    return np.asarray(bare + _mixing_grid(temperatures)(log_mass, ratio))


@dataclass(frozen=True)
class MixingGrid:
    """What mixing adds to N_eff, against ``ln m_Z'`` and the width to electrons over the mass.

    Parameters
    ----------
    spline : RectBivariateSpline
        Cubic, against the logarithms of mass and ratio.
    lowest, highest : float
        Ratio below which nothing is added, as mixing is too slow to matter; ratio that any larger one counts as.
    """

    spline: RectBivariateSpline
    lowest: float
    highest: float

    @classmethod
    def through(cls, mass: FloatArray, ratio: FloatArray, added: FloatArray) -> MixingGrid:
        """Through the nodes of a table, `added` of shape (mass, ratio).

        A cubic spline on a mesh four times finer than the table, filled by a quintic one: as accurate and faster.
        """
        from scipy.interpolate import RectBivariateSpline  # heavy

        x, y = np.log(mass), np.log(ratio)
        fine_x, fine_y = (np.linspace(v[0], v[-1], 4 * v.size - 3) for v in (x, y))
        filled = RectBivariateSpline(x, y, added, kx=5, ky=5)(fine_x, fine_y)
        return cls(RectBivariateSpline(fine_x, fine_y, filled, kx=3, ky=3), float(ratio[0]), float(ratio[-1]))

    def __call__(self, log_mass: FloatArray, ratio: FloatArray) -> FloatArray:
        """Addition to N_eff; arguments broadcast, masses below threshold have ratio 0."""
        spoiled = np.isnan(log_mass) | np.isnan(ratio)
        fast = ratio > self.lowest
        x, y = np.broadcast_arrays(log_mass, np.log(np.where(fast, np.minimum(ratio, self.highest), self.lowest)))
        value = self.spline.ev(x, y)
        return np.asarray(np.where(spoiled, np.nan, np.where(fast, value, 0.0)))


@functools.cache
def _mixing_grid(temperatures: Temperatures) -> MixingGrid:
    arrays = DataFolder.open(locate(FOLDER)).read_arrays(_MIXING)
    return MixingGrid.through(arrays["m_zprime_mev"], arrays["width_over_mass"], arrays[temperatures])


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
    model: Model = "boltzmann",
    temperatures: Temperatures = "common",
    mixing: bool = True,
    t_dec_mev: float = _DEFAULT_T_DEC_MEV,
    case: Case = "auto",
) -> Constraint:
    """The constraint on ``N_eff = 3.044 + Delta N_eff``, for charges (0, q, -q).

    `temperatures` and `mixing` belong to the model ``boltzmann``, `t_dec_mev` and `case` to ``paper``.

    Raises
    ------
    ConfigError
        If the charges are others, the table does not cover the masses, the measurement or an option is unknown or
        belongs to the other model, or the form does not fit the measurement or the limit.
    """
    measured = with_limit(NAME, form, read_measurement(NAME, measurement), limit)
    strength = lmu_ltau_strength(NAME, charges)
    prefix = f"constraints.{NAME}."
    _require(model, Model, f"{prefix}model")
    _require(temperatures, Temperatures, f"{prefix}temperatures")
    _require_case(case, prefix)
    require_positive_option(NAME, t_dec_mev=t_dec_mev)
    predict: functools.partial[FloatArray]
    if model == "paper":
        _refuse_other("temperatures", temperatures, "common", "boltzmann")
        table = read_table(_TABLE)
        require_coverage(NAME, mass_range_mev, (table.low * t_dec_mev, table.high * t_dec_mev))
        predict = functools.partial(_observable_paper, strength=strength, t_dec_mev=t_dec_mev, case=case)
    else:
        _refuse_other("t_dec_mev", t_dec_mev, _DEFAULT_T_DEC_MEV, "paper")
        _refuse_other("case", case, "auto", "paper")
        table = read_table(_BOLTZMANN)
        require_coverage(NAME, mass_range_mev, (table.low, table.high))
        predict = functools.partial(_observable, strength=strength, temperatures=temperatures, mixing=mixing)
    return Constraint(NAME, form, measured, predict, N_EFF_STANDARD_MODEL, confidence_level)


def _observable(
    m_zprime_mev: FloatArray, g_prime: FloatArray, *, strength: float, temperatures: Temperatures, mixing: bool
) -> FloatArray:
    extra = delta_neff(m_zprime_mev, g_prime * strength if mixing else None, temperatures)
    return np.broadcast_arrays(N_EFF_STANDARD_MODEL + extra, g_prime)[0]


def _observable_paper(
    m_zprime_mev: FloatArray, g_prime: FloatArray, *, strength: float, t_dec_mev: float, case: Case
) -> FloatArray:
    coupling = g_prime * strength if case == "auto" else None
    extra = delta_neff_paper(m_zprime_mev, t_dec_mev, case, g_prime=coupling)
    return np.broadcast_arrays(N_EFF_STANDARD_MODEL + extra, g_prime)[0]


def _refuse_other(option: str, value: object, default: object, model: Model) -> None:
    """Refuse an option that only the other model takes."""
    if value != default:
        raise ConfigError(f"constraints.{NAME}.{option}: {value} is only for model = '{model}'")


def _require(value: str, allowed: object, name: str) -> None:
    if value not in get_args(allowed):
        raise ConfigError(f"{name}: '{value}' is none of {', '.join(get_args(allowed))}")


def _require_case(case: str, prefix: str = "") -> None:
    _require(case, Case, f"{prefix}case")
