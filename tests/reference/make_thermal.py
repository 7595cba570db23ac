"""Make ``tests/reference/thermal.json``: absorption on moving relic neutrinos, by adaptive and by dense quadrature.

    python tests/reference/make_thermal.py [OUTPUT]

An independent calculation for the tests: it shares no code, no constants and no change of variables with ``nuinfer``.
Optical depths are nested `mpmath` quadratures over redshift and momentum of
Gamma_abs = (6 Gamma/m_Z') (y/(2 E)) int_{p_min} p dp f/w; fluxes at Earth are averages of exp(-sum_j R_j,ii tau_j) over
a dense grid of redshifts.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
from make_propagation import COSMOLOGIES, MIXINGS, couplings, evolution, masses_ev, pmns
from scipy.integrate import cumulative_simpson, simpson

Array = np.ndarray[Any, np.dtype[Any]]
Case = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parents[2]

# energy (GeV), source redshift, m_Z' (MeV), g', target mass (eV), cosmology
DEPTHS: tuple[tuple[float, float, float, float, float, str], ...] = (
    (4e5, 2.0, 8.0, 3e-4, 0.05, "planck18"),
    (6.4e5, 2.0, 8.0, 3e-4, 0.05, "paper"),  # just above the edge at rest
    (6.7e5, 2.0, 8.0, 3e-4, 0.05, "planck18"),
    (3e5, 5.0, 8.0, 3e-4, 0.0, "planck18"),
    (3e6, 5.0, 8.0, 3e-4, 0.0, "paper"),
    (1e8, 5.0, 1.0, 3e-4, 1e-5, "planck18"),
    (3e6, 5.0, 8.0, 1e-3, 0.002, "planck18"),
    (1e6, 1.0, 5.0, 3e-4, 0.01, "planck18"),
    (1e6, 0.01, 8.0, 3e-4, 0.03, "planck18"),
    (8e4, 4.0, 5.0, 2e-4, 0.1, "paper"),
    (1e7, 30.0, 8.0, 3e-4, 0.003, "planck18"),
    (1.5e3, 3.0, 1.0, 5e-5, 0.06, "planck18"),
)

# lightest mass (eV) or (degenerate,), m_Z' (MeV), g', gamma, energies (GeV)
FLUXES: tuple[tuple[float, str, float, float, float, tuple[float, ...]], ...] = (
    (0.0, "normal", 8.0, 4e-4, 2.5, (2e5, 6.3e5, 2.5e6)),
    (0.01, "normal", 6.0, 3e-4, 2.2, (1.5e5, 3.55e5, 1.2e6)),
    (0.03, "inverted", 9.0, 8e-4, 2.9, (4e5, 7e5)),
    (0.05, "degenerate", 8.0, 5e-4, 2.5, (3e5, 6.42e5)),
)


def optical_depth(case: Case) -> mp.mpf:
    """Nested adaptive quadrature in 1 + z and in momentum."""
    c = case["cosmology"]
    hubble0 = mp.mpf(c["h"]) * 10**7 / mp.mpf("3.0856775814913673e24") * mp.mpf("6.582119569e-16")
    m_zprime, energy = mp.mpf(case["m_zprime_mev"]) * 10**6, mp.mpf(case["energy_gev"]) * 10**9
    mass, t_nu0 = mp.mpf(case["m_nu_ev"]), mp.mpf(c["t_nu0_ev"])
    width = mp.mpf(case["g_prime"]) ** 2 / (12 * mp.pi)

    def per_u(u: mp.mpf) -> mp.mpf:
        e, t = energy * u, t_nu0 * u
        y = m_zprime**2 / (2 * e)
        p_min = abs(y * y - mass * mass) / (2 * y)
        ends = [p_min + step for step in sorted({0, mass, t / 3, 3 * t, 10 * t, 30 * t, 60 * t, 100 * t})]
        integral = mp.quad(lambda p: p / mp.sqrt(p * p + mass * mass) / (mp.exp(p / t) + 1), ends)
        expansion = hubble0 * mp.sqrt(c["omega_m"] * u**3 + c["omega_lambda"])
        return 6 * width * y / (2 * e) * integral / (u * expansion)

    last, y0 = 1 + mp.mpf(case["source_redshift"]), m_zprime**2 / (2 * energy)
    ends = {mp.mpf(1), last}
    for base in (0, (y0**2 - mass**2) / (2 * t_nu0 * y0), (y0**2 / last**2 - mass**2) / (2 * t_nu0 * y0)):
        for step in (-80, -30, -12, -5, -2, 0, 2, 5, 12, 30, 80):
            square = mass**2 + 2 * (step + base) * t_nu0 * y0
            if square > 0 and 1 < y0 / mp.sqrt(square) < last:
                ends.add(y0 / mp.sqrt(square))
    return mp.quad(per_u, sorted(ends))


def depth_cases() -> list[Case]:
    """``thermal_optical_depth``."""
    mp.mp.dps = 20
    cases = []
    for energy, redshift, m_zprime, coupling, mass, name in DEPTHS:
        case: Case = {"energy_gev": energy, "source_redshift": redshift, "m_zprime_mev": m_zprime}
        case |= {"g_prime": coupling, "m_nu_ev": mass, "cosmology": COSMOLOGIES[name]}
        cases.append(case | {"result": float(optical_depth(case))})
    return cases


def momentum_integral(p_min: Array, mass: float, temperature: Array) -> Array:
    """Integral of p f/w over p above p_min in units of the temperature, by Simpson's rule."""
    step = np.linspace(0.0, 1.0, 3001) ** 2 * 50.0
    q = (p_min / temperature)[:, None] + step
    a = (mass / temperature)[:, None]
    return np.asarray(simpson(q / np.sqrt(q * q + a * a) / (np.exp(q) + 1.0) * 2.0 * np.sqrt(50.0 * step), dx=1 / 3000))


