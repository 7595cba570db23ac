"""Make ``tests/reference/spectra.json``: spectra with a scale, evolution laws and free flavours by quadrature.

    python tests/reference/make_spectra.py [OUTPUT]        (two minutes)

Like ``make_propagation.py``, whose crossings it uses: no code, constants or closed forms of ``nuinfer``.
Every shell is integrated by itself, with the spectrum at the energy of the source or at that of Earth, in pieces
between all edges.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from make_propagation import (
    CHARGES,
    MIXINGS,
    REPOSITORY,
    SOURCES,
    Array,
    Case,
    bare_case,
    couplings,
    evolution,
    expansion,
    hese_area,
    masses_ev,
    optical_depth,
    pmns,
    resonance_redshift,
    transition,
)
from scipy.integrate import quad, quad_vec

PIVOT_GEV = 1e5
BENDS = (0.3, 0.7, 1.0, 1.7, 2.5, 3.0, 3.6, 4.2)


def law(z: float, name: str) -> float:
    """Source density; the first two are those of the other generator."""
    if name in ("sfr", "flat"):
        return float(evolution(z, name))
    if name == "grb":
        rise, fall = ((1.0 + z) / 4.0) ** -21.0, ((1.0 + z) / 4.0) ** 14.0
        return float((rise + fall) ** -0.1)
    if name == "quasar":
        return float(10.0 ** (1.36 * z - 0.27 * z**2))
    return math.exp(ln_bllac()(math.log1p(z)))


@functools.cache
def ln_bllac() -> Callable[[float], float]:
    """Logarithm of `bllac` against ln(1+z), interpolated in 61 Chebyshev points up to z = 6.1."""
    interpolant = np.polynomial.Chebyshev.interpolate(
        lambda x: np.array([math.log(bllac(math.expm1(one))) for one in x]), 60, [0.0, math.log(7.1)]
    )
    return lambda x: float(interpolant(x))


def bllac(z: float) -> float:
    """Luminosity density of BL Lacs, by adaptive integration over the logarithm of the luminosity in 1e48 erg/s."""

    def density(log_l: float) -> float:
        luminosity = math.exp(log_l)
        r = (1.0 + z) / (1.0 + 2.1 * luminosity**0.052)
        scaled = luminosity / 1.82
        return float(luminosity / (scaled**0.59 + scaled**1.43) / (r**1.54 + r**-0.42))

    return float(quad(density, math.log(7e-5), math.log(1e4), epsrel=1e-11, limit=200)[0])


def shape(energy_gev: float, z: float, case: Case) -> float:
    """Spectrum over its power law, of a shell, for an energy at Earth."""
    if case.get("frame", "source") == "source":
        energy_gev *= 1.0 + z
    if case["spectrum"] == "log_parabola":
        return math.exp(-case["beta"] * math.log10(energy_gev / PIVOT_GEV) * math.log(energy_gev / PIVOT_GEV))
    if case["spectrum"] == "cutoff":
        return math.exp(-energy_gev / case["cutoff_gev"])
    if case["spectrum"] == "broken_power_law" and energy_gev > case["break_gev"]:
        return float((energy_gev / case["break_gev"]) ** (case["gamma"] - case["gamma_high"]))
    return 1.0


def emitted(low: float, high: float, energy_gev: float, case: Case) -> float:
    """Flux at `energy_gev` today from shells between two redshifts over (E/pivot)^-gamma, not normalised."""
    if "source_redshift" in case:
        z = case["source_redshift"]
        return (1.0 + z) ** -case["gamma"] * shape(energy_gev, z, case) if low < z <= high else 0.0

    def shell(z: float) -> float:
        weight = law(z, case["evolution"]) * (1.0 + z) ** -case["gamma"] / expansion(z, case["cosmology"])
        return float(weight * shape(energy_gev, z, case))

    inside = {*BENDS, case.get("break_gev", math.inf) / energy_gev - 1.0}
    edges = [low, *sorted(z for z in inside if low < z < high), high]
    return sum(quad(shell, a, b, epsabs=0.0, epsrel=1e-10, limit=200)[0] for a, b in itertools.pairwise(edges))


def farthest(case: Case) -> float:
    """Redshift of the farthest source."""
    return float(case["source_redshift"] if "source_redshift" in case else case["z_max"])


def edges_gev(case: Case) -> set[float]:
    """Energies at Earth where the flux is not smooth."""
    scales = [(case["m_zprime_mev"] * 1e6) ** 2 / (2.0 * mass) / 1e9 for mass in case["masses_ev"]]
    scales += [case["break_gev"]] if "break_gev" in case else []
    return {energy / (1.0 + z) for energy in scales for z in (0.0, farthest(case))}  # of a break at Earth one too many


def flux(energy_gev: float, case: Case) -> Array:
    """Flux of flavour a from sources of flavour b over phi_total, normalised at the pivot without absorption."""
    redshifts = [resonance_redshift(energy_gev, case["m_zprime_mev"], mass) for mass in case["masses_ev"]]
    edges = [0.0, *sorted(z for z in redshifts if 0.0 < z < farthest(case)), farthest(case)]
    total = np.zeros((3, 3))
    for low, high in itertools.pairwise(edges):
        middle = 0.5 * (low + high)
        crossed = transition(energy_gev, middle, case) if case["absorption"] else transition(energy_gev, 0.0, case)
        total += emitted(low, high, energy_gev, case) * crossed
    return np.asarray((energy_gev / PIVOT_GEV) ** -case["gamma"] * total)


def counts(case: Case) -> list[list[float]]:
    """Astrophysical counts (topology, bin) of HESE 7.5 yr for phi_total = 1."""
    livetime_s, true_edges, area = hese_area()
    fractions = np.array(case["species"]).reshape(2, 3)
    integrals = []

    def arriving(energy_gev: float) -> Array:
        return flux(energy_gev, case)

    for low, high in itertools.pairwise(true_edges.tolist()):
        inside = [low, *sorted(e for e in edges_gev(case) if low < e < high), high]
        total = np.zeros((3, 3))
        for a, b in itertools.pairwise(inside):
            total += quad_vec(arriving, a, b, epsrel=1e-8, epsabs=0.0, norm="max", quadrature="gk15")[0]
        integrals.append((total @ fractions.T).T.ravel())
    scale = livetime_s * 4.0 * math.pi * 1e4 * 1e-18 / emitted(0.0, farthest(case), PIVOT_GEV, case)
    result: list[list[float]] = (scale * np.einsum("setd,es->td", area, np.array(integrals))).tolist()
    return result


# spectrum with its numbers, W(z) or a redshift, source or (f_e, f_mu), coherence, ordering, absorption,
# log10 m_Z'/MeV, log10 g', lightest mass (eV), gamma
Point = tuple[Case, str | float, str | tuple[float, float], str, str, bool, float, float, float, float]
CUTOFF, BROKEN, PARABOLA, EARTH = "cutoff", "broken_power_law", "log_parabola", "earth"
POINTS: tuple[Point, ...] = (
    ({"spectrum": CUTOFF, "cutoff_gev": 2e6}, "sfr", "pp", "decoherent", "normal", True, 1.0, -3.3, 0.01, 2.3),
    ({"spectrum": CUTOFF, "cutoff_gev": 3e5}, "grb", "pgamma", "decoherent", "inverted", True, 0.9, -3.0, 0.03, 2.0),
    ({"spectrum": CUTOFF, "cutoff_gev": 1e7}, 1.3, "pp", "coherent", "normal", True, 1.1, -3.1, 0.02, 2.6),
    ({"spectrum": CUTOFF, "cutoff_gev": 1e6}, "sfr", "neutron", "decoherent", "normal", False, 1.0, -3.0, 0.02, 2.5),
    (
        {"spectrum": BROKEN, "break_gev": 6e5, "gamma_high": 3.6},
        *("sfr", (0.2, 0.5), "decoherent", "normal", True, 1.0, -3.2, 0.02, 2.2),
    ),
    (
        {"spectrum": BROKEN, "break_gev": 1.5e6, "gamma_high": 2.0},
        *("bllac", "pp", "coherent", "normal", True, 0.95, -3.0, 0.015, 2.9),
    ),
    (
        {"spectrum": BROKEN, "break_gev": 8e5, "gamma_high": 4.0},
        *(0.8, "pp", "decoherent", "inverted", True, 1.05, -2.9, 0.02, 2.4),
    ),
    (
        {"spectrum": BROKEN, "break_gev": 3e5, "gamma_high": 3.0},
        *("flat", (0.0, 1.0), "decoherent", "normal", False, 1.0, -3.0, 0.02, 2.0),
    ),
    (
        {"spectrum": BROKEN, "break_gev": 6.5e4, "gamma_high": 5.0},
        *("sfr", "pp", "decoherent", "normal", True, 1.0, -3.1, 0.02, 0.2),
    ),
    (
        {"spectrum": BROKEN, "break_gev": 4e3, "gamma_high": 0.1},
        *("grb", "pp", "decoherent", "normal", True, 0.9, -3.2, 0.02, 4.9),
    ),
    (
        {"spectrum": BROKEN, "break_gev": 3.2e5, "gamma_high": 3.4, "frame": EARTH},
        *("sfr", "pp", "decoherent", "normal", True, 1.0, -3.1, 0.02, 1.8),
    ),
    (
        {"spectrum": BROKEN, "break_gev": 3.29e4, "gamma_high": 5.0, "frame": EARTH},
        *("bllac", "pgamma", "coherent", "inverted", True, 0.95, -3.0, 0.015, 0.1),
    ),
    (
        {"spectrum": BROKEN, "break_gev": 7.3e5, "gamma_high": 0.2, "frame": EARTH},
        *(0.8, "pp", "decoherent", "normal", True, 1.05, -2.9, 0.02, 4.8),
    ),
    (
        {"spectrum": CUTOFF, "cutoff_gev": 8e5, "frame": EARTH},
        *("quasar", "pp", "decoherent", "normal", True, 1.0, -3.2, 0.03, 2.2),
    ),
    (
        {"spectrum": PARABOLA, "beta": 0.35, "frame": EARTH},
        *("sfr", (0.2, 0.5), "decoherent", "normal", True, 1.0, -3.2, 0.02, 2.6),
    ),
    ({"spectrum": PARABOLA, "beta": 2.9, "frame": EARTH}, 1.3, "pp", "coherent", "normal", True, 1.1, -3.1, 0.02, 4.9),
    (
        {"spectrum": PARABOLA, "beta": -0.9, "frame": EARTH},
        *("grb", "neutron", "decoherent", "inverted", False, 1.0, -3.0, 0.02, 0.1),
    ),
    ({"spectrum": "power_law"}, "bllac", (0.5, 0.1), "decoherent", "normal", True, 1.0, -3.0, 0.02, 2.4),
    ({"spectrum": "power_law"}, "quasar", "pp", "decoherent", "normal", True, 0.9, -2.9, 0.03, 2.7),
    ({"spectrum": "power_law"}, "grb", (1.0, 0.0), "coherent", "inverted", True, 1.0, -3.1, 0.01, 2.2),
)


def count_cases() -> list[Case]:
    """Counts at the points."""
    cases = []
    for spectrum, sources, origin, coherence, ordering, absorption, log10_m, log10_g, lightest, gamma in POINTS:
        mixing = f"nufit6.0 {ordering}"
        case = bare_case(mixing, "planck18", CHARGES[0], coherence) | spectrum
        case |= {"ordering": ordering, "absorption": absorption, "gamma": gamma, "lightest_ev": lightest}
        case |= {"log10_m_zprime_mev": log10_m, "log10_g_prime": log10_g, "z_max": 5.0}
        case |= {"m_zprime_mev": 10.0**log10_m, "g_prime": 10.0**log10_g}
        case["masses_ev"] = masses_ev(lightest, ordering, MIXINGS[mixing]["dm2_ev2"])
        case |= {"evolution": sources} if isinstance(sources, str) else {"source_redshift": sources}
        if isinstance(origin, str):
            case |= {"source": origin, "species": list(SOURCES[origin])}
        else:
            half = [0.5 * f for f in (*origin, 1.0 - sum(origin))]
            case |= {"source": "free", "f_e": origin[0], "f_mu": origin[1], "species": [*half, *half]}
        cases.append(case | {"result": counts(case)})
    return cases


def law_cases() -> list[Case]:
    """W(z)/W(0)."""
    z = [0.0, 0.2, 0.5, 1.0, 2.0, 2.9, 3.0, 3.1, 4.5, 6.0]
    return [
        {"evolution": name, "redshift": z, "result": [law(one, name) / law(0.0, name) for one in z]}
        for name in ("bllac", "quasar", "grb")
    ]


def daughter_cases() -> list[Case]:
    """Flux of all flavours over that of the power law with daughters of the Z', one degenerate target, decoherent."""
    cases = []
    spectra: tuple[Case, ...] = (
        {"spectrum": CUTOFF, "cutoff_gev": 1.5e6},
        {"spectrum": BROKEN, "break_gev": 9e5, "gamma_high": 3.8},
        {"spectrum": BROKEN, "break_gev": 5e5, "gamma_high": 4.9, "gamma": 0.2},
        {"spectrum": BROKEN, "break_gev": 4e5, "gamma_high": 3.8, "frame": EARTH},
        {"spectrum": BROKEN, "break_gev": 5e5, "gamma_high": 0.2, "gamma": 4.8, "frame": EARTH},
        {"spectrum": PARABOLA, "beta": 1.5, "frame": EARTH},
    )
    for spectrum, sources in itertools.product(spectra, ("sfr", 1.2)):
        case = bare_case("paper", "planck18", CHARGES[0], "decoherent") | {"gamma": 2.3} | spectrum
        case |= {"masses_ev": [0.06], "m_zprime_mev": 9.0, "g_prime": 4e-4, "z_max": 5.0}
        case |= {"evolution": sources} if isinstance(sources, str) else {"source_redshift": sources}
        resonance = (9e6) ** 2 / (2.0 * 0.06) / 1e9
        case["energy_gev"] = [resonance / x for x in (1.1, 1.6, 2.1, 2.5, 4.0, 5.5, 9.0, 15.0)]
        case["result"] = [with_daughters(energy, resonance, case) for energy in case["energy_gev"]]
        cases.append(case)
    return cases


