"""Corner plot of a run: python scripts/plot_corner.py chains/hese7 corner.pdf."""

from __future__ import annotations

import sys

import nuinfer
from nuinfer.plotting import KINDS


def main(folder: str = "chains/hese7", out: str = "corner.pdf") -> None:
    """Draw the corner plot of the run in `folder`."""
    KINDS["corner"](nuinfer.open_run(folder)).savefig(out)
    print(f"wrote {out}")


if __name__ == "__main__":
    main(*sys.argv[1:])
