"""The mediator: spin, couplings and width.

Vector (spin 1), L = g' Z'_mu sum_a Q_a (nubar_a gamma^mu P_L nu_a + charged leptons): nu_a meets a relic of the other
helicity, |M(nu nubar -> Z')|^2 = 2 g_a^2 s, and Gamma(Z' -> nu_a nubar_a) = g_a^2 m/(24 pi), with g_a = g' Q_a.

Scalar (spin 0), the convention of arXiv:2107.13568: L = -1/2 phi sum_a g_a nubar_a nu_a for Majorana nu_a, phi real,
no coupling to charged leptons. Two neutrinos of one helicity make it, |M(nu nu -> phi)|^2 = g_a^2 s, and it decays to
nu_a nu_a and nubar_a nubar_a alike, together with Gamma = g_a^2 m/(16 pi), the 1/2 for identical particles included.

In the narrow-width limit sigma = pi |M|^2/s delta(s - m^2) for given helicities: 2 pi g_a^2 and pi g_a^2. Either meets
half of the relics (one helicity of two), so at equal coupling a scalar has half the optical depth of a vector, and in
neither case does the depth know the other decays. A pseudoscalar does the same, all neutrinos being relativistic in the
centre of mass.

A sterile state may couple too: with flavour a by c_a g', L = -g' Z'_mu sum_a c_a nubar_a gamma^mu P_L nu_s + h.c. of a
vector and -g' phi sum_a c_a nu_a nu_s + h.c. of a scalar. It is the last row and column of a Hermitian or symmetric
matrix of 4 x 4, whose squares, every entry counted, make the width; the mixing of the sterile state with the others is
left out, so that it is a mass state of its own.

Dirac neutrinos have inert states, right-handed neutrinos and left-handed antineutrinos. A gauge theory with Dirac
masses gives right-handed neutrinos the charge too: the vector's width doubles, and half of its decays are inert. A
scalar, L = -phi sum g_a nubar_R nu_L + h.c. with phi real, decays to one active and one inert neutrino,
Gamma = g_a^2 m/(8 pi). A neutrino meets antineutrinos alone, at rest half of them with the helicity that absorbs: half
as many partners as among Majorana neutrinos. So depth and active daughters halve for both. (The basis of right-handed
neutrinos is ours to choose: with U_R = U^* the scalar's couplings of mass states are those of Majorana neutrinos.)
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from nuinfer.compiled import inlined, plain, square_root
from nuinfer.constants import KAMADA_YU, MASS_ELECTRON_MEV, MASS_MUON_MEV, MASS_TAU_MEV
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.domain import check_choice
from nuinfer.physics.mixing import Mixing
from nuinfer.registry import Cited
from nuinfer.typing import ArrayLike, ComplexArray, FloatArray

ROUNDING = 1e-12
"""Relative to the largest entry: a matrix is symmetric, or Hermitian, that differs by less from one."""

_COUPLINGS = "couplings", (3, 3), "a matrix of 3 x 3 finite numbers"
_LEPTONS_MEV = (MASS_ELECTRON_MEV, MASS_MUON_MEV, MASS_TAU_MEV)

STERILE_CITATION = "Probing the cosmic sterile-neutrino background with IceCube, arXiv:2409.12145"

Spin = Literal[0, 1]
"""1 for a vector, 0 for a real scalar."""

Neutrino = Literal["majorana", "dirac"]


@dataclass(frozen=True)
class Mediator:
    """A mediator coupled with strength g' to neutrinos: to lepton charges (Q_e, Q_mu, Q_tau), or to any matrix.

    Parameters
    ----------
    charges : sequence of 3 floats, optional
        Diagonal of `couplings`, all else zero; the attribute is None where something else is not.
    spin : {1, 0}
        Vector Z' or real scalar.
    couplings : array_like, shape (3, 3), optional
        In the flavour basis, relative to g': Hermitian for a vector, whose charged leptons couple alike, symmetric for
        a scalar, which does not couple to charged leptons. Either these or charges are needed. The attribute holds
        them as tuples of complex numbers.
    neutrino : {"majorana", "dirac"}
        What neutrinos are.
    sterile : sequence of 3 complex numbers, optional
        Couplings of (e, mu, tau) with a sterile state, relative to g'.

    Raises
    ------
    PhysicsDomainError
        If there is not one of charges and couplings, they are not finite, all zero or not of the symmetry, the sterile
        ones are not finite or all zero, or the spin or the kind of neutrino is another one.

    Examples
    --------
    >>> float(LMU_LTAU.width_over_mass(1.0) * 12 * math.pi)
    1.0
    >>> Mediator(couplings=[[0, 1j, 0], [-1j, 0, 0], [0, 0, 2]]).strength
    6.0
    """

    charges: tuple[float, float, float] | None = None
    spin: Spin = 1
    couplings: tuple[tuple[complex, ...], ...] | None = None
    neutrino: Neutrino = "majorana"
    sterile: tuple[complex, ...] | None = None

    def __post_init__(self) -> None:
        if self.spin not in (0, 1):
            raise PhysicsDomainError(f"spin: {self.spin} is not allowed, it must be 1 (vector) or 0 (scalar)")
        check_choice("neutrino", self.neutrino, Neutrino)
        if (self.charges is None) == (self.couplings is None):
            raise PhysicsDomainError("charges, couplings: one of them is needed, and not both")
        name, shape, what = ("charges", (3,), "three finite numbers") if self.couplings is None else _COUPLINGS
        try:
            given = np.asarray(getattr(self, name), complex)
        except (TypeError, ValueError):
            given = np.zeros(0)
        if given.shape != shape or not np.all(np.isfinite(given)) or not given.any():
            text = written(given) if given.shape == shape else getattr(self, name)
            raise PhysicsDomainError(f"{name}: {text} must be {what}, not all zero")
        matrix = np.diag(given) if name == "charges" else given
        partner = matrix.conj().T if self.spin else matrix.T
        if np.abs(matrix - partner).max() > ROUNDING * np.abs(matrix).max():
            needed = "Hermitian for a vector" if self.spin else "symmetric for a scalar"
            raise PhysicsDomainError(f"{name}: {written(given)} must be {needed}")
        matrix = 0.5 * (matrix + partner)
        if self.sterile is not None:
            sterile = np.asarray(self.sterile, complex)
            if sterile.shape != (3,) or not np.all(np.isfinite(sterile)) or not sterile.any():
                raise PhysicsDomainError(f"sterile: {self.sterile} must be three finite numbers, not all zero")
            object.__setattr__(self, "sterile", tuple(sterile.tolist()))
        diagonal = matrix.diagonal()
        is_charges = not (matrix - np.diag(diagonal)).any() and not diagonal.imag.any()
        object.__setattr__(self, "charges", tuple(diagonal.real.tolist()) if is_charges else None)
        object.__setattr__(self, "couplings", tuple(map(tuple, matrix.tolist())))

    @property
    def matrix(self) -> ComplexArray:
        """`couplings` as an array, shape (3, 3)."""
        return np.array(self.couplings)

    @property
    def given(self) -> "tuple[float, ...] | tuple[tuple[complex, ...], ...]":
        """The charges, or the couplings where they are more than these: what constraints are for or not."""
        return self.charges or self.couplings or ()

    @property
    def strength(self) -> float:
        """Sum of |Q_ab|^2, to which the width into neutrinos is proportional, over active and sterile states."""
        sterile = 0.0 if self.sterile is None else 2.0 * np.sum(np.abs(self.sterile) ** 2)
        return float(np.sum(np.abs(self.matrix) ** 2) + sterile)

    def in_mass_basis(self, mixing: Mixing) -> ComplexArray:
        """Couplings of the mass states, shape (3, 3): V = U^dagger Q U of a vector, Y = U^T Q U of a scalar.

        What a beam of state i meets in a target of state j has the amplitude [i, j], up to complex conjugation. The
        targets of a sterile state, the last column of shape (3, 4), have U^dagger c and U^T c.
        """
        columns = self.matrix @ mixing.pmns
        if self.sterile is not None:
            columns = np.column_stack([columns, self.sterile])
        return np.asarray(self.into_mass_basis(mixing) @ columns)

    def into_mass_basis(self, mixing: Mixing) -> ComplexArray:
        """What takes a beam's flavours to mass states, shape (3, 3): U^dagger of a vector, U^T of a scalar."""
        return np.asarray((mixing.pmns.conj() if self.spin else mixing.pmns).T)

    @property
    def active_fraction(self) -> float:
        """Fraction of the neutrinos it decays to that interact: one half for Dirac neutrinos."""
        return 0.5 if self.neutrino == "dirac" else 1.0

    def width_over_mass(self, g_prime: ArrayLike) -> FloatArray:
        """Width into neutrinos over mass, shape of `g_prime`.

        g'^2 sum |Q|^2 / (24 pi) for spin 1 and / (16 pi) for 0; twice that for Dirac neutrinos, inert ones included.
        """
        scale = self.strength / ((24.0 if self.spin else 16.0) * math.pi * self.active_fraction)
        return np.asarray(np.square(np.asarray(g_prime, float)) * scale)

    @property
    def depth_over_vector(self) -> float:
        """Optical depth of a unit-charge flavour over that of a vector and Majorana neutrinos at the same coupling."""
        return (1.0 if self.spin else 0.5) * self.active_fraction

    def neutrino_branching(self, mass_mev: ArrayLike) -> FloatArray:
        """Fraction of decays into neutrinos, inert ones included, Gamma_nu/(Gamma_nu + sum_l Gamma_ll).

        Gamma(a b)/m = g'^2 |Q_ab|^2/(12 pi) (1 - (x_a + x_b)/2 - (x_a - x_b)^2/2 + 3 sqrt(x_a x_b)) lambda^1/2, with
        x = m_l^2/m^2 and lambda = 1 + x_a^2 + x_b^2 - 2 (x_a + x_b + x_a x_b): twice a neutrino's far above threshold,
        because a charged lepton has both chiralities. Charged leptons couple like neutrinos of their flavours.

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
        return self.strength / self.active_fraction

    @property
    def charged_leptons(self) -> FloatArray:
        """Squared couplings of e, mu and tau, shape (3, 3); a scalar does not couple to them."""
        return np.abs(self.matrix) ** 2 if self.spin else np.zeros((3, 3))


def written(couplings: ArrayLike) -> str:
    """Charges or a matrix as a configuration has them.

    Examples
    --------
    >>> written([0, 1, -0.5]), written([[0, 1j, 0], [-1j, 0, 0], [0, 0, 2]])
    ('[0, 1, -0.5]', '[[0, [0, 1], 0], [[0, -1], 0, 0], [0, 0, 2]]')
    """
    given = np.asarray(couplings) + 0.0  # no -0
    if given.ndim:
        return f"[{', '.join(map(written, given))}]"
    return f"[{given.real:g}, {given.imag:g}]" if given.imag else f"{given.real:g}"


@inlined
def neutrino_share(mass_mev: float, neutrinos: float, charged: FloatArray) -> float:
    """`Mediator.neutrino_branching` from `Mediator.decays_to_neutrinos` and the leptons' squared couplings."""
    widths = 0.0 * mass_mev
    for k in range(3):
        for m in range(3):
            # where the masses add up to more than the mediator's, both are as if to exactly that: no phase space
            heaviest = np.maximum((_LEPTONS_MEV[k] + _LEPTONS_MEV[m]) / mass_mev, 1.0)
            a, b = _LEPTONS_MEV[k] / mass_mev / heaviest, _LEPTONS_MEV[m] / mass_mev / heaviest
            x, y = a * a, b * b
            momentum = square_root(np.maximum((1.0 - (a + b) * (a + b)) * (1.0 - (a - b) * (a - b)), 0.0))
            widths = widths + 2.0 * charged[k, m] * (1.0 - 0.5 * (x + y + (x - y) * (x - y)) + 3.0 * a * b) * momentum
    return neutrinos / (neutrinos + widths)


