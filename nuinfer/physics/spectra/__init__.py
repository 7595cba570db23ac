"""Spectra of the sources: one file each, with the constant ``SPECTRUM``.

A user's own spectrum is such a file, named in the configuration: ``model.spectrum = "spectra/mine.py"``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.parameters import LOG10, Definition
from nuinfer.registry import Registry
from nuinfer.typing import FloatArray


@dataclass(frozen=True)
class Spectrum:
    """A spectrum of the sources over its power law.

    A user's own gives `log_shape` and leaves the rest of the last three at their defaults.

    Parameters
    ----------
    name, label : str
        Name in the configuration, and what figures and tables print.
    citation : str or None
        What has to be cited; None for a definition that rests on no publication.
    parameters : tuple of Definition
        Parameters that only this spectrum has, besides gamma.
    log_shape : callable, optional
        ``log_shape(energy_gev, **values)``: ln S at energies of emission, where S is the spectrum over E^-gamma in any
        unit and `values` are gamma and those of `parameters`, logarithms undone, one number each. It is tabulated.
    make : callable, optional
        For the compiled core, in place of `log_shape`: from gamma (n,), an empty list of kinks (0, n) and the values
        (n,) to a named tuple whose first fields are ``gamma`` and ``ln_kinks``, shape (kink, n), the logarithms of the
        energies of emission in GeV at which the spectrum is not smooth. Its type chooses the functions.
    nodes_per_bin : int
        Gauss-Legendre nodes with which every bin is right to 1e-5.
    order : int
        Place in lists.
    """

    name: str
    label: str
    citation: str | None
    parameters: tuple[Definition, ...] = ()
    log_shape: Callable[..., FloatArray] | None = None
    make: Callable[..., Any] | None = None
    nodes_per_bin: int = 5
    order: int = 0

    @property
    def values(self) -> tuple[str, ...]:
        """Names of the values it takes besides gamma, logarithms undone."""
        return tuple(definition.name.removeprefix(LOG10) for definition in self.parameters)

    def columns(self, values: Mapping[str, FloatArray]) -> Any:
        """Columns of a batch, for the compiled core, from named values of shape (n,)."""
        gamma = np.ascontiguousarray(values["gamma"])
        own = {name: np.ascontiguousarray(values[name]) for name in self.values}
        if self.make is not None:
            return self.make(gamma, np.empty((0, gamma.size)), *own.values())
        from nuinfer.physics.spectra._emission import tabulated

        return tabulated(self, gamma, own)


SPECTRA = Registry("nuinfer.physics.spectra", "SPECTRUM", Spectrum, error=PhysicsDomainError)
"""The spectra of this folder and of users' files."""
