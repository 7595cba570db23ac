"""What the tables of a configuration are made of: types of values, and names of things that are looked up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from nuinfer.registry import Registry, is_path


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


def not_built(off: object) -> BeforeValidator:
    """Only the value that leaves off what is not built yet."""

    def check(value: object) -> object:
        if value != off or isinstance(value, bool) != isinstance(off, bool):
            allowed = "leaving it out" if off is None else json.dumps(off)
            raise PydanticCustomError("not_built", "{allowed}", {"allowed": allowed})
        return value

    return BeforeValidator(check)


LATE: dict[str, Any] = {"late": True}
"""Marks a key that 0.1.0 did not have: at its default it does not enter the hash of a configuration."""

Late = Field(json_schema_extra=LATE)

Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
EntryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
UserPath = Annotated[str, AfterValidator(_absolute)]


class Table(BaseModel):
    """A table of a configuration: frozen, every key known, numbers finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
