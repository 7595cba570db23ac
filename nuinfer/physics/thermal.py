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

import math
from functools import cache

import numpy as np

from nuinfer.compiled import inlined
from nuinfer.constants import EV_PER_GEV, EV_PER_MEV
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.domain import checked
from nuinfer.physics.hermite import hermite
from nuinfer.physics.mediator import LMU_LTAU
from nuinfer.typing import ArrayLike, FloatArray

TAIL = 45.0
"""Integrals over e^-q end this far above their lower limit."""

PIECES = np.array([0.0, 1.5, 5.0, 12.0, 24.0, TAIL])
"""Ends in |s|, from the value nearest to the resonance, of the pieces of the integral over the path."""

CHUNK = 32
"""Optical depths that are integrated together; a matter of memory alone."""

# The table of J for the compiled core
B_STEPS, A_STEPS = 192, 128
B_END = TAIL / (TAIL + 1.0)
LN_A_MIN, LN_A_MAX = math.log(1e-3), math.log(1e4)
_COLUMNS, _ROWS = B_STEPS / B_END, A_STEPS / (LN_A_MAX - LN_A_MIN)
_A_MIN, _A_MAX = math.exp(LN_A_MIN), math.exp(LN_A_MAX)


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
    return relic_moment(np.asarray(b, float), np.asarray(a, float), 1)


def thermal_optical_depth(
    energy_gev: ArrayLike, source_redshift: ArrayLike, m_zprime_mev: ArrayLike, g_prime: ArrayLike,
    m_nu_ev: ArrayLike, cosmology: Cosmology,
) -> FloatArray:  # fmt: skip
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
    columns = np.broadcast_arrays(
        checked("energy_gev", energy_gev, "positive"), checked("source_redshift", source_redshift, ">= 0"),
        checked("m_zprime_mev", m_zprime_mev, "positive"), np.asarray(g_prime, float),
        checked("m_nu_ev", m_nu_ev, ">= 0"),
    )  # fmt: skip
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


def relic_moment(b: FloatArray, a: FloatArray, power: int) -> FloatArray:
    """int_b^inf q f/w^power dq with w^2 = q^2 + a^2; power 1 is J."""
    b, a = b[..., None], np.maximum(a, 1e-100)[..., None]
    x, w = unit_rule(32)
    # t from asinh(b/a); what lies 30 e-folds below the upper end does not matter
    split = np.maximum(b, 1.0)
    high = np.arcsinh(split / a)
    low = np.maximum(np.arcsinh(b / a), high - 30.0)
    t = low + x * (high - low)
    q = a * np.sinh(t)
    below = np.sum(w * (high - low) * q * np.exp(-q) / (1.0 + np.exp(-q)) * (a * np.cosh(t)) ** (1 - power), axis=-1)
    x, w = unit_rule(48)
    q = split + TAIL * x
    # e^-q, relative to its largest value, which underflows late
    decay = np.exp(-TAIL * x) / (1.0 + np.exp(-q))
    above = np.sum(TAIL * w * q * decay / (q * q + a * a) ** (0.5 * power), axis=-1)
    return np.asarray(below + np.exp(-split[..., 0]) * above)


@cache
def unit_rule(n: int) -> tuple[FloatArray, FloatArray]:
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
    t, weight = unit_rule(24)
    x = begin[..., None] + t * length[..., None]
    s = start[..., None] + d[..., None] * np.expm1(-2.0 * t * length[..., None])
    kernel = relic_integral(np.abs(s), m_nu_ev[:, None, None] / temperature * np.exp(-x))
    hubble = cosmology.hubble_ev(np.expm1(x)) / cosmology.hubble0_ev
    return np.asarray(np.sum(length * np.sum(weight * kernel * np.exp(-x) / hubble, axis=-1), axis=-1))


@cache
def relic_table() -> FloatArray:
    """Table of J(b, a) e^b (1 + a), uniform in b/(b + 1) and in ln a, computed on first use.

    Between the nodes it is the bicubic Hermite interpolant, to 1e-7 for b < 10; a below its least value counts as that,
    and above the largest a J no longer changes.

    Returns
    -------
    ndarray, shape (a, b, 4)
        Value, slope in b, slope in a, cross slope, per step.
    """
    position = np.linspace(0.0, B_END, B_STEPS + 1)
    ln_a = np.linspace(LN_A_MIN, LN_A_MAX, A_STEPS + 1)
    b, a = np.meshgrid(position / (1.0 - position), np.exp(ln_a))
    w, decay = np.hypot(a, b), 1.0 / (1.0 + np.exp(-b))  # e^b f
    j, along_a = np.exp(b) * relic_moment(b, a, 1), -a * np.exp(b) * relic_moment(b, a, 3)
    along_b, cross = -b * decay / w, a * b * decay / w**3
    step_b = (b + 1.0) ** 2 * position[1]
    step_a = a * (ln_a[1] - ln_a[0])
    slope_b, slope_a = (1.0 + a) * (j + along_b), j + (1.0 + a) * along_a
    slope_ab = j + along_b + (1.0 + a) * (along_a + cross)
    return np.stack([(1.0 + a) * j, slope_b * step_b, slope_a * step_a, slope_ab * step_a * step_b], axis=-1)


@inlined
def relic(b: float, ln_a: float, a: float, table: FloatArray) -> float:
    """J(b, a) by the interpolant of the table, for b below its end."""
    column = b / (b + 1.0) * _COLUMNS
    row = (min(max(ln_a, LN_A_MIN), LN_A_MAX) - LN_A_MIN) * _ROWS
    k, i = min(int(column), B_STEPS - 1), min(int(row), A_STEPS - 1)
    v0, v1, s0, s1 = hermite(column - k)
    p0, p1, q0, q1 = hermite(row - i)
    low = v0 * table[i, k, 0] + s0 * table[i, k, 1] + v1 * table[i, k + 1, 0] + s1 * table[i, k + 1, 1]
    low_a = v0 * table[i, k, 2] + s0 * table[i, k, 3] + v1 * table[i, k + 1, 2] + s1 * table[i, k + 1, 3]
    i += 1
    high = v0 * table[i, k, 0] + s0 * table[i, k, 1] + v1 * table[i, k + 1, 0] + s1 * table[i, k + 1, 1]
    high_a = v0 * table[i, k, 2] + s0 * table[i, k, 3] + v1 * table[i, k + 1, 2] + s1 * table[i, k + 1, 3]
    scale = max(a, _A_MIN) + max(1.0, a / _A_MAX)
    return float((p0 * low + q0 * low_a + p1 * high + q1 * high_a) * math.exp(-b) / scale)
