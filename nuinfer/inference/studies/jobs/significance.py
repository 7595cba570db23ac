"""The likelihood ratio of a Z' against none."""

from __future__ import annotations

from nuinfer.inference.profile.profile import significance
from nuinfer.inference.studies.jobs import JobKind, Row, Work, needs_absorption


def run(work: Work) -> Row:
    """The statistic."""
    return {"q": significance(work.analysis, work.seed)}


JOB = JobKind("significance", run, needs_absorption)
