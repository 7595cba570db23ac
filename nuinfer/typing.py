"""Array aliases.

Shapes are written in docstrings as ``(*batch, physics axes)``: sample axes lead, physics axes trail, and a single
point has batch ``()``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]
ComplexArray = npt.NDArray[np.complex128]
ArrayLike = npt.ArrayLike
AnyArray = npt.NDArray[Any]
