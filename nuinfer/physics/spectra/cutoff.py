"""E^-gamma exp(-E/E_cut)."""

from typing import NamedTuple

from nuinfer.parameters import Definition
from nuinfer.physics.spectra import Spectrum
from nuinfer.physics.spectra._emission import log_shape
from nuinfer.priors import Uniform
from nuinfer.typing import FloatArray


class Cutoff(NamedTuple):
    """Spectra of a batch: gamma and E_cut in GeV of shape (n,), and no kinks, shape (0, n)."""

    gamma: FloatArray
    ln_kinks: FloatArray
    cutoff_gev: FloatArray


@log_shape.register(Cutoff)
def _log_shape(spectrum: Cutoff, b: int, ln_e: float, energy_gev: float) -> tuple[float, float]:  # noqa: ARG001
    exponent = -energy_gev / spectrum.cutoff_gev[b]
    return exponent, exponent


CUTOFF = Definition(
    "log10_cutoff_gev", r"$\log_{10}(E_\mathrm{cut}/\mathrm{GeV})$", "",
    "energy of the cut-off in GeV, in the frame of the spectrum", (3.0, 100.0), Uniform(5.0, 8.0),
)  # fmt: skip

SPECTRUM = Spectrum("cutoff", r"$E^{-\gamma} e^{-E/E_\mathrm{cut}}$", None, (CUTOFF,), make=Cutoff, order=2)
