"""Lanes of a team as threads of Python, whose memory is watched: two may not touch a number between two barriers.

`test_device.py` runs it with ``NUMBA_DISABLE_JIT=1``: ``python lanes.py CASES`` prints the first conflict of each case,
or "none". A case is an analysis, changed keys, and perhaps the number of a barrier that is left out.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import NamedTuple

import numpy as np

import nuinfer
from nuinfer.compiled import barrier, points_of
from nuinfer.detector.response import Expected, count, counting_size
from nuinfer.likelihood import COUNTING, weigh
from nuinfer.transport.resonant import at_earth, most_nodes
from nuinfer.transport.workspace import workspace_of

LANES, POINTS = 5, 2
CONFLICTS: list[str] = []
TOUCHED: dict[int, tuple[int, set[int], set[int]]] = {}  # address: number of barriers passed, who reads, who writes
HERE, LOCK = threading.local(), threading.Lock()


class Lane(NamedTuple):
    """A member of a team of threads."""

    lane: int
    lanes: int


class Watched(np.ndarray):
    """Numbers that note who reads and writes them."""

    def _note(self, index, *, write):
        place = tuple(np.atleast_1d(index).tolist())
        address = self.__array_interface__["data"][0] + sum(i * s for i, s in zip(place, self.strides, strict=True))
        with LOCK:
            passed, readers, writers = TOUCHED.get(address, (-1, set(), set()))
            if passed != HERE.passed:
                readers, writers = set(), set()
            (writers if write else readers).add(HERE.lane)
            TOUCHED[address] = HERE.passed, readers, writers
            if writers and len(readers | writers) > 1 and not CONFLICTS:
                CONFLICTS.append(f"read by {readers}, written by {writers} after {HERE.passed} barriers")

    def __getitem__(self, index):
        found = super().__getitem__(index)
        if not isinstance(found, np.ndarray):
            self._note(index, write=False)
        return found

    def __setitem__(self, index, value):
        self._note(index, write=True)
        super().__setitem__(index, value)


def conflict(preset, overrides, left_out=None, seed=12):
    """The first conflict on two points of an analysis, the barrier of a number left out."""
    CONFLICTS.clear()
    TOUCHED.clear()
    gate = threading.Barrier(LANES)
    barrier.register(Lane)(lambda _: wait(gate, left_out))
    points_of.register(Lane)(lambda _, n: range(n))
    analysis = nuinfer.load(preset, overrides)
    values = analysis.values(analysis.sample_prior(POINTS, np.random.default_rng(seed)))
    model, observed = analysis.model, analysis.observed_counts[None]
    points, path, bins, response = model.points(values), model.transport.path, model._bins, model._response
    n_most = most_nodes(points, bins)
    size = max(workspace_of(points, path, n_most).size, counting_size(response))
    shapes = (
        (size,),
        (POINTS, points.source.shape[1], 3, bins.ln_edges.size - 1),
        (POINTS, len(model.component_names), *observed[0].shape),
        (POINTS, *observed[0].shape),
    )
    arrays = (np.full(shape, np.nan).view(Watched) for shape in (*shapes, (POINTS,)))
    room, integrals, counts, variance, out = arrays
    made = Expected(counts, variance)

    def work(lane):
        try:
            follow(lane)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others must not wait
            gate.abort()
            CONFLICTS.append(f"{type(error).__name__}: {error}")

    def follow(lane):
        HERE.lane, HERE.met, HERE.passed, team = lane, 0, 0, Lane(lane, LANES)
        at_earth(team, points, path, bins, np.empty((POINTS, 0)), n_most, room, integrals)
        barrier(team)
        count(team, integrals, model._passing(values), response, room, made)
        terms = room[: observed.size].reshape(observed.shape[1:])
        weigh(team, COUNTING, (observed, np.zeros_like(observed), np.zeros(POINTS, np.intp)), made, terms, out)

    threads = [threading.Thread(target=work, args=(lane,)) for lane in range(LANES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pairs = zip(made, model.expected(values), strict=True)
    equal = all(np.allclose(np.asarray(got), expected, rtol=1e-12) for got, expected in pairs)
    return CONFLICTS[0] if CONFLICTS else "none" if equal else "other counts"


def wait(gate, left_out):
    """Wait for the others, unless this barrier is left out."""
    HERE.met += 1
    if HERE.met != left_out:
        gate.wait()
        HERE.passed += 1


if __name__ == "__main__":
    cases = json.loads(sys.argv[1])
    sys.setswitchinterval(1e-5)
    sys.stdout.write(json.dumps([conflict(*case) for case in cases]))
