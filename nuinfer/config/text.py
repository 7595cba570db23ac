"""Presets, TOML texts and overrides: what becomes a `Config`, or one line that says what is wrong."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nuinfer import reading
from nuinfer.config.fields import describe, late_keys
from nuinfer.config.settled import settled
from nuinfer.config.tables import OTHER, Config, DataConfig, ModelConfig, definitions
from nuinfer.constraints import CONSTRAINTS
from nuinfer.datafiles import MANIFEST, is_own, refuse_ambiguous
from nuinfer.errors import ConfigError, expanded, nearest
from nuinfer.errors import resolved as resolved_path
from nuinfer.registry import is_path

Checked = TypeVar("Checked", bound=BaseModel)

ALL = "constraints.all."

RESETTING = ("value", "prior")
"""Keys of a parameter that replace what it was."""

FROM_FILES = ("source", "spectrum", "evolution")
"""Keys of ``[model]`` that may name a user's file."""

_NAMES = re.compile(
    rf"data\.dataset|model\.({'|'.join(FROM_FILES)})|constraints\.(custom\.\w+\.file|limit_curve\.\w+\.table)"
)

LARGEST = 1_000_000
"""Bytes of a configuration, at most."""

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
        return (resources.files("nuinfer") / "presets" / f"{preset_or_path}.toml").read_text("utf-8")
    try:
        return read_toml_text(expanded(preset_or_path))
    except OSError as error:
        neither = f"neither a preset ({', '.join(presets())}) nor a readable TOML file ({error.strerror or error})"
        raise ConfigError(f"'{preset_or_path}': {neither}{nearest(str(preset_or_path), presets())}") from error


def read_toml_text(path: Path) -> str:
    """Text of a file that shall be TOML, not larger than any that a person writes.

    Raises
    ------
    ConfigError
        If it is not in UTF-8.
    OSError
        If it cannot be read, is no file, or is larger.
    """
    try:
        return reading.text_of(reading.content_of(path, LARGEST))
    except ValueError as error:
        raise ConfigError(f"'{path}': TOML is written in UTF-8, and this is {error}") from error


def parse(
    text: str, overrides: Iterable[str] | Mapping[str, Any] = (), *, resolved: bool = False, folder: Path | None = None
) -> Config:
    """Check a TOML text with overrides on top of it.

    Parameters
    ----------
    text : str
        Contents of a configuration file.
    overrides : iterable of str, or mapping
        ``"model.source=pgamma"``: a dotted key and a TOML value, else a bare string; or dotted keys to values. A table
        changes the keys that it has.
    resolved : bool
        Whether the text has every key that there was when it was written: what it lacks is what it was then.
    folder : Path, optional
        Where a user's text lies: its relative paths begin there, those of overrides in the working directory.

    Raises
    ------
    ConfigError, DataIntegrityError
        One line that names the key, the value and what is allowed; a data set's name that may mean two.

    Examples
    --------
    >>> parse("", ["model.source=pgamma", "parameters.gamma.value=2.5"]).parameters.gamma
    FixedConfig(value=2.5)
    """
    tree = toml(text)
    if resolved:
        for name, table in (("model", ModelConfig), ("data", DataConfig)):
            were = {key: value for key, value in late_keys(table).items() if value is not None}
            tree[name] = {**were, **tree.get(name, {})}
    if folder is not None:
        _anchor(tree, folder)
    before = definitions(tree).keys()
    for key, value in given(overrides).items():
        _assign(tree, key.split("."), value)
    if isinstance(entries := tree.get("parameters"), dict):
        for name in before - definitions(tree).keys():  # of a user's file that is no longer chosen
            entries.pop(name, None)
    return settled(validated(Config, tree))


def typed(text: str, overrides: Iterable[str] | Mapping[str, Any]) -> list[str]:
    """Dotted keys with a value that a user's text and overrides give, in their order."""
    trees = _leaves("", toml(text)), *(_leaves(key, value) for key, value in given(overrides).items())
    return list(dict.fromkeys(key for key, _ in itertools.chain(*trees)))


def toml(text: str, where: str = "") -> dict[str, Any]:
    """Values of a TOML text; `where` is said before what is wrong with it.

    Raises
    ------
    ConfigError
        If it is not TOML, or nests deeper or has longer numbers than Python reads.
    """
    try:
        return reading.toml_of(text)
    except ValueError as error:
        raise ConfigError(f"{where}{error}") from error


def given(overrides: Iterable[str] | Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys of overrides and their plain values; ``constraints.all`` stands for each shipped constraint."""
    pairs = overrides.items() if isinstance(overrides, Mapping) else map(split_override, overrides)
    plain = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in pairs}  # numpy's
    if isinstance(name := plain.get("data.dataset"), str):
        refuse_ambiguous(name, Path())
    return {one: value for key, value in plain.items() for one in _each(key)}


def _each(key: str) -> list[str]:
    """The keys that a key of an override stands for."""
    if not key.startswith(ALL):
        return [key]
    return [f"constraints.{name}.{key.removeprefix(ALL)}" for name in CONSTRAINTS.shipped]


def own_paths(tree: Mapping[str, Any]) -> dict[str, str]:
    """Dotted keys of a resolved configuration that name files or a data set of the user's, and their paths."""
    named = {key: value for key, value in _leaves("", tree) if _NAMES.fullmatch(key) and isinstance(value, str)}
    return {key: value for key, value in named.items() if is_path(value)}


def names_code(config: Config) -> bool:
    """Whether a configuration has functions of the user's, whose numbers are checked where they are used."""
    return bool(config.constraints.custom) or any(is_path(getattr(config.model, key)) for key in FROM_FILES)


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Dotted keys that have a value, and the values."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}".removeprefix("."), inner)
    else:
        yield path, value


def _anchor(tree: dict[str, Any], folder: Path) -> None:
    """Let the relative paths in a user's text begin in its folder."""
    for key, value in list(_leaves("", tree)):
        if not _NAMES.fullmatch(key) or not isinstance(value, str):
            continue
        relative = is_path(value) or key.startswith("constraints")
        if key == "data.dataset":
            refuse_ambiguous(value, folder)
            relative = is_own(value) or (folder / value / MANIFEST).is_file()
        if relative and not value.startswith("~"):
            _assign(tree, key.split("."), str(resolved_path(folder) / value))


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
        return key.strip(), reading.toml_of(f"value = {value}")["value"]
    except ValueError:
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
    if len(path) == 3 and path[0] == "parameters" and path[2] in RESETTING:
        node.clear()
    if path[:-1] == ["model"] and value is not None:
        node.pop(OTHER.get(path[-1], ""), None)
    if isinstance(value, Mapping) and isinstance(node.get(path[-1]), dict):
        for key in sorted(value, key=lambda key: key not in RESETTING):  # first what clears the others
            _assign(tree, [*path, key], value[key])
    else:
        node[path[-1]] = value
