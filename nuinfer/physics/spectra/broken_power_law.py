"""E^-gamma below the break, E^-gamma_high above, continuous.

With the break in the frame of the source, shells nearer than z_b = E_b/E - 1 emit below the break, those beyond above
it. Each part is a power law, so that B is exact wherever the fraction F_gamma(z) of the flux of a power law is:

    B(z; E) = F_gamma(z) - F_gamma(z_m) + (E_b/E)^d T_high/T F_high(z_m),

with z_m the larger of z and z_b, d = gamma_high - gamma, and T the whole flux of each power law.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from nuinfer.compiled import each, inlined, leads
from nuinfer.parameters import ANY, GAMMA_WITH_SHAPE, Definition
from nuinfer.physics.shells import Shells, fill_beyond, fraction_beyond
from nuinfer.physics.spectra import Spectrum
from nuinfer.physics.spectra._emission import Emission, emit, log_shape, prepare
from nuinfer.priors import Uniform
from nuinfer.typing import FloatArray


class BrokenPowerLaw(NamedTuple):
    """Spectra of a batch: the indices, shape (n,), and ln E_b, shape (1, n)."""

    gamma: FloatArray
    ln_kinks: FloatArray
    gamma_high: FloatArray


@prepare.register(BrokenPowerLaw)
def _prepare(spectrum: BrokenPowerLaw, team: Any, b: int, shells: Shells, emission: Emission) -> None:
    """Tables of both power laws."""
    if not leads(team):
        return
    whole = fill_beyond(spectrum.gamma[b], shells, emission.beyond[0], emission.slope[0])
    whole_high = fill_beyond(spectrum.gamma_high[b], shells, emission.beyond[1], emission.slope[1])
    emission.ratio[0] = whole_high / whole


@inlined
def _beyond(x: float, x_break: float, x_max: float, steepening: float, emission: Emission) -> float:
    """B at x, for sources that reach the break at x_break."""
    beyond, slope, ratio = emission.beyond, emission.slope, emission.ratio
    intervals_per_x = (beyond.shape[1] - 1) / x_max
    middle, below = max(x, x_break), 0.0
    if middle > x:  # else the difference is 0, and may not hide a small flux above the break
        below = fraction_beyond(x, intervals_per_x, beyond[0], slope[0])
    if middle >= x_max:
        return float(below)
    if middle > x:
        below -= fraction_beyond(middle, intervals_per_x, beyond[0], slope[0])
    above = math.exp(steepening * x_break) * ratio[0]
    return float(below + above * fraction_beyond(middle, intervals_per_x, beyond[1], slope[1]))


@emit.register(BrokenPowerLaw)
def _emit(
    spectrum: BrokenPowerLaw, team: Any, b: int, n_target: int, n_node: int, shells: Shells, emission: Emission
) -> None:
    ln_break, steepening = spectrum.ln_kinks[0, b], spectrum.gamma_high[b] - spectrum.gamma[b]
    for node in each(team, n_node):
        e = emission.ln_e[node]
        emission.unabsorbed[node] = _beyond(0.0, ln_break - e, shells.x_max, steepening, emission)
    for j in range(n_target):
        for at in each(team, emission.end[j] - emission.first[j]):
            node = emission.first[j] + at
            e = emission.ln_e[node]
            emission.far[j, node] = _beyond(emission.ln_res[j] - e, ln_break - e, shells.x_max, steepening, emission)


@log_shape.register(BrokenPowerLaw)
def _log_shape(spectrum: BrokenPowerLaw, b: int, ln_e: float, energy_gev: float) -> tuple[float, float]:  # noqa: ARG001
    beyond = ln_e - spectrum.ln_kinks[0, b]
    slope = spectrum.gamma[b] - spectrum.gamma_high[b] if beyond > 0.0 else 0.0
    return slope * beyond, slope


def _make(gamma: FloatArray, _: FloatArray, break_gev: FloatArray, gamma_high: FloatArray) -> BrokenPowerLaw:
    return BrokenPowerLaw(gamma, np.log(break_gev)[None], gamma_high)


BREAK = Definition(
    "log10_break_gev", r"$\log_{10}(E_\mathrm{break}/\mathrm{GeV})$", "",
    "energy of the break in GeV, in the frame of the spectrum", (0.0, 100.0), Uniform(3.5, 7.0),
    before=Uniform(5.0, 7.0),
)  # fmt: skip
GAMMA_HIGH = Definition(
    "gamma_high", r"$\gamma_\mathrm{high}$", "", "index above the break", ANY, Uniform(0.0, 5.0),
    before=Uniform(1.5, 5.0),
)  # fmt: skip

SPECTRUM = Spectrum(
    "broken_power_law", r"$E^{-\gamma}$, $E^{-\gamma_\mathrm{high}}$ above $E_\mathrm{break}$", citation=None,
    parameters=(GAMMA_WITH_SHAPE, BREAK, GAMMA_HIGH), make=_make, nodes_per_bin=3, order=3,
)  # fmt: skip
