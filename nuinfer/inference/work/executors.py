"""Where parallel work runs: processes of this machine, a dask cluster, or MPI, behind `concurrent.futures.Executor`.

The numbers do not depend on the choice: every worker computes with one thread, and seeds belong to the work, not to the
worker. Success is decided by what is on disk, never by the exit status of a launcher.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

from nuinfer.errors import ConfigError, RunFolderError
from nuinfer.inference.work.workers import SingleThreaded, local_pool
from nuinfer.registry import imported

LOCAL_CLUSTER, MPI = "local", "mpi"
CONNECT_SECONDS = 10.0
LOST = (
    "a worker process died: out of memory, or a script that calls fit outside 'if __name__ == \"__main__\":'; "
    "what is on disk is intact and --resume continues it"
)
LOCAL_CONFIG = {  # a dead worker is blamed on the one call that it had; what happens to that call, the caller says
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.preload": ["nuinfer.inference.work.workers"],
}
LOCAL_OPTIONS = {  # dashboard at any free port: two clusters may run at once
    "threads_per_worker": 1,
    "host": "127.0.0.1",
    "dashboard_address": "127.0.0.1:0",
    "memory_limit": 0,
    "silence_logs": logging.CRITICAL,
}
MPI_RECIPE = "mpiexec -n N python -m mpi4py.futures -m nuinfer ..., with N at least 2 (one dispatches)"


@contextlib.contextmanager
def open_executor(jobs: int | None = None, scheduler: str | None = None) -> Iterator[futures.Executor]:
    """Workers for any parallel piece of the package.

    Parameters
    ----------
    jobs : int, optional
        Worker processes of this machine, by default one per core.
    scheduler : str, optional
        None: processes of this machine. "local": a dask cluster on this machine. "mpi": the other ranks of a process
        started as ``mpiexec -n N python -m mpi4py.futures -m nuinfer ...``. Else the address of a dask scheduler, or
        the path of its scheduler file (``*.json``).

    Yields
    ------
    concurrent.futures.Executor
        Functions and arguments must pickle. `worker_lost` tells whether a call failed because its worker died; the
        other calls go on.

    Raises
    ------
    ConfigError
        If the extra for the scheduler is not installed, the scheduler does not answer, or `jobs` is not allowed.
    RunFolderError
        If a worker dies and the caller does not see to it.
    """
    if jobs is not None and jobs < 1:
        raise ConfigError(f"jobs: {jobs} is not allowed; it must be at least 1")
    if jobs is not None and scheduler not in (None, LOCAL_CLUSTER):
        raise ConfigError(f"jobs: {jobs} is not allowed with scheduler '{scheduler}', which has its own workers")
    workers = jobs or os.cpu_count() or 1
    if scheduler is None:
        opened = local_pool(workers)
    elif scheduler == MPI:
        opened = _mpi()
    else:
        opened = _dask(workers, scheduler)
    try:
        with opened as executor:
            yield executor
    except Exception as error:
        if worker_lost(error):  # and nobody has seen to it
            raise RunFolderError(LOST) from error
        raise


def given_or_opened(
    executor: futures.Executor | None, jobs: int | None = None, scheduler: str | None = None
) -> contextlib.AbstractContextManager[futures.Executor]:
    """An executor that is there already, left open, or workers of our own, see `open_executor`."""
    return open_executor(jobs, scheduler) if executor is None else contextlib.nullcontext(executor)


def worker_lost(error: BaseException | None) -> bool:
    """Whether a call failed because the worker that it ran in died."""
    return isinstance(error, BrokenProcessPool) or type(error).__name__ == "KilledWorker"


@contextlib.contextmanager
def _dask(workers: int, scheduler: str) -> Iterator[futures.Executor]:
    where = f"scheduler '{scheduler}'"
    distributed, dask = imported("distributed", where, "cluster"), imported("dask", where, "cluster")
    with contextlib.ExitStack() as stack:
        if scheduler == LOCAL_CLUSTER:
            stack.enter_context(dask.config.set(LOCAL_CONFIG))
            address: Any = stack.enter_context(distributed.LocalCluster(n_workers=workers, **LOCAL_OPTIONS))
        try:
            if scheduler != LOCAL_CLUSTER:
                is_file = scheduler.endswith(".json")
                address = json.loads(Path(scheduler).read_text())["address"] if is_file else scheduler
            client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError, KeyError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(
                f"{where}: not 'local', not 'mpi', and no dask scheduler answers there ({reason})"
            ) from error
        stack.enter_context(client)
        try:
            yield SingleThreaded(_Dask(client))
        except futures.CancelledError as error:
            raise RunFolderError(
                f"{where}: it is gone; what is on disk is intact, and the same command goes on with it"
            ) from error


class _Dask(futures.Executor):
    """The workers of a dask client.

    Its own executor fails a call with an error of its own where the worker that holds the result dies before the
    result is fetched (distributed 2026.8); here dask computes it again.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
        """Call a function in one of the workers."""
        future: futures.Future[Any] = futures.Future()
        remote = self._client.submit(fn, *args, **kwargs, pure=False)
        future.add_done_callback(lambda done: remote.cancel() if done.cancelled() else None)
        remote.add_done_callback(partial(_settle, future))
        return future


def _settle(future: futures.Future[Any], remote: Any) -> None:
    """Give a future what has come of a call in a cluster."""
    with contextlib.suppress(futures.InvalidStateError):  # the caller has cancelled it meanwhile
        try:
            future.set_result(remote.result())
        except futures.CancelledError:  # the scheduler is gone
            future.cancel()
            future.set_running_or_notify_cancel()
        except Exception as error:  # noqa: BLE001 - it is the caller's, who finds it in the future
            future.set_exception(error)


@contextlib.contextmanager
def _mpi() -> Iterator[futures.Executor]:
    imported("mpi4py", "scheduler 'mpi'", "mpi")
    try:
        size = imported("mpi4py.MPI").COMM_WORLD.Get_size()
        pools = imported("mpi4py.futures")
    except (ImportError, RuntimeError) as error:  # mpi4py itself loads without an MPI library
        reason = " ".join(str(error).split())
        raise ConfigError(f"scheduler 'mpi': no MPI library can be loaded, install OpenMPI ({reason})") from error
    started_as_pool = getattr(sys.modules.get("mpi4py.futures._core"), "SharedPool", True) is not None
    if size < 2 or not started_as_pool:
        raise ConfigError(f"scheduler 'mpi': start it as {MPI_RECIPE}")
    with pools.MPIPoolExecutor() as executor:
        yield SingleThreaded(executor)
