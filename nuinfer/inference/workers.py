"""Local worker processes: one thread each, started afresh, deaf to Ctrl-C, and gone when their parent is."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool

from nuinfer.errors import ConfigError, RunFolderError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@contextlib.contextmanager
def local_pool(jobs: int) -> Iterator[futures.Executor]:
    """Pool of `jobs` worker processes.

    They have one thread each even if there is only one of them: the rounding of a sum may depend on the number of
    threads, and the chains must not. They are spawned, because forking a process that has threads is not safe.

    Raises
    ------
    ConfigError
        If `jobs` is not positive.
    RunFolderError
        If a worker dies.
    """
    if jobs < 1:
        raise ConfigError(f"jobs: {jobs} is not allowed; it must be at least 1")
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))  # inherited; numerical libraries read it when they load
    context = multiprocessing.get_context("spawn")
    try:
        with futures.ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker) as pool:
            yield pool
    except BrokenProcessPool as error:
        raise RunFolderError(
            "a worker process died: out of memory, or a script that calls fit outside 'if __name__ == \"__main__\":'; "
            "what is on disk is intact and --resume continues it"
        ) from error
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the work at a block
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
