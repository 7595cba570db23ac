"""Whole commands here and in another checkout, in turn: python benchmarks/commands.py OTHER_CHECKOUT [NAME ...].

Prints wall time and CPU time (all processes) of both and their ratios. Both are given the other checkout's `hese7` and
`hese7_icecube`, and a cache of compiled functions of their own: empty at first, then warm. `predict` compiles
nothing, so that it is warm after `fit` alone.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AT = ("--at", "m_zprime_mev=8", "--at", "g_prime=1e-3")
SIMULATED = """
[jobs.fits]
task = "{task}"
analysis = "{analysis}"
data = "simulated"
truth = "standard_model"
n = 16
"""

Command = tuple[str, ...]
COMMANDS: dict[str, Command] = {
    "import": ("--help",),
    "predict, empty cache": ("predict", "{hese7}"),
    "fit, empty cache": ("fit", "{hese7}", "--out", "{out}", "--seed", "1"),
    "fit": ("fit", "{hese7}", "--out", "{out}", "--seed", "1"),
    "predict": ("predict", "{hese7}"),
    "constraints": ("constraints", "{hese7}"),
    "compare": (
        *("compare", "{hese7}", "--vary", "model.source=pp,pgamma", "--seeds", "1", "--pseudo-experiments", "0"),
        *("--out", "{out}", "--seed", "1"),
    ),
    "16 best fits": ("campaign", "{best_fit}", "--out", "{out}"),
    "16 likelihood ratios": ("campaign", "{significance}", "--out", "{out}"),
    "calibrate, 8 data sets": ("calibrate", "{icecube}", "-n", "8", "--out", "{out}", "--seed", "1"),
    "forecast": ("forecast", "{hese7}", *AT, "--out", "{out}"),
    "forecast, 2 x 4 data sets": ("forecast", "{hese7}", *AT, "--check", "4", "--out", "{out}"),
    "band, 8 limits": (
        *("forecast", "{hese7}", "--band", "--points", "2", "-n", "4", "--masses", "6", "10"),
        *("--out", "{out}"),
    ),
}  # fmt: skip
ALLOWED = (0, 3)  # a fit that has not converged has taken its time too


def seconds(checkout: Path, command: Command, cache: Path) -> tuple[float, float]:
    """Wall and CPU time of a command with the package of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "NUMBA_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as it is on most machines
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "nuinfer", *command], check=False, cwd=checkout, env=environment, capture_output=True
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in ALLOWED:
        raise SystemExit(f"{checkout}: {' '.join(command)}: exit code {done.returncode}\n{done.stderr.decode()}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(other: str, *names: str) -> None:
    """Measure both checkouts in turn."""
    here, there = Path(__file__).resolve().parents[1], Path(other).resolve()
    print(
        f"{'seconds':28s} {'wall here':>10s} {'there':>8s} {'ratio':>6s} {'CPU here':>10s} {'there':>8s} {'ratio':>6s}"
    )
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        presets = there / "nuinfer/presets"
        texts = {"hese7": str(presets / "hese7.toml"), "icecube": str(presets / "hese7_icecube.toml")}
        for task in ("best_fit", "significance"):
            path = work / f"{task}.toml"
            path.write_text(SIMULATED.format(task=task, analysis=texts["icecube"]))
            texts[task] = str(path)
        for row, (name, command) in enumerate(COMMANDS.items()):
            if names and name not in names:
                continue
            found = []
            for side, checkout in enumerate((here, there)):
                empty = "empty cache" in name
                cache = work / (f"empty-{row}-{side}" if empty else f"warm-{side}")
                words = tuple(word.format(out=work / f"out-{row}-{side}", **texts) for word in command)
                if not empty:  # compile first what it needs
                    seconds(
                        checkout,
                        tuple(word.format(out=work / f"first-{row}-{side}", **texts) for word in command),
                        cache,
                    )
                found.append(seconds(checkout, words, cache))
            (wall, cpu), (other_wall, other_cpu) = found
            print(
                f"{name:28s} {wall:10.1f} {other_wall:8.1f} {wall / other_wall:6.2f} "
                f"{cpu:10.1f} {other_cpu:8.1f} {cpu / other_cpu:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
