"""Neutrino decoupling with a mediator by momentum-averaged Boltzmann equations: the solver behind the tables of N_eff.

After arXiv:1812.05605 and arXiv:2001.04466. Photons, electrons and positrons share ``T_gamma``; neutrinos have thermal
spectra without chemical potential, at one common ``T_nu`` ("common") or with nu_e apart from nu_mu, nu_tau ("split").
The mediator is in equilibrium with neutrinos it couples to, at their temperature: the Z' of L_mu - L_tau with nu_mu and
nu_tau, a real scalar with those of its couplings. With N = ln a,

    d ln T_gamma/dN = -(3 s_em T_gamma + Q/H) / (T_gamma d rho_em/dT_gamma)
    d ln T_i/dN     = -(3 s_i T_i - Q_i/H) / (T_i d rho_i/dT_i),     Q = sum_i Q_i

and ``Q_i`` the energy that group ``i`` gains per volume and time: weak annihilation and scattering (`collisions`),
for "split" nu_e <-> nu_mu, nu_tau too, and decay and inverse decay Z' <-> e+e-, with quantum statistics

    Q_Z' = m Gamma_ee int 3 p^2 dp/(2 pi^2) <1 - f_+ - f_-> [f_B(E/T_gamma) - f_B(E/T_nu)],

<> the average over the decay's direction. At the end ``N_eff = (11/4)^(4/3) sum_flavours (T_i/T_gamma)^4``.

The plasma is ideal, with the QED corrections of order e^2 and e^3 to the pressure (arXiv:1911.04504; the small term of
order e^2 with a logarithm is left out: it changes N_eff by less than 1e-4). Everything follows from the pressure, so
entropy is conserved exactly by what integrates it. Densities are over the power of the temperature.

This module is slow (tens of milliseconds a point, scipy). It makes the tables that `neff.delta_neff` interpolates.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import make_interp_spline

from nuinfer import constants
from nuinfer.constants import ELECTRIC_CHARGE, MASS_ELECTRON_MEV, MEV_PER_GEV
from nuinfer.constraints.neff import Temperatures
from nuinfer.constraints.neff.collisions import WeakCouplings, annihilation_factor, scattering_factor
from nuinfer.typing import ArrayLike, FloatArray

RHO_PHOTON = math.pi**2 / 15.0  # rho/T^4
RHO_NEUTRINO = 7.0 / 8.0 * math.pi**2 / 15.0  # one flavour, both helicities
_NU_E = WeakCouplings(constants.NU_ELECTRON_LEFT, constants.NU_ELECTRON_RIGHT)
_NU_MU = WeakCouplings(_NU_E.left - 1.0, _NU_E.right)
_RATE = (constants.G_FERMI_GEV2 / MEV_PER_GEV**2) ** 2 / math.pi**5  # MeV^-4
_HUBBLE = math.sqrt(8.0 * math.pi / 3.0) / (constants.MASS_PLANCK_GEV * MEV_PER_GEV)
_LOG_T = np.linspace(math.log(5e-4), math.log(80.0), 1200)  # of the plasma's table, MeV
_ZPRIME_RANGE = (1e-3, 600.0)  # m/T of the table; above there is no Z' left
_SATURATED = 1e6  # expansion rates; a decay rate is capped there, which costs 5e-6 in N_eff
_DECAY_NODES, _MOMENTUM_NODES = 40, 96
_MOST_EVALUATIONS = 30000  # a usual integration takes one to three thousand


@dataclass(frozen=True)
class Boson:
    """A mediator among neutrinos.

    Parameters
    ----------
    degrees : int
        States of its spin.
    with_nu_e : bool
        Whether it has the temperature of nu_e, where that is apart, or the one of nu_mu and nu_tau.
    """

    degrees: int = 3
    with_nu_e: bool = False


ZPRIME = Boson()
"""The Z' of L_mu - L_tau."""


