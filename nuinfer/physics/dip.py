"""Where the dip of the spectrum lies, and which mediator puts it there (arXiv:1504.00711, Secs. II and III)."""

import numpy as np

from nuinfer.constants import EV_PER_GEV, EV_PER_MEV
from nuinfer.physics.absorption import optical_depth
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.domain import checked
from nuinfer.typing import ArrayLike, FloatArray

DIP_GEV = (4e5, 8e5)
"""The empty stretch of the 3-year spectrum that the paper explains, 400-800 TeV."""


def resonant_mass_mev(energy_gev: ArrayLike, m_nu_ev: ArrayLike, redshift: ArrayLike = 0.0) -> FloatArray:
    """Mass of the Z' whose resonance a neutrino meets at `redshift`, m_Z' = sqrt(2 m_nu E (1+z)) (eq. 17).

    Parameters
    ----------
    energy_gev, m_nu_ev, redshift : array_like, shape (*batch,)
        Energy at Earth in GeV, mass of the target in eV, redshift of the crossing.

    Returns
    -------
    ndarray, shape (*batch,)
        MeV.

    Raises
    ------
    PhysicsDomainError
        For a negative energy or mass, or a redshift below -1.

    Examples
    --------
    The 400-800 TeV of the dip, for the masses 0.05 and 0.083 eV:

    >>> resonant_mass_mev(DIP_GEV, (0.05, 0.083)).round(2).tolist()
    [6.32, 11.52]
    """
    energy, mass = checked("energy_gev", energy_gev, ">= 0"), checked("m_nu_ev", m_nu_ev, ">= 0")
    z = checked("redshift", redshift, ">= -1")
    return np.asarray(np.sqrt(2.0 * mass * (energy * EV_PER_GEV) * (1.0 + z)) / EV_PER_MEV)


def degenerate_mass_range_ev(sum_limit_ev: ArrayLike = 0.25, delta_m2_ev2: ArrayLike = 2.4e-3) -> FloatArray:
    """Masses that quasi-degenerate neutrinos can have (the paper's Sec. II).

    Not lighter than the atmospheric splitting, not heavier than a third of the cosmological limit on the sum; both ends
    neglect the splittings, as the paper does.

    Parameters
    ----------
    sum_limit_ev : array_like, shape (*batch,)
        Upper limit on m1 + m2 + m3 in eV; the paper's 0.25 gives 0.083.
    delta_m2_ev2 : array_like, shape (*batch,)
        Atmospheric splitting in eV^2; 2.4e-3 gives 0.049 (the paper writes 0.048, and then 0.05).

    Returns
    -------
    ndarray, shape (*batch, 2)
        Lowest and highest mass in eV.

    Examples
    --------
    >>> degenerate_mass_range_ev().round(3).tolist()
    [0.049, 0.083]
    """
    low, high = np.broadcast_arrays(np.sqrt(np.asarray(delta_m2_ev2, float)), np.asarray(sum_limit_ev, float) / 3.0)
    return np.stack([low, high], axis=-1)


def coupling_of_depth(
    depth: ArrayLike, redshift: ArrayLike, m_zprime_mev: ArrayLike, cosmology: Cosmology
) -> FloatArray:
    """Coupling that gives one crossing the optical depth `depth`; tau goes as g'^2 (eqs. 12 and 25).

    Parameters
    ----------
    depth, redshift, m_zprime_mev : array_like, shape (*batch,)
        Depth, redshift of the crossing, mediator mass in MeV.
    cosmology : Cosmology
        Expansion rate and relic temperature.

    Returns
    -------
    ndarray, shape (*batch,)
        g'.

    Examples
    --------
    >>> from nuinfer.physics.cosmology import PAPER
    >>> print(f"{coupling_of_depth(1.0, 0.0667, 8.0, PAPER):.3g}")
    0.000169
    """
    return np.asarray(np.sqrt(np.asarray(depth, float) / optical_depth(redshift, m_zprime_mev, 1.0, cosmology)))