def survival(energy_gev: float, case: Case) -> Array:
    """Average of exp(-sum_j R_j,ii tau_j) over the shells, for each mass state."""
    c = case["cosmology"]
    z = np.linspace(0.0, case["z_max"], 30001)
    expansion = np.sqrt(c["omega_m"] * (1 + z) ** 3 + c["omega_lambda"])
    hubble = 1e7 * c["h"] / 3.0856775814913673e24 * 6.582119569e-16 * expansion
    m_zprime, energy, temperature = case["m_zprime_mev"] * 1e6, energy_gev * 1e9 * (1 + z), c["t_nu0_ev"] * (1 + z)
    y = m_zprime**2 / (2 * energy)
    exponent = np.zeros((3, z.size))
    for mass, coupling in zip(case["masses_ev"], couplings(case), strict=True):
        p_min = np.abs(y * y - mass * mass) / (2 * y)
        near = np.flatnonzero(p_min / temperature < 60.0)
        rate = np.zeros(z.size)
        for part in np.array_split(near, max(1, near.size // 500)):
            rate[part] = momentum_integral(p_min[part], mass, temperature[part])
        rate *= 6 * case["g_prime"] ** 2 / (12 * math.pi) * y / (2 * energy) * temperature / ((1 + z) * hubble)
        depth = cumulative_simpson(rate, x=z, initial=0.0)
        exponent += np.real(np.diag(coupling))[:, None] * depth
    weight = np.array([evolution(x, case["evolution"]) for x in z]) * (1 + z) ** -case["gamma"] / expansion
    return np.asarray(simpson(weight * np.exp(-exponent), x=z) / simpson(weight, x=z))


def flux_cases() -> list[Case]:
    """``flavour_at_earth`` with thermal targets: flux per flavour over the unabsorbed all-flavour flux."""
    cases = []
    for lightest, pattern, m_zprime, coupling, gamma, energies in FLUXES:
        mixing = MIXINGS["nufit6.0 inverted" if pattern == "inverted" else "nufit6.0 normal"]
        case: Case = {"mixing": {"sin2": list(mixing["sin2"]), "delta_cp": mixing["delta_cp"]}}
        case |= {"cosmology": COSMOLOGIES["planck18"], "charges": [0.0, 1.0, -1.0], "evolution": "sfr", "z_max": 5.0}
        case["masses_ev"] = [lightest] if pattern == "degenerate" else masses_ev(lightest, pattern, mixing["dm2_ev2"])
        case |= {"m_zprime_mev": m_zprime, "g_prime": coupling, "gamma": gamma, "energy_gev": list(energies)}
        case["source_fractions"] = [1 / 3, 2 / 3, 0.0]
        mixed = np.abs(pmns(case["mixing"])) ** 2
        at_source = mixed.T @ np.array(case["source_fractions"])
        case["result"] = [(mixed @ (survival(energy, case) * at_source)).tolist() for energy in energies]
        cases.append(case)
    return cases


def main(path: Path) -> None:
    """Write the reference."""
    reference = {
        "made_by": "tests/reference/make_thermal.py (mpmath and dense quadrature; no code of nuinfer)",
        "thermal_optical_depth": depth_cases(),
        "flavour_at_earth": flux_cases(),
    }
    path.write_text(json.dumps(reference, separators=(",", ":")).replace("},{", "},\n{") + "\n")
    print({name: len(cases) for name, cases in reference.items() if isinstance(cases, list)})


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "tests" / "reference" / "thermal.json")