@dataclass(frozen=True)
class Settings:
    """What the solver includes and how accurately; the defaults are those of the tables.

    Parameters
    ----------
    start_mev : float
        Common temperature at the start.
    e_folds : float
        Growth of the scale factor; from 40 MeV to 0.0015 MeV with the default.
    weak : float
        Factor on all weak rates; 0 decouples neutrinos at `start_mev`.
    qed : bool
        QED corrections to the plasma.
    rtol : float
        Relative tolerance of the integration.
    """

    start_mev: float = 40.0
    e_folds: float = 10.5
    weak: float = 1.0
    qed: bool = True
    rtol: float = 1e-10


@dataclass(frozen=True)
class History:
    """Evolution of the temperatures.

    Parameters
    ----------
    log_scale_factor : ndarray, shape (time,)
        ``ln(a/a_start)``.
    t_gamma_mev : ndarray, shape (time,)
        Temperature of photons and electrons.
    t_nu_mev : ndarray, shape (3, time)
        Temperature of nu_e, nu_mu, nu_tau.
    n_eff : float
        Effective number of neutrinos at the end.
    """

    log_scale_factor: FloatArray
    t_gamma_mev: FloatArray
    t_nu_mev: FloatArray
    n_eff: float


def solve(
    m_zprime_mev: float | None = None,
    width_mev: float = 0.0,
    temperatures: Temperatures = "common",
    settings: Settings | None = None,
    boson: Boson = ZPRIME,
) -> History:
    """Integrate the temperatures from `Settings.start_mev` until e+e- and the mediator are gone.

    Parameters
    ----------
    m_zprime_mev : float, optional
        Mass of the mediator; None: the Standard Model.
    width_mev : float
        Width of Z' -> e+e-, 0 without mixing and for a scalar.
    temperatures : {"common", "split"}
        One neutrino temperature, or nu_e apart.
    settings : Settings, optional
        Physics and accuracy.
    boson : Boson
        What the mediator is.

    Returns
    -------
    History

    Raises
    ------
    RuntimeError
        If the integration fails.
    """
    chosen, where = settings or Settings(), f"no solution at m_zprime_mev = {m_zprime_mev}, width_mev = {width_mev}"
    mass = math.inf if m_zprime_mev is None else m_zprime_mev
    equations = _Equations(mass, width_mev, boson, temperatures == "split", chosen, where)
    span, start = (0.0, chosen.e_folds), [math.log(chosen.start_mev), 0.0, 0.0]
    solution = solve_ivp(equations, span, start, method="LSODA", rtol=chosen.rtol, atol=1e-3 * chosen.rtol)
    if not solution.success:
        raise RuntimeError(f"{where}: {solution.message}")
    ratios, t_gamma = np.exp(solution.y[[1, 2, 2]]), np.exp(solution.y[0])
    n_eff = (11.0 / 4.0) ** (4.0 / 3.0) * float(np.sum(ratios[:, -1] ** 4))
    return History(solution.t, t_gamma, ratios * t_gamma, n_eff)


