"""Flat cosmology after matter domination began."""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from nuinfer.compiled import inlined, plain, square_root
from nuinfer.constants import BOLTZMANN_EV_K, HBAR_EV_S, KAMADA_YU, MEGAPARSEC_CM, T_CMB_K
from nuinfer.physics.domain import checked
from nuinfer.registry import Cited
from nuinfer.typing import ArrayLike, FloatArray

_CM_PER_S_IN_100_KM_PER_S = 1e7


@inlined
def expansion(cube: float, omega_m: float, omega_lambda: float) -> float:
    """H/H0 where (1+z)^3 is `cube`."""
    return square_root(omega_m * cube + omega_lambda)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Cosmology:
    """Flat cosmology with relic neutrinos of temperature T_nu0 (1 + z).

    Parameters
    ----------
    h : float
        Hubble constant in 100 km/s/Mpc.
    omega_m, omega_lambda : float
        Matter and vacuum densities today over the critical one.
    t_nu0_ev : float
        Relic neutrino temperature today in eV.

    Raises
    ------
    PhysicsDomainError
        If a value is not positive (``omega_lambda``: negative).

    Examples
    --------
    >>> float(round(PAPER.hubble_ev(0.0) / 1e-33, 4))
    1.4719
    """

    h: float
    omega_m: float
    omega_lambda: float
    t_nu0_ev: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            checked(name, value, ">= 0" if name == "omega_lambda" else "positive")

    @property
    def hubble0_ev(self) -> float:
        """Hubble rate today in eV."""
        return self.h * _CM_PER_S_IN_100_KM_PER_S / MEGAPARSEC_CM * HBAR_EV_S

    def hubble_ev(self, z: ArrayLike) -> FloatArray:
        """Hubble rate H(z) = H0 sqrt(Om (1+z)^3 + OL) in eV, shape of `z`."""
        one_plus_z = 1.0 + np.asarray(z, float)
        cube = one_plus_z * one_plus_z * one_plus_z
        return np.asarray(self.hubble0_ev * plain(expansion)(cube, self.omega_m, self.omega_lambda))


PAPER = Cosmology(h=0.69, omega_m=0.32, omega_lambda=0.68, t_nu0_ev=1.7e-4)
"""Cosmology of arXiv:1504.00711, Sec. III."""

PLANCK18 = Cosmology(0.6766, 0.3111, 0.6889, t_nu0_ev=BOLTZMANN_EV_K * T_CMB_K * (4.0 / 11.0) ** (1.0 / 3.0))
"""Planck 2018 TT,TE,EE+lowE+lensing+BAO: arXiv:1807.06209, Table 2; relic temperature from T_CMB."""


_PLANCK = "Planck Collaboration, Astron. Astrophys. 641 (2020) A6, arXiv:1807.06209"
COSMOLOGIES = MappingProxyType({
    "paper": Cited(KAMADA_YU, PAPER),
    "planck18": Cited(f"{_PLANCK}; T_CMB: Fixsen 2009, arXiv:0911.1955", PLANCK18),
})  # fmt: skip
"""The sets that ``model.cosmology`` may name."""
