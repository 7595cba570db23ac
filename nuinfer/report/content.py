"""What the page says about a run: what was fitted, with what result, and where everything comes from."""

import contextlib
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.confidence import AS_PRIOR, HPD, HPD_LEVELS, LIMIT, UNCONSTRAINED, credible, percent
from nuinfer.constraints import CONSTRAINTS
from nuinfer.constraints.base import Constraint
from nuinfer.constraints.definition import read_numbers
from nuinfer.detector.folder import FLUX_POINTS
from nuinfer.errors import RunFolderError, shortened
from nuinfer.inference.profile.profile import COUPLING
from nuinfer.inference.runs import run_folder
from nuinfer.inference.runs.run import Run
from nuinfer.inference.runs.sensitivity import WITHOUT, credible_limit
from nuinfer.inference.runs.stored import Nonfinite, read_stored
from nuinfer.inference.runs.summary import NOT_CONVERGED, PRIOR_DRAWS, shortest_interval, unconstrained
from nuinfer.inference.sampling.short import ShortRun
from nuinfer.named import Named
from nuinfer.parameters import Parameter, in_units
from nuinfer.priors import Normal
from nuinfer.provenance import software_references
from nuinfer.report.tables import Cell, Table, escape_latex, interval, joined, number, words

DERIVED_DRAWS = 20_000
LEARNED_NOTHING = words(UNCONSTRAINED), words(AS_PRIOR), words("–")
PROFILE = f"profile {percent(0.95)} CL"
SILENT_SECONDS = 120.0  # a process at work writes its status every few seconds, but not while it judges the chains


def read_summary(run: Run) -> dict[str, Any] | None:
    """The summary of a run, computed from its chains if it has not finished; None if nothing has been sampled.

    Raises
    ------
    RunFolderError
        If a block or the summary is damaged.
    """
    if not run.record.get("complete") and min(run.refresh()) < 1:
        return None
    return run.summary()


