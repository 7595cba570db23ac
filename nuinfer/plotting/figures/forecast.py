"""Expected statistics of a forecast against livetime."""

from __future__ import annotations

from typing import Any

import numpy as np

from nuinfer.confidence import LIMIT
from nuinfer.plotting import Kind, sheet, style
from nuinfer.plotting.annotations import Figure, Forecast

_LOOKS = {"seen": (style.BLUE, "seen, if there is one"), "excluded": (style.VERMILLION, "excluded, if there is none")}


def plot_forecast(forecast: Forecast, threshold: float, width_in: float = style.COLUMN_IN) -> Figure:
    """Expected statistics against livetime, with the value at which they pass.

    Parameters
    ----------
    forecast : Forecast
        Years and statistics.
    threshold : float
        Value of the statistic at the confidence level.
    width_in : float
        Width in inches.
    """
    from nuinfer.parameters import DERIVED, PARAMETERS
    from nuinfer.physics.mediator import spelled

    with sheet(None, width_in, (0.8 * width_in, 0.8 * width_in), legend="upper left") as drawn:
        panel = drawn.panel
        panel.set(xscale="log", yscale="log", xlabel="livetime [yr]", ylabel="expected $q$")
        for name, values in forecast.statistics.items():
            colour, label = _LOOKS[name]
            relation, passed = forecast.years_until(name)
            text = f"{label}: {'' if relation == '=' else relation + ' '}{passed:.3g} yr"
            panel.plot(forecast.years, values, "o-", color=colour, ms=style.points(3.0), label=text)
            if relation == "=":
                panel.vlines(passed, 0.0, threshold, color=colour, lw=style.points(0.8), ls="dotted")
        panel.axhline(threshold, color=style.GREY, lw=style.points(0.8), ls="dashed")
        panel.annotate(LIMIT.label(forecast.level), (forecast.years[0], threshold), (2, 2), textcoords="offset points")
        every = np.concatenate([*forecast.statistics.values(), [threshold]])
        panel.set_ylim(0.5 * float(every.min()), 4.0 * float(every.max()))  # room for the legend
        style.plain_log(panel.xaxis, (1.0, 2.0, 5.0))
        style.plain_log(panel.yaxis)
        labels = {**{p.name: p.label for p in PARAMETERS.values()}, **DERIVED}
        point = ", ".join(f"{labels.get(name, name)} = {value:g}" for name, value in forecast.at.items())
        panel.set_title(spelled(f"{detector(forecast)}: {point}", forecast.mediator))
    return drawn.figure


def detector(of: Any) -> str:
    """Name of the analysis of a forecast or a band, with its area where that is scaled."""
    scale = of.effective_area_scale
    return str(of.name) if scale == 1.0 else f"{of.name}, area x {scale:g}"


def _draw(forecast: Forecast, *, width_in: float) -> Figure:
    from nuinfer.inference.profile.profile import threshold

    return plot_forecast(forecast, threshold(forecast.level), width_in)


CAPTION = "Expected statistics against livetime, with the value at which they pass."
FIGURE = Kind("forecast", CAPTION, _draw, of="forecast", order=400)
