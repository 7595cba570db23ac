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
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from pydantic import PositiveFloat, StrictBool

from nuinfer.compiled import compiled, elementwise, inlined
from nuinfer.constants import ELECTRIC_CHARGE, KAMADA_YU, MASS_ELECTRON_MEV, N_EFF_STANDARD_MODEL
from nuinfer.constraints.definition import Definition, Prediction, check_option
from nuinfer.constraints.tables import FOLDER, LARGEST, SMALLEST, interval, read_table, require_within, spline
from nuinfer.datafiles import DataFolder, locate
from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray

if TYPE_CHECKING:
    from scipy.interpolate import RectBivariateSpline

Model = Literal["paper", "boltzmann"]
Temperatures = Literal["common", "split"]
Case = Literal["entropy", "number", "auto"]
_NUMBER_BELOW = MappingProxyType({"entropy": 0.0, "number": math.inf, "auto": 1e-5})
"""Coupling below which pairs do not annihilate fast enough (the paper, Sec. IV A): their number is conserved."""

TABLE_FLOOR = 1e-7  # the Boltzmann table holds ln(Delta N_eff + this), which rounding leaves smooth for a heavy Z'
_TABLE = "neff_paper.csv"
_BOLTZMANN, _MIXING = "neff_boltzmann.csv", "neff_mixing.npz"


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
    check_option("temperatures", Temperatures, temperatures)
    coupling = np.asarray(0.0 if g_prime is None else g_prime, float)
    require_within("g_prime", coupling, 0.0, LARGEST)
    return _boltzmann(m_zprime_mev, coupling, temperatures)


def _boltzmann(m_zprime_mev: ArrayLike, g_prime: ArrayLike, temperatures: Temperatures) -> FloatArray:
    mass = np.asarray(m_zprime_mev, float)
    read_table(_BOLTZMANN).require(mass)
    return elementwise(_boltzmann_loop, (mass, g_prime), _pieces(temperatures), *_mixing_grid(temperatures))


def mixing_spline(mass: FloatArray, ratio: FloatArray, added: FloatArray) -> RectBivariateSpline:
    """What mixing adds to N_eff, against the logarithms of m_Z' and of the width to electrons over the mass.

    A cubic spline on a mesh four times finer than the table, filled by a quintic one: as accurate and faster.

    Parameters
    ----------
    mass, ratio : ndarray, shapes (n,) and (m,)
        Nodes of the table.
    added : ndarray, shape (n, m)
    """
    from scipy.interpolate import RectBivariateSpline  # heavy

    x, y = np.log(mass), np.log(ratio)
    fine_x, fine_y = (np.linspace(v[0], v[-1], 4 * v.size - 3) for v in (x, y))
    filled = RectBivariateSpline(x, y, added, kx=5, ky=5)(fine_x, fine_y)
    return RectBivariateSpline(fine_x, fine_y, filled, kx=3, ky=3)


@functools.cache
def _pieces(temperatures: Temperatures) -> FloatArray:
    """Splines of the Boltzmann table: ln(Delta N_eff + floor) for the temperatures, and the loop mixing over g'."""
    return np.ascontiguousarray(read_table(_BOLTZMANN).pieces[[get_args(Temperatures).index(temperatures), 2]])


