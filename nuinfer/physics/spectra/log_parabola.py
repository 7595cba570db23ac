"""E^-(gamma + beta log10(E/100 TeV)), at Earth."""

import math
from typing import NamedTuple

from nuinfer.parameters import ANY, GAMMA_WITH_SHAPE, Definition
from nuinfer.physics.spectra import Spectrum
from nuinfer.physics.spectra._emission import log_shape
from nuinfer.priors import Uniform
from nuinfer.typing import FloatArray

_LN_PIVOT = math.log(1e5)
_PER_LN = 1.0 / math.log(10.0)


class LogParabola(NamedTuple):
    """Spectra of a batch: gamma at 100 TeV and beta of shape (n,), and no kinks, shape (0, n)."""

    gamma: FloatArray
    ln_kinks: FloatArray
    beta: FloatArray


@log_shape.register(LogParabola)
def _log_shape(spectrum: LogParabola, b: int, ln_e: float, energy_gev: float) -> tuple[float, float]:  # noqa: ARG001
    beyond, bend = ln_e - _LN_PIVOT, -_PER_LN * spectrum.beta[b]
    return bend * beyond * beyond, 2.0 * bend * beyond


BETA = Definition("beta", r"$\beta$", "", "growth of the index per decade", ANY, Uniform(-1.0, 3.0), before=None)

SPECTRUM = Spectrum(
    "log_parabola", r"$E^{-\gamma - \beta \log_{10}(E/100\,\mathrm{TeV})}$", citation=None,
    parameters=(GAMMA_WITH_SHAPE, BETA), make=LogParabola, frames=("earth",), nodes_per_bin=4, order=4,
)  # fmt: skip
