"""How a function is compiled, and run over arrays: the only place that says so.

Physics is written as plain functions of floats and arrays, with no allocation inside. With ``NUMBA_DISABLE_JIT=1`` in
the environment the same code runs in Python.
"""

import contextlib
import functools
import gc
import hashlib
import math
import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import numba
import numpy as np
from numba.core import event
from numba.extending import intrinsic, overload

from nuinfer.errors import LOG
from nuinfer.private import beside_temporary_files
from nuinfer.typing import ArrayLike, FloatArray

_Function = TypeVar("_Function", bound=Callable[..., object])

arrayobj, cgutils, imputils, config = (
    import_module(f"numba.{name}") for name in ("np.arrayobj", "core.cgutils", "core.imputils", "core.config")
)


SOURCES = (
    *("compiled.py", "constants.py", "device.py", "forward.py", "likelihood.py", "unpack.py"),
    *("physics/**/*.py", "transport/*.py", "detector/*.py", "constraints/**/*.py"),
)
"""Where functions that are compiled may be."""


class Uncompiled(BaseException):
    """Something would have to be compiled, where that is refused; nobody but who refuses it catches this."""


class _Notice(event.Listener):
    """Says, once, that something is compiled before it is, because that takes as long as nothing else here.

    Meanwhile garbage is not looked for: a compiler makes many objects, and next to none that it takes that to free.
    """

    said = refused = False
    depth = 0
    collects = False

    def on_start(self, _: Any) -> None:
        """Before a function is compiled that is not in the cache."""
        if self.refused:
            raise Uncompiled
        if self.depth == 0:
            self.collects = gc.isenabled()
            gc.disable()
        self.depth += 1
        if not self.said:
            self.said = True
            LOG.info("compiling, once, 20 to 50 s")

    def on_end(self, _: Any) -> None:
        """Afterwards."""
        self.depth -= 1
        if self.depth == 0 and self.collects:
            gc.enable()


_NOTICE = _Notice()


@contextlib.contextmanager
def nothing_compiled() -> Iterator[None]:
    """Raise `Uncompiled` where something would be compiled that is not in the cache."""
    _NOTICE.refused = True
    try:
        yield
    finally:
        _NOTICE.refused = False


@functools.cache
def _fingerprint() -> str:
    """Of all sources, because a compiled function holds those that it calls, and numba looks at its own file alone."""
    cast("Any", event).register("numba:compile", _NOTICE)
    folder = Path(__file__).parent
    files = sorted(file for pattern in SOURCES for file in folder.glob(pattern))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _index(load: Callable[[], dict[Any, Any]]) -> dict[Any, Any]:
    """What is cached; nothing if it was written when a type had another place."""
    try:
        return load()
    except (ImportError, AttributeError):
        return {}


def _jit(function: Any, **options: Any) -> Any:
    jit = functools.partial(numba.njit, error_model="numpy", nogil=True, no_cfunc_wrapper=True, **options)
    try:
        return stamped(jit(cache=True)(function))
    except RuntimeError:  # neither this folder nor the user's cache can be written to
        return stamped(jit(cache=_cached_elsewhere())(function))


@functools.cache
def _cached_elsewhere() -> bool:
    """Let the cache be a private folder beside temporary files, for workers too; False if there can be none."""
    try:
        folder = beside_temporary_files()
    except OSError:
        return False
    os.environ["NUMBA_CACHE_DIR"] = cast("Any", numba.config).CACHE_DIR = str(folder)
    return True


def stamped(dispatcher: Any) -> Any:
    """A compiled function whose cache is that of all sources, and may fail to be written."""
    cache: Any = getattr(dispatcher, "_cache", None)
    if cache_file := getattr(cache, "_cache_file", None):
        cache_file._source_stamp = _fingerprint()
        cache_file._load_index = functools.partial(_index, cache_file._load_index)
        cache._save_overload = functools.partial(_saved, cache._save_overload)
    return dispatcher


def _saved(save: Callable[..., None], *arguments: object) -> None:
    """Write what is compiled to the cache; where a disk is full it is compiled again the next time."""
    with contextlib.suppress(OSError):
        save(*arguments)


def compiled(function: _Function) -> _Function:
    """Compile a function; the result is cached on disk, and other threads run meanwhile."""
    return cast("_Function", _jit(function))


def inner(function: _Function) -> _Function:
    """As `compiled`, for what runs inside: no allocation, no counting of references, and a b + c rounded once."""
    return cast("_Function", _jit(function, _nrt=False, fastmath={"contract"}))


def phase(function: _Function) -> _Function:
    """As `inner`, for what compiled functions alone call: nothing is compiled for calls from Python."""
    return cast("_Function", _jit(function, _nrt=False, no_cpython_wrapper=True, fastmath={"contract"}))


def reordered(function: _Function) -> _Function:
    """As `compiled`, with sums in any order, so that they are vectorised."""
    return cast("_Function", _jit(function, fastmath={"contract", "reassoc"}))


def stretch(function: _Function) -> _Function:
    """As `phase`, with sums in any order."""
    return cast("_Function", _jit(function, _nrt=False, no_cpython_wrapper=True, fastmath={"contract", "reassoc"}))


def inlined(function: _Function) -> _Function:
    """Compile a short function into those that call it, anew wherever they do.

    Examples
    --------
    >>> inlined(lambda x: 1.0 / x)(4.0)
    0.25
    """
    return cast("_Function", numba.njit(inline="always", error_model="numpy")(function))


