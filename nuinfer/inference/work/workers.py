"""Worker processes: one thread each, deaf to Ctrl-C, gone when their parent is, and lost one at a time.

`pebble` offers a pool whose processes may die one at a time too. It is not used: there all processes share one pipe and
its lock, so that one that is killed while it waits breaks the pool for all (tried with 5.2), and its pool is no
`concurrent.futures.Executor`.
"""

from __future__ import annotations

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

    `concurrent.futures.ProcessPoolExecutor` gives up everything when one of its processes dies. Here a thread watches
    each process: the call that ran in it ends with `BrokenProcessPool`, and the next one has a new process.

    Parameters
    ----------
    jobs : int
        Number of processes; they are started when they are needed.
    """

    def __init__(self, jobs: int) -> None:
        self._threads = futures.ThreadPoolExecutor(jobs, thread_name_prefix="nuinfer-worker")
        self._own = threading.local()
        self._pools: list[futures.ProcessPoolExecutor] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
        """Call a function in one of the processes."""
        return self._threads.submit(self._call, partial(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and end the processes when those that were made are done."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        for pool in self._pools:
            pool.shutdown(wait)

    def _call(self, call: Callable[[], Any]) -> Any:
        """Make a call in the process of this thread."""
        if getattr(self._own, "pool", None) is None:
            spawn = multiprocessing.get_context("spawn")
            self._own.pool = futures.ProcessPoolExecutor(1, mp_context=spawn, initializer=_start_worker)
            self._pools.append(self._own.pool)
        try:
            return self._own.pool.submit(call).result()
        except BrokenProcessPool:
            self._pools.remove(self._own.pool)  # it ends by itself
            self._own.pool = None
            raise


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
