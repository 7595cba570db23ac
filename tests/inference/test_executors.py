"""Executors: the same numbers everywhere, a dead worker takes only its own call, a missing extra is named."""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

from nuinfer import registry
from nuinfer.errors import ConfigError, NoWorkersError, RunFolderError
from nuinfer.inference.work import executors
from nuinfer.inference.work.calls import Awaited, Call, Inline, dispatch, worker_lost
from nuinfer.inference.work.ending import ended_by_signals
from nuinfer.inference.work.executors import open_executor

needs_cluster = pytest.mark.skipif(not importlib.util.find_spec("distributed"), reason="needs nuinfer[cluster]")
SCHEDULERS = [None, pytest.param("local", marks=needs_cluster)]


def total(x):
    """A sum whose rounding depends on the order, with the threads that this process may use."""
    return float(np.sum(np.sin(x * np.arange(10_000.0)))), [os.environ.get(name) for name in executors.THREADS]


def fails(x):
    raise ValueError(f"{x} is unlucky")


def dies(x):
    os._exit(3)


def dies_once(path):
    if not path.exists():
        path.touch()
        os._exit(3)
    return "alive"


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_calls_that_fail_or_die_cost_nothing_but_themselves(scheduler, tmp_path):
    good = [Call(f"good {k}", total, (0.1 * k,)) for k in range(6)]
    bad = [Call("raises", fails, (13,)), Call("kills", dies, (0,)), Call("once", dies_once, (tmp_path / "dead",))]
    with open_executor(2, scheduler) as executor:
        ended = {one.key: one for one in dispatch(executor, [*good[:3], *bad, *good[3:]])}
    assert set(ended) == {call.key for call in [*good, *bad]}
    for call in good:
        expected, threads = total(*call.arguments)[0], ["1"] * 3
        assert ended[call.key].result[0] == expected
        assert ended[call.key].result[1][:3] == threads
    assert isinstance(ended["raises"].error, ValueError)
    assert ended["raises"].attempts == 1
    assert worker_lost(ended["kills"].error)
    assert ended["kills"].attempts == 3
    assert ended["once"].result == "alive"


@needs_cluster
def test_a_local_cluster_has_the_workers_that_were_asked_for():
    with open_executor(1, "local") as executor:
        processes = {executor.submit(os.getpid).result() for _ in range(6)}
        futures.wait([executor.submit(time.sleep, 0.1) for _ in range(4)])
        waiting = [executor.submit(os.getpid) for _ in range(6)]
        processes |= {one.result() for one in waiting}
    assert len(processes) == 1


def heard(address, context):
    """What a server of dask, which speaks first, says to whom it trusts."""
    with socket.create_connection(address.removeprefix("tls://").split(":"), timeout=5.0) as stranger:
        try:
            with context.wrap_socket(stranger, server_hostname="dask-internal") as wrapped:
                return wrapped.recv(100)
        except OSError:
            return b""


@needs_cluster
def test_a_local_cluster_listens_to_nobody_else():
    """Every port of scheduler, nanny and worker wants a certificate; without one, or with another, it says nothing."""
    import distributed

    without = ssl.create_default_context()
    without.check_hostname, without.verify_mode = False, ssl.CERT_NONE
    other = distributed.Security.temporary().get_connection_args("client")["ssl_context"]
    other.check_hostname, other.verify_mode = False, ssl.CERT_NONE
    with open_executor(1, "local") as executor:
        cluster = executor._submit.args[0].cluster
        ((worker, facts),) = cluster.scheduler.identity()["workers"].items()
        for address in (cluster.scheduler_address, worker, facts["nanny"]):
            assert heard(address, cluster.security.get_connection_args("client")["ssl_context"])
            assert not heard(address, without)
            assert not heard(address, other)
        plain = cluster.scheduler_address.replace("tls", "tcp")
        with pytest.raises(OSError, match="closed"):
            distributed.Client(plain, timeout=5.0, set_as_default=False)
        for port in (cluster.scheduler.http_server.port, facts["services"]["dashboard"]):  # pages that dask would show
            for page in ("", "health", "metrics", "json/counts.json", "info/main/workers.html"):
                with pytest.raises(urllib.error.HTTPError, match="404"):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5.0)
        assert executor.submit(total, 1.0).result()[0] == total(1.0)[0]


