"""Configuration: TOML to a checked, frozen `Config`.

Every key is known to a schema: an unknown one is an error that names the nearest. Units are part of the key names. What
the values of a key may be is asked of what it names: laws, sources and spectra of their folders, `PARAMETERS`.
"""

from __future__ import annotations

import functools
import json
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from nuinfer.constraints import CONSTRAINTS
from nuinfer.datafiles import resolved_name
from nuinfer.errors import ConfigError
from nuinfer.parameters import Definition, with_own
from nuinfer.physics.cosmology import COSMOLOGIES
from nuinfer.physics.evolution import LAWS
from nuinfer.physics.mediator import MEDIATORS
from nuinfer.physics.mixing import MIXINGS
from nuinfer.physics.sources import SOURCES, Source
from nuinfer.physics.spectra import SPECTRA, Spectrum
from nuinfer.priors import SimplexShare
from nuinfer.refusals import describe, nearest, refused, unknown
from nuinfer.registry import Registry, is_path


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().resolve())


def _one_of(known: Registry[Any] | Mapping[str, Any], *, files: bool = False) -> BeforeValidator:
    """A name of what is known or, of some things, the path of a user's file."""

    def check(value: object) -> object:
        if files and isinstance(value, str) and is_path(value):
            return _absolute(value)
        names = list(known.shipped if isinstance(known, Registry) else known)
        if value not in names:
            *others, last = [f"'{name}'" for name in names] + ["the path of a Python file"] * files
            raise PydanticCustomError("name", "{allowed}", {"allowed": f"{', '.join(others)} or {last}"})
        return value

    return BeforeValidator(check)


def _not_built(off: object) -> BeforeValidator:
    """Only the value that leaves off what is not built yet."""

    def check(value: object) -> object:
        if value != off or isinstance(value, bool) != isinstance(off, bool):
            allowed = "leaving it out" if off is None else json.dumps(off)
            raise PydanticCustomError("not_built", "{allowed}", {"allowed": allowed})
        return value

    return BeforeValidator(check)


LATE: dict[str, Any] = {"late": True}
"""Marks a key that 0.1.0 did not have: at its default it does not enter the hash of a configuration."""

_Late = Field(json_schema_extra=LATE)

Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
EntryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
UserPath = Annotated[str, AfterValidator(_absolute)]


class Table(BaseModel):
    """A table of a configuration: frozen, every key known, numbers finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Checked = TypeVar("Checked", bound=Table)


class ModelConfig(Table):
    """``[model]``: the physics."""

    absorption: StrictBool = True
    mediator: Annotated[str, _one_of(MEDIATORS)] = "vector"
    charges: tuple[float, float, float] = (0.0, 1.0, -1.0)
    couplings: Annotated[None, _not_built(None), _Late] = None
    channels: Annotated[str, _not_built("resonance"), _Late] = "resonance"
    neutrino: Literal["majorana", "dirac"] = "majorana"
    coherence: Literal["coherent", "decoherent"] = "decoherent"
    masses: Literal["degenerate", "split"] = "split"
    ordering: Literal["normal", "inverted"] = "normal"
    mixing: Annotated[str, _one_of(MIXINGS)] = "nufit6.0"
    delta_m2_21_ev2: Positive | None = None
    delta_m2_3l_ev2: Positive | None = None
    cosmology: Annotated[str, _one_of(COSMOLOGIES)] = "planck18"
    source: Annotated[str, _one_of(SOURCES, files=True)] = "pp"
    spectrum: Annotated[str, _one_of(SPECTRA, files=True)] = "power_law"
    spectrum_frame: Annotated[str, _not_built("source"), _Late] = "source"
    evolution: Annotated[str, _one_of(LAWS, files=True)] = "sfr"
    z_max: Positive = 5.0
    source_redshift: Positive | None = None
    regeneration: StrictBool = True
    targets: Literal["at_rest", "thermal"] = "at_rest"
    relic_neutrinos: Annotated[str, _not_built("standard"), _Late] = "standard"
    relic_overdensity: Annotated[float, _not_built(1.0), _Late] = 1.0
    sterile: Annotated[bool, _not_built(False), _Late] = False
    sterile_density: Annotated[None, _not_built(None), _Late] = None
    sterile_coupling: Annotated[None, _not_built(None), _Late] = None


class DataConfig(Table):
    """``[data]``: the data set, its threshold, and factors that project it into the future."""

    dataset: Annotated[str, AfterValidator(resolved_name)] = "hese7"
    min_deposited_energy_gev: Positive = 60000.0
    exposure: Positive = 1.0
    effective_area_scale: Positive = 1.0
    likelihood: Annotated[str, _not_built("poisson"), _Late] = "poisson"
    topologies: Annotated[int, _not_built(2), _Late] = 2


class ConstraintConfig(Table):
    """``[constraints.NAME]``: how a measurement acts."""

    form: Literal["off", "exclusion", "one_sided", "two_sided"] = "off"
    measurement: str
    confidence_level: float = 0.95
    limit: float | None = None


class LimitCurveConfig(Table):
    """``[constraints.limit_curve.NAME]``: a published limit on g' against m_Z', a CSV of the user."""

    form: Literal["off", "exclusion"] = "exclusion"
    table: UserPath
    reference: str
    confidence_level: float
    outside: Literal["refuse", "allowed"] = "refuse"


class CustomConfig(BaseModel):
    """``[constraints.custom.NAME]``: a Python file of the user; every other key is an option of its ``build``."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    form: Literal["off", "exclusion", "one_sided", "two_sided"] | None = None
    file: UserPath


