"""Compare sources and print the odds: python scripts/compare_sources.py hese7 pp,pgamma,muon_damped,neutron."""

from __future__ import annotations

import sys

import nuinfer
from nuinfer.inference.evidence.hypotheses import varied


def main(preset: str = "hese7", sources: str = "pp,pgamma,muon_damped,muon_damped_pgamma,neutron") -> None:
    """Evidence of each source on the data of `preset`."""
    result = nuinfer.compare(varied(preset, [], [f"model.source={sources}"]))
    for evidence in result.hypotheses:
        ln_b, error = result.ln_bayes_factor(evidence.name)
        ln_z = f"{evidence.ln_z:8.2f} ± {evidence.ln_z_error:.2f}"
        print(f"{evidence.name:28s} ln Z {ln_z}   ln B {ln_b:6.2f} ± {error:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
