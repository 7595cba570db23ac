"""Counts and likelihoods of a batch on an NVIDIA GPU, by the functions that a CPU runs, compiled for a team of threads.

A warp, threads that run in step, works on one point at a time: loops over nodes, columns and bins are divided among its
lanes, and the workspace of the point lies in the memory that they share, if it is small enough, else in that of the
card. Parameters, priors and constraints stay on the host.

Nothing else imports ``numba.cuda``, and nothing imports this module before a GPU is asked for. With
``NUMBA_ENABLE_CUDASIM=1`` numba simulates a GPU in Python.
"""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numba import float64

from nuinfer.compiled import barrier, cut, points_of, shaped
from nuinfer.detector.response import Expected, Passing, Response, count, counting_size
from nuinfer.errors import ConfigError
from nuinfer.likelihood import COUNTING, weigh
from nuinfer.registry import imported
from nuinfer.transport.points import Bins, Path, Points
from nuinfer.transport.resonant import at_earth, most_nodes
from nuinfer.transport.workspace import workspace_of
from nuinfer.typing import FloatArray, IntArray

LANES = 32
"""Threads of a warp."""

SHARED_BYTES = 48 * 1024
"""Most memory that the lanes of a block can share on every card."""

BLOCKS = 4096
"""Most warps at a time, more than a card runs at once; each goes on to the next point that is left."""

MOST = 2**17
"""Most points of a launch: more are not faster, and what comes back has to wait in memory that the card can reach."""

MEMORY_SHARE = 0.25
"""Part of the memory that is free which a batch may take: other processes may be on the same card."""

Data = tuple[FloatArray, FloatArray, IntArray]
"""Observed counts of data sets, their `log_factorials`, and the data set of each point."""

cuda: Any = imported("numba.cuda")
config: Any = imported("numba.core.config")
config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a single point is a batch too

WHERE = "sampler.device 'cuda'"


class Warp(NamedTuple):
    """A member of a team that works in step.

    Parameters
    ----------
    lane, lanes : int
        Its number, and how many there are.
    """

    lane: int
    lanes: int


@points_of.register(Warp)
def _points_of(team: Warp, n: int) -> range:  # noqa: ARG001
    return range(cuda.blockIdx.x, n, cuda.gridDim.x)


@barrier.register(Warp)
def _barrier(team: Warp) -> None:  # noqa: ARG001
    cuda.syncthreads()


Work = tuple[tuple[Points, Passing, Data], tuple[Path, Bins, Response], int, FloatArray, Expected, FloatArray]
"""A batch, what does not change, the most nodes of a point, and room for integrals, counts and log-likelihoods."""


def _evaluate(work: Work, room: FloatArray) -> None:
    """Counts and log-likelihoods of a batch, with room for the workspace of one point."""
    (points, passing, data), (path, bins, response), n_most, integrals, expected, log_like = work
    team = Warp(cuda.threadIdx.x, cuda.blockDim.x)
    at_earth(team, points, path, bins, shaped(room[:0], (0, 0)), n_most, room, integrals)
    barrier(team)
    count(team, integrals, passing, response, room, expected)
    terms, _ = cut(room, 0, expected.variance.shape[1:])
    weigh(team, COUNTING, data, expected, terms, log_like)


_evaluated: Any = cuda.jit(_evaluate, device=True)


def _in_shared(work: Work) -> None:
    """The kernel where lanes share enough memory for the workspace."""
    _evaluated(work, cuda.shared.array(0, float64))


def _in_spare(work: Work, spare: FloatArray) -> None:
    """The kernel where it lies in the memory of the card: a row per block."""
    _evaluated(work, spare[cuda.blockIdx.x])


# Cached ones failed on a card, where numba had linked them with files of its own.
_shared, _spare = map(cuda.jit, (_in_shared, _in_spare))


def check() -> None:
    """Refuse to go on where there is no GPU that can be used.

    Raises
    ------
    ConfigError
        One line that says what is missing.
    """
    if config.ENABLE_CUDASIM:
        return
    imported("numba_cuda", WHERE, extra="gpu")
    from numba.cuda.cudadrv.error import CudaSupportError

    try:
        cards = len(cuda.gpus)
    except CudaSupportError as error:
        reason = " ".join(str(error).split()).rstrip(" .:")
        raise ConfigError(f"{WHERE}: no NVIDIA GPU with a driver is here: {reason}") from None
    if cards == 0:
        raise ConfigError(f"{WHERE}: the driver finds no NVIDIA GPU")


