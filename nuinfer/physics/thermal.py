"""Resonant absorption on relic neutrinos that move.

Relic neutrinos have the momentum distribution f = 1/(e^{p/T} + 1) with T = T_nu0 (1+z). For a neutrino of energy E the
resonance is met by those targets whose energy w and direction satisfy m_Z'^2 = 2 E (w - p cos), and with
y = m_Z'^2/(2 E) the rate of absorption for a unit entry of R is

    Gamma_abs = (6 Gamma/m_Z') (y/(2 E)) int_{p_min} p dp f/w,    p_min = |y^2 - m^2|/(2 y).

Along the path q_min = p_min/T = |s| with s = (Y^2/(1+z)^2 - m^2)/(2 T_nu0 Y), Y = m_Z'^2/(2 E_today), positive on the
near side of the crossing of a target at rest, s = 0. So with x = ln(1+z)

    tau = (6 Gamma/m_Z'^3) Y^2 T_nu0 int dx J(|s|, m/T) e^{-x}/H,
    J(b, a) = int_b^inf q dq/(sqrt(q^2 + a^2) (e^q + 1)),

which holds for every mass, zero included. Phases average inside a resonance that is smeared out, hence mass state i
survives with exp(-sum_j R_j,ii tau_j).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from nuinfer.constants import EV_PER_GEV, EV_PER_MEV
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.mediator import LMU_LTAU
from nuinfer.typing import ArrayLike, FloatArray

TAIL = 45.0
"""Integrals over e^-q end this far above their lower limit."""

PIECES = np.array([0.0, 1.5, 5.0, 12.0, 24.0, TAIL])
"""Ends in |s|, from the value nearest to the resonance, of the pieces of the integral over the path."""

CHUNK = 32
"""Optical depths that are integrated together; a matter of memory alone."""


def relic_integral(b: ArrayLike, a: ArrayLike) -> FloatArray:
    """J(b, a) = int_b^inf q dq/(sqrt(q^2 + a^2) (e^q + 1)) to about 1e-11, relative.

    Up to q = 1 the variable is t with q = a sinh t, above it is q, so that nothing varies fast for any a.

    Parameters
    ----------
    b, a : array_like, broadcast together
        Least momentum and mass of the targets over their temperature, both >= 0.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> bool(abs(relic_integral(0.3, 0.0) - np.log1p(np.exp(-0.3))) < 1e-13)
    True
    """
    return _moment(np.asarray(b, float), np.asarray(a, float), 1)


def thermal_optical_depth(
    energy_gev: ArrayLike,
    source_redshift: ArrayLike,
    m_zprime_mev: ArrayLike,
    g_prime: ArrayLike,
    m_nu_ev: ArrayLike,
    cosmology: Cosmology,
) -> FloatArray:
    """Optical depth between a source and Earth of relic neutrinos with their thermal motion, for a unit-charge flavour.

    The depth of a unit entry of R for any charges, as `nuinfer.physics.absorption.optical_depth`, to which it tends,
    with a sharp edge, where m_nu is far above the temperature. Relative accuracy about 1e-9.

    Parameters
    ----------
    energy_gev, source_redshift, m_zprime_mev, g_prime, m_nu_ev : array_like, broadcast together
        Energy at Earth in GeV, redshift of the source, mediator mass in MeV, coupling, target mass in eV (0 allowed).
    cosmology : Cosmology
        Expansion rate and relic temperature.

    Returns
    -------
    ndarray
        Dimensionless depth.

    Raises
    ------
    PhysicsDomainError
        For a negative target mass or source redshift, or an energy or mediator mass that is not positive.

    Examples
    --------
    >>> from nuinfer.physics.cosmology import PAPER
    >>> thermal_optical_depth([5.9e5, 6.4e5, 6.5e5], 2.0, 8.0, 5e-4, 0.05, PAPER).round(3).tolist()
    [9.156, 3.772, 0.141]
    """
    inputs = {
        "energy_gev": (energy_gev, "positive"),
        "source_redshift": (source_redshift, "at least 0"),
        "m_zprime_mev": (m_zprime_mev, "positive"),
        "m_nu_ev": (m_nu_ev, "at least 0"),
    }
    for name, (value, allowed) in inputs.items():
        low = np.min(np.asarray(value, float), initial=np.inf)
        if not (low > 0.0 if allowed == "positive" else low >= 0.0):
            raise PhysicsDomainError(f"{name}: {low} is not allowed, it must be {allowed}")
    columns = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (energy_gev, source_redshift, m_zprime_mev, g_prime, m_nu_ev))
    )
    energy, redshift, mass, coupling, target = (column.ravel() for column in columns)
    y_ev = (mass * EV_PER_MEV) ** 2 / (2.0 * energy * EV_PER_GEV)
    path = np.empty(energy.size)
    for start in range(0, energy.size, CHUNK):
        part = slice(start, start + CHUNK)
        path[part] = _path_integral(y_ev[part], target[part], np.log1p(redshift[part]), cosmology)
    return (depth_scale(mass, coupling, cosmology) * y_ev * y_ev * path).reshape(columns[0].shape)


def depth_scale(m_zprime_mev: FloatArray, g_prime: FloatArray, cosmology: Cosmology) -> FloatArray:
    """6 Gamma T_nu0/(m_Z'^3 H0) in eV^-2: tau is this times Y^2 int dx J e^{-x} H0/H."""
    width = LMU_LTAU.width_over_mass(g_prime)
    return np.asarray(6.0 * width / (m_zprime_mev * EV_PER_MEV) ** 2 * cosmology.t_nu0_ev / cosmology.hubble0_ev)


def _moment(b: FloatArray, a: FloatArray, power: int) -> FloatArray:
    """int_b^inf q f/w^power dq with w^2 = q^2 + a^2; power 1 is J."""
    b, a = b[..., None], np.maximum(a, 1e-100)[..., None]
    x, w = _rule(32)
    # t from asinh(b/a); what lies 30 e-folds below the upper end does not matter
    split = np.maximum(b, 1.0)
    high = np.arcsinh(split / a)
    low = np.maximum(np.arcsinh(b / a), high - 30.0)
    t = low + x * (high - low)
    q = a * np.sinh(t)
    below = np.sum(w * (high - low) * q * np.exp(-q) / (1.0 + np.exp(-q)) * (a * np.cosh(t)) ** (1 - power), axis=-1)
    x, w = _rule(48)
    q = split + TAIL * x
    # e^-q, relative to its largest value, which underflows late
    decay = np.exp(-TAIL * x) / (1.0 + np.exp(-q))
    above = np.sum(TAIL * w * q * decay / (q * q + a * a) ** (0.5 * power), axis=-1)
    return np.asarray(below + np.exp(-split[..., 0]) * above)


@cache
def _rule(n: int) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(n)
    return 0.5 * (x + 1.0), 0.5 * w


def _path_integral(y_ev: FloatArray, m_nu_ev: FloatArray, x_source: FloatArray, cosmology: Cosmology) -> FloatArray:
    """int_0^x_source dx J e^{-x} H0/H for inputs of shape (n,), in pieces of |s| on both sides of the resonance.

    d = s + m^2/(2 T Y) = (Y/2T) e^{-2x}, so that a step in s is a step -ln(1 - ds/d)/2 in x without cancellation.
    """
    temperature = cosmology.t_nu0_ev
    rest = m_nu_ev**2 / (2.0 * temperature * y_ev)
    first = (y_ev - m_nu_ev) * (y_ev + m_nu_ev) / (2.0 * temperature * y_ev)
    last = first + y_ev / (2.0 * temperature) * np.expm1(-2.0 * x_source)
    near = np.minimum(np.maximum(last, 0.0)[:, None] + PIECES, first[:, None])  # upwards from the resonance
    far = np.maximum(np.minimum(first, 0.0)[:, None] - PIECES, last[:, None])  # downwards
    start = np.concatenate([near[:, 1:], far[:, :-1]], axis=-1)
    end = np.concatenate([near[:, :-1], far[:, 1:]], axis=-1)
    largest, least = y_ev / (2.0 * temperature), y_ev / (2.0 * temperature) * np.exp(-2.0 * x_source)
    d = np.clip(start + rest[:, None], least[:, None], largest[:, None])  # whatever the rounding, far from resonance
    length = -0.5 * np.log1p(np.maximum((end - start) / d, least[:, None] / d - 1.0))
    begin = 0.5 * np.log(y_ev[:, None] / (2.0 * temperature * d))
    t, weight = _rule(24)
    x = begin[..., None] + t * length[..., None]
    s = start[..., None] + d[..., None] * np.expm1(-2.0 * t * length[..., None])
    kernel = relic_integral(np.abs(s), m_nu_ev[:, None, None] / temperature * np.exp(-x))
    hubble = cosmology.hubble_ev(np.expm1(x)) / cosmology.hubble0_ev
    return np.asarray(np.sum(length * np.sum(weight * kernel * np.exp(-x) / hubble, axis=-1), axis=-1))


@dataclass(frozen=True)
class PathRule:
    """Quadrature along the path.

    Parameters
    ----------
    order : int
        Gauss-Legendre nodes per piece.
    floor : float
        Depth that may be left out in the wings of a resonance.
    """

    order: int
    floor: float

    @property
    def rule(self) -> tuple[FloatArray, ...]:
        """Nodes t on [0, 1] and their weights, and what acts on values at the nodes.

        Returns
        -------
        t, weight : ndarray, shape (node,)
        integral : ndarray, shape (node, node)
            Integral of the interpolant from 0 to each node.
        slope : ndarray, shape (node, node)
            Its derivative at each node, times `weight`.
        ends : ndarray, shape (2, node)
            Its values at 0 and 1.
        """
        t, weight = _rule(self.order)
        basis = [np.polynomial.legendre.Legendre.basis(k, domain=[0.0, 1.0]) for k in range(self.order)]
        inverse = np.linalg.inv(np.array([p(t) for p in basis]).T)
        integral = np.array([p.integ(lbnd=0.0)(t) for p in basis]).T @ inverse
        slope = weight[:, None] * (np.array([p.deriv()(t) for p in basis]).T @ inverse)
        return t, weight, integral, slope, np.array([p(np.array([0.0, 1.0])) for p in basis]).T @ inverse


FIT = PathRule(order=5, floor=1e-5)
"""Rule of a fit."""

FINE = PathRule(order=16, floor=1e-12)
"""Rule of the public functions."""

SIDES = np.array([-1.0, -0.35, 0.0, 0.18, 0.42, 1.0])
"""Ends in s of the pieces around each resonance, over the largest |s| that matters."""

STRIDES = np.array([0.1, 0.4])
"""Further ends in ln(1+z), over the largest."""


EDGES = np.array([0.0, 3.0, 8.0, -3.0, -7.0, -13.0])
"""Values of s between which the flux at Earth is integrated in pieces."""


@dataclass(frozen=True)
class RelicTable:
    """Table of J(b, a) e^b (1 + a) with its slopes per step, uniform in b/(b + 1) and in ln a.

    Between the nodes it is the bicubic Hermite interpolant, to 1e-7 for b < 10; a below A_MIN counts as A_MIN, and
    above A_MAX a J no longer changes.

    Parameters
    ----------
    values : ndarray, shape (a, b, 4)
        Value, slope in b, slope in a, cross slope.
    """

    values: FloatArray

    B_STEPS, A_STEPS = 192, 128
    B_END = TAIL / (TAIL + 1.0)
    LN_A_MIN, LN_A_MAX = math.log(1e-3), math.log(1e4)

    def at(self, b: FloatArray, ln_a: FloatArray) -> FloatArray:
        """J(b, a), elementwise; 0 above b = TAIL."""
        a = np.exp(np.maximum(ln_a, self.LN_A_MIN))
        scale = a + np.maximum(1.0, a * math.exp(-self.LN_A_MAX))
        bounded = np.minimum(b, TAIL)
        column = bounded / (bounded + 1.0) * (self.B_STEPS / self.B_END)
        row = (np.clip(ln_a, self.LN_A_MIN, self.LN_A_MAX) - self.LN_A_MIN) * (
            self.A_STEPS / (self.LN_A_MAX - self.LN_A_MIN)
        )
        k = np.minimum(column.astype(np.intp), self.B_STEPS - 1)
        i = np.minimum(row.astype(np.intp), self.A_STEPS - 1)
        (v0, s0), (v1, s1) = _hermite(column - k)
        (p0, q0), (p1, q1) = _hermite(row - i)
        total = np.zeros_like(column)
        for value, slope, across, down in ((v0, s0, p0, q0), (v1, s1, p0, q0), (v0, s0, p1, q1), (v1, s1, p1, q1)):
            corner = self.values[i + (across is p1), k + (value is v1)]
            total += across * (value * corner[..., 0] + slope * corner[..., 1])
            total += down * (value * corner[..., 2] + slope * corner[..., 3])
        return np.asarray(np.where(b < TAIL, total * np.exp(-b) / scale, 0.0))


def _hermite(t: FloatArray) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """Weights of value and slope at the left and at the right end of a step."""
    right, rise = t * t * (3.0 - 2.0 * t), t * (1.0 - t)
    return (1.0 - right, rise * (1.0 - t)), (right, -rise * t)


@cache
def relic_table() -> RelicTable:
    """The table, computed on first use."""
    position = np.linspace(0.0, RelicTable.B_END, RelicTable.B_STEPS + 1)
    ln_a = np.linspace(RelicTable.LN_A_MIN, RelicTable.LN_A_MAX, RelicTable.A_STEPS + 1)
    b, a = np.meshgrid(position / (1.0 - position), np.exp(ln_a))
    w, decay = np.hypot(a, b), 1.0 / (1.0 + np.exp(-b))  # e^b f
    j, along_a = np.exp(b) * _moment(b, a, 1), -a * np.exp(b) * _moment(b, a, 3)
    along_b, cross = -b * decay / w, a * b * decay / w**3
    step_b = (b + 1.0) ** 2 * position[1]
    step_a = a * (ln_a[1] - ln_a[0])
    slope_b, slope_a = (1.0 + a) * (j + along_b), j + (1.0 + a) * along_a
    slope_ab = j + along_b + (1.0 + a) * (along_a + cross)
    return RelicTable(
        np.stack([(1.0 + a) * j, slope_b * step_b, slope_a * step_a, slope_ab * step_a * step_b], axis=-1)
    )


@dataclass(frozen=True)
class ThermalPath:
    """What the path of a batch of points is made of, in the variable v = (1+z)^-2.

    Target j has s = near v - rest, tau_j = strength int dv J e^{-x} H0/H/(2 v), and wings that end at |s| = cut.

    Parameters
    ----------
    near, rest : ndarray, shape (*batch, energy) and (*batch, target, energy)
        Y/(2 T_nu0) and m_j^2/(2 T_nu0 Y).
    strength : ndarray, shape (*batch, energy)
        Scale of the optical depth.
    ln_a : ndarray, shape (*batch, target)
        ln(m_j/T_nu0).
    cut : ndarray, shape (*batch,)
        Largest |s| that matters.
    """

    near: FloatArray
    rest: FloatArray
    strength: FloatArray
    ln_a: FloatArray
    cut: FloatArray

    @classmethod
    def of(
        cls,
        energy_gev: FloatArray,
        m_zprime_mev: FloatArray,
        g_prime: FloatArray,
        masses_ev: FloatArray,
        cosmology: Cosmology,
        depth_factor: float,
        floor: float,
    ) -> ThermalPath:
        """For energies (*batch, energy), mediator (*batch,) and masses (*batch, target)."""
        temperature = cosmology.t_nu0_ev
        y_ev = (m_zprime_mev[..., None] * EV_PER_MEV) ** 2 / (2.0 * energy_gev * EV_PER_GEV)
        scale = depth_factor * depth_scale(m_zprime_mev, g_prime, cosmology)
        with np.errstate(divide="ignore"):
            ln_a = np.maximum(np.log(masses_ev / temperature), RelicTable.LN_A_MIN)
        return cls(
            y_ev / (2.0 * temperature),
            masses_ev[..., :, None] ** 2 / (2.0 * temperature * y_ev[..., None, :]),
            scale[..., None] * y_ev * y_ev,
            ln_a,
            np.minimum(2.0 + np.log1p(30.0 * scale * temperature**2 / floor), TAIL),
        )


def edge_energies_gev(
    m_zprime_mev: ArrayLike, masses_ev: ArrayLike, z_max: float, far_edge: bool, cosmology: Cosmology
) -> FloatArray:
    """Energies in GeV between which the flux at Earth is smooth, shape (*batch, edge).

    Where s, at Earth and with `far_edge` also at `z_max`, is one of `EDGES`. The first are E_j = m_Z'^2/(2 m_j), +inf
    for a massless target.
    """
    a = np.asarray(masses_ev, float) / cosmology.t_nu0_ev
    ev = (np.asarray(m_zprime_mev, float)[..., None] * EV_PER_MEV) ** 2
    energies = []
    with np.errstate(divide="ignore"):
        for u in (1.0, 1.0 + z_max) if far_edge else (1.0,):
            for s in EDGES:
                y_over_t = s * u * u + u * np.hypot(s * u, a)
                energies.append(ev / (2.0 * EV_PER_GEV * cosmology.t_nu0_ev * y_over_t))
    return np.concatenate(energies, axis=-1)


def survival(
    path: ThermalPath,
    rates: FloatArray,
    beyond: Callable[[FloatArray], FloatArray],
    single: bool,
    x_max: float,
    cosmology: Cosmology,
    rule: PathRule,
) -> FloatArray:
    """Fraction of each mass state that arrives at Earth, for one point.

    With F the fraction of the flux emitted beyond x, the average of g = exp(-tau_i(x)) over the sources is
    1 + int F dg, an integral over the resonances alone. The path is cut in pieces at fixed distances from each of them.
    In a piece tau is the integral of the interpolant through its nodes and int F dg = [F g] - int g dF, with F its
    interpolant too, so that a piece deep enough to stop everything does no harm.

    Parameters
    ----------
    path : ThermalPath
        Of one point, batch ().
    rates : ndarray, shape (target, 3)
        R_j,ii.
    beyond : callable
        F at redshifts of any shape.
    single : bool
        Whether all sources are at `x_max`.
    x_max : float
        ln(1 + z_max).
    cosmology : Cosmology
        Expansion rate.
    rule : PathRule
        Nodes per piece.

    Returns
    -------
    ndarray, shape (3, energy)
    """
    t, weight, integral, slope, at_ends = rule.rule
    v_min = math.exp(-2.0 * x_max)
    ends = (path.rest + (SIDES * path.cut)[:, None, None]) / path.near  # (side, target, energy)
    strides = np.broadcast_to(np.exp(-2.0 * x_max * STRIDES)[:, None], (STRIDES.size, path.near.size))
    ends = np.concatenate([ends.reshape(-1, path.near.size), strides])
    ends = np.sort(np.clip(ends, v_min, 1.0), axis=0)[::-1]
    length = (ends[:-1] - ends[1:])[..., None]  # (piece, energy, 1)
    v = ends[:-1, :, None] - t * length
    ln_v = np.log(v)
    s = path.near[:, None] * v - path.rest[:, None, :, None]  # (target, piece, energy, node)
    j = relic_table().at(np.abs(s), path.ln_a[:, None, None, None] + 0.5 * ln_v)
    j = np.where(np.abs(s) < path.cut, j, 0.0)
    root = np.sqrt(v)
    factor = 0.5 * path.strength[:, None] / np.sqrt(cosmology.omega_m / root + cosmology.omega_lambda * v)
    drop = length * factor * np.einsum("ji,jpen->ipen", rates, j)
    after = np.cumsum(np.sum(drop * weight, axis=-1), axis=1)
    if single:
        return np.asarray(np.exp(-after[:, -1]))
    before = np.concatenate([np.zeros_like(after[:, :1]), after[:, :-1]], axis=1)
    inside = np.exp(-before[..., None] - drop @ integral.T)  # (state, piece, energy, node)
    fraction = beyond(np.exp(-0.5 * ln_v) - 1.0)
    first, last = np.moveaxis(fraction @ at_ends.T, -1, 0)
    lost = last * np.exp(-after) - first * np.exp(-before) - np.einsum("pek,ipek->ipe", fraction @ slope.T, inside)
    return np.asarray(1.0 + np.sum(np.where(after > before, lost, 0.0), axis=1))
