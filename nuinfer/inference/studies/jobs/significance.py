"""The likelihood ratio of a Z' against none."""

from nuinfer.inference.profile.profile import significances
from nuinfer.inference.studies.jobs import JobKind, Row, Works, found_at, needs_absorption


def run_all(works: Works) -> list[Row]:
    """The statistic, and where the Z' is."""
    found = significances(works.analysis, works.data, works.seed)
    return [{"q": q, **found_at(works.analysis, best.theta)} for q, best in found]


JOB = JobKind("significance", check=needs_absorption, run_all=run_all)
