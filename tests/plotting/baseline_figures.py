"""Figures from fixed arrays, whose pictures are kept in ``baselines``; run as a script to draw them anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nuinfer import plotting
from nuinfer.plotting import style


def fixed_chain():
    """Waves with a phase of its own for every walker and ensemble, shape (3, 120, 8, 2)."""
    ensemble, step, walker, quantity = np.meshgrid(*map(np.arange, (3, 120, 8, 2)), indexing="ij")
    return np.sin(0.37 * (step // 3) * (1 + quantity) + 1.7 * walker + 0.9 * ensemble)


def trace():
    return plotting.plot_trace(fixed_chain(), ["first", r"$\log_{10}\,g'$"], discard=15, width_in=style.COLUMN_IN)


def rank():
    chain = fixed_chain()[:, 15:]
    return plotting.plot_rank(chain, ["first", "second"], effective=[500.0, 500.0], width_in=style.COLUMN_IN)


def autocorrelation():
    lengths = np.array([50, 100, 200, 400, 800])
    tau = 15.0 * (1.0 - np.exp(-lengths / 150.0))[:, None, None] * np.array([1.0, 0.7])
    return plotting.plot_autocorrelation(lengths, tau, ["slow", "fast"], width_in=style.COLUMN_IN)


def talk():
    with style.context("talk"):
        return plotting.plot_acceptance(fixed_chain(), discard=15, width_in=style.PAGE_IN)


BASELINES = {"trace": trace, "rank": rank, "autocorrelation": autocorrelation, "acceptance-talk": talk}


def write(name, folder, figure=None):
    """The picture of a baseline, or of another figure under its name; small."""
    path = folder / f"{name}.png"
    with style.context():
        (figure or BASELINES[name]()).savefig(path, dpi=80)
    return path


if __name__ == "__main__":
    for each in BASELINES:
        write(each, Path(__file__).parent / "baselines")