@dataclass(frozen=True)
class Card:
    """What a GPU holds that does not change from point to point.

    Parameters
    ----------
    path, bins, response
        Of the transport, of the integrals, of the data set; see there.
    rooms : dict
        Memory of the card, and of the host where the card can reach it, that calls use again: to get it is slow.
    """

    path: Path
    bins: Bins
    response: Response
    rooms: dict[str, Any] = field(default_factory=dict)

    def _room(self, name: str, shape: tuple[int, ...], make: Callable[[int], Any]) -> Any:
        """Room for an array of this shape, whose content the next call overwrites."""
        size = math.prod(shape)
        if name not in self.rooms or self.rooms[name].size < size:
            self.rooms[name] = make(size)
        return self.rooms[name][:size].reshape(shape)

    @cached_property
    def there(self) -> tuple[Path, Bins, Response]:
        """The same in the memory of the GPU."""
        return tuple(_sent((self.path, self.bins, self.response)))

    def batches(self, n: int, one: Points) -> Iterator[slice]:
        """Parts of `n` points like `one` that the memory of the card can take."""
        check()
        free = cuda.current_context().get_memory_info().free
        each_bytes = 8 * (3 * self.response.templates.size + 100) + sum(array.nbytes for array in _arrays(one))
        most = int(min(max(MEMORY_SHARE * free / each_bytes, 1), max(n, 1), MOST))
        return (slice(first, first + most) for first in range(0, n, most))

    def launch(self, points: Points, passing: Passing, data: Data) -> tuple[Callable[[], None], Any, Any]:
        """What makes the GPU compute a batch that is sent, and where it writes counts and log-probabilities."""
        n, (n_background, n_topology, n_bin) = points.spectrum.gamma.size, self.response.templates.shape
        n_most = most_nodes(points, self.bins)
        counting = counting_size(self.response)
        room = max(workspace_of(points, self.path, n_most).size, counting, n_topology * n_bin)
        blocks, shared = min(n, BLOCKS), 8 * room
        shapes = {
            "integrals": (n, points.source.shape[1], 3, self.bins.ln_edges.size - 1),
            "counts": (n, 1 + n_background, n_topology, n_bin),
            "variance": (n, n_topology, n_bin),
            "log_like": (n,),
        }
        integrals, counts, variance, log_like = (
            self._room(name, shape, cuda.device_array) for name, shape in shapes.items()
        )
        expected = Expected(counts, variance)
        work = _sent((points, passing, data)), self.there, n_most, integrals, expected, log_like
        if shared <= SHARED_BYTES:
            launch = functools.partial(_shared[blocks, LANES, 0, shared], work)
        else:
            spare = self._room("spare", (blocks, room), cuda.device_array)
            launch = functools.partial(_spare[blocks, LANES], work, spare)
        return launch, expected, log_like

    def evaluate(self, points: Points, passing: Passing, data: Data) -> tuple[Expected, FloatArray]:
        """What is expected, batch (n,), and the log-probabilities (n,) of data sets; the next call overwrites them."""
        launch, expected, log_like = self.launch(points, passing, data)
        launch()
        *found, log_like = (
            each.copy_to_host(self._room(f"{name} here", each.shape, cuda.pinned_array))
            for name, each in {**expected._asdict(), "log_like": log_like}.items()
        )
        return Expected(*found), log_like


def _arrays(tree: Any) -> Iterator[FloatArray]:
    """The arrays of named tuples."""
    for leaf in tree:
        if isinstance(leaf, tuple):
            yield from _arrays(leaf)
        elif isinstance(leaf, np.ndarray):
            yield leaf


def _sent(tree: Any) -> Any:
    """Named tuples with their arrays on the card; simulated ones stay where they are."""
    if isinstance(tree, tuple):
        leaves = map(_sent, tree)
        return type(tree)(*leaves) if hasattr(tree, "_fields") else tuple(leaves)
    if isinstance(tree, np.ndarray) and not config.ENABLE_CUDASIM:
        return cuda.to_device(np.ascontiguousarray(tree))
    return tree
