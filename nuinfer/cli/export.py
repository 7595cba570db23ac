"""``nuinfer export``: chains for GetDist and ArviZ, the likelihood for Cobaya."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nuinfer.cli import options
from nuinfer.cli.terminal import OK, Command, say_written
from nuinfer.errors import ConfigError

FORMATS = ("getdist", "netcdf", "cobaya")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("source", metavar="RUN", help="a run folder; for cobaya also a preset or a TOML file")
    parser.add_argument("--format", required=True, choices=FORMATS, help="what to write")
    out_help = (
        "folder for getdist, else file (default: RUN/getdist, RUN/posterior.nc, RUN/cobaya.yaml, NAME.cobaya.yaml)"
    )
    parser.add_argument("--out", metavar="PATH", help=out_help)
    options.add_set(parser, "for cobaya with a preset or file: change a key, as in model.source=pgamma")


def run(arguments: argparse.Namespace) -> int:
    """Write what was asked for and name it."""
    from nuinfer.inference.runs.run_folder import is_run

    source, out = Path(arguments.source), Path(arguments.out) if arguments.out else None
    if arguments.set and (arguments.format != "cobaya" or is_run(source)):
        raise ConfigError(
            f"--set {arguments.set[0]}: only with --format cobaya and a preset or file; a run is what it is"
        )
    if arguments.format == "cobaya":
        written = _write_cobaya(source, out, arguments.set)
    else:
        written = _write_chains(source, out, arguments.format)
    say_written(written)
    return OK


def _write_chains(source: Path, out: Path | None, what: str) -> Path:
    from nuinfer.export import arviz_adapter
    from nuinfer.inference.runs.run import open_run
    from nuinfer.inference.runs.run_folder import POSTERIOR
    from nuinfer.inference.work import files

    opened = open_run(source)
    if what == "getdist":
        return opened.to_getdist(out)
    path = source / POSTERIOR if out is None else out
    files.make_folder(path.parent)
    arviz_adapter.write_netcdf(opened.to_arviz(), path)
    return path


def _write_cobaya(source: Path, out: Path | None, overrides: list[str]) -> Path:
    from nuinfer import cobaya
    from nuinfer.config import presets
    from nuinfer.inference.runs import run_folder
    from nuinfer.inference.work import files

    if run_folder.is_run(source):
        if files.read_json(source / run_folder.RECORD).get("simulated_counts") is not None:
            raise ConfigError(f"{source}: its counts were simulated; from Python, nuinfer.cobaya.info(run.analysis)")
        configuration, path = source / run_folder.CONFIG_RESOLVED, out or source / run_folder.COBAYA
    else:
        configuration, path = source, out or Path(f"{source.stem}.cobaya.yaml")
    if str(configuration) not in presets():
        configuration = configuration.resolve()  # Cobaya may run from anywhere
    content: dict[str, Any] = cobaya.info(str(configuration), overrides) | {"sampler": {"mcmc": {}}}
    files.make_folder(path.parent)
    files.write_atomic(path, (cobaya.yaml_text(content) + "\n").encode())
    return path


COMMAND = Command(
    "write the chains of a run for GetDist or ArviZ, or the likelihood of an analysis for Cobaya", add_options, run
)
