"""How a function is compiled: the only place that says so.

Physics is written as plain functions of floats and arrays, with no allocation inside. With ``NUMBA_DISABLE_JIT=1`` in
the environment the same code runs in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile a function; the result is cached on disk, and other threads run meanwhile."""
    return cast("_Function", numba.njit(cache=True, error_model="numpy", nogil=True)(function))


def inlined(function: _Function) -> _Function:
    """Compile a function into those that call it.

    Examples
    --------
    >>> inlined(lambda x: 1.0 / x)(4.0)
    0.25
    """
    return cast("_Function", numba.njit(inline="always", error_model="numpy")(function))
