"""Make ``tests/reference/flux_points.json``: means of E^2 phi over segments of energy by adaptive quadrature.

    python tests/reference/make_flux_points.py [OUTPUT]        (a minute)

With the fluxes of ``make_spectra.py``: no code of ``nuinfer``. Segments are those of the 11.4-year sample, in GeV.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from pathlib import Path

import numpy as np
from make_propagation import CHARGES, MIXINGS, REPOSITORY, SOURCES, Case, bare_case, masses_ev
from make_spectra import BROKEN, EARTH, PARABOLA, PIVOT_GEV, edges_gev, emitted, farthest, flux, with_daughters
from scipy.integrate import quad

SEGMENTS_GEV = [
    *(1e3, 2.15e3, 4.64e3, 1e4, 2.15e4, 4.64e4, 1e5, 2.154e5, 4.642e5, 1e6, 2.1544e6, 4.6416e6, 1e7, 1e8)
]  # fmt: skip
UNIT = 1e-8  # GeV cm^-2 s^-1 sr^-1
POINTS: tuple[tuple[Case, str | float, str, str], ...] = (
    ({"spectrum": "power_law", "gamma": 2.5}, "sfr", "pp", "decoherent"),
    (
        {"spectrum": BROKEN, "break_gev": 3.29e4, "gamma": 1.65, "gamma_high": 2.9, "frame": EARTH},
        *("sfr", "pgamma", "decoherent"),
    ),
    ({"spectrum": BROKEN, "break_gev": 5.6e4, "gamma": 0.1, "gamma_high": 4.9}, "grb", "pp", "coherent"),
    ({"spectrum": PARABOLA, "beta": 2.9, "gamma": 4.9, "frame": EARTH}, 1.2, "pp", "decoherent"),
)  # fmt: skip


def mean(of_energy: object, low: float, high: float, case: Case) -> float:
    """Mean over ln E of E^2 times a flux in units of phi_total at the pivot, flavour mean."""
    inside = [low, *sorted(e for e in edges_gev(case) if low < e < high), high]

    def integrand(x: float) -> float:
        return math.exp(2.0 * x) * of_energy(math.exp(x))  # type: ignore[operator,no-any-return]

    pieces = [
        quad(integrand, math.log(a), math.log(b), epsrel=1e-9, limit=200)[0] for a, b in itertools.pairwise(inside)
    ]
    norm = 3.0 * math.log(high / low) * emitted(0.0, farthest(case), PIVOT_GEV, case)
    return 1e-18 / UNIT * sum(pieces) / norm


def survivors() -> list[Case]:
    """Without daughters, split masses."""
    cases = []
    for spectrum, sources, source, coherence in POINTS:
        case = bare_case("nufit6.0 normal", "planck18", CHARGES[0], coherence) | spectrum
        case |= {
            "absorption": True,
            "log10_m_zprime_mev": 0.95,
            "log10_g_prime": -3.1,
            "lightest_ev": 0.02,
            "z_max": 5.0,
        }
        case |= {"m_zprime_mev": 10.0**0.95, "g_prime": 10.0**-3.1, "source": source}
        case["masses_ev"] = masses_ev(0.02, "normal", MIXINGS["nufit6.0 normal"]["dm2_ev2"])
        case |= {"evolution": sources} if isinstance(sources, str) else {"source_redshift": sources}
        fractions = np.array(SOURCES[source]).reshape(2, 3).sum(axis=0)

        def arriving(energy_gev: float, case: Case = case, fractions: object = fractions) -> float:
            return float((flux(energy_gev, case) @ fractions).sum())

        case["result"] = [mean(arriving, *ends, case) for ends in itertools.pairwise(SEGMENTS_GEV)]
        cases.append(case)
    return cases


def regenerated() -> list[Case]:
    """With daughters of one degenerate target, of sources (1, 2, 0)."""
    case = bare_case("paper", "planck18", CHARGES[0], "decoherent")
    case |= {"spectrum": BROKEN, "break_gev": 1e5, "gamma": 2.0, "gamma_high": 2.8, "frame": EARTH, "evolution": "sfr"}
    case |= {"masses_ev": [0.06], "m_zprime_mev": 9.0, "g_prime": 4e-4, "z_max": 5.0}
    resonance = (9e6) ** 2 / (2.0 * 0.06) / 1e9
    chosen = SEGMENTS_GEV[4:9]

    def arriving(energy_gev: float) -> float:
        whole = emitted(0.0, 5.0, energy_gev, case | {"spectrum": "power_law"})
        power = (energy_gev / PIVOT_GEV) ** -case["gamma"]
        if energy_gev >= resonance:
            return float(power * emitted(0.0, 5.0, energy_gev, case))
        return float(power * whole * with_daughters(energy_gev, resonance, case))

    means = [mean(arriving, *ends, case) for ends in itertools.pairwise(chosen)]
    return [case | {"segments_gev": chosen, "result": means}]


def main(path: Path) -> None:
    """Write the reference."""
    reference = {
        "made_by": "tests/reference/make_flux_points.py (adaptive quadrature; no code of nuinfer)",
        "segments_gev": SEGMENTS_GEV,
        "survivors": survivors(),
        "regenerated": regenerated(),
    }
    path.write_text(json.dumps(reference, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "tests" / "reference" / "flux_points.json")