COUPLINGS: Mapping[str, tuple[float, float, float]] = MappingProxyType({
    "lmu_ltau": (0.0, 1.0, -1.0),
    "flavour_blind": (1.0, 1.0, 1.0),
    "nu_e": (1.0, 0.0, 0.0),
    "nu_mu": (0.0, 1.0, 0.0),
    "nu_tau": (0.0, 0.0, 1.0),
    "le_lmu": (1.0, -1.0, 0.0),
    "le_ltau": (1.0, 0.0, -1.0),
    "b_minus_l": (-1.0, -1.0, -1.0),
})  # fmt: skip
"""The couplings that ``model.couplings`` may name, by their charges."""

LMU_LTAU = Mediator(COUPLINGS["lmu_ltau"])
"""Gauged L_mu - L_tau, the model of arXiv:1504.00711."""

FLAVOUR_BLIND = Mediator(COUPLINGS["flavour_blind"])
"""Equal charges: the comparison of arXiv:1504.00711, eq. (26)."""

NU_E, NU_MU, NU_TAU = (Mediator(COUPLINGS[name]) for name in ("nu_e", "nu_mu", "nu_tau"))
"""Coupled to one flavour."""

LE_LMU, LE_LTAU = (Mediator(COUPLINGS[name]) for name in ("le_lmu", "le_ltau"))
"""The other differences of lepton numbers that can be gauged."""

