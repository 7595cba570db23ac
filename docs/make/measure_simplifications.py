"""What the zenith average and the merging of double cascades with cascades cost, in expected errors.

    python docs/make/measure_simplifications.py FOLDER

FOLDER holds ``mese2yr_response.npz`` and ``mese2yr_energy_spectrum.csv``, re-tabulated from the data release of
arXiv:1410.1749: the response and the backgrounds by hemisphere (reconstructed cos(zenith) below and above 0.2), which
the shipped tables do not have. Errors are those of the Fisher information of binned Poisson counts at
gamma = 2.87, phi_total = 6.4e-18 GeV^-1 cm^-2 s^-1 sr^-1, with the priors of the presets on the norms.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from nuinfer.constants import CM2_PER_M2
from nuinfer.detector.dataset import analysed, load_counts
from nuinfer.detector.response import PHI_UNIT
from nuinfer.transport.points import PIVOT_GEV
from nuinfer.typing import FloatArray

GAMMA, PHI_TOTAL = 2.87, 6.4
DIP_GEV = (4e5, 8e5)  # energies of the gap of 2014
TRACK_SHARES = {"atmospheric_neutrinos": 0.71, "atmospheric_muons": 0.9}
LOWEST_GEV = 5e4  # an edge of the bins of the two-year sample
LIVETIME_S = {"mese2": 641.0 * 86400.0, "hese7": load_counts("hese7").livetime_s}


def flux_integrals(edges_gev: FloatArray, gamma: float) -> FloatArray:
    """Integral of (E/100 TeV)^-gamma over energy bins."""
    power = 1.0 - gamma
    return PIVOT_GEV / power * np.diff((edges_gev / PIVOT_GEV) ** power)


def errors(counts: FloatArray, slopes: FloatArray, priors: FloatArray) -> FloatArray:
    """Expected errors of parameters, from counts (*bins,) and their slopes (parameter, *bins)."""
    used = counts > 0.0
    information = np.einsum("ik,jk,k->ij", slopes[:, used], slopes[:, used], 1.0 / counts[used])
    return np.asarray(np.sqrt(np.diag(np.linalg.inv(information + np.diag(priors)))))


def hemispheres(folder: Path) -> None:
    """Expected errors with the two hemispheres apart and together, two-year sample scaled to the time of hese7."""
    response = np.load(folder / "mese2yr_response.npz")
    edges, deposited = response["true_edges_GeV"], response["dep_edges_GeV"]
    first = int(np.searchsorted(deposited, 0.99 * LOWEST_GEV))
    zenith = 2.0 * np.pi * np.diff(response["cos_zenith_edges"])
    area = np.einsum("sitezdr,z->setdr", response["area_m2"].astype(float), zenith)[..., first:, :]
    time_s = LIVETIME_S["hese7"]

    def astro(gamma: float, survival: FloatArray) -> FloatArray:
        per_species = PHI_TOTAL * PHI_UNIT / 6.0 * flux_integrals(edges, gamma) * survival
        counts: FloatArray = time_s * CM2_PER_M2 * np.einsum("setdr,e->tdr", area, per_species)
        return counts

    table = np.genfromtxt(folder / "mese2yr_energy_spectrum.csv", delimiter=",", names=True, skip_header=1)
    backgrounds = []
    for name, track in TRACK_SHARES.items():
        by_hemisphere = table[name].reshape(2, -1)[:, first:].T * time_s / LIVETIME_S["mese2"]
        backgrounds.append(np.stack([(1.0 - track) * by_hemisphere, track * by_hemisphere]))
    whole, step = np.ones(edges.size - 1), 1e-4
    centre = np.sqrt(edges[1:] * edges[:-1])
    dip = np.where((centre > DIP_GEV[0]) & (centre < DIP_GEV[1]), 1.0, 0.0)
    signal = astro(GAMMA, whole)
    gamma_slope = (astro(GAMMA + step, whole) - astro(GAMMA - step, whole)) / (2.0 * step)
    slopes = np.stack([gamma_slope, signal, -astro(GAMMA, dip), *backgrounds])
    priors = np.array([0.0, 0.0, 0.0, 1.0 / 0.4**2, 1.0 / 0.5**2])
    total = signal + sum(backgrounds)
    apart = errors(total.ravel(), slopes.reshape(len(slopes), -1), priors)
    together = errors(total.sum(-1).ravel(), slopes.sum(-1).reshape(len(slopes), -1), priors)
    print("hemispheres: expected error apart, together, ratio")
    for name, one, two in zip(("gamma", "ln phi_total", "share absorbed in the dip"), apart, together, strict=False):
        print(f"  {name:28s} {one:.4f}  {two:.4f}  {two / one:.3f}")


def double_cascades() -> None:
    """Expected errors of the flavour shares at Earth with and without double cascades as a topology of their own."""
    for name, topologies in (("apart", 3), ("merged", 2)):
        data = analysed(load_counts("hese7"), topologies, None)
        integral = PHI_TOTAL * PHI_UNIT / 2.0 * flux_integrals(data.true_edges_gev, GAMMA)
        exposure = data.livetime_s * 4.0 * np.pi * CM2_PER_M2
        area = data.area_m2[:3] + data.area_m2[3:]
        table = exposure * np.einsum("fetd,e->ftd", area, integral)  # for a flux of one flavour alone
        total = table.sum(axis=0) / 3.0 + data.backgrounds["conventional"] + data.backgrounds["muon"]
        # f_e and f_mu at Earth, f_tau the rest, the flux free
        slopes = np.stack([table[0] - table[2], table[1] - table[2], table.sum(axis=0) / 3.0])
        error = errors(total.ravel(), slopes.reshape(3, -1), np.zeros(3))
        text = f"error of f_e {error[0]:.3f}, of f_mu {error[1]:.3f}, of ln phi_total {error[2]:.3f}"
        print(f"double cascades {name:7s} {text}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    hemispheres(Path(sys.argv[1]))
    double_cascades()
