"""What an installation takes, and a first fit from nothing (two minutes, nothing else running)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("pip", "setuptools", "pkg_resources", "_distutils_hack")  # of every environment
COMPILER = ("numba", "llvmlite")


def make(work: Path) -> dict[str, Any]:
    """Megabytes of the base installation, and seconds of ``make fit`` in a fresh clone."""
    shutil.rmtree(work, ignore_errors=True)
    venv.create(work / "base", with_pip=True)
    run(work / "base" / "bin" / "python", "-m", "pip", "install", "--quiet", ROOT)
    (packages,) = (work / "base").glob("lib/python*/site-packages")
    sizes = {path.name: megabytes(path) for path in packages.iterdir() if path.name.partition("-")[0] not in TOOLS}
    clone, begin = work / "clone", time.perf_counter()
    run(str(shutil.which("git")), "clone", "--quiet", ROOT, clone)
    run(str(shutil.which("make")), "-C", clone, "fit", f"PYTHON={sys.executable}")
    seconds = time.perf_counter() - begin
    return {
        "base_mb": sum(sizes.values()),
        "compiler_mb": sum(size for name, size in sizes.items() if name.partition("-")[0] in COMPILER),
        "make_fit_s": seconds,
    }


def run(*command: str | Path) -> None:
    """A command that must succeed."""
    subprocess.run([str(part) for part in command], check=True, capture_output=True)  # noqa: S603 - our own commands


def megabytes(path: Path) -> float:
    """What a file or folder takes, in units of 2^20 bytes."""
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return sum(item.stat().st_size for item in files) / 2.0**20
