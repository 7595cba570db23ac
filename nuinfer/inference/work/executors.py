"""Where parallel work runs: processes of this machine, a dask cluster, or MPI, behind `concurrent.futures.Executor`.

`nuinfer.inference.work.calls` makes many independent calls on one of them.

The numbers do not depend on the choice: every worker computes with one thread, and seeds belong to the work, not to the
worker. Success is decided by what is on disk, never by the exit status of a launcher.

`pebble` offers a pool whose processes may die one at a time too. It is not used: there all processes share one pipe and
its lock, so that one that is killed while it waits breaks the pool for all (tried with 5.2), and its pool is no
`concurrent.futures.Executor`.
"""

import contextlib
import gc
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from nuinfer.errors import ConfigError, NoWorkersError, RunFolderError
from nuinfer.inference.work.calls import worker_lost
from nuinfer.inference.work.ending import deaf
from nuinfer.reading import content_of, json_of
from nuinfer.registry import imported

LOCAL_CLUSTER, MPI = "local", "mpi"
CONNECT_SECONDS = 10.0
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
STARTS = 2  # of a worker that dies before its first call
LONELY_SECONDS, QUEUED_SECONDS = 120.0, 3600.0  # without workers: of this machine, of a cluster, where they may queue
LOST = "a worker process died, out of memory for example; what is on disk is intact and --resume continues it"
GUARD = "a script has to call this under 'if __name__ == \"__main__\":', for every worker imports the script"
IN_A_POOL = "a worker of a multiprocessing.Pool cannot start others; give executor=ThreadPoolExecutor(1), for example"
LOCAL_CONFIG = {  # a dead worker is blamed on the one call that it had; what happens to that call, the caller says
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.preload": [__name__],
    "distributed.scheduler.http.routes": [],  # its pages would be open to every user of the machine
    "distributed.worker.http.routes": [],
}
ANY_PORT = "127.0.0.1:0"  # of the server of those pages: two clusters may run at once
LOCAL_OPTIONS = {
    "threads_per_worker": 1,
    "memory_limit": 0,
    "host": "127.0.0.1",
    "silence_logs": logging.CRITICAL,
    "dashboard_address": ANY_PORT,
    "scheduler_kwargs": {"dashboard": False},
}
SCHEDULER_FILE_BYTES = 1 << 24
MPI_RECIPE = "mpiexec -n N python -m mpi4py.futures -m nuinfer ..., with N at least 2 (one dispatches)"


@contextlib.contextmanager
def open_executor(jobs: int | None = None, scheduler: str | None = None) -> Iterator[futures.Executor]:
    """Workers for any parallel piece of the package.

    A dask cluster on this machine obeys nobody else: it talks TLS, with a key that only its own processes have.

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
    NoWorkersError
        If no worker can be started, or a cluster has none for an hour, one of this machine for two minutes.
    RunFolderError
        If a worker dies and the caller does not see to it.
    """
    if jobs is not None and jobs < 1:
        raise ConfigError(f"jobs: {jobs} is not allowed; it must be at least 1")
    if jobs is not None and scheduler not in (None, LOCAL_CLUSTER):
        raise ConfigError(f"jobs: {jobs} is not allowed with scheduler '{scheduler}', which has its own workers")
    own = multiprocessing.current_process()
    for cannot, reason in ((own.daemon, IN_A_POOL), (getattr(own, "_inheriting", False), GUARD)):
        if cannot and scheduler in (None, LOCAL_CLUSTER):
            raise NoWorkersError(f"workers cannot be started: {reason}")
    workers = jobs or os.cpu_count() or 1
    if scheduler is None:
        opened = _local(workers)
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


def workers_of(executor: futures.Executor) -> int | None:
    """How many calls it makes at once, if it is one of ours that knows."""
    return getattr(executor, "workers", None)


def start(executor: futures.Executor, module: str, most: int) -> None:
    """Start processes of ours now, which import a module while the caller does something else."""
    if isinstance(executor, LocalWorkers):
        for _ in range(min(executor.workers, most)):
            executor.submit(imported, module)


# Processes of this machine --------------------------------------------------------------------------------------------


