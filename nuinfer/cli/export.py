"""Write the chains of a run for GetDist or ArviZ, or the likelihood of an analysis for Cobaya.

nuinfer export chains/hese7 --format getdist
nuinfer export hese7 --format cobaya --set model.source=pgamma
"""

import json
import math
from pathlib import Path

import nuinfer
from nuinfer.cli.command import Arguments, Parser, add, say_written, write
from nuinfer.errors import ConfigError, resolved, shortened


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "source", metavar="RUN", help="a run folder; for cobaya also a preset or a TOML file")
    formats = ("getdist", "netcdf", "cobaya")
    add(parser, "--format", required=True, choices=formats, help="what to write")
    defaults = "RUN/getdist, RUN/posterior.nc, RUN/cobaya.yaml, NAME.cobaya.yaml"
    add(parser, "--out", metavar="PATH", help=f"folder for getdist, else file (default: {defaults})")
    add(parser, "--trust")
    add(parser, "--set", help="for cobaya with a preset or file: change a key, as in model.source=pgamma")


def run(arguments: Arguments) -> int:
    """Write what was asked for and name it."""
    from nuinfer.export import arviz_adapter
    from nuinfer.inference.runs import run_folder

    source, out = Path(arguments.source), Path(arguments.out) if arguments.out else None
    if arguments.set and (arguments.format != "cobaya" or run_folder.is_run(source)):
        only = "only with --format cobaya and a preset or file; a run is what it is"
        raise ConfigError(f"--set {arguments.set[0]}: {only}")
    if arguments.format == "cobaya":
        return say_written(_write_cobaya(source, out, arguments))
    opened = nuinfer.open_run(source, trust=arguments.trust)
    if arguments.format == "getdist":
        return say_written(opened.to_getdist(out))
    path = source / run_folder.POSTERIOR if out is None else out
    return say_written(write(path, arviz_adapter.netcdf(opened.contents())))


def _write_cobaya(source: Path, out: Path | None, arguments: Arguments) -> Path:
    """Write the input; that of a run reads what its folder keeps, wherever Cobaya runs."""
    from nuinfer import cobaya
    from nuinfer.config import own_paths, presets, toml
    from nuinfer.inference.runs import run_folder
    from nuinfer.registry import imported

    yaml = imported("yaml", "the input of Cobaya", "export")
    overrides = list(arguments.set)
    if run_folder.is_run(source):
        record = nuinfer.open_run(source).record
        if record.get("simulated_counts") is not None:
            raise ConfigError(f"{source}: its counts were simulated; from Python, nuinfer.cobaya.info(run.analysis)")
        configuration, path = source / run_folder.CONFIG_RESOLVED, out or source / run_folder.COBAYA
        text = run_folder.checked_configuration(source, record, trust=arguments.trust, kept=True)
        own = {key: shortened(resolved(name), from_here=False) for key, name in own_paths(toml(text)).items()}
        overrides = [f"{key}={json.dumps(name)}" for key, name in own.items()]
    else:
        configuration, path = source, out or Path(f"{source.stem}.cobaya.yaml")
    named = str(configuration)
    if named not in presets():
        named = shortened(resolved(configuration), from_here=False)
    content = cobaya.info(named, overrides) | {"sampler": {"mcmc": {}}}
    return write(path, yaml.safe_dump(content, sort_keys=False, width=math.inf))
