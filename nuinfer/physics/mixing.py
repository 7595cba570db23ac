"""Leptonic mixing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import get_args

import numpy as np

from nuinfer.constants import KAMADA_YU
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics import masses
from nuinfer.physics.masses import MassSplittings, Ordering
from nuinfer.registry import Cited
from nuinfer.typing import ComplexArray, FloatArray


@dataclass(frozen=True)
class Mixing:
    """Mixing matrix U = R23 . U13(delta) . R12 in the standard (PDG) convention.

    The paper's eq. (20) misprints the 1-2 block, whose third row is (0, 0, 1). Majorana phases drop out of every
    averaged probability and are left out.

    Parameters
    ----------
    sin2_theta12, sin2_theta23, sin2_theta13 : float
        Squared sines of the mixing angles, each in [0, 1].
    delta_cp : float
        Dirac phase in radians.

    Raises
    ------
    PhysicsDomainError
        If a squared sine is outside [0, 1] or the phase is not finite.

    Examples
    --------
    >>> PAPER.probabilities.sum(axis=0).round(12).tolist()
    [1.0, 1.0, 1.0]
    """

    sin2_theta12: float
    sin2_theta23: float
    sin2_theta13: float
    delta_cp: float

    def __post_init__(self) -> None:
        for field in fields(self)[:3]:
            value = getattr(self, field.name)
            if not 0.0 <= value <= 1.0:
                raise PhysicsDomainError(f"{field.name}: {value} is outside the allowed range [0, 1]")
        if not math.isfinite(self.delta_cp):
            raise PhysicsDomainError(f"delta_cp: {self.delta_cp} is not a finite angle in radians")

    @cached_property
    def pmns(self) -> ComplexArray:
        """U[flavour, mass state], shape (3, 3), complex."""
        s12, s23, s13 = (math.sqrt(s2) for s2 in (self.sin2_theta12, self.sin2_theta23, self.sin2_theta13))
        c12, c23, c13 = (math.sqrt(1.0 - s2) for s2 in (self.sin2_theta12, self.sin2_theta23, self.sin2_theta13))
        phase = np.exp(1j * self.delta_cp)
        r23 = np.array([[1, 0, 0], [0, c23, s23], [0, -s23, c23]], dtype=complex)
        u13 = np.array([[c13, 0, s13 / phase], [0, 1, 0], [-s13 * phase, 0, c13]])
        r12 = np.array([[c12, s12, 0], [-s12, c12, 0], [0, 0, 1]], dtype=complex)
        return np.asarray(r23 @ u13 @ r12)

    @cached_property
    def probabilities(self) -> FloatArray:
        """|U|^2[flavour, mass state], shape (3, 3); rows and columns sum to one."""
        return np.abs(self.pmns) ** 2


PAPER = Mixing(0.308, 0.437, 0.0234, 1.39 * math.pi)
"""Mixing of arXiv:1504.00711, Sec. III (normal hierarchy)."""

NUFIT60_NORMAL = Mixing(0.308, 0.470, 0.02215, math.radians(212.0))
"""NuFIT 6.0 with SK atmospheric data, normal ordering: arXiv:2410.05380, Table 1."""

NUFIT60_INVERTED = Mixing(0.308, 0.550, 0.02231, math.radians(274.0))
"""NuFIT 6.0 with SK atmospheric data, inverted ordering: arXiv:2410.05380, Table 1."""


_NUFIT = "Esteban et al. (NuFIT 6.0), JHEP 12 (2024) 216, arXiv:2410.05380"
_NORMAL, _INVERTED = (NUFIT60_NORMAL, masses.NUFIT60_NORMAL), (NUFIT60_INVERTED, masses.NUFIT60_INVERTED)
MIXINGS: Mapping[str, Cited[Mapping[Ordering, tuple[Mixing, MassSplittings]]]] = MappingProxyType({
    "paper": Cited(KAMADA_YU, dict.fromkeys(get_args(Ordering), (PAPER, masses.PAPER))),
    "nufit6.0": Cited(_NUFIT, {"normal": _NORMAL, "inverted": _INVERTED}),
})  # fmt: skip
"""The sets of angles and splittings that ``model.mixing`` may name, by the ordering of the masses."""
