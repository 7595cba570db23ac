"""The tables of a configuration, each key with its type and default.

What the values of a key may be is asked of what it names: laws, sources, spectra and constraints of their folders.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, create_model, model_validator

from nuinfer.config.entries import ParametersConfig, completed
from nuinfer.config.fields import (
    LISTED,
    Amplitudes,
    Count,
    Couplings,
    EntryName,
    Positive,
    Sensible,
    Table,
    UserPath,
    complex_of,
    late,
    one_of,
)
from nuinfer.constraints import CONSTRAINTS
from nuinfer.constraints.base import Form
from nuinfer.constraints.definition import read_numbers
from nuinfer.datafiles import resolved_name
from nuinfer.detector.folder import offered
from nuinfer.errors import ConfigError, PhysicsDomainError
from nuinfer.parameters import PARAMETERS, Definition, with_own
from nuinfer.physics.cosmology import COSMOLOGIES
from nuinfer.physics.crossings import Coherence
from nuinfer.physics.evolution import LAWS
from nuinfer.physics.masses import Ordering
from nuinfer.physics.mediator import COUPLINGS, MEDIATORS, Mediator, Neutrino, spelled
from nuinfer.physics.mixing import MIXINGS
from nuinfer.physics.sources import SOURCES, Source
from nuinfer.physics.spectra import SPECTRA, Frame, Spectrum
from nuinfer.registry import is_path
from nuinfer.typing import Idle, only

OTHER: Mapping[str, str] = MappingProxyType({"charges": "couplings", "couplings": "charges"})
"""Keys of ``[model]`` that say the same: each to the one that it takes the place of."""


def _no_scale(model: Any, _: object) -> str:
    fixed = not SPECTRA.find(model.spectrum, "model.spectrum").has_scale
    return f"'{model.spectrum}' is the same in every frame" if fixed else ""


def _one_source(model: Any, _: object) -> str:
    fixed = LAWS.find(model.evolution, "model.evolution").log_density is None
    return f"with evolution = '{model.evolution}' there is one redshift, source_redshift" if fixed else ""


def _flux_points(data: Any, _: object) -> str:
    return "" if offered(data.dataset).counts else f"'{data.dataset}' has flux points"


OF_A_MEDIATOR = only("absorption", True)
"""Marks a key that a model without mediator has no use for."""

OF_COUNTS = Idle(_flux_points)
"""Marks a key that flux points have no use for."""


class ModelConfig(Table):
    """``[model]``: the physics."""

    absorption: StrictBool = True
    mediator: Annotated[str, one_of(MEDIATORS), OF_A_MEDIATOR] = "vector"
    charges: Annotated[tuple[Sensible, Sensible, Sensible] | None, LISTED, OF_A_MEDIATOR] = (0.0, 1.0, -1.0)
    couplings: Annotated[Couplings, late(None), OF_A_MEDIATOR] = None
    channels: Annotated[Literal["resonance", "all"], late("resonance"), OF_A_MEDIATOR] = "resonance"
    neutrino: Annotated[Neutrino, OF_A_MEDIATOR] = "majorana"
    coherence: Annotated[Coherence, OF_A_MEDIATOR] = "decoherent"
    masses: Literal["degenerate", "split"] = "split"
    ordering: Ordering = "normal"
    mixing: Annotated[str, one_of(MIXINGS)] = "nufit6.0"
    delta_m2_21_ev2: Positive | None = None
    delta_m2_3l_ev2: Annotated[Positive | None, only("masses", "split")] = None
    cosmology: Annotated[str, one_of(COSMOLOGIES)] = "planck18"
    source: Annotated[str, one_of(SOURCES, files=True)] = "pp"
    spectrum: Annotated[str, one_of(SPECTRA, files=True)] = "power_law"
    spectrum_frame: Annotated[Frame | None, late("source"), Idle(_no_scale)] = None
    evolution: Annotated[str, one_of(LAWS, files=True)] = "sfr"
    z_max: Annotated[Positive, Idle(_one_source)] = 5.0
    source_redshift: Positive | None = None
    regeneration: Annotated[StrictBool, OF_A_MEDIATOR] = True
    targets: Annotated[Literal["at_rest", "thermal"], OF_A_MEDIATOR] = "at_rest"
    relic_neutrinos: Annotated[Literal["standard", "heated"] | None, late("standard"), OF_A_MEDIATOR] = None
    relic_overdensity: Annotated[Positive, late(1.0), OF_A_MEDIATOR] = 1.0
    sterile: Annotated[StrictBool, late(False), OF_A_MEDIATOR] = False
    sterile_density: Annotated[Positive | None, late(None), OF_A_MEDIATOR] = None
    sterile_coupling: Annotated[Amplitudes, late(None), OF_A_MEDIATOR] = None

    @model_validator(mode="before")
    @classmethod
    def _couplings_or_charges(cls, tree: Any) -> Any:
        """Couplings take the place of the charges that there are by default; only one of them may be given."""
        if not isinstance(tree, Mapping):
            return tree
        given = [key for key in OTHER if tree.get(key) is not None]
        if len(given) > 1:
            raise ConfigError("model.charges, model.couplings: one of the two is allowed, not both")
        kept = {key: value for key, value in tree.items() if key not in OTHER or value is not None}
        return {**kept, "charges": None} if given == ["couplings"] else kept

    @model_validator(mode="after")
    def _sterile_keys(self) -> Self:
        """Those of a sterile state go together."""
        together = {key: getattr(self, key) for key in ("sterile_density", "sterile_coupling")}
        if self.sterile and None in together.values():
            lacking = ", ".join(f"model.{key}" for key, value in together.items() if value is None)
            raise ConfigError(f"{lacking}: missing; needed with model.sterile = true")
        for key, value in together.items():
            if value is not None and not self.sterile:
                raise ConfigError(f"model.{key}: {json.dumps(value)} is not allowed without model.sterile = true")
        if self.sterile and self.channels != "resonance":
            raise ConfigError(f"model.channels: '{self.channels}' is not allowed with model.sterile, only 'resonance'")
        return self


class DataConfig(Table):
    """``[data]``: the data set, its threshold, and factors that project it into the future."""

    dataset: Annotated[str, AfterValidator(resolved_name)] = "hese7"
    min_deposited_energy_gev: Annotated[Positive, OF_COUNTS] = 60000.0
    exposure: Annotated[Positive, OF_COUNTS] = 1.0
    effective_area_scale: Annotated[Positive, OF_COUNTS] = 1.0
    likelihood: Annotated[Literal["effective", "poisson"] | None, late("poisson"), OF_COUNTS] = None
    topologies: Annotated[Literal[2, 3] | None, late(2), OF_COUNTS] = None


class ConstraintConfig(Table):
    """``[constraints.NAME]``: how a measurement acts."""

    form: Literal["off", Form] = "off"
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

    form: Literal["off", Form] | None = None
    file: UserPath


def _measured_limit(name: str, own: Any, _: object) -> str:
    is_limit = "limit" in read_numbers(name)["measurements"][own.measurement]
    return f"measurement '{own.measurement}' is a limit" if is_limit else ""


def _constraint_table(name: str) -> Any:
    """``[constraints.NAME]`` of a shipped constraint, made from its definition: the table's type and its defaults."""
    definition = CONSTRAINTS.shipped[name]
    marks = only("form", "exclusion"), only("limit", None), Idle(partial(_measured_limit, name))
    level = (Annotated[(float, *marks)], ConstraintConfig.model_fields["confidence_level"].default)
    fields: dict[str, Any] = {"measurement": (str, definition.measurement), "confidence_level": level}
    fields |= definition.options
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


