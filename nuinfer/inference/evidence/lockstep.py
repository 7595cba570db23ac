"""dynesty's proposals for many points at once, so that one call of the likelihood serves all of them.

dynesty hands a queue of proposals to ``pool.map``. `LockstepPool` is such a pool that starts no process: it advances
the random walks of a whole queue together, step by step, each step one batch of the likelihood. A walk is dynesty's own
(uniform in an ellipsoid that is fixed for the walk, accepted above the threshold), and the queue is used as dynesty
uses that of a pool: a point proposed at an older threshold is taken if it lies above the present one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from dynesty.internal_samplers import RWalkSampler, SamplerReturn, UnitCubeSampler

from nuinfer.typing import FloatArray, IntArray

TRIES = 10
"""Points tried at once for every point that is sought while sampling the whole cube."""


class LockstepPool:
    """Pool for dynesty whose `map` evaluates a queue of proposals in batches.

    Parameters
    ----------
    transform : callable
        Unit cube to parameters, (n, n_dim) to (n, n_dim).
    log_likelihood : callable
        Parameters, (n, n_dim), to ln L, (n,).
    size : int
        Length of the queue.
    """

    def __init__(
        self,
        transform: Callable[[FloatArray], FloatArray],
        log_likelihood: Callable[[FloatArray], FloatArray],
        size: int,
    ) -> None:
        self._transform, self._log_likelihood, self.size = transform, log_likelihood, size

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """Apply a function of dynesty to every item."""
        queue = list(items)
        if function is RWalkSampler.sample:
            return self._walks(queue)
        if function is UnitCubeSampler.sample:
            return self._uniform(queue)
        return list(map(function, queue))

    def _evaluate(self, cube: FloatArray) -> tuple[FloatArray, FloatArray]:
        theta = self._transform(cube)
        return theta, self._log_likelihood(theta)

    def _walks(self, queue: list[Any]) -> list[SamplerReturn]:
        """Random walks of all items, one step of all at a time."""
        first = queue[0]
        rng, threshold, walks = np.random.default_rng(first.rseed), first.loglstar, first.kwargs["walks"]
        cube = np.array([item.u for item in queue])
        axes = np.array([item.scale * item.axes for item in queue])
        n, n_dim = cube.shape
        theta, value = self._evaluate(cube)
        accepted: IntArray = np.zeros(n, int)
        for _ in range(walks):
            direction = rng.standard_normal((n, n_dim))
            radius = rng.random(n) ** (1.0 / n_dim)
            direction *= (radius / np.linalg.norm(direction, axis=1))[:, None]
            proposed = cube + np.einsum("nij,nj->ni", axes, direction)
            inside = np.flatnonzero(np.all((proposed > 0.0) & (proposed < 1.0), axis=1))
            if not inside.size:
                continue
            there, at = self._evaluate(proposed[inside])
            better = at > threshold
            moved = inside[better]
            cube[moved], theta[moved], value[moved] = proposed[moved], there[better], at[better]
            accepted[moved] += 1
        return [
            SamplerReturn(
                u=cube[k],
                v=theta[k],
                logl=float(value[k]),
                ncalls=walks,
                tuning_info={"accept": taken, "reject": walks - taken, "scale": queue[k].scale},
                evaluation_history=[],
                proposal_stats={"n_accept": taken, "n_reject": walks - taken},
            )
            for k, taken in enumerate(accepted.tolist())
        ]

    def _uniform(self, queue: list[Any]) -> list[SamplerReturn]:
        """For every item a point drawn uniformly from the part of the cube above the threshold."""
        rng, threshold = np.random.default_rng(queue[0].rseed), queue[0].loglstar
        n_dim = queue[0].kwargs["ndim"]
        found: list[tuple[FloatArray, FloatArray, float, int]] = []
        tries = 0  # since the last point found
        while len(found) < len(queue):
            cube = rng.random((TRIES * (len(queue) - len(found)), n_dim))
            theta, value = self._evaluate(cube)
            hits = np.flatnonzero(value > threshold)
            for before, k in zip([-1, *hits[:-1]], hits, strict=False):
                found.append((cube[k], theta[k], float(value[k]), tries + int(k - before)))
                tries = 0
            tries += len(cube) - 1 - int(hits[-1]) if hits.size else len(cube)
        return [
            SamplerReturn(
                u=u,
                v=v,
                logl=value,
                ncalls=calls,
                tuning_info=None,
                evaluation_history=[],
                proposal_stats={"n_proposals": calls},
            )
            for u, v, value, calls in found[: len(queue)]
        ]