# The box at the top ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """In which state a run is, and what its numbers are worth.

    Parameters
    ----------
    level : {"good", "preliminary", "empty"}
        Converged; not converged or not finished; nothing to show yet.
    headline : str
        A few words.
    lines : tuple of str
        Why, and what to do.
    missing : tuple of str
        What convergence lacks.
    warnings : tuple of str
        What the numbers do not say by themselves.
    """

    level: Literal["good", "preliminary", "empty"]
    headline: str
    lines: tuple[str, ...]
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def state_of(run: Run, summary: Mapping[str, Any] | None) -> State:
    """The state of a run.

    Parameters
    ----------
    run : Run
        The run.
    summary : mapping or None
        What `read_summary` gives.
    """
    record, complete = run.record, bool(run.record.get("complete"))
    configuration, folder = shortened(run.folder / run_folder.CONFIG_RESOLVED), shortened(run.folder)
    resume = shlex.join(["nuinfer", "fit", configuration, "--out", folder, "--resume"])
    lines = [] if complete else [*_whereabouts(run), f"Continue with: {resume}"]
    if summary is None:
        return State("empty", "Nothing has been sampled yet", tuple(lines))
    lacking = tuple(text.removeprefix(NOT_CONVERGED) for text in summary["warnings"] if text.startswith(NOT_CONVERGED))
    others = tuple(text for text in summary["warnings"] if not text.startswith(NOT_CONVERGED))
    reached = (
        f"{record['ensembles']} ensembles of {record['walkers']} walkers, {summary['steps']} steps each; "
        f"at least {_shown(summary.get('ess_min'), '.0f')} effective samples of every parameter "
        f"({record['target_ess']:g} asked for), R-hat at most {_shown(summary.get('rhat_max'), '.4f')}"
    )
    if complete and summary["converged"]:
        return State("good", "Converged", (reached,), warnings=others)
    if complete:
        headline = "Not converged: preliminary numbers"
        lines.append(f"The run ended at step {summary['steps']} of at most {record.get('max_steps', '?')}.")
    else:
        headline = (
            "Not finished: preliminary numbers" if summary["converged"] else "Not finished, not converged: preliminary"
        )
    return State("preliminary", headline, (*lines, reached), lacking, others)


def _whereabouts(run: Run) -> list[str]:
    """What is known of a run that has not finished."""
    found = []
    with contextlib.suppress(RunFolderError):  # killed before its first status
        status = run.status
        state, updated = str(status.get("state")), str(status.get("updated"))
        silent = math.inf
        with contextlib.suppress(TypeError, ValueError):
            silent = (datetime.now(UTC) - datetime.fromisoformat(updated)).total_seconds()
        if state == "sampling" and silent < SILENT_SECONDS:
            found.append(f"The run is at work: step {status.get('steps')} of {status.get('target_steps')} so far.")
        elif state == "sampling":
            found.append(f"The run seems to have been killed: its last sign of life is of {updated}.")
        else:
            found.append(f"The run was {'stopped by an error' if state == 'failed' else state} on {updated}.")
    path = run.folder / run_folder.NONFINITE
    if path.exists():
        with contextlib.suppress(RunFolderError):
            broken = read_stored(path, Nonfinite)
            point = ", ".join(f"{name} = {value}" for name, value in broken.get("point", {}).items())
            found.append(f"The term '{broken.get('term')}' of the log-probability is not a number at {point}.")
    return found or ["The run has left no status: it was stopped at its very beginning."]


def _shown(value: float | None, style: str) -> str:
    return "unknown" if value is None or not math.isfinite(value) else format(value, style)


# What was run, with what result ---------------------------------------------------------------------------------------


def events(run: Run, analysis: Analysis) -> str:
    """How many there are of which topology, and above which energy; or how many flux points."""
    simulated = "" if run.record.get("simulated_counts") is None else "simulated, "
    if analysis.dataset.kind == FLUX_POINTS:
        return f"{simulated}{analysis.dataset.described}, in {analysis.dataset.unit} per flavour"
    observed = zip(analysis.topologies, analysis.observed_counts, strict=True)
    counts = ", ".join(f"{row.sum():g} {name}" for name, row in observed)
    return f"{simulated}{counts}, above {analysis.config.data.min_deposited_energy_gev:g} GeV"


def model_keys(analysis: Analysis) -> dict[str, str]:
    """Every key of the ``[model]`` table with its value."""
    table = analysis.config.model.model_dump(exclude_none=True)
    return {key: _plain(value) for key, value in table.items()}


def _plain(value: object) -> str:
    """A value as the configuration writes it, without quotes and the outer brackets."""
    if isinstance(value, tuple):
        return ", ".join(f"[{_plain(each)}]" if isinstance(each, tuple) else _plain(each) for each in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def parameter_table(analysis: Analysis | Named, summary: Mapping[str, Any]) -> Table:
    """Medians, intervals and diagnostics of the sampled parameters."""
    rows = []
    for name, entry in summary["parameters"].items():
        low, high = entry["hpd68"]
        width = high - low or None
        shown = [number(entry["median"], width), *(interval(entry[level], width) for level in ("hpd68", "hpd95"))]
        shown = list(LEARNED_NOTHING) if entry.get("unconstrained") else shown
        ess, rhat = entry["ess"], entry["rhat"]
        quality = [words("–" if ess is None else f"{ess:.0f}"), words("–" if rhat is None else f"{rhat:.4f}")]
        rows.append((Cell(name, analysis.parameter_labels[name]), *shown, *quality))
    head = ("parameter", "median", *HPD, "ESS", "R-hat")
    return Table("Sampled parameters", head, rows, "parameters")


def limit_table(analysis: Analysis | Named, summary: Mapping[str, Any]) -> Table:
    """One-sided limits of the parameters that have one: credible and from the profile likelihood."""
    rows = []
    for name, entry in summary["parameters"].items():
        if limit := entry.get("limit95"):
            of_draws, profile = (_limit(name, limit, limit.get(key)) for key in ("value", "profile"))
            beside = [words("none inside the prior" if "profile" in limit else "not computed")] * 2
            label = Cell(name, analysis.parameter_labels[name])
            rows.append((label, *of_draws, number(limit["prior_floor"]), *(profile or beside)))
    head = ("parameter", credible(0.95), "that is", "edge of the prior", PROFILE, "that is")
    return Table("One-sided limits", head, rows, "limits")


def _limit(name: str, limit: Mapping[str, Any], value: float | None) -> list[Cell]:
    """A limit as it is sampled, and, of a quantity that is sampled in its logarithm, as that quantity."""
    sign = Cell("< ", "$<$ ") if limit["side"] == "upper" else Cell("> ", "$>$ ")
    shown = [] if value is None else [value, *in_units(name, value)[1]]
    return [joined(sign, number(one), "") for one in shown]


def sensitivity_table(
    analysis: Analysis | Named, summary: Mapping[str, Any], left_out: Mapping[str, ShortRun]
) -> Table:
    """What the upper limit on g' hangs on, with the limits of the posteriors that were sampled without a constraint."""
    rows, names = [], analysis.parameter_names
    for case in summary.get("g_prime_upper95", ()):
        again = left_out.get(case["case"].removeprefix(WITHOUT))
        resampled = None if again is None else credible_limit(again.samples[..., names.index(COUPLING)].ravel())
        k = "" if case["pareto_k"] is None else f", Pareto k {case['pareto_k']:.2f}"
        profile = words("none inside the prior") if case["profile"] is None else number(case["profile"])
        rows.append(
            (words(case["case"]), profile, number(case["credible"]), number(resampled), words(case["credible_by"] + k))
        )
    head = ("analysis", PROFILE, credible(0.95), "resampled", "credible one by")
    title = f"Upper limit on g' ({LIMIT.words}), and what it hangs on"
    return Table(analysis.spelled(title), head, rows, "sensitivity", wordy=1)


