"""One ensemble: where it starts, how it moves, and the unit of work of a fit.

The whole half-ensemble is one call of the posterior (emcee 3.1.6, ``vectorize=True``). Moves: differential evolution
(ter Braak 2006, Nelson et al. 2013 arXiv:1311.5229) with gamma0 = 2.38/sqrt(2 n_dim) for nine steps in ten, and with
gamma0 = 1, which jumps between modes, for the tenth. emcee's released `DESnookerMove` breaks detailed balance and is
not used.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import emcee
import numpy as np
from scipy.cluster import vq

from nuinfer.errors import ConfigError, NonFiniteLogProbError, NuinferError
from nuinfer.inference.protocol import SampledAnalysis
from nuinfer.inference.runs import folder as run_folder
from nuinfer.inference.runs.folder import Block, ChainIdentity, RandomState
from nuinfer.inference.work.workers import unpickled
from nuinfer.typing import BoolArray, FloatArray, IntArray

PRIOR_DRAWS_PER_WALKER = 16  # at least
MAX_PRIOR_DRAWS_PER_WALKER = 200
STARTS = ("prior", "modes", "plateau", "beyond")  # regions in which ensembles start, in turn
PLATEAU = "log10_g_prime"
CELLS = 6  # into which the start "modes" is parted
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
    walkers : int
        Its walkers.
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
    walkers: int
    steps: int
    checkpoint_seconds: float
    tolerated: int = 0


def identity(analysis: SampledAnalysis, walkers: int) -> ChainIdentity:
    """What the blocks of this analysis must agree on."""
    return ChainIdentity(analysis.parameter_names, analysis.term_names, analysis.config_hash, walkers)


def moves() -> list[tuple[Any, float]]:
    """Weighted proposals."""
    return [(emcee.moves.DEMove(), 0.9), (emcee.moves.DEMove(gamma0=1.0), 0.1)]


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
    folder = run_folder.ensemble_folder(work.run, work.ensemble)
    chain_of = identity(analysis, work.walkers)
    stop = work.run / run_folder.STOP
    with run_folder.locked(folder / run_folder.LOCK):
        index = run_folder.block_indices(folder)[-1]
        last = run_folder.read_block(run_folder.block_path(folder, index), chain_of)
        writer = _BlockWriter(folder, chain_of, index + 1, last)
        step, polled = last.next_step, time.monotonic()
        rejected = [one for one in run_folder.read_rejected(folder) if one["step"] < step]

        def reject(error: NonFiniteLogProbError) -> None:
            if len(rejected) >= work.tolerated:
                raise error
            rejected.append({"step": step, "term": error.term, "point": error.point})
            run_folder.write_rejected(folder, rejected)

        flushed, accepted, made = polled, 0, 0
        block_rows = max(1, int(BLOCK_BYTES / (8 * work.walkers * (last.chain.shape[-1] + last.terms.shape[-1] + 1))))
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
                    run_folder.write_progress(folder, step, accepted / (made * work.walkers))
                    if stop.exists():
                        break
        finally:
            writer.flush()
        if made:
            run_folder.write_progress(folder, step, accepted / (made * work.walkers))
    return step


def draw_start(pickled: bytes, walkers: int, seed: int, ensemble: int) -> Block:
    """Start of an ensemble, in a region that differs deliberately from ensemble to ensemble.

    R-hat sees wrong weights of modes only if the ensembles start with different ones. At least 16 draws of the prior
    per walker (more while too few are allowed, at most 200) are resampled without replacement, with weights
    likelihood^beta where beta leaves a number of effective draws. In turn the walkers come from

    * the prior: beta leaves four times as many effective draws as walkers;
    * the modes: the draws are parted into cells, and each cell gets as many walkers, whatever its weight;
    * the plateau: the lower half of the prior of log10 g' (of the first parameter if there is none), where the
      Z' does nothing;
    * its other half.

    Parameters
    ----------
    pickled : bytes
        The pickled analysis.
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
    return start_of(unpickled(pickled), walkers, seed, ensemble)


def start_of(analysis: SampledAnalysis, walkers: int, seed: int, ensemble: int) -> Block:
    """Start of an ensemble; see `draw_start`."""
    chain_seed, draw_seed = np.random.SeedSequence(seed, spawn_key=(ensemble,)).spawn(2)
    rng = np.random.default_rng(draw_seed)
    kind = STARTS[ensemble % len(STARTS)]
    most = MAX_PRIOR_DRAWS_PER_WALKER * walkers
    points = np.empty((0, len(analysis.parameter_names)))
    log_prob, terms = np.empty(0), np.empty((0, len(analysis.term_names)))
    while np.count_nonzero(np.isfinite(log_prob)) < 8 * walkers and len(points) < most:
        drawn = analysis.sample_prior(min(PRIOR_DRAWS_PER_WALKER * walkers, most - len(points)), rng)
        drawn_log_prob, drawn_terms = analysis.evaluate(drawn)
        points = np.concatenate([points, drawn])
        log_prob, terms = np.concatenate([log_prob, drawn_log_prob]), np.concatenate([terms, drawn_terms])
    allowed = np.isfinite(log_prob)
    if np.count_nonzero(allowed) < walkers:
        raise ConfigError(_no_start(analysis, points, log_prob, terms, walkers))
    low = _lower_half(analysis, points)
    half = allowed & (low if kind == "plateau" else ~low)
    if kind in ("plateau", "beyond") and np.count_nonzero(half) >= walkers:  # else all that is allowed
        allowed = half
    points, log_prob, terms = points[allowed], log_prob[allowed], terms[allowed]
    weight = log_prob - terms[:, analysis.term_names.index("prior")] if "prior" in analysis.term_names else log_prob
    beta = _tempering(weight, min((4 if kind == "prior" else 2) * walkers, 0.9 * len(weight)))
    score = beta * weight + rng.gumbel(size=len(weight))  # the largest are a weighted draw without replacement
    if kind == "modes":
        score = _evened(points, score, walkers, rng)
    chosen = np.argsort(score)[-walkers:]
    state = cast("RandomState", np.random.RandomState(np.random.MT19937(chain_seed)).get_state(legacy=True))
    nothing = np.zeros(walkers, dtype=np.intp)
    return Block(-1, points[None, chosen], log_prob[None, chosen], terms[None, chosen], nothing, state)


