"""What a model expects of flux points: integrals over bins of true energy become means of E^2 phi over segments."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nuinfer.compiled import compiled
from nuinfer.detector.flux_points import FluxPoints
from nuinfer.detector.response import PHI_UNIT, Expected
from nuinfer.typing import FloatArray, IntArray

WIDEST = 0.1 * math.log(10.0)
"""Bins of true energy, in ln E, that a segment is divided into."""


@dataclass(frozen=True)
class Segments:
    """How segments are made of bins of true energy.

    Parameters
    ----------
    true_edges_gev : ndarray, shape (bin + 1,)
        Every segment divided into equal bins in ln E, and each gap between two as one.
    bins : ndarray, shape (segment, 2)
        First bin of each segment, and the one after its last.
    factors : ndarray, shape (segment,)
        From the integral of phi E dE over a segment, in GeV, of all flavours and per phi_total, to the mean of E^2 phi
        over ln E in the unit of the data, flavour mean.
    """

    true_edges_gev: FloatArray
    bins: IntArray
    factors: FloatArray


def make_segments(data: FluxPoints) -> Segments:
    """The segments of flux points."""
    ends = np.log(data.bins_gev)
    width = np.ptp(ends, axis=-1)
    numbers = np.ceil(width / WIDEST - 1e-9).astype(int)
    edges = np.unique(
        [edge for (low, high), n in zip(ends, numbers, strict=True) for edge in np.linspace(low, high, n + 1)]
    )
    return Segments(np.exp(edges), np.searchsorted(edges, ends), PHI_UNIT / (3.0 * width * data.unit_gev))


def mean_fluxes(integrals: FloatArray, phi_total: FloatArray, segments: Segments) -> Expected:
    """What a model expects of flux points.

    Parameters
    ----------
    integrals : ndarray, shape (n, channel, 3, bin)
        Integrals of the populations times E/GeV over the bins; the first channel is nu + nubar.
    phi_total : ndarray, shape (n,)
        Flux.
    segments : Segments
        Of the data.

    Returns
    -------
    Expected
        One component and one topology, without variance.
    """
    out = np.empty((integrals.shape[0], 1, 1, segments.factors.size))
    _means(integrals, phi_total, segments.bins, segments.factors, out)
    return Expected(out, np.zeros((out.shape[0], *out.shape[2:])))


@compiled
def _means(integrals: FloatArray, phi_total: FloatArray, bins: IntArray, factors: FloatArray, out: FloatArray) -> None:
    for b in range(out.shape[0]):
        for s in range(factors.size):
            total = 0.0
            for e in range(bins[s, 0], bins[s, 1]):
                total += integrals[b, 0, 0, e] + integrals[b, 0, 1, e] + integrals[b, 0, 2, e]
            out[b, 0, 0, s] = phi_total[b] * factors[s] * total
