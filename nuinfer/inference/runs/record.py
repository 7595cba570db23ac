"""``run.json``: what a run was made with, and whether it can go on with what is given now."""

import contextlib
import importlib.metadata
import os
import platform
import tomllib
from collections.abc import Mapping
from typing import Any

from nuinfer import __version__
from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError, NuinferError, RunFolderError
from nuinfer.inference.runs.run import Run
from nuinfer.inference.runs.run_folder import CONFIG_RESOLVED
from nuinfer.inference.work.files import flat
from nuinfer.inference.work.progress import now, this_command
from nuinfer.provenance import commit, software_references

PACKAGES = ("numpy", "scipy", "emcee", "arviz-stats", "matplotlib", "corner", "numba")
FIXED = ("ensembles", "walkers", "seed")  # for the life of a run
SETTINGS = (*FIXED, "target_ess", "max_steps")


def new_record(analysis: Analysis, asked: Mapping[str, Any], command: str | None) -> dict[str, Any]:
    """Record of a run that starts.

    Parameters
    ----------
    analysis : Analysis
        What is sampled.
    asked : mapping
        The settings ``ensembles``, ``walkers``, ``seed``, ``target_ess``, ``max_steps``; None is the analysis' default.
    command : str or None
        The command that started it, by default that of this process.

    Raises
    ------
    ConfigError
        If a setting is not allowed.
    """
    settings = {key: getattr(analysis.sampler, key) if asked.get(key) is None else asked[key] for key in SETTINGS}
    settings["tolerate_nonfinite"] = asked.get("tolerate_nonfinite") or 0
    for key, least in (("ensembles", 1), ("target_ess", 1), ("max_steps", 1), ("seed", 0), ("tolerate_nonfinite", 0)):
        if not settings[key] >= least:
            raise ConfigError(f"{key}: {settings[key]} is not allowed; it must be at least {least}")
    check_walkers(settings["walkers"], len(analysis.parameter_names))
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    copied = ("parameter_names", "term_names", "prior_bounds", "config_hash", "checksums")
    return {
        **settings,
        "complete": False,
        **{key: getattr(analysis, key) for key in copied},
        "simulated_counts": getattr(analysis, "counts", None),
        "simulated_measured": dict(getattr(analysis, "measured", ())),
        "truth": dict(getattr(analysis, "truth", ())),
        "analysis": getattr(analysis, "name", None),
        "references": [*analysis.references(), *software_references(versions)],
        "versions": {"nuinfer": __version__, "python": platform.python_version(), **versions},
        "commit": commit(),
        "device": getattr(analysis.sampler, "device", "cpu"),
        "host": {"platform": f"{platform.system()} {platform.machine()}", "cores": os.cpu_count()},
        "command": this_command() if command is None else command,
        "start": now(),
    }


def resumed_record(old: Run, analysis: Analysis, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Record of a run that goes on: its own, with the targets asked for now.

    Another version of nuinfer may hash the same configuration to something else. The run goes on where what its folder
    says is the same configuration today, and its last log-probabilities are those of today.

    Raises
    ------
    RunFolderError
        If the run was made with another configuration, seed, or number of ensembles or walkers.
    """
    path, record = old.folder, old.record
    if record["config_hash"] != analysis.config_hash and not _is_same_posterior(old, analysis):
        raise RunFolderError(f"{path}: was made with another configuration, {_first_difference(old, analysis)}")
    for key in FIXED:
        if asked.get(key) not in (None, record[key]):
            started = f"was started with {key} = {record[key]}"
            raise RunFolderError(f"{path}: {started}; {asked[key]} is not possible on resume")
    wanted = new_record(analysis, {**asked, **{key: record[key] for key in FIXED}}, None)
    return {**record, **{key: wanted[key] for key in (*SETTINGS, "tolerate_nonfinite", "device")}, "complete": False}


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


def _is_same_posterior(old: Run, analysis: Analysis) -> bool:
    try:
        return Run(old.folder).analysis.config_hash == analysis.config_hash and old.agrees_with(analysis)
    except NuinferError:
        return False


def _first_difference(old: Run, analysis: Analysis) -> str:
    with contextlib.suppress(OSError, tomllib.TOMLDecodeError):
        before = flat(tomllib.loads((old.folder / CONFIG_RESOLVED).read_text()))
        after = flat(tomllib.loads(analysis.config_toml()))
        for key in [*before, *after]:
            if not key.startswith("sampler.") and before.get(key) != after.get(key):
                return f"{key} is {before.get(key, 'absent')!r} there and {after.get(key, 'absent')!r} here"
    of = [
        tuple(map(tuple, counts or ()))
        for counts in (old.record.get("simulated_counts"), getattr(analysis, "counts", None))
    ]
    if of[0] != of[1]:
        there, here = ("counts that were given" if counts else "the observed counts" for counts in of)
        return f"it is of {there} there and of {'others' if all(of) else here} here"
    for name, checksum in old.record.get("checksums", {}).items():
        if analysis.checksums.get(name) != checksum:
            return f"the data file {name} has changed since"
    return f"its hash is {old.record['config_hash']} there and {analysis.config_hash} here"