def _constraint_table(name: str) -> Any:
    """``[constraints.NAME]`` of a shipped constraint, made from its definition: the table's type and its defaults."""
    definition = CONSTRAINTS.shipped[name]
    fields: dict[str, Any] = {"measurement": (str, definition.measurement), **definition.options}
    table: Any = create_model(name, __base__=ConstraintConfig, **fields)
    return table, table()


if TYPE_CHECKING:

    class ConstraintsConfig(Table):
        """``[constraints]``: off unless a form is given; each shipped one is a field too."""

        limit_curve: dict[EntryName, LimitCurveConfig]
        custom: dict[EntryName, CustomConfig]

else:
    ConstraintsConfig = create_model(
        "ConstraintsConfig",
        __base__=Table,
        **{name: _constraint_table(name) for name in CONSTRAINTS.shipped},
        limit_curve=(dict[EntryName, LimitCurveConfig], Field(default_factory=dict)),
        custom=(dict[EntryName, CustomConfig], Field(default_factory=dict)),
    )


class UniformConfig(Table):
    """A parameter with a uniform prior."""

    prior: Literal["uniform"]
    low: float
    high: float


class NormalConfig(Table):
    """A parameter with a normal prior, cut to [low, high]."""

    prior: Literal["normal"]
    mean: float
    sigma: Positive
    low: float | None = None
    high: float | None = None


class SimplexConfig(Table):
    """One of the fractions f_e, f_mu, uniform on what the other leaves: f_e, f_mu >= 0, f_e + f_mu <= 1."""

    prior: Literal["simplex"]


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
ParameterConfig = Annotated[
    Annotated[UniformConfig, Tag("uniform")]
    | Annotated[NormalConfig, Tag("normal")]
    | Annotated[SimplexConfig, Tag("simplex")]
    | Annotated[FixedConfig, Tag("value")],
    Discriminator(_kind, custom_error_type="parameter", custom_error_message=_ENTRY),
]


class ParametersConfig(BaseModel):
    """``[parameters]``: a prior in the sampled coordinate, or a fixed value; `Config` fills in the defaults."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, ParameterConfig]
    entries: ClassVar[object] = ParameterEntry

    def entry(self, name: str) -> ParameterEntry:
        """The prior or value of one parameter."""
        return self.__pydantic_extra__[name]


class SamplerConfig(Table):
    """``[sampler]``: how the posterior is sampled and when it is enough."""

    ensembles: Count = 4
    walkers: Annotated[int, Field(ge=8)] = 64
    target_ess: Count = 2000
    max_steps: Count = 40000
    checkpoint_seconds: Positive = 30.0
    seed: Annotated[int, Field(ge=0)] = 1504


class Config(Table):
    """The whole configuration of an analysis."""

    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    constraints: ConstraintsConfig = Field(default_factory=lambda: ConstraintsConfig.model_validate({}))
    parameters: ParametersConfig
    sampler: SamplerConfig = SamplerConfig()

    def __reduce__(self) -> tuple[Any, ...]:
        """Tables made from definitions have no name by which another process would find them."""
        return Config.model_validate, (self.model_dump(exclude_none=True),)

    @model_validator(mode="before")
    @classmethod
    def _with_parameters(cls, tree: Any) -> Any:
        """Parameters that are not given take their defaults, and partly given ones what they leave open."""
        if not isinstance(tree, Mapping) or not isinstance(given := tree.get("parameters", {}), Mapping):
            return tree
        model = tree.get("model", {})
        read = model.get if isinstance(model, Mapping) else functools.partial(getattr, model)
        known = definitions(read("source", None), read("spectrum", None))
        for name in given:
            if name not in known:
                raise ConfigError(unknown(f"parameters.{name}", known))
        entries = {name: _completed(known[name], given.get(name, {})) for name in known}
        return {**tree, "parameters": entries}


def definitions(source: object = None, spectrum: object = None) -> dict[str, Definition]:
    """All parameters that a configuration may name: those of shipped spectra and sources, and of those of the user.

    Examples
    --------
    >>> list(definitions())[4:8]
    ['gamma', 'phi_total', 'log10_cutoff_gev', 'log10_break_gev']
    """
    owners: list[Spectrum | Source] = [*SPECTRA.shipped.values()]
    if isinstance(spectrum, str) and is_path(spectrum):
        owners.append(SPECTRA.find(spectrum, "model.spectrum"))
    owners += SOURCES.shipped.values()
    if isinstance(source, str) and is_path(source):
        owners.append(SOURCES.find(source, "model.source"))
    return with_own([definition for owner in owners for definition in owner.parameters])


def own_definitions(model: ModelConfig) -> dict[str, Definition]:
    """The parameters of every model with those of the spectrum and the source of this one, by name."""
    spectrum, source = SPECTRA.find(model.spectrum, "model.spectrum"), SOURCES.find(model.source, "model.source")
    return with_own([*spectrum.parameters, *source.parameters])


def _completed(definition: Definition, entry: object) -> object:
    """A parameter's entry: `value` and `prior` start afresh, other keys change one number of the default."""
    if not isinstance(entry, Mapping):
        return entry
    default = definition.default
    simplex = isinstance(default, SimplexShare)
    if "value" not in entry and "prior" not in entry:
        if isinstance(default, float):
            plain: dict[str, Any] = {"value": default}
        else:
            numbers = {} if simplex else {k: v for k, v in vars(default).items() if math.isfinite(v)}
            plain = {"prior": "simplex" if simplex else type(default).__name__.lower(), **numbers}
        entry = {**plain, **entry}
    if "value" not in entry and (entry["prior"] == "simplex") != simplex:
        allowed = _FRACTION if simplex else _ENTRY
        raise ConfigError(refused(f"parameters.{definition.name}", entry, allowed))
    return dict(entry)


