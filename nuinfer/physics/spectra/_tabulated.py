"""A spectrum that is a Python function: it enters the compiled core as a table, filled before every call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.hermite import hermite
from nuinfer.physics.spectra._emission import log_shape
from nuinfer.typing import FloatArray

if TYPE_CHECKING:
    from nuinfer.physics.spectra._spectrum import Spectrum

STEP = 0.02
"""Interval of the table in ln E: an error of 1e-8 where the spectrum varies on the scale of a factor e."""

_FIRST = float(np.log(10.0))
_LN_ENERGIES = np.arange(_FIRST, np.log(1e15), STEP)


class Tabulated(NamedTuple):
    """Spectra of a batch.

    Parameters
    ----------
    gamma : ndarray, shape (n,)
        Spectral index.
    ln_kinks : ndarray, shape (0, n)
        None.
    table, slopes : ndarray, shape (n, node)
        ln S from 10 to 1e15 GeV, and its change per interval; constant beyond.
    """

    gamma: FloatArray
    ln_kinks: FloatArray
    table: FloatArray
    slopes: FloatArray


def tabulated(spectrum: Spectrum, gamma: FloatArray, own: Mapping[str, FloatArray]) -> Tabulated:
    """Fill the tables of a batch, slopes by differences of fourth order.

    Raises
    ------
    PhysicsDomainError
        If the function of the spectrum gives anything else than one number per energy.
    """
    if spectrum.log_shape is None:
        raise PhysicsDomainError(f"spectrum '{spectrum.name}': it has neither log_shape nor make")
    energies, table = np.exp(_LN_ENERGIES), np.empty((gamma.size, _LN_ENERGIES.size))
    for b in range(gamma.size):
        values = {name: float(column[b]) for name, column in {"gamma": gamma, **own}.items()}
        row = np.asarray(spectrum.log_shape(energies, **values), float)
        if row.shape != energies.shape:
            text = f"its log_shape gave shape {row.shape} for energies of shape {energies.shape}"
            raise PhysicsDomainError(f"spectrum '{spectrum.name}': {text}")
        table[b] = row
    slopes = np.asarray(np.gradient(table, axis=-1))
    slopes[:, 2:-2] = (table[:, :-4] - table[:, 4:] + 8.0 * (table[:, 3:-1] - table[:, 1:-3])) / 12.0
    return Tabulated(gamma, np.empty((0, gamma.size)), table, slopes)


@log_shape.register(Tabulated)
def _log_shape(spectrum: Tabulated, b: int, ln_e: float, energy_gev: float) -> tuple[float, float]:  # noqa: ARG001
    """The interpolant of the table, and its slope there by the slopes of the nodes."""
    last = spectrum.table.shape[1] - 2
    position = (ln_e - _FIRST) / STEP
    k = min(max(int(position), 0), last)
    t = min(max(position - k, 0.0), 1.0)
    left, right, left_slope, right_slope = hermite(t)
    value = left * spectrum.table[b, k] + right * spectrum.table[b, k + 1]
    value += left_slope * spectrum.slopes[b, k] + right_slope * spectrum.slopes[b, k + 1]
    rise = spectrum.table[b, k + 1] - spectrum.table[b, k]
    change = spectrum.slopes[b, k] * (1.0 - t) * (1.0 - 3.0 * t) + spectrum.slopes[b, k + 1] * t * (3.0 * t - 2.0)
    return value, (6.0 * t * (1.0 - t) * rise + change) / STEP
