"""Fig. 3 of arXiv:1504.00711: the prefactor f_D of the thermally averaged width."""

from __future__ import annotations

import numpy as np

from nuinfer.plotting import Kind, sheet, style
from nuinfer.plotting.annotations import Figure, Panel

RANGE = (0.01, 100.0)


def plot_fig3(*, axes: Panel = None, width_in: float = style.COLUMN_IN) -> Figure:
    """f_D against m_Z'/T, with the paper's rough ``m_Z'/T`` and time dilation without Pauli blocking.

    Time dilation alone is ``K1/K2``, for Maxwell-Boltzmann statistics of the Z'.

    Parameters
    ----------
    axes, width_in
        See `nuinfer.plotting`.
    """
    from scipy import special

    from nuinfer.constraints.sn1987a import width_factor

    ratio = np.geomspace(*RANGE, 400)
    rough = ratio[ratio <= 1.0]
    dilation = special.k1e(ratio) / special.kve(2, ratio)
    with sheet(axes, width_in, (0.55 * width_in, 0.95 * width_in), legend="lower right") as drawn:
        for x, y, colour, width, dashes, label in (
            (ratio, width_factor(ratio), style.BLACK, 1.5, "solid", r"$f_D$"),
            (ratio, dilation, style.BLUE, 1.1, "dashed", r"time dilation only, $K_1/K_2$"),
            (rough, rough, style.VERMILLION, 1.1, "dotted", r"the paper's $m_{Z'}/T$"),
        ):
            drawn.panel.plot(x, y, color=colour, lw=style.points(width), ls=dashes, label=label)
        drawn.panel.set(xscale="log", yscale="log", xlabel=r"$m_{Z'}/T$", ylabel=r"$f_D$", xlim=RANGE, ylim=(2e-3, 1.6))
    return drawn.figure


CAPTION = "Fig. 3 of arXiv:1504.00711: the prefactor of the thermally averaged width."
FIGURE = Kind("fig3", CAPTION, lambda _, *, width_in: plot_fig3(width_in=width_in), of="analysis", order=520)
