"""What the jobs of a campaign can do: one file per kind, with the constant ``JOB``, found by listing this folder.

A user's own kind is such a file too, named by ``task = "mine.py"``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from nuinfer.analysis import Analysis
from nuinfer.config import Count, Table
from nuinfer.errors import ConfigError
from nuinfer.registry import UserFile, discover, is_path, load_file
from nuinfer.typing import FloatArray

Row = dict[str, Any]


def kinds() -> Mapping[str, JobKind]:
    """The kinds that are shipped, by name."""
    return discover(__name__, "JOB", JobKind)


def kind_of(task: str) -> JobKind:
    """The kind that a task names, shipped or in a Python file.

    Raises
    ------
    ConfigError
        If there is none.
    """
    return user_file(task).constant("JOB", JobKind) if is_path(task) else kinds()[task]


def user_file(task: str) -> UserFile:
    """The Python file of a user's own kind."""
    return load_file(task, "task")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _known(task: str) -> str:
    if not is_path(task) and task not in kinds():
        raise ValueError(f'"{task}" is not allowed; it must be one of {", ".join(kinds())}, or a Python file')
    return task


class JobsConfig(Table):
    """``[jobs.NAME]``: one task for one or many analyses and data sets.

    Which keys matter depends on the task: ``parameter``, ``side`` and ``level`` are those of a limit, ``test`` is the
    point of an exclusion, ``min_ess`` and ``control`` are those of a calibration, ``live`` that of odds.
    """

    task: Annotated[str, AfterValidator(_known)]
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
    min_ess: Annotated[float, Field(gt=0.0)] = 400.0
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


def _nothing(where: str, settings: JobsConfig, analysis: Analysis) -> None:
    """Nothing to refuse."""


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
    check: Callable[[str, JobsConfig, Analysis], None] = _nothing
    draws_data: bool = False


def flat(row: Row) -> Row:
    """A row with the groups in it as columns of their own.

    Examples
    --------
    >>> flat({"ess": 400.0, "rank": {"gamma": 0.3}})
    {'ess': 400.0, 'rank.gamma': 0.3}
    """
    columns: Row = {}
    for name, value in row.items():
        columns |= {f"{name}.{key}": one for key, one in value.items()} if isinstance(value, Mapping) else {name: value}
    return columns


def named(analysis: Analysis, point: FloatArray) -> Row:
    """Sampled parameters as columns."""
    return dict(zip(analysis.parameter_names, point.tolist(), strict=True))


def needs_absorption(where: str, settings: JobsConfig, analysis: Analysis) -> None:
    """Refuse an analysis without a Z'."""
    if not analysis.config.model.absorption:
        raise ConfigError(f"{where}.task: '{settings.task}' needs model.absorption = true")
