"""Configuration: TOML to a checked, frozen `Config`.

Every key is known to a schema: an unknown one is an error that names the nearest. Units are part of the key names.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictBool, Tag, ValidationError

from nuinfer.errors import ConfigError

Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
EntryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]


class Table(BaseModel):
    """A table of a configuration: frozen, every key known, numbers finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Checked = TypeVar("Checked", bound=Table)


class ModelConfig(Table):
    """``[model]``: the physics."""

    absorption: StrictBool = True
    mediator: Literal["vector", "scalar"] = "vector"
    charges: tuple[float, float, float] = (0.0, 1.0, -1.0)
    neutrino: Literal["majorana", "dirac"] = "majorana"
    coherence: Literal["coherent", "decoherent"] = "decoherent"
    masses: Literal["degenerate", "split"] = "split"
    ordering: Literal["normal", "inverted"] = "normal"
    mixing: Literal["paper", "nufit6.0"] = "nufit6.0"
    delta_m2_21_ev2: Positive | None = None
    delta_m2_3l_ev2: Positive | None = None
    cosmology: Literal["paper", "planck18"] = "planck18"
    source: Literal["pp", "pgamma", "muon_damped", "muon_damped_pgamma", "neutron", "free"] = "pp"
    spectrum: Literal["power_law", "cutoff", "broken_power_law"] = "power_law"
    evolution: Literal["sfr", "flat", "bllac", "quasar", "grb", "single"] = "sfr"
    z_max: Positive = 5.0
    source_redshift: Positive | None = None
    regeneration: StrictBool = True
    targets: Literal["at_rest", "thermal"] = "at_rest"


class DataConfig(Table):
    """``[data]``: the data set, its threshold, and factors that project it into the future."""

    dataset: str = "hese7"
    min_deposited_energy_gev: Positive = 60000.0
    exposure: Positive = 1.0
    effective_area_scale: Positive = 1.0


class ConstraintConfig(Table):
    """``[constraints.NAME]``: how a measurement acts."""

    form: Literal["off", "exclusion", "one_sided", "two_sided"] = "off"
    measurement: str
    confidence_level: float = 0.95
    limit: float | None = None


class MuonG2Config(ConstraintConfig):
    """``[constraints.muon_g2]``."""

    measurement: str = "wp2025"


class BorexinoConfig(ConstraintConfig):
    """``[constraints.borexino]``."""

    measurement: str = "phase2"


class NeffConfig(ConstraintConfig):
    """``[constraints.neff]``."""

    measurement: str = "planck2018"
    model: Literal["boltzmann", "paper"] = "boltzmann"
    temperatures: Literal["common", "split"] = "common"
    mixing: StrictBool = True
    t_dec_mev: Positive = 1.5
    case: Literal["entropy", "number", "auto"] = "auto"


class Sn1987aConfig(ConstraintConfig):
    """``[constraints.sn1987a]``."""

    measurement: str = "burst_duration"
    temperature_mev: Positive = 8.0
    radius_km: Positive = 10.0
    sigma_dex: Positive = 1.0


class TridentConfig(ConstraintConfig):
    """``[constraints.trident]``."""

    measurement: str = "ccfr"


class NeutrinoMassConfig(ConstraintConfig):
    """``[constraints.neutrino_mass]``."""

    measurement: str = "planck2018"


class LimitCurveConfig(Table):
    """``[constraints.limit_curve.NAME]``: a published limit on g' against m_Z', a CSV of the user."""

    form: Literal["off", "exclusion"] = "exclusion"
    table: str
    reference: str
    confidence_level: float
    outside: Literal["refuse", "allowed"] = "refuse"


