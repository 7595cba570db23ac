"""Make ``data/hese3`` and ``data/hese4``, the 988-day and 1347-day samples of HESE, from the 7.5-year sample.

    python data/hese3/make_hese_early.py RAW_FOLDER [FOLDER_OF_DATA_SETS]

RAW_FOLDER holds ``hese4yr_events.csv`` and ``hese3yr_expected_by_declination.csv``. Response and backgrounds are those
of the first edition of ``data/hese7``, which is kept in ``tests/reference/hese7-first-edition`` because results with
these samples are published, scaled to the totals that the collaboration gives for 988 days.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tomli_w
from make_hese7 import HESE, LGPL, THRESHOLD_GEV, read_table, write_backgrounds, write_table

from nuinfer.constants import CM2_PER_M2
from nuinfer.datafiles import DataFolder, data_root, seal
from nuinfer.detector.dataset import load_counts
from nuinfer.detector.folder import BACKGROUNDS
from nuinfer.typing import AnyArray, FloatArray

FIRST_EDITION = Path(__file__).resolve().parents[2] / "tests" / "reference" / "hese7-first-edition"
TOPOLOGIES = ("cascade", "track")
SECONDS_PER_DAY = 86400.0
DAYS = {"hese3": 988.0, "hese4": 1347.0}
LAST_ID = {"hese3": 37, "hese4": 54}
YEARS = {"hese3": 3, "hese4": 4}

# Above 60 TeV in 988 days: arXiv:1405.5303, supplementary figure 5, digitised by PeterDenton/ANA
ATMOSPHERIC_NEUTRINOS, MUONS, ASTROPHYSICAL = 1.83, 0.13, 20.26
PER_FLAVOUR = 0.95e-8  # E^2 phi of its astrophysical flux, neutrinos and antineutrinos, GeV cm^-2 s^-1 sr^-1

HESE3 = "IceCube Collaboration, Phys. Rev. Lett. 113 (2014) 101101, arXiv:1405.5303"
HESE4 = "IceCube Collaboration, PoS(ICRC2015)1081, arXiv:1510.05223"
TABULATED = "as tabulated by PeterDenton/ANA"
FREE = "facts re-tabulated; upstream licence: free to use, asks to cite doi:10.5281/zenodo.438675 and arXiv:1703.09721"
OVERLAPS = ("hese3", "hese4", "hese7", "hese12", "mese2", "mese11")

# One paragraph each
APPROXIMATIONS = """\
No response or background table in deposited energy is public for this sample: both are those of the 7.5-year sample
(the first edition of data set hese7, whose approximations hold here too: two topologies, double cascades are counted as
cascades, track shares of nu_mu and nu_tau are too high, no variance of the response), scaled by constants.

The response is multiplied by {factor:.4f}, so that an E^-2 flux of 0.95e-8 GeV cm^-2 s^-1 sr^-1 per flavour gives the
20.26 events above 60 TeV in 988 days of the collaboration; the 7.5-year response gives {unscaled:.2f}.

Conventional neutrinos and muons have the 7.5-year shapes in energy and topology, and the collaboration's totals above
60 TeV in 988 days, 1.83 and 0.13. Scaling the 7.5-year counts by livetime would give {conventional:.2f} and {muon:.2f}:
the atmospheric model of 2014 and its self-veto differ from that of 2020.{livetime}

Prompt neutrinos at norm 1 are those of the 7.5-year sample, scaled with livetime and response.

Energies are those of the publication; the 7.5-year sample re-reconstructed the same events with another ice model and
moved some of them across the threshold.
"""
BY_LIVETIME = """

