"""Flavour at the sources: one file per composition, each with the constant ``SOURCE``.

A user's own composition is such a file, named in the configuration: ``model.source = "sources/mine.py"``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.parameters import LOG10, Definition
from nuinfer.registry import Registry
from nuinfer.typing import ArrayLike, FloatArray, read_only

Flavours = tuple[float, float, float]


@dataclass(frozen=True)
class Source:
    """A composition at the source.

    Parameters
    ----------
    name, label : str
        Name in the configuration, and what figures and tables print.
    citation : str or None
        What has to be cited; None for a definition that rests on no publication.
    species : tuple of two triples, or callable
        Parts of (nu_e, nu_mu, nu_tau) and of their antineutrinos. Of a source with parameters a function of their
        values, logarithms undone, each of shape (n,): the parts of the three flavours, nu and nubar alike, shape
        (n, 3), or of all six species, shape (n, 6).
    parameters : tuple of Definition
        Parameters that only this source has, which `species` takes by position.
    order : int
        Place in lists.

    Raises
    ------
    PhysicsDomainError
        If the parts are not six finite numbers >= 0, some above 0, or do not depend on the parameters.
    """

    name: str
    label: str
    citation: str | None
    species: tuple[Flavours, Flavours] | Callable[..., FloatArray]
    parameters: tuple[Definition, ...] = ()
    order: int = 0

    def __post_init__(self) -> None:
        if callable(self.species) != bool(self.parameters):
            needed = "species must be a function if and only if there are parameters"
            raise PhysicsDomainError(f"source '{self.name}': {needed}")
        if not callable(self.species):
            parts = np.asarray(self.species, float)
            if parts.shape != (2, 3) or not (np.all(np.isfinite(parts) & (parts >= 0.0)) and parts.any()):
                needed = "must be two triples of numbers >= 0, not all zero"
                raise PhysicsDomainError(f"source '{self.name}': species {self.species} {needed}")

    @property
    def fractions(self) -> FloatArray | None:
        """Fractions of the six species, summing to one; None if they depend on parameters."""
        if callable(self.species):
            return None
        parts = np.array(self.species, float).ravel()
        return np.asarray(parts / parts.sum())

    def fractions_at(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """Fractions at named values of shape (n,), shape (n, 3 or 6), summing to one; NaN where parts are negative."""
        if not callable(self.species):
            return np.asarray(self.fractions)[None]
        own = (read_only(values[definition.name.removeprefix(LOG10)]) for definition in self.parameters)
        parts = np.asarray(self.species(*own), float)
        possible = np.all(parts >= 0.0, axis=-1, keepdims=True)
        return np.where(possible, parts / parts.sum(axis=-1, keepdims=True), np.nan)


SOURCES = Registry("nuinfer.physics.sources", "SOURCE", Source, error=PhysicsDomainError)
"""The compositions of this folder and of users' files."""


def source_fractions(source: str) -> FloatArray:
    """Fractions of the six species at the source, summing to one.

    Parameters
    ----------
    source : str
        ``pp`` (pions of both charges), ``pgamma`` (positive pions), ``muon_damped`` and ``muon_damped_pgamma``
        (the same with muons cooled before they decay), ``neutron`` (beta decay), or a user's file.

    Returns
    -------
    ndarray, shape (6,)
        (nu_e, nu_mu, nu_tau, nubar_e, nubar_mu, nubar_tau).

    Raises
    ------
    PhysicsDomainError
        For an unknown source, or one whose fractions are parameters.

    Examples
    --------
    >>> source_fractions("pgamma").round(3).tolist()
    [0.333, 0.333, 0.0, 0.0, 0.333, 0.0]
    """
    fractions = SOURCES.find(source, "source").fractions
    if fractions is None:
        raise PhysicsDomainError(f"source: the fractions of '{source}' depend on parameters")
    return fractions


def free_fractions(f_e: ArrayLike, f_mu: ArrayLike) -> FloatArray:
    """Fractions (e, mu, tau) of a source that makes nu and nubar alike, from those of two flavours.

    Parameters
    ----------
    f_e, f_mu : array_like, broadcast together
        Fractions of nu + nubar; that of tau is what is left.

    Returns
    -------
    ndarray, shape (*batch, 3)
        NaN outside f_e, f_mu >= 0, f_e + f_mu <= 1.

    Examples
    --------
    >>> free_fractions(0.25, 0.5).tolist()
    [0.25, 0.5, 0.25]
    """
    electron, muon = np.broadcast_arrays(np.asarray(f_e, float), np.asarray(f_mu, float))
    tau = 1.0 - electron - muon
    tau = np.where(np.abs(tau) < 1e-15, 0.0, tau)  # a rounding
    fractions = np.stack([electron, muon, tau], axis=-1)
    return np.where(np.all(fractions >= 0.0, axis=-1, keepdims=True), fractions, np.nan)
