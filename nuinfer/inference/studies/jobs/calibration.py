"""One simulation of a calibration, which `Campaign.calibration` judges together with the others."""

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.studies.calibration import Setting, simulate
from nuinfer.inference.studies.jobs import JobKind, JobsConfig, Row, Work
from nuinfer.inference.work.simulation import draw_data


def run(work: Work) -> Row:
    """Truths, ranks and pulls."""
    setting = Setting(work.campaign_seed, work.settings.min_ess, work.settings.control)
    return simulate(work.analysis, setting, work.number)


def check(where: str, settings: JobsConfig, analysis: Analysis) -> None:  # noqa: ARG001 - the interface of JobKind
    """Refuse constraints whose measured values cannot be simulated."""
    try:
        draw_data(analysis)
    except ConfigError as error:
        raise ConfigError(f"{where}.set: {error}") from None


JOB = JobKind("calibration", run, check, draws_data=True)
