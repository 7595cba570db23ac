"""Simulation-based calibration of the whole chain of model, likelihood and sampler.

Parameters are drawn from the prior, data from the model (counts, and the measured values of two-sided constraints; what
else constrains is part of the prior, see `nuinfer.inference.work.simulation`), and the posterior is sampled as a fit
does it. Then the true
value of any quantity is one more draw from its posterior: its rank among the draws is uniform and its pull has mean 0
and variance 1 (Talts et al. 2018, arXiv:1804.06788). The rank of the log-likelihood is among the quantities, because a
posterior that ignores the data passes all the others (Modrak et al. 2023, arXiv:2211.02383).
"""

import math
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Unpack, get_args

import numpy as np
from scipy import ndimage, stats

from nuinfer.analysis import Analysis
from nuinfer.constants import COORDINATES
from nuinfer.errors import ConfigError
from nuinfer.inference.sampling.lockstep import defective_moves
from nuinfer.inference.sampling.short import sample
from nuinfer.inference.work.calls import Call, on_unpickled
from nuinfer.inference.work.files import write_atomic
from nuinfer.inference.work.simulation import draw_data, draw_truths
from nuinfer.inference.work.store import Execution, Question, address, open_store
from nuinfer.likelihood import Counting
from nuinfer.physics.mediator import spelled
from nuinfer.typing import FloatArray

Control = Literal["none", "livetime", "prior", "snooker", "measurements"]
CONTROLS = get_args(Control)
"""What is deliberately wrong: nothing; the data have 1.1 times the livetime; the likelihood is ignored; the proposal is
emcee's released snooker move; measured values of constraints are drawn at the Standard Model instead of the truth."""

PASSED_ABOVE = 0.01  # p-value, divided by the number of tests
MAX_STEPS = 64_000  # of a fit with several modes, which needs them all
TOLERATED = 0.01  # share of the fits that may be left out
DRAWS = 2000  # of each posterior, among which the truth is ranked
REGION_BINS = 24  # per axis, over the draws, of the density that orders the region in (m_Z', g')
LEVELS = (0.68, 0.95)
TABLE = "calibration.md"


@dataclass(frozen=True)
class Setting:
    """What decides the simulations of a calibration.

    Parameters
    ----------
    seed : int
        Root seed; simulation number k uses its own child of it.
    min_ess : float
        Effective sample size that every parameter of a fit has to reach, else the fit is left out.
    control : str
        One of `CONTROLS`.
    steps : int
        Steps of each fit, before it is judged; it goes on while the effective sample size is too small.

    Raises
    ------
    ConfigError
        For an unknown control.
    """

    seed: int = 1504
    min_ess: float = 400.0
    control: Control = "none"
    steps: int = 1000

    def __post_init__(self) -> None:
        if self.control not in CONTROLS:
            raise ConfigError(f"control: '{self.control}' is not allowed; it must be one of {', '.join(CONTROLS)}")


@dataclass(frozen=True)
class Row:
    """Statistics of one quantity over all simulations; errors are those of a calibrated posterior.

    Parameters
    ----------
    name : str
        The quantity.
    pull, pull_error : float
        Mean of (truth - posterior mean)/posterior deviation, 0 if calibrated; NaN for the region, which has no pull.
    dispersion, dispersion_error : float
        Mean square of the rank about 1/2 in units of 1/12: above 1 the posteriors are too narrow.
    p_values : tuple of float
        Of the mean pull, the dispersion and the uniformity of the ranks (Kolmogorov-Smirnov).
    """

    name: str
    pull: float
    pull_error: float
    dispersion: float
    dispersion_error: float
    p_values: tuple[float, float, float]


