"""The public names, their arguments and the options of the commands are those that are written down.

A change that is meant is written down with ``python tests/test_public_names.py``, and CHANGELOG.md says so.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import nuinfer
from nuinfer.cli import build_parser

SNAPSHOT = Path(__file__).with_suffix(".json")

ANALYSIS = (
    *("prior_transform", "sample_prior", "log_prior", "log_likelihood", "log_exclusion", "log_prob", "log_terms"),
    *("expected_counts", "evaluate", "predict", "point", "theta", "with_overrides", "with_observed"),
)
CALLABLES = (
    *("load", "best_fit", "simulate", "fit", "compare", "open_run", "forecast", "forecast_band"),
    *("open_campaign", "open_executor", "run_campaign"),
    *(f"Analysis.{name}" for name in ANALYSIS),
    *(f"Run.{name}" for name in ("samples", "log_prob", "log_terms", "summary", "to_arviz", "to_getdist")),
    *("cobaya.likelihood", "cobaya.info", "plotting.plot", "plotting.save_all", "report.write_report"),
    *("datafiles.seal", "constraints.base.Constraint", "constraints.base.Measurement"),
    *(f"flux.{name}_at_earth" for name in ("flux", "transition", "depths")),
    "flux.unabsorbed_flux",
    "physics.mixing.Mixing",
    "physics.masses.neutrino_masses_ev",
    "physics.cosmology.Cosmology",
    "physics.mediator.Mediator",
    "physics.cross_sections.total_cm2",
    "physics.cross_sections.daughters",
    "physics.absorption.resonance_redshift",
    "physics.absorption.optical_depth",
    "physics.absorption.degenerate_transition",
    "physics.absorption.split_transition",
    "physics.absorption.thermal_optical_depth",
    "physics.propagation.flavour_at_earth",
    "physics.propagation.species_at_earth",
    "constraints.muon_g2.delta_a_mu",
    "constraints.borexino.kinetic_mixing",
    "constraints.borexino.flavours",
    "constraints.borexino.rate_ratio",
    "constraints.borexino.paper_limit",
    "constraints.neff.delta_neff_paper",
    "constraints.neff.delta_neff",
    "constraints.trident.rate_ratio",
    "constraints.sn1987a.width_factor",
    "constraints.sn1987a.mean_free_path_cm",
    "constraints.sn1987a.diffusion_time_s",
)


def snapshot():
    """Everything that is public, as JSON holds it."""
    return {
        "names": list(nuinfer.__all__),
        "arguments": {name: arguments(resolved(name)) for name in CALLABLES},
        "commands": {name: options(parser) for name, parser in commands().items()},
    }


def resolved(name):
    """What a dotted name below `nuinfer` is."""
    *path, last = name.split(".")
    if path and not path[0][0].isupper():
        return getattr(importlib.import_module(".".join(["nuinfer", *path])), last)
    found = nuinfer
    for part in (*path, last):
        found = getattr(found, part)
    return found


def arguments(function):
    """Arguments in order; ``*`` before those that are given by name, and defaults that are plain values."""
    found = []
    for parameter in inspect.signature(function).parameters.values():
        named_only = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if named_only and "*" not in found:
            found.append("*")
        default = parameter.default
        plain = default is None or isinstance(default, bool | int | float | str | tuple)
        shown = "" if default is inspect.Parameter.empty else f"={default!r}" if plain else "=..."
        found.append(str(parameter).split(":")[0].split("=")[0].strip() + shown)
    return [text for text in found if text != "self"]


def commands():
    (subparsers,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return subparsers.choices


def options(parser):
    """Option strings or the name of each argument, with choices and default."""
    found = {}
    for action in parser._actions:
        if action.dest != "help":
            shown = [f"choices {list(action.choices)}"] if action.choices else []
            shown += [] if action.default in (None, argparse.SUPPRESS) else [f"default {action.default!r}"]
            found[" ".join(action.option_strings) or action.dest] = ", ".join(shown)
    return found


def test_public_names_arguments_and_options_are_those_written_down():
    today = snapshot()
    written = json.loads(SNAPSHOT.read_text())
    for kind, entries in written.items():
        assert today[kind] == entries, f"{kind} changed: if that is meant, python {Path(__file__).name} writes it down"
    assert today.keys() == written.keys()


def test_every_public_name_is_there_and_only_imported_when_it_is_used():
    code = "import sys, nuinfer; print([m for m in sys.modules if m.startswith('nuinfer.')])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
    assert set(nuinfer.__all__) <= set(dir(nuinfer))
    for name in nuinfer.__all__:
        assert getattr(nuinfer, name).__name__ == name
    assert sorted(name for names in nuinfer._HOMES.values() for name in names) == sorted(nuinfer.__all__)


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(snapshot(), indent=1) + "\n")
