"""Make ``data/mese11``, the piecewise flux of IceCube's medium-energy starting events in 11.4 years.

    python data/mese11/make_mese11.py RAW_FOLDER [DATA_SET_FOLDER]

RAW_FOLDER holds ``mese11_segmented_flux.csv``. What is done to it is written in the ``approximations`` of
``dataset.toml``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tomli_w

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "data" / "hese7"))

from make_hese7 import read_table, write_table  # noqa: E402 - the folders are known by now

from nuinfer.datafiles import seal  # noqa: E402 - the folders are known by now

MESE = "IceCube Collaboration, Phys. Rev. Lett. (2025), arXiv:2507.22233"
TYPED = "numbers as entered in Astridsc/HESE-7-year-data-release"
LICENCE = "facts re-tabulated; upstream licence: LGPL-3.0 (Astridsc/HESE-7-year-data-release)"
COMMENT = "MESE 11.4 yr; E^2 phi per flavour, nu + nubar, unit as in dataset.toml; err_lo = 0: an upper limit"

OVERLAPS = ["hese3", "hese4", "hese7", "hese12", "mese2"]
# One paragraph each
APPROXIMATIONS = """\
The numbers are those that a public repository has typed in, not checked against the article; they reproduce its broken
power law.

The segments are treated as independent. Their correlations, among each other and with the atmospheric backgrounds that
were fitted beside them, are not published.

The errors are those of the published fit whatever the flux of the model is, and Gaussian on each side.

A segment without an observed flux is half a Gaussian of its upper error.

The published fit takes E^-2 inside a segment; here the mean of E^2 phi over ln E is compared, whatever the shape.

Flavours are taken to be alike, as in the published fit: what is compared is the flavour mean.
"""


def main(raw: Path, out: Path) -> None:
    """Write the data set and its manifest."""
    out.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "e_lo_gev": f"{1e3 * float(row['e_lo_TeV']):.10g}",
            "e_hi_gev": f"{1e3 * float(row['e_hi_TeV']):.10g}",
            "e2phi": row["e2phi"],
            "err_up": row["err_up"],
            "err_lo": row["err_lo"],
        }
        for row in read_table(raw / "mese11_segmented_flux.csv")
    ]
    write_table(out / "segments.csv", COMMENT, rows)
    metadata = {
        "name": "mese11",
        "title": "IceCube MESE, 11.4 years",
        "kind": "flux_points",
        "unit": "1e-8 GeV cm^-2 s^-1 sr^-1",
        "overlaps": OVERLAPS,
        "approximations": [" ".join(text.split()) for text in APPROXIMATIONS.split("\n\n")],
        "references": [MESE],
    }
    (out / "dataset.toml").write_text(tomli_w.dumps(metadata), encoding="utf-8")
    source = f"{MESE}; {TYPED}"
    seal(out, {"dataset.toml": (source, LICENCE), "segments.csv": (source, LICENCE)})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else REPOSITORY / "data" / "mese11")
