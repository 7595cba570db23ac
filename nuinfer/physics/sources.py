"""Sources: flavour at production and evolution with redshift."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.typing import ArrayLike, FloatArray

_COMPOSITIONS = MappingProxyType(
    {
        "pp": ((1.0, 2.0, 0.0), (1.0, 2.0, 0.0)),
        "pgamma": ((1.0, 1.0, 0.0), (0.0, 1.0, 0.0)),
        "muon_damped": ((0.0, 1.0, 0.0), (0.0, 1.0, 0.0)),
        "muon_damped_pgamma": ((0.0, 1.0, 0.0), (0.0, 0.0, 0.0)),
        "neutron": ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
    }
)

SOURCES = tuple(_COMPOSITIONS)
"""Names of the source compositions."""


def source_fractions(source: str) -> FloatArray:
    """Fractions of the six species at the source, summing to one.

    Parameters
    ----------
    source : str
        ``pp`` (pions of both charges), ``pgamma`` (positive pions), ``muon_damped`` and ``muon_damped_pgamma``
        (the same with muons cooled before they decay) or ``neutron`` (beta decay).

    Returns
    -------
    ndarray, shape (6,)
        (nu_e, nu_mu, nu_tau, nubar_e, nubar_mu, nubar_tau).

    Raises
    ------
    PhysicsDomainError
        For an unknown source.

    Examples
    --------
    >>> source_fractions("pgamma").round(3).tolist()
    [0.333, 0.333, 0.0, 0.0, 0.333, 0.0]
    """
    if source not in _COMPOSITIONS:
        raise PhysicsDomainError(f"source: '{source}' is not one of {', '.join(SOURCES)}")
    fractions = np.array(_COMPOSITIONS[source]).ravel()
    return np.asarray(fractions / fractions.sum())


def free_fractions(f_e: ArrayLike, f_mu: ArrayLike) -> FloatArray:
    """Fractions (e, mu, tau) of a source that makes nu and nubar alike, from those of two flavours.

    Parameters
    ----------
    f_e, f_mu : array_like, broadcast together
        Fractions of nu + nubar; that of tau is what is left.

    Returns
    -------
    ndarray, shape (*batch, 3)
        NaN outside f_e, f_mu >= 0, f_e + f_mu <= 1.

    Examples
    --------
    >>> free_fractions(0.25, 0.5).tolist()
    [0.25, 0.5, 0.25]
    """
    electron, muon = np.broadcast_arrays(np.asarray(f_e, float), np.asarray(f_mu, float))
    tau = 1.0 - electron - muon
    tau = np.where(np.abs(tau) < 1e-15, 0.0, tau)  # a rounding
    fractions = np.stack([electron, muon, tau], axis=-1)
    return np.where(np.all(fractions >= 0.0, axis=-1, keepdims=True), fractions, np.nan)


def _flat(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """W = 1."""
    return np.zeros_like(x), np.zeros_like(x)


def _sfr(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Star formation rate, smooth broken power law of Yuksel et al. 2008, arXiv:0804.4008, eq. (1)."""
    a, b, c, eta = 3.4, -0.3, -3.5, -10.0
    log_break1 = (1.0 - a / b) * math.log(2.0)
    log_break2 = (b - a) / c * math.log(2.0) + (1.0 - b / c) * math.log(5.0)
    slopes = np.array([a, b, c])[:, None] * eta
    offsets = np.array([0.0, -b * log_break1, -c * log_break2])[:, None] * eta
    terms = np.exp(slopes * x + offsets)
    total = terms.sum(axis=0)
    return np.log(total) / eta, (slopes * terms).sum(axis=0) / (total * eta)