def _lower_half(analysis: SampledAnalysis, points: FloatArray) -> BoolArray:
    """Whether points lie in the lower half of the prior draws of log10 g', or else of the first parameter."""
    names = analysis.parameter_names
    column = points[:, names.index(PLATEAU) if PLATEAU in names else 0]
    return np.asarray(column < np.median(column))


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


class _BlockWriter:
    """Collects steps in memory and writes them as the next block."""

    def __init__(self, folder: Path, chain_of: ChainIdentity, index: int, last: Block) -> None:
        self._folder, self._identity, self._index = folder, chain_of, index
        self._first_step, self._random_state, self._position = last.next_step, last.random_state, last.chain[-1]
        self._rows: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        self._accepted: IntArray = np.zeros(chain_of.walkers, dtype=np.intp)

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
        run_folder.write_block(self._folder, self._index, block, self._identity)
        self._first_step, self._index = block.next_step, self._index + 1
        self._rows, self._accepted = [], np.zeros_like(self._accepted)


def states(
    analysis: SampledAnalysis,
    last: Block,
    proposals: Sequence[tuple[Any, float]] | None = None,
    reject: Callable[[NonFiniteLogProbError], None] | None = None,
) -> Iterator[emcee.State]:
    """Endless states of the sampler after the block `last`.

    Parameters
    ----------
    analysis : SampledAnalysis
        What is sampled.
    last : Block
        Where the chain is.
    proposals : sequence, optional
        Weighted moves, by default those of `moves`.
    reject : callable, optional
        Told of every point that is not a number; the point is rejected unless it raises.
    """
    failures: list[NuinferError] = []

    def log_prob_and_terms(theta: FloatArray) -> FloatArray:
        answer = np.full((len(theta), 1 + last.terms.shape[-1]), -np.inf)
        rows = np.arange(len(theta))
        while len(rows):
            try:
                answer[rows] = np.column_stack(analysis.evaluate(theta[rows]))
                break
            except NuinferError as error:  # emcee would print a traceback: keep it, and raise it when the step is over
                try:
                    if reject is None or not isinstance(error, NonFiniteLogProbError):
                        raise
                    reject(error)
                except NuinferError as final:
                    failures.append(final)
                    break
                bad = np.all(theta[rows] == [error.point[name] for name in analysis.parameter_names], axis=1)
                rows = rows[~bad]
        return answer

    _, walkers, n_dim = last.chain.shape
    terms = last.terms[-1] if last.terms.shape[-1] > 1 else last.terms[-1, :, 0]  # emcee squeezes a single blob
    start = emcee.State(last.chain[-1], last.log_prob[-1], terms, last.random_state, copy=True)
    sampler = emcee.EnsembleSampler(walkers, n_dim, log_prob_and_terms, moves=proposals or moves(), vectorize=True)
    for state in sampler.sample(start, iterations=None, store=False, skip_initial_state_check=True):
        if failures:
            raise failures[0]
        yield state


def _tempering(log_weight: FloatArray, effective: float) -> float:
    """Power in [0, 1] of the weights that leaves about this many effective draws, (sum w)^2 / sum w^2."""
    low, high = 0.0, 1.0
    for _ in range(60):
        beta = 0.5 * (low + high)
        weight = np.exp(beta * (log_weight - np.max(log_weight)))
        low, high = (beta, high) if np.sum(weight) ** 2 / np.sum(weight**2) > effective else (low, beta)
    return low


def _no_start(
    analysis: SampledAnalysis, points: FloatArray, log_prob: FloatArray, terms: FloatArray, walkers: int
) -> str:
    excluded: Sequence[int] = np.sum(np.isneginf(terms), axis=0).tolist()
    worst = int(np.argmax(excluded))
    rows = np.flatnonzero(np.isneginf(terms[:, worst])) if excluded[worst] else np.flatnonzero(~np.isfinite(log_prob))
    example = ", ".join(f"{n}={v:.6g}" for n, v in zip(analysis.parameter_names, points[rows[0]], strict=True))
    return (
        f"no start: {np.count_nonzero(np.isfinite(log_prob))} of {len(points)} prior draws have a finite "
        f"log-probability and {walkers} are needed; the term '{analysis.term_names[worst]}' is -inf most often "
        f"({excluded[worst]} draws), for example at {example}"
    )


def check_walkers(walkers: int, n_dim: int) -> None:
    """Refuse ensembles too small to explore the space.

    Raises
    ------
    ConfigError
        Unless `walkers` is even and at least twice the dimension (and 6).
    """
    least = max(6, 2 * n_dim)
    if walkers < least or walkers % 2:
        raise ConfigError(f"walkers: {walkers} is not allowed; an even number of at least {least} is needed")


def round_lengths(max_steps: int, first: int = 400, growth: float = 1.3) -> Iterator[int]:
    """Steps after which convergence is checked: a fixed, growing schedule that ends at `max_steps`.

    It does not depend on the chains, so that an interrupted run ends where an uninterrupted one does.

    Examples
    --------
    >>> list(round_lengths(1000))
    [400, 520, 676, 879, 1000]
    """
    steps = first
    while steps < max_steps:
        yield steps
        steps = math.ceil(steps * growth)
    yield max_steps
