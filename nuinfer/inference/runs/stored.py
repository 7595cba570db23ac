"""What the records of a run hold, as far as they are read: others may have written them."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nuinfer.config import validated
from nuinfer.config.fields import LISTED
from nuinfer.errors import ConfigError, RunFolderError
from nuinfer.inference.work.files import read_json

Names = Annotated[tuple[str, ...], LISTED, Field(min_length=1)]
Pair = Annotated[tuple[float, float], LISTED]
Natural = Annotated[int, Field(ge=0)]


class Stored(BaseModel):
    """A table of a record; what is not read may be anything."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class Record(Stored):
    """``run.json``."""

    parameter_names: Names
    term_names: Names
    prior_bounds: list[Annotated[tuple[float | None, float | None], LISTED]]
    config_hash: str
    walkers: Annotated[int, Field(ge=1, le=10**6)]
    ensembles: Annotated[int, Field(ge=1, le=1000)]
    target_ess: Annotated[float, Field(gt=0.0)]
    max_steps: Natural = 0
    steps: Natural = 0
    seed: Natural = 0
    complete: bool = False
    tolerate_nonfinite: Natural = 0
    simulated_counts: list[list[float]] | None = None
    simulated_measured: dict[str, float] = {}
    truth: dict[str, float] = {}
    best_fit: list[float] | None = None
    checksums: dict[str, str] = {}
    kept: dict[str, str] = {}
    versions: dict[str, str] = {}
    references: list[str] = []
    resolved_sha256: str | None = None
    signature: str | None = None
    command: str = ""
    commit: str = ""
    start: str = ""

    @model_validator(mode="after")
    def _of_one_space(self) -> Self:
        """Every parameter has its ends."""
        if len(self.prior_bounds) != len(self.parameter_names):
            raise ConfigError(f"prior_bounds: {len(self.prior_bounds)} for {len(self.parameter_names)} parameters")
        return self


class Limit(Stored):
    """A one-sided limit of a summary."""

    side: Literal["upper", "lower"]
    value: float
    prior_floor: float
    profile: float | None = None


class Entry(Stored):
    """A parameter of a summary."""

    median: float
    hpd68: Pair
    hpd95: Pair
    ess: float | None
    rhat: float | None
    unconstrained: bool = False
    limit95: Limit | None = None


class Sensitivity(Stored):
    """A line of what the limit on the coupling hangs on."""

    case: str
    profile: float | None
    credible: float | None
    credible_by: str
    pareto_k: float | None


class Summary(Stored):
    """``summary.json``."""

    converged: bool
    steps: Natural
    parameters: dict[str, Entry]
    warnings: list[str]
    rhat_max: float | None = None
    ess_min: float | None = None
    g_prime_upper95: list[Sensitivity] = []


class Ensemble(Stored):
    """Where an ensemble is."""

    steps: Natural
    acceptance: float | None


class Status(Stored):
    """``status.json``, of a study too."""

    state: str
    updated: str
    ensembles: list[Ensemble] = []
    limit95: dict[str, Limit] = {}
    missing: list[str] = []


class Rejected(Stored):
    """A point that was rejected."""

    step: int
    term: str


class Nonfinite(Stored):
    """``nonfinite.json``: the point that ended a run, or those of an ensemble that were rejected."""

    term: str | None = None
    point: dict[str, Any] = {}
    rejected: list[Rejected] = []


def read_stored(path: Path, table: type[Stored]) -> dict[str, Any]:
    """A record of a run as it was written, its types checked.

    Raises
    ------
    RunFolderError
        If it is missing, damaged, or holds other things than it should.
    """
    content = read_json(path)
    try:
        validated(table, content)
    except ConfigError as error:
        raise RunFolderError(f"{path}: damaged, {error}") from error
    return content
