"""What a detector makes of a flux: integrals of the populations at Earth become expected counts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nuinfer.compiled import ALONE, barrier, cut, each, inner, points_of, reordered
from nuinfer.constants import CM2_PER_M2
from nuinfer.detector.dataset import DataSet
from nuinfer.detector.energy_scale import EnergyScale, make_energy_scale, rescale
from nuinfer.physics.mixing import Mixing
from nuinfer.typing import FloatArray, IntArray

PHI_UNIT = 1e-18
"""Unit of phi_total in GeV^-1 cm^-2 s^-1 sr^-1."""

NOT_NEUTRINOS = ("muon",)
"""Backgrounds that `detector_scale` does not multiply."""


class Response(NamedTuple):
    """A data set's response to the mass states.

    Parameters
    ----------
    fold : ndarray, shape (channel, topology * column, true bin * 3)
        Counts per unit of ``integral population dE`` and of phi_total; the channels are nu + nubar, nu - nubar.
    least : ndarray, shape (topology * column,)
        First true bin that has a response: deposited energies lie below true ones.
    energy_scale : EnergyScale
        Columns and bins.
    templates : ndarray, shape (background, topology, bin)
        Counts of the backgrounds at norm 1.
    neutrinos : ndarray, shape (background,)
        1 where `detector_scale` multiplies a background, else 0.
    """

    fold: FloatArray
    least: IntArray
    energy_scale: EnergyScale
    templates: FloatArray
    neutrinos: FloatArray


def make_response(dataset: DataSet, mixing: Mixing) -> Response:
    """The response of a data set to mass states."""
    area_m2 = np.concatenate([dataset.below_area_m2, dataset.area_m2], axis=-1)
    neutrinos, antineutrinos = area_m2[:3], area_m2[3:]
    channels = np.stack([neutrinos + antineutrinos, neutrinos - antineutrinos]) / 2.0
    states = np.einsum("ai,caetd->ctdei", mixing.probabilities, channels)
    states = states.reshape(2, -1, *states.shape[3:])
    exposure = dataset.livetime_s * 4.0 * np.pi * CM2_PER_M2 * PHI_UNIT
    edges = dataset.bin_edges_gev
    return Response(
        exposure * states.reshape(*states.shape[:2], -1),
        np.argmax(np.any(states != 0.0, axis=(0, 3)), axis=-1),
        make_energy_scale(np.concatenate([dataset.below_edges_gev[:-1], edges]), edges),
        np.array(list(dataset.backgrounds.values()), float),
        np.array([name not in NOT_NEUTRINOS for name in dataset.backgrounds], float),
    )


@reordered
def _dot(first: FloatArray, second: FloatArray) -> float:
    total = 0.0
    for k in range(first.size):
        total += first[k] * second[k]
    return total


class Passing(NamedTuple):
    """What changes the counts of a batch and not what arrives at Earth.

    Parameters
    ----------
    phi_total, energy_scale, detector_scale : ndarray, shape (n,)
        Flux, scale of deposited energies, scale of neutrino counts.
    norms : ndarray, shape (background, n)
        Norms of the backgrounds.
    """

    phi_total: FloatArray
    energy_scale: FloatArray
    detector_scale: FloatArray
    norms: FloatArray


def counts_by_component(integrals: FloatArray, passing: Passing, response: Response) -> FloatArray:
    """Expected counts of a batch, by component.

    Parameters
    ----------
    integrals : ndarray, shape (n, channel, 3, true bin)
        Integrals of the populations over true energies, nu - nubar where it does not vanish.
    passing : Passing
        Of the batch.
    response : Response
        Of the data set.

    Returns
    -------
    ndarray, shape (n, 1 + background, topology, bin)
        Astrophysical counts first.
    """
    n_background, n_topology, n_bin = response.templates.shape
    out = np.empty((integrals.shape[0], 1 + n_background, n_topology, n_bin))
    count(ALONE, integrals, passing, response, np.empty(counting_size(response)), out)
    return out


def counting_size(response: Response) -> int:
    """Numbers that `count` needs room for."""
    n_topology, n_column = response.templates.shape[1], response.energy_scale.columns.size
    return int(response.fold.shape[2] + n_topology * 4 * n_column)


@inner
def count(
    team: Any, integrals: FloatArray, passing: Passing, response: Response, room: FloatArray, out: FloatArray
) -> None:
    """`counts_by_component` of the points of a team."""
    fold, templates, neutrinos = response.fold, response.templates, response.neutrinos
    n_background, n_topology, n_bin = templates.shape
    n_column = response.energy_scale.columns.size - 1
    arriving, at = room[: fold.shape[2]], fold.shape[2] + n_topology * n_column
    folded = room[arriving.size : at]
    slopes, _ = cut(room, at, (n_topology, 3, n_column + 1))
    for b in points_of(team, integrals.shape[0]):
        for column in each(team, folded.size):
            folded[column] = 0.0
        for c in range(integrals.shape[1]):
            for e in each(team, integrals.shape[3]):
                for i in range(3):
                    arriving[3 * e + i] = passing.phi_total[b] * integrals[b, c, i, e]
            barrier(team)
            for column in each(team, folded.size):
                least = 3 * response.least[column]
                folded[column] += _dot(arriving[least:], fold[c, column, least:])
            barrier(team)
        for t in each(team, n_topology):
            columns = folded[t * n_column : (t + 1) * n_column]
            rescale(response.energy_scale, columns, passing.energy_scale[b], slopes[t], out[b, 0, t])
            for d in range(n_bin):
                out[b, 0, t, d] *= passing.detector_scale[b]
        for m in range(n_background):
            factor = passing.norms[m, b] * (passing.detector_scale[b] if neutrinos[m] > 0.0 else 1.0)
            for t in range(n_topology):
                for d in each(team, n_bin):
                    out[b, 1 + m, t, d] = factor * templates[m, t, d]
        barrier(team)
