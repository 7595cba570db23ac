"""Make ``data/hese7`` from the public figures of IceCube's HESE 7.5-year sample.

    python data/hese7/make_hese7.py RAW_FOLDER [DATA_SET_FOLDER]

RAW_FOLDER holds ``hese75_analysis.json``, ``hese75_events.csv``, ``hese75_energy_spectrum.csv``,
``hese75_response_species.npz`` (second edition), ``hese75_double_cascade_share.csv`` and
``hese75_domeff_splines.csv``. What is done to them is written in the ``approximations`` of ``dataset.toml``.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tomli_w
from scipy.interpolate import PchipInterpolator

from nuinfer.constants import CM2_PER_M2
from nuinfer.datafiles import seal
from nuinfer.typing import AnyArray, FloatArray

THRESHOLD_GEV = 6e4
TOPOLOGIES = ("cascade", "track", "double_cascade")
PIVOT_GEV = 1e5

# Share of events reconstructed as tracks, from the public code PeterDenton/ANA (arXiv:1703.09721)
TRACK_SHARE = {"conventional": 0.71, "muon": 0.9}

# Share of double cascades among cascades, by the first part of a channel (None: tabulated), and among those of
# atmospheric neutrinos: the comment of hese75_double_cascade_share.csv
DOUBLE_SHARE = {"nue": 0.01, "nuebar": 0.01, "numu": 0.05, "numubar": 0.05, "nutau": None, "nutaubar": None}
ATMOSPHERIC_DOUBLE_SHARE = 0.01

# Names in hese75_domeff_splines.csv, and the efficiency that is nominal there
COMPONENTS = {"atmConv": "conventional", "atmPrompt": "prompt"}
MORPHOLOGIES = {"shower": "cascade", "track": "track", "doublebang": "double_cascade"}
NOMINAL_EFFICIENCY = 0.99

# Conventional counts below 0.1 per bin are off the published figure: they continue with this ratio per bin
CONVENTIONAL_TAIL_RATIO = 0.47
CONVENTIONAL_TAIL_BINS = 40

# Prompt atmospheric flux of ONE species (nu_e, nu_mu, and their antiparticles alike; no nu_tau; any direction) in
# GeV^-1 cm^-2 s^-1 sr^-1 at 10^4.0, 10^4.1 ... 10^7.0 GeV: the central calculation of Bhattacharya, Enberg, Reno,
# Sarcevic, Stasto, JHEP 06 (2015) 110, arXiv:1502.01076, for the cosmic-ray spectrum H3a, as tabulated (model
# BERSS_H3a_central) by nuflux 2.0.7. Linear interpolation in log-log is good to 0.2 percent.
PROMPT_LOG10_GEV = np.linspace(4.0, 7.0, 31)
PROMPT_TABLE = """
    4.81669e-17 2.65669e-17 1.45692e-17 7.94185e-18 4.29670e-18 2.30657e-18 1.22747e-18 6.46942e-19
    3.37615e-19 1.74197e-19 8.88415e-20 4.47626e-20 2.22695e-20 1.09417e-20 5.31571e-21 2.55402e-21
    1.21635e-21 5.75524e-22 2.70744e-22 1.27211e-22 5.97425e-23 2.81203e-23 1.33020e-23 6.32524e-24
    3.02781e-24 1.45941e-24 7.08715e-25 3.46954e-25 1.71131e-25 8.47621e-26 4.21343e-26
