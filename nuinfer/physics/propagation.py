"""Propagation from sources spread over redshift to Earth: the public front of `nuinfer.transport`."""

import math
from typing import Literal

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.crossings import Coherence
from nuinfer.physics.domain import check_choice, checked
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.shells import make_shells
from nuinfer.physics.spectra import SPECTRA
from nuinfer.transport.cascade_grid import FINE_CASCADE
from nuinfer.transport.march import FINE_STEPS, March
from nuinfer.transport.moving import Moving
from nuinfer.transport.points import Points, Propagation, Transport
from nuinfer.transport.resonant import Resonant
from nuinfer.transport.survival import FINE
from nuinfer.typing import ArrayLike, FloatArray

Targets = Literal["at_rest", "thermal"]

Channels = Literal["resonance", "all"]

FINE_REGENERATION = 1024
"""Intervals of the absorbed flux in the public functions: relative error below 1e-8."""


def source_populations(source_species: ArrayLike, mixing: Mixing) -> FloatArray:
    """Mass populations at the source, n_i = sum_b |U_bi|^2 f_b, of nu + nubar and of nu - nubar.

    Parameters
    ----------
    source_species : array_like, shape (*batch, 6)
        Fractions of the species; they are normalised to one.
    mixing : Mixing
        Mixing matrix.

    Returns
    -------
    ndarray, shape (*batch, 2, 3)
        Sum and difference.

    Raises
    ------
    PhysicsDomainError
        If a fraction is negative or all are zero.
    """
    fractions = np.asarray(source_species, float)
    total = fractions.sum(axis=-1, keepdims=True)
    if not (np.all(fractions >= 0.0) and np.all(total > 0.0)):
        raise PhysicsDomainError(f"source_fractions: {fractions.tolist()} must be >= 0 and not all zero")
    neutrinos, antineutrinos = np.split(fractions / total, 2, axis=-1)
    return np.stack([neutrinos + antineutrinos, neutrinos - antineutrinos], axis=-2) @ mixing.probabilities


def species_at_earth(  # noqa: PLR0913, PLR0917 - one of the public names
    energy_gev: ArrayLike, m_zprime_mev: ArrayLike, g_prime: ArrayLike, masses_ev: ArrayLike,
    source_fractions: ArrayLike, gamma: ArrayLike, evolution: str, mixing: Mixing, mediator: Mediator,
    cosmology: Cosmology, coherence: Coherence, z_max: float = 5.0, regeneration: bool = False,
    targets: Targets = "at_rest", channels: Channels = "resonance",
) -> FloatArray:  # fmt: skip
    """Flux of each species at Earth over the unabsorbed flux of all species.

    Parameters
    ----------
    energy_gev : array_like, shape (*batch, energy)
        Energies at Earth in GeV.
    m_zprime_mev, g_prime, gamma : array_like, shape (*batch,)
        Mediator mass in MeV, coupling, spectral index of the power law.
    masses_ev : array_like, shape (*batch, 3) or (*batch, 1)
        Split masses in eV, or the one mass of degenerate neutrinos; with a mediator that has a sterile state, then the
        mass of that, with the density of an active one.
    source_fractions : array_like, shape (*batch, 6)
        Composition at the source by species; normalised to one.
    evolution : str
        Law of `physics.evolution`, or a user's file; ``single`` puts all sources at `z_max`.
    mixing, mediator, cosmology, coherence
        As in `nuinfer.physics.absorption.split_transition`.
    z_max : float
        Redshift of the farthest source.
    regeneration : bool
        Whether neutrinos from the decay of the Z' are followed.
    targets : {"at_rest", "thermal"}
        Whether relic neutrinos move; ``thermal`` is for the decoherent regime.
    channels : {"resonance", "all"}
        The narrow resonance, or all channels and the width of the mediator, for targets at rest in the decoherent
        regime; see `nuinfer.transport.march`.

    Returns
    -------
    ndarray, shape (*batch, energy, 6)

    Raises
    ------
    PhysicsDomainError
        For an unknown evolution or coherence, wrong shapes, negative masses or fractions.
    """
    masses = np.asarray(masses_ev, float)
    n_sterile = int(mediator.sterile is not None)
    if masses.shape[-1:] not in ((1 + n_sterile,), (3 + n_sterile,)):
        needed = f"{3 + n_sterile} (split) or {1 + n_sterile} (degenerate)"
        raise PhysicsDomainError(f"masses_ev: shape {masses.shape} must end in {needed}")
    checked("masses_ev", masses, ">= 0")
    check_choice("targets", targets, Targets)
    check_choice("channels", channels, Channels)
    if channels == "all" and targets == "thermal":
        raise PhysicsDomainError("channels: 'all' is not allowed with targets 'thermal', only 'resonance'")
    shells = make_shells(evolution, cosmology, z_max)
    passed = Propagation(mixing, mediator, cosmology, coherence, masses.shape[-1] >= 3)
    transport: Transport
    if channels == "all":
        _check_widths(g_prime, masses, mediator)
        transport = March(shells, passed, regeneration, steps=FINE_STEPS)
    elif targets == "thermal":
        transport = Moving(shells, passed, regeneration, FINE, FINE_CASCADE)
    else:
        transport = Resonant(shells, passed, FINE_REGENERATION if regeneration else 0)
    energy, source = np.asarray(energy_gev, float), source_populations(source_fractions, mixing)
    scalars = [np.asarray(x, float) for x in (m_zprime_mev, g_prime, gamma)]
    batch = np.broadcast_shapes(energy.shape[:-1], masses.shape[:-1], source.shape[:-2], *(x.shape for x in scalars))
    mass, coupling, index = (_rows(x, batch, 0) for x in scalars)
    spectrum = SPECTRA.shipped["power_law"].columns({"gamma": index})
    points = Points(spectrum, mass, coupling, _rows(masses, batch, 1), _rows(source, batch, 2), np.ones_like(mass))
    flavours = np.einsum("ai,ncie->neca", mixing.probabilities, transport.populations(points, _rows(energy, batch, 1)))
    total, difference = flavours[..., 0, :], flavours[..., 1, :]
    return np.concatenate([total + difference, total - difference], axis=-1).reshape(*batch, -1, 6) / 2.0