@needs_cluster
@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b"not JSON", b"[]", b'{"address": 5}', b'{"address": {}}', b'{"workers": {}}', b" " * (1 << 25)],
    ids=["deep", "text", "list", "number", "table", "none", "large"],
)
def test_a_scheduler_file_is_read_within_bounds(content, tmp_path):
    path = tmp_path / "scheduler.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="no dask scheduler answers there"), open_executor(scheduler=str(path)):
        pass


@needs_cluster
@pytest.mark.skipif(os.name == "nt", reason="makes a pipe")
@pytest.mark.timeout(30)
def test_a_scheduler_file_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "scheduler.json")
    with pytest.raises(ConfigError, match="is not a file"), open_executor(scheduler=str(tmp_path / "scheduler.json")):
        pass


def test_local_workers_under_load():
    """More calls than workers, submitted and cancelled while others run: each future ends once."""
    with open_executor(2) as executor:
        running = [executor.submit(time.sleep, 0.3) for _ in range(2)]
        waiting = [executor.submit(total, k) for k in range(20)]
        assert waiting[-1].cancel()
        assert [one.result()[0] for one in waiting[:-1]] == [total(k)[0] for k in range(19)]
        assert all(one.result() is None for one in running)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(total, 1)


def test_workers_look_for_garbage_as_often_as_their_parent():
    usual = gc.get_threshold()
    try:
        gc.set_threshold(70_000, 20, 30)
        with open_executor(1) as executor:
            assert executor.submit(gc.get_threshold).result() == (70_000, 20, 30)
    finally:
        gc.set_threshold(*usual)


@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
def test_a_worker_killed_between_calls_is_replaced():
    """Killed while it has nothing to do, a worker costs one call at most, and its place is taken."""
    with open_executor(1) as executor:
        before = executor.submit(os.getpid).result()
        os.kill(before, signal.SIGKILL)
        (ended,) = dispatch(executor, [Call("after", os.getpid, ())])
    assert ended.result not in (None, before)


SCRIPT = """
import resource
from multiprocessing import get_context
from nuinfer.inference.work.executors import open_executor

def work(_=None):
    with open_executor(2) as executor:
        print(executor.submit(len, "four").result(), executor.submit(len, "five").result())

def few():
    resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))
    work()

def inside():
    with get_context({method!r}).Pool(1) as pool:
        pool.map(work, [None])

{call}
"""


@pytest.mark.skipif(os.name == "nt", reason="limits the number of files")
@pytest.mark.timeout(100)
@pytest.mark.parametrize(
    ("call", "method", "said"),
    [
        ("work()", "spawn", "a script has to call this under 'if __name__ == \"__main__\":', for every worker"),
        *(
            (f"if __name__ == '__main__': {call}", method, said)
            for call, method, said in (
                ("few()", "spawn", "a worker process cannot be started: [Errno 24] Too many open files; give fewer"),
                ("inside()", "spawn", "a worker of a multiprocessing.Pool cannot start others; give executor="),
                ("inside()", "fork", "a worker of a multiprocessing.Pool cannot start others; give executor="),
                ("work()", "spawn", "4 4"),
            )
        ),
    ],
)
def test_workers_that_cannot_start_are_one_error_and_end(call, method, said, tmp_path):
    text = SCRIPT.format(call=call, method=method)
    (tmp_path / "script.py").write_text(text)
    command = [sys.executable, "-W", "ignore", str(tmp_path / "script.py")]
    made = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert said in made.stdout + made.stderr
    assert (made.returncode == 0) == (said == "4 4")
    if made.returncode:
        assert "NoWorkersError" in made.stderr.splitlines()[-1]


def test_an_exit_in_a_call_is_its_failure():
    assert isinstance(Inline().submit(sys.exit, 0).exception(), SystemExit)
    (ended,) = dispatch(Inline(), [Call("leaves", sys.exit, (0,))])
    assert ended.reason == "SystemExit: 0"


