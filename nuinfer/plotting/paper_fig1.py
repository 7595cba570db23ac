"""Fig. 1 of arXiv:1504.00711: events in HESE with and without the Z', and the flux behind them.

The paper's text leaves the inputs open. Here: an E^-2 flux of 0.95e-8 GeV cm^-2 s^-1 sr^-1 per flavour
(arXiv:1405.5303), m_Z' = 8 MeV and m_nu = 0.05 eV as in Sec. III, g' = 5e-4 (tau = 8.8, opaque), sources, bins and
backgrounds of the analysis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.plotting import style
from nuinfer.plotting.counts import FLOOR_EVENTS, GEV_PER_TEV, garwood
from nuinfer.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nuinfer.analysis import Analysis

SPECTRUM = MappingProxyType({"gamma": 2.0, "phi_total": 2.85})
MEDIATOR = MappingProxyType({"m_zprime_mev": 8.0, "g_prime": 5e-4, "m_nu_ev": 0.05})
GAP_GEV = (4e5, 1e6)
"""Where the 3-year sample has no event; the bins inside it are counted."""

PAPER_EVENTS = 2.0
"""Events that the paper expects in the gap without a Z'."""

_FLAVOURED, _BLIND = "model.charges=[0, 1, -1]", "model.charges=[1, 1, 1]"
_FLUX_GEV = (6e4, 1.2e6)
_TOP_EVENTS = 150.0  # leaves room for the text
SMALL_POINTS = 5.2
"""Font size of the text."""


@dataclass(frozen=True)
class Curve:
    """One model of the figure.

    Parameters
    ----------
    label : str
        Its name.
    counts : ndarray, shape (bin,)
        Expected events of all topologies, backgrounds included.
    survival : ndarray, shape (energy,), or None
        All-flavour flux at Earth over the unabsorbed one; None in the Standard Model, where it is 1.
    """

    label: str
    counts: FloatArray
    survival: FloatArray | None

    def gap(self, inside: FloatArray) -> float:
        """Expected events in the bins of the gap."""
        return float(self.counts[inside].sum())


def curves(analysis: Analysis, energy_gev: FloatArray) -> list[Curve]:
    """The four models of Fig. 1, with survival at `energy_gev`, shape (energy,).

    Raises
    ------
    ConfigError
        If the analysis has no Z', or split masses.
    """
    if not analysis.config.model.absorption or analysis.config.model.masses != "degenerate":
        raise ConfigError("figure 'fig1': it needs model.absorption = true and model.masses = 'degenerate'")
    free = analysis.with_overrides(_without_constraints(analysis))
    models = (
        ("Standard Model", ["model.absorption=false"]),
        (r"$L_\mu - L_\tau$, coherent", [_FLAVOURED, "model.coherence=coherent"]),
        (r"$L_\mu - L_\tau$, decoherent", [_FLAVOURED, "model.coherence=decoherent"]),
        ("flavour-blind", [_BLIND, "model.coherence=decoherent"]),
    )
    return [_curve(label, free.with_overrides(overrides), energy_gev) for label, overrides in models]


def plot_fig1(analysis: Analysis, *, axes: Sequence[Axes] | None = None, width_in: float = style.PAGE_IN) -> Figure:
    """Events per deposited-energy bin and survival of the flux for the models of Fig. 1.

    The text in the figure is the paper's argument of Sec. III (two events expected, fewer than one left) with the
    numbers that the response gives.

    Parameters
    ----------
    analysis : Analysis
        Data, response, source and cosmology; the preset ``paper``.
    axes : sequence of two Axes, optional
        Where to draw events and survival; by default a new figure.
    width_in : float
        Width of a new figure in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError
        If the analysis has no Z', or split masses.
    """
    energy_gev = np.geomspace(*_FLUX_GEV, 600)
    models = curves(analysis, energy_gev)
    with style.context():
        events, flux = list(axes) if axes is not None else _panels(width_in)
        looks = ((style.BLACK, "solid"), (style.BLUE, "dotted"), (style.GREEN, "dashdot"), (style.VERMILLION, "dashed"))
        for model, (colour, line) in zip(models, looks, strict=True):
            look: dict[str, Any] = {"color": colour, "ls": line, "lw": style.points(1.3)}
            events.stairs(model.counts, analysis.bin_edges_gev / GEV_PER_TEV, baseline=None, label=model.label, **look)
            survival = np.ones_like(energy_gev) if model.survival is None else model.survival
            flux.plot(energy_gev / GEV_PER_TEV, survival, **look)
        _draw_backgrounds(events, analysis)
        _draw_data(events, analysis)
        _write_argument(events, analysis, models)
        _finish(events, flux)
        return style.add_legend([events], own=axes is None)


