"""The vector mediator: charges and width."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.typing import ArrayLike, FloatArray


@dataclass(frozen=True)
class Mediator:
    """A vector Z' coupled with strength g' to the lepton charges (Q_e, Q_mu, Q_tau), diagonal in flavour.

    Parameters
    ----------
    charges : tuple of 3 floats
        Charges of the neutrinos; charged leptons carry the same.

    Raises
    ------
    PhysicsDomainError
        If there are not three finite charges, or all are zero.

    Examples
    --------
    >>> float(LMU_LTAU.width_over_mass(1.0) * 12 * math.pi)
    1.0
    """

    charges: tuple[float, float, float]

    def __post_init__(self) -> None:
        if len(self.charges) != 3 or not np.all(np.isfinite(self.charges)) or not any(self.charges):
            raise PhysicsDomainError(f"charges: {self.charges} must be three finite numbers, not all zero")

    @property
    def squared_charges(self) -> FloatArray:
        """Q_a^2, shape (3,)."""
        return np.asarray(np.square(self.charges), float)

    def width_over_mass(self, g_prime: ArrayLike) -> FloatArray:
        """Width into neutrinos over mass, Gamma_nu/m = g'^2 sum Q^2 / (24 pi), shape of `g_prime`."""
        return np.asarray(np.square(np.asarray(g_prime, float)) * (self.squared_charges.sum() / (24.0 * math.pi)))


LMU_LTAU = Mediator((0.0, 1.0, -1.0))
"""Gauged L_mu - L_tau, the model of arXiv:1504.00711."""

FLAVOUR_BLIND = Mediator((1.0, 1.0, 1.0))
"""Equal charges: the comparison of arXiv:1504.00711, eq. (26)."""
