"""Scattering of neutrinos on relic neutrinos: all channels, with their interference and the width of the mediator.

A beam of mass state i and energy E meets a relic of mass state j at rest and makes k and l, s = 2 m_j E, and with
x = E_k/E the other invariants are t = -s (1-x), u = -s x. Squared masses of neutrinos are left out: m_j^2/s = m_j/(2 E)
is below 1e-12 above 1 GeV. With a = s/M^2, gamma = Gamma/M and

    S = 1/(a - 1 + i gamma),      theta(y) = 1/(1 + a y),

every cross-section is g^4/(16 pi M^2) a sum_n C_n f_n: tensors C_n of couplings alone (`channels_of`) times functions
of (a, gamma, x) that depend on the spin alone (`shapes`, `propagator`):

    term   of a scalar                  of a vector                     with
    s      1                            x^2 + (1-x)^2                   |S|^2
    t      y^2 theta(y)^2, y = 1-x      (1 + (1-y)^2) theta(y)^2        1
    u      as t with x for 1-x          as t with x for 1-x             1
    tu     x (1-x) theta(x) theta(1-x)  theta(x) theta(1-x)             1
    st     y theta(y)                   (1-y)^2 theta(y)                Re(C S)
    su     as st with x for 1-x         as st with x for 1-x            Re(C S)

Majorana, spin 0, L = -(g/2) phi Y_ab nu_a nu_b + h.c.: a relic of the beam's helicity gives two of that helicity
through S alone, or two of the other through all three channels; one of the other helicity gives both through t and u.
Spin 1, L = -g Z_mu V_ab nubar_a gamma^mu P_L nu_b: nu nu through t and u, nu nubar through s and t. Both spins have

    s  c |Y_ij|^2 H_kk,          t  c |Y_ik|^2 H_jj,          u  c |Y_jk|^2 H_ii,       H = Y Y^dagger,  G = Y^dagger Y,
    tu c' Re Y_ik Y_jk^* H_ji,   st c'' Y_ij Y_ik^* G_jk,     su c'' Y_ij Y_kj^* H_ki,  c = 2, c' = 2, c'' = 2

for a scalar, as the distribution of outgoing neutrinos k (two for every collision), and with V for Y, conjugated st and
su and c = 4, c' = 8, c'' = -8 for a vector. A beam of antineutrinos has conjugated couplings. Of Dirac neutrinos and a
scalar, right-handed neutrinos and left-handed antineutrinos are inert. Two mediators in the final state are left out,
and so are charged leptons, to which a vector may couple: the width is that into neutrinos.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from nuinfer.compiled import compiled, inlined, inner, plain
from nuinfer.constants import EV_PER_GEV, EV_PER_MEV, HBAR_C_MEV_CM
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.domain import check_choice
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.typing import ArrayLike, FloatArray

Selection = Literal["all", "s", "tu"]
"""All channels; those of |S|^2 alone; t and u with each other, without S."""

SMALL = 0.5
"""Integrals of u^n/(1 + z u) are summed as a series for z below this."""

NARROWEST = 1e-150
"""A width over mass below this counts as this."""

_SERIES = tuple(6.0 / ((m + 1) * (m + 2) * (m + 3) * (m + 4)) for m in range(26))
_CHANNELS = {"all": (1.0, 1.0, 1.0), "s": (1.0, 0.0, 0.0), "tu": (0.0, 1.0, 0.0)}


class Channels(NamedTuple):
    """What couplings do to cross-sections, in units of g^4 a/(16 pi M^2).

    Parameters
    ----------
    totals : ndarray, shape (5, 3, 3)
        [term, i, j], to be multiplied with `total_terms`; the last is that by which beams of neutrinos are above, and
        beams of antineutrinos below, the mean of both.
    daughters : ndarray, shape (6, 3, 3, 3)
        [term, i, j, k] for the mean of both beams and all active neutrinos that come out, to be multiplied with
        `density_terms`. Sums over k are twice `totals` where all neutrinos are active.
    """

    totals: FloatArray
    daughters: FloatArray


def channels_of(mixing: Mixing, mediator: Mediator, channels: Selection = "all") -> Channels:
    """The tensors of a model.

    Raises
    ------
    PhysicsDomainError
        For other channels, others than "s" of a vector and Dirac neutrinos, or with a sterile state.
    """
    check_choice("channels", channels, Selection)
    if mediator.sterile is not None:
        raise PhysicsDomainError("mediator: cross-sections are of active neutrinos alone, without a sterile state")
    is_dirac = mediator.neutrino == "dirac"
    if is_dirac and mediator.spin and channels != "s":
        raise PhysicsDomainError(f"channels: '{channels}' is not allowed for a vector and Dirac neutrinos, only 's'")
    y = mediator.in_mass_basis(mixing)
    square, h = np.abs(y) ** 2, y @ y.conj().T
    w, conjugate = h.diagonal().real, y.conj()
    single, mixed, crossed = (4.0, 8.0, -8.0) if mediator.spin else (2.0, 2.0, 2.0)
    terms = np.array([
        single * np.einsum("ij,k->ijk", square, w),
        single * np.einsum("ik,j->ijk", square, w),
        single * np.einsum("kj,i->ijk", square, w),
        mixed * np.einsum("ik,jk,ji->ijk", y, conjugate, h),
        crossed * np.einsum("ij,ik,jk->ijk", y, conjugate, y.conj().T @ y),
        crossed * np.einsum("ij,kj,ki->ijk", y, conjugate, h),
    ])  # fmt: skip
    s, t, u, tu, st, su = terms.sum(axis=-1) / 2.0
    odd = (st + su).imag * (1.0 if mediator.spin else -1.0)
    total = np.array([s.real, (t + u).real, tu.real, (st + su).real, odd])
    daughters = terms.real
    if is_dirac:  # interference among half of the helicities, and one active neutrino where its line ends at the target
        total *= np.array([1.0, 1.0, 0.5, 0.5, 0.5])[:, None, None]
        daughters = daughters * np.array([0.5, 0.0, 0.5, 0.0, 0.0, 0.5])[:, None, None, None]
    resonant, exchange, interference = _CHANNELS[channels]
    of_totals = np.array([resonant, exchange, exchange, interference, interference])
    of_daughters = np.array([resonant, exchange, exchange, exchange, interference, interference])
    return Channels(of_totals[:, None, None] * total, of_daughters[:, None, None, None] * daughters)


@inlined
def propagator(ratio: float, width: float) -> tuple[float, float, float]:
    """|S|^2, Re S and Im S of S = 1/(a - 1 + i gamma).

    Parameters
    ----------
    ratio, width : float
        a = s/M^2 and gamma = Gamma/M.
    """
    gamma = max(width, NARROWEST)
    off = ratio - 1.0
    square = 1.0 / (off * off + gamma * gamma)
    return square, off * square, -gamma * square


@inlined
def propagator_integrals(low: float, high: float, width: float) -> tuple[float, float, float]:
    """`propagator` integrated over a from `low` to `high` >= low, without cancellation."""
    gamma = max(width, NARROWEST)
    below, above = low - 1.0, high - 1.0
    angle = math.atan2(gamma * (above - below), gamma * gamma + above * below)
    first, change = below * below + gamma * gamma, (above - below) * (above + below)
    if abs(change) < 0.5 * first:
        logarithm = math.log1p(change / first)
    else:
        logarithm = math.log((above * above + gamma * gamma) / first)
    return angle / gamma, 0.5 * logarithm, -angle


@inner
def rational_integrals(z: float) -> tuple[float, float, float, float]:
    """int_0^1 u^n/(1 + z u) du for n = 0, 1, 2, 3 to some 1e-15, relative, for every z >= 0.

    One follows from another, z I_n = 1/n - I_(n-1): for small z from the highest, (1/4) 2F1(1, 4; 5; -z), by its series
    in z/(1+z), for others from I_0 = ln(1+z)/z.
    """
    if z < SMALL:
        w = z / (1.0 + z)
        total = _SERIES[-1]
        for m in range(len(_SERIES) - 2, -1, -1):
            total = total * w + _SERIES[m]
        third = total / (1.0 + z)
        second = 1.0 / 3.0 - z * third
        first = 0.5 - z * second
        return 1.0 - z * first, first, second, third
    zeroth = math.log1p(z) / z
    first = (1.0 - zeroth) / z
    second = (0.5 - first) / z
    return zeroth, first, second, (1.0 / 3.0 - second) / z


@inner
def squared_integrals(z: float, single: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """int_0^1 u^n/(1 + z u)^2 du for n = 0, 1, 2, 3 from `rational_integrals`, by parts."""
    end = 1.0 / (1.0 + z)
    if z < SMALL:
        return end, end - single[1], end - 2.0 * single[2], end - 3.0 * single[3]
    return end, (single[0] - end) / z, (2.0 * single[1] - end) / z, (3.0 * single[2] - end) / z


@inlined
def shapes(spin: int, ratio: float, x: float) -> tuple[float, float, float, float, float, float]:
    """The functions of s, t, u, tu, st, su, as in the table above.

    Parameters
    ----------
    spin : int
        Of the mediator.
    ratio, x : float
        a = s/M^2, and the energy of the outgoing neutrino over that of the beam, in [0, 1].
    """
    y = 1.0 - x
    of_x, of_y = 1.0 / (1.0 + ratio * x), 1.0 / (1.0 + ratio * y)
    if spin == 0:
        t, u = y * of_y, x * of_x
        return 1.0, t * t, u * u, t * u, t, u
    t, u = x * of_y, y * of_x
    return x * x + y * y, of_y * of_y + t * t, of_x * of_x + u * u, of_x * of_y, x * t, y * u


@inner
def shape_integrals(spin: int, ratio: float, x: float) -> tuple[float, float, float, float, float, float, float, float]:
    """Integrals of `shapes` from 0 to x, in closed form: how many daughters, and how much energy, are below x.

    Parameters
    ----------
    spin, ratio, x
        As in `shapes`.

    Returns
    -------
    tuple of 8 floats
        int f dx and int x f dx for f = s, u, r and su, where tu = r(x) + r(1-x). What is as one of these with 1-x for
        x has, with its integrals N and X, N(1) - N(1-x) and N(1) - X(1) - (N(1-x) - X(1-x)).
    """
    z = ratio * x
    single = rational_integrals(z)
    double = squared_integrals(z, single)
    half = 1.0 / (2.0 + ratio)
    x2 = x * x
    x3, x4 = x * x2, x2 * x2
    if spin == 0:
        return (
            x, 0.5 * x2,
            x3 * double[2], x4 * double[3],
            half * (x2 * single[1] - x3 * single[2]), half * (x3 * single[2] - x4 * single[3]),
            x2 * single[1], x3 * single[2],
        )  # fmt: skip
    return (
        x - x2 + 2.0 / 3.0 * x3, 0.5 * x2 - 2.0 / 3.0 * x3 + 0.5 * x4,
        2.0 * x * double[0] - 2.0 * x2 * double[1] + x3 * double[2],
        2.0 * x2 * double[1] - 2.0 * x3 * double[2] + x4 * double[3],
        half * x * single[0], half * x2 * single[1],
        x * single[0] - 2.0 * x2 * single[1] + x3 * single[2],
        x2 * single[1] - 2.0 * x3 * single[2] + x4 * single[3],
    )  # fmt: skip


@inner
def total_terms(spin: int, ratio: float, width: float) -> tuple[float, float, float, float, float]:
    """What multiplies `Channels.totals`: s with |S|^2, t and u, tu, st and su with Re S, and with Im S."""
    square, real, imaginary = propagator(ratio, width)
    s, _, u, _, r, _, su, _ = shape_integrals(spin, ratio, 1.0)
    return s * square, u, 2.0 * r, su * real, su * imaginary


@inner
def density_terms(spin: int, ratio: float, width: float, x: float) -> tuple[float, float, float, float, float, float]:
    """What multiplies `Channels.daughters`: `shapes` with |S|^2, 1, 1, 1, Re S, Re S."""
    square, real, _ = propagator(ratio, width)
    s, t, u, tu, st, su = shapes(spin, ratio, x)
    return s * square, t, u, tu, st * real, su * real


@inlined
def energy_ratio(energy_gev: float, m_mediator_mev: float, m_nu_ev: float) -> float:
    """Invariant a = s/M^2 with s = 2 m_nu E, a target at rest."""
    return 2.0 * m_nu_ev * energy_gev * EV_PER_GEV / (m_mediator_mev * EV_PER_MEV) ** 2


@inlined
def unit_cm2(m_mediator_mev: float, coupling: float) -> float:
    """g^4/(16 pi M^2) in cm^2."""
    length = coupling * coupling * HBAR_C_MEV_CM / m_mediator_mev
    return length * length / (16.0 * math.pi)


def total_cm2(
    energy_gev: ArrayLike, m_mediator_mev: ArrayLike, coupling: ArrayLike, m_nu_ev: ArrayLike, mixing: Mixing,
    mediator: Mediator, channels: Selection = "all",
) -> FloatArray:  # fmt: skip
    """Cross-section of a neutrino on relic neutrinos at rest, summed over both helicities of the relics.

    Absorption per length is n_1, the density of one mass state and helicity, times the sum over j. With complex
    couplings that of antineutrinos differs at tree level, that of a model with conjugated couplings.

    Parameters
    ----------
    energy_gev, m_mediator_mev, coupling : array_like, shape (*batch,)
        Energy in GeV, mass of the mediator in MeV, its coupling g.
    m_nu_ev : array_like, shape (*batch, 3)
        Masses of the targets in eV.
    mixing : Mixing
        Mixing matrix.
    mediator : Mediator
        Spin, couplings, and what neutrinos are. Of Dirac ones the two helicities are nu and nubar, with random spin.
    channels : {"all", "s", "tu"}
        All; those of |S|^2 alone; those of t and u with their interference. The last two lack the interference of S.

    Returns
    -------
    ndarray, shape (*batch, 3, 3)
        In cm^2: [i, j] of mass state i in the beam and j in the target.

    Raises
    ------
    PhysicsDomainError
        For an energy or mass that is not positive, a negative coupling or target mass, a width above the mass, or
        channels that `channels_of` refuses.

    Examples
    --------
    >>> from nuinfer.physics.mediator import NU_TAU
    >>> from nuinfer.physics.mixing import NUFIT60_NORMAL
    >>> total = total_cm2(1e3, 8.0, 0.1, [0.01, 0.013, 0.05], NUFIT60_NORMAL, NU_TAU, "tu")
    >>> total.shape, f"{total[2, 2]:.2e}"
    ((3, 3), '4.73e-32')
    """
    given = channels_of(mixing, mediator, channels)
    unit, ratio, width = _in_units(energy_gev, m_mediator_mev, coupling, m_nu_ev, mediator)
    terms = _all_terms(_total_loop, 5, mediator.spin, ratio, width)
    return np.asarray(unit[..., None, None] * np.einsum("...j,...jn,nij->...ij", ratio, terms, given.totals))


def daughters(
    x: ArrayLike, energy_gev: ArrayLike, m_mediator_mev: ArrayLike, coupling: ArrayLike, m_nu_ev: ArrayLike,
    mixing: Mixing, mediator: Mediator, channels: Selection = "all",
) -> FloatArray:  # fmt: skip
    """Distribution of the neutrinos that a collision makes, of beams of neutrinos and antineutrinos alike.

    Its integral over x, summed over k, is 2 for Majorana neutrinos and the number of active ones, relative to all
    collisions, for Dirac neutrinos. Both helicities are counted. States that do not meet have none: 0.

    Parameters
    ----------
    x : array_like, broadcasts with the batch
        Energy of the outgoing neutrino over that of the beam, in [0, 1].
    energy_gev, m_mediator_mev, coupling, m_nu_ev, mixing, mediator, channels
        As in `total_cm2`.

    Returns
    -------
    ndarray, shape (*batch, 3, 3, 3)
        [i, j, k]: mass state i on target j gives k.

    Raises
    ------
    PhysicsDomainError
        As in `total_cm2`, and for x outside [0, 1].

    Examples
    --------
    A narrow resonance of a vector: 3 x^2 of one helicity and 3 (1-x)^2 of the other.

    >>> from nuinfer.physics.mediator import FLAVOUR_BLIND
    >>> from nuinfer.physics.mixing import PAPER
    >>> both = daughters([0.0, 0.5], 6.4e5, 8.0, 1e-3, [0.01, 0.05, 0.07], PAPER, FLAVOUR_BLIND)[:, 1, 1]
    >>> both.sum(axis=-1).round(5).tolist()
    [3.0, 1.5]
    """
    given = channels_of(mixing, mediator, channels)
    _, ratio, width = _in_units(energy_gev, m_mediator_mev, coupling, m_nu_ev, mediator)
    at = np.asarray(x, float)[..., None]
    _require("x", at, (at >= 0.0) & (at <= 1.0), "from 0 to 1")
    densities = _all_terms(_density_loop, 6, mediator.spin, ratio, width, at)
    number = np.einsum("...jn,nijk->...ijk", densities, given.daughters)
    totals = _all_terms(_total_loop, 5, mediator.spin, ratio, width)
    total = np.einsum("...jn,nij->...ij", totals[..., :4], given.totals[:4])
    total = np.broadcast_to(total, number.shape[:-1])[..., None]
    return np.asarray(np.divide(number, total, out=np.zeros(number.shape), where=total > 0.0))


def _in_units(
    energy_gev: ArrayLike, m_mediator_mev: ArrayLike, coupling: ArrayLike, m_nu_ev: ArrayLike, mediator: Mediator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """`unit_cm2`, shape (*batch,), a, shape (*batch, 3), and gamma, shape (*batch, 1), if they are in the domain."""
    energy, mass, g, targets = (np.asarray(given, float) for given in (energy_gev, m_mediator_mev, coupling, m_nu_ev))
    widest = 1.0 / math.sqrt(float(mediator.width_over_mass(1.0)))
    _require("energy_gev", energy, energy > 0.0, "positive")
    _require("m_mediator_mev", mass, mass > 0.0, "positive")
    _require("coupling", g, (g >= 0.0) & (g <= widest), f"from 0 to {widest:.4g}, where the width is the mass")
    _require("m_nu_ev", targets, targets >= 0.0, "at least 0")
    ratio = plain(energy_ratio)(energy[..., None], mass[..., None], np.broadcast_to(targets, (*targets.shape[:-1], 3)))
    return np.asarray(plain(unit_cm2)(mass, g)), np.asarray(ratio), mediator.width_over_mass(g)[..., None]


def _require(name: str, values: FloatArray, fine: ArrayLike, allowed: str) -> None:
    refused = ~(np.asarray(fine) & np.isfinite(values))
    if np.any(refused):
        raise PhysicsDomainError(f"{name}: {values[refused][0]} is not allowed, it must be {allowed}")


def _all_terms(loop: Callable[..., None], count: int, spin: int, *values: FloatArray) -> FloatArray:
    """`total_terms` or `density_terms` of arrays, with the terms on a last axis."""
    arrays = np.broadcast_arrays(*values)
    out = np.empty((*arrays[0].shape, count))
    loop(spin, *(array.ravel() for array in arrays), out.reshape(-1, count))
    return out


@compiled
def _total_loop(spin: int, ratio: FloatArray, width: FloatArray, out: FloatArray) -> None:
    for n in range(len(ratio)):
        out[n, 0], out[n, 1], out[n, 2], out[n, 3], out[n, 4] = total_terms(spin, ratio[n], width[n])


@compiled
def _density_loop(spin: int, ratio: FloatArray, width: FloatArray, x: FloatArray, out: FloatArray) -> None:
    for n in range(len(ratio)):
        terms = density_terms(spin, ratio[n], width[n], x[n])
        out[n, 0], out[n, 1], out[n, 2], out[n, 3], out[n, 4], out[n, 5] = terms
