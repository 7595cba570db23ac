"""Corner plot of a run: python scripts/plot_corner.py chains/hese7 corner.pdf."""

from __future__ import annotations

import sys
from pathlib import Path

import nuinfer
from nuinfer.plotting import plot, style


def main(folder: str = "chains/hese7", out: str = "corner.pdf") -> None:
    """Draw the corner plot of the run in `folder`."""
    print(f"wrote {style.save(plot('corner', nuinfer.open_run(folder)), Path(out))}")


if __name__ == "__main__":
    main(*sys.argv[1:])