B_MINUS_L = Mediator(COUPLINGS["b_minus_l"])
"""Gauged B - L; lighter than two pions, it decays to leptons alone."""

MEDIATORS: Mapping[str, Cited[Spin]] = MappingProxyType({
    "vector": Cited(KAMADA_YU, 1),
    "scalar": Cited("Esteban et al., Phys. Rev. D 104 (2021) 123014, arXiv:2107.13568", 0),
})  # fmt: skip
"""The kinds that ``model.mediator`` may name, by spin."""

_AS_A_SCALAR = {r"m_{Z'}": r"m_\phi", "m_Z'": "m_phi", "Z'": "phi", "g'": "g"}


def spelled(text: str, mediator: str) -> str:
    r"""A label or a sentence about a vector, its mass m_Z' and its coupling g', as it is for a kind of `MEDIATORS`.

    Examples
    --------
    >>> spelled("the limit on g' at m_Z' = 8 MeV", "scalar"), spelled(r"$\log_{10} g'$", "vector")
    ('the limit on g at m_phi = 8 MeV', "$\\log_{10} g'$")
    """
    if MEDIATORS[mediator].value:
        return text
    return re.sub(r"m_\{Z'\}|m_Z'|\bZ'|\bg'", lambda found: _AS_A_SCALAR[found[0]], text)
