"""Types and a part for `test_compiled`."""

from __future__ import annotations

from typing import NamedTuple

from nuinfer.compiled import part


class Left(NamedTuple):
    """One type."""

    size: float


class Right(NamedTuple):
    """Another."""

    size: float


@part
def area(shape):
    """Size, unless a type says otherwise."""
    return shape.size


@area.register(Right)
def _(shape):
    return shape.size**2
