"""Figures 1 to 3 of arXiv:1504.00711: python docs/make/paper_figures.py [FOLDER] (default: figures)."""

from __future__ import annotations

import sys
from pathlib import Path

import nuinfer
from nuinfer import plotting
from nuinfer.plotting import style


def main(folder: str = "figures") -> None:
    """Write every figure at the widths of a column and of a page."""
    analysis = nuinfer.load("paper")
    for name in ("fig1", "fig2", "fig3"):
        for place, width_in in (("column", style.COLUMN_IN), ("page", style.PAGE_IN)):
            figure = plotting.plot(name, analysis, width_in=width_in)
            print(f"wrote {style.save(figure, Path(folder) / f'{name}-{place}.pdf')}")


if __name__ == "__main__":
    main(*sys.argv[1:])
