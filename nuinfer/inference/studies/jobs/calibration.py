"""One simulation of a calibration, which `Campaign.calibration` judges together with the others."""

from __future__ import annotations

from nuinfer.inference.studies.calibration import Setting, simulate
from nuinfer.inference.studies.jobs import JobKind, Row, Work


def run(work: Work) -> Row:
    """Truths, ranks and pulls."""
    setting = Setting(work.campaign_seed, work.settings.min_ess, work.settings.control)
    return simulate(work.analysis, setting, work.number)


JOB = JobKind("calibration", run, draws_data=True)