The backgrounds of 988 days are scaled by livetime to 1347 days."""


def counts_of_e2(response: FloatArray, true_edges_gev: FloatArray, livetime_s: float) -> float:
    """Events of the E^-2 flux, `response` of shape (species, true, topology, bin)."""
    integral = 0.5 * PER_FLAVOUR * -np.diff(1.0 / true_edges_gev)
    return float(livetime_s * 4.0 * np.pi * CM2_PER_M2 * np.einsum("cetd,e->", response, integral))


def event_rows(raw: Path, last_id: int) -> list[dict[str, str]]:
    """Events up to an id; the coincident pair of muons, id 32, has no energy and is left out."""
    rows = []
    for row in read_table(raw / "hese4yr_events.csv"):
        if int(row["id"]) <= last_id and row["deposited_energy_TeV"]:
            energy_gev = 1e3 * float(row["deposited_energy_TeV"])
            rows.append(
                {
                    "id": row["id"],
                    "deposited_energy_gev": f"{energy_gev:.10g}",
                    "declination_deg": row["declination_deg"],
                    "topology": row["topology"],
                    "in_analysis": str(int(energy_gev >= THRESHOLD_GEV)),
                }
            )
    return rows


def backgrounds_per_988_days(table: dict[str, AnyArray], prompt_factor: float) -> dict[str, FloatArray]:
    """Counts (topology, bin) of every component: totals of the collaboration, shapes of 7.5 years."""
    counts = {name: np.asarray(table[name], float).reshape(len(TOPOLOGIES), -1) for name in BACKGROUNDS}
    return {
        "conventional": counts["conventional"] * (ATMOSPHERIC_NEUTRINOS / counts["conventional"].sum()),
        "prompt": counts["prompt"] * prompt_factor,
        "muon": counts["muon"] * (MUONS / counts["muon"].sum()),
    }


def check_totals(raw: Path) -> None:
    """Refuse if the digitised figure no longer adds up to the totals above."""
    rows = read_table(raw / "hese3yr_expected_by_declination.csv")
    for column, total in (
        ("atmospheric_neutrinos", ATMOSPHERIC_NEUTRINOS),
        ("atmospheric_muons", MUONS),
        ("astrophysical", ASTROPHYSICAL),
    ):
        found = sum(float(row[column]) for row in rows)
        if abs(found - total) > 0.006:
            raise SystemExit(f"{column}: the table adds up to {found:.3f}, not {total}")


def main(raw: Path, out: Path) -> None:
    """Write both data sets and their manifests."""
    check_totals(raw)
    full, folder = load_counts(str(FIRST_EDITION)), DataFolder.open(FIRST_EDITION)
    base, response = folder.read_toml("dataset.toml"), folder.read_arrays("response.npz")
    livetime_3yr_s = DAYS["hese3"] * SECONDS_PER_DAY
    share = livetime_3yr_s / full.livetime_s
    unscaled = counts_of_e2(full.area_m2, full.true_edges_gev, livetime_3yr_s)
    factor = ASTROPHYSICAL / unscaled
    components = backgrounds_per_988_days(folder.read_csv("backgrounds.csv"), share * factor)

    for name, days in DAYS.items():
        target = out / name
        target.mkdir(parents=True, exist_ok=True)
        longer = days / DAYS["hese3"]
        text = APPROXIMATIONS.format(
            factor=factor,
            unscaled=unscaled,
            conventional=share * full.backgrounds["conventional"].sum(),
            muon=share * full.backgrounds["muon"].sum(),
            livetime=BY_LIVETIME if longer > 1.0 else "",
        )
        publication = HESE3 if name == "hese3" else HESE4
        metadata = {
            "name": name,
            "title": f"IceCube HESE, {YEARS[name]} years ({days:.0f} d)",
            "livetime_s": days * SECONDS_PER_DAY,
            "topologies": base["topologies"],
            "threshold_gev": base["threshold_gev"],
            "overlaps": [other for other in OVERLAPS if other != name],
            "approximations": [" ".join(paragraph.split()) for paragraph in text.split("\n\n")],
            "references": list(dict.fromkeys([publication, HESE3, *base["references"]])),
            "threshold_fraction": base["threshold_fraction"],
        }
        (target / "dataset.toml").write_text(tomli_w.dumps(metadata), encoding="utf-8")
        rows = event_rows(raw, LAST_ID[name])
        write_table(
            target / "events.csv", f"{metadata['title']}; in_analysis = 1 from 60 TeV of deposited energy", rows
        )
        edges = full.bin_edges_gev
        scaled_up = {k: counts * longer for k, counts in components.items()}
        write_backgrounds(target, edges, scaled_up, str(YEARS[name]), TOPOLOGIES)
        scaled = {**response, "area_m2": response["area_m2"] * factor}
        np.savez_compressed(target / "response.npz", allow_pickle=False, **scaled)
        totals = f"totals: {HESE3}, {TABULATED}; shapes: {HESE}"
        upstream = folder.files["response.npz"]
        seal(
            target,
            {
                "dataset.toml": (f"{publication}; {totals}", f"{FREE}; {LGPL}"),
                "events.csv": (f"{publication}, {TABULATED}", FREE),
                "backgrounds.csv": (
                    f"{totals}; {folder.files['backgrounds.csv']['source']}",
                    f"{FREE}; {folder.files['backgrounds.csv']['licence']}",
                ),
                "response.npz": (
                    f"scaled to {HESE3}, {TABULATED}; {upstream['source']}",
                    f"{FREE}; {upstream['licence']}",
                ),
            },
        )
        kept = sum(row["in_analysis"] == "1" for row in rows)
        print(f"{name}: {kept} of {len(rows)} events above 60 TeV; response x {factor:.5f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else data_root())