class _Equations:
    """Derivatives of ln T_gamma and of ln(T/T_gamma) of nu_e and of nu_mu, nu_tau against ln a."""

    def __init__(
        self, mass: float, width: float, boson: Boson, split: bool, settings: Settings, where: str
    ) -> None:  # fmt: skip
        self.mass, self.width, self.boson, self.split, self.where = mass, width, boson, split, where
        self.plasma, self.zprime = _plasma_table(settings.qed), _zprime_table()
        self.weak = settings.weak * _RATE / _HUBBLE
        self.electron_speed = math.sqrt(max(1.0 - (2.0 * MASS_ELECTRON_MEV / mass) ** 2, 0.0))
        t, w = np.polynomial.legendre.leggauss(_DECAY_NODES)
        z = 3.2 * (t + 1.0)
        self.z2, self.weight = z**2, z * 3.2 * w / math.pi**2  # of a quadrature over E = m + T z^2
        self.massless = _massless_factors()
        self.evaluations = 0

    def __call__(self, _: float, state: FloatArray) -> list[float]:
        self.evaluations += 1
        if self.evaluations > _MOST_EVALUATIONS:
            raise RuntimeError(f"{self.where}: too many steps")
        log_t, d_e, d_mu = state.tolist()
        t = math.exp(log_t)
        sigma, density, ann_e, scat_e, ann_mu, scat_mu, slope = self.plasma(log_t).tolist()
        # over T_gamma^4: s T and T d rho/dT of nu_e, and of nu_mu and nu_tau, with the mediator on one of the two sides
        heat_e = 4.0 / 3.0 * RHO_NEUTRINO * math.exp(4.0 * d_e)
        heat_mu = 8.0 / 3.0 * RHO_NEUTRINO * math.exp(4.0 * d_mu)
        density += 0.75 * (heat_e + heat_mu)
        warmer = d_e if self.boson.with_nu_e else d_mu
        enthalpy, capacity, extra = self._mediator(self.mass / t * math.exp(-warmer), math.exp(4.0 * warmer))
        inertia_e, inertia_mu = 3.0 * heat_e, 3.0 * heat_mu
        if self.boson.with_nu_e:
            inertia_e, heat_e = inertia_e + capacity, heat_e + enthalpy
        else:
            inertia_mu, heat_mu = inertia_mu + capacity, heat_mu + enthalpy
        hubble = math.sqrt(density + extra)  # times _HUBBLE T^2
        weak = self.weak * t**3 / hubble
        gain_e = weak * 4.0 * _NU_E.strength * _exchange(ann_e, scat_e, d_e)
        gain_mu = weak * 8.0 * _NU_MU.strength * _exchange(ann_mu, scat_mu, d_mu)
        if self.width > 0.0:
            gain_mu += self._decays(self.mass / t, d_mu, self.width / (_HUBBLE * t**2 * hubble))
        cooling = -(3.0 * sigma + gain_e + gain_mu) / (3.0 * sigma + slope)
        if self.split:
            flow = weak * 2.0 * math.exp(9.0 * d_mu) * _exchange(*self.massless, d_e - d_mu)
            warming_e = (gain_e + flow - 3.0 * heat_e) / inertia_e
            warming_mu = (gain_mu - flow - 3.0 * heat_mu) / inertia_mu
        else:
            warming_e = (gain_e + gain_mu - 3.0 * (heat_e + heat_mu)) / (inertia_e + inertia_mu)
            warming_mu = warming_e
        return [cooling, warming_e - cooling, warming_mu - cooling]

    def _mediator(self, x: float, scale: float) -> tuple[float, float, float]:
        """``s T``, ``T d rho/dT`` and ``rho`` of the mediator at ``m/T_nu = x``, times (T_nu/T_gamma)^4 = `scale`."""
        if x > _ZPRIME_RANGE[1]:
            return 0.0, 0.0, 0.0
        scale *= self.boson.degrees / 3.0  # of a vector's
        log_entropy, log_density, slope = self.zprime(math.log(x)).tolist()
        entropy = scale * math.exp(log_entropy - x)
        return entropy, entropy * (3.0 + x - slope), scale * math.exp(log_density - x)

    def _decays(self, x: float, log_ratio: float, rate: float) -> float:
        """Energy gained by the Z' from e+e-, over ``H T_gamma^4``; `rate` is the width over H."""
        if x > _ZPRIME_RANGE[1] or x * math.exp(-log_ratio) > _ZPRIME_RANGE[1]:
            return 0.0
        energy, momentum = x + self.z2, np.sqrt(self.z2 * (self.z2 + 2.0 * x))
        colder = energy * math.exp(-log_ratio)  # E/T_nu
        excess = -energy * math.expm1(-log_ratio)  # E/T_gamma - E/T_nu
        larger = np.exp(-np.minimum(energy, colder))
        difference = np.sign(excess) * larger * np.expm1(-np.abs(excess))  # exp(-E/T_gamma) - exp(-E/T_nu)
        stimulated = 1.0 / (np.expm1(-energy) * np.expm1(-colder))
        kernel = 3.0 * x * rate * self.weight * momentum * energy * stimulated
        kernel *= mean_unblocked(energy, self.electron_speed * momentum)
        response = float(kernel @ (energy * larger))
        return float(kernel @ difference) / (1.0 + response / _SATURATED)


