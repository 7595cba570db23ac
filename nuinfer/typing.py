"""Array aliases, and a view of an array that nobody can write to.

Shapes are written in docstrings as ``(*batch, physics axes)``: sample axes lead, physics axes trail, and a single
point has batch ``()``.
"""

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
