"""Where an ensemble starts: in a region that differs deliberately from ensemble to ensemble."""

from __future__ import annotations

import warnings
from typing import cast

import numpy as np
from scipy.cluster import vq

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.runs.run_folder import Block, RandomState
from nuinfer.inference.work.executors import unpickled
from nuinfer.typing import FloatArray

STARTS = ("prior", "modes", "plateau", "beyond")  # regions in which ensembles start, in turn
PLATEAU = "log10_g_prime"
CELLS = 6  # into which the start "modes" is parted


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


def start_of(analysis: Analysis, walkers: int, seed: int, ensemble: int) -> Block:
    """Start of an ensemble; see `draw_start`."""
    chain_seed, draw_seed = np.random.SeedSequence(seed, spawn_key=(ensemble,)).spawn(2)
    rng = np.random.default_rng(draw_seed)
    kind = STARTS[ensemble % len(STARTS)]
    drawn: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for n in [16 * walkers] * 12 + [8 * walkers]:
        points = analysis.sample_prior(n, rng)
        drawn.append((points, *analysis.evaluate(points)))
        if sum(np.count_nonzero(np.isfinite(log_prob)) for _, log_prob, _ in drawn) >= 8 * walkers:
            break
    points, log_prob, terms = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    allowed = np.isfinite(log_prob)
    if np.count_nonzero(allowed) < walkers:
        raise ConfigError(_no_start(analysis, points, log_prob, terms, walkers))
    names = analysis.parameter_names
    column = points[:, names.index(PLATEAU) if PLATEAU in names else 0]
    low = column < np.median(column)
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


def _no_start(analysis: Analysis, points: FloatArray, log_prob: FloatArray, terms: FloatArray, walkers: int) -> str:
    allowed, excluded = np.isfinite(log_prob), np.isneginf(terms)
    worst = int(np.argmax(np.sum(excluded, axis=0)))
    times = int(np.sum(excluded[:, worst]))
    point = points[np.argmax(excluded[:, worst] if times else ~allowed)]
    example = ", ".join(f"{name}={value:.6g}" for name, value in zip(analysis.parameter_names, point, strict=True))
    return (
        f"no start: {np.count_nonzero(allowed)} of {len(points)} prior draws have a finite log-probability and "
        f"{walkers} are needed; the term '{analysis.term_names[worst]}' is -inf most often "
        f"({times} draws), for example at {example}"
    )
