"""What the page says about a run: what was fitted, with what result, and where everything comes from."""

import contextlib
import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from markupsafe import Markup, escape

from nuinfer.analysis import Analysis
from nuinfer.confidence import AS_PRIOR, HPD, HPD_LEVELS, LIMIT, PROFILE, UNCONSTRAINED, credible
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
from nuinfer.inference.runs.summary import NOT_CONVERGED, PRIOR_DRAWS, in_one_sentence, shortest_interval, unconstrained
from nuinfer.inference.sampling.short import ShortRun
from nuinfer.inference.work.progress import GOES_ON, silence
from nuinfer.named import Named
from nuinfer.parameters import LOG10, PARAMETERS, Parameter, in_units
from nuinfer.plotting.energies import GEV_PER_TEV
from nuinfer.priors import Normal
from nuinfer.provenance import software_references
from nuinfer.report.tables import Cell, Table, interval, joined, label_in_units, number, powers, symbol, words

DERIVED_DRAWS = 20_000
LEARNED_NOTHING = words(UNCONSTRAINED), words(AS_PRIOR), words("–")
_AS_MATHEMATICS = {"m_Z'": "m_{Z'}", "m_phi": r"m_\phi", "g'": "g'", "g": "g"}


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


def result(analysis: Analysis | Named, summary: Mapping[str, Any]) -> Markup:
    """What the run says, in one sentence, its numbers and symbols as they are printed."""
    text = analysis.spelled(in_one_sentence(summary)).removeprefix("Result: ").replace("'", "\u2032")
    names = {in_units(name)[0] for name in summary["parameters"]}
    html = str(escape(text if text.split()[0] in names else text[:1].upper() + text[1:]))
    for name in summary["parameters"]:
        parts = re.split(rf"\b{in_units(name)[0]}\b", html)
        html = str(_symbol(analysis, name).text).join(parts)
    return Markup(re.sub(r"(\d)e-0*(\d+)", "\\1 \u00d7 10<sup>\u2212\\2</sup>", html))  # noqa: S704 - escaped


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
        state, updated = status["state"], status["updated"]
        if silence(status):
            found.append(f"The run seems to have been killed: its last sign of life is of {updated}.")
        elif state in GOES_ON:
            found.append(f"The run is at work: step {status.get('steps')} of {status.get('target_steps')} so far.")
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
    counts = ", ".join(f"{row.sum():g} {name.replace('_', ' ')}" for name, row in observed)
    return f"{simulated}{counts} events above {analysis.config.data.min_deposited_energy_gev / GEV_PER_TEV:g} TeV"


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


def _symbol(analysis: Analysis | Named, name: str) -> Cell:
    """A parameter as the quantity itself, with its unit."""
    known = PARAMETERS.get(name)
    return symbol(label_in_units(analysis.parameter_labels[name]), known.unit if known else "", name)


def parameter_table(analysis: Analysis | Named, summary: Mapping[str, Any]) -> Table:
    """Medians, intervals and diagnostics of the sampled parameters, as the quantities themselves."""
    rows = []
    for name, entry in summary["parameters"].items():
        shown = _shown_of(name, entry["median"], [entry["hpd68"], entry["hpd95"]])
        shown = list(LEARNED_NOTHING) if entry.get("unconstrained") else shown
        ess, rhat = entry["ess"], entry["rhat"]
        quality = [words("–" if ess is None else f"{ess:.0f}"), words("–" if rhat is None else f"{rhat:.4f}")]
        rows.append((_symbol(analysis, name), *shown, *quality))
    head = ("parameter", "median", *HPD, "ESS", "R-hat")
    return Table("Sampled parameters", head, rows, "parameters")


def _shown_of(name: str, median: float, ends: Sequence[Sequence[float]]) -> list[Cell]:
    """Median and intervals to the digits that are known, undone where they are those of a logarithm."""
    middle, *pairs = (in_units(name, *values)[1] for values in ((median,), *ends))
    width = abs(pairs[0][1] - pairs[0][0]) or None
    if name.startswith(LOG10) and 10.0 * pairs[0][0] < pairs[0][1]:
        width = None  # it spans orders of magnitude
    return [number(middle[0], width), *(interval(pair, width) for pair in pairs)]


def limit_table(analysis: Analysis | Named, summary: Mapping[str, Any]) -> Table:
    """One-sided limits of the parameters that have one: credible and from the profile likelihood."""
    rows = []
    for name, entry in summary["parameters"].items():
        if limit := entry.get("limit95"):
            sign = Cell("< ", "$<$ ") if limit["side"] == "upper" else Cell("> ", "$>$ ")
            of_draws, edge = (number(value) for value in in_units(name, limit["value"], limit["prior_floor"])[1])
            profile = words("none inside the prior" if "profile" in limit else "not computed")
            if limit.get("profile") is not None:
                profile = joined(sign, number(in_units(name, limit["profile"])[1][0]), "")
            rows.append((_symbol(analysis, name), joined(sign, of_draws, ""), profile, edge))
    head = ("parameter", credible(0.95), PROFILE, "edge of the prior")
    return Table("One-sided limits", head, rows, "limits")


