"""What the tables of a configuration are made of: types of values, names that are looked up, and what is refused.

A refusal is one line: the key, the value, and what is allowed.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from nuinfer.physics.mediator import COUPLINGS
from nuinfer.registry import Registry, is_path
from nuinfer.typing import ComplexArray


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().resolve())


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


def complex_of(row: Any) -> tuple[complex, ...]:
    """Entries that are numbers, or pairs (re, im) where they are not real."""
    return tuple(complex(*entry) if np.ndim(entry) else complex(entry) for entry in row)


def _written(row: ComplexArray) -> list[float | tuple[float, float]]:
    """The same as a configuration has them."""
    return [(entry.real, entry.imag) if entry.imag else entry.real for entry in (row + 0.0).tolist()]


def _couplings(value: Any) -> object:
    """The name of a matrix, or its rows."""
    if isinstance(value, str):
        if value not in COUPLINGS:
            names = ", ".join(f"'{name}'" for name in COUPLINGS)
            allowed = f"{names} or a matrix{nearest(value, COUPLINGS)}"
            raise PydanticCustomError("couplings", "{allowed}", {"allowed": allowed})
        return value
    if value is None:
        return value
    try:
        matrix = np.array([complex_of(row) for row in value])
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape != (3, 3) or not np.all(np.isfinite(matrix)):
        allowed = "a name, or 3 rows of 3 entries, each a finite number or [re, im]"
        raise PydanticCustomError("couplings", "{allowed}", {"allowed": allowed})
    return [_written(row) for row in matrix]


def _amplitudes(value: Any) -> object:
    """Entries of a row."""
    if value is None:
        return value
    try:
        row = np.array(complex_of(value))
    except (TypeError, ValueError):
        row = np.zeros(0)
    if row.shape != (3,) or not np.all(np.isfinite(row)) or not row.any():
        allowed = "3 entries [c_e, c_mu, c_tau], each a finite number or [re, im], not all zero"
        raise PydanticCustomError("amplitudes", "{allowed}", {"allowed": allowed})
    return _written(row)


_Entry = float | tuple[float, float]
_Row = tuple[_Entry, ...]
Couplings = Annotated[str | tuple[_Row, _Row, _Row] | None, BeforeValidator(_couplings)]
"""A name of `COUPLINGS`, or a matrix."""

Amplitudes = Annotated[tuple[_Entry, _Entry, _Entry] | None, BeforeValidator(_amplitudes)]
"""Three numbers, real or complex."""


def not_built(off: object) -> BeforeValidator:
    """Only the value that leaves off what is not built yet."""

    def check(value: object) -> object:
        if value != off or isinstance(value, bool) != isinstance(off, bool):
            allowed = "leaving it out" if off is None else json.dumps(off)
            raise PydanticCustomError("not_built", "{allowed}", {"allowed": allowed})
        return value

    return BeforeValidator(check)


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


Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
EntryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
UserPath = Annotated[str, AfterValidator(_absolute)]


class Table(BaseModel):
    """A table of a configuration: frozen, every key known, numbers finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# Refusals -------------------------------------------------------------------------------------------------------------


def describe(error: ValidationError, root: type[BaseModel]) -> str:
    """The first thing that is wrong with a table.

    A table whose keys the user chooses may say in `entries` what they hold.
    """
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if path[0] == "parameters" and len(path) > 3:
        del path[2]  # the tag of the kind of entry
    where, value = ".".join(path), first["input"]
    if first["type"] == "extra_forbidden":
        return unknown(where, _keys_at(path[:-1], root))
    if first["type"] == "missing":
        return f"{where}: missing"
    if first["type"] == "not_built":
        return f"{where}: {json.dumps(value, default=str)} is not built yet: only {first['msg']} is allowed"
    if first["type"] == "model_type":
        return refused(where, value, "a table")
    return refused(where, value, first["msg"].removeprefix("Input should be ").replace("False", "false"))


def refused(where: str, value: object, allowed: str) -> str:
    """What is said of a value.

    Examples
    --------
    >>> refused("model.z_max", -1, "greater than 0")
    'model.z_max: -1 is not allowed; it should be greater than 0'
    """
    return f"{where}: {json.dumps(value, default=str)} is not allowed; it should be {allowed}"


def unknown(where: str, known: Iterable[str]) -> str:
    """What is said of a key.

    Examples
    --------
    >>> unknown("model.sorce", ["source", "spectrum"])
    "model.sorce: unknown key (did you mean 'source'?); known here: source, spectrum"
    """
    return f"{where}: unknown key{nearest(where.rpartition('.')[2], known)}; known here: {', '.join(known)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that may have been meant, as the end of a sentence; blank if there is none."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


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
