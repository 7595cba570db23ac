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


_EVOLUTIONS = MappingProxyType({"sfr": _sfr, "flat": _flat})

DISTRIBUTED = tuple(_EVOLUTIONS)
"""Evolution laws of sources spread over redshift; ``single`` puts every source at one redshift."""


@dataclass(frozen=True)
class Evolution:
    """Comoving emissivity W(z) of distributed sources.

    Parameters
    ----------
    name : str
        ``sfr`` or ``flat``.

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