class SamplerConfig(Table):
    """``[sampler]``: how the posterior is sampled, where it is computed, and when it is enough."""

    ensembles: Annotated[Count, Field(le=1000)] = 4
    walkers: Annotated[int, Field(ge=8, le=100_000)] = 64
    target_ess: Annotated[Count, Field(le=10**9)] = 2000
    max_steps: Annotated[Count, Field(le=10**9)] = 40000
    checkpoint_seconds: Positive = 30.0
    seed: Annotated[int, Field(ge=0)] = 1504
    device: Literal["cpu", "cuda"] = "cpu"


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
        return {**tree, "parameters": completed(given, definitions(tree))}


def definitions(tree: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Definition]:
    """All parameters that a configuration may name: those of shipped spectra and sources, and of its user's files.

    Examples
    --------
    >>> list(definitions())[5:9]
    ['gamma', 'phi_total', 'log10_cutoff_gev', 'log10_break_gev']
    """
    model, owners, own = tree.get("model", {}), list[Spectrum | Source](), list[Definition]()
    for key, registry in (("spectrum", SPECTRA), ("source", SOURCES)):
        chosen = model.get(key) if isinstance(model, Mapping) else getattr(model, key, None)
        owners += registry.shipped.values()
        if isinstance(chosen, str) and (is_path(chosen) or chosen in registry.shipped):
            own += registry.find(chosen, f"model.{key}").parameters
    others = [d for owner in owners for d in owner.parameters if d.name not in PARAMETERS]
    return with_own([*others, *own])


def mediator_of(model: ModelConfig) -> Mediator:
    """The mediator that a model has.

    Raises
    ------
    ConfigError
        If there is none with its couplings.

    Examples
    --------
    >>> mediator_of(ModelConfig(mediator="scalar", couplings="nu_tau")).charges
    (0.0, 0.0, 1.0)
    """
    spin, given = MEDIATORS[model.mediator].value, model.couplings
    charges = COUPLINGS[given] if isinstance(given, str) else model.charges
    matrix = None if charges is not None or given is None else tuple(map(complex_of, given))
    sterile = None if model.sterile_coupling is None else complex_of(model.sterile_coupling)
    try:
        return Mediator(charges, spin, matrix, model.neutrino, sterile)
    except PhysicsDomainError as error:
        raise ConfigError(f"model.{error}") from None


def own_definitions(model: ModelConfig) -> dict[str, Definition]:
    """The parameters of every model with those of the spectrum and the source of this one, with its labels, by name."""
    spectrum, source = SPECTRA.find(model.spectrum, "model.spectrum"), SOURCES.find(model.source, "model.source")
    every = with_own([*spectrum.parameters, *source.parameters])
    return {name: replace(d, label=spelled(d.label, model.mediator)) for name, d in every.items()}


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
