"""Values that keys stand for when they are left out, where these depend on other keys."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from nuinfer.config.entries import entry_of
from nuinfer.config.relics import relics_by_default
from nuinfer.config.tables import Config, own_definitions
from nuinfer.physics.spectra import SPECTRA, Frame


def frame_by_default(config: Config) -> Frame:
    """What a left-out ``model.spectrum_frame`` stands for."""
    return SPECTRA.find(config.model.spectrum, "model.spectrum").frames[0]


BY_DEFAULT: Mapping[str, Callable[[Config], str]] = MappingProxyType(
    {"relic_neutrinos": relics_by_default, "spectrum_frame": frame_by_default}
)
"""Key of ``[model]`` to what it stands for when it is left out."""


def settled(config: Config) -> Config:
    """The configuration with the values of keys that are left out."""
    values = {key: find(config) for key, find in BY_DEFAULT.items() if getattr(config.model, key) is None}
    return config.model_copy(update={"model": config.model.model_copy(update=values)}) if values else config


def left_open(config: Config) -> dict[str, Any]:
    """Plain TOML values without those that a change of other keys may change: they are what stands for nothing."""
    tree: dict[str, Any] = config.model_dump(mode="json", exclude_none=True)
    for key, find in BY_DEFAULT.items():
        if getattr(config.model, key) == find(config):
            del tree["model"][key]
    for name, definition in own_definitions(config.model).items():
        if tree["parameters"].get(name) == entry_of(definition.default):
            del tree["parameters"][name]
    return tree
