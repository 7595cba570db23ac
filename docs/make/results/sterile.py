"""Relics of a sterile neutrino, docs/tutorials/sterile.md and its figure (half a minute)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import nuinfer
from nuinfer.flux import flux_at_earth, unabsorbed_flux
from nuinfer.plotting import energies, sheet, style
from nuinfer.plotting.energies import GEV_PER_TEV
from nuinfer.plotting.figures.counts import draw_observed

FIGURE = Path(__file__).resolve().parents[2] / "tutorials" / "sterile" / "dip.png"
PRESET, COUPLINGS = "hese7_icecube", "parameters.log10_g_prime.high=-1.5"
STERILE = ["model.sterile=true", "model.sterile_density=1", "model.sterile_coupling=[0, 0, 1]"]
MASS, STERILE_MASS = 23.0, 0.5
AT_MASS = [f"parameters.log10_m_zprime_mev.value={np.log10(MASS)}"]
AT_BOTH = [*AT_MASS, f"parameters.sterile_mass_ev.value={STERILE_MASS}"]
CASES = {
    "active relics, any mass": [],
    "active relics, 23 MeV": AT_MASS,
    "sterile relics": [*STERILE, *AT_BOTH],
    "sterile relics, ten times denser": [*STERILE, "model.sterile_density=10", *AT_BOTH],
    "sterile relics, any masses": STERILE,
}
DIP, NONE = "sterile relics", "no absorption"
INSIDE_GEV = np.array([4e5])
WINDOW_GEV = (3e5, 8e5)  # the dips that arXiv:2409.12145 prefers


def fitted(analysis: nuinfer.Analysis) -> dict[str, float]:
    """The best fit, by name."""
    found = nuinfer.best_fit(analysis)
    return dict(zip(analysis.parameter_names, found.theta.tolist(), strict=True))


def make(work: Path) -> dict[str, Any]:  # noqa: ARG001 - as all sections
    """The values, and the figure."""
    analyses = {name: nuinfer.load(PRESET, [COUPLINGS, *changes]) for name, changes in CASES.items()}
    cases: dict[str, Any] = {name: dip(analysis) for name, analysis in analyses.items()}
    none, sterile = nuinfer.load(PRESET, ["model.absorption=false"]), analyses[DIP]
    best = {NONE: fitted(none), DIP: cases[DIP]["best"]}
    point, bare = [best[DIP][name] for name in sterile.parameter_names], [best[NONE][n] for n in none.parameter_names]
    removed = sterile.with_overrides(["model.regeneration=false"])
    lines = {"without daughters": removed, "with daughters": sterile}
    draw({NONE: (none, bare), DIP: (sterile, point)}, lines, point)
    passed: Any = sterile.model.transport.propagation
    window = _inside(sterile)
    expected = {
        name: float(a.expected_counts(at)[:, window].sum())
        for name, a, at in ((NONE, none, bare), (DIP, sterile, point))
    }
    return {
        "resonance_tev": 10.0 ** float(sterile.derived(point)["log10_e_res_gev"]) / GEV_PER_TEV,
        "unit_coupling": float(sterile.model.coupling_of_depth(1.0, 0.0, MASS)),
        "rates": passed.crossings.rates[3].tolist(),
        "active_percent": 100.0 * float(passed.daughters.sum()),
        "surviving_percent": 100.0 * float(arriving(removed, point, INSIDE_GEV)[0]),
        "arriving_percent": 100.0 * float(arriving(sterile, point, INSIDE_GEV)[0]),
        "cases": cases,
        "gamma": {name: one["gamma"] for name, one in best.items()},
        "window": {"observed": float(none.observed_counts[:, window].sum()), **expected},
    }  # fmt: skip


def dip(analysis: nuinfer.Analysis) -> dict[str, Any]:
    """The likelihood ratio of absorption, and the best fit."""
    found = nuinfer.significance(analysis, simulations=0)
    best = fitted(analysis)
    mass = best.get("sterile_mass_ev", STERILE_MASS if analysis.config.model.sterile else None)
    return {
        "q": found.q, "local_p": found.local_p_value, "m_zprime_mev": found.m_zprime_mev, "g_prime": found.g_prime,
        "sterile_mass_ev": mass, "best": best,
    }  # fmt: skip


def _inside(analysis: nuinfer.Analysis) -> slice:
    """Bins of deposited energy whose middle lies in the window."""
    middle = np.sqrt(analysis.bin_edges_gev[1:] * analysis.bin_edges_gev[:-1])
    first, end = np.searchsorted(middle, WINDOW_GEV)
    return slice(int(first), int(end))


def arriving(analysis: nuinfer.Analysis, point: list[float], energy_gev: Any) -> Any:
    """Flux of all flavours over the unabsorbed one."""
    ratio = flux_at_earth(analysis, point, energy_gev).sum(axis=-1)
    return ratio / unabsorbed_flux(analysis, point, energy_gev).sum(axis=-1)


def draw(fits: Mapping[str, tuple[Any, list[float]]], lines: Mapping[str, Any], point: list[float]) -> None:
    """What arrives of the flux at the best fit, and the counts of both fits."""
    with sheet(None, style.PAGE_IN, (0.42 * style.PAGE_IN, 3.2), panels=2, columns=(2, 1)) as drawn:
        flux, counts = drawn.panels
        for (label, analysis), dashes in zip(lines.items(), ("dashed", "solid"), strict=True):
            grid = energies.with_edges(analysis, np.array(point), np.geomspace(3e4, 1e7, 400))
            ratio = arriving(analysis, point, grid)
            flux.plot(grid / GEV_PER_TEV, ratio, color=style.VERMILLION, ls=dashes, label=label)
        flux.axhline(1.0, color=style.GREY, lw=style.points(0.5))
        flux.set(ylabel="flux of all flavours over unabsorbed", ylim=(0.0, 1.15))
        energies.finish(flux, (3e4, 1e7))
        analysis, _ = fits[NONE]
        edges_tev = analysis.bin_edges_gev / GEV_PER_TEV
        draw_observed(counts, edges_tev, analysis.observed_counts.sum(axis=0))
        for (label, (own, at)), colour in zip(fits.items(), (style.GREY, style.VERMILLION), strict=True):
            counts.stairs(own.expected_counts(at).sum(axis=0), edges_tev, color=colour, lw=1.3, label=label)
        counts.set(
            xscale="log", yscale="log", ylim=(0.03, 30.0), xlabel="deposited energy [TeV]", ylabel="events per bin"
        )
        style.plain_log(counts.xaxis)
    style.save(drawn.figure, FIGURE)


def tables(values: dict[str, Any]) -> dict[str, str]:
    """The likelihood ratios."""
    rows = ["| absorbed by | q | local p | m_s [eV] | m_Z' [MeV] | g' | gamma |", "|---|---|---|---|---|---|---|"]
    for name, one in values["cases"].items():
        mass = "" if one["sterile_mass_ev"] is None else f"{one['sterile_mass_ev']:.2g}"
        rows.append(
            f"| {name} | {one['q']:.2f} | {one['local_p']:.2g} | {mass} | {one['m_zprime_mev']:.2g} | "
            f"{one['g_prime']:.1e} | {one['best']['gamma']:.2f} |"
        )
    return {"cases": "\n".join(rows)}
