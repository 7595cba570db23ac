"""The maximum over all parameters."""

from __future__ import annotations

from nuinfer.inference.profile.likelihood_ratio import log_likelihood
from nuinfer.inference.profile.profile import Profile
from nuinfer.inference.studies.jobs import JobKind, Row, Work, named


def run(work: Work) -> Row:
    """Log-likelihood and every parameter."""
    best = Profile(work.analysis, work.seed).best
    return {"log_likelihood": log_likelihood(work.analysis, best), **named(work.analysis, best.point)}


JOB = JobKind("best_fit", run)
