"""``[parameters]``: a prior in the sampled coordinate, or a fixed value, of each parameter."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Tag

from nuinfer.config.fields import Positive, Table, refused, unknown
from nuinfer.errors import ConfigError
from nuinfer.parameters import SIMPLEX, Definition, Parameter
from nuinfer.priors import Normal, Prior, SimplexShare, Uniform


class UniformConfig(Table):
    """A parameter with a uniform prior."""

    prior: Literal["uniform"]
    low: float
    high: float

    def density(self, share: tuple[float, int]) -> Prior:  # noqa: ARG002 - the interface of all entries
        """The density; `share` is of simplices alone."""
        return Uniform(self.low, self.high)


class NormalConfig(Table):
    """A parameter with a normal prior, cut to [low, high]."""

    prior: Literal["normal"]
    mean: float
    sigma: Positive
    low: float | None = None
    high: float | None = None

    def density(self, share: tuple[float, int]) -> Prior:  # noqa: ARG002 - the interface of all entries
        """The density; `share` is of simplices alone."""
        low = -math.inf if self.low is None else self.low
        return Normal(self.mean, self.sigma, low, math.inf if self.high is None else self.high)


class SimplexConfig(Table):
    """One of the fractions f_e, f_mu, uniform on what the other leaves: f_e, f_mu >= 0, f_e + f_mu <= 1."""

    prior: Literal["simplex"]

    def density(self, share: tuple[float, int]) -> Prior:
        """The density, from the total of the fractions that have one and their number."""
        return SimplexShare(*share)


class FixedConfig(Table):
    """A parameter fixed to a value."""

    value: float


def _kind(entry: object) -> str | None:
    """Tag of a parameter's entry: "value" if it has one, else the name of its prior."""
    if isinstance(entry, dict):
        return "value" if "value" in entry else entry.get("prior")
    return "value" if isinstance(entry, FixedConfig) else getattr(entry, "prior", None)


_ENTRY = "prior = 'uniform' with low and high, prior = 'normal' with mean and sigma, or a value"
_FRACTION = "prior = 'simplex', together with the other, or a value"
ParameterEntry = UniformConfig | NormalConfig | SimplexConfig | FixedConfig
_Checked = Annotated[
    Annotated[UniformConfig, Tag("uniform")]
    | Annotated[NormalConfig, Tag("normal")]
    | Annotated[SimplexConfig, Tag("simplex")]
    | Annotated[FixedConfig, Tag("value")],
    Discriminator(_kind, custom_error_type="parameter", custom_error_message=_ENTRY),
]


class ParametersConfig(BaseModel):
    """``[parameters]``, all of them: `completed` fills in the defaults."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, _Checked]
    entries: ClassVar[object] = ParameterEntry

    def parameters(self, definitions: Iterable[Definition]) -> tuple[Parameter, ...]:
        """The parameters that some definitions and this table make together.

        Raises
        ------
        ConfigError
            If a prior or a value makes no sense.
        """
        own = {definition.name: self.__pydantic_extra__[definition.name] for definition in definitions}
        fractions = [own[name] for name in SIMPLEX if name in own]
        taken = [entry.value for entry in fractions if isinstance(entry, FixedConfig)]
        share = (1.0 - sum(taken), len(fractions) - len(taken))
        return tuple(_parameter(definition, own[definition.name], share) for definition in definitions)


def _parameter(definition: Definition, entry: ParameterEntry, share: tuple[float, int]) -> Parameter:
    name, label, domain = definition.name, definition.label, definition.domain
    if isinstance(entry, FixedConfig):
        return Parameter(name, label, value=entry.value, domain=domain)
    try:
        return Parameter(name, label, prior=entry.density(share), domain=domain)
    except ConfigError as error:
        raise ConfigError(f"parameters.{name}: {error}") from None


def completed(given: Mapping[str, object], known: Mapping[str, Definition]) -> dict[str, object]:
    """Entries of all known parameters: `value` and `prior` start afresh, other keys change one number of the default.

    Raises
    ------
    ConfigError
        For an unknown name, or the wrong kind of prior.

    Examples
    --------
    >>> gamma = Definition("gamma", "g", "", "index", (0.0, 9.0), Uniform(1.5, 4.0))
    >>> completed({"gamma": {"high": 5.0}}, {"gamma": gamma})
    {'gamma': {'prior': 'uniform', 'low': 1.5, 'high': 5.0}}
    """
    for name in given:
        if name not in known:
            raise ConfigError(unknown(f"parameters.{name}", known))
    return {name: _completed(definition, given.get(name, {})) for name, definition in known.items()}


def _completed(definition: Definition, entry: object) -> object:
    if not isinstance(entry, Mapping):
        return entry
    if "value" not in entry and "prior" not in entry:
        entry = {**entry_of(definition.default), **entry}
    simplex = isinstance(definition.default, SimplexShare)
    if "value" not in entry and (entry["prior"] == "simplex") != simplex:
        raise ConfigError(refused(f"parameters.{definition.name}", entry, _FRACTION if simplex else _ENTRY))
    return dict(entry)


def entry_of(default: Prior | float) -> dict[str, Any]:
    """The entry of a default."""
    if isinstance(default, float):
        return {"value": default}
    if isinstance(default, SimplexShare):
        return {"prior": "simplex"}
    numbers = {field.name: getattr(default, field.name) for field in dataclasses.fields(default)}
    kind = type(default).__name__.lower()
    return {"prior": kind, **{name: number for name, number in numbers.items() if math.isfinite(number)}}
