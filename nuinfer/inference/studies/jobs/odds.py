"""The evidence by nested sampling."""

from __future__ import annotations

from nuinfer.inference.evidence.nested import Setting, run_nested
from nuinfer.inference.studies.jobs import JobKind, Row, Work


def run(work: Work) -> Row:
    """Evidence, its error, and the allowed share of the prior."""
    found = run_nested(work.analysis, work.seed, Setting(live=work.settings.live))
    return {name: getattr(found, name) for name in ("ln_z", "ln_z_error", "ln_allowed", "information", "calls")}


JOB = JobKind("odds", run)