def _grb(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rate of long gamma-ray bursts, Wanderman and Piran 2010, arXiv:0912.0709.

    (1+z)^2.1 below z = 3 and (1+z)^-1.4 above; joined as smoothly as the star formation rate above (eta = -10), which
    takes 7 % off the corner.
    """
    eta, rise, fall, corner = -10.0, 2.1, -1.4, math.log(4.0)
    slopes = np.array([rise, fall])[:, None] * eta
    terms = np.exp(slopes * (x - corner))
    total = terms.sum(axis=0)
    at_zero = np.log(np.exp(-slopes * corner).sum()) / eta
    return np.log(total) / eta - at_zero, (slopes * terms).sum(axis=0) / (total * eta)


def _quasar(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Luminosity density of optical quasars, Boyle et al. 2000, astro-ph/0005368: L* of pure luminosity evolution.

    10^(1.36 z - 0.27 z^2), their fit for Omega_m = 0.3 and Lambda = 0.7 to 0.35 < z < 2.3, taken to all redshifts: it
    peaks at z = 2.5 and falls to its value of today at z = 5.
    """
    z = np.expm1(x)
    return math.log(10.0) * (1.36 - 0.27 * z) * z, math.log(10.0) * (1.36 - 0.54 * z) * (1.0 + z)


def _bllac(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gamma-ray luminosity density of BL Lacs, Di Mauro et al. 2014, arXiv:1311.5708: the LDDE fit.

    int dL [(L/L_c)^0.59 + (L/L_c)^1.43]^-1 / [r^1.54 + r^-0.42] with r = (1+z)/(1+z_c), z_c = 2.1 (L/1e48 erg/s)^0.052
    and L_c = 1.82e48 erg/s, from 7e43 to 1e52 erg/s: nearly constant to z = 2, falling beyond.
    """
    p1, p2 = 1.54, -0.42
    node, weight = np.polynomial.legendre.leggauss(64)
    ends = np.log([7e-5, 1e4])  # in 1e48 erg/s
    ln_l = ends[0] + (ends[1] - ends[0]) * (0.5 * (node + 1.0))
    ratio = np.exp(ln_l) / 1.82
    number = weight * ratio / (ratio**0.59 + ratio**1.43)
    ln_r = x - np.log1p(2.1 * np.exp(0.052 * ln_l))[:, None]
    up, down = np.exp(p1 * ln_r), np.exp(p2 * ln_r)
    density = number[:, None] / (up + down)
    total = density.sum(axis=0)
    slope = -(density * (p1 * up + p2 * down) / (up + down)).sum(axis=0) / total
    ln_r0 = -np.log1p(2.1 * np.exp(0.052 * ln_l))
    today = (number / (np.exp(p1 * ln_r0) + np.exp(p2 * ln_r0))).sum()
    return np.log(total / today), slope


_EVOLUTIONS = MappingProxyType({"sfr": _sfr, "flat": _flat, "bllac": _bllac, "quasar": _quasar, "grb": _grb})

DISTRIBUTED = tuple(_EVOLUTIONS)
"""Evolution laws of sources spread over redshift; ``single`` puts every source at one redshift."""


@dataclass(frozen=True)
class Evolution:
    """Comoving emissivity W(z) of distributed sources.

    Parameters
    ----------
    name : str
        ``sfr``, ``flat``, ``bllac``, ``quasar`` or ``grb``.

    Raises
    ------
    PhysicsDomainError
        For an unknown law.

    Examples
    --------
    >>> Evolution("sfr").density([0.0, 1.0]).round(2).tolist()
    [1.0, 9.85]
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in _EVOLUTIONS:
            raise PhysicsDomainError(f"evolution: '{self.name}' is not one of {', '.join(DISTRIBUTED)}, single")

    def log_density(self, ln_1pz: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(ln W, d ln W/d ln(1+z)) at ln(1+z), shape (n,)."""
        return _EVOLUTIONS[self.name](ln_1pz)

    def density(self, redshift: ArrayLike) -> FloatArray:
        """W(z), shape of `redshift`."""
        x = np.log1p(np.asarray(redshift, float))
        return np.exp(self.log_density(x.ravel())[0]).reshape(x.shape)
