"""Shares of topologies by flavour of the release Monte Carlo of the 7.5-year sample, for tests of `data/hese7`.

Usage: python tests/reference/make_hese7_shares.py RAW_FOLDER

RAW_FOLDER holds ``hese75_effective_area_flavour_topology.csv``, effective areas of IceCube's release (doi:10.21234/
4EQJ-BB17) computed from its Monte Carlo by the public repository Astridsc/HESE-7-year-data-release (LGPL-3.0). Writes
tests/reference/hese7_shares.json: the logarithms of the true energies, and for each share its value and its error. The
double cascades of nu_mu, 2 % of their area, are in no column there.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np

OUT = Path(__file__).with_name("hese7_shares.json")
LEAST_LOG10_GEV = 4.6  # below it the Monte Carlo has few events
NO_COLUMN = 0.02


def share(part: np.ndarray, part_error: np.ndarray, rest: np.ndarray, rest_error: np.ndarray) -> list[list[float]]:
    """Share of a part in both, and its error."""
    value = part / (part + rest)
    error = np.hypot(part_error * (1.0 - value), rest_error * value) / (part + rest)
    return [np.round(value, 5).tolist(), np.round(error, 5).tolist()]


def main(raw: Path) -> None:
    """Write the shares."""
    lines = (raw / "hese75_effective_area_flavour_topology.csv").read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    rows = [row for row in rows if float(row["log10E_GeV"]) > LEAST_LOG10_GEV]
    column = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    area = {name: (column[name], column[f"{name}_err"]) for name in column if f"{name}_err" in column}
    cascades = [np.add(area["nutau_cascade"][0], area["nutau_doublecascade"][0])]
    cascades.append(np.hypot(area["nutau_cascade"][1], area["nutau_doublecascade"][1]))
    numu = share(*area["numu_track"], *area["numu_cascade"])
    found = {
        "log10_gev": column["log10E_GeV"].tolist(),
        "numu_track": [np.round((1.0 - NO_COLUMN) * np.array(values), 5).tolist() for values in numu],
        "nutau_track": share(*area["nutau_track"], *cascades),
        "nutau_double_cascade": share(*area["nutau_doublecascade"], *area["nutau_cascade"]),
    }
    OUT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
