"""Spectra of the sources: one file each, with the constant ``SPECTRUM``.

A user's own spectrum is such a file, named in the configuration: ``model.spectrum = "spectra/mine.py"``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.parameters import LOG10, Definition
from nuinfer.registry import Registry
from nuinfer.typing import FloatArray

Frame = Literal["source", "earth"]
"""Where a spectrum has its scale: a shell at redshift z shines by its energy of emission, or by that at Earth."""


@dataclass(frozen=True)
class Spectrum:
    """A spectrum of the sources over its power law.

    A user's own gives `log_shape` and leaves what follows it at its default.

    Parameters
    ----------
    name, label : str
        Name in the configuration, and what figures and tables print.
    citation : str or None
        What has to be cited; None for a definition that rests on no publication.
    parameters : tuple of Definition
        Parameters that only this spectrum has, besides gamma; a gamma among them has another default prior.
    log_shape : callable, optional
        ``log_shape(energy_gev, **values)``: ln S at energies in the frame of the spectrum, where S is the spectrum over
        E^-gamma in any unit and `values` are gamma and those of `parameters`, logarithms undone, one number each. It is
        tabulated.
    make : callable, optional
        For the compiled core, in place of `log_shape`: from gamma (n,), an empty list of kinks (0, n) and the values
        (n,) to a named tuple whose first fields are ``gamma`` and ``ln_kinks``, shape (kink, n), the logarithms of the
        energies in GeV at which the spectrum is not smooth. Its type chooses the functions.
    frames : tuple of {"source", "earth"}
        Frames that its scale may be in, first the one that it has unless the configuration says otherwise.
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
    frames: tuple[Frame, ...] = ("source", "earth")
    nodes_per_bin: int = 5
    order: int = 0

    @property
    def values(self) -> tuple[str, ...]:
        """Names of the values it takes besides gamma, logarithms undone."""
        return tuple(d.name.removeprefix(LOG10) for d in self.parameters if d.name != "gamma")

    @property
    def has_scale(self) -> bool:
        """Whether it is more than a power law, which is the same in every frame."""
        return bool(self.parameters) or self.log_shape is not None

    def columns(self, values: Mapping[str, FloatArray], frame: Frame = "source") -> Any:
        """Columns of a batch, for the compiled core, from named values of shape (n,), in a frame."""
        from nuinfer.physics.spectra._emission import AtEarth, tabulated

        gamma = np.ascontiguousarray(values["gamma"])
        own = {name: np.ascontiguousarray(values[name]) for name in self.values}
        if self.make is not None:
            made = self.make(gamma, np.empty((0, gamma.size)), *own.values())
        else:
            made = tabulated(self, gamma, own)
        return AtEarth(gamma, made.ln_kinks, made) if frame == "earth" and self.has_scale else made


SPECTRA = Registry("nuinfer.physics.spectra", "SPECTRUM", Spectrum, error=PhysicsDomainError)
"""The spectra of this folder and of users' files."""
