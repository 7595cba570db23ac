"""The likelihood ratio of any coupling against a given one, at its mass."""

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.profile import against
from nuinfer.inference.studies.jobs import JobKind, JobsConfig, Row, Works, needs_coupling


def run_all(works: Works) -> list[Row]:
    """The statistic of a limit, 0 where a larger coupling fits best, and the likelihood ratio itself."""
    test = works.settings.test
    found = against(works.analysis, works.data, test["m_zprime_mev"], test["g_prime"], works.seed)
    q = np.where(found.larger, 0.0, found.ratio)
    return [{"q": one, "ratio": ratio} for one, ratio in zip(q.tolist(), found.ratio.tolist(), strict=True)]


def check(where: str, settings: JobsConfig, analysis: Analysis) -> None:
    """Refuse a test that is no point, and an analysis without a coupling to exclude."""
    if set(settings.test) != {"m_zprime_mev", "g_prime"}:
        raise ConfigError(f"{where}.test: {settings.test} is not allowed; give m_zprime_mev and g_prime")
    needs_coupling(f"{where}.task", analysis)


JOB = JobKind("exclusion", check=check, run_all=run_all)
