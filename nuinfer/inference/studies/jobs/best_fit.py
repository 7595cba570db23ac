"""The maximum over all parameters."""

from __future__ import annotations

from nuinfer.inference.profile.profile import log_likelihood
from nuinfer.inference.profile.search import best_fit
from nuinfer.inference.studies.jobs import JobKind, Row, Work, named


def run(work: Work) -> Row:
    """Log-likelihood and every parameter."""
    best = best_fit(work.analysis, work.seed)
    return {"log_likelihood": log_likelihood(work.analysis, best), **named(work.analysis, best.theta)}


JOB = JobKind("best_fit", run)
