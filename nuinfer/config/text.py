"""Presets, TOML texts and overrides: what becomes a `Config`, or one line that says what is wrong."""

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from nuinfer.config.fields import Table, describe, late_keys, nearest
from nuinfer.config.settled import settled
from nuinfer.config.tables import OTHER, Config, DataConfig, ModelConfig, definitions
from nuinfer.errors import ConfigError

Checked = TypeVar("Checked", bound=Table)

CONFIG_RESOLVED = "config.resolved.toml"
"""The file of a run that holds every key with its value: those that it lacks did not exist when it was written."""


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
        neither = f"neither a preset ({', '.join(presets())}) nor a readable TOML file"
        raise ConfigError(f"'{preset_or_path}': {neither}{nearest(str(preset_or_path), presets())}") from error


def parse(text: str, overrides: Iterable[str] | Mapping[str, Any] = (), *, resolved: bool = False) -> Config:
    """Check a TOML text with overrides on top of it.

    Parameters
    ----------
    text : str
        Contents of a configuration file.
    overrides : iterable of str, or mapping
        ``"model.source=pgamma"``: a dotted key and a TOML value, else a bare string; or dotted keys to values.
    resolved : bool
        Whether the text has every key that there was when it was written: what it lacks is what it was then.

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
    if resolved:
        for name, table in (("model", ModelConfig), ("data", DataConfig)):
            were = {key: value for key, value in late_keys(table).items() if value is not None}
            tree[name] = {**were, **tree.get(name, {})}
    before = definitions(tree).keys()
    for key, value in overrides.items() if isinstance(overrides, Mapping) else map(split_override, overrides):
        _assign(tree, key.split("."), value)
    if isinstance(entries := tree.get("parameters"), dict):
        for name in before - definitions(tree).keys():  # of a user's file that is no longer chosen
            entries.pop(name, None)
    return settled(validated(Config, tree))


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
    """Set a dotted key; `value` and `prior` of a parameter replace what it was, other keys change one number of it.

    Charges replace couplings, and couplings charges.
    """
    node = tree
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise ConfigError(f"{'.'.join(path)}: '{part}' is a value, not a table")
    if len(path) == 3 and path[0] == "parameters" and path[2] in ("value", "prior"):
        node.clear()
    if path[:-1] == ["model"] and value is not None:
        node.pop(OTHER.get(path[-1], ""), None)
    node[path[-1]] = value
