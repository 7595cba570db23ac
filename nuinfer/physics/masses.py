"""Neutrino masses from the lightest one and the two splittings."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.domain import check_choice, checked
from nuinfer.typing import ArrayLike, FloatArray

Ordering = Literal["normal", "inverted"]


@dataclass(frozen=True)
class MassSplittings:
    """Mass splittings in eV^2: m2^2 - m1^2, and the magnitude of m3^2 - m1^2 (normal) or m3^2 - m2^2 (inverted)."""

    delta_m2_21_ev2: float
    delta_m2_3l_ev2: float


PAPER = MassSplittings(7.5e-5, 2.4e-3)
"""Our choice beside the paper's mixing; the paper itself has degenerate masses."""

NUFIT60_NORMAL = MassSplittings(7.49e-5, 2.513e-3)
"""NuFIT 6.0 with SK atmospheric data, normal ordering: arXiv:2410.05380, Table 1."""

NUFIT60_INVERTED = MassSplittings(7.49e-5, 2.484e-3)
"""NuFIT 6.0 with SK atmospheric data, inverted ordering: arXiv:2410.05380, Table 1."""


def neutrino_masses_ev(
    lightest_ev: ArrayLike, ordering: Ordering, delta_m2_21_ev2: ArrayLike, delta_m2_3l_ev2: ArrayLike
) -> FloatArray:
    """Masses (m1, m2, m3) in eV.

    Parameters
    ----------
    lightest_ev : array_like, shape (*batch,)
        Lightest mass in eV, >= 0.
    ordering : {"normal", "inverted"}
        Normal: m1 is the lightest. Inverted: m3 is.
    delta_m2_21_ev2, delta_m2_3l_ev2 : array_like, shape (*batch,)
        Splittings in eV^2; the second is a positive magnitude, m3^2 - m1^2 (normal) or m2^2 - m3^2 (inverted).

    Returns
    -------
    ndarray, shape (*batch, 3)
        Masses in eV.

    Raises
    ------
    PhysicsDomainError
        For a negative mass or splitting, an inverted ordering with d21 > d3l, or an unknown ordering.

    Examples
    --------
    >>> neutrino_masses_ev(0.0, "normal", 7.5e-5, 2.4e-3).round(5).tolist()
    [0.0, 0.00866, 0.04899]
    """
    lightest = checked("lightest_ev", lightest_ev, ">= 0")
    d21, d3l = checked("delta_m2_21_ev2", delta_m2_21_ev2, ">= 0"), checked("delta_m2_3l_ev2", delta_m2_3l_ev2, ">= 0")
    check_choice("ordering", ordering, Ordering)
    if ordering == "inverted" and not np.all(d21 <= d3l):
        raise PhysicsDomainError(f"delta_m2_21_ev2: {d21.max()} exceeds delta_m2_3l_ev2, m1 would not be real")
    return above_lightest(lightest, squared_offsets_ev2(ordering, d21, d3l))


def squared_offsets_ev2(ordering: Ordering, delta_m2_21_ev2: ArrayLike, delta_m2_3l_ev2: ArrayLike) -> FloatArray:
    """What the squares of (m1, m2, m3) lie above that of the lightest, in eV^2, shape (*batch, 3)."""
    d21, d3l = np.broadcast_arrays(np.asarray(delta_m2_21_ev2, float), np.asarray(delta_m2_3l_ev2, float))
    zero = np.zeros(d21.shape)
    return np.stack((zero, d21, d3l) if ordering == "normal" else (d3l - d21, d3l, zero), axis=-1)


def above_lightest(lightest_ev: FloatArray, squared_offsets_ev2: FloatArray) -> FloatArray:
    """Masses (*batch, 3) from the lightest one (*batch,) and what their squares lie above its square."""
    return np.hypot(np.asarray(lightest_ev)[..., None], np.sqrt(squared_offsets_ev2))  # the lightest itself is exact
