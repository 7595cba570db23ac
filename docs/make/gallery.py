"""Draw the pictures of ``docs/figures.md``: every figure of a run, small; of several, those that are asked for.

python docs/make/gallery.py RUN[,RUN ...] [KIND ...]
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
    runs = [nuinfer.open_run(folder) for folder in sys.argv[1].split(",")]
    FOLDER.mkdir(parents=True, exist_ok=True)
    for kind in sys.argv[2:] or plotting.kinds_of(runs[0]):
        figure, path = plotting.plot(kind, *runs), FOLDER / f"{kind}{'-several' if runs[1:] else ''}.png"
        with style.context():
            figure.savefig(path, dpi=DOTS_PER_INCH)
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