class LocalWorkers(futures.Executor):
    """Processes of this machine, each a pool of its own: one that dies takes only its own call with it.

    `concurrent.futures.ProcessPoolExecutor` gives up everything when one of its processes dies. Here a thread watches
    each process: the call that ran in it ends with `BrokenProcessPool`, and the next one has a new process. Where none
    can be started, calls end with `NoWorkersError`. Processes have one thread each, are deaf to signals that end their
    parent, and gone when it is.

    Parameters
    ----------
    jobs : int
        Number of processes; they are started when they are needed.
    """

    def __init__(self, jobs: int) -> None:
        self.workers = jobs
        self._threads = futures.ThreadPoolExecutor(jobs, thread_name_prefix="nuinfer-worker")
        self._own = threading.local()
        self._pools: list[futures.ProcessPoolExecutor] = []
        self._calls = weakref.WeakSet[futures.Future[Any]]()
        self._ended = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
        """Call a function in one of the processes."""
        future = self._threads.submit(self._call, partial(fn, *args, **kwargs))
        self._calls.add(future)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and end the processes when those that were made are done."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        for pool in self._pools:
            if wait:
                _kill(pool)  # idle, and half a second faster than Python ends
            pool.shutdown(wait)

    def end(self) -> None:
        """End the processes whatever they are doing, and with them the calls that were made."""
        self._ended = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        while not all(future.done() for future in list(self._calls)):
            for pool in self._pools.copy():
                _kill(pool)
            time.sleep(0.02)

    def _call(self, call: Callable[[], Any]) -> Any:
        """Make a call in the process of this thread."""
        if getattr(self._own, "pool", None) is None:
            self._own.pool = self._started()
        try:
            return self._own.pool.submit(call).result()
        except BrokenProcessPool:
            self._pools.remove(self._own.pool)  # it ends by itself
            self._own.pool = None
            raise

    def _started(self, tries: int = STARTS) -> futures.ProcessPoolExecutor:
        """A process that has answered."""
        pool: futures.ProcessPoolExecutor | None = None
        try:
            spawn = multiprocessing.get_context("spawn")
            thrift = gc.get_threshold()
            pool = futures.ProcessPoolExecutor(1, mp_context=spawn, initializer=_start_worker, initargs=thrift)
            self._pools.append(pool)
            pool.submit(os.getpid).result()
        except (OSError, RuntimeError, ImportError) as error:  # no files, processes, threads or semaphores, or it died
            if pool is not None:
                self._pools.remove(pool)
                _kill(pool)
            if self._ended:
                raise
            died = isinstance(error, BrokenProcessPool)
            if died and tries > 1:
                return self._started(tries - 1)
            reason = f"it died {STARTS} times before it was there; {GUARD}" if died else f"{error}; give fewer jobs"
            raise NoWorkersError(f"a worker process cannot be started: {reason}") from error
        return pool


@contextlib.contextmanager
def _local(jobs: int) -> Iterator[futures.Executor]:
    """Worker processes with one thread each.

    That holds even if there is only one of them: the rounding of a sum may depend on the number of threads, and the
    chains must not. They are spawned, because forking a process that has threads is not safe.
    """
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))  # inherited; numerical libraries read it when they load
    try:
        with LocalWorkers(jobs) as pool:
            try:
                yield pool
            except BaseException:
                pool.end()  # what still runs is not wanted, and may hang
                raise
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _kill(pool: futures.ProcessPoolExecutor) -> None:
    """End its process."""
    for process in list((pool._processes or {}).values()):
        process.kill()


def _start_worker(*thrift: int) -> None:
    """Let a process of ours be deaf, collect garbage as its parent does, and end with it."""
    gc.set_threshold(*thrift)
    deaf()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _import_emcee()


def _import_emcee() -> None:
    """Without scipy.stats, which takes a third of the time of a worker's start: a move needs it that is not used."""
    if "scipy.stats" in sys.modules:  # the user's script has imported it
        return
    hidden: Any = None
    sys.modules["scipy.stats"] = hidden
    try:
        imported("emcee")
    finally:
        del sys.modules["scipy.stats"]


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


# Workers that somebody else has started -------------------------------------------------------------------------------


