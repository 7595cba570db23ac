"""Worker processes: one thread each, deaf to Ctrl-C, gone when their parent is, and lost one at a time.

`pebble` offers a pool whose processes may die one at a time too. It is not used: there all processes share one pipe and
its lock, so that one that is killed while it waits breaks the pool for all (tried with 5.2), and its pool is no
`concurrent.futures.Executor`.
"""

from __future__ import annotations

import collections
import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from typing import Any

from nuinfer.errors import ConfigError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class LocalWorkers(futures.Executor):
    """Processes of this machine, each a pool of its own: one that dies takes only its own call with it.

    `concurrent.futures.ProcessPoolExecutor` gives up everything when one of its processes dies. Here the call that ran
    in it ends with `BrokenProcessPool`, and a new process takes its place.

    Parameters
    ----------
    jobs : int
        Number of processes; they are started when they are needed.
    """

    def __init__(self, jobs: int) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._waiting: collections.deque[tuple[futures.Future[Any], Callable[[], Any]]] = collections.deque()
        self._idle: list[futures.ProcessPoolExecutor | None] = [None] * jobs
        self._pools: set[futures.ProcessPoolExecutor] = set()
        self._open: set[futures.Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
        """Call a function in one of the processes."""
        future: futures.Future[Any] = futures.Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("these workers are shut down")
            self._waiting.append((future, partial(fn, *args, **kwargs)))
            self._open.add(future)
        future.add_done_callback(self._forget)
        self._feed()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and end the processes when those that were made are done."""
        with self._lock:
            self._closed = True
            waiting = [future for future, _ in self._waiting] if cancel_futures else []
            unfinished = list(self._open)
        for future in waiting:
            future.cancel()
        if wait:
            futures.wait(unfinished)
        with self._lock:
            pools = list(self._pools)
        for pool in pools:
            pool.shutdown(wait=wait)

    def _feed(self) -> None:
        """Give calls that wait to processes that are idle."""
        while True:
            with self._lock:
                if not (self._waiting and self._idle):
                    return
                future, call = self._waiting.popleft()
                if not future.set_running_or_notify_cancel():
                    continue
                pool = self._idle.pop() or futures.ProcessPoolExecutor(
                    1, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
                )
                self._pools.add(pool)
            try:
                pool.submit(call).add_done_callback(partial(self._finish, future, pool))
            except BrokenProcessPool as error:  # it died while it was idle
                self._free(pool, broken=True)
                future.set_exception(error)

    def _finish(
        self, future: futures.Future[Any], pool: futures.ProcessPoolExecutor, inner: futures.Future[Any]
    ) -> None:
        error = inner.exception()
        self._free(pool, broken=isinstance(error, BrokenProcessPool))
        if error is None:
            future.set_result(inner.result())
        else:
            future.set_exception(error)
        self._feed()

    def _free(self, pool: futures.ProcessPoolExecutor, *, broken: bool) -> None:
        with self._lock:
            self._idle.append(None if broken else pool)
            if broken:  # it ends by itself; its lock may be held here
                self._pools.discard(pool)

    def _forget(self, future: futures.Future[Any]) -> None:
        with self._lock:
            self._open.discard(future)


@contextlib.contextmanager
def local_pool(jobs: int) -> Iterator[futures.Executor]:
    """Pool of `jobs` worker processes.

    They have one thread each even if there is only one of them: the rounding of a sum may depend on the number of
    threads, and the chains must not. They are spawned, because forking a process that has threads is not safe.
    """
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))  # inherited; numerical libraries read it when they load
    try:
        with LocalWorkers(jobs) as pool:
            yield pool
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


class SingleThreaded(futures.Executor):
    """Another executor whose workers, started by somebody else, are held to one thread like those of `local_pool`.

    Parameters
    ----------
    inner : concurrent.futures.Executor
        Does the work.
    """

    def __init__(self, inner: futures.Executor) -> None:
        self._inner = inner

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
        """Call a function in one of the workers."""
        return self._inner.submit(_call_single_threaded, pickle.dumps((fn, args, kwargs)))


def _call_single_threaded(pickled: bytes) -> Any:
    """Call a function that is pickled by itself, so that numerical libraries load after the threads are limited."""
    if any(os.environ.get(name) != "1" for name in THREADS[:3]):
        if "numpy" in sys.modules:
            raise ConfigError("a worker loaded numpy with several threads; start the workers with OMP_NUM_THREADS=1")
        os.environ.update(dict.fromkeys(THREADS, "1"))
    function, args, kwargs = pickle.loads(pickled)  # noqa: S301 - bytes that our own parent process has made
    return function(*args, **kwargs)


@lru_cache(maxsize=8)
def unpickled(pickled: bytes) -> Any:
    """What our own parent process has pickled: an analysis for example, built once per process."""
    return pickle.loads(pickled)  # noqa: S301 - bytes that our own parent process has made


class Inline(futures.Executor):
    """Calls in this very thread: for work inside a worker."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
        """Call the function now."""
        future: futures.Future[Any] = futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is the caller's, who finds it in the future
            future.set_exception(error)
        return future


def dask_setup(worker: object) -> None:  # noqa: ARG001 - dask calls it so in every worker that preloads this module
    """Make a worker of a local cluster deaf to Ctrl-C too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the work at a block
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