def test_jobs_are_not_blamed_for_workers_that_cannot_start(monkeypatch):
    def refused(*_, **__):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(executors.futures, "ProcessPoolExecutor", refused)
    with open_executor(2) as executor, pytest.raises(NoWorkersError, match="give fewer jobs"):
        list(dispatch(executor, [Call(str(k), total, (k,)) for k in range(8)]))


@pytest.mark.timeout(60)
def test_an_error_ends_what_runs_and_what_waits():
    calls = []

    def fail_meanwhile(executor):
        calls.extend(executor.submit(time.sleep, 1000.0) for _ in range(3))
        while not calls[0].running():
            time.sleep(0.01)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), open_executor(1) as executor:
        fail_meanwhile(executor)
    assert isinstance(calls[0].exception(), BrokenProcessPool)
    assert all(one.cancelled() for one in calls[1:])


HUNG = """
import sys, time
sys.path.insert(0, {tests!r})
import inference_toys
import nuinfer

class Hung(inference_toys.Toy):
    def evaluate(self, theta, data=None, of=0):
        if {hangs}:
            print("hung", flush=True)
            time.sleep(1000)
        return super().evaluate(theta)

if __name__ == "__main__":
    nuinfer.fit(Hung(), {out!r}, jobs=1, ensembles=1)
"""


@pytest.mark.skipif(os.name == "nt", reason="sends signals")
@pytest.mark.parametrize(
    "name", ["SIGTERM", *(pytest.param(name, marks=pytest.mark.slow) for name in ("SIGINT", "SIGHUP"))]
)
def test_a_second_signal_ends_a_hung_worker(name, tmp_path):
    """The first one asks it to stop, the second one ends it; the status says so either way."""
    number, hangs = getattr(signal, name), "len(theta) < 64"  # sampling, not searching a start
    text = HUNG.format(tests=str(Path(__file__).parents[1]), out=str(tmp_path / "out"), hangs=hangs)
    (tmp_path / "script.py").write_text(text)
    command = [sys.executable, "-W", "ignore", str(tmp_path / "script.py")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "hung\n"
    assert process.stderr is not None
    for word in ("from step 0", "another Ctrl-C ends them now"):
        while word not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
    _, stderr = process.communicate(timeout=15)
    assert process.returncode != 0
    assert f"KeyboardInterrupt: {int(number)}" in stderr
    assert json.loads((tmp_path / "out" / "status.json").read_text())["state"] == "interrupted"


def test_what_swallows_an_interrupt_hears_of_it_again(monkeypatch):
    """ctypes prints an exception in a callback and goes on, as does what compiles functions."""
    swallowed = []
    monkeypatch.setattr(sys, "unraisablehook", swallowed.append)
    with ended_by_signals() as check:
        check()
        ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGTERM))()
        assert [one.exc_type for one in swallowed] == [KeyboardInterrupt]
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def interrupted_at(step, wait):
    """Interrupt a wait at one of its instructions; whether it had so many."""
    left = iter(range(step))

    def trace(frame, event, _):
        frame.f_trace_opcodes = True
        if event == "opcode" and next(left, None) is None:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        wait()
    except (KeyboardInterrupt, RuntimeError):  # a lock that was interrupted while it was left is left once more
        return True
    finally:
        sys.settrace(before)
    return False


def waits_as_we_do(future):
    awaited = Awaited()
    awaited.add(future)
    return lambda: awaited.all_within(0.0)


def waits_as_usual(future):
    return lambda: futures.wait([future], 0.0)


@pytest.mark.parametrize(("waits", "locks"), [(waits_as_we_do, False), (waits_as_usual, True)])
def test_an_interrupted_wait_keeps_no_lock(waits, locks):
    """Wherever a signal interrupts it: the worker has to be able to say that its call has ended."""
    ended = []
    for step in range(1000):
        future = futures.Future()
        if not interrupted_at(step, waits(future)):
            break
        worker = threading.Thread(target=future.set_result, args=(None,), daemon=True)
        worker.start()
        worker.join(0.1)
        ended.append(not worker.is_alive())
        if locks and not ended[-1]:
            break
    assert 20 < len(ended) < 1000
    assert all(ended) != locks


