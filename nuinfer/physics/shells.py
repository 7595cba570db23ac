"""Where the flux comes from: its distribution over the redshift of the sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.evolution import LAWS, LogDensity
from nuinfer.typing import FloatArray

FINE_INTERVALS = 4096
"""Redshift intervals of the public functions: relative error of F below 1e-11."""


LogFilter = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Logarithm of a factor on the flux of the shells, and its slope, at ln(1+z) of shape (n,): (*batch, energy, n)."""


class Shells(Protocol):
    """Distribution of the unabsorbed flux over the redshift of its source."""

    @property
    def z_max(self) -> float:
        """Redshift of the farthest source."""
        ...

    @property
    def jump(self) -> bool:
        """Whether the fraction beyond jumps at `z_max`, instead of falling to zero."""
        ...

    @property
    def grid(self) -> FloatArray:
        """Grid x = ln(1+z), logarithm of the density of sources in x at gamma = 0 and its slope, shape (3, n + 1)."""
        ...

    def beyond(self, redshift: FloatArray, gamma: FloatArray) -> FloatArray:
        """Fraction of the unabsorbed flux emitted beyond `redshift`.

        Parameters
        ----------
        redshift : ndarray, shape (*batch, target, energy)
            Redshifts; negative ones give 1.
        gamma : ndarray, shape (*batch,)
            Spectral index.
        """
        ...

    def total(self, gamma: FloatArray) -> FloatArray:
        """Whole flux of a power law at a given energy, for one and the same source at z = 0; shape of `gamma`."""
        ...

    def filtered_beyond(self, redshift: FloatArray, gamma: FloatArray, log_filter: LogFilter) -> FloatArray:
        """Flux emitted beyond `redshift` and multiplied by a factor, over the whole flux without it; as `beyond`."""
        ...


@dataclass(frozen=True)
class SingleShell:
    """Every source at redshift `z_max`."""

    z_max: float

    @property
    def jump(self) -> bool:
        """It does."""
        return True

    @property
    def grid(self) -> FloatArray:
        """No grid: one column of zeros."""
        return np.zeros((3, 1))

    def beyond(self, redshift: FloatArray, gamma: FloatArray) -> FloatArray:  # noqa: ARG002 - the interface of Shells
        """1 nearer than the sources, else 0."""
        return (redshift < self.z_max).astype(float)

    def total(self, gamma: FloatArray) -> FloatArray:
        """(1 + z_max)^-gamma."""
        return np.asarray(np.exp(-gamma * np.log1p(self.z_max)))

    def filtered_beyond(self, redshift: FloatArray, gamma: FloatArray, log_filter: LogFilter) -> FloatArray:
        """The factor nearer than the sources, else 0."""
        factor = np.exp(log_filter(np.array([np.log1p(self.z_max)]))[0][..., 0])
        return np.asarray(self.beyond(redshift, gamma) * factor[..., None, :])