def _check_widths(g_prime: ArrayLike, masses_ev: FloatArray, mediator: Mediator) -> None:
    """Refuse what a march does not follow: mediators wider than heavy, and massless targets."""
    widest = 1.0 / math.sqrt(float(mediator.width_over_mass(1.0)))
    if not np.all(np.asarray(g_prime) <= widest):
        raise PhysicsDomainError(f"g_prime: {np.max(g_prime)} is not allowed, the width is the mass at {widest:.4g}")
    if not np.all(masses_ev > 0.0):
        raise PhysicsDomainError("masses_ev: 0.0 is not allowed with channels 'all', masses must be > 0")


def _rows(values: FloatArray, batch: tuple[int, ...], n_axes: int) -> FloatArray:
    """Values of shape (*batch, physics axes) as (n, physics axes)."""
    axes = values.shape[values.ndim - n_axes :]
    return np.array(np.broadcast_to(values, (*batch, *axes)), order="C").reshape(-1, *axes)


def flavour_at_earth(  # noqa: PLR0913, PLR0917 - one of the public names
    energy_gev: ArrayLike, m_zprime_mev: ArrayLike, g_prime: ArrayLike, masses_ev: ArrayLike,
    source_fractions: ArrayLike, gamma: ArrayLike, evolution: str, mixing: Mixing, mediator: Mediator,
    cosmology: Cosmology, coherence: Coherence, z_max: float = 5.0, regeneration: bool = False,
    targets: Targets = "at_rest", channels: Channels = "resonance",
) -> FloatArray:  # fmt: skip
    """Flux of each flavour (nu + nubar, alike at the source) at Earth over the unabsorbed flux of all flavours.

    As `species_at_earth`, with `source_fractions` of shape (*batch, 3).

    Returns
    -------
    ndarray, shape (*batch, energy, 3)

    Examples
    --------
    >>> from nuinfer.physics import cosmology, mediator, mixing
    >>> flavour_at_earth([3e5, 9e5], 8.0, 5e-4, [0.05], [1, 2, 0], 2.5, "sfr", mixing.PAPER, mediator.LMU_LTAU,
    ...                  cosmology.PAPER, "coherent").sum(axis=-1).round(3).tolist()
    [0.799, 1.0]
    """
    both = np.concatenate([source_fractions, source_fractions], axis=-1) / 2.0
    species = species_at_earth(
        energy_gev, m_zprime_mev, g_prime, masses_ev, both, gamma, evolution, mixing, mediator, cosmology, coherence,
        z_max, regeneration, targets, channels,
    )  # fmt: skip
    return np.asarray(species[..., :3] + species[..., 3:])
