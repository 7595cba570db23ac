"""Effective number of neutrinos with a mediator: Boltzmann equations, or the paper's thermodynamics.

``boltzmann``: what the equations of `neff_boltzmann` leave, tabulated. The Z' of L_mu - L_tau is in equilibrium with
nu_mu and nu_tau and, with mixing, exchanges energy with e+e- by decay and inverse decay. It holds for couplings that
thermalise the Z', g' above about 1e-9; below, a Z' is rarer and the result an overestimate.

A real scalar is in equilibrium with the neutrinos that it couples to, and with nothing else: no mixing. Decays and
inverse decays see to it for g above about 1e-9; its chemical potential vanishes where nu nubar <-> phi phi is faster
than the expansion too, for g above about 1e-4. From there on Delta N_eff depends on the mass alone.

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
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import PositiveFloat, StrictBool

from nuinfer.compiled import compiled, elementwise, inlined
from nuinfer.constants import ELECTRIC_CHARGE, KAMADA_YU, MASS_ELECTRON_MEV, N_EFF_STANDARD_MODEL
from nuinfer.constraints.base import check_option
from nuinfer.constraints.definition import Definition, Oscillation, Prediction
from nuinfer.constraints.tables import LARGEST, data_folder, interval, read_table, spline, within
from nuinfer.errors import ConfigError
from nuinfer.physics.hermite import hermite
from nuinfer.typing import ArrayLike, ComplexArray, FloatArray, Idle

Model = Literal["paper", "boltzmann"]
Temperatures = Literal["common", "split"]
Partners = Literal["all", "nu_e", "nu_mu_tau"]
Case = Literal["entropy", "number", "auto"]
NUMBER_BELOW = 1e-5
"""Coupling below which pairs do not annihilate fast enough (the paper, Sec. IV A): their number is conserved."""


def _no_mixing(own: Any, config: Any) -> str:
    if config.model.mediator == "scalar":
        return "a scalar does not mix"
    return 'with model = "paper"' if own.model == "paper" else ""


MayMix = Annotated[StrictBool, Idle(_no_mixing)]
TABLE_FLOOR = 1e-7  # the Boltzmann table holds ln(Delta N_eff + this), which rounding leaves smooth for a heavy Z'
_PAPER, _BOLTZMANN, _MIXING = "neff_paper.csv", "neff_boltzmann.csv", "neff_mixing.npz"
_SCALAR = "neff_scalar.csv"


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
    mass = read_table(_BOLTZMANN).within(m_zprime_mev)
    coupling = within("g_prime", 0.0 if g_prime is None else g_prime, 0.0, LARGEST)
    return elementwise(_loop, (mass, coupling), *_splines(temperatures))


Surface = tuple[FloatArray, FloatArray, FloatArray]


def mixing_surface(mass: FloatArray, ratio: FloatArray, added: FloatArray) -> Surface:
    """What mixing adds to N_eff, against the logarithms of m_Z' and of the width to electrons over the mass.

    A cubic spline on a mesh four times finer than the table, filled by a quintic one: as accurate and faster.

    Parameters
    ----------
    mass, ratio : ndarray, shapes (n,) and (m,)
        Nodes of the table.
    added : ndarray, shape (n, m)

    Returns
    -------
    x, y : ndarray, shapes (4 n - 3,) and (4 m - 3,)
        Nodes of the mesh.
    values : ndarray, shape (2, 2, 4 n - 3, 4 m - 3)
        There: the spline, and its slopes per interval, along x first.
    """
    from scipy.interpolate import RectBivariateSpline  # heavy

    x, y = (np.linspace(math.log(nodes[0]), math.log(nodes[-1]), 4 * nodes.size - 3) for nodes in (mass, ratio))
    filled = RectBivariateSpline(np.log(mass), np.log(ratio), added, kx=5, ky=5)(x, y)
    cubic, step_x, step_y = RectBivariateSpline(x, y, filled), x[1] - x[0], y[1] - y[0]
    slopes = [[cubic(x, y, dx=a, dy=b) * step_x**a * step_y**b for b in (0, 1)] for a in (0, 1)]
    return x, y, np.array(slopes)


@functools.cache
def _splines(temperatures: Temperatures) -> tuple[FloatArray, Surface]:
    """Of the Boltzmann table, ln(Delta N_eff + floor) for the temperatures and the loop mixing over g'; of mixing."""
    pieces = read_table(_BOLTZMANN).pieces[[get_args(Temperatures).index(temperatures), 2]]
    arrays = data_folder().read_arrays(_MIXING)
    surface = mixing_surface(arrays["m_zprime_mev"], arrays["width_over_mass"], arrays[temperatures])
    return np.ascontiguousarray(pieces), surface


