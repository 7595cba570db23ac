"""Calls that workers make: what they are, and how many of them are made whatever happens to some."""

import collections
import pickle
import queue
import time
from collections.abc import Callable, Generator, Iterable
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from nuinfer.errors import NoWorkersError, shortened_in

WINDOW = 1000  # calls that an executor holds at a time


class Awaited:
    """Futures, and which of them has ended, for a thread that signals interrupt.

    `concurrent.futures.wait` goes through the locks of all futures; interrupted meanwhile it keeps one, and the thread
    that has to say how that call ended waits for it for ever.
    """

    def __init__(self) -> None:
        self.running: set[futures.Future[Any]] = set()
        self._ended: queue.SimpleQueue[futures.Future[Any]] = queue.SimpleQueue()

    def add(self, future: futures.Future[Any]) -> None:
        """Wait for this one too."""
        self.running.add(future)
        future.add_done_callback(self._ended.put)

    def next(self, seconds: float | None = None) -> futures.Future[Any] | None:
        """One that has ended, as soon as there is one; None if there is none left, or none for so many seconds."""
        if not self.running:
            return None
        try:
            future = self._ended.get(timeout=seconds)
        except queue.Empty:
            return None
        self.running.discard(future)
        return future

    def all_within(self, seconds: float) -> bool:
        """Wait at most so many seconds until all have ended; whether they have."""
        end = time.monotonic() + seconds
        while self.next(max(0.0, end - time.monotonic())):
            pass
        return not self.running


class Inline(futures.Executor):
    """Calls in this very thread: for work inside a worker, or without any."""

    workers = 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
        """Call the function now."""
        future: futures.Future[Any] = futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the caller's, who finds it in the future
            future.set_exception(error)
        return future


@lru_cache(maxsize=8)
def unpickled(pickled: bytes) -> Any:
    """What our own parent process has pickled: an analysis for example, built once per process."""
    return pickle.loads(pickled)  # noqa: S301 - bytes that our own parent process has made


def on_unpickled(function: Callable[..., Any], pickled: bytes, *arguments: Any) -> Any:
    """A function of what our own parent process has pickled, see `unpickled`, and of other arguments."""
    return function(unpickled(pickled), *arguments)


@dataclass(frozen=True)
class Call:
    """One call, which must pickle.

    Parameters
    ----------
    key : str
        What names it.
    function : callable
        Is called.
    arguments : tuple
        With these.
    label : str
        What people call it, by default its key.
    group, together : optional
        Calls of one group can be made as one: of the arguments of each, for a list of their results.
    """

    key: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    label: str = ""
    group: str = ""
    together: Callable[[list[Any]], list[Any]] | None = None


@dataclass(frozen=True)
class Ended:
    """How a call ended.

    Parameters
    ----------
    key : str
        The call.
    result : object
        What it returned; None if it failed.
    error : Exception or None
        Why it failed.
    attempts : int
        How often it was started.
    label : str
        What people call it.
    """

    key: str
    result: Any
    error: BaseException | None
    attempts: int
    label: str

    @property
    def reason(self) -> str:
        """Why it failed, in one line."""
        if worker_lost(self.error):
            return f"its worker died, {self.attempts} times"
        return shortened_in(" ".join(f"{type(self.error).__name__}: {self.error}".split()))


def worker_lost(error: BaseException | None) -> bool:
    """Whether a call failed because the worker that it ran in died."""
    return isinstance(error, BrokenProcessPool) or type(error).__name__ == "KilledWorker"


def dispatch(executor: futures.Executor, calls: Iterable[Call], attempts: int = 3) -> Generator[Ended]:
    """Make calls and yield each as it ends.

    A call whose worker died is made again, up to `attempts` times in all; one that raises is not, because it would
    raise again. Neither disturbs the others: a cluster blames a dead worker on everything that it had been given, so
    those that are made again are made one at a time, away from each other. Whatever has not started is cancelled when
    the iterator is closed.

    Raises
    ------
    NoWorkersError
        If there is no worker any more, and none can be started.
    concurrent.futures.CancelledError
        If the executor itself is gone.
    """
    window = 1 if isinstance(executor, Inline) else WINDOW  # a result is there before the next call is made
    waiting, suspects = iter(calls), collections.deque[tuple[Call, int]]()
    awaited, running = Awaited(), dict[futures.Future[Any], tuple[Call, int]]()

    def made(call: Call, attempt: int) -> None:
        future = executor.submit(call.function, *call.arguments)
        running[future] = call, attempt
        awaited.add(future)

    try:
        while True:
            for call in islice(waiting, window - len(running)):
                made(call, 1)
            if suspects and all(attempt == 1 for _, attempt in running.values()):
                made(*suspects.popleft())
            if (future := awaited.next()) is None:
                return
            call, attempt = running.pop(future)
            error = future.exception()
            if isinstance(error, NoWorkersError):  # not the fault of this call, and no other would end
                raise error
            if worker_lost(error) and attempt < attempts:
                suspects.append((call, attempt + 1))
            else:
                yield Ended(call.key, None if error else future.result(), error, attempt, call.label or call.key)
    finally:
        for future in running:
            future.cancel()