"""
PROMPT_FLUX = np.array(PROMPT_TABLE.split(), dtype=float)
PROMPT_SPECIES = ("nue", "nuebar", "numu", "numubar")

HESE = "IceCube Collaboration, Phys. Rev. D 104 (2021) 022002, arXiv:2011.03545, data doi:10.21234/4EQJ-BB17"
BERSS = "Bhattacharya et al., JHEP 06 (2015) 110, arXiv:1502.01076, as tabulated by nuflux 2.0.7 (icecube/nuflux)"
MESE = "IceCube Collaboration, Phys. Rev. D 91 (2015) 022001, arXiv:1410.1749, data release (nu-isance/hierarchical_nu)"
AREAS = "effective areas and shares of topologies by flavour of the release, kept in Astridsc/HESE-7-year-data-release"
MIGRATION = "energy migration of the release Monte Carlo kept in adhishrajan/stat221-neutrino-project"
ANA = "Denton, Marfatia, Weiler, JCAP 08 (2017) 033, arXiv:1703.09721, code doi:10.5281/zenodo.438675 (PeterDenton/ANA)"
LGPL = "facts re-tabulated; upstream licence: LGPL-3.0 (icecube/HESE-7-year-data-release)"

OVERLAPS = ["hese3", "hese4", "hese12", "mese2", "mese11"]
# One paragraph each
APPROXIMATIONS = """\
The response is averaged over the whole sky for a flux that is isotropic at the surface of the Earth; absorption in the
Earth is inside. Neither arrival directions nor the zenith angle enter.

Double cascades (four events, two of them in the analysis) are a part of the cascades of the response: of nu_tau the
share that is tabulated against true energy from the release Monte Carlo, 0.05 of nu_mu, 0.01 of nu_e and of atmospheric
neutrinos (an estimate, 0.00 to 0.02), none of the muons, at every deposited energy alike. Their length is not used.

Neutrinos above 10 PeV of true energy are missing from the response.

The response is the nominal Monte Carlo; the published fit prefers an optical-module efficiency of 0.952 (nominal 0.99),
some 5 percent fewer events. A scale of energies, the efficiency over 0.99, moves astrophysical events, and multiplies
atmospheric neutrinos by the splines of the release, averaged over the zenith angle; a free detector scale is beside it.

Its six species add up to the collaboration's Monte Carlo for equal fluxes, and the track shares of each flavour are
those of that Monte Carlo (second edition; in the first one they were those of the 2-year medium-energy sample, too high
for nu_mu and nu_tau). How channels share deposited energy is taken from the 2-year medium-energy sample.

The variance of the response is that of the release Monte Carlo, for events of equal weights within a channel and a bin
of true energy.

The column 56.2-79.4 TeV of the response is cut at 60 TeV by one constant per topology: the fraction of its best-fit
astrophysical counts above 60 TeV, by monotone cubic interpolation (PCHIP) of the cumulative counts in log E.

Conventional and muon counts are read off the published best-fit histogram (some 0.3 percent) and divided by the
best-fit norms (1.006 and 1.187). Where muons are below 0.1 per bin they are contained in 'conventional', 'muon' is 0.

Above 359 TeV, where conventional counts are below 0.1 per bin, they continue with a ratio of 0.47 per 0.111 dex.

Rebinning: conventional by PCHIP of log(counts above E) in log E, muons by PCHIP of the counts below E in log E. Both
are monotone and keep the counts of every published bin.

Tracks are 0.71 of the conventional neutrinos and 0.9 of the muons at every energy.

Prompt neutrinos at norm 1 are the central calculation of arXiv:1502.01076 for the H3a cosmic-ray spectrum, isotropic,
nu_e = nubar_e = nu_mu = nubar_mu and no nu_tau, folded through this response. The self-veto by muons of the same shower
(which removes a good part of the down-going ones) and the fitted cosmic-ray tilt are not included.

