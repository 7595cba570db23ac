"""E^-gamma, in whatever frame."""

from typing import Any, NamedTuple

from nuinfer.compiled import each
from nuinfer.physics.shells import Shells
from nuinfer.physics.spectra import Spectrum
from nuinfer.physics.spectra._emission import Emission, emit, fill_shares, shape_at
from nuinfer.typing import FloatArray


class PowerLaw(NamedTuple):
    """Power laws of a batch: gamma of shape (n,), and no energies of emission, shape (0, n), with a kink."""

    gamma: FloatArray
    ln_kinks: FloatArray


@emit.register(PowerLaw)
def _emit(
    _spectrum: PowerLaw, team: Any, _b: int, n_target: int, n_node: int, shells: Shells, emission: Emission
) -> None:
    unabsorbed = emission.unabsorbed
    for node in each(team, n_node):
        unabsorbed[node] = 1.0
    fill_shares(team, n_target, shells, emission)


@shape_at.register(PowerLaw)
def _shape_at(_spectrum: PowerLaw, _b: int, ln_e: float, x: float) -> float:  # noqa: ARG001
    return 1.0


SPECTRUM = Spectrum("power_law", r"$E^{-\gamma}$", citation=None, make=PowerLaw, nodes_per_bin=3, order=1)
