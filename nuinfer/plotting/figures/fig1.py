"""Fig. 1 of arXiv:1504.00711: events in HESE with and without the Z', and the flux behind them.

The paper's text leaves the inputs open. Here: an E^-2 flux of 0.95e-8 GeV cm^-2 s^-1 sr^-1 per flavour
(arXiv:1405.5303), m_Z' = 8 MeV and m_nu = 0.05 eV as in Sec. III, g' = 5e-4 (tau = 8.8, opaque), sources, bins and
backgrounds of the analysis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.plotting import Kind, needs, sheet, style
from nuinfer.plotting.annotations import Analysis, Figure, FloatArray, Look, Panels
from nuinfer.plotting.energies import GEV_PER_TEV
from nuinfer.plotting.figures import counts

SPECTRUM = {"gamma": 2.0, "phi_total": 2.85}
MEDIATOR = {"log10_m_zprime_mev": math.log10(8.0), "log10_g_prime": math.log10(5e-4), "m_nu_ev": 0.05}
GAP_GEV = (4e5, 1e6)
"""Where the 3-year sample has no event; the bins inside it are counted."""

PAPER_EVENTS = 2.0
"""Events that the paper expects in the gap without a Z'."""

_FLUX_TEV = (60.0, 1200.0)


@dataclass(frozen=True)
class Curve:
    """One model of the figure.

    Parameters
    ----------
    label : str
        Its name.
    counts, background : ndarray, shape (bin,)
        Expected events of all topologies, and those of the backgrounds among them.
    survival : ndarray, shape (energy,)
        All-flavour flux at Earth over the unabsorbed one.
    """

    label: str
    counts: FloatArray
    background: FloatArray
    survival: FloatArray


def curves(analysis: Analysis, energy_gev: FloatArray) -> list[Curve]:
    """The four models of Fig. 1, with survival at `energy_gev`, shape (energy,).

    Raises
    ------
    ConfigError
        If the analysis has no Z', or split masses.
    """
    from nuinfer.config import constraint_forms

    FIGURE.require(analysis)
    off = [f"{key}.form=off" for key in constraint_forms(analysis.config.constraints)]  # refused for other charges
    at = [f"parameters.{name}.value={value}" for name, value in {**SPECTRUM, **MEDIATOR}.items()]
    free = analysis.with_overrides([*off, *at])
    models = {
        "Standard Model": ["model.absorption=false"],
        r"$L_\mu - L_\tau$, coherent": ["model.charges=[0, 1, -1]", "model.coherence=coherent"],
        r"$L_\mu - L_\tau$, decoherent": ["model.charges=[0, 1, -1]", "model.coherence=decoherent"],
        "flavour-blind": ["model.charges=[1, 1, 1]", "model.coherence=decoherent"],
    }
    return [_curve(label, free.with_overrides(overrides), energy_gev) for label, overrides in models.items()]


def plot_fig1(analysis: Analysis, *, axes: Panels = None, width_in: float = style.PAGE_IN) -> Figure:
    """Events per deposited-energy bin and survival of the flux for the models of Fig. 1.

    The text in the figure is the paper's argument of Sec. III (two events expected, fewer than one left) with the
    numbers that the response gives.

    Parameters
    ----------
    analysis : Analysis
        Data, response, source and cosmology; the preset ``paper``.
    axes, width_in
        See `nuinfer.plotting`; two panels, for events and survival.

    Raises
    ------
    ConfigError
        If the analysis has no Z', or split masses.
    """
    energy_tev, edges_tev = np.geomspace(*_FLUX_TEV, 600), analysis.bin_edges_gev / GEV_PER_TEV
    models = curves(analysis, energy_tev * GEV_PER_TEV)
    ratios: Look = {"width_ratios" if style.is_wide(width_in) else "height_ratios": (3, 2)}
    with sheet(axes, width_in, (3.3, style.points(5.2)), panels=2, columns=(2, 1), **ratios) as drawn:
        events, flux = drawn.panels
        looks = ((style.BLACK, "solid"), (style.BLUE, "dotted"), (style.GREEN, "dashdot"), (style.VERMILLION, "dashed"))
        for model, (colour, dashes) in zip(models, looks, strict=True):
            look: Look = {"color": colour, "ls": dashes, "lw": style.points(1.3)}
            events.stairs(model.counts, edges_tev, baseline=None, label=model.label, **look)
            flux.plot(energy_tev, model.survival, **look)
        grey: Look = {"color": "#CCCCCC", "fill": True, "lw": 0, "zorder": 0, "label": "atmospheric"}
        events.stairs(models[0].background, edges_tev, baseline=1e-9, **grey)
        counts.draw_observed(events, edges_tev, analysis.observed_counts.sum(axis=0))
        size = style.points(5.2)
        room_in = 0.68 * drawn.figure.get_figwidth() / (1.6 if drawn.wide else 1.0)
        lines = [part for line in argument(analysis, models) for part in style.fitting_lines(line, size, room_in)]
        style.write(events, 0.97, 0.97, "\n".join(lines), fontsize=size, linespacing=1.4)
        counts.finish(events, top=150.0)  # leaves room for the text
        flux.set(xscale="log", xlabel="neutrino energy at Earth [TeV]", ylabel="flux at Earth / unabsorbed")
        flux.set(xlim=_FLUX_TEV, ylim=(0.0, 1.08))
        style.plain_log(flux.xaxis, (1.0, 2.0, 5.0))
    return drawn.figure


