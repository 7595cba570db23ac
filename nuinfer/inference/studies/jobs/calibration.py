"""One simulation of a calibration, which `Campaign.calibration` judges together with the others."""

from __future__ import annotations

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.studies.calibration import Setting, simulate
from nuinfer.inference.studies.jobs import JobKind, JobsConfig, Row, Work


def run(work: Work) -> Row:
    """Truths, ranks and pulls."""
    setting = Setting(work.campaign_seed, work.settings.min_ess, work.settings.control)
    return simulate(work.analysis, setting, work.number)


def check(where: str, settings: JobsConfig, analysis: Analysis) -> None:  # noqa: ARG001 - the interface of JobKind
    """Refuse smooth constraints, whose data are not simulated."""
    smooth = [constraint.name for constraint in analysis.constraints if not constraint.is_exclusion]
    if smooth:
        keys = ", ".join(f'"constraints.{key}.form" = "off"' for key in smooth)
        raise ConfigError(f"{where}.set: smooth constraints cannot be simulated; set {keys}")


JOB = JobKind("calibration", run, check, draws_data=True)
