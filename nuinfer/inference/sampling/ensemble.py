"""Where an ensemble starts, and its way from block to block: the unit of work of a fit, of one ensemble or several."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from scipy import special
from scipy.cluster import vq

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError, NonFiniteLogProbError
from nuinfer.inference.runs import run_folder
from nuinfer.inference.runs.run_folder import Block, ChainIdentity, RandomState
from nuinfer.inference.sampling import lockstep
from nuinfer.inference.work import files
from nuinfer.inference.work.calls import unpickled
from nuinfer.typing import BoolArray, FloatArray, IntArray

BLOCK_BYTES = 64e6  # a block is also cut when it has grown to this size
POLL_SECONDS = 1.0
STARTS = ("prior", "modes", "plateau", "beyond")  # regions in which ensembles start, in turn
PLATEAU = "log10_g_prime"
CELLS = 6  # into which the start "modes" is parted
COLD = 1e-2  # powers of the likelihood below this leave walkers so far off the posterior that some never arrive
LEAST_STEP, MOVES_PER_STAGE = 0.05, 20  # growth of that power per stage at the least, moves of every walker at each


# Start ----------------------------------------------------------------------------------------------------------------


class Drawn(NamedTuple):
    """Points (n, n_dim), their log-probabilities (n,) and terms (n, n_term)."""

    points: FloatArray
    log_prob: FloatArray
    terms: FloatArray

    def rows(self, chosen: BoolArray | IntArray) -> Drawn:
        """Some of them."""
        return Drawn(*(each[chosen] for each in self))


def start_of(analysis: Analysis, walkers: int, seed: int, ensemble: int) -> Block:
    """Start of an ensemble, in a region that differs deliberately from ensemble to ensemble.

    R-hat sees wrong weights of modes only if the ensembles start with different ones. At least 16 draws of the prior
    per walker (more while too few are allowed, at most 200, or 1000 until each walker has one) are resampled without
    replacement, with weights likelihood^beta where beta leaves a number of effective draws. In turn the walkers come
    from

    * the prior: beta leaves four times as many effective draws as walkers;
    * the modes: the draws are parted into cells, and each cell gets as many walkers, whatever its weight;
    * the plateau: the lower half of the prior of log10 g' (of the first parameter if there is none), where the
      Z' does nothing;
    * its other half.

    Parameters
    ----------
    analysis : Analysis
        What is sampled.
    walkers : int
        Number of walkers.
    seed : int
        Root seed of the run; this ensemble uses its own child of it, here and in the chain that follows.
    ensemble : int
        Number of the ensemble.

    Raises
    ------
    ConfigError
        If not enough draws have a finite log-probability; names the term responsible.
    """
    chain_seed, draw_seed = np.random.SeedSequence(seed, spawn_key=(ensemble,)).spawn(2)
    rng = np.random.default_rng(draw_seed)
    kind = STARTS[ensemble % len(STARTS)]
    parts: list[Drawn] = []
    for k, n in enumerate([16 * walkers] * 12 + [8 * walkers] + [100 * walkers] * 8):
        points = analysis.sample_prior(n, rng)
        parts.append(Drawn(points, *analysis.evaluate(points)[:2]))
        if sum(np.count_nonzero(np.isfinite(one.log_prob)) for one in parts) >= (8 if k < 12 else 1) * walkers:
            break
    drawn = Drawn(*map(np.concatenate, zip(*parts, strict=True)))
    allowed = np.isfinite(drawn.log_prob)
    if np.count_nonzero(allowed) < walkers:
        raise ConfigError(_no_start(analysis, drawn, walkers))
    names = analysis.parameter_names
    column = drawn.points[:, names.index(PLATEAU) if PLATEAU in names else 0]
    low = column < np.median(column)
    half = allowed & (low if kind == "plateau" else ~low)
    if kind in ("plateau", "beyond") and np.count_nonzero(half) >= walkers:  # else all that is allowed
        allowed = half
    drawn = drawn.rows(allowed)
    weight = _log_weight(analysis, drawn)
    beta = _tempering(weight, min((4 if kind == "prior" else 2) * walkers, 0.9 * len(weight)))
    score = beta * weight + rng.gumbel(size=len(weight))  # the largest are a weighted draw without replacement
    if kind == "modes":
        score = _evened(drawn.points, score, walkers, rng)
    drawn = drawn.rows(np.argsort(score)[-walkers:])
    if beta < COLD:
        drawn = _annealed(analysis, drawn, beta, rng)
    state = cast("RandomState", np.random.RandomState(np.random.MT19937(chain_seed)).get_state(legacy=True))
    chain, log_prob, terms = (each[None] for each in drawn)
    return Block(-1, chain, log_prob, terms, np.zeros(walkers, np.intp), state)


def _annealed(analysis: Analysis, drawn: Drawn, beta: float, rng: np.random.Generator) -> Drawn:
    """Walkers of a likelihood^beta brought to beta = 1.

    No draw of the prior is near a posterior that is very narrow, and walkers that start far off it stay behind where
    moves are as small as the ensemble. In stages of beta, each of which leaves half of the walkers effective, they are
    drawn anew by their weights and moved by differences (a sequential Monte Carlo sampler; Del Moral, Doucet and Jasra
    2006, J. R. Stat. Soc. B 68, 411). Chains go on from there and forget it like any other start.
    """
    n, n_dim = drawn.points.shape
    while beta < 1.0:
        weight = _log_weight(analysis, drawn)
        step = min(max(_tempering(weight, 0.5 * n), LEAST_STEP * beta), 1.0 - beta)
        beta += step
        drawn = drawn.rows(rng.choice(np.arange(n), n, p=special.softmax(step * weight)))
        for _ in range(MOVES_PER_STAGE):
            one, other = (drawn.points[rng.permutation(n)] for _ in range(2))
            scale = np.where(rng.random((n, 1)) < 0.1, 1.0, 2.38 / math.sqrt(2.0 * n_dim) * rng.random((n, 1)))
            points = drawn.points + scale * (one - other)
            tried = Drawn(points, *analysis.evaluate(points)[:2])
            with np.errstate(invalid="ignore"):
                gain = _log_weight(analysis, tried) - _log_weight(analysis, drawn)
                change = tried.log_prob - drawn.log_prob - (1.0 - beta) * gain
            better = np.isfinite(tried.log_prob) & (np.log(rng.random(n)) < change)
            for old, new in zip(drawn, tried, strict=True):
                old[better] = new[better]
    return drawn


def _log_weight(analysis: Analysis, drawn: Drawn) -> FloatArray:
    """Log-probability without the prior."""
    names = analysis.term_names
    return drawn.log_prob - drawn.terms[:, names.index("prior")] if "prior" in names else drawn.log_prob


def _evened(points: FloatArray, score: FloatArray, walkers: int, rng: np.random.Generator) -> FloatArray:
    """Scores by which every cell of the best points gives as many of them."""
    best = np.argsort(score)[-2 * walkers :]
    scaled = points[best] / np.std(points, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an empty cell is no harm
        _, cell = vq.kmeans2(scaled, CELLS, minit="++", seed=rng)
    place = np.full(len(points), -np.inf)
    for members in (best[cell == k] for k in range(CELLS)):
        place[members[np.argsort(-score[members])]] = -np.arange(len(members))
    return place


def _tempering(log_weight: FloatArray, effective: float) -> float:
    """Power in [0, 1] of the weights that leaves about this many effective draws, (sum w)^2 / sum w^2."""
    low, high = 0.0, 1.0
    for _ in range(60):
        beta = 0.5 * (low + high)
        weight = np.exp(beta * (log_weight - np.max(log_weight)))
        low, high = (beta, high) if np.sum(weight) ** 2 / np.sum(weight**2) > effective else (low, beta)
    return low


def _no_start(analysis: Analysis, drawn: Drawn, walkers: int) -> str:
    (points, log_prob, terms), names = drawn, analysis.parameter_names
    allowed, excluded = np.isfinite(log_prob), np.isneginf(terms)
    worst = int(np.argmax(np.sum(excluded, axis=0)))
    times = int(np.sum(excluded[:, worst]))
    point = points[np.argmax(excluded[:, worst] if times else ~allowed)]
    example = ", ".join(f"{name}={value:.6g}" for name, value in zip(names, point, strict=True))
    return (
        f"no start: {np.count_nonzero(allowed)} of {len(points)} prior draws have a finite log-probability and "
        f"{walkers} are needed; the term '{analysis.term_names[worst]}' is -inf most often "
        f"({times} draws), for example at {example}"
    )


# Blocks ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """Advance some ensembles from their last blocks on disk to step `steps`.

    Parameters
    ----------
    analysis : bytes
        The pickled analysis; unpickled once per process.
    run : Path
        The run folder.
    ensembles : tuple of int
        Numbers of the ensembles.
    identity : ChainIdentity
        What their blocks agree on.
    steps : int
        Steps that shall be on disk afterwards.
    checkpoint_seconds : float
        Longest time between two blocks.
    tolerated : int
        Points of each whose log-probability is not a number that are rejected instead of ending the run.
    """

    analysis: bytes
    run: Path
    ensembles: tuple[int, ...]
    identity: ChainIdentity
    steps: int
    checkpoint_seconds: float
    tolerated: int = 0


def advance(work: Work) -> int:
    """Do one unit of work; return the least steps on disk.

    Each chain depends on its start and on nothing else: not on the ensembles beside it, the number of jobs,
    interruptions or block sizes. They end early, at a block, when the file ``stop`` appears in the run folder. Rejected
    points are kept in the folder of their ensemble.

    Raises
    ------
    NonFiniteLogProbError
        After writing the steps before it.
    RunFolderError
        If a block is damaged or cannot be written.
    """
    analysis, proposals = unpickled(work.analysis), _moves(work.analysis)
    with contextlib.ExitStack() as stack:
        chains = [stack.enter_context(_open(work, ensemble)) for ensemble in work.ensembles]
        flushed = polled = time.monotonic()
        while behind := [chain for chain in chains if chain.step < work.steps]:
            walkers, rejects = [chain.walkers for chain in behind], [chain.reject for chain in behind]
            lockstep.step(walkers, analysis, proposals, rejects)
            for chain in behind:
                chain.add()
            now = time.monotonic()
            if now - flushed >= work.checkpoint_seconds or sum(chain.held_bytes for chain in chains) >= BLOCK_BYTES:
                for chain in chains:
                    chain.flush()
                flushed = now
            if now - polled >= POLL_SECONDS:
                polled = now
                for chain in chains:
                    chain.tell()
                if (work.run / run_folder.STOP).exists():
                    break
    return min(chain.step for chain in chains)


@lru_cache(maxsize=8)
def _moves(pickled: bytes) -> lockstep.Proposals:
    """Of an analysis, made once per process."""
    return lockstep.moves(unpickled(pickled))


@contextlib.contextmanager
def _open(work: Work, ensemble: int) -> Iterator[_Chain]:
    """The chain of an ensemble, which nobody else may lengthen meanwhile; what it has made is on disk at the end."""
    folder = run_folder.ensemble_folder(work.run, ensemble)
    with files.locked(folder / files.LOCK):
        index = run_folder.block_indices(folder)[-1]
        last = run_folder.read_block(run_folder.block_path(folder, index), work.identity)
        before = [one for one in run_folder.read_rejected(folder) if one["step"] < last.next_step]
        chain = _Chain(folder, work, index + 1, last, lockstep.after(last), before)
        try:
            yield chain
        finally:
            chain.flush()
        chain.tell()


@dataclass
class _Chain:
    """Moves with its walkers, collects their steps in memory and writes them as the next block."""

    folder: Path
    work: Work
    index: int
    last: Block
    walkers: lockstep.Walkers
    rejected: list[dict[str, Any]]
    rows: list[tuple[FloatArray, FloatArray, FloatArray, BoolArray]] = field(default_factory=list)
    made: int = 0
    accepted: int = 0

    @property
    def step(self) -> int:
        """Number of the step that comes next."""
        return self.last.next_step + len(self.rows)

    @property
    def held_bytes(self) -> int:
        """Size of the steps in memory."""
        return len(self.rows) * sum(each.nbytes for each in self.rows[-1]) if self.rows else 0

    def reject(self, error: NonFiniteLogProbError) -> None:
        """Remember a point that is not a number, or raise if there have been too many."""
        if len(self.rejected) >= self.work.tolerated:
            raise error
        self.rejected.append({"step": self.step, "term": error.term, "point": error.point})
        files.write_record(self.folder / run_folder.NONFINITE, {"rejected": self.rejected})

    def add(self) -> None:
        """Keep where the walkers are; an accepted proposal is a walker that moved."""
        now, before = self.walkers, self.rows[-1][0] if self.rows else self.last.chain[-1]
        moved = np.any(now.coords != before, axis=1)
        self.rows.append((now.coords, now.log_prob, now.terms, moved))
        self.random_state = cast("RandomState", now.random.get_state(legacy=True))
        self.made, self.accepted = self.made + 1, self.accepted + int(np.count_nonzero(moved))

    def flush(self) -> None:
        """Write the steps kept so far, if any."""
        if self.rows:
            chain, log_prob, terms, moved = (np.array(column) for column in zip(*self.rows, strict=True))
            accepted = np.count_nonzero(moved, axis=0)
            block = Block(self.last.next_step, chain, log_prob, terms, accepted, self.random_state)
            run_folder.write_block(self.folder, self.index, block, self.work.identity)
            self.last, self.index, self.rows = block, self.index + 1, []

    def tell(self) -> None:
        """Tell the parent where the ensemble is, if it has moved."""
        if self.made:
            progress = {"steps": self.step, "acceptance": self.accepted / (self.made * len(self.walkers.coords))}
            files.write_record(self.folder / run_folder.PROGRESS, progress, durable=False)
