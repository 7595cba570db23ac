"""The evidence by nested sampling."""

from nuinfer.analysis import Analysis
from nuinfer.inference.evidence.nested import Setting, run_nested
from nuinfer.inference.studies.jobs import JobKind, JobsConfig, Row, Work


def run(work: Work) -> Row:
    """Evidence, its error, and the allowed share of the prior."""
    found = run_nested(work.analysis, work.seed, Setting(live=work.settings.live))
    return {name: getattr(found, name) for name in ("ln_z", "ln_z_error", "ln_allowed", "information", "calls")}


def check(where: str, settings: JobsConfig, analysis: Analysis) -> None:  # noqa: ARG001 - the interface of JobKind
    """Refuse what no worker could do."""
    Setting().ready(f"{where}.task")


JOB = JobKind("odds", run, check)
