"""The likelihood ratio of a Z' against none."""

from __future__ import annotations

from nuinfer.inference.profile.profile import significances
from nuinfer.inference.studies.jobs import JobKind, Row, Works, needs_absorption


def run_all(works: Works) -> list[Row]:
    """The statistic."""
    return [{"q": q} for q in significances(works.analysis, works.data, works.seed).tolist()]


JOB = JobKind("significance", check=needs_absorption, run_all=run_all)