def mean_unblocked(energy: FloatArray, spread: FloatArray) -> FloatArray:
    """``1 - f_+ - f_-`` of the daughters of a Z', averaged over the direction of an isotropic decay.

    Parameters
    ----------
    energy : ndarray
        Energy of the Z' over the temperature of the daughters.
    spread : ndarray
        ``beta p/T``: the daughters have ``(E -+ beta p)/2``, ``beta`` their speed in the rest frame.
    """
    spread = np.maximum(spread, 1e-4)
    logarithms = np.log1p(np.exp(-0.5 * (energy - spread))) - np.log1p(np.exp(-0.5 * (energy + spread)))
    return np.asarray(1.0 - 2.0 / spread * logarithms)


def _exchange(annihilation: float, scattering: float, log_ratio: float) -> float:
    """``32 f_a (1 - r^9) + 56 f_s r^4 (1 - r)`` with ``r = exp(log_ratio)``, without cancellation."""
    fourth = math.exp(4.0 * log_ratio)
    return -32.0 * annihilation * math.expm1(9.0 * log_ratio) - 56.0 * scattering * fourth * math.expm1(log_ratio)


@functools.cache
def _plasma_table(qed: bool) -> Callable[[float], FloatArray]:
    """``s/T^3``, ``rho/T^4``, the four rate factors and ``d(s/T^3)/d ln T`` as functions of ``ln T_gamma``."""
    x = MASS_ELECTRON_MEV * np.exp(-_LOG_T)
    present, x = x < 400.0, np.minimum(x, 400.0)
    _, density, entropy = np.where(present, electron_pressure_density_entropy(x), 0.0)
    entropy += 4.0 / 3.0 * RHO_PHOTON
    density += RHO_PHOTON
    if qed:
        correction = np.where(present, qed_pressure(x), 0.0)
        shift = 4.0 * correction + make_interp_spline(_LOG_T, correction, k=5).derivative()(_LOG_T)
        entropy, density = entropy + shift, density + shift - correction
    return _interpolated(_LOG_T, [entropy, density, *_rate_factors()])


@functools.cache
def _rate_factors() -> list[FloatArray]:
    """``f_a``, ``f_s`` of nu_e, then of nu_mu, in the plasma's table; zero below 15 keV, where e+e- are gone."""
    nodes = np.linspace(math.log(0.015), _LOG_T[-1], 64)
    columns = []
    for flavour, factor in itertools.product((_NU_E, _NU_MU), (annihilation_factor, scattering_factor)):
        values = [factor(float(x), flavour, nodes=16) for x in MASS_ELECTRON_MEV * np.exp(-nodes)]
        curve = make_interp_spline(nodes, np.log(values), k=5)
        columns.append(np.where(nodes[0] > _LOG_T, 0.0, np.exp(curve(np.maximum(nodes[0], _LOG_T)))))
    return columns


@functools.cache
def _massless_factors() -> tuple[float, float]:
    """``f_a`` and ``f_s`` among neutrinos."""
    return annihilation_factor(0.0, _NU_E, nodes=16), scattering_factor(0.0, _NU_E, nodes=16)


