"""Draw the survival of neutrinos from one redshift on relic neutrinos at rest and in motion, against energy.

python docs/make/thermal_figure.py [OUTPUT]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nuinfer.physics.absorption import optical_depth, resonance_redshift
from nuinfer.physics.cosmology import PLANCK18
from nuinfer.physics.thermal import thermal_optical_depth
from nuinfer.plotting import sheet, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

M_ZPRIME_MEV, G_PRIME, REDSHIFT = 8.0, 1e-4, 2.0


def main(path: Path) -> None:
    """Write the figure."""
    style.save(_draw(), path)


def _draw() -> Figure:
    with sheet(None, style.PAGE_IN, (2.6, 2.6), panels=3, columns=(3, 3), sharey=True) as drawn:
        for axis, m_nu_ev in zip(drawn.panels, (0.002, 0.01, 0.05), strict=True):
            edge = (M_ZPRIME_MEV * 1e6) ** 2 / (2.0 * m_nu_ev) / 1e9
            energy = np.geomspace(edge / 12.0, edge * 6.0, 1200)
            z = resonance_redshift(energy, M_ZPRIME_MEV, m_nu_ev)
            crossed = (z >= 0.0) & (z < REDSHIFT)
            still = np.where(crossed, optical_depth(np.where(crossed, z, 0.0), M_ZPRIME_MEV, G_PRIME, PLANCK18), 0.0)
            moving = thermal_optical_depth(energy, REDSHIFT, M_ZPRIME_MEV, G_PRIME, m_nu_ev, PLANCK18)
            massless = thermal_optical_depth(energy, REDSHIFT, M_ZPRIME_MEV, G_PRIME, 0.0, PLANCK18)
            axis.semilogx(energy / edge, np.exp(-massless), color="0.75", label="thermal, massless")
            axis.semilogx(energy / edge, np.exp(-still), color="0.4", ls="--", label="at rest")
            axis.semilogx(energy / edge, np.exp(-moving), color="C0", label="thermal")
            axis.set(title=f"{m_nu_ev} eV", xlabel="$E/E_j$", ylim=(0.0, 1.05))
        drawn.panel.set_ylabel("survival")
    return drawn.figure


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/figures/thermal.png"))