class CustomConfig(BaseModel):
    """``[constraints.custom.NAME]``: a Python file of the user; every other key is an option of its ``build``."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    form: Literal["off", "exclusion", "one_sided", "two_sided"] | None = None
    file: str


class ConstraintsConfig(Table):
    """``[constraints]``: off unless a form is given."""

    muon_g2: MuonG2Config = MuonG2Config()
    borexino: BorexinoConfig = BorexinoConfig()
    neff: NeffConfig = NeffConfig()
    sn1987a: Sn1987aConfig = Sn1987aConfig()
    trident: TridentConfig = TridentConfig()
    neutrino_mass: NeutrinoMassConfig = NeutrinoMassConfig()
    limit_curve: dict[EntryName, LimitCurveConfig] = Field(default_factory=dict)
    custom: dict[EntryName, CustomConfig] = Field(default_factory=dict)


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


ParameterConfig = Annotated[
    Annotated[UniformConfig, Tag("uniform")]
    | Annotated[NormalConfig, Tag("normal")]
    | Annotated[FixedConfig, Tag("value")],
    Discriminator(
        _kind,
        custom_error_type="parameter",
        custom_error_message="prior = 'uniform' with low and high, prior = 'normal' with mean and sigma, or a value",
    ),
]


FractionConfig = Annotated[
    Annotated[SimplexConfig, Tag("simplex")] | Annotated[FixedConfig, Tag("value")],
    Discriminator(
        _kind,
        custom_error_type="parameter",
        custom_error_message="prior = 'simplex', together with the other, or a value",
    ),
]


class ParametersConfig(Table):
    """``[parameters]``: priors in the sampled coordinates, or fixed values."""

    log10_m_zprime_mev: ParameterConfig = UniformConfig(prior="uniform", low=0.0, high=1.7)
    log10_g_prime: ParameterConfig = UniformConfig(prior="uniform", low=-6.0, high=-2.5)
    m_nu_ev: ParameterConfig = UniformConfig(prior="uniform", low=0.05, high=0.0833)
    lightest_nu_mass_ev: ParameterConfig = UniformConfig(prior="uniform", low=0.003, high=0.1)
    gamma: ParameterConfig = UniformConfig(prior="uniform", low=1.5, high=4.0)
    phi_total: ParameterConfig = UniformConfig(prior="uniform", low=0.0, high=20.0)
    log10_cutoff_gev: ParameterConfig = UniformConfig(prior="uniform", low=5.0, high=8.0)
    log10_break_gev: ParameterConfig = UniformConfig(prior="uniform", low=5.0, high=7.0)
    gamma_high: ParameterConfig = UniformConfig(prior="uniform", low=1.5, high=5.0)
    f_e: FractionConfig = SimplexConfig(prior="simplex")
    f_mu: FractionConfig = SimplexConfig(prior="simplex")
    norm_conventional: ParameterConfig = NormalConfig(prior="normal", mean=1.0, sigma=0.4, low=0.0)
    norm_muon: ParameterConfig = NormalConfig(prior="normal", mean=1.0, sigma=0.5, low=0.0)
    norm_prompt: ParameterConfig = FixedConfig(value=0.0)
    detector_scale: ParameterConfig = NormalConfig(prior="normal", mean=1.0, sigma=0.1, low=0.0)
    energy_scale: ParameterConfig = NormalConfig(prior="normal", mean=1.0, sigma=0.1, low=0.5, high=1.5)


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
    constraints: ConstraintsConfig = ConstraintsConfig()
    parameters: ParametersConfig = ParametersConfig()
    sampler: SamplerConfig = SamplerConfig()


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
        hint = _nearest(str(preset_or_path), presets())
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
    parameters = tree.get("parameters", {})
    if isinstance(parameters, dict):
        tree["parameters"] = {name: _merged(name, entry) for name, entry in parameters.items()}
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
        raise ConfigError(_message(error, table)) from None


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
    """Set a dotted key; a parameter's entry is merged with what it was."""
    node = tree
    if len(path) == 3 and path[0] == "parameters":
        entries = node.setdefault("parameters", {})
        entries[path[1]] = _merged(path[1], {path[2]: value}, entries.get(path[1]))
        return
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise ConfigError(f"{'.'.join(path)}: '{part}' is a value, not a table")
    node[path[-1]] = value


def _merged(name: str, entry: object, base: object = None) -> object:
    """A parameter's entry over what it replaces: `value` and `prior` start afresh, other keys change one number."""
    if not isinstance(entry, dict) or "value" in entry or "prior" in entry:
        return entry
    if base is None:
        default = ParametersConfig.model_fields.get(name)
        base = default.default.model_dump(exclude_none=True) if default is not None else {}
    return {**base, **entry} if isinstance(base, dict) else entry


def _message(error: ValidationError, root: type[Table]) -> str:
    """One line for the first thing that is wrong."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if path[0] == "parameters" and len(path) > 3:
        del path[2]  # the tag of the kind of entry
    where = ".".join(path)
    if first["type"] == "extra_forbidden":
        known = _keys_at(path[:-1], root)
        return f"{where}: unknown key{_nearest(path[-1], known)}; known here: {', '.join(known)}"
    if first["type"] == "missing":
        return f"{where}: missing"
    allowed = first["msg"].removeprefix("Input should be ")
    if first["type"] == "model_type":
        allowed = "a table"
    if first["type"] == "literal_error":
        allowed = allowed.replace("False", "false")
    return f"{where}: {json.dumps(first['input'], default=str)} is not allowed; it should be {allowed}"


def _keys_at(path: list[str], root: type[Table]) -> list[str]:
    """Keys known to the table at `path`."""
    tables: list[type[Table]] = [root]
    for part in path:
        annotations = [t.model_fields[part].annotation for t in tables if part in t.model_fields]
        if not annotations:
            continue  # the name of an entry that the user chose
        tables = [member for annotation in annotations for member in _tables_in(annotation)]
    return list(dict.fromkeys(key for table in tables for key in table.model_fields))


def _tables_in(annotation: object) -> list[type[Table]]:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return [annotation]
    return [table for member in get_args(annotation) for table in _tables_in(member)]


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
