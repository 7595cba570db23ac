"""What the jobs of a campaign can do: one file per kind, with the constant ``JOB``, found by listing this folder.

A user's own kind is such a file too, named by ``task = "mine.py"``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from nuinfer.analysis import Analysis
from nuinfer.config.fields import Count, Positive, Table, one_of
from nuinfer.errors import ConfigError
from nuinfer.registry import Registry
from nuinfer.typing import FloatArray

Row = dict[str, Any]


@dataclass(frozen=True)
class JobKind:
    """One kind of job.

    Parameters
    ----------
    name : str
        What ``task`` calls it.
    run : callable
        Does it: names to numbers, texts, None where there is no number, or groups of them by name.
    check : callable
        From ``jobs.NAME``, the settings and an analysis; raises ConfigError for what would fail in every job.
    draws_data : bool
        Whether it draws its own data and truths, so that keys which choose them mean nothing.
    """

    name: str
    run: Callable[[Work], Row]
    check: Callable[[str, JobsConfig, Analysis], None] = lambda *_: None
    draws_data: bool = False


KINDS = Registry(__name__, "JOB", JobKind)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class JobsConfig(Table):
    """``[jobs.NAME]``: one task for one or many analyses and data sets.

    Which keys matter depends on the task: ``parameter``, ``side`` and ``level`` are those of a limit, ``test`` is the
    point of an exclusion, ``min_ess`` and ``control`` are those of a calibration, ``live`` that of odds.
    """

    task: Annotated[str, one_of(KINDS, files=True)]
    analysis: Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
    set: dict[str, Any] = Field(default_factory=dict)
    vary: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    n: Count = 1
    data: Literal["observed", "asimov", "simulated"] = "observed"
    truth: Literal["z_prime", "standard_model"] = "z_prime"
    at: dict[str, float] = Field(default_factory=dict)
    others: Literal["best_fit", "centre", "prior"] = "best_fit"
    parameter: str = "log10_g_prime"
    side: Literal["upper", "lower"] = "upper"
    level: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.95
    test: dict[str, float] = Field(default_factory=dict)
    min_ess: Positive = 400.0
    control: Literal["none", "livetime", "prior", "snooker"] = "none"
    live: Annotated[int, Field(ge=50)] = 400


@dataclass(frozen=True)
class Work:
    """What a job has to work with.

    Parameters
    ----------
    analysis : Analysis
        With the data of the job.
    settings : JobsConfig
        Keys of its table.
    seed : int
        Of everything random in it; another for each number.
    campaign_seed, number : int
        Root seed of the campaign, and number of the simulated data set.
    folder : Path
        Of its own, not made yet, for a kind that leaves more than its row.
    """

    analysis: Analysis
    settings: JobsConfig
    seed: int
    campaign_seed: int
    number: int
    folder: Path


def named(analysis: Analysis, point: FloatArray) -> Row:
    """Sampled parameters as columns."""
    return dict(zip(analysis.parameter_names, point.tolist(), strict=True))


def needs_absorption(where: str, settings: JobsConfig, analysis: Analysis) -> None:
    """Refuse an analysis without a Z'."""
    if not analysis.config.model.absorption:
        raise ConfigError(f"{where}.task: '{settings.task}' needs model.absorption = true")