def sensitivity_table(
    analysis: Analysis | Named, summary: Mapping[str, Any], left_out: Mapping[str, ShortRun]
) -> Table:
    """What the upper limit on g' hangs on, with the limits of the posteriors that were sampled without a constraint."""
    rows, names = [], analysis.parameter_names
    labels = {c.name: c.label or c.name for c in analysis.constraints} if isinstance(analysis, Analysis) else {}
    for case in summary.get("g_prime_upper95", ()):
        left = case["case"].removeprefix(WITHOUT)
        again = left_out.get(left)
        resampled = None if again is None else credible_limit(again.samples[..., names.index(COUPLING)].ravel())
        k = "" if case["pareto_k"] is None else f", Pareto k {case['pareto_k']:.2f}"
        profile = words("none inside the prior") if case["profile"] is None else number(case["profile"])
        typeset = re.sub(r"m_Z'|m_phi|\bg'?(?= )", lambda found: f"${_AS_MATHEMATICS[found[0]]}$", case["case"])
        what = symbol(WITHOUT + labels[left], code=left) if left in labels else symbol(typeset)
        rows.append((what, profile, number(case["credible"]), number(resampled), words(case["credible_by"] + k)))
    head = ("analysis", PROFILE, credible(0.95), "resampled", "credible one by")
    title = f"Upper limit on g\u2032 ({LIMIT.words}), and what it hangs on"
    return Table(analysis.spelled(title), head, rows, "sensitivity", wordy=1)


def derived_table(run: Run, analysis: Analysis | Named, summary: Mapping[str, Any]) -> Table:
    """Medians and intervals of the derived quantities that are not a sampled parameter already."""
    samples = run.samples().reshape(-1, len(run.parameter_names))
    derived = analysis.derived(samples[:: max(1, len(samples) // DERIVED_DRAWS)])
    prior = run.analysis.sample_prior(PRIOR_DRAWS, np.random.default_rng(0)) if isinstance(analysis, Analysis) else None
    before = {} if prior is None else analysis.derived(prior)
    ess, known = float(summary["ess_min"] or 1.0), {in_units(name)[0] for name in run.parameter_names}
    rows = []
    for name, values in derived.items():
        if name in known:
            continue
        shown = _shown_of(name, float(np.median(values)), [shortest_interval(values, level) for level in HPD_LEVELS])
        if name in before and unconstrained(values, before[name], ess):
            shown = list(LEARNED_NOTHING)
        rows.append((symbol(label_in_units(analysis.derived_labels.get(name, name)), code=name), *shown))
    head = ("quantity", "median", *HPD)
    return Table("Derived quantities", head, rows, "derived")


# Model and constraints ------------------------------------------------------------------------------------------------


def constraint_table(analysis: Analysis) -> Table:
    """The constraints that acted, with their measurements."""
    rows = []
    for constraint in analysis.constraints:
        measured = constraint.measurement
        observable, value = _measured(constraint)
        label = symbol(constraint.label or constraint.name, code=constraint.name)
        form = constraint.form.replace("_", "-") + ", order-of-magnitude estimate" * constraint.estimate
        rows.append((label, value, powers(observable), words(form), words(f"{measured.short} ({measured.name})")))
    head = ("constraint", "measured", "of", "form", "measurement")
    return Table("External constraints", head, rows, "constraints", wordy=3)


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
    rows = [
        (symbol(label_in_units(p.label), getattr(PARAMETERS.get(p.name), "unit", ""), p.name), words(_prior(p)))
        for p in analysis.space.parameters
    ]
    return Table("Priors and fixed values", ("parameter", "prior"), rows, "priors", wordy=1)


def _prior(parameter: Parameter) -> str:
    """A prior in words, its ends as those of the quantity itself."""
    prior, name = parameter.prior, parameter.name
    if prior is None:
        return f"fixed to {in_units(name, parameter.centre)[1][0]:g}"
    ends = zip(("from", "up to"), (prior.low, prior.high), strict=True)
    cuts = [f"{word} {in_units(name, end)[1][0]:.3g}" for word, end in ends if np.isfinite(end)]
    shape = f"{prior.mean:g} ± {prior.sigma:g}" if isinstance(prior, Normal) else ""
    kind = type(prior).__name__.lower() + " in the logarithm to base 10" * name.startswith(LOG10)
    return ", ".join(text for text in (kind, shape, " ".join(cuts)) if text)


# Where it comes from --------------------------------------------------------------------------------------------------


def references(run: Run, analysis: Analysis | Named) -> list[str]:
    """Everything to be cited: what the record names, and what this version would add to it."""
    software = software_references(run.record.get("versions", {}))
    added = [*analysis.references(), *software] if isinstance(analysis, Analysis) else []
    return [*run.record.get("references", []), *added]


def merged(references: Iterable[str], whole: Iterable[str] = ()) -> dict[str, list[str]]:
    """Citation to what it is cited for, each once; those that are `whole` do not begin with that.

    Examples
    --------
    >>> merged(["mediator vector: A and B, arXiv:1504.00711", "neff, prediction: A and B, arXiv:1504.00711", "C"])
    {'A and B, arXiv:1504.00711': ['mediator vector', 'neff, prediction'], 'C': []}
    """
    found: dict[str, list[str]] = {}
    for reference in dict.fromkeys(references):
        what, _, citation = ("", "", "") if reference in whole else reference.partition(": ")
        found.setdefault(citation or reference, []).extend([what] if citation else [])
    return found


def differing_files(run: Run, analysis: Analysis) -> list[str]:
    """Data files that have changed since the run."""
    before, here = run.record.get("checksums", {}), analysis.checksums
    return sorted(name for name in {*before, *here} if before.get(name) != here.get(name))
