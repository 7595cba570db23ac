"""The likelihood ratio of any coupling against a given one, at its mass."""

from __future__ import annotations

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.profile import exclusions
from nuinfer.inference.studies.jobs import JobKind, JobsConfig, Row, Works, needs_absorption


def run_all(works: Works) -> list[Row]:
    """The statistic."""
    test = works.settings.test
    found = exclusions(works.analysis, works.data, test["m_zprime_mev"], test["g_prime"], works.seed)
    return [{"q": q} for q in found.tolist()]


def check(where: str, settings: JobsConfig, analysis: Analysis) -> None:
    """Refuse a test that is no point, and an analysis without a coupling to exclude."""
    if set(settings.test) != {"m_zprime_mev", "g_prime"}:
        raise ConfigError(f"{where}.test: {settings.test} is not allowed; give m_zprime_mev and g_prime")
    needs_absorption(where, settings, analysis)
    if "log10_g_prime" not in analysis.parameter_names:
        raise ConfigError(f"{where}.task: 'exclusion' needs log10_g_prime to have a prior")


JOB = JobKind("exclusion", check=check, run_all=run_all)
