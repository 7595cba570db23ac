"""Spectra of the sources: one file each, with the constant ``SPECTRUM``.

A user's own spectrum is such a file, named in the configuration: ``model.spectrum = "spectra/mine.py"``.
"""

from __future__ import annotations

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.spectra._spectrum import Spectrum
from nuinfer.registry import Registry

SPECTRA = Registry("nuinfer.physics.spectra", "SPECTRUM", Spectrum, error=PhysicsDomainError)
"""The spectra of this folder and of users' files."""

__all__ = ["SPECTRA", "Spectrum"]
