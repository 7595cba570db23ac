"""What the tables of a configuration are made of: types of values, names that are looked up, and what is refused.

A refusal is one line: the key, the value, and what is allowed.
"""

import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, get_args

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from nuinfer.errors import nearest, resolved
from nuinfer.physics.mediator import COUPLINGS
from nuinfer.reading import LONGEST
from nuinfer.registry import Registry, is_path
from nuinfer.typing import Idle

TINY = 1e-100
"""Least size of a number that is not 0, and the inverse of the largest: beyond them squares overflow."""


def _absolute(path: str) -> str:
    return str(resolved(path))


def one_of(known: Registry[Any] | Mapping[str, Any], *, files: bool = False) -> BeforeValidator:
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


def _sensible(value: float) -> float:
    """A number whose square is one, or 0."""
    if value and not TINY <= abs(value) <= 1.0 / TINY:
        raise PydanticCustomError("sensible", "{allowed}", {"allowed": f"between {TINY:g} and {1.0 / TINY:g} in size"})
    return value


def complex_of(row: Any) -> tuple[complex, ...]:
    """Entries that are numbers, or pairs (re, im) where they are not real."""
    return tuple(complex(*entry) if np.ndim(entry) else complex(entry) for entry in row)


def complex_entries(value: Any, shape: tuple[int, ...], allowed: str) -> Any:
    """Nested lists of finite numbers, each a number or, where it is not real, a pair (re, im)."""

    def plain(part: Any) -> Any:
        if isinstance(part, list):
            return tuple(map(plain, part))
        return (part.real, part.imag) if part.imag else part.real

    try:
        array = np.array(complex_of(value) if len(shape) == 1 else list(map(complex_of, value)))
    except (TypeError, ValueError):
        array = np.zeros(0)
    sizes = np.abs(array[array != 0.0])
    if array.shape != shape or not np.all((sizes >= TINY) & (sizes <= 1.0 / TINY)):
        raise PydanticCustomError("entries", "{allowed}", {"allowed": f"{allowed}, each a finite number or [re, im]"})
    return plain((array + 0.0).tolist())  # no -0


def _couplings(value: Any) -> Any:
    """The name of a matrix, or its rows."""
    if isinstance(value, str) and value not in COUPLINGS:
        names = ", ".join(f"'{name}'" for name in COUPLINGS)
        allowed = f"{names} or a matrix{nearest(value, COUPLINGS)}"
        raise PydanticCustomError("couplings", "{allowed}", {"allowed": allowed})
    named = value is None or isinstance(value, str)
    return value if named else complex_entries(value, (3, 3), "a name, or 3 rows of 3 entries")


def _amplitudes(value: Any) -> Any:
    """Entries of a row."""
    allowed = "3 entries [c_e, c_mu, c_tau], not all zero"
    found = None if value is None else complex_entries(value, (3,), allowed)
    if found is not None and not any(map(np.any, found)):
        raise PydanticCustomError("entries", "{allowed}", {"allowed": allowed})
    return found


_Entry = float | tuple[float, float]
_Row = tuple[_Entry, ...]
Couplings = Annotated[str | tuple[_Row, _Row, _Row] | None, BeforeValidator(_couplings)]
"""A name of `COUPLINGS`, or a matrix."""

Amplitudes = Annotated[tuple[_Entry, _Entry, _Entry] | None, BeforeValidator(_amplitudes)]
"""Three numbers, real or complex."""


BEFORE = "before"


def late(before: str | float | None) -> Any:
    """Marks a key that 0.1.0 did not have and the value that it did its work with.

    At that value the key does not enter the hash of a configuration; an old resolved configuration, without it, has it.
    """
    return Field(json_schema_extra={BEFORE: before})


def late_keys(table: type[BaseModel]) -> dict[str, Any]:
    """Keys of a table that 0.1.0 did not have, and what it had in their place."""
    extras = {name: field.json_schema_extra for name, field in table.model_fields.items()}
    return {name: extra[BEFORE] for name, extra in extras.items() if isinstance(extra, dict) and BEFORE in extra}


def idle_keys(table: BaseModel, config: BaseModel, keys: Collection[str], path: str = "") -> Iterator[tuple[str, str]]:
    """Those of some dotted keys that do nothing, and why.

    A key with its default value, which says what would be without it, and a table that is switched off are passed over.
    """
    for name, field in type(table).model_fields.items() if getattr(table, "form", None) != "off" else ():
        value, key = getattr(table, name), f"{path}{name}"
        if isinstance(value, BaseModel):
            yield from idle_keys(value, config, keys, f"{key}.")
        elif key in keys and value != field.get_default():
            reasons = (mark.because(table, config) for mark in field.metadata if isinstance(mark, Idle))
            yield from ((key, because) for because in itertools.islice(filter(None, reasons), 1))


LISTED = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
"""A list of TOML for a tuple."""

Sensible = Annotated[float, AfterValidator(_sensible)]
Positive = Annotated[Sensible, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
EntryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
UserPath = Annotated[str, AfterValidator(_absolute)]


class Table(BaseModel):
    """A table of a configuration: frozen, every key known, numbers finite and no texts or truth values."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


# Refusals -------------------------------------------------------------------------------------------------------------


def describe(error: ValidationError, root: type[BaseModel]) -> str:
    """The first thing that is wrong with a table, or all keys that are missing there.

    A table whose keys the user chooses may say in `entries` what they hold.
    """
    first = error.errors()[0]
    path = _place(first)
    where, value = ".".join(path), first["input"]
    if first["type"] == "extra_forbidden":
        return unknown(where, _keys_at(path[:-1], root))
    if first["type"] == "missing":
        lacking = [_place(one) for one in error.errors() if one["type"] == "missing"]
        return f"{', '.join('.'.join(one) for one in lacking if one[:-1] == path[:-1])}: missing"
    if first["type"] == "model_type":
        return refused(where, value, "a table")
    return refused(where, value, first["msg"].removeprefix("Input should be ").replace("False", "false"))


def _place(error: ErrorDetails) -> list[str]:
    """Keys that lead to what is wrong."""
    path = [str(part) for part in error["loc"]]
    if path[0] == "parameters" and len(path) > 3:
        del path[2]  # the tag of the kind of entry
    return path


def refused(where: str, value: object, allowed: str) -> str:
    """What is said of a value.

    Examples
    --------
    >>> refused("model.z_max", -1, "greater than 0")
    'model.z_max: -1 is not allowed; it should be greater than 0'
    """
    shown = json.dumps(value, default=str)
    shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]} ..."
    return f"{where}: {shown} is not allowed; it should be {allowed}"


def unknown(where: str, known: Iterable[str]) -> str:
    """What is said of a key.

    Examples
    --------
    >>> unknown("model.sorce", ["source", "spectrum"])
    "model.sorce: unknown key (did you mean 'source'?); known here: source, spectrum"
    """
    return f"{where}: unknown key{nearest(where.rpartition('.')[2], known)}; known here: {', '.join(known)}"


def _keys_at(path: list[str], root: type[BaseModel]) -> list[str]:
    """Keys known to the table at `path`, or to all that may stand there."""
    tables = [root]
    for part in path:
        fields = [
            t.model_fields[part].annotation if part in t.model_fields else getattr(t, "entries", None) for t in tables
        ]
        inner = [table for annotation in fields for table in _tables_in(annotation)]
        tables = inner or tables  # the name of an entry that the user chose leads no further
    return list(dict.fromkeys(key for table in tables for key in table.model_fields))


def _tables_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for member in get_args(annotation) for table in _tables_in(member)]