def elementwise(loop: Callable[..., None], values: tuple[ArrayLike, ...], *constants: object) -> FloatArray:
    """The array front of a compiled loop.

    Parameters
    ----------
    loop : callable
        ``loop(*values, *constants, out)`` with contiguous arrays of one length; it fills `out`.
    values : tuple of array_like
        They broadcast to (*batch,).
    *constants
        Whatever else the loop takes.

    Returns
    -------
    ndarray, shape (*batch,)

    Examples
    --------
    >>> def loop(x, y, factor, out):
    ...     out[:] = factor * x * y
    >>> elementwise(loop, ([[1.0], [2.0]], [3.0, 4.0]), 10.0).tolist()
    [[30.0, 40.0], [60.0, 80.0]]
    """
    arrays = [np.asarray(value, float) for value in values]
    shape = arrays[0].shape
    if any(array.shape != shape for array in arrays):
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        arrays = [np.full(shape, array) for array in arrays]
    out = np.empty(shape)
    loop(*[array.ravel() for array in arrays], *constants, out.ravel())  # a view of an array just made
    return out


def plain(function: Callable[..., object]) -> Callable[..., Any]:
    """A compiled function as Python runs it: a formula written with numpy serves arrays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> plain(inlined(lambda x: 2.0 * x))(np.array([1.0, 2.0])).tolist()
    [2.0, 4.0]
    """
    found: Callable[..., Any] = getattr(function, "py_func", function)
    return found


class Part(Protocol):
    """A function with a body for each type of its first argument."""

    def register(self, kind: type) -> Callable[[_Function], _Function]:
        """Decorate the body for a type, a named tuple."""

    def __call__(self, first: Any, *rest: Any) -> Any:
        """Call the body for the type of `first`."""


def part(generic: Callable[..., Any]) -> Part:
    """A function with a body for each type of its first argument, chosen when what calls it is compiled.

    Bodies are registered as with `functools.singledispatch`; the types are named tuples.
    """
    function = functools.singledispatch(generic)

    @overload(function, strict=False)
    def choose(first: Any, *_: Any) -> Callable[..., Any]:
        return function.dispatch(first.instance_class)

    return cast("Part", function)


# Who does the work: what computes a point is compiled for one thread of a CPU and for a team of threads of a GPU ------


class Alone(NamedTuple):
    """A thread of a CPU, which does all the work.

    Parameters
    ----------
    lane : int
        Its number in a team of one.
    """

    lane: int = 0


ALONE = Alone()


@inlined
def each(team: Any, n: int) -> range:
    """Those of the indices from 0 to `n` that a member of a team sees to: all, or every so-manieth from its own."""
    return range(0, n, 1) if len(team) == 1 else range(team[0], n, team[-1])


@inlined
def span(team: Any, first: int, end: int) -> range:
    """Those of the indices from `first` to `end`, none of them negative, that a member of a team sees to.

    A function that takes them with whole arrays is compiled sooner than slices are.
    """
    start, stop = np.uint64(first), np.uint64(max(first, end))
    if len(team) == 1:
        return range(start, stop, np.uint64(1))
    return range(start + np.uint64(team[0]), stop, np.uint64(team[-1]))


@inlined
def leads(team: Any) -> bool:
    """Whether it is the member that does what only one can do."""
    return len(team) == 1 or team[0] == 0


@part
def points_of(team: Any, n: int) -> range:  # noqa: ARG001 - one thread has them all
    """Those of `n` points that a team works on."""
    return range(n)


@part
def barrier(team: Any) -> None:
    """Wait for the others of the team, before what they have written is read or what they read is written."""


@inlined
def cut(room: Any, at: int, shape: Any) -> Any:
    """An array in a room, and where the next one begins."""
    size = 1
    for length in shape:
        size *= length
    return shaped(room[at : at + size], shape), at + size


def _shaped(_: Any, array: Any, shape: Any) -> Any:
    """A contiguous array in another shape of the same size.

    Numba's own way calls a function that lies in another file on a GPU, which keeps what arrays are out of registers.
    """
    kind = array.copy(ndim=len(shape), layout="C")

    def build(context: Any, builder: Any, _: Any, values: Any) -> Any:
        flat = arrayobj.make_array(array)(context, builder, values[0])
        made = arrayobj.make_array(kind)(context, builder)
        lengths, step = cgutils.unpack_tuple(builder, values[1]), flat.itemsize
        steps: list[Any] = []
        for length in reversed(lengths):
            steps.insert(0, step)
            step = builder.mul(step, length)
        facts = {"data": flat.data, "itemsize": flat.itemsize, "meminfo": flat.meminfo, "parent": flat.parent}
        arrayobj.populate_array(made, shape=lengths, strides=steps, **facts)
        return imputils.impl_ret_borrowed(context, builder, kind, made._getvalue())

    return kind(array, shape), build


shaped: Any = np.reshape if config.DISABLE_JIT else intrinsic(_shaped)


def square_root(x: Any) -> Any:
    """The root of a number or of an array: the compiler for GPUs lacks numpy's, of numbers."""
    return np.sqrt(x)


@overload(square_root, strict=False)
def _square_root(x: Any) -> Callable[..., Any]:
    if isinstance(x, numba.types.Array):
        return lambda x: np.sqrt(x)  # noqa: PLW0108 - it is compiled
    return lambda x: math.sqrt(x)  # noqa: PLW0108 - so is this
