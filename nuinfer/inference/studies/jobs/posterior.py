"""The whole fit, in a run folder like any other."""

from typing import Any

from nuinfer.inference.sampling.fit import fit
from nuinfer.inference.studies.jobs import JobKind, Row, Work
from nuinfer.inference.work.calls import Inline
from nuinfer.inference.work.files import make_folder


def run(work: Work) -> Row:
    """State of the chains, median and intervals of every quantity; a fit that was killed goes on."""
    make_folder(work.folder.parent)
    options: dict[str, Any] = {"progress": False, "executor": Inline(), "command": "nuinfer campaign"}
    summary = fit(work.analysis, work.folder, resume=True, seed=work.seed, **options).summary()
    row: Row = {name: summary[name] for name in ("converged", "steps", "ess_min", "rhat_max")}
    parameters = summary["parameters"].items()
    row["median"] = {name: entry["median"] for name, entry in parameters}
    for level in ("hpd68", "hpd95"):
        for k, end in enumerate(("low", "high")):
            row[f"{level}_{end}"] = {name: entry[level][k] for name, entry in parameters}
    return row


JOB = JobKind("posterior", run)