@needs_cluster
@pytest.mark.timeout(100)
def test_a_cluster_whose_workers_do_not_come_back_is_given_up(monkeypatch):
    import distributed

    monkeypatch.setattr(executors, "QUEUED_SECONDS", 0.5)
    with distributed.LocalCluster(n_workers=0, dashboard_address=executors.ANY_PORT, host="127.0.0.1") as cluster:
        refused = pytest.raises(NoWorkersError, match=r"no workers for 0.5 s; what is on disk is intact")
        with open_executor(scheduler=cluster.scheduler_address) as executor, refused:
            list(dispatch(executor, [Call(str(k), total, (k,)) for k in range(3)]))


def test_an_unseen_death_is_one_clear_error():
    with pytest.raises(RunFolderError, match="a worker process died"), open_executor(1) as executor:
        executor.submit(dies, 0).result()


def test_dispatch_cancels_what_waits_when_it_is_closed():
    started = threading.Event()

    def slow():
        started.set()
        time.sleep(0.05)

    with futures.ThreadPoolExecutor(1) as executor:
        calls = dispatch(executor, [Call(str(k), slow, ()) for k in range(1000)])
        next(calls)
        begin = time.monotonic()
        calls.close()
    assert time.monotonic() - begin < 5.0  # not the 50 s that all of them take


def test_workers_of_others_are_held_to_one_thread(monkeypatch):
    """numpy is loaded here already: with other settings the numbers could depend on the worker, so it refuses."""
    executor = executors.SingleThreaded(Inline().submit)
    for name in executors.THREADS:
        monkeypatch.setenv(name, "1")
    assert executor.submit(total, 1.0).result()[0] == total(1.0)[0]
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with pytest.raises(ConfigError, match="OMP_NUM_THREADS=1"):
        executor.submit(total, 1.0).result()


@pytest.mark.parametrize(
    ("jobs", "scheduler", "message"),
    [
        (0, None, "jobs: 0 is not allowed"),
        (2, "mpi", "jobs: 2 is not allowed with scheduler 'mpi'"),
        pytest.param(None, "tcp://127.0.0.1:1", "no dask scheduler answers there", marks=SCHEDULERS[1].marks),
        pytest.param(None, "nonsense://", "no dask scheduler answers there", marks=SCHEDULERS[1].marks),
        pytest.param(None, "nowhere.json", "no dask scheduler answers there", marks=SCHEDULERS[1].marks),
    ],
)
def test_what_is_wrong_is_said(jobs, scheduler, message, monkeypatch):
    monkeypatch.setattr(executors, "CONNECT_SECONDS", 0.5)
    with pytest.raises(ConfigError, match=message), open_executor(jobs, scheduler):
        pass


@pytest.mark.parametrize(
    ("scheduler", "library", "extra"),
    [
        ("local", "distributed", "cluster"),
        pytest.param("local", "cryptography", "cluster", marks=needs_cluster),
        ("tcp://x:1", "distributed", "cluster"),
        ("mpi", "mpi4py", "mpi"),
    ],
)
def test_a_missing_extra_is_named(scheduler, library, extra, monkeypatch):
    def missing(name):
        if name == library:
            raise ImportError(name)
        return importlib.import_module(name)

    monkeypatch.setattr(registry, "import_module", missing)
    message = rf"{library} is not installed; pip install 'nuinfer\[{extra}\]'"
    with pytest.raises(ConfigError, match=message), open_executor(scheduler=scheduler):
        pass


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_workers_end_with_their_parent(tmp_path):
    """Killed outright, the parent leaves no worker behind."""
    code = (
        "import os, time\n"
        "from nuinfer.inference.work.executors import open_executor\n"
        "if __name__ == '__main__':\n"
        "    with open_executor(1) as executor:\n"
        "        print(executor.submit(os.getpid).result(), flush=True)\n"
        "        executor.submit(time.sleep, 60).result()\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        if not _alive(worker):
            break
        time.sleep(0.1)
    assert not _alive(worker)


def _alive(process):
    """Whether a process runs; one that has ended but is not yet collected does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