def with_daughters(energy_gev: float, resonance_gev: float, case: Case) -> float:
    """Survivors and daughters at one energy for a source (1, 2, 0)."""
    states = np.abs(pmns(case["mixing"])) ** 2
    rates = np.real(np.diag(couplings(case)[0]))
    source = np.array([1.0, 2.0, 0.0]) / 3.0 @ states
    last = farthest(case)

    def depth(z: float) -> float:
        return float(optical_depth(z, case["m_zprime_mev"], case["g_prime"], case["cosmology"]))

    def absorbed(z: float) -> float:
        energy = resonance_gev / (1.0 + z)
        lost = float((1.0 - np.exp(-rates * depth(z))) @ source)
        return float(lost * (energy / PIVOT_GEV) ** -case["gamma"] * emitted(z, last, energy, case))

    def made(z: float) -> float:
        x = energy_gev * (1.0 + z) / resonance_gev
        return absorbed(z) / (1.0 + z) * (3.0 * x**2 + 3.0 * (1.0 - x) ** 2)

    z_cross = resonance_gev / energy_gev - 1.0
    near, far = emitted(0.0, min(z_cross, last), energy_gev, case), 0.0
    if z_cross < last:
        far = emitted(z_cross, last, energy_gev, case) * float(np.exp(-rates * depth(z_cross)) @ source)
    daughters = integral(made, min(z_cross, last), resonance_gev, case)
    whole = emitted(0.0, last, energy_gev, case | {"spectrum": "power_law"})
    return float((near + far + daughters * (energy_gev / PIVOT_GEV) ** case["gamma"]) / whole)


def integral(made: Callable[[float], float], high: float, resonance_gev: float, case: Case) -> float:
    """Integral over the redshifts at which daughters are made."""
    reach = farthest(case) if case.get("frame", "source") == "source" else 0.0
    kink = resonance_gev * (1.0 + reach) / case.get("break_gev", math.inf) - 1.0
    edges = [0.0, *sorted(z for z in {*BENDS, kink} if 0.0 < z < high), high]
    return sum(quad(made, a, b, epsabs=0.0, epsrel=1e-8, limit=100)[0] for a, b in itertools.pairwise(edges))


def main(path: Path) -> None:
    """Write the reference."""
    reference = {
        "made_by": "tests/reference/make_spectra.py (adaptive quadrature; no code of nuinfer)",
        "laws": law_cases(),
        "daughters": daughter_cases(),
        "counts": count_cases(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(reference, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "tests" / "reference" / "spectra.json")
