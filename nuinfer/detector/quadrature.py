"""Integration of a flux over energy bins, exact through its jumps.

Gauss-Legendre nodes in ln E fill every bin. Where the flux jumps, the bin's own nodes are dropped and each side of
the jump is integrated by itself, so that counts move continuously with the energy of the jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nuinfer.typing import FloatArray, IntArray


@dataclass(frozen=True)
class Nodes:
    """Nodes of a batch of integrals, made by `BinQuadrature.place`.

    Parameters
    ----------
    energy_gev, weight_gev : ndarray, shape (batch, node)
        Energies and weights of ``integral f dE``: first the nodes of the bins, then those beside the jumps.
    jump_bin : ndarray, shape (batch, jump)
        Bin that each jump falls in (any bin, with zero weights, if none).
    n_bin : int
        Number of bins.
    """

    energy_gev: FloatArray
    weight_gev: FloatArray
    jump_bin: IntArray
    n_bin: int

    def integrate(self, weighted: FloatArray) -> FloatArray:
        """Sum of weighted values per bin.

        Parameters
        ----------
        weighted : ndarray, shape (batch, *axes, node)
            Integrand at the nodes times `weight_gev`.

        Returns
        -------
        ndarray, shape (batch, *axes, n_bin)
        """
        n_jump = self.jump_bin.shape[-1]
        n_regular = weighted.shape[-1] if n_jump == 0 else self._n_regular
        regular, beside = weighted[..., :n_regular], weighted[..., n_regular:]
        total = regular.reshape(*regular.shape[:-1], -1, self.n_bin).sum(axis=-2)
        rows = np.arange(len(total))
        pieces = beside.reshape(*beside.shape[:-1], n_jump, -1).sum(axis=-1) if n_jump else beside
        for j in range(n_jump):
            total[rows, ..., self.jump_bin[:, j]] += pieces[..., j]
        return np.asarray(total)

    @property
    def _n_regular(self) -> int:
        n_jump = self.jump_bin.shape[-1]
        per_bin: int = self.energy_gev.shape[-1] // (self.n_bin + 2 * n_jump)
        return per_bin * self.n_bin


@dataclass(frozen=True)
class BinQuadrature:
    """Gauss-Legendre quadrature over the bins between `edges_gev`.

    Parameters
    ----------
    edges_gev : ndarray, shape (n_bin + 1,)
        Increasing bin edges in GeV.
    order : int
        Nodes per bin, and per piece of a bin on one side of a jump.
    """

    edges_gev: FloatArray
    order: int

    @cached_property
    def rule(self) -> tuple[FloatArray, FloatArray]:
        """Nodes and weights on [0, 1]."""
        x, w = np.polynomial.legendre.leggauss(self.order)
        return 0.5 * (x + 1.0), 0.5 * w

    @cached_property
    def _regular(self) -> tuple[FloatArray, FloatArray]:
        """Energies and weights of the bins' own nodes, flattened from (order, n_bin)."""
        ln_edges = np.log(self.edges_gev)
        energy, weight = self._pieces(ln_edges[:-1], ln_edges[1:])
        return energy.T.ravel(), weight.T.ravel()

    def _pieces(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Energies and weights of pieces [low, high] in ln E, with the nodes on a new last axis."""
        x, w = self.rule
        width = (high - low)[..., None]
        energy = np.exp(low[..., None] + x * width)
        return energy, energy * (w * width)

    def place(self, jumps_gev: FloatArray) -> Nodes:
        """Nodes for integrands that jump at `jumps_gev`.

        Parameters
        ----------
        jumps_gev : ndarray, shape (batch, jump)
            Energies of the jumps in GeV, in any order; those outside the bins (+inf included) do not matter.

        Returns
        -------
        Nodes
        """
        n_bin, batch = len(self.edges_gev) - 1, len(jumps_gev)
        energy, weight = (np.broadcast_to(part, (batch, part.size)) for part in self._regular)
        if jumps_gev.shape[-1] == 0:
            return Nodes(energy, weight, np.empty((batch, 0), np.intp), n_bin)
        edges = self.edges_gev
        jumps = np.sort(np.clip(jumps_gev, edges[0], edges[-1]), axis=-1)
        bins = np.clip(np.searchsorted(edges, jumps, side="right") - 1, 0, n_bin - 1)
        jumps, edges = np.log(jumps), np.log(edges)
        # Below a jump: from the previous one, if that is in the same bin. Above: to the bin's end, unless one follows.
        before, after = bins[:, 1:] == bins[:, :-1], np.empty(bins.shape, np.bool_)
        after[:, :-1], after[:, -1] = before, False
        low, high = edges[bins], np.where(after, jumps, edges[bins + 1])
        low[:, 1:] = np.where(before, jumps[:, :-1], low[:, 1:])
        beside, beside_weight = self._pieces(np.stack([low, jumps], -1), np.stack([jumps, high], -1))
        kept = np.ones((batch, n_bin))
        kept[np.arange(batch)[:, None], bins] = 0.0
        weight = (weight.reshape(batch, -1, n_bin) * kept[:, None, :]).reshape(batch, -1)
        return Nodes(
            np.concatenate([energy, beside.reshape(batch, -1)], axis=-1),
            np.concatenate([weight, beside_weight.reshape(batch, -1)], axis=-1),
            bins,
            n_bin,
        )
