"""Fig. 3 of arXiv:1504.00711: the prefactor f_D of the thermally averaged width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nuinfer.plotting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RANGE = (0.01, 100.0)


def plot_fig3(*, axes: Axes | None = None, width_in: float = style.COLUMN_IN) -> Figure:
    """f_D against m_Z'/T, with the paper's rough ``m_Z'/T`` and time dilation without Pauli blocking.

    Time dilation alone is ``K1/K2``, for Maxwell-Boltzmann statistics of the Z'.

    Parameters
    ----------
    axes : Axes, optional
        Where to draw; by default a new figure.
    width_in : float
        Width of a new figure in inches.

    Returns
    -------
    Figure
    """
    from scipy import special

    from nuinfer.constraints.sn1987a import width_factor

    ratio = np.geomspace(*RANGE, 400)
    with style.context():
        own = axes is None
        if axes is None:
            wide = style.is_wide(width_in)
            axes = style.new_figure(width_in, (0.55 if wide else 0.95) * width_in).subplots()
        dilation = special.k1e(ratio) / special.kve(2, ratio)
        axes.plot(ratio, width_factor(ratio), color=style.BLACK, lw=style.points(1.5), label=r"$f_D$")
        axes.plot(
            ratio, dilation, color=style.BLUE, lw=style.points(1.1), ls="dashed", label=r"time dilation only, $K_1/K_2$"
        )
        rough = ratio <= 1.0
        axes.plot(
            ratio[rough],
            ratio[rough],
            color=style.VERMILLION,
            lw=style.points(1.1),
            ls="dotted",
            label=r"the paper's $m_{Z'}/T$",
        )
        axes.set(xscale="log", yscale="log", xlabel=r"$m_{Z'}/T$", ylabel=r"$f_D$", xlim=RANGE, ylim=(2e-3, 1.6))
        if own:
            axes.legend(loc="lower right")
        else:
            axes.legend(fontsize="x-small")
        return style.figure_of(axes)
