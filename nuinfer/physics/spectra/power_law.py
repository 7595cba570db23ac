"""E^-gamma, in whatever frame."""

from typing import Any, NamedTuple

from nuinfer.compiled import each
from nuinfer.physics.shells import Shells, fraction_beyond
from nuinfer.physics.spectra import Spectrum
from nuinfer.physics.spectra._emission import Emission, emit, shape_at
from nuinfer.typing import FloatArray


class PowerLaw(NamedTuple):
    """Power laws of a batch: gamma of shape (n,), and no energies of emission, shape (0, n), with a kink."""

    gamma: FloatArray
    ln_kinks: FloatArray


@emit.register(PowerLaw)
def _emit(
    _spectrum: PowerLaw, team: Any, _b: int, n_target: int, n_node: int, shells: Shells, emission: Emission
) -> None:
    """What is emitted beyond a redshift is a share that does not depend on energy."""
    ln_e, far, unabsorbed = emission.ln_e, emission.far, emission.unabsorbed
    beyond, slope = emission.beyond[0], emission.slope[0]
    intervals_per_x = (beyond.size - 1) / shells.x_max
    for node in each(team, n_node):
        unabsorbed[node] = 1.0
    for j in range(n_target):
        first, end, ln_res = emission.first[j], emission.end[j], emission.ln_res[j]
        here, out = ln_e[first:end], far[j, first:end]
        for node in each(team, end - first):
            out[node] = fraction_beyond(ln_res - here[node], intervals_per_x, beyond, slope)


@shape_at.register(PowerLaw)
def _shape_at(_spectrum: PowerLaw, _b: int, ln_e: float, x: float) -> float:  # noqa: ARG001
    return 1.0


SPECTRUM = Spectrum("power_law", r"$E^{-\gamma}$", citation=None, make=PowerLaw, nodes_per_bin=3, order=1)
