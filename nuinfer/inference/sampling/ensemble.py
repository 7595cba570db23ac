"""The unit of work of a fit: one ensemble goes on from its last block on disk."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import emcee
import numpy as np

from nuinfer.errors import NonFiniteLogProbError
from nuinfer.inference.runs import folder as run_folder
from nuinfer.inference.runs.blocks import (
    Block,
    ChainIdentity,
    block_indices,
    block_path,
    ensemble_folder,
    read_block,
    write_block,
)
from nuinfer.inference.sampling.sampler import states
from nuinfer.inference.work import files
from nuinfer.inference.work.workers import unpickled
from nuinfer.typing import FloatArray, IntArray

BLOCK_BYTES = 64e6  # a block is also cut when it has grown to this size
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Work:
    """Advance one ensemble from its last block on disk to step `steps`.

    Parameters
    ----------
    analysis : bytes
        The pickled analysis; unpickled once per process.
    run : Path
        The run folder.
    ensemble : int
        Number of the ensemble.
    identity : ChainIdentity
        What its blocks agree on.
    steps : int
        Steps that shall be on disk afterwards.
    checkpoint_seconds : float
        Longest time between two blocks.
    tolerated : int
        Points whose log-probability is not a number that are rejected instead of ending the run.
    """

    analysis: bytes
    run: Path
    ensemble: int
    identity: ChainIdentity
    steps: int
    checkpoint_seconds: float
    tolerated: int = 0


def advance(work: Work) -> int:
    """Do one unit of work; return the steps on disk.

    The chain depends on the start and on nothing else: not on the number of jobs, interruptions or block sizes.
    It ends early, at a block, when the file ``stop`` appears in the run folder. Rejected points are kept in the
    ensemble's folder.

    Raises
    ------
    NonFiniteLogProbError
        After writing the steps before it.
    RunFolderError
        If a block is damaged or cannot be written.
    """
    analysis = unpickled(work.analysis)
    folder = ensemble_folder(work.run, work.ensemble)
    stop = work.run / run_folder.STOP
    with files.locked(folder / files.LOCK):
        index = block_indices(folder)[-1]
        last = read_block(block_path(folder, index), work.identity)
        writer = _BlockWriter(folder, work.identity, index + 1, last)
        step, polled = last.next_step, time.monotonic()
        rejected = [one for one in run_folder.read_rejected(folder) if one["step"] < step]

        def reject(error: NonFiniteLogProbError) -> None:
            if len(rejected) >= work.tolerated:
                raise error
            rejected.append({"step": step, "term": error.term, "point": error.point})
            run_folder.write_rejected(folder, rejected)

        flushed, accepted, made = polled, 0, 0
        walkers = work.identity.walkers
        block_rows = max(1, int(BLOCK_BYTES / (8 * walkers * (last.chain.shape[-1] + last.terms.shape[-1] + 1))))
        try:
            for state in states(analysis, last, reject=reject) if step < work.steps else ():
                accepted += writer.add(state)
                step, made = step + 1, made + 1
                now = time.monotonic()
                if step >= work.steps:
                    break
                if now - flushed >= work.checkpoint_seconds or len(writer) >= block_rows:
                    writer.flush()
                    flushed = now
                if now - polled >= POLL_SECONDS:
                    polled = now
                    run_folder.write_progress(folder, step, accepted / (made * walkers))
                    if stop.exists():
                        break
        finally:
            writer.flush()
        if made:
            run_folder.write_progress(folder, step, accepted / (made * walkers))
    return step


class _BlockWriter:
    """Collects steps in memory and writes them as the next block."""

    def __init__(self, folder: Path, identity: ChainIdentity, index: int, last: Block) -> None:
        self._folder, self._identity, self._index = folder, identity, index
        self._first_step, self._random_state, self._position = last.next_step, last.random_state, last.chain[-1]
        self._rows: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        self._accepted: IntArray = np.zeros(identity.walkers, dtype=np.intp)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, state: emcee.State) -> int:
        """Keep one step; return the number of accepted proposals (a walker that moved)."""
        position = state.coords.copy()
        terms = np.asarray(state.blobs, float).reshape(len(position), len(self._identity.term_names)).copy()
        moved = np.any(position != self._position, axis=1)
        self._rows.append((position, state.log_prob.copy(), terms))
        self._position, self._random_state = position, state.random_state
        self._accepted += moved
        return int(np.count_nonzero(moved))

    def flush(self) -> None:
        """Write the steps kept so far, if any."""
        if not self._rows:
            return
        chain, log_prob, terms = (np.array(column) for column in zip(*self._rows, strict=True))
        block = Block(self._first_step, chain, log_prob, terms, self._accepted, self._random_state)
        write_block(self._folder, self._index, block, self._identity)
        self._first_step, self._index = block.next_step, self._index + 1
        self._rows, self._accepted = [], np.zeros_like(self._accepted)
