"""Are posterior odds of hypotheses honest? Data are simulated from hypotheses drawn with their prior odds.

Then a hypothesis with posterior probability p is the true one in a share p of the data sets, however large or small p
is. Two sums over simulations test it, each with mean 0 and variance 1 if it is so: of truth minus p, which sees a
bias towards a hypothesis, and of ln p of the truth minus its expectation, which sees odds too bold or too timid.
"""

import math
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from scipy import stats

from nuinfer.analysis import Analysis
from nuinfer.inference.evidence.evidence import probabilities
from nuinfer.inference.evidence.nested import Setting, run_nested
from nuinfer.inference.work.calls import Call, on_unpickled
from nuinfer.inference.work.simulation import accepted, draw_data
from nuinfer.inference.work.store import Execution, Question, address, open_store
from nuinfer.typing import FloatArray

BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Edges of the probability in the table of reliability."""

FLOOR = 1e-9  # of a probability, in its logarithm


@dataclass(frozen=True)
class Reliability:
    """How often the hypothesis was true where its posterior probability lay in a bin.

    Parameters
    ----------
    low, high : float
        The bin.
    count : int
        Pairs of a data set and a hypothesis in it.
    predicted : float
        Mean probability.
    true : float
        Share of pairs in which the hypothesis was true.
    error : float
        Standard deviation of that share if the probabilities are right.
    """

    low: float
    high: float
    count: int
    predicted: float
    true: float
    error: float


@dataclass(frozen=True)
class OddsCalibration:
    """The outcome.

    Parameters
    ----------
    names : tuple of str
        The hypotheses.
    bias : tuple of float
        For each hypothesis, the sum of truth minus probability over its standard deviation.
    boldness : float
        The sum of ln p(truth) minus its expectation over the data sets, likewise: negative if odds are too bold.
    p_value : float
        Smallest two-sided p-value of these tests, times their number (Bonferroni), at most 1.
    reliability : tuple of Reliability
        By bins of probability.
    brier, brier_prior : float
        Mean square of truth minus p, and the same of the prior odds: how much the data teach.
    """

    names: tuple[str, ...]
    bias: tuple[float, ...]
    boldness: float
    p_value: float
    reliability: tuple[Reliability, ...]
    brier: float
    brier_prior: float


def odds_of_simulations(
    hypotheses: Mapping[str, Analysis],
    out: str | PathLike[str],
    n: int,
    seed: int,
    setting: Setting,
    **execution: Unpack[Execution],
) -> list[dict[str, Any]]:
    """`n` simulations as `simulate_odds` gives them, those that are in a folder already and the rest.

    Parameters
    ----------
    hypotheses : mapping
        Name to analysis, see `simulate_odds`.
    out : path
        Folder; every simulation is stored as it ends.
    n, seed : int
        Number of simulations and root seed.
    setting : Setting
        Of the evidences.
    **execution
        See `nuinfer.inference.work.store.Execution`.

    Raises
    ------
    RunFolderError
        If the folder belongs to something else, is in use or cannot be written.
    """
    hashes = [(name, analysis.config_hash) for name, analysis in hypotheses.items()]
    settings, pickled = {"odds_of": hashes, "seed": seed, "setting": setting.identity}, pickle.dumps(dict(hypotheses))
    calls = [
        Call(address("odds", settings, k), on_unpickled, (simulate_odds, pickled, k, seed, setting), f"data set {k}")
        for k in range(n)
    ]
    with open_store(Path(out), Question("odds", settings), **execution) as store:
        simulations = store.do(calls, "data sets")
        store.finish(simulations=n)
    return simulations


def simulate_odds(hypotheses: Mapping[str, Analysis], index: int, seed: int, setting: Setting) -> dict[str, Any]:
    """One simulation: a hypothesis with equal prior odds, parameters from its prior, data, and all evidences.

    A hypothesis whose parameters are refused by an exclusion or a one-sided term is drawn again with them: it pays for
    what these take of its prior, as it does in ln Z.

    Parameters
    ----------
    hypotheses : mapping
        Name to analysis; their own data are not used. Their one-sided terms must be the same.
    index, seed : int
        Number of the simulation and root seed.
    setting : Setting
        Of the evidences.

    Returns
    -------
    dict
        ``truth``: name of the hypothesis; ``events``: number of them; ``ln_z``: by name.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(index,))
    rng = np.random.default_rng(sequence)
    names = list(hypotheses)
    while True:
        truth = names[int(rng.integers(len(names)))]
        theta = hypotheses[truth].sample_prior(1, rng)
        if accepted(hypotheses[truth], theta, rng)[0]:
            break
    at = dict(zip(hypotheses[truth].parameter_names, theta[0].tolist(), strict=True))
    data = draw_data(hypotheses[truth], at, rng)
    seeds = sequence.generate_state(len(names)).tolist()
    ln_z = {
        name: run_nested(analysis.with_observed(*data), own, setting).ln_z
        for (name, analysis), own in zip(hypotheses.items(), seeds, strict=True)
    }
    return {"truth": truth, "events": float(data.counts.sum()), "ln_z": ln_z}


def judge_odds(simulations: Sequence[Mapping[str, Any]], power: float = 1.0) -> OddsCalibration:
    """Test the posterior odds of simulations, as `simulate_odds` returns them.

    Parameters
    ----------
    simulations : sequence of mapping
        At least 2.
    power : float
        Evidences are taken to this power first; anything but 1 is a defect that has to be found.
    """
    names = tuple(simulations[0]["ln_z"])
    ln_z = power * np.array([[one["ln_z"][name] for name in names] for one in simulations])
    p = probabilities(ln_z)
    true = np.array([[one["truth"] == name for name in names] for one in simulations], float)
    bias = np.sum(true - p, axis=0) / np.sqrt(np.sum(p * (1.0 - p), axis=0))
    boldness = _boldness(true, p)
    scores = np.abs([*bias, boldness])
    p_value = min(1.0, float(np.min(2.0 * stats.norm.sf(scores))) * len(scores))
    brier, brier_prior = (float(np.mean((true - guess) ** 2)) for guess in (p, 1.0 / len(names)))
    table = tuple(_reliability(p.ravel(), true.ravel()))
    return OddsCalibration(names, tuple(bias.tolist()), boldness, p_value, table, brier, brier_prior)


def _boldness(true: FloatArray, p: FloatArray) -> float:
    """Score of a power of the odds: sum over data sets of ln p(truth) minus its mean, over its deviation."""
    logs = np.log(np.maximum(p, FLOOR))
    mean = np.sum(p * logs, axis=1)
    variance = np.sum(p * logs**2, axis=1) - mean**2
    return float(np.sum(np.sum(true * logs, axis=1) - mean) / math.sqrt(np.sum(variance)))


def _reliability(p: FloatArray, true: FloatArray) -> Iterator[Reliability]:
    for low, high in pairwise(BINS):
        inside = (p >= low) & ((p < high) if high < 1.0 else (p <= high))
        q, count = p[inside], int(np.count_nonzero(inside))
        if count:
            error = math.sqrt(float(np.sum(q * (1.0 - q)))) / count
            yield Reliability(low, high, count, float(np.mean(q)), float(np.mean(true[inside])), error)
