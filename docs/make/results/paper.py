"""The story of arXiv:1504.00711: what docs/paper.md, coherence.md, forward-model.md and physics.md quote (seconds)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq

import nuinfer
from nuinfer.constraints import borexino, muon_g2, neff, sn1987a
from nuinfer.physics import cosmology, dip, mixing
from nuinfer.physics.absorption import degenerate_transition, optical_depth, resonance_redshift
from nuinfer.physics.crossings import Coherence
from nuinfer.physics.mediator import FLAVOUR_BLIND, LMU_LTAU
from nuinfer.physics.propagation import flavour_at_earth
from nuinfer.physics.quoted import lengths, zprime
from nuinfer.plotting.figures import fig1

SOLAR_EV2, ATMOSPHERIC_EV2 = 7.5e-5, 2.4e-3
BENCHMARK = {"energy_gev": 6e5, "m_zprime_mev": 8.0, "m_nu_ev": 0.05}
OPAQUE = 5e-4
DEPTHS = (0.5, 1.0, 2.0, 8.8)
COHERENCES: tuple[Coherence, ...] = ("coherent", "decoherent")


def crossings() -> dict[str, Any]:
    """What is left of a flux behind a crossing."""

    def left(tau: float, coherence: Coherence, *flavours: float) -> list[float]:
        arrived = degenerate_transition(tau, mixing.PAPER, LMU_LTAU, coherence) @ np.array(flavours)
        return [float(arrived.sum() / sum(flavours)), *(float(x) for x in arrived)]

    survival = {coherence: [left(tau, coherence, 1, 2, 0)[0] for tau in DEPTHS] for coherence in COHERENCES}
    opaque = {name: left(np.inf, "coherent", *flavours) for name, flavours in
              {"pp": (1, 2, 0), "pgamma": (1, 1, 0), "damped": (0, 1, 0)}.items()}  # fmt: skip
    redshift = float(resonance_redshift(**BENCHMARK))
    return {
        "survival": survival,
        "opaque": {name: {"percent": 100.0 * left, "share": left, "flavours": rest}
                   for name, (left, *rest) in opaque.items()},
        "redshift": redshift,
        "unit_coupling": float(dip.coupling_of_depth(1.0, redshift, 8.0, cosmology.PAPER)),
        "masses": [float(m) for m in dip.resonant_mass_mev(dip.DIP_GEV, (0.05, 0.083))],
        "p_ee_blind": float(degenerate_transition(0.0, mixing.PAPER, FLAVOUR_BLIND, "coherent")[0, 0]),
    }  # fmt: skip


def regime() -> dict[str, float]:
    """Lengths at 1 PeV, and where crossing and oscillation are equally long."""
    redshift = float(resonance_redshift(**BENCHMARK))
    solar = float(lengths.oscillation_length_pc(1e6, SOLAR_EV2))
    unit = float(lengths.crossing_length_pc(LMU_LTAU.width_over_mass(1.0), redshift, cosmology.PAPER))
    today = float(lengths.crossing_length_pc(LMU_LTAU.width_over_mass(1.7e-4), 0.0, cosmology.PAPER))
    meeting = math.sqrt(solar / unit)
    smearing = lengths.thermal_smearing_length_pc([0.05, 0.002], 0.0, cosmology.PAPER)
    return {
        "solar_pc": solar,
        "atmospheric_pc": float(lengths.oscillation_length_pc(1e6, ATMOSPHERIC_EV2)),
        "crossing_pc": unit * 1.7e-4**2,
        "crossing_redshift": redshift,
        "crossing_today_pc": today,
        "smearing_heavy_mpc": float(smearing[0]) / 1e6,
        "smearing_light_gpc": float(smearing[1]) / 1e9,
        "separation_solar_tpc": float(lengths.coherence_length_pc(1e6, SOLAR_EV2)) / 1e12,
        "separation_atmospheric_gpc": float(lengths.coherence_length_pc(1e6, ATMOSPHERIC_EV2)) / 1e9,
        "separation_paper_gpc": float(lengths.coherence_length_pc(1e6, 1e-3)) / 1e9,
        "packet_cm": float(lengths.pion_decay_size_cm(1e6)),
        "oscillations_in_a_crossing": unit * 1.7e-4**2 / solar,
        "meeting_coupling": meeting,
        "meeting_depth": float(optical_depth(redshift, 8.0, meeting, cosmology.PAPER)),
    }


def bounds() -> dict[str, Any]:
    """The bounds of the paper, as g' or m_Z' at which they lie."""

    def muon(m_zprime_mev: float) -> float:
        return math.sqrt(42.6e-10 / float(muon_g2.delta_a_mu(m_zprime_mev, 1.0)))

    def burst(m_zprime_mev: float, **core: float) -> float:
        def excess(log10_g: float) -> float:
            return math.log10(float(sn1987a.diffusion_time_s(m_zprime_mev, 10.0**log10_g, **core)) / 10.0)

        return float(10.0 ** brentq(excess, -8.0, -2.0))

    def mass(shift: float, case: neff.Case) -> float:
        return float(brentq(lambda m: float(neff.delta_neff_paper(m, case=case)) - shift, 4.0, 15.0))

    return {
        "w_and_z": float(zprime.coupling_limit(0.01)),
        "muon": [muon(m) for m in (1e-3, 10.0)],
        "borexino": {str(m): float(borexino.paper_limit(float(m))) for m in (5, 10)},
        "neff": {case: mass(0.7, case) for case in ("entropy", "number")},
        "neff_tenth": mass(0.1, "entropy"),
        "burst": {str(m): burst(float(m)) for m in (5, 10)},
        "burst_large": burst(10.0) / burst(10.0, radius_km=15.0),
        "burst_hot": {str(m): burst(float(m), temperature_mev=30.0) for m in (5, 10)},
        "unit_depth": [float(dip.coupling_of_depth(1.0, 0.0, m, cosmology.PAPER))
                       for m in dip.resonant_mass_mev(dip.DIP_GEV, (0.05, 0.083))],
        "borexino_there": [float(borexino.paper_limit(float(m)))
                           for m in dip.resonant_mass_mev(dip.DIP_GEV, (0.05, 0.083))],
    }  # fmt: skip


def gap() -> dict[str, Any]:
    """Events that are expected in the gap of the 3-year data, and the chance of none."""
    analysis = nuinfer.load("paper")
    inside = (analysis.bin_edges_gev[:-1] >= fig1.GAP_GEV[0]) & (analysis.bin_edges_gev[1:] <= fig1.GAP_GEV[1])
    edges = analysis.bin_edges_gev[:-1][inside][0], analysis.bin_edges_gev[1:][inside][-1]
    names = ("none", "coherent", "decoherent", "blind")

    def rows(model: nuinfer.Analysis) -> dict[str, Any]:
        found = zip(names, fig1.curves(model, np.array([6e5])), strict=True)
        return {
            name: {
                "events": float(curve.counts[inside].sum()),
                "percent_empty": 100.0 * math.exp(-float(curve.counts[inside].sum())),
                "survival": float(curve.survival[0]),
            }
            for name, curve in found
        }

    return {
        "tev": [float(edge) / 1e3 for edge in edges],
        "absorbed": rows(analysis),
        "regenerated": rows(analysis.with_overrides(["model.regeneration=true"])),
    }


def daughters() -> dict[str, list[float]]:
    """Survival with and without regeneration at 380 and 420 TeV, and where the flux exceeds the unabsorbed one."""
    from nuinfer.physics.masses import neutrino_masses_ev

    masses = neutrino_masses_ev(0.01, "normal", 7.5e-5, 2.4e-3)
    point: dict[str, Any] = {"m_zprime_mev": 8.0, "g_prime": 3e-4, "masses_ev": masses, "source_fractions": [1, 2, 0]}
    point |= {"gamma": 2.2, "evolution": "sfr", "mixing": mixing.PAPER, "mediator": LMU_LTAU}
    point |= {"cosmology": cosmology.PAPER, "coherence": "decoherent"}

    def flux(energy_gev: list[float], regeneration: bool) -> list[float]:
        found = flavour_at_earth(energy_gev, **point, regeneration=regeneration)
        return [float(x) for x in found.sum(axis=-1)]

    energies = [2e5, 3.8e5, 4.2e5]
    return {"tev": [e / 1e3 for e in energies], "removed": flux(energies, False), "regenerated": flux(energies, True)}


def make(work: Path) -> dict[str, Any]:  # noqa: ARG001 - as all sections
    """The values."""
    return {
        "crossings": crossings(),
        "regime": regime(),
        "bounds": bounds(),
        "gap": gap(),
        "daughters": daughters(),
    }


def tables(values: dict[str, Any]) -> dict[str, str]:
    """Survival against depth."""
    rows = zip(DEPTHS, *(values["crossings"]["survival"][coherence] for coherence in COHERENCES), strict=True)
    lines = [f"| {tau} | {coherent:.3f} | {decoherent:.3f} |" for tau, coherent, decoherent in rows]
    return {"survival": "\n".join(["| tau | coherent | decoherent |", "|---|---|---|", *lines])}