def argument(analysis: Analysis, models: Sequence[Curve]) -> list[str]:
    """Lines of the paper's two-event argument, with the expected number in the gap and the chance to see none."""
    low, high = analysis.bin_edges_gev[:-1], analysis.bin_edges_gev[1:]
    inside = (low >= GAP_GEV[0]) & (high <= GAP_GEV[1])
    if not inside.any():
        raise ConfigError(f"figure 'fig1': no bin of '{analysis.config.data.dataset}' inside 400 TeV to 1 PeV")
    from_tev, to_tev = low[inside][0] / GEV_PER_TEV, high[inside][-1] / GEV_PER_TEV
    seen = int(analysis.observed_counts[:, inside].sum())
    left, events = _opaque_survival(analysis), PAPER_EVENTS
    expected = {model.label: float(model.counts[inside].sum()) for model in models}
    return [
        f"the paper: {events:.0f} expected, × {left:.2f} = {events * left:.1f} (all beyond, exact energies)",
        f"{from_tev:.0f}–{to_tev:.0f} TeV: {seen} observed, expected (chance of none)",
        *(f"{label}: {number:.1f} ({np.exp(-number):.0%})" for label, number in expected.items()),
    ]


def _opaque_survival(analysis: Analysis) -> float:
    """Share of the flux that an opaque coherent crossing leaves, of the source of the analysis (Sec. III)."""
    from nuinfer.physics import absorption, mediator, sources

    flavours = sources.source_fractions(analysis.config.model.source).reshape(2, 3).sum(axis=0)
    opaque = absorption.degenerate_transition(np.inf, analysis.mixing, mediator.LMU_LTAU, "coherent")
    return float((opaque @ flavours).sum())


def _curve(label: str, analysis: Analysis, energy_gev: FloatArray) -> Curve:
    """Counts and survival where everything that decides them is fixed."""
    from nuinfer.flux import flux_at_earth, unabsorbed_flux

    parts = {name: part.sum(axis=0) for name, part in analysis.predict().items()}
    theta = analysis.prior_transform([0.5] * len(analysis.parameter_names))
    arriving, whole = (make(analysis, theta, energy_gev).sum(axis=-1) for make in (flux_at_earth, unabsorbed_flux))
    background = sum((part for name, part in parts.items() if name != "astro"), start=np.zeros(1))
    return Curve(label, background + parts["astro"], background, arriving / whole)


def _needs(analysis: Analysis) -> str:
    model = analysis.config.model
    if not analysis.absorbs or model.masses != "degenerate":
        return "it needs model.absorption = true and model.masses = 'degenerate'"
    return "model.source = 'free' is not drawn; use a source with fixed flavours" if model.source == "free" else ""


CAPTION = "Fig. 1 of arXiv:1504.00711: events with and without the mediator, and the flux behind them."
FIGURE = Kind("fig1", CAPTION, plot_fig1, of="analysis", needs=(_needs, needs.counts), order=500)
