"""`nuinfer fit hese7` here and in another checkout, in turn, and where its seconds go here.

python benchmarks/fit.py [OTHER_CHECKOUT [ROUNDS]]

Wall and CPU time of all processes, the least of the rounds, both on the other checkout's `hese7` and with a warm cache
of compiled functions. The parts are those between the lines of the log: start until the first round, sampling until the
chains have ended, summary (with the figures, which are drawn while the workers search), and the end.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from commands import seconds


def parts(log: Path, begin: float, wall: float) -> dict[str, float]:
    """Seconds of each part, to a second."""
    lines = [line.split(" ", 1) for line in log.read_text().splitlines()]
    stamps = [(datetime.fromisoformat(stamp).timestamp(), text) for stamp, text in lines]
    first, last = stamps[0][0], stamps[-1][0]
    sampled = next(at for at, text in stamps if re.search(r"^step .*converged$", text) or at == last)
    ends = [begin, first, sampled, last, begin + wall]
    names = ("start", "sampling", "summary and figures", "end")
    return {name: max(0.0, b - a) for name, a, b in zip(names, ends, ends[1:], strict=False)}


def main(other: str | None = None, rounds: str = "2") -> None:
    """Measure."""
    here = Path(__file__).resolve().parents[1]
    checkouts = [here] if other is None else [here, Path(other).resolve()]
    preset = str(checkouts[-1] / "nuinfer/presets/hese7.toml")
    found: list[list[tuple[float, float]]] = [[] for _ in checkouts]
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(int(rounds) + 1):  # the first one compiles
            for k, checkout in enumerate(checkouts):
                out = Path(folder) / f"{turn}-{k}"
                begin = time.time()
                taken = seconds(checkout, ("fit", preset, "--out", str(out), "--seed", "1"), Path(folder) / f"cache{k}")
                if turn:
                    found[k].append(taken)
                    if checkout == here:
                        shown = ", ".join(
                            f"{name} {s:.0f} s" for name, s in parts(out / "log.txt", begin, taken[0]).items()
                        )
                        print(f"here: wall {taken[0]:.1f} s, CPU {taken[1]:.1f} s; {shown}", flush=True)
    for name, column in (("wall", 0), ("CPU", 1)):
        least = [min(each[column] for each in row) for row in found]
        ratio = f", there {least[1]:.1f} s, here/there {least[0] / least[1]:.2f}" if other else ""
        print(f"{name}: here {least[0]:.1f} s{ratio}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