@functools.cache
def _mixing_grid(temperatures: Temperatures) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Knots in both directions of `mixing_spline`, and its weights, shape (knot - 4, knot - 4)."""
    arrays = DataFolder.open(locate(FOLDER)).read_arrays(_MIXING)
    spline = mixing_spline(arrays["m_zprime_mev"], arrays["width_over_mass"], arrays[temperatures])
    knots_x, knots_y = spline.get_knots()
    return knots_x, knots_y, spline.get_coeffs().reshape(knots_x.size - 4, knots_y.size - 4)


@compiled
def _boltzmann_loop(
    mass: FloatArray,
    g_prime: FloatArray,
    pieces: FloatArray,
    knots_x: FloatArray,
    knots_y: FloatArray,
    weights: FloatArray,
    out: FloatArray,
) -> None:
    for n in range(out.size):
        x = math.log(mass[n])
        total = math.exp(spline(x, pieces[0])) - TABLE_FLOOR
        ratio = electron_width_over_mass(mass[n], spline(x, pieces[1]) * g_prime[n])
        if ratio != 0.0:
            y = math.log(ratio)
            if not y <= knots_y[0]:  # below it mixing is too slow to matter; NaN goes on
                total += _bicubic(x, knots_y[-1] if y > knots_y[-1] else y, knots_x, knots_y, weights)
        out[n] = total


@inlined
def electron_width_over_mass(mass: float, mixing: float) -> float:
    """Width of Z' -> e+e- with the coupling ``e eps`` over the mass in MeV, zero below threshold.

    ``(e eps)^2/(12 pi) (1 + 2 r) sqrt(1 - 4 r)``, ``r = m_e^2/m^2``. `mixing` is eps at ``q^2 = m^2``.

    Examples
    --------
    >>> print(f"{electron_width_over_mass(10.0, 1e-5):.4e}")
    2.4324e-13
    """
    square = max(1.0 - (2.0 * MASS_ELECTRON_MEV / mass) ** 2, 0.0)  # of the electrons' speed
    return (ELECTRIC_CHARGE * mixing) ** 2 * (1.5 - 0.5 * square) * math.sqrt(square) / (12.0 * math.pi)


@compiled
def _bicubic(x: float, y: float, knots_x: FloatArray, knots_y: FloatArray, weights: FloatArray) -> float:
    """Cubic tensor spline."""
    i, j = interval(x, knots_x[3:-4]), interval(y, knots_y[3:-4])
    along_x, along_y = _cubic_basis(x, knots_x[i : i + 8]), _cubic_basis(y, knots_y[j : j + 8])
    total = 0.0
    for a in range(4):
        row = 0.0
        for b in range(4):
            row += along_y[b] * weights[i + a, j + b]
        total += along_x[a] * row
    return total


@inlined
def _cubic_basis(x: float, knots: FloatArray) -> tuple[float, float, float, float]:
    """The four cubic B-splines that do not vanish between the middle two of eight knots (Cox and de Boor)."""
    left1, left2, left3 = x - knots[3], x - knots[2], x - knots[1]
    right1, right2, right3 = knots[4] - x, knots[5] - x, knots[6] - x
    one = 1.0 / (right1 + left1)
    a, b = right1 * one, left1 * one
    low, high = a / (right1 + left2), b / (right2 + left1)
    a, b, c = right1 * low, left2 * low + right2 * high, left1 * high
    low, middle, high = a / (right1 + left3), b / (right2 + left2), c / (right3 + left1)
    return right1 * low, left3 * low + right2 * middle, left2 * middle + right3 * high, left1 * high


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
    check_option("case", Case, case)
    if (case == "auto") != (g_prime is not None):
        raise ConfigError(f"case: 'auto' needs g_prime, and only 'auto' takes it (case is '{case}')")
    t_dec = np.asarray(t_dec_mev, float)
    require_within("t_dec_mev", t_dec, SMALLEST, LARGEST)
    coupling = 0.0 if g_prime is None else g_prime
    return _paper(np.asarray(np.asarray(m_zprime_mev, float) / t_dec), coupling, _NUMBER_BELOW[case])


def _paper(ratio: FloatArray, g_prime: ArrayLike, number_below: float) -> FloatArray:
    table = read_table(_TABLE)
    table.require(ratio)
    return elementwise(_paper_loop, (ratio, g_prime), number_below, table.pieces)


@compiled
def _paper_loop(
    ratio: FloatArray, g_prime: FloatArray, number_below: float, pieces: FloatArray, out: FloatArray
) -> None:
    for n in range(out.size):
        which = 1 if g_prime[n] < number_below else 0  # number or entropy
        # the table holds Delta N_eff over the Boltzmann factor: smooth where Delta N_eff falls by 130 decades
        suppression = (1.0 + ratio[n]) ** 2.5 * math.exp(-ratio[n])
        out[n] = suppression * spline(math.log(ratio[n]), pieces[which])


def _n_eff(m_zprime_mev: FloatArray, g_prime: FloatArray, *, strength: float, temperatures: Temperatures) -> FloatArray:
    """N_eff by the Boltzmann equations; a strength of zero switches mixing off."""
    return N_EFF_STANDARD_MODEL + _boltzmann(m_zprime_mev, g_prime * strength, temperatures)


def _n_eff_paper(m_zprime_mev: FloatArray, g_prime: FloatArray, *, t_dec_mev: float, number_below: float) -> FloatArray:
    return N_EFF_STANDARD_MODEL + _paper(np.asarray(m_zprime_mev / t_dec_mev), g_prime, number_below)


def _prediction(
    _numbers: Mapping[str, Any],
    strength: float,
    *,
    model: Model,
    temperatures: Temperatures,
    mixing: bool,
    t_dec_mev: float,
    case: Case,
) -> Prediction:
    """``N_eff = 3.044 + Delta N_eff``; `temperatures` and `mixing` belong to ``boltzmann``, the others to ``paper``."""
    predict: functools.partial[FloatArray]
    if model == "paper":
        _refuse_other("temperatures", temperatures, "boltzmann")
        table, per_mass, reference = read_table(_TABLE), t_dec_mev, KAMADA_YU
        predict = functools.partial(_n_eff_paper, t_dec_mev=t_dec_mev, number_below=_NUMBER_BELOW[case] / strength)
    else:
        _refuse_other("t_dec_mev", t_dec_mev, "paper")
        _refuse_other("case", case, "paper")
        table, per_mass, reference = read_table(_BOLTZMANN), 1.0, None
        predict = functools.partial(_n_eff, strength=strength if mixing else 0.0, temperatures=temperatures)
    covered = (table.low * per_mass, table.high * per_mass)
    return Prediction(predict, N_EFF_STANDARD_MODEL, covered_mev=covered, reference=reference)


def _refuse_other(option: str, value: object, model: Model) -> None:
    """Refuse an option that only the other model takes."""
    if value != CONSTRAINT.options[option][1]:
        raise ConfigError(f"constraints.neff.{option}: {value} is only for model = '{model}'")


CONSTRAINT = Definition(
    name="neff",
    order=3,
    label=r"$\Delta N_\mathrm{eff}$",
    colour="#CC79A7",
    measurement="planck2018",
    prediction=_prediction,
    prediction_reference="Escudero, JCAP 02 (2019) 007, arXiv:1812.05605, and JCAP 05 (2020) 048, arXiv:2001.04466; "
    "QED corrections: Bennett et al., JCAP 03 (2020) 003, arXiv:1911.04504",
    options=MappingProxyType(
        {
            "model": (Model, "boltzmann"),
            "temperatures": (Temperatures, "common"),
            "mixing": (StrictBool, True),
            "t_dec_mev": (PositiveFloat, 1.5),
            "case": (Case, "auto"),
        }
    ),
)
