"""Make ``data/hese12``, the 12-year sample of HESE, from its list of events and ``data/hese7``.

    PYTHONPATH=data/hese7 python data/hese12/make_hese12.py RAW_FOLDER [FOLDER_OF_DATA_SETS]

RAW_FOLDER holds ``hese12_events.csv``; make ``data/hese7`` first. Response and backgrounds are those of the 7.5-year
sample, with the double cascades among the cascades, and the backgrounds scaled to 12 years.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import tomli_w
from make_hese7 import HESE, LGPL, THRESHOLD_GEV, read_table, write_backgrounds, write_table

from nuinfer.datafiles import DataFolder, data_root, seal
from nuinfer.detector.folder import BACKGROUNDS, CASCADE, DOUBLE_CASCADE
from nuinfer.typing import AnyArray

LIVETIME_S = 12.0 * 365.0 * 86400.0
HIGHEST_GEV = 1e7
TOPOLOGIES = ("cascade", "track")
MORPHOLOGIES = {"shower": "cascade", "track": "track"}

HESE12 = "IceCube Collaboration, PoS(ICRC2023)1030, arXiv:2307.13878, data doi:10.7910/DVN/PZNO2T"
KEPT = "as kept in Astridsc/HESE-7-year-data-release"
CC0 = "facts re-tabulated; upstream licence: CC0 (doi:10.7910/DVN/PZNO2T)"
OVERLAPS = ["hese3", "hese4", "hese7", "mese2", "mese11"]

# One paragraph each
APPROXIMATIONS = """\
The release holds events alone: neither its livetime nor a response or backgrounds. The livetime is taken as 12 x 365
days; the response is that of the 7.5-year sample (data set hese7, whose approximations hold here too), and conventional
neutrinos, prompt neutrinos and muons are those of the 7.5-year sample times {factor:.4f}, the ratio of the livetimes.

Energies are those of the release, from another reconstruction than those of the 7.5-year sample; events may be on
different sides of the threshold in the two.

The list has showers and tracks, no double cascades: these are counted as cascades, in the response too.
"""


def merged(array: AnyArray, topologies: list[str], axis: int) -> AnyArray:
    """Double cascades added to the cascades, along the axis of topologies."""
    parts = {name: array.take(k, axis) for k, name in enumerate(topologies)}
    parts[CASCADE] = parts[CASCADE] + parts[DOUBLE_CASCADE]
    return np.stack([parts[name] for name in TOPOLOGIES], axis)


def event_rows(raw: Path) -> list[dict[str, str]]:
    """The 164 events; their directions in degrees."""
    rows = []
    for row in read_table(raw / "hese12_events.csv"):
        energy = float(row["energy_GeV"])
        rows.append(
            {
                "id": row["id"],
                "deposited_energy_gev": row["energy_GeV"],
                "right_ascension_deg": f"{math.degrees(float(row['ra'])):.2f}",
                "declination_deg": f"{math.degrees(float(row['dec'])):.2f}",
                "topology": MORPHOLOGIES[row["topology"]],
                "in_analysis": str(int(THRESHOLD_GEV <= energy <= HIGHEST_GEV)),
            }
        )
    return rows


def main(raw: Path, out: Path) -> None:
    """Write the data set and its manifest."""
    base = DataFolder.open(data_root() / "hese7")
    metadata, response, table = (
        base.read_toml("dataset.toml"),
        base.read_arrays("response.npz"),
        base.read_csv("backgrounds.csv"),
    )
    topologies, factor, target = metadata["topologies"], LIVETIME_S / metadata["livetime_s"], out / "hese12"
    target.mkdir(parents=True, exist_ok=True)
    counts = {name: np.asarray(table[name], float).reshape(len(topologies), -1) * factor for name in BACKGROUNDS}
    edges = np.append(np.unique(table["e_lo_gev"]), table["e_hi_gev"].max())
    write_backgrounds(target, edges, {k: merged(v, topologies, 0) for k, v in counts.items()}, "12", TOPOLOGIES)
    arrays = {name: merged(response[name], topologies, 2) for name in ("area_m2", "area_variance_m4")}
    kept = {**response, **arrays, "topologies": np.array(TOPOLOGIES)}
    np.savez_compressed(target / "response.npz", allow_pickle=False, **kept)
    scales = [row for row in read_table(base.path / "energy_scale.csv") if row["topology"] in TOPOLOGIES]
    comment = "HESE 7.5 yr; factors of the counts, averaged over the zenith angle"
    write_table(target / "energy_scale.csv", comment, scales)
    rows, title = event_rows(raw), "IceCube HESE, 12 years"
    write_table(target / "events.csv", f"{title}; in_analysis = 1 for 60 TeV <= deposited energy <= 10 PeV", rows)
    described = {
        "name": "hese12",
        "title": title,
        "livetime_s": LIVETIME_S,
        "topologies": list(TOPOLOGIES),
        "threshold_gev": metadata["threshold_gev"],
        "overlaps": OVERLAPS,
        "approximations": [" ".join(text.split()) for text in APPROXIMATIONS.format(factor=factor).split("\n\n")],
        "references": [HESE12, *metadata["references"]],
        "threshold_fraction": {name: metadata["threshold_fraction"][name] for name in TOPOLOGIES},
    }
    (target / "dataset.toml").write_text(tomli_w.dumps(described), encoding="utf-8")
    files = {
        name: (f"{base.files[name]['source']}; scaled to 12 years", base.files[name]["licence"])
        for name in ("backgrounds.csv", "response.npz", "energy_scale.csv")
    }
    seal(
        target,
        {
            "dataset.toml": (f"{HESE12}, {KEPT}; response and backgrounds: {HESE}", f"{CC0}; {LGPL}"),
            "events.csv": (f"{HESE12}, {KEPT}", CC0),
            **files,
        },
    )
    chosen = [row["topology"] for row in rows if row["in_analysis"] == "1"]
    print(f"{len(chosen)} of {len(rows)} events, {chosen.count('track')} of them tracks; backgrounds x {factor:.5f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else data_root())
