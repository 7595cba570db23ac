"""Configuration: TOML to a checked, frozen `Config`.

Every key is known to a schema: an unknown one is an error that names the nearest. Units are part of the key names.
"""

from nuinfer.config.entries import FixedConfig, NormalConfig, ParametersConfig, SimplexConfig, UniformConfig, entry_of
from nuinfer.config.fields import Count, EntryName, Table, idle_keys, late_keys
from nuinfer.config.relics import n_eff, not_heated_because
from nuinfer.config.settled import left_open
from nuinfer.config.tables import (
    Config,
    DataConfig,
    ModelConfig,
    SamplerConfig,
    constraint_forms,
    definitions,
    mediator_of,
    own_definitions,
)
from nuinfer.config.text import (
    CONFIG_RESOLVED,
    names_code,
    own_paths,
    parse,
    presets,
    read_text,
    read_toml_text,
    split_override,
    toml,
    typed,
    validated,
)

__all__ = [
    "CONFIG_RESOLVED", "Config", "Count", "DataConfig", "EntryName", "FixedConfig", "ModelConfig", "NormalConfig",
    "ParametersConfig", "SamplerConfig", "SimplexConfig", "Table", "UniformConfig", "constraint_forms", "definitions",
    "entry_of", "idle_keys", "late_keys", "left_open", "mediator_of", "n_eff", "names_code", "not_heated_because",
    "own_definitions", "own_paths", "parse", "presets", "read_text", "read_toml_text", "split_override", "toml",
    "typed", "validated",
]  # fmt: skip
