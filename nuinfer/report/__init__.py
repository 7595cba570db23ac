"""One self-contained HTML page about a run: nothing from the network, readable on a phone and on paper.

`write_report` opens a run folder in whatever state it is and writes the page; `nuinfer report RUN` calls it.
"""

from nuinfer.report.page import render, write_report

__all__ = ["render", "write_report"]