@compiled
def _loop(mass: FloatArray, g_prime: FloatArray, pieces: FloatArray, surface: Surface, out: FloatArray) -> None:
    for n in range(out.size):
        x = math.log(mass[n])
        out[n] = math.exp(spline(x, pieces[0])) - TABLE_FLOOR
        ratio = electron_width_over_mass(mass[n], spline(x, pieces[1]) * g_prime[n])
        if ratio != 0.0:
            out[n] += on_surface(x, math.log(ratio), surface)


@compiled
def on_surface(x: float, y: float, surface: Surface) -> float:
    """What mixing adds to N_eff: nothing below the table, where it is too slow; above it as at the end."""
    nodes_x, nodes_y, values = surface
    if y <= nodes_y[0]:
        return 0.0
    y = nodes_y[-1] if y > nodes_y[-1] else y
    i, j = interval(x, nodes_x[:-1]), interval(y, nodes_y[:-1])
    along_x = hermite((x - nodes_x[i]) / (nodes_x[i + 1] - nodes_x[i]))
    along_y = hermite((y - nodes_y[j]) / (nodes_y[j + 1] - nodes_y[j]))
    total = 0.0
    for a in range(4):  # values at both ends of the interval, then slopes
        for b in range(4):
            total += along_x[a] * along_y[b] * values[a // 2, b // 2, i + a % 2, j + b % 2]
    return total


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


def delta_neff_paper(
    m_zprime_mev: ArrayLike, t_dec_mev: ArrayLike = 1.5, case: Case = "entropy", *, g_prime: ArrayLike | None = None
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
    table = read_table(_PAPER)
    ratio = table.within(np.asarray(m_zprime_mev, float) / within("t_dec_mev", t_dec_mev))
    # the table holds Delta N_eff over the Boltzmann factor: smooth where Delta N_eff falls by 130 decades
    suppression = (1.0 + ratio) ** 2.5 * np.exp(-ratio)
    if g_prime is None:
        return np.asarray(suppression * table(0 if case == "entropy" else 1, ratio))
    entropy, number = table(0, ratio), table(1, ratio)
    return suppression * np.where(np.asarray(g_prime, float) < NUMBER_BELOW, number, entropy)


def delta_neff_scalar(m_mediator_mev: ArrayLike, partners: Partners = "all") -> FloatArray:
    """Extra effective neutrinos left by a thermalised real scalar, by the Boltzmann equations.

    Parameters
    ----------
    m_mediator_mev : array_like, shape (*batch,)
        Its mass, MeV.
    partners : {"all", "nu_e", "nu_mu_tau"}
        Neutrinos whose temperature it has: all, where they have one or it is in touch with all; or one of two groups.

    Returns
    -------
    ndarray, shape (*batch,)
        Delta N_eff.

    Raises
    ------
    PhysicsDomainError
        If the mass is outside the table, [0.1, 100].
    ConfigError
        If `partners` is unknown.

    Examples
    --------
    >>> print(f"{delta_neff_scalar(5.0):.3f} {delta_neff_scalar(5.0, 'nu_mu_tau'):.3f}")
    0.349 0.417
    """
    check_option("partners", Partners, partners)
    table = read_table(_SCALAR)
    return np.asarray(np.exp(table(get_args(Partners).index(partners), m_mediator_mev)) - TABLE_FLOOR)


def partners_of(couplings: ComplexArray) -> Partners:
    """The neutrinos that a scalar with a matrix of couplings, (3, 3), is in touch with, nu_mu and nu_tau alike.

    Examples
    --------
    >>> partners_of(np.diag([0, 0, 1])), partners_of(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]]))
    ('nu_mu_tau', 'all')
    """
    flavours = np.any(couplings != 0.0, axis=1)
    return "all" if flavours[0] and flavours[1:].any() else "nu_e" if flavours[0] else "nu_mu_tau"


def _n_eff_scalar(m_zprime_mev: FloatArray, g_prime: FloatArray, *, partners: Partners) -> FloatArray:
    return N_EFF_STANDARD_MODEL + delta_neff_scalar(m_zprime_mev, partners) + 0.0 * g_prime


def _n_eff(m_zprime_mev: FloatArray, g_prime: FloatArray, *, temperatures: Temperatures, mixing: bool) -> FloatArray:
    return N_EFF_STANDARD_MODEL + delta_neff(m_zprime_mev, g_prime if mixing else 0.0 * g_prime, temperatures)


def _n_eff_paper(m_zprime_mev: FloatArray, g_prime: FloatArray, *, t_dec_mev: float, case: Case) -> FloatArray:
    extra = delta_neff_paper(m_zprime_mev, t_dec_mev, case, g_prime=g_prime if case == "auto" else None)
    return N_EFF_STANDARD_MODEL + extra + 0.0 * g_prime


def _prediction(
    _numbers: Mapping[str, Any], _oscillation: Oscillation, *,
    model: Model = "boltzmann", temperatures: Temperatures = "common", mixing: MayMix = True,
    t_dec_mev: PositiveFloat = 1.5, case: Case = "auto",
) -> Prediction:  # fmt: skip
    """``N_eff = 3.044 + Delta N_eff``; `temperatures` and `mixing` belong to ``boltzmann``, the others to ``paper``."""
    _refuse_foreign(model, temperatures=temperatures, t_dec_mev=t_dec_mev, case=case)
    if model == "paper":
        table, unit = read_table(_PAPER), t_dec_mev
        predict = functools.partial(_n_eff_paper, t_dec_mev=t_dec_mev, case=case)
    else:
        table, unit = read_table(_BOLTZMANN), 1.0
        predict = functools.partial(_n_eff, temperatures=temperatures, mixing=mixing)
    reference = KAMADA_YU if model == "paper" else None
    return Prediction(predict, N_EFF_STANDARD_MODEL, (table.low * unit, table.high * unit), reference=reference)


def _scalar_prediction(
    _numbers: Mapping[str, Any], couplings: ComplexArray, *,
    model: Model = "boltzmann", temperatures: Temperatures = "common", t_dec_mev: float = 1.5, case: Case = "auto",
    mixing: bool = True,  # noqa: ARG001 - there is none
) -> Prediction:  # fmt: skip
    """The same for a scalar, which has ``boltzmann`` alone."""
    if model == "paper":
        raise ConfigError(
            "constraints.neff.model: 'paper' is not allowed with model.mediator 'scalar', it is a vector's"
        )
    _refuse_foreign(model, t_dec_mev=t_dec_mev, case=case)
    table, partners = read_table(_SCALAR), partners_of(couplings) if temperatures == "split" else "all"
    predict = functools.partial(_n_eff_scalar, partners=partners)
    return Prediction(predict, N_EFF_STANDARD_MODEL, (table.low, table.high))


def _refuse_foreign(model: Model, **options: object) -> None:
    """Refuse options of the other model; `temperatures` belongs to ``boltzmann``, the rest to ``paper``."""
    for option, value in options.items():
        if value != CONSTRAINT.options[option][1] and (option == "temperatures") == (model == "paper"):
            other = "boltzmann" if model == "paper" else "paper"
            raise ConfigError(f"constraints.neff.{option}: {value} is only for model = '{other}'")


CONSTRAINT = Definition(
    name="neff",
    order=3,
    label=r"$\Delta N_\mathrm{eff}$",
    colour="#CC79A7",
    measurement="planck2018",
    prediction=_prediction,
    mediators=("vector", "scalar"),
    of_scalar=_scalar_prediction,
    late=(_SCALAR,),
    not_dirac_because="right-handed neutrinos couple too and thermalise, so that Delta N_eff > 1",
    prediction_reference="Escudero, JCAP 02 (2019) 007, arXiv:1812.05605, and JCAP 05 (2020) 048, arXiv:2001.04466; "
    "QED corrections: Bennett et al., JCAP 03 (2020) 003, arXiv:1911.04504",
)
