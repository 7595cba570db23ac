"""Many independent calls on one executor: as they end, whatever happens to some of them."""

from __future__ import annotations

import collections
from collections.abc import Callable, Generator, Iterable
from concurrent import futures
from dataclasses import dataclass
from itertools import islice
from typing import Any

from nuinfer.inference.work.executors import worker_lost

WINDOW = 1000  # calls that an executor holds at a time


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
    """

    key: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    label: str = ""


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
        return " ".join(f"{type(self.error).__name__}: {self.error}".split())


def dispatch(executor: futures.Executor, calls: Iterable[Call], attempts: int = 3) -> Generator[Ended]:
    """Make calls and yield each as it ends.

    A call whose worker died is made again, up to `attempts` times in all; one that raises is not, because it would
    raise again. Neither disturbs the others: a cluster blames a dead worker on everything that it had been given, so
    those that are made again are made one at a time, away from each other. Whatever has not started is cancelled when
    the iterator is closed.

    Raises
    ------
    concurrent.futures.CancelledError
        If the executor itself is gone.
    """
    waiting, suspects = iter(calls), collections.deque[tuple[Call, int]]()
    running: dict[futures.Future[Any], tuple[Call, int]] = {}
    try:
        while True:
            for call in islice(waiting, WINDOW - len(running)):
                running[executor.submit(call.function, *call.arguments)] = call, 1
            if suspects and all(attempt == 1 for _, attempt in running.values()):
                call, attempt = suspects.popleft()
                running[executor.submit(call.function, *call.arguments)] = call, attempt
            if not running:
                return
            for future in futures.wait(running, return_when=futures.FIRST_COMPLETED).done:
                call, attempt = running.pop(future)
                error = future.exception()
                if worker_lost(error) and attempt < attempts:
                    suspects.append((call, attempt + 1))
                else:
                    yield Ended(call.key, None if error else future.result(), error, attempt, call.label or call.key)
    finally:
        for future in running:
            future.cancel()
