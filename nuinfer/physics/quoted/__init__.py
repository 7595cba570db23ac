"""What the paper quotes and no fit needs."""

from __future__ import annotations

from typing import Literal

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.typing import ArrayLike, FloatArray


def checked(name: str, values: ArrayLike, must_be: Literal["positive", ">= 0"]) -> FloatArray:
    """The values as an array, all of them what they must be.

    Raises
    ------
    PhysicsDomainError
        Naming the least one.
    """
    array = np.asarray(values, float)
    if not np.all(array > 0.0 if must_be == "positive" else array >= 0.0):
        raise PhysicsDomainError(f"{name}: {array.min():g} is not allowed, it must be {must_be}")
    return array
