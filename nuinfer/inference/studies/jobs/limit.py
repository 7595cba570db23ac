"""A limit on one parameter by profile likelihood."""

from __future__ import annotations

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.profile import Profile, log_likelihood
from nuinfer.inference.studies.jobs import JobKind, JobsConfig, Row, Work, named


def run(work: Work) -> Row:
    """The limit, None where nothing inside the prior is excluded, and the best fit."""
    profile = Profile(work.analysis, work.seed)
    limit = profile.limit(work.settings.parameter, work.settings.side, work.settings.level)
    best = profile.best  # after the limit: on its way a better one may turn up
    return {"limit": limit, "log_likelihood": log_likelihood(work.analysis, best), **named(work.analysis, best.theta)}


def check(where: str, settings: JobsConfig, analysis: Analysis) -> None:
    """Refuse a parameter that is not sampled."""
    if settings.parameter not in analysis.parameter_names:
        known = ", ".join(analysis.parameter_names)
        raise ConfigError(f"{where}.parameter: '{settings.parameter}' is not one of {known}")


JOB = JobKind("limit", run, check)
