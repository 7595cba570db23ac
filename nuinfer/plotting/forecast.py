"""Figures of forecasts: expected statistics against livetime, and the band of expected limits in (m_Z', g')."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from nuinfer.plotting import style
from nuinfer.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOOKS: Mapping[str, tuple[str, str]] = {
    "seen": (style.BLUE, "seen, if there is one"),
    "excluded": (style.VERMILLION, "excluded, if there is none"),
}


class Forecasted(Protocol):
    """What the figure needs; `nuinfer.inference.studies.forecast.Forecast` has it."""

    @property
    def name(self) -> str:
        """The analysis."""
        ...

    @property
    def effective_area_scale(self) -> float:
        """Factor on the area of the detector."""
        ...

    @property
    def at(self) -> Mapping[str, float]:
        """The point."""
        ...

    @property
    def level(self) -> float:
        """Confidence level."""
        ...

    @property
    def years(self) -> FloatArray:
        """Livetime in years, shape (n,)."""
        ...

    @property
    def statistics(self) -> Mapping[str, FloatArray]:
        """Expected values of the statistics, shape (n,)."""
        ...

    def years_until(self, statistic: str) -> tuple[str, float]:
        """Livetime in years until it passes."""
        ...


class ExpectedLimits(Protocol):
    """What the band needs; `nuinfer.inference.studies.forecast_band.Band` has it."""

    @property
    def name(self) -> str:
        """The analysis."""
        ...

    @property
    def level(self) -> float:
        """Confidence level."""
        ...

    @property
    def effective_area_scale(self) -> float:
        """Factor on the area of the detector."""
        ...

    @property
    def years(self) -> float:
        """Livetime in years."""
        ...

    @property
    def m_zprime_mev(self) -> FloatArray:
        """Masses, shape (mass,)."""
        ...

    @property
    def g_prime_max(self) -> float:
        """Largest coupling of the prior."""
        ...

    def quantiles(self) -> FloatArray:
        """Limits at 2.5, 16, 50, 84 and 97.5 %, shape (5, mass)."""
        ...


def plot_forecast(forecast: Forecasted, threshold: float, width_in: float = style.COLUMN_IN) -> Figure:
    """Expected statistics against livetime, with the value at which they pass.

    Parameters
    ----------
    forecast : Forecasted
        Years and statistics.
    threshold : float
        Value of the statistic at the confidence level.
    width_in : float
        Width in inches.
    """
    with style.context():
        figure = style.new_figure(width_in, 0.8 * width_in)
        axes = figure.subplots()
        axes.set(xscale="log", yscale="log", xlabel="livetime [yr]", ylabel="expected $q$")
        for name, values in forecast.statistics.items():
            colour, label = _LOOKS[name]
            relation, years = forecast.years_until(name)
            text = f"{label}: {'' if relation == '=' else relation + ' '}{years:.3g} yr"
            axes.plot(forecast.years, values, "o-", color=colour, ms=style.points(3.0), label=text)
            if relation == "=":
                axes.vlines(years, 0.0, threshold, color=colour, lw=style.points(0.8), ls="dotted")
        axes.axhline(threshold, color=style.GREY, lw=style.points(0.8), ls="dashed")
        axes.annotate(f"{forecast.level:.0%}", (forecast.years[0], threshold), (2, 2), textcoords="offset points")
        every = np.concatenate([*forecast.statistics.values(), [threshold]])
        axes.set_ylim(0.5 * float(every.min()), 4.0 * float(every.max()))  # room for the legend
        style.plain_log(axes.xaxis, (1.0, 2.0, 5.0))
        style.plain_log(axes.yaxis)
        point = ", ".join(f"{_symbol(name)} = {value:g}" for name, value in forecast.at.items())
        axes.set_title(f"{_detector(forecast)}: {point}")
        axes.legend(loc="upper left")
    return figure


def plot_expected_limits(band: ExpectedLimits, width_in: float = style.COLUMN_IN) -> Figure:
    """Median limit on g' against m_Z' without a Z', with the bands of 68 and 95 % of the data sets.

    A limit above the prior is drawn at its edge, where an arrow says so.

    Parameters
    ----------
    band : ExpectedLimits
        Limits.
    width_in : float
        Width in inches.
    """
    with style.context():
        figure = style.new_figure(width_in, 0.8 * width_in)
        axes = figure.subplots()
        limits = np.minimum(band.quantiles(), band.g_prime_max)
        for pair, share, colour in ((0, 95, style.BANDS[0]), (1, 68, style.BANDS[1])):
            low, high = limits[pair], limits[-1 - pair]
            axes.fill_between(band.m_zprime_mev, low, high, color=colour, lw=0, label=f"{share} % of data sets")
        axes.plot(band.m_zprime_mev, limits[2], color=style.BLUE, label=f"median limit, {band.level:.0%} CL")
        _mark_open(axes, band)
        axes.set(xscale="log", yscale="log", xlabel=r"$m_{Z'}$ [MeV]", ylabel="limit on $g'$")
        axes.set_xlim(band.m_zprime_mev[0], band.m_zprime_mev[-1])
        axes.set_ylim(0.6 * float(limits.min()), 30.0 * band.g_prime_max)  # room for the legend
        style.plain_log(axes.xaxis, (1.0, 2.0, 5.0))
        axes.set_title(f"{_detector(band)}, {band.years:.3g} yr, no Z'")
        axes.legend(loc="upper left")
    return figure


def _mark_open(axes: Axes, band: ExpectedLimits) -> None:
    """Arrows where the median data set excludes nothing inside the prior, whose edge is drawn."""
    edge = band.g_prime_max
    axes.axhline(edge, color=style.GREY, lw=style.points(0.8), ls="dashed", label="largest $g'$ of the prior")
    for mass in band.m_zprime_mev[~np.isfinite(band.quantiles()[2])]:
        axes.annotate("", (mass, 1.45 * edge), (mass, edge), arrowprops={"arrowstyle": "->", "color": style.BLUE})


def _detector(of: Forecasted | ExpectedLimits) -> str:
    scale = of.effective_area_scale
    return of.name if scale == 1.0 else f"{of.name}, area x {scale:g}"


def _symbol(name: str) -> str:
    return {"m_zprime_mev": r"$m_{Z'}$ [MeV]", "g_prime": "$g'$"}.get(name, name.replace("_", " "))
