"""Draw the pictures of ``docs/figures.md``: every figure of a run, small.

python docs/make/gallery.py RUN [KIND ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

import nuinfer
from nuinfer import plotting
from nuinfer.plotting import style

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "figures" / "kinds"
DOTS_PER_INCH = 110


def main() -> None:
    """Write a PNG per kind."""
    run = nuinfer.open_run(sys.argv[1])
    FOLDER.mkdir(parents=True, exist_ok=True)
    for kind in sys.argv[2:] or plotting.kinds_of(run):
        figure = plotting.plot(kind, run)
        with style.context():
            figure.savefig(FOLDER / f"{kind}.png", dpi=DOTS_PER_INCH)
        print(f"wrote {FOLDER / kind}.png")


if __name__ == "__main__":
    main()