@dataclass(frozen=True)
class Calibration:
    """The outcome of a calibration.

    Parameters
    ----------
    name : str
        What was calibrated.
    setting : Setting
        Seed, adequacy and control.
    rows : tuple of Row
        One per quantity.
    coverage : mapping
        Level of the region in (m_Z', g') to the fraction of simulations whose truth it holds.
    inadequate : int
        Fits that did not reach the effective sample size and are left out. Data and chains decide that, not the truth,
        so that the ranks of the others stay uniform (Modrak et al. 2023, arXiv:2211.02383).
    ess_min : float
        Smallest effective sample size of the others.
    ranks : mapping
        Quantity to its ranks, shape (simulation,).
    mediator : str
        Its kind, for labels.
    """

    name: str
    setting: Setting
    rows: tuple[Row, ...]
    coverage: Mapping[float, float]
    inadequate: int
    ess_min: float
    ranks: Mapping[str, FloatArray]
    mediator: str

    @property
    def simulations(self) -> int:
        """Number of simulations, without those left out."""
        return len(next(iter(self.ranks.values())))

    @property
    def threshold(self) -> float:
        """Smallest p-value that passes: 0.01 over the number of tests (Bonferroni)."""
        return PASSED_ABOVE / sum(len(row.p_values) for row in self.rows)

    @property
    def failures(self) -> tuple[str, ...]:
        """The quantities with a p-value below the threshold."""
        return tuple(row.name for row in self.rows if min(row.p_values) < self.threshold)

    @property
    def passed(self) -> bool:
        """Whether every test passes, with 1 % of the fits left out at most."""
        return not self.failures and self.inadequate <= TOLERATED * (self.simulations + self.inadequate)

    def markdown(self) -> str:
        """The table of ``calibration.md``."""
        verdict = "passed" if self.passed else f"FAILED ({', '.join(self.failures) or 'inadequate fits'})"
        what = f"control: {self.setting.control}, {self.simulations} simulations, seed {self.setting.seed}"
        lines = [
            f"{self.name}, {what}: {verdict}",
            "",
            "| quantity | mean pull | dispersion of ranks | p (pull) | p (dispersion) | p (uniform) |",
            "|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            p_values = " | ".join(f"{p:.2g}" for p in row.p_values)
            pull = "" if math.isnan(row.pull) else f"{row.pull:+.3f} ± {row.pull_error:.3f}"
            lines.append(f"| `{row.name}` | {pull} | {row.dispersion:.3f} ± {row.dispersion_error:.3f} | {p_values} |")
        lines += ["", f"A p-value passes above {self.threshold:.2g} (Bonferroni)."]
        for level, share in self.coverage.items():
            error = math.sqrt(level * (1.0 - level) / self.simulations)  # if it is right
            region = spelled(f"Region of {level:.0%} in (m_Z', g')", self.mediator)
            lines.append(f"{region}: holds the truth in {share:.3f} ± {error:.3f}.")
        poor = f"{self.inadequate} more, below {self.setting.min_ess:g}, left out"
        lines.append(f"Effective sample size of the fits: at least {self.ess_min:.0f}; {poor}.")
        return "\n".join(lines) + "\n"


def calibrate(
    analysis: Analysis,
    out: str | PathLike[str],
    n: int,
    setting: Setting | None = None,
    name: str = "analysis",
    **execution: Unpack[Execution],
) -> Calibration:
    """Calibrate an analysis with `n` simulations, going on with those that are in the folder already.

    Parameters
    ----------
    analysis : Analysis
        What is calibrated.
    out : path
        Folder; every simulation is stored as it ends.
    n : int
        Number of simulations.
    setting : Setting, optional
        Seed, adequacy and control.
    name : str
        What the table calls it.
    **execution
        See `nuinfer.inference.work.store.Execution`.

    Raises
    ------
    ConfigError
        For less than 2 simulations, or a constraint whose measured value cannot be simulated.
    RunFolderError
        If the folder belongs to something else, is in use or cannot be written.
    """
    setting = setting or Setting()
    if n < 2:
        raise ConfigError(f"simulations: {n} is not allowed; at least 2 are needed")
    draw_data(analysis)  # refuses what cannot be simulated
    settings = {"config_hash": analysis.config_hash, **asdict(setting)}
    pickled = pickle.dumps(analysis)
    calls = [
        Call(address("calibration", settings, k), on_unpickled, (simulate, pickled, setting, k), f"simulation {k}")
        for k in range(n)
    ]
    question = Question("calibration", settings, packages=("numpy", "scipy", "emcee"))
    with open_store(Path(out), question, **execution) as store:
        result = judge(store.do(calls, "simulations"), name, setting)
        write_atomic(store.folder / TABLE, result.markdown().encode())
        store.finish(simulations=n, passed=result.passed)
    return result


def judge(simulations: Sequence[Mapping[str, Any]], name: str, setting: Setting) -> Calibration:
    """Statistics of simulations, as `simulate` returns them."""
    adequate = [one for one in simulations if one["ess"] >= setting.min_ess]
    inadequate = len(simulations) - len(adequate)
    simulations = adequate or simulations
    n = len(simulations)
    pull_error, spread_error = 1.0 / math.sqrt(n), math.sqrt(0.8 / n)
    ranks = {name: np.array([one["rank"][name] for one in simulations]) for name in simulations[0]["rank"]}
    rows = []
    for quantity, rank in ranks.items():
        pull = float(np.mean([one["pull"].get(quantity, math.nan) for one in simulations]))
        spread = float(12.0 * np.mean((rank - 0.5) ** 2))
        scores = 0.0 if math.isnan(pull) else pull / pull_error, (spread - 1.0) / spread_error
        p_pull, p_spread = (2.0 * float(stats.norm.sf(abs(score))) for score in scores)
        p_values = p_pull, p_spread, float(stats.kstest(rank, "uniform").pvalue)
        rows.append(Row(quantity, pull, pull_error, spread, spread_error, p_values))
    coverage = {level: float(np.mean(ranks["region"] < level)) for level in LEVELS} if "region" in ranks else {}
    ess_min = min(float(one["ess"]) for one in simulations)
    mediator = simulations[0].get("mediator", "vector")
    return Calibration(name, setting, tuple(rows), coverage, inadequate, ess_min, ranks, mediator)


def simulate(analysis: Analysis, setting: Setting, index: int) -> dict[str, Any]:
    """One simulation: truth, data, posterior, ranks.

    Parameters
    ----------
    analysis : Analysis
        The model; its own data are not used.
    setting : Setting
        Seed, adequacy and control.
    index : int
        Number of the simulation.

    Returns
    -------
    dict
        ``truth``, ``rank`` and ``pull`` by quantity, ``ess``, ``steps``, ``observed`` (number of events) and
        ``measured`` by constraint.
    """
    fit_seed, seed = np.random.SeedSequence(setting.seed, spawn_key=(index,)).spawn(2)
    rng = np.random.default_rng(seed)
    truth = draw_truths(analysis, 1, rng)
    at = dict(zip(analysis.parameter_names, truth[0].tolist(), strict=True))
    data = draw_data(analysis, at, rng, livetime=1.1 if setting.control == "livetime" else 1.0)
    if setting.control == "measurements":
        densities = (constraint for constraint in analysis.constraints if constraint.is_density)
        data = data._replace(measured={c.name: c.simulated(c.standard_model, rng) for c in densities})
    fitted = analysis.with_observed(*data)
    if setting.control == "prior":
        draws = draw_truths(fitted, DRAWS, rng)
        ess, steps = float(DRAWS), 0
    else:
        draws, ess, steps = _posterior_draws(fitted, int(fit_seed.generate_state(1, np.uint64)[0]), setting)
    true, drawn = _quantities(fitted, truth), _quantities(fitted, draws)
    if all(name in drawn for name in COORDINATES):
        true["region"], drawn["region"] = _density(drawn, true)
    rank = {name: _rank(float(values[0]), drawn[name], rng) for name, values in true.items()}
    if "region" in rank:  # probability content of the region on whose border the truth lies
        rank["region"] = 1.0 - rank["region"]
    moments = {name: (float(np.mean(v)), float(np.std(v))) for name, v in drawn.items() if name != "region"}
    pull = {name: (float(true[name][0]) - mean) / spread for name, (mean, spread) in moments.items() if spread > 0.0}
    known = {"observed": float(data.counts.sum()), "measured": data.measured, "mediator": analysis.mediator}
    return {"truth": at, "rank": rank, "pull": pull, "ess": ess, "steps": steps, **known}


def _posterior_draws(analysis: Analysis, seed: int, setting: Setting) -> tuple[FloatArray, float, int]:
    """Draws of the posterior from one ensemble, the smallest effective sample size, and the steps it took."""
    moves = defective_moves() if setting.control == "snooker" else None
    found = sample(analysis, seed, steps=setting.steps, min_ess=setting.min_ess, max_steps=MAX_STEPS, proposals=moves)
    kept = found.kept.reshape(-1, found.kept.shape[-1])
    return kept[:: max(1, len(kept) // DRAWS)], found.ess, found.verdict.steps


def _quantities(analysis: Analysis, theta: FloatArray) -> dict[str, FloatArray]:
    """What is ranked, each of shape (n,)."""
    log_prob, terms, _ = analysis.evaluate(theta)
    values = {name: theta[:, column] for column, name in enumerate(analysis.parameter_names)}
    values["log_likelihood"] = log_prob - terms[:, analysis.term_names.index("prior")]
    total = "total_counts" if isinstance(analysis.density, Counting) else "total_flux"
    values[total] = analysis.expected_counts(theta).sum(axis=(-2, -1))
    derived = analysis.derived(theta)
    return values | {name: derived[name] for name in ("log10_e_res_gev",) if name in derived}


def _density(drawn: Mapping[str, FloatArray], true: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Smoothed density in the plane of `COORDINATES` at the truth and at the later half of the draws.

    It comes from the other half: a region drawn around the same draws that measure its content would be too small.
    """
    plane = np.stack([drawn[name] for name in COORDINATES])
    point = np.stack([true[name] for name in COORDINATES])
    half = plane.shape[1] // 2
    edges = [np.linspace(axis.min(), axis.max() + 1e-9, REGION_BINS + 1) for axis in np.hstack([plane, point])]
    counts, _ = np.histogramdd(plane[:, :half].T, bins=edges)
    smooth = ndimage.gaussian_filter(counts, 1.0, mode="nearest")

    def at(points: FloatArray) -> FloatArray:
        cells = (np.searchsorted(edge, axis, side="right") - 1 for edge, axis in zip(edges, points, strict=True))
        return np.asarray(smooth[tuple(np.clip(cell, 0, REGION_BINS - 1) for cell in cells)])

    return at(point), at(plane[:, half:])


def _rank(true: float, drawn: FloatArray, rng: np.random.Generator) -> float:
    """Rank of the truth among the draws, in (0, 1), ties broken at random."""
    below, equal = int(np.count_nonzero(drawn < true)), int(np.count_nonzero(drawn == true))
    return float((below + rng.random() * (equal + 1)) / (len(drawn) + 1))
