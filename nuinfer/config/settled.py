"""Values that keys stand for when they are left out, where these depend on other keys."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from nuinfer.config.entries import entry_of
from nuinfer.config.relics import not_heated_because
from nuinfer.config.tables import Config, own_definitions
from nuinfer.detector.folder import offered
from nuinfer.physics.spectra import SPECTRA

BY_DEFAULT: Mapping[tuple[str, str], Callable[[Config], Any]] = MappingProxyType({
    ("model", "relic_neutrinos"): lambda config: "standard" if not_heated_because(config) else "heated",
    ("model", "spectrum_frame"): lambda config: SPECTRA.find(config.model.spectrum, "model.spectrum").frames[0],
    ("data", "likelihood"): lambda config: "effective" if offered(config.data.dataset).variance else "poisson",
    ("data", "topologies"): lambda config: 3 if offered(config.data.dataset).double_cascades else 2,
})  # fmt: skip
"""Table and key to what it stands for when it is left out."""


def settled(config: Config) -> Config:
    """The configuration with the values of keys that are left out."""
    for (name, key), find in BY_DEFAULT.items():
        table = getattr(config, name)
        if getattr(table, key) is None:
            config = config.model_copy(update={name: table.model_copy(update={key: find(config)})})
    return config


def left_open(config: Config) -> dict[str, Any]:
    """Plain TOML values without those that a change of other keys may change: they are what stands for nothing."""
    tree: dict[str, Any] = config.model_dump(mode="json", exclude_none=True)
    for (name, key), find in BY_DEFAULT.items():
        if getattr(getattr(config, name), key) == find(config):
            del tree[name][key]
    for name, definition in own_definitions(config.model).items():
        if tree["parameters"].get(name) == entry_of(definition.default):
            del tree["parameters"][name]
    return tree