@functools.cache
def _zprime_table() -> Callable[[float], FloatArray]:
    """``x + ln(s/T^3)``, ``x + ln(rho/T^4)`` and ``d(x + ln s/T^3)/d ln x`` as functions of ``ln x = ln(m/T)``."""
    log_x = np.linspace(math.log(_ZPRIME_RANGE[0]) - 0.1, math.log(_ZPRIME_RANGE[1]) + 0.1, 1000)
    density, entropy = vector_density_entropy(np.exp(log_x))
    return _interpolated(log_x, [np.log(entropy), np.log(density)])


def _interpolated(nodes: FloatArray, columns: list[FloatArray]) -> Callable[[float], FloatArray]:
    """Quintic splines of the columns and of the derivative of the first, with one look-up."""
    slope = make_interp_spline(nodes, columns[0], k=5).derivative()(nodes)
    return make_interp_spline(nodes, np.column_stack([*columns, slope]), k=5)


# Thermodynamics -------------------------------------------------------------------------------------------------------


def energy_nodes(x: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Quadrature over the momenta of a gas of particles with mass over temperature `x`.

    With ``E = x + z^2`` the momentum is ``z sqrt(z^2 + 2 x)``, smooth at threshold for every mass.

    Returns
    -------
    energy, momentum, weight : ndarray, shape (*x.shape, nodes)
        Over the temperature; ``sum(weight * h)`` is ``int p^2 dp/(2 pi^2) h``.
    """
    t, w = np.polynomial.legendre.leggauss(_MOMENTUM_NODES)
    end = 6.4  # exp(-z^2) is below 2e-18
    z, dz = 0.5 * end * (t + 1.0), 0.5 * end * w
    x = np.asarray(x, float)[..., None]
    energy = x + z**2
    momentum = z * np.sqrt(z**2 + 2.0 * x)
    return energy, momentum, momentum * energy * 2.0 * z * dz / (2.0 * math.pi**2)


def electron_pressure_density_entropy(x: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``p/T^4``, ``rho/T^4`` and ``s/T^3`` of ideal electrons and positrons at ``x = m_e/T``."""
    energy, momentum, weight = energy_nodes(x)
    occupation = 4.0 * weight / (np.exp(energy) + 1.0)
    pressure = np.sum(occupation * momentum**2 / (3.0 * energy), axis=-1)
    density = np.sum(occupation * energy, axis=-1)
    return pressure, density, pressure + density


def qed_pressure(x: ArrayLike) -> FloatArray:
    """QED correction to ``p/T^4`` at ``x = m_e/T``: orders e^2 and e^3 (arXiv:1911.04504, eqs. for P^(2), P^(3)).

    Examples
    --------
    >>> e = ELECTRIC_CHARGE
    >>> massless = -5.0 * e**2 / 288.0 + e**3 / (36.0 * math.sqrt(3.0) * math.pi)
    >>> print(f"{qed_pressure(1e-4) / massless:.6f}")
    1.000000
    """
    energy, momentum, weight = energy_nodes(x)
    distribution = 2.0 * weight * 2.0 * math.pi**2 / (np.exp(energy) + 1.0)  # p^2 dp n_D
    single = np.sum(distribution / energy, axis=-1)
    debye = np.sum(distribution * (1.0 + energy**2 / momentum**2) / energy, axis=-1)
    second = -(ELECTRIC_CHARGE**2) * (single / (12.0 * math.pi**2) + single**2 / (8.0 * math.pi**4))
    third = ELECTRIC_CHARGE**3 / (12.0 * math.pi**4) * debye**1.5
    return np.asarray(second + third)


def vector_density_entropy(x: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """``rho/T^4`` and ``s/T^3`` of a massive vector at ``x = m/T``, times ``exp(x)``."""
    energy, momentum, weight = energy_nodes(x)
    kinetic = energy - np.asarray(x, float)[..., None]
    occupation = 3.0 * weight * np.exp(-kinetic) / -np.expm1(-energy)
    density = np.sum(occupation * energy, axis=-1)
    return density, np.sum(occupation * (energy + momentum**2 / (3.0 * energy)), axis=-1)