def constraint_forms(constraints: ConstraintsConfig) -> dict[str, str]:
    """Dotted keys of the constraints, the user's own included, and their forms.

    Examples
    --------
    >>> constraint_forms(ConstraintsConfig())["constraints.neff"]
    'off'
    """

    def found(table: Mapping[str, Any], key: str) -> Iterator[tuple[str, str]]:
        for name, entry in table.items():
            if "form" in entry:
                yield f"{key}.{name}", entry["form"]
            else:
                yield from found(entry, f"{key}.{name}")

    return dict(found(constraints.model_dump(), "constraints"))


def presets() -> tuple[str, ...]:
    """Names of the shipped configurations."""
    folder = resources.files("nuinfer") / "presets"
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")))


def read_text(preset_or_path: str | Path) -> str:
    """Text of a preset or of a TOML file.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    if str(preset_or_path) in presets():
        return (resources.files("nuinfer") / "presets" / f"{preset_or_path}.toml").read_text()
    try:
        return Path(preset_or_path).expanduser().read_text()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        hint = nearest(str(preset_or_path), presets())
        raise ConfigError(
            f"'{preset_or_path}': neither a preset ({', '.join(presets())}) nor a readable TOML file{hint}"
        ) from error


def parse(text: str, overrides: Iterable[str] | Mapping[str, Any] = ()) -> Config:
    """Check a TOML text with overrides on top of it.

    Parameters
    ----------
    text : str
        Contents of a configuration file.
    overrides : iterable of str, or mapping
        ``"model.source=pgamma"``: a dotted key and a TOML value, else a bare string; or dotted keys to values.

    Raises
    ------
    ConfigError
        One line that names the key, the value and what is allowed.

    Examples
    --------
    >>> parse("", ["model.source=pgamma", "parameters.gamma.value=2.5"]).parameters.gamma
    FixedConfig(value=2.5)
    """
    try:
        tree: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}") from error
    pairs = overrides.items() if isinstance(overrides, Mapping) else map(split_override, overrides)
    for key, value in pairs:
        _assign(tree, key.split("."), value)
    return validated(Config, tree)


def validated(table: type[Checked], tree: Mapping[str, Any]) -> Checked:
    """A table of a configuration, or a whole one, from plain TOML values.

    Raises
    ------
    ConfigError
        One line that names the key, the value and what is allowed.
    """
    try:
        return table.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(describe(error, table)) from None


def split_override(text: str) -> tuple[str, Any]:
    """Key and value of an override ``table.key=value``: a TOML value, else a bare string."""
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"override '{text}': write it as table.key=value")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def _assign(tree: dict[str, Any], path: list[str], value: object) -> None:
    """Set a dotted key; `value` and `prior` of a parameter replace what it was, other keys change one number of it."""
    node = tree
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise ConfigError(f"{'.'.join(path)}: '{part}' is a value, not a table")
    if len(path) == 3 and path[0] == "parameters" and path[2] in ("value", "prior"):
        node.clear()
    node[path[-1]] = value