def argument(analysis: Analysis, models: Sequence[Curve]) -> list[str]:
    """Lines of the paper's two-event argument, with the expected number in the gap and the chance to see none."""
    inside = _in_gap(analysis)
    edges_tev = analysis.bin_edges_gev[:-1][inside][0] / 1e3, analysis.bin_edges_gev[1:][inside][-1] / 1e3
    seen = int(analysis.observed_counts[:, inside].sum())
    left, events = _opaque_survival(analysis), PAPER_EVENTS
    lines = [
        f"the paper: {events:.0f} expected, × {left:.2f} = {events * left:.1f} (all beyond, exact energies)",
        f"{edges_tev[0]:.0f}–{edges_tev[1]:.0f} TeV: {seen} observed, expected (chance of none)",
    ]
    for model in models:
        expected = model.gap(inside)
        lines.append(f"{model.label}: {expected:.1f} ({np.exp(-expected):.0%})")
    return lines


def _opaque_survival(analysis: Analysis) -> float:
    """Share of the flux that an opaque coherent crossing leaves, of the source of the analysis (Sec. III)."""
    from nuinfer.physics.absorption import degenerate_transition
    from nuinfer.physics.mediator import LMU_LTAU

    model = analysis.posterior.model
    if model.source_fractions is None:
        raise ConfigError("figure 'fig1': model.source = 'free' is not drawn; use a source with fixed flavours")
    flavours = model.source_fractions.reshape(2, 3).sum(axis=0)
    return float((degenerate_transition(np.inf, model.mixing, LMU_LTAU, "coherent") @ flavours).sum())


def _in_gap(analysis: Analysis) -> FloatArray:
    edges = analysis.bin_edges_gev
    inside = (edges[:-1] >= GAP_GEV[0]) & (edges[1:] <= GAP_GEV[1])
    if not inside.any():
        raise ConfigError(f"figure 'fig1': no bin of '{analysis.config.data.dataset}' inside 400 TeV to 1 PeV")
    return np.asarray(inside)


def _without_constraints(analysis: Analysis) -> list[str]:
    """Overrides that switch constraints off, which are refused for other charges."""
    keys = []
    for name, settings in analysis.config.constraints:
        keys += [f"{name}.{entry}" for entry in settings] if isinstance(settings, dict) else [name]
    return [f"constraints.{key}.form=off" for key in keys]


def _curve(label: str, analysis: Analysis, energy_gev: FloatArray) -> Curve:
    has_mediator = analysis.config.model.absorption
    parts = analysis.predict({**SPECTRUM, **MEDIATOR} if has_mediator else SPECTRUM)
    counts = np.sum(list(parts.values()), axis=0).sum(axis=0)
    return Curve(label, counts, _survival(analysis, energy_gev) if has_mediator else None)


