"""A limit on one parameter by profile likelihood."""

import math

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.profile import Profile, log_likelihood
from nuinfer.inference.studies.jobs import JobKind, JobsConfig, Row, Works, found_at


def run_all(works: Works) -> list[Row]:
    """The limit, None where nothing inside the prior is excluded, and the best fit."""
    analysis, settings = works.analysis, works.settings
    profile = Profile(analysis, works.seed, data=works.data)
    limits = profile.limits(settings.parameter, settings.side, settings.level).tolist()
    return [
        {"limit": None if math.isnan(limit) else limit, "log_likelihood": log_likelihood(analysis, best)}
        | found_at(analysis, best.theta)
        for limit, best in zip(limits, profile.bests, strict=True)  # on the way to a limit a better fit may turn up
    ]


def check(where: str, settings: JobsConfig, analysis: Analysis) -> None:
    """Refuse a parameter that is not sampled."""
    if settings.parameter not in analysis.parameter_names:
        known = ", ".join(analysis.parameter_names)
        raise ConfigError(f"{where}.parameter: '{settings.parameter}' is not one of {known}")


JOB = JobKind("limit", check=check, run_all=run_all)
