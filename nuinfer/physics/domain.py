"""What formulas refuse: arguments outside the range in which they hold, named with the value and what is allowed."""

from typing import Any, Literal, get_args

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.typing import ArrayLike, FloatArray


def checked(name: str, values: ArrayLike, must_be: Literal["positive", ">= 0", ">= -1"]) -> FloatArray:
    """The values as an array, all of them what they must be.

    Raises
    ------
    PhysicsDomainError
        Naming the least one.
    """
    array = np.asarray(values, float)
    if not np.all(array > 0.0 if must_be == "positive" else array >= float(must_be[2:])):
        raise PhysicsDomainError(f"{name}: {array.min():g} is not allowed, it must be {must_be}")
    return array


def check_choice(name: str, value: object, kind: Any) -> None:
    """Refuse a value that is none of the literals of a type.

    Raises
    ------
    PhysicsDomainError
        Naming them.
    """
    if value not in get_args(kind):
        raise PhysicsDomainError(f"{name}: '{value}' is not one of {', '.join(map(repr, get_args(kind)))}")
