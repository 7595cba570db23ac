"""From the coherent to the decoherent limit of a crossing: python docs/make/coherence_figure.py [FILE]."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from nuinfer.compiled import ALONE
from nuinfer.physics.crossings import Coherence, cross, degenerate_crossings, split_crossings
from nuinfer.physics.mediator import LMU_LTAU
from nuinfer.physics.mixing import PAPER
from nuinfer.physics.quoted.coherence import crossing_transfer, interaction
from nuinfer.plotting import sheet, style

DELTA_M2_EV2 = np.array([0.0, 7.5e-5, 2.4e-3])
WIDTHS = np.geomspace(1e-4, 3.0, 40)
"""Over the solar oscillation length."""
DEPTHS = (0.3, 1.0, 3.0, 10.0)
TARGETS = {"degenerate masses": None, r"split masses, target $\nu_3$": 2}


def limit(coherence: Coherence, target: int | None, tau: float, source: np.ndarray) -> float:
    """Survival in a closed limit."""
    make = degenerate_crossings if target is None else split_crossings
    populations = source[None, :, None].copy()
    cross(ALONE, target or 0, 0, 1, make(PAPER, LMU_LTAU, coherence), np.array([tau]), populations)
    return float(populations.sum())


def main(path: str = "docs/figures/coherence.png") -> None:
    """Draw survival of a pion source against the width of the resonance."""
    source = np.array([1.0, 2.0, 0.0]) / 3.0 @ PAPER.probabilities
    ratios = WIDTHS[:, None] * (DELTA_M2_EV2 / DELTA_M2_EV2[1])
    with sheet(None, style.PAGE_IN, (3.2, 3.2), panels=2, columns=(2, 2), sharey=True) as drawn:
        for axes, (title, target) in zip(drawn.panels, TARGETS.items(), strict=True):
            for tau, colour in zip(DEPTHS, style.POSTERIORS, strict=False):
                transfer = crossing_transfer(tau, ratios, interaction(PAPER, LMU_LTAU, target))
                axes.plot(WIDTHS, (transfer @ source).sum(axis=-1), color=colour, label=rf"$\tau = {tau:g}$")
                axes.axhline(limit("coherent", target, tau, source), color=colour, lw=0.7, ls="--")
                axes.axhline(limit("decoherent", target, tau, source), color=colour, lw=0.7, ls=":")
            axes.axvline(DELTA_M2_EV2[1] / DELTA_M2_EV2[2], color=style.GREY, lw=0.6)
            axes.axvline(1.0, color=style.GREY, lw=0.6)
            axes.set(xscale="log", xlim=(WIDTHS[0], WIDTHS[-1]), ylim=(0.0, 1.0), title=title)
            axes.set_xlabel(r"width of the resonance / $L_{21}$")
            for place, name in ((DELTA_M2_EV2[1] / DELTA_M2_EV2[2], "$L_{31}$"), (1.0, "$L_{21}$")):
                axes.text(place * 0.9, 0.97, name, ha="right", va="top", fontsize="small", color=style.GREY)
        first = drawn.panel
        first.set_ylabel(r"survival of a $(1, 2, 0)$ source")
        first.plot([], [], color=style.BLACK, lw=0.7, ls="--", label="coherent")
        first.plot([], [], color=style.BLACK, lw=0.7, ls=":", label="decoherent")
    print(f"wrote {style.save(drawn.figure, Path(path))}")


if __name__ == "__main__":
    main(*sys.argv[1:])
