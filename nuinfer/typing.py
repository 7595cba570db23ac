"""Array aliases, a view of an array that nobody can write to, and marks of keys that may do nothing.

Shapes are written in docstrings as ``(*batch, physics axes)``: sample axes lead, physics axes trail, and a single
point has batch ``()``.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]
ComplexArray = npt.NDArray[np.complex128]
ArrayLike = npt.ArrayLike
AnyArray = npt.NDArray[Any]


def read_only(values: ArrayLike) -> FloatArray:
    """A view of an array for a function of the user, which cannot write to it.

    Examples
    --------
    >>> read_only([1.0, 2.0]).flags.writeable
    False
    """
    view = np.asarray(values).view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True)
class Idle:
    """Marks a key that does nothing with some values of others.

    Parameters
    ----------
    because : callable
        From the table that has the key and the whole configuration to the reason; blank where the key does something.
    """

    because: Callable[[Any, Any], str]


def only(key: str, *values: object) -> Idle:
    """Marks a key that does something only where another one of its table has one of some values.

    Examples
    --------
    >>> only("masses", "split").because(type("Model", (), {"masses": "degenerate"}), None)
    'with masses = "degenerate"'
    """

    def because(own: Any, _: object) -> str:
        value = getattr(own, key)
        return "" if value in values else f"with {key} = {json.dumps(value)}"

    return Idle(because)
