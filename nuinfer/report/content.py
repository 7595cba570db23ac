"""What the page says about a run: what was fitted, with what result, and where everything comes from."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nuinfer.constraints import CONSTRAINTS
from nuinfer.constraints.base import Constraint
from nuinfer.constraints.definition import read_numbers
from nuinfer.inference.runs import run_folder
from nuinfer.inference.runs.run import Run
from nuinfer.inference.runs.summary import shortest_interval
from nuinfer.parameters import Parameter
from nuinfer.priors import Normal
from nuinfer.provenance import software_references
from nuinfer.report.tables import Cell, Table, escape_latex, interval, joined, number, words

if TYPE_CHECKING:
    from nuinfer.analysis import Analysis

DERIVED_DRAWS = 20_000
LIMIT_SIGNS = {"upper": Cell("< ", "$<$ "), "lower": Cell("> ", "$>$ ")}


def setting(run: Run, analysis: Analysis) -> list[tuple[str, str]]:
    """What was run, as names and values."""
    record, config, dataset = run.record, analysis.config, analysis.dataset
    observed = analysis.observed_counts
    counts = ", ".join(f"{row.sum():g} {name}" for name, row in zip(analysis.topologies, observed, strict=True))
    simulated = record.get("simulated_counts") is not None
    rows = [
        ("preset or file", record.get("analysis")),
        ("command", record.get("command")),
        ("data set", f"{config.data.dataset}: {dataset.title}"),
        ("events", f"{'simulated, ' if simulated else ''}{counts}, above {config.data.min_deposited_energy_gev:g} GeV"),
        ("source hypothesis", f"{config.model.source}, {config.model.spectrum}, evolution {config.model.evolution}"),
        ("started", record.get("start")),
        ("ended", record.get("end") if record.get("complete") else "not yet"),
    ]
    return [(name, str(value)) for name, value in rows if value is not None]


def model_keys(analysis: Analysis) -> list[tuple[str, str]]:
    """Every key of the ``[model]`` table with its value."""
    table = analysis.config.model.model_dump(exclude_none=True)
    return [(key, _plain(value)) for key, value in table.items()]


def _plain(value: object) -> str:
    """A value as the configuration writes it, without brackets and quotes."""
    if isinstance(value, tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def parameter_table(analysis: Analysis, summary: Mapping[str, Any]) -> Table:
    """Medians, intervals and diagnostics of the sampled parameters."""
    rows = []
    for name, entry in summary["parameters"].items():
        low, high = entry["hpd68"]
        width = high - low or None
        shown = [number(entry["median"], width), interval(entry["hpd68"], width), interval(entry["hpd95"], width)]
        ess, rhat = entry["ess"], entry["rhat"]
        quality = [words("–" if ess is None else f"{ess:.0f}"), words("–" if rhat is None else f"{rhat:.4f}")]
        rows.append((Cell(name, analysis.parameter_labels[name]), *shown, *quality))
    head = ("parameter", "median", "68 % HPD", "95 % HPD", "ESS", "R-hat")
    return Table("Sampled parameters", head, tuple(rows), "parameters")


def limit_table(analysis: Analysis, summary: Mapping[str, Any]) -> Table | None:
    """One-sided limits of the parameters that have one: credible and from the profile likelihood."""
    rows = []
    for name, entry in summary["parameters"].items():
        limit = entry.get("limit95")
        if limit is None:
            continue
        sign = LIMIT_SIGNS[limit["side"]]
        profile = limit.get("profile")
        beside = [words("none inside the prior" if "profile" in limit else "not computed")] * 2
        if profile is not None:
            beside = [joined(sign, cell, "") for cell in (number(profile), _physical(name, profile))]
        credible = [joined(sign, cell, "") for cell in (number(limit["value"]), _physical(name, limit["value"]))]
        label = Cell(name, analysis.parameter_labels[name])
        rows.append((label, *credible, number(limit["prior_floor"]), *beside))
    head = ("parameter", "95 % limit", "that is", "edge of the prior", "profile likelihood", "that is")
    return Table("One-sided limits", head, tuple(rows), "limits") if rows else None


def _physical(name: str, value: float) -> Cell:
    """The value of a quantity that is sampled in its logarithm."""
    return number(10.0**value) if name.startswith("log10_") else number(value)


def derived_table(run: Run, analysis: Analysis) -> Table | None:
    """Medians and intervals of the derived quantities."""
    samples = run.samples().reshape(-1, len(run.parameter_names))
    derived = analysis.derived(samples[:: max(1, len(samples) // DERIVED_DRAWS)])
    rows = []
    for name, values in derived.items():
        ends = [shortest_interval(values, probability) for probability in (0.68, 0.95)]
        width = None if name == "g_prime" else (ends[0][1] - ends[0][0]) or None  # it spans orders of magnitude
        label = Cell(name, analysis.derived_labels.get(name, escape_latex(name)))
        rows.append((label, number(float(np.median(values)), width), *(interval(pair, width) for pair in ends)))
    head = ("quantity", "median", "68 % HPD", "95 % HPD")
    return Table("Derived quantities", head, tuple(rows), "derived") if rows else None


def constraint_table(analysis: Analysis) -> Table | None:
    """The constraints that acted, with their measurements."""
    rows = []
    for constraint in analysis.constraints:
        measured = constraint.measurement
        observable, value = _measured(constraint)
        names = [words(constraint.name), words(constraint.form.replace("_", "-")), value]
        rows.append((*names, words(observable), words(f"{measured.name}: {measured.reference}")))
    head = ("constraint", "form", "measurement", "of", "reference")
    return Table("External constraints", head, tuple(rows), "constraints", wordy=2) if rows else None


def _measured(constraint: Constraint) -> tuple[str, Cell]:
    """Observable with its unit, and the measured value or limit."""
    known = read_numbers(constraint.name) if constraint.name in CONSTRAINTS.shipped else {}
    known = {
        key: _which(text, constraint.measurement.name) for key, text in known.items() if key in ("observable", "unit")
    }
    unit = known.get("unit", "1")
    own = "g_prime / limit" if constraint.name.startswith("limit_curve.") else "as its file defines it"
    observable = known.get("observable", own) + ("" if unit == "1" else f", in {unit}")
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
    """Names of the shipped constraints that are off."""
    return [name for name in CONSTRAINTS.shipped if name not in {c.name for c in analysis.constraints}]


def prior_table(analysis: Analysis) -> Table:
    """Priors and fixed values."""
    rows = tuple((Cell(p.name, p.label), words(_prior(p))) for p in analysis.space.parameters)
    return Table("Priors and fixed values", ("parameter", "prior"), rows, "priors", wordy=1)


def _prior(parameter: Parameter) -> str:
    prior = parameter.prior
    if prior is None:
        return f"fixed to {parameter.centre:g}"
    cuts = [f"{word} {end:g}" for word, end in (("from", prior.low), ("up to", prior.high)) if np.isfinite(end)]
    shape = f"{prior.mean:g} ± {prior.sigma:g}" if isinstance(prior, Normal) else ""
    return ", ".join(text for text in (type(prior).__name__.lower(), shape, " ".join(cuts)) if text)


def references(run: Run, analysis: Analysis) -> list[str]:
    """Everything to be cited: what the record names, and what this version would add to it."""
    software = software_references(run.record.get("versions", {}))
    return list(dict.fromkeys([*run.record.get("references", []), *analysis.references(), *software]))


def provenance(run: Run) -> list[tuple[str, str]]:
    """Seed, machine, versions and hash."""
    record = run.record
    host = record.get("host", {})
    rows = [("seed", record.get("seed")), ("configuration hash", record.get("config_hash"))]
    rows += [("machine", f"{host['platform']}, {host.get('cores')} cores")] if "platform" in host else []
    return [(name, str(value)) for name, value in (*rows, *record.get("versions", {}).items())]


def changed_since(run: Run, analysis: Analysis) -> str | None:
    """What to say if the analysis that is rebuilt here is not the one that was sampled."""
    if run.record["config_hash"] == analysis.config_hash:
        return None
    before, here = run.record.get("checksums", {}), analysis.checksums
    names = sorted(name for name in {*before, *here} if before.get(name) != here.get(name))
    what = f"data files that differ: {', '.join(names)}" if names else "the package has changed since"
    text = "The analysis that is rebuilt here is not the one that was sampled"
    return f"{text} ({what}). Chains and summary are those of the run; what needs the model is of today."


def how_to_repeat(run: Run) -> str:
    """Commands that repeat the run and this page from the configuration below."""
    record = run.record
    versions = ", ".join(f"{name} {version}" for name, version in record.get("versions", {}).items())
    options = {"seed": "--seed", "ensembles": "--ensembles"}
    settings = [word for key, option in options.items() for word in (option, str(record[key]))]
    fit = shlex.join(["nuinfer", "fit", run_folder.CONFIG_RESOLVED, *settings, "--out", "repeated"])
    lines = [f"# with {versions}", "# save the configuration below as " + run_folder.CONFIG_RESOLVED, fit]
    if record.get("simulated_counts") is not None:
        lines[2] = "# the counts were simulated: fit them with nuinfer.load(...).with_observed(counts of run.json)"
    return "\n".join([*lines, "nuinfer report repeated"])
