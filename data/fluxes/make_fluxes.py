"""Make ``data/fluxes``, published piecewise fluxes that figures show beside the posterior.

    python data/fluxes/make_fluxes.py RAW_FOLDER [FOLDER_OF_DATA_SETS]

RAW_FOLDER holds ``icecube_segmented_fluxes.csv``: E^2 phi per flavour, neutrinos and antineutrinos together, of each
sample, as collected in the repository KM3NeT/KM3-230213A-data. An upper error of zero marks an upper limit.
"""

from __future__ import annotations

import sys
from pathlib import Path

from make_hese7 import read_table, write_table

from nuinfer.datafiles import data_root, seal

# Sample: its key here, the flavour that it measures, the article
SAMPLES = {
    "HESE 7.5 yr": ("hese7", "all", "Phys. Rev. D 104 (2021) 022002, arXiv:2011.03545"),
    "northern tracks 9.5 yr": ("tracks9", "mu", "doi:10.3847/1538-4357/ac4d29, arXiv:2111.10299"),
    "Glashow event": ("glashow", "e", "doi:10.1038/s41586-021-03256-1, arXiv:2110.15051"),
}
COLUMNS = {
    "low_gev": "e_lo_GeV",
    "high_gev": "e_hi_GeV",
    "e2_flux": "e2flux",
    "minus": "error_minus",
    "plus": "error_plus",
}
COLLECTED = "as collected in KM3NeT/KM3-230213A-data"
LICENCE = "facts re-tabulated; upstream licence: BSD-3-Clause (KM3NeT/KM3-230213A-data)"
COMMENT = "E^2 phi per flavour, nu + nubar, GeV cm^-2 s^-1 sr^-1; plus = 0: an upper limit, all = flavours alike"


def main() -> None:
    """Write the table and its manifest."""
    folder = (Path(sys.argv[2]) if len(sys.argv) > 2 else data_root()) / "fluxes"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for raw in read_table(Path(sys.argv[1]) / "icecube_segmented_fluxes.csv"):
        sample, flavour, _ = SAMPLES[raw["sample"]]
        numbers = {name: raw[column] for name, column in COLUMNS.items()}
        rows.append({"sample": sample, "flavour": flavour, **numbers})
    write_table(folder / "segments.csv", COMMENT, rows)
    articles = "; ".join(f"{key}: IceCube Collaboration, {article}" for key, _, article in SAMPLES.values())
    seal(folder, {"segments.csv": (f"{articles}; {COLLECTED}", LICENCE)})


if __name__ == "__main__":
    main()
