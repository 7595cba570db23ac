"""Spectra of the sources other than a power law: exponential cut-off, broken power law.

Their scale is in the frame of the source: a shell at redshift z emits at E_s = E (1+z). With S the spectrum over its
power law E_s^-gamma and w(z) the density of the power law's flux at Earth,

    B(z; E) = int_z^z_max w S(E (1+z')) dz' / int_0^z_max w dz'

takes the place of the fraction of the flux emitted beyond z, which it is for S = 1. Everything stays relative to the
power law (E/pivot)^-gamma; B(0; E) is the unabsorbed flux.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np

from nuinfer.physics.shells import Shells
from nuinfer.typing import FloatArray


class Shape(Protocol):
    """Spectra of a batch of points over their power laws."""

    def beyond(self, shells: Shells, redshift: FloatArray, energy_gev: FloatArray, gamma: FloatArray) -> FloatArray:
        """B(z; E), the flux emitted beyond `redshift` over the whole flux of the power law.

        Parameters
        ----------
        shells : Shells
            Distribution of the sources.
        redshift : ndarray, shape (*batch, target, energy)
            Redshifts; negative ones stand for 0.
        energy_gev : ndarray, shape (*batch, energy)
            Energies at Earth in GeV.
        gamma : ndarray, shape (*batch,)
            Index of the power law.
        """
        ...

    def kinks_gev(self, z_max: float) -> FloatArray:
        """Energies at Earth at which the unabsorbed flux is not smooth, shape (*batch, kink).

        The last is that of the farthest source, `z_max`.
        """
        ...


@dataclass(frozen=True)
class Cutoff:
    """E_s^-gamma exp(-E_s/E_cut).

    Parameters
    ----------
    cutoff_gev : ndarray, shape (*batch,)
        E_cut in GeV, in the frame of the source.
    """

    cutoff_gev: FloatArray

    def beyond(self, shells: Shells, redshift: FloatArray, energy_gev: FloatArray, gamma: FloatArray) -> FloatArray:
        """B(z; E) by quadrature over the shells; arguments as in `Shape.beyond`."""
        ratio = energy_gev / self.cutoff_gev[..., None]

        def log_filter(x: FloatArray) -> tuple[FloatArray, FloatArray]:
            exponent = -ratio[..., None] * np.exp(x)
            return exponent, exponent

        return shells.filtered_beyond(redshift, gamma, log_filter)

    def kinks_gev(self, z_max: float) -> FloatArray:  # noqa: ARG002 - the interface of Shape
        """None: it is smooth."""
        return np.empty((*self.cutoff_gev.shape, 0))


@dataclass(frozen=True)
class Break:
    """E_s^-gamma below the break, E_s^-gamma_high above, continuous.

    Shells nearer than z_b = E_b/E - 1 emit below the break, those beyond above it. Each part is a power law, so that
    B is exact wherever the fraction F_gamma(z) of the flux of a power law is:

        B(z; E) = F_gamma(z) - F_gamma(z_m) + (E_b/E)^d T_high/T F_high(z_m),

    with z_m the larger of z and z_b, d = gamma_high - gamma, and T the whole flux of each power law.

    Parameters
    ----------
    break_gev, gamma_high : ndarray, shape (*batch,)
        E_b in GeV, in the frame of the source; index above it.
    """

    break_gev: FloatArray
    gamma_high: FloatArray

    def beyond(self, shells: Shells, redshift: FloatArray, energy_gev: FloatArray, gamma: FloatArray) -> FloatArray:
        """B(z; E); arguments as in `Shape.beyond`."""
        scale = np.minimum(self.break_gev[..., None] / energy_gev, 1.0 + shells.z_max)[..., None, :]
        start = np.clip(redshift, 0.0, shells.z_max)
        middle = np.maximum(start, scale - 1.0)
        n_target = redshift.shape[-2]
        fractions = shells.beyond(np.concatenate([start, middle], axis=-2), gamma)
        totals = shells.total(self.gamma_high) / shells.total(gamma)
        above = np.exp((self.gamma_high - gamma)[..., None, None] * np.log(scale)) * totals[..., None, None]
        below = fractions[..., :n_target, :] - fractions[..., n_target:, :]
        return np.asarray(below + above * shells.beyond(middle, self.gamma_high))

    def kinks_gev(self, z_max: float) -> FloatArray:
        """Where the nearest and the farthest source reach the break."""
        return np.stack([self.break_gev, self.break_gev / (1.0 + z_max)], axis=-1)


_SHAPES = MappingProxyType(
    {"cutoff": (Cutoff, ("cutoff_gev",)), "broken_power_law": (Break, ("break_gev", "gamma_high"))}
)


def shape_values(spectrum: str) -> tuple[str, ...]:
    """Names of the values that a spectrum takes besides gamma; none for ``power_law``.

    Examples
    --------
    >>> shape_values("broken_power_law")
    ('break_gev', 'gamma_high')
    """
    return _SHAPES[spectrum][1] if spectrum in _SHAPES else ()


def make_shape(spectrum: str, values: Mapping[str, FloatArray]) -> Shape | None:
    """Spectra of a batch of points from named values of shape (*batch,); None for ``power_law``."""
    if spectrum not in _SHAPES:
        return None
    make, names = _SHAPES[spectrum]
    shape: Shape = make(*(values[name] for name in names))
    return shape