class SingleThreaded(futures.Executor):
    """Workers that are held to one thread, like processes of our own.

    Parameters
    ----------
    submit : callable
        Makes a call in one of them, and returns a future.
    """

    def __init__(self, submit: Callable[..., futures.Future[Any]]) -> None:
        self._submit = submit

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
        """Call a function in one of the workers."""
        return self._submit(_call_single_threaded, pickle.dumps(partial(fn, *args, **kwargs)))


def _call_single_threaded(pickled: bytes) -> Any:
    """Call a function that is pickled by itself, so that numerical libraries load after the threads are limited."""
    if any(os.environ.get(name) != "1" for name in THREADS[:3]):
        if "numpy" in sys.modules:
            raise ConfigError("a worker loaded numpy with several threads; start the workers with OMP_NUM_THREADS=1")
        os.environ.update(dict.fromkeys(THREADS, "1"))
    return pickle.loads(pickled)()  # noqa: S301 - bytes that our own parent process has made


@contextlib.contextmanager
def _dask(workers: int, scheduler: str) -> Iterator[futures.Executor]:
    where = f"scheduler '{scheduler}'"
    distributed, dask = imported("distributed", where, "cluster"), imported("dask", where, "cluster")
    with contextlib.ExitStack() as stack:
        if scheduler == LOCAL_CLUSTER:
            stack.enter_context(dask.config.set(LOCAL_CONFIG))
            imported("cryptography", where, "cluster")  # which dask makes the key with
            security = distributed.Security.temporary()
            cluster = distributed.LocalCluster(n_workers=workers, security=security, **LOCAL_OPTIONS)
            address: Any = stack.enter_context(cluster)
        try:
            if scheduler != LOCAL_CLUSTER:
                is_file = scheduler.endswith(".json")
                address = json_of(content_of(scheduler, SCHEDULER_FILE_BYTES))["address"] if is_file else scheduler
            client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError, KeyError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            text = f"{where}: not 'local', not 'mpi', and no dask scheduler answers there ({reason})"
            raise ConfigError(text) from error
        stack.enter_context(client)
        calls = weakref.WeakSet[futures.Future[Any]]()
        patience = LONELY_SECONDS if scheduler == LOCAL_CLUSTER else QUEUED_SECONDS
        stack.enter_context(_watched(client, calls, where, patience))
        try:
            yield SingleThreaded(partial(_submit, client, calls))
        except futures.CancelledError as error:
            text = f"{where}: it is gone; what is on disk is intact, and --resume continues it"
            raise RunFolderError(text) from error


@contextlib.contextmanager
def _watched(client: Any, calls: weakref.WeakSet[futures.Future[Any]], where: str, patience: float) -> Iterator[None]:
    """Give calls up that wait for so many seconds in a cluster without workers."""
    over = threading.Event()

    def watch() -> None:
        seen = time.monotonic()
        while not over.wait(patience / 20.0):
            waiting, there = [one for one in list(calls) if not one.done()], None
            with contextlib.suppress(Exception):  # it does not answer either
                there = client.sync(client.scheduler.identity, callback_timeout=patience)["workers"]
            if there or not waiting:
                seen = time.monotonic()
            elif time.monotonic() - seen > patience:
                text = f"{where}: it has had no workers for {patience:g} s; what is on disk is intact"
                for future in waiting:
                    with contextlib.suppress(futures.InvalidStateError):
                        future.set_exception(NoWorkersError(f"{text}, and --resume continues it"))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(CONNECT_SECONDS)


def _submit(
    client: Any, calls: weakref.WeakSet[futures.Future[Any]], function: Callable[..., Any], pickled: bytes
) -> futures.Future[Any]:
    """Make a call in one of the workers of a dask client.

    Its own executor fails a call with an error of its own where the worker that holds the result dies before the
    result is fetched (distributed 2026.8); here dask computes it again.
    """
    future: futures.Future[Any] = futures.Future()
    calls.add(future)
    remote = client.submit(function, pickled, pure=False)
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
        yield SingleThreaded(executor.submit)


def dask_setup(worker: object) -> None:  # noqa: ARG001 - dask calls it so in every worker that preloads this module
    """Make a worker of a local cluster deaf to Ctrl-C too; its nanny ends it by SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
