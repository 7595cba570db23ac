"""What a detector makes of a flux: integrals of the populations at Earth become expected counts."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from nuinfer.compiled import ALONE, barrier, cut, each, inner, points_of, reordered
from nuinfer.constants import CM2_PER_M2
from nuinfer.detector.dataset import DataSet
from nuinfer.detector.energy_scale import EnergyScale, make_energy_scale, rescale
from nuinfer.detector.folder import NOT_NEUTRINOS
from nuinfer.physics.mixing import Mixing
from nuinfer.typing import FloatArray, IntArray

PHI_UNIT = 1e-18
"""Unit of phi_total in GeV^-1 cm^-2 s^-1 sr^-1."""

BLOCK = 16
"""Numbers that a sum is vectorised by: of no more and no fewer, so that nothing is left to be added one by one."""

TILTED, TILT_PIVOT_GEV = "conventional", 2020.0
"""The background that `tilt_conventional` tilts, and where it keeps its flux (arXiv:2011.03545)."""


class Response(NamedTuple):
    """A data set's response to the mass states.

    Parameters
    ----------
    fold : ndarray, shape (channel, topology * column, true bin * 3 and more)
        Counts per unit of ``integral population dE`` and of phi_total; the channels are nu + nubar, nu - nubar. Zeros
        fill up the last of its `BLOCK`.
    least : ndarray, shape (topology * column,)
        Begin of the first block that has a response: deposited energies lie below true ones.
    energy_scale : EnergyScale
        Columns and bins.
    templates : ndarray, shape (background, topology, bin)
        Counts of the backgrounds at norm 1.
    neutrinos : ndarray, shape (background,)
        1 where `detector_scale` multiplies a background, else 0.
    flavours : ndarray, shape (3, 3)
        Probability of a flavour in each mass state, which makes fluxes of flavours of populations.
    scales : ndarray, shape (scale,)
        Energy scales at which the factors of backgrounds are known; they are linear in between and beyond. None: 1.
    log_factors : ndarray, shape (background, topology, bin, scale)
        Their logarithms.
    tilts : ndarray, shape (background, bin)
        Logarithm of the factor of a unit tilt.
    variance : ndarray, shape (channel, topology * bin, true bin * 3 and more)
        Variance from the finite simulation, by flavour, per squared integral of its flux, nu + nubar, and of that of
        nu - nubar; the second channel per twice their product. No bins: the simulation is taken as exact.
    least_varied : ndarray, shape (topology * bin,)
        Begin of the first block that has a variance.
    """

    fold: FloatArray
    least: IntArray
    energy_scale: EnergyScale
    templates: FloatArray
    neutrinos: FloatArray
    scales: FloatArray
    log_factors: FloatArray
    tilts: FloatArray
    flavours: FloatArray
    variance: FloatArray
    least_varied: IntArray


def make_response(dataset: DataSet, mixing: Mixing) -> Response:
    """The response of a data set to mass states."""
    area_m2 = np.concatenate([dataset.below_area_m2, dataset.area_m2], axis=-1)
    neutrinos, antineutrinos = area_m2[:3], area_m2[3:]
    channels = np.stack([neutrinos + antineutrinos, neutrinos - antineutrinos]) / 2.0
    states = np.einsum("ai,caetd->ctdei", mixing.probabilities, channels)
    exposure = dataset.livetime_s * 4.0 * np.pi * CM2_PER_M2 * PHI_UNIT
    edges, scales, templates = dataset.bin_edges_gev, dataset.scaling.scales, dataset.backgrounds
    none = np.zeros((*dataset.observed.shape, len(scales)))
    fold, variance = exposure * _in_blocks(states), exposure**2 * _in_blocks(_variance_m4(dataset))
    tilt = -0.5 * np.log(edges[1:] * edges[:-1] / TILT_PIVOT_GEV**2)
    return Response(
        fold,
        _first_blocks(fold),
        make_energy_scale(np.concatenate([dataset.below_edges_gev[:-1], edges]), edges),
        np.array(list(templates.values()), float),
        np.array([name not in NOT_NEUTRINOS for name in templates], float),
        np.array(scales),
        np.log(10.0) * np.array([dataset.scaling.log10_factors.get(name, none) for name in templates]),
        np.array([tilt if name == TILTED else 0.0 * tilt for name in templates]),
        np.ascontiguousarray(mixing.probabilities),
        variance,
        _first_blocks(variance),
    )


def _in_blocks(weights: FloatArray) -> FloatArray:
    """Weights (channel, topology, deposited, true bin, 3) as rows (channel, topology * deposited, number) of blocks."""
    rows = weights.reshape(len(weights), -1, 3 * weights.shape[3])
    return np.pad(rows, ((0, 0), (0, 0), (0, -rows.shape[2] % BLOCK)))


def _first_blocks(rows: FloatArray) -> IntArray:
    """Where the first block begins that is not 0 in every channel."""
    return np.asarray(np.argmax(np.any(rows != 0.0, axis=0), axis=-1) // BLOCK * BLOCK)


def _variance_m4(dataset: DataSet) -> FloatArray:
    """Variances of the area, see `Response.variance`: of a species S + D or S - D over 2, squared."""
    if dataset.area_variance_m4 is None:
        return np.empty((2, 0, 0, dataset.true_edges_gev.size - 1, 3))
    neutrinos, antineutrinos = dataset.area_variance_m4[:3], dataset.area_variance_m4[3:]
    channels = np.stack([neutrinos + antineutrinos, neutrinos - antineutrinos]) / 4.0
    return np.moveaxis(channels, (1, 2), (4, 3))  # channel, topology, bin, true bin, flavour


@reordered
def _dot(first: FloatArray, second: FloatArray) -> float:
    total = 0.0
    for k in range(first.size):
        total += first[k] * second[k]
    return total


@reordered
def _dots(first: FloatArray, one: FloatArray, two: FloatArray, three: FloatArray) -> tuple[float, float, float]:
    """Of three at once: what they share is read once."""
    a, b, c = 0.0, 0.0, 0.0
    for k in range(first.size):
        a += first[k] * one[k]
        b += first[k] * two[k]
        c += first[k] * three[k]
    return a, b, c


@inner
def _fold(team: Any, numbers: FloatArray, rows: FloatArray, first: IntArray, out: FloatArray) -> None:
    """Add the sums of the numbers over each row (row, number), from its first block on, to those of `out` (row,)."""
    by_three = out.size // 3 if len(team) == 1 else 0
    for k in range(0, 3 * by_three, 3):
        at = min(first[k], first[k + 1], first[k + 2])
        found = _dots(numbers[at:], rows[k, at:], rows[k + 1, at:], rows[k + 2, at:])
        out[k] += found[0]
        out[k + 1] += found[1]
        out[k + 2] += found[2]
    for rest in each(team, out.size - 3 * by_three):
        k = 3 * by_three + rest
        out[k] += _dot(numbers[first[k] :], rows[k, first[k] :])


class Expected(NamedTuple):
    """What a model expects of counts.

    Parameters
    ----------
    components : ndarray, shape (*batch, component, topology, bin)
        Expected counts by component.
    variance : ndarray, shape (*batch, topology, bin)
        Variance of their sum that comes from a finite simulation; 0: the sum is exact.
    """

    components: FloatArray
    variance: FloatArray

    @property
    def total(self) -> FloatArray:
        """Expected counts of all components, shape (*batch, topology, bin)."""
        with np.errstate(all="ignore"):  # whatever they are
            return np.asarray(self.components.sum(axis=-3))

    def times(self, factor: float) -> Expected:
        """The same with all counts multiplied."""
        return Expected(factor * self.components, factor**2 * self.variance)


class Passing(NamedTuple):
    """What changes the counts of a batch and not what arrives at Earth.

    Parameters
    ----------
    phi_total, energy_scale, detector_scale : ndarray, shape (n,)
        Flux, scale of deposited energies, scale of neutrino counts.
    tilt : ndarray, shape (n,)
        Tilt of conventional neutrinos.
    norms : ndarray, shape (background, n)
        Norms of the backgrounds.
    """

    phi_total: FloatArray
    energy_scale: FloatArray
    detector_scale: FloatArray
    tilt: FloatArray
    norms: FloatArray


def expected_of(integrals: FloatArray, passing: Passing, response: Response) -> Expected:
    """Expected counts of a batch, by component, astrophysical counts first, and their variance.

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
    Expected
        Batch (n,).
    """
    n, (n_background, n_topology, n_bin) = integrals.shape[0], response.templates.shape
    out = Expected(np.empty((n, 1 + n_background, n_topology, n_bin)), np.empty((n, n_topology, n_bin)))
    count(ALONE, integrals, passing, response, np.empty(counting_size(response)), out)
    return out


def counting_size(response: Response) -> int:
    """Numbers that `count` needs room for."""
    n_topology, n_column = response.templates.shape[1], response.energy_scale.columns.size
    return int(response.fold.shape[2] + n_topology * 4 * n_column + response.variance.shape[1])


@inner
def _square(
    team: Any, b: int, integrals: FloatArray, passing: Passing, response: Response, room: FloatArray, out: FloatArray
) -> None:
    """Variance (topology * bin) of a point from the finite simulation, at nominal scales; `room` (true bin * 3)."""
    total, apart, phi = integrals[b, 0], integrals[b, integrals.shape[1] - 1], passing.phi_total[b]
    of = response.flavours
    for k in each(team, out.size):
        out[k] = 0.0
    for c in range(integrals.shape[1]):
        for e in each(team, total.shape[1]):
            for a in range(3):
                both = phi * (of[a, 0] * total[0, e] + of[a, 1] * total[1, e] + of[a, 2] * total[2, e])
                room[3 * e + a] = both * both
                if integrals.shape[1] > 1:
                    other = phi * (of[a, 0] * apart[0, e] + of[a, 1] * apart[1, e] + of[a, 2] * apart[2, e])
                    room[3 * e + a] = both * both + other * other if c == 0 else 2.0 * both * other
        barrier(team)
        _fold(team, room, response.variance[c], response.least_varied, out)
        barrier(team)


@inner
def _add_backgrounds(team: Any, b: int, passing: Passing, response: Response, out: FloatArray) -> None:
    """Counts (1 + background, topology, bin) of the backgrounds of a point."""
    templates, scales, scale, tilt = response.templates, response.scales, passing.energy_scale[b], passing.tilt[b]
    left, ahead = 0, 0.0
    if scale != 1.0 and scales.size > 0:
        while left < scales.size - 2 and scale >= scales[left + 1]:
            left += 1
        ahead = (scale - scales[left]) / (scales[left + 1] - scales[left])
    for m in range(templates.shape[0]):
        factor = passing.norms[m, b] * (passing.detector_scale[b] if response.neutrinos[m] > 0.0 else 1.0)
        for t in range(templates.shape[1]):
            for d in each(team, templates.shape[2]):
                exponent, counts = tilt * response.tilts[m, d], factor * templates[m, t, d]
                if scale != 1.0 and scales.size > 0:
                    at_left, at_right = response.log_factors[m, t, d, left], response.log_factors[m, t, d, left + 1]
                    exponent += at_left + ahead * (at_right - at_left)
                out[b, 1 + m, t, d] = counts * math.exp(exponent) if exponent * counts != 0.0 else counts


@inner
def count(
    team: Any, integrals: FloatArray, passing: Passing, response: Response, room: FloatArray, expected: Expected
) -> None:
    """`expected_of` the points of a team."""
    fold, out, variance = response.fold, expected.components, expected.variance
    _, n_topology, n_bin = response.templates.shape
    n_column = response.energy_scale.columns.size - 1
    arriving, at = room[: fold.shape[2]], fold.shape[2] + n_topology * n_column
    folded = room[arriving.size : at]
    slopes, at = cut(room, at, (n_topology, 3, n_column + 1))
    squared = room[at : at + response.variance.shape[1]]
    for b in points_of(team, integrals.shape[0]):
        for column in each(team, folded.size):
            folded[column] = 0.0
        for c in range(integrals.shape[1]):
            for e in each(team, integrals.shape[3]):
                for i in range(3):
                    arriving[3 * e + i] = passing.phi_total[b] * integrals[b, c, i, e]
            for k in each(team, arriving.size - 3 * integrals.shape[3]):
                arriving[3 * integrals.shape[3] + k] = 0.0
            barrier(team)
            _fold(team, arriving, fold[c], response.least, folded)
            barrier(team)
        if squared.size > 0:
            _square(team, b, integrals, passing, response, arriving, squared)
        for t in each(team, n_topology):
            columns, scale = folded[t * n_column : (t + 1) * n_column], passing.detector_scale[b]
            nominal, astro, varied = columns[n_column - n_bin :], out[b, 0, t], variance[b, t]
            rescale(response.energy_scale, columns, passing.energy_scale[b], slopes[t], astro)
            for d in range(n_bin):
                varied[d] = 0.0
                if squared.size > 0 and nominal[d] > 0.0:
                    varied[d] = scale * scale * squared[t * n_bin + d] * (astro[d] / nominal[d])
                astro[d] *= scale
        _add_backgrounds(team, b, passing, response, out)
        barrier(team)
