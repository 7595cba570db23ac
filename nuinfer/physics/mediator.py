"""The mediator: spin, charges and width.

Vector (spin 1), L = g' Z'_mu sum_a Q_a (nubar_a gamma^mu P_L nu_a + charged leptons): nu_a meets a relic of the other
helicity, |M(nu nubar -> Z')|^2 = 2 g_a^2 s, and Gamma(Z' -> nu_a nubar_a) = g_a^2 m/(24 pi), with g_a = g' Q_a.

Scalar (spin 0), the convention of arXiv:2107.13568: L = -1/2 phi sum_a g_a nubar_a nu_a for Majorana nu_a, phi real,
no coupling to charged leptons. Two neutrinos of one helicity make it, |M(nu nu -> phi)|^2 = g_a^2 s, and it decays to
nu_a nu_a and nubar_a nubar_a alike, together with Gamma = g_a^2 m/(16 pi), the 1/2 for identical particles included.

In the narrow-width limit sigma = pi |M|^2/s delta(s - m^2) for given helicities: 2 pi g_a^2 and pi g_a^2. Either meets
half of the relics (one helicity of two), so at equal coupling a scalar has half the optical depth of a vector, and in
neither case does the depth know the other decays. A pseudoscalar does the same, all neutrinos being relativistic in the
centre of mass.

Dirac neutrinos have inert states, right-handed neutrinos and left-handed antineutrinos. A gauge theory with Dirac
masses gives right-handed neutrinos the charge too: the vector's width doubles, and half of its decays are inert. A
scalar, L = -phi sum g_a nubar_R nu_L + h.c. with phi real, decays to one active and one inert neutrino,
Gamma = g_a^2 m/(8 pi). A neutrino meets antineutrinos alone, at rest half of them with the helicity that absorbs: half
as many partners as among Majorana neutrinos. So depth and active daughters halve for both. (The basis of right-handed
neutrinos is ours to choose: with U_R = U^* the scalar's couplings of mass states are those of Majorana neutrinos.)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from nuinfer.compiled import inlined, plain, square_root
from nuinfer.constants import KAMADA_YU, MASS_ELECTRON_MEV, MASS_MUON_MEV, MASS_TAU_MEV
from nuinfer.errors import PhysicsDomainError
from nuinfer.registry import Cited
from nuinfer.typing import ArrayLike, FloatArray

_LEPTONS_MEV = (MASS_ELECTRON_MEV, MASS_MUON_MEV, MASS_TAU_MEV)

Spin = Literal[0, 1]
"""1 for a vector, 0 for a real scalar."""

Neutrino = Literal["majorana", "dirac"]


@dataclass(frozen=True)
class Mediator:
    """A mediator coupled with strength g' to the lepton charges (Q_e, Q_mu, Q_tau), diagonal in flavour.

    Parameters
    ----------
    charges : tuple of 3 floats
        Charges of the neutrinos; charged leptons carry the same for a vector, none for a scalar.
    spin : {1, 0}
        Vector Z' or real scalar.
    neutrino : {"majorana", "dirac"}
        What neutrinos are.

    Raises
    ------
    PhysicsDomainError
        If there are not three finite charges, or all are zero, or the spin or the kind of neutrino is another one.

    Examples
    --------
    >>> float(LMU_LTAU.width_over_mass(1.0) * 12 * math.pi)
    1.0
    """

    charges: tuple[float, float, float]
    spin: Spin = 1
    neutrino: Neutrino = "majorana"

    def __post_init__(self) -> None:
        if len(self.charges) != 3 or not np.all(np.isfinite(self.charges)) or not any(self.charges):
            raise PhysicsDomainError(f"charges: {self.charges} must be three finite numbers, not all zero")
        if self.spin not in (0, 1):
            raise PhysicsDomainError(f"spin: {self.spin} is not allowed, it must be 1 (vector) or 0 (scalar)")
        if self.neutrino not in get_args(Neutrino):
            raise PhysicsDomainError(f"neutrino: '{self.neutrino}' is not one of 'majorana', 'dirac'")

    @property
    def squared_charges(self) -> FloatArray:
        """Q_a^2, shape (3,)."""
        return np.asarray(np.square(self.charges), float)

    @property
    def active_fraction(self) -> float:
        """Fraction of the neutrinos it decays to that interact: one half for Dirac neutrinos."""
        return 0.5 if self.neutrino == "dirac" else 1.0

    def width_over_mass(self, g_prime: ArrayLike) -> FloatArray:
        """Width into neutrinos over mass, shape of `g_prime`.

        g'^2 sum Q^2 / (24 pi) for spin 1 and / (16 pi) for 0; twice that for Dirac neutrinos, inert ones included.
        """
        scale = self.squared_charges.sum() / ((24.0 if self.spin else 16.0) * math.pi * self.active_fraction)
        return np.asarray(np.square(np.asarray(g_prime, float)) * scale)

    @property
    def depth_over_vector(self) -> float:
        """Optical depth of a unit-charge flavour over that of a vector and Majorana neutrinos at the same coupling."""
        return (1.0 if self.spin else 0.5) * self.active_fraction

    def neutrino_branching(self, mass_mev: ArrayLike) -> FloatArray:
        """Fraction of decays into neutrinos, inert ones included, Gamma_nu/(Gamma_nu + sum_l Gamma_ll).

        Gamma(l+l-)/m = g'^2 Q_l^2/(12 pi) (1 + 2 x) sqrt(1 - 4 x) with x = m_l^2/m^2, twice a neutrino's far above
        threshold because a charged lepton has both chiralities.

        Parameters
        ----------
        mass_mev : array_like, shape (*batch,)
            Mass of the mediator in MeV.

        Returns
        -------
        ndarray, shape (*batch,)
            1 below the threshold of the charged leptons that couple, and always for a scalar.

        Examples
        --------
        >>> Mediator((1.0, 1.0, 1.0)).neutrino_branching([1.0, 100.0]).round(4).tolist()
        [1.0, 0.6]
        """
        mass = np.asarray(mass_mev, float)
        return np.asarray(plain(neutrino_share)(mass, self.decays_to_neutrinos, self.charged_leptons))

    @property
    def decays_to_neutrinos(self) -> float:
        """Width into neutrinos in units of that into one Majorana flavour of unit charge."""
        return float(self.squared_charges.sum() / self.active_fraction)

    @property
    def charged_leptons(self) -> FloatArray:
        """Squared charges of e, mu and tau, shape (3,); a scalar does not couple to them."""
        return self.squared_charges if self.spin else np.zeros(3)


@inlined
def neutrino_share(mass_mev: float, neutrinos: float, charged: FloatArray) -> float:
    """`Mediator.neutrino_branching` from `Mediator.decays_to_neutrinos` and the leptons' squared charges."""
    widths = 0.0 * mass_mev
    for k in range(3):
        x = np.minimum((_LEPTONS_MEV[k] / mass_mev) ** 2, 0.25)
        widths = widths + 2.0 * charged[k] * (1.0 + 2.0 * x) * square_root(1.0 - 4.0 * x)
    return neutrinos / (neutrinos + widths)


LMU_LTAU = Mediator((0.0, 1.0, -1.0))
"""Gauged L_mu - L_tau, the model of arXiv:1504.00711."""

FLAVOUR_BLIND = Mediator((1.0, 1.0, 1.0))
"""Equal charges: the comparison of arXiv:1504.00711, eq. (26)."""


MEDIATORS: Mapping[str, Cited[Spin]] = MappingProxyType({
    "vector": Cited(KAMADA_YU, 1),
    "scalar": Cited("Esteban et al., Phys. Rev. D 104 (2021) 123014, arXiv:2107.13568", 0),
})  # fmt: skip
"""The kinds that ``model.mediator`` may name, by spin."""
