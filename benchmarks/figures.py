"""Seconds to draw every figure of a run, as ``nuinfer plot RUN`` does, and to write its report.

python benchmarks/figures.py RUN [FORMAT]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import nuinfer
from nuinfer import plotting
from nuinfer.plotting.figures.leave_one_out import sampled
from nuinfer.report import write_report


def main() -> None:
    """Print a line per figure, and the sum."""
    run, ending = nuinfer.open_run(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "pdf"
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for kind in plotting.kinds_of(run):
            start = time.perf_counter()
            plotting.save_all(run, Path(folder), (ending,), kinds=(kind,))
            print(f"{kind:16s} {time.perf_counter() - start:6.2f} s")
        print(f"{'all':16s} {time.perf_counter() - begin:6.2f} s")
        sampled.cache_clear()
        begin = time.perf_counter()
        write_report(run.folder, Path(folder) / "report.html")
        print(f"{'report':16s} {time.perf_counter() - begin:6.2f} s")


if __name__ == "__main__":
    main()
