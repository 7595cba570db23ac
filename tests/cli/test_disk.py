"""A disk that is full or read-only: one line that names the file, exit code 2, and nothing is half-written."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

import nuinfer
from nuinfer.cli import main
from nuinfer.inference.runs.run import Run

resource = pytest.importorskip("resource")


@contextlib.contextmanager
def no_room(most=64):
    """No file can grow beyond a few bytes, which fails as a full disk does, in the middle of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def folder(toys, tmp_path_factory):
    from concurrent.futures import ThreadPoolExecutor

    path = tmp_path_factory.mktemp("disk") / "run"
    with ThreadPoolExecutor(2) as pool:
        nuinfer.fit(toys.Toy(), path, max_steps=400, executor=pool, progress=False)
    return path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to /dev/full")
def test_a_full_disk_behind_the_output_is_one_line():
    text = f"{sys.executable} -W ignore -m nuinfer config hese7 > /dev/full"
    made = subprocess.run(text, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
    assert (made.returncode, made.stderr) == (2, "nuinfer: error: [Errno 28] No space left on device\n")


@pytest.mark.parametrize(
    ("command", "written"),
    [
        ("constraints hese7 --points 3 --out {}/bounds.csv", "bounds.csv"),
        ("constraints hese7 --points 3 --out {}/bounds.json", "bounds.json"),
        *((f"constraints hese7 --points 3 --figure {{}}/bounds.{each}", f"bounds.{each}") for each in ("pdf", "png")),
        ("constraints hese7 --points 3 --figure {}/bounds.svg", "bounds.svg"),
        ("export run --format netcdf --out {}/posterior.nc", "posterior.nc"),
        ("export run --format getdist --out {}", "run_1.txt"),
        ("export hese7 --format cobaya --out {}/cobaya.yaml", "cobaya.yaml"),
        ("plot run --kind trace --format png --out {}", "trace.png"),
    ],
)
def test_a_full_disk_leaves_what_was_there(command, written, folder, toys, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(nuinfer, "open_run", lambda *_, **__: Run(folder, toys.Toy()))
    monkeypatch.setattr(Run, "described", toys.Toy())
    (tmp_path / written).write_text("old")
    arguments = command.format(tmp_path).split()
    with no_room():
        assert main(arguments) == 2
    said = capsys.readouterr().err
    assert f"nuinfer: error: {tmp_path / written}: cannot be written (File too large)\n" in said
    assert "Traceback" not in said
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(written, "old")]
    assert main(arguments) == 0
    assert (tmp_path / written).read_bytes() != b"old"