@dataclass(frozen=True)
class DistributedShells:
    """Sources with emissivity W(z) up to `z_max`, tabulated on a uniform grid in x = ln(1+z).

    Per spectral index, the density w(x) = W e^{(1-gamma) x}/H and its slope are exact on the grid; F is the corrected
    trapezoid of w and its cubic Hermite interpolant, both of fourth order in the interval.

    Parameters
    ----------
    log_density : LogDensity
        Emissivity W(z) of an evolution law.
    cosmology : Cosmology
        Expansion rate.
    z_max : float
        Redshift of the farthest source.
    intervals : int
        Number of intervals of the grid.
    """

    log_density: LogDensity
    cosmology: Cosmology
    z_max: float
    intervals: int

    @property
    def jump(self) -> bool:
        """It does not."""
        return False

    @cached_property
    def grid(self) -> FloatArray:
        """x, ln(W e^x H0/H) and its slope on the grid."""
        x = np.linspace(0.0, np.log1p(self.z_max), self.intervals + 1)
        log_w, slope_w = self.log_density(x)
        hubble = self.cosmology.hubble_ev(np.expm1(x))
        matter = self.cosmology.omega_m * np.exp(3.0 * x) * (self.cosmology.hubble0_ev / hubble) ** 2
        return np.array([x, log_w + x - np.log(hubble / self.cosmology.hubble0_ev), slope_w + 1.0 - 1.5 * matter])

    def _table(self, log_density: FloatArray, log_slope: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Integral of a density from each grid point outwards, and minus its slope: both in half intervals."""
        step = self.grid[0, 1]
        density = np.exp(log_density)
        slope = density * log_slope
        pieces = density[..., 1:] + density[..., :-1] + (step / 6.0) * (slope[..., :-1] - slope[..., 1:])
        beyond = np.zeros_like(density)
        np.cumsum(pieces[..., ::-1], axis=-1, out=beyond[..., -2::-1])
        return beyond, density

    def _power_law(self, gamma: FloatArray) -> tuple[FloatArray, FloatArray]:
        """`_table` of a power law, shape (*batch, intervals + 1)."""
        x, log_density, log_slope = self.grid
        return self._table(log_density - gamma[..., None] * x, log_slope - gamma[..., None])

    def _interpolate(self, table: FloatArray, drop: FloatArray, redshift: FloatArray) -> FloatArray:
        """Cubic Hermite interpolation of tables of shape (*batch, intervals + 1) at redshifts (*batch, *axes)."""
        position = np.log1p(np.clip(redshift, 0.0, self.z_max)) / self.grid[0, 1]
        index = np.clip(position.astype(np.intp), 0, self.intervals - 1)  # of NaN too
        t = position - index
        batch = table.shape[:-1]
        rows = np.arange(table.size // table.shape[-1]).reshape(*batch, *(1,) * (redshift.ndim - len(batch)))
        left = index + rows * table.shape[-1]
        f0, f1 = np.take(table, left), np.take(table, left + 1)
        d0, d1 = np.take(drop, left), np.take(drop, left + 1)
        fall = f0 - f1
        return np.asarray(f0 - t * (d0 + t * ((3.0 * fall - 2.0 * d0 - d1) + t * (d0 + d1 - 2.0 * fall))))

    def beyond(self, redshift: FloatArray, gamma: FloatArray) -> FloatArray:
        """Fraction beyond `redshift` by Hermite interpolation; 1 below zero, 0 above `z_max`."""
        table, density = self._power_law(gamma)
        total = table[..., :1]
        return self._interpolate(table / total, density * (2.0 / total), redshift)

    def total(self, gamma: FloatArray) -> FloatArray:
        """Integral of the density."""
        return np.asarray(self._power_law(gamma)[0][..., 0] * (0.5 * self.grid[0, 1]))

    def filtered_beyond(self, redshift: FloatArray, gamma: FloatArray, log_filter: LogFilter) -> FloatArray:
        """Fraction beyond `redshift` with a factor that depends on energy and shell: one table per energy."""
        x, log_density, log_slope = self.grid
        index = gamma[..., None, None]
        log_factor, factor_slope = log_filter(x)
        table, density = self._table(log_density - index * x + log_factor, log_slope - index + factor_slope)
        scale = 1.0 / self._power_law(gamma)[0][..., :1, None]
        by_energy = np.swapaxes(redshift, -1, -2)
        return np.swapaxes(self._interpolate(table * scale, density * (2.0 * scale), by_energy), -1, -2)


def make_shells(evolution: str, cosmology: Cosmology, z_max: float, intervals: int = FINE_INTERVALS) -> Shells:
    """Shells of an evolution law, shipped or a user's file; ``single`` puts every source at `z_max`.

    Raises
    ------
    PhysicsDomainError
        For an unknown law or a `z_max` that is not positive.
    """
    if not z_max > 0.0:
        raise PhysicsDomainError(f"z_max: {z_max} is not allowed, it must be positive")
    log_density = LAWS.find(evolution, "evolution").log_density
    if log_density is None:
        return SingleShell(z_max)
    return DistributedShells(log_density, cosmology, z_max, intervals)