def _survival(analysis: Analysis, energy_gev: FloatArray) -> FloatArray:
    """All-flavour flux at Earth over the unabsorbed one, shape (energy,)."""
    from nuinfer.physics.propagation import species_at_earth
    from nuinfer.physics.sources import source_fractions

    model, settings = analysis.posterior.model, analysis.config.model
    propagation = model.propagation
    if propagation is None or settings.evolution == "single":
        raise ConfigError("figure 'fig1': model.evolution = 'single' is not drawn; use sources spread over redshift")
    flux = species_at_earth(
        energy_gev,
        MEDIATOR["m_zprime_mev"],
        MEDIATOR["g_prime"],
        [MEDIATOR["m_nu_ev"]],
        source_fractions(settings.source),
        SPECTRUM["gamma"],
        settings.evolution,
        model.mixing,
        propagation.mediator,
        propagation.cosmology,
        settings.coherence,
        z_max=settings.z_max,
        regeneration=settings.regeneration,
    )
    return np.asarray(flux.sum(axis=-1))


def _panels(width_in: float) -> list[Axes]:
    wide = style.is_wide(width_in)
    figure = style.new_figure(width_in, 3.3 if wide else style.points(5.2))
    grid: Any = figure.subplots(1, 2, width_ratios=(3, 2)) if wide else figure.subplots(2, 1, height_ratios=(3, 2))
    return list(grid)


def _draw_backgrounds(panel: Axes, analysis: Analysis) -> None:
    parts = analysis.predict(dict(SPECTRUM))
    background = sum(part.sum(axis=0) for name, part in parts.items() if name != "astro")
    panel.stairs(
        background,
        analysis.bin_edges_gev / GEV_PER_TEV,
        baseline=1e-9,
        fill=True,
        color="#CCCCCC",
        lw=0,
        zorder=0,
        label="atmospheric",
    )


def _draw_data(panel: Axes, analysis: Analysis) -> None:
    """Observed events with Garwood 68 % errors; an arrow from the upper end where there are none."""
    observed = analysis.observed_counts.sum(axis=0)
    edges = analysis.bin_edges_gev / GEV_PER_TEV
    centre, seen = np.sqrt(edges[1:] * edges[:-1]), observed > 0.0
    low, high = garwood(observed)
    look: dict[str, Any] = {"color": style.BLACK, "elinewidth": style.points(0.8)}
    errors = np.array([observed - low, high - observed])[:, seen]
    panel.errorbar(centre[seen], observed[seen], yerr=errors, fmt="o", label="observed, 68 %", **look)
    panel.errorbar(
        centre[~seen],
        high[~seen],
        yerr=0.3 * high[~seen],
        uplims=True,
        fmt="_",
        markersize=style.points(4.0),
        capsize=style.points(1.5),
        **look,
    )


def _write_argument(panel: Axes, analysis: Analysis, models: Sequence[Curve]) -> None:
    size, width_in = style.points(SMALL_POINTS), style.figure_of(panel).get_figwidth()
    room_in = 0.68 * width_in / (1.6 if style.is_wide(width_in) else 1.0)
    lines = [part for line in argument(analysis, models) for part in style.fitting_lines(line, size, room_in)]
    panel.text(
        0.97, 0.97, "\n".join(lines), transform=panel.transAxes, ha="right", va="top", fontsize=size, linespacing=1.4
    )


def _finish(events: Axes, flux: Axes) -> None:
    events.set(xscale="log", yscale="log", xlabel="deposited energy [TeV]", ylabel="events per bin")
    events.set_xlim(events.dataLim.x0, events.dataLim.x1)
    events.set_ylim(FLOOR_EVENTS, _TOP_EVENTS)
    flux.set(xscale="log", xlabel="neutrino energy at Earth [TeV]", ylabel="flux at Earth / unabsorbed")
    flux.set_xlim(_FLUX_GEV[0] / GEV_PER_TEV, _FLUX_GEV[1] / GEV_PER_TEV)
    flux.set_ylim(0.0, 1.08)
    for axis in (events.xaxis, events.yaxis, flux.xaxis):
        style.plain_log(axis, (1.0,) if axis is not flux.xaxis else (1.0, 2.0, 5.0))