def derived_table(run: Run, analysis: Analysis | Named) -> Table:
    """Medians and intervals of the derived quantities."""
    samples = run.samples().reshape(-1, len(run.parameter_names))
    derived = analysis.derived(samples[:: max(1, len(samples) // DERIVED_DRAWS)])
    prior = run.analysis.sample_prior(PRIOR_DRAWS, np.random.default_rng(0)) if isinstance(analysis, Analysis) else None
    before = {} if prior is None else analysis.derived(prior)
    ess = float(np.min(run.verdict.ess))
    rows = []
    for name, values in derived.items():
        ends = [shortest_interval(values, probability) for probability in HPD_LEVELS]
        width = None if name == "g_prime" else (ends[0][1] - ends[0][0]) or None  # it spans orders of magnitude
        label = Cell(name, analysis.derived_labels.get(name, escape_latex(name)))
        shown = [number(float(np.median(values)), width), *(interval(pair, width) for pair in ends)]
        if name in before and unconstrained(values, before[name], ess):
            shown = list(LEARNED_NOTHING)
        rows.append((label, *shown))
    head = ("quantity", "median", *HPD)
    return Table("Derived quantities", head, rows, "derived")


# Model and constraints ------------------------------------------------------------------------------------------------


def constraint_table(analysis: Analysis) -> Table:
    """The constraints that acted, with their measurements."""
    rows = []
    for constraint in analysis.constraints:
        measured = constraint.measurement
        observable, value = _measured(constraint)
        names = [words(constraint.name), words(constraint.form.replace("_", "-")), value]
        rows.append((*names, words(observable), words(f"{measured.name}: {measured.citation}")))
    head = ("constraint", "form", "measurement", "of", "reference")
    return Table("External constraints", head, rows, "constraints", wordy=2)


def _measured(constraint: Constraint) -> tuple[str, Cell]:
    """Observable with its unit, and the measured value or limit."""
    known = read_numbers(constraint.name) if constraint.name in CONSTRAINTS.shipped else {}
    own = "g_prime / limit" if constraint.name.startswith("limit_curve.") else "as its file defines it"
    texts = known.get("observable", own), known.get("unit", "1")
    observable, unit = (_which(text, constraint.measurement.name) for text in texts)
    observable += "" if unit == "1" else f", in {unit}"
    mean, sigma = constraint.measurement.mean, constraint.measurement.sigma
    if constraint.is_exclusion or mean is None or sigma is None:
        return observable, joined(Cell("≤", r"$\leq$"), number(constraint.limit))
    return observable, joined(number(mean, sigma), number(sigma, sigma), " ± ")


def _which(text: str, measurement: str) -> str:
    """The part of "this; with NAME: that" which holds for a measurement."""
    usual, _, exception = text.partition("; with ")
    name, _, other = exception.partition(": ")
    return other if name == measurement else usual


def unused_constraints(analysis: Analysis) -> list[str]:
    """Names of the shipped constraints on such a mediator that are off."""
    used, mediator = {c.name for c in analysis.constraints}, analysis.config.model.mediator
    return [name for name, one in CONSTRAINTS.shipped.items() if name not in used and mediator in one.mediators]


def prior_table(analysis: Analysis) -> Table:
    """Priors and fixed values."""
    rows = [(Cell(p.name, p.label), words(_prior(p))) for p in analysis.space.parameters]
    return Table("Priors and fixed values", ("parameter", "prior"), rows, "priors", wordy=1)


def _prior(parameter: Parameter) -> str:
    prior = parameter.prior
    if prior is None:
        return f"fixed to {parameter.centre:g}"
    cuts = [f"{word} {end:g}" for word, end in (("from", prior.low), ("up to", prior.high)) if np.isfinite(end)]
    shape = f"{prior.mean:g} ± {prior.sigma:g}" if isinstance(prior, Normal) else ""
    return ", ".join(text for text in (type(prior).__name__.lower(), shape, " ".join(cuts)) if text)


# Where it comes from --------------------------------------------------------------------------------------------------


def references(run: Run, analysis: Analysis) -> list[str]:
    """Everything to be cited: what the record names, and what this version would add to it."""
    software = software_references(run.record.get("versions", {}))
    return list(dict.fromkeys([*run.record.get("references", []), *analysis.references(), *software]))


def differing_files(run: Run, analysis: Analysis) -> list[str]:
    """Data files that have changed since the run."""
    before, here = run.record.get("checksums", {}), analysis.checksums
    return sorted(name for name in {*before, *here} if before.get(name) != here.get(name))
