"""Configuration: TOML to a checked, frozen `Config`.

Every key is known to a schema: an unknown one is an error that names the nearest. Units are part of the key names.
"""

from nuinfer.config.entries import FixedConfig, NormalConfig, ParametersConfig, SimplexConfig, UniformConfig
from nuinfer.config.fields import LATE, Count, EntryName, Table
from nuinfer.config.tables import Config, ModelConfig, SamplerConfig, constraint_forms, definitions, own_definitions
from nuinfer.config.text import parse, presets, read_text, split_override, validated

__all__ = [
    "LATE", "Config", "Count", "EntryName", "FixedConfig", "ModelConfig", "NormalConfig", "ParametersConfig",
    "SamplerConfig", "SimplexConfig", "Table", "UniformConfig", "constraint_forms", "definitions", "own_definitions",
    "parse", "presets", "read_text", "split_override", "validated",
]  # fmt: skip