The other nuisance parameters of the published fit (ratios of neutrinos to antineutrinos and of kaons to pions,
ice, anisotropy) are left out; the cosmic-ray tilt is a parameter of conventional neutrinos relative to the best fit.
"""


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file with ``#`` comments."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def write_table(path: Path, comment: str, rows: list[dict[str, str]]) -> None:
    """Write rows as CSV below one comment line."""
    with path.open("w", newline="") as stream:
        stream.write(f"# {comment}\n")
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def power_law_integral(edges_gev: FloatArray, gamma: float) -> FloatArray:
    """Integral of (E/100 TeV)^-gamma over every bin, GeV."""
    primitive = PIVOT_GEV * (edges_gev / PIVOT_GEV) ** (1.0 - gamma) / (1.0 - gamma)
    return np.diff(primitive)


def prompt_integral(edges_gev: FloatArray) -> FloatArray:
    """Integral of the prompt flux of one species over every bin (bins nest in the table), cm^-2 s^-1 sr^-1."""
    flux = np.exp(np.interp(np.log(edges_gev), PROMPT_LOG10_GEV * np.log(10.0), np.log(PROMPT_FLUX)))
    slope = 1.0 + np.diff(np.log(flux)) / np.diff(np.log(edges_gev))
    integral: FloatArray = np.diff(flux * edges_gev) / slope
    return integral


def fold(response: dict[str, AnyArray], livetime_s: float, channels: AnyArray, integral: FloatArray) -> FloatArray:
    """Fold one flux integral (true bin) per species: counts (topology, deposited bin) of the chosen channels."""
    area: FloatArray = response["area_m2"][channels].sum(axis=0)
    counts: FloatArray = livetime_s * 4.0 * np.pi * CM2_PER_M2 * np.einsum("etd,e->td", area, integral)
    return counts


def double_shares(raw: Path, channels: AnyArray, true_edges_gev: FloatArray) -> FloatArray:
    """Share of the cascades that are double cascades, (channel, true bin); the first one goes on below the table."""
    rows = read_table(raw / "hese75_double_cascade_share.csv")
    of_tau = {round(float(row["log10E_GeV"]), 3): float(row["share"]) for row in rows}
    centres = np.round(0.5 * np.log10(true_edges_gev[1:] * true_edges_gev[:-1]), 3)
    tabulated = [of_tau.get(centre, of_tau[min(of_tau)]) for centre in centres.tolist()]
    shares = [DOUBLE_SHARE[channel.partition("_")[0]] for channel in channels]
    return np.array([tabulated if share is None else np.full(len(centres), share) for share in shares])


def three_topologies(two: FloatArray, shares: FloatArray) -> FloatArray:
    """An array (channel, true bin, topology, ...) of cascades and tracks with the double cascades taken out."""
    double = shares[:, :, None] * two[:, :, 0]
    return np.stack([two[:, :, 0] - double, two[:, :, 1], double], axis=2)


def write_scales(raw: Path, out: Path) -> None:
    """Write what a scale of energies does to atmospheric neutrinos."""
    rows: list[dict[str, str]] = [
        {
            "component": COMPONENTS[row["component"]],
            "topology": MORPHOLOGIES[row["topology"]],
            "deposited_energy_gev": f"{10.0 ** float(row['log10E_dep']):.10g}",
            "energy_scale": f"{float(key.removeprefix('eps')) / NOMINAL_EFFICIENCY:.10g}",
            "log10_factor": row[key],
        }
        for row in read_table(raw / "hese75_domeff_splines.csv")
        for key in row
        if key.startswith("eps") and row["component"] in COMPONENTS
    ]
    write_table(out / "energy_scale.csv", "HESE 7.5 yr; factors of the counts, averaged over the zenith angle", rows)


def threshold_fraction(counts: FloatArray, edges_gev: FloatArray) -> float:
    """Fraction of the counts of the bin holding the threshold that lies above it: PCHIP of the cumulative in log E."""
    cumulative = PchipInterpolator(np.log(edges_gev), np.concatenate([[0.0], np.cumsum(counts)]))
    cut = int(np.searchsorted(edges_gev, THRESHOLD_GEV, side="right")) - 1
    above = cumulative(np.log(edges_gev[cut + 1])) - cumulative(np.log(THRESHOLD_GEV))
    return float(above / counts[cut])


def conventional_counts(edges_gev: FloatArray, spectrum: list[dict[str, str]], norm: float) -> FloatArray:
    """Conventional counts in new bins at norm 1: PCHIP of log(counts above E) in log E."""
    rows = [row for row in spectrum if row["conventional"]]
    old = np.array([float(row["e_lo_GeV"]) for row in rows] + [float(rows[-1]["e_hi_GeV"])])
    counts = np.array([float(row["conventional"]) for row in rows]) / norm
    tail = np.arange(1, CONVENTIONAL_TAIL_BINS + 1)
    old = np.concatenate([old, old[-1] * 10.0 ** (0.111 * tail)])
    counts = np.concatenate([counts, counts[-1] * CONVENTIONAL_TAIL_RATIO**tail])
    above = np.cumsum(counts[::-1])[::-1]
    return -np.diff(np.exp(PchipInterpolator(np.log(old[:-1]), np.log(above))(np.log(edges_gev))))


def muon_counts(edges_gev: FloatArray, spectrum: list[dict[str, str]], norm: float) -> FloatArray:
    """Muon counts in new bins at norm 1: PCHIP of the counts below E in log E; blank entries are 0."""
    old = np.array([float(row["e_lo_GeV"]) for row in spectrum] + [float(spectrum[-1]["e_hi_GeV"])])
    counts = np.array([float(row["stack_muons"] or 0.0) for row in spectrum]) / norm
    below = PchipInterpolator(np.log(old), np.concatenate([[0.0], np.cumsum(counts)]))
    return np.diff(below(np.log(edges_gev)))


def write_events(raw: Path, out: Path) -> None:
    """Write the 102 events."""
    rows: list[dict[str, str]] = [
        {
            "row": row["row"],
            "deposited_energy_gev": row["deposited_energy_GeV"],
            "cos_zenith": row["cos_zenith"],
            "declination_deg": row["declination_deg"],
            "morphology": row["morphology"],
            "topology": row["morphology"],
            "in_analysis": row["in_analysis"],
        }
        for row in read_table(raw / "hese75_events.csv")
    ]
    write_table(out / "events.csv", "HESE 7.5 yr; in_analysis = 1 for 60 TeV <= deposited energy <= 10 PeV", rows)


def write_backgrounds(
    out: Path,
    edges_gev: FloatArray,
    components: dict[str, FloatArray],
    years: str = "7.5",
    topologies: Sequence[str] = TOPOLOGIES,
) -> None:
    """Write the counts of every component per topology and analysis bin."""
    rows: list[dict[str, str]] = [
        {"topology": topology, "e_lo_gev": f"{edges_gev[d]:.10g}", "e_hi_gev": f"{edges_gev[d + 1]:.10g}"}
        | {name: f"{counts[t, d]:.9g}" for name, counts in components.items()}
        for t, topology in enumerate(topologies)
        for d in range(len(edges_gev) - 1)
    ]
    comment = f"HESE {years} yr; counts in the livetime of the sample, every norm at 1"
    write_table(out / "backgrounds.csv", comment, rows)


def main(raw: Path, out: Path) -> None:
    """Write the data set and its manifest."""
    out.mkdir(parents=True, exist_ok=True)
    analysis = json.loads((raw / "hese75_analysis.json").read_text())
    spectrum = read_table(raw / "hese75_energy_spectrum.csv")
    livetime_s, best = float(analysis["livetime_s"]), analysis["best_fit"]
    with np.load(raw / "hese75_response_species.npz", allow_pickle=False) as archive:
        shares = double_shares(raw, archive["channels"], archive["true_edges_GeV"])
        response = {
            "area_m2": three_topologies(archive["area_m2"], shares),
            "area_variance_m4": three_topologies(archive["area_variance_m4"], shares),
            "true_edges_gev": archive["true_edges_GeV"],
            "deposited_edges_gev": archive["dep_edges_GeV"],
            "channels": archive["channels"],
            "topologies": np.array(TOPOLOGIES),
        }
    true_gev, deposited_gev = response["true_edges_gev"], response["deposited_edges_gev"]
    species = np.array([channel.partition("_")[0] for channel in response["channels"]])

    per_species = best["astro_norm_phi_total_1e-18"] * 1e-18 / 6.0 * power_law_integral(true_gev, best["astro_gamma"])
    astro = fold(response, livetime_s, np.full(len(species), fill_value=True), per_species)
    both = astro[0] + astro[2]  # double cascades are taken out of the cascades above the threshold
    fraction = {
        "cascade": threshold_fraction(both, deposited_gev),
        "track": threshold_fraction(astro[1], deposited_gev),
    }
    fraction["double_cascade"] = fraction["cascade"]

    first = int(np.searchsorted(deposited_gev, THRESHOLD_GEV, side="right")) - 1
    edges_gev = np.concatenate([[THRESHOLD_GEV], deposited_gev[first + 1 :]])
    prompt = fold(response, livetime_s, np.isin(species, PROMPT_SPECIES), prompt_integral(true_gev))[:, first:]
    prompt[:, 0] *= [fraction[name] for name in TOPOLOGIES]
    conventional = conventional_counts(edges_gev, spectrum, best["conv_norm"])
    muon, track = muon_counts(edges_gev, spectrum, best["muon_norm"]), TRACK_SHARE
    double = ATMOSPHERIC_DOUBLE_SHARE
    cascades = {"conventional": (1.0 - track["conventional"]) * conventional, "prompt": prompt[0] + prompt[2]}
    tracks = {"conventional": track["conventional"] * conventional, "prompt": prompt[1]}
    components = {k: np.array([(1.0 - double) * cascades[k], tracks[k], double * cascades[k]]) for k in cascades}
    components["muon"] = np.array([(1.0 - track["muon"]) * muon, track["muon"] * muon, 0.0 * muon])

    write_events(raw, out)
    write_backgrounds(out, edges_gev, components)
    write_scales(raw, out)
    np.savez_compressed(out / "response.npz", allow_pickle=False, **response)
    metadata = {
        "name": "hese7",
        "title": "IceCube HESE, 7.5 years (2635 d)",
        "livetime_s": livetime_s,
        "topologies": list(TOPOLOGIES),
        "threshold_gev": THRESHOLD_GEV,
        "overlaps": OVERLAPS,
        "approximations": [" ".join(text.split()) for text in APPROXIMATIONS.split("\n\n")],
        "references": [HESE, BERSS, MESE, ANA],
        "threshold_fraction": fraction,
    }
    (out / "dataset.toml").write_text(tomli_w.dumps(metadata), encoding="utf-8")
    seal(
        out,
        {
            "dataset.toml": (f"{HESE}; track shares: {ANA}", LGPL),
            "events.csv": (HESE, LGPL),
            "energy_scale.csv": (f"{HESE}: its DOM-efficiency splines, evaluated", LGPL),
            "backgrounds.csv": (f"{HESE}; track shares: {ANA}; prompt: {BERSS}", f"{LGPL}; LGPL-3.0 (icecube/nuflux)"),
            "response.npz": (
                f"{HESE}: {AREAS}, {MIGRATION}; sharing between channels: {MESE}",
                f"{LGPL}; MIT (nu-isance/hierarchical_nu); none found (adhishrajan/stat221-neutrino-project)",
            ),
        },
    )
    for name, counts in components.items():
        print(f"{name:13s} {counts.sum():8.4f} counts at norm 1, {counts[1].sum():8.4f} of them tracks")
    print(f"astrophysical {astro[:, first:].sum():8.4f} counts before the cut; threshold fractions {fraction}")


if __name__ == "__main__":
    repository = Path(__file__).resolve().parents[2]
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else repository / "data" / "hese7")
