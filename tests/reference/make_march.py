"""All channels of a scalar coupled to one flavour, carried to Earth by brute force: writes march.json.

One state of neutrinos of one mass, its own targets, nothing in common with the package but the cosmology: the equation

    - dn/dx = sources - Gamma n + int Gamma_daughters n

for the number n per ln E today is integrated with the midpoint rule in x = ln(1+z) on a uniform grid in ln E, whose
cells move down by one in energy in every step, and extrapolated from two grids. Cross-sections are written out for one
flavour: (g^4/(16 pi s)) [|S|^2 + T^2 + U^2 + Re S (T + U) + T U] with S = s/(s - M^2 + i M Gamma), T = t/(t - M^2),
U = u/(u - M^2), and daughters of either share x of the energy. The relics are cold, so that a wide resonance is not
opaque. Below the grid nothing matters; above it, at 1e8 GeV, spectra are steep enough.

python tests/reference/make_march.py
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

ZETA3 = 1.2020569031595942
H0_EV = 0.6766 * 2.1331196424576403e-33  # 100 km/s/Mpc in eV
OMEGA_M = 0.3111
ENERGIES = np.geomspace(3e4, 8e6, 25)
CASES: list[dict[str, Any]] = [
    {"m_mev": 30.0, "g": 0.9, "m_nu_ev": 0.5, "gamma": 2.6, "t_nu0_ev": 2e-6, "z_max": 3.0},
    {"m_mev": 30.0, "g": 1.5, "m_nu_ev": 0.5, "gamma": 3.2, "t_nu0_ev": 2e-6, "z_max": 1.0},
    {"m_mev": 40.0, "g": 2.0, "m_nu_ev": 0.3, "gamma": 2.9, "t_nu0_ev": 1e-6, "z_max": 5.0},
]


def bracket(a: Any, x: Any, width: float) -> Any:
    """|S|^2 + T^2 + U^2 + Re S (T + U) + T U over a, at a = s/M^2."""
    s = a / (a - 1.0 + 1j * width)
    t, u = a * (1.0 - x) / (1.0 + a * (1.0 - x)), a * x / (1.0 + a * x)
    return (np.abs(s) ** 2 + t * t + u * u + s.real * (t + u) + t * u) / a


def solve(case: dict[str, Any], steps: int) -> Any:
    """Survivors and daughters over the unabsorbed flux at `ENERGIES`, for steps in x = ln(1+z)."""
    x_max, gamma, width = math.log1p(case["z_max"]), case["gamma"], case["g"] ** 2 / (16.0 * math.pi)
    h = x_max / steps
    low, high = math.log(1e4), math.log(1e8)
    cells = int((high - low) / h)
    ln_e = low + (np.arange(cells) + 0.5) * h
    physical = low + (np.arange(cells + steps) + 1.0) * h  # in the middle of a step
    m2 = (case["m_mev"] * 1e6) ** 2
    a = 2.0 * case["m_nu_ev"] * np.exp(physical) * 1e9 / m2
    nodes, weights = np.polynomial.legendre.leggauss(24)
    share = 0.5 * (nodes + 1.0)
    # the integral over x, towards both ends, where exchange varies fastest
    x = np.concatenate([share**4, 1.0 - share**4]) * 0.5 + np.concatenate([0.0 * share, 0.5 + 0.0 * share])
    jacobian = np.concatenate([4.0 * share**3, 4.0 * share**3]) * 0.25
    total = bracket(a[:, None], x, width) @ (jacobian * np.tile(weights, 2))
    few, few_weights = np.polynomial.legendre.leggauss(4)
    births = np.zeros((cells + steps, cells + steps))  # [daughter, parent]
    for d in range(cells):
        ends = (-(d + 0.5) * h, min(0.0, (0.5 - d) * h))
        y = np.exp(0.5 * (ends[0] + ends[1]) + 0.5 * (ends[1] - ends[0]) * few)
        found = (2.0 * bracket(a[d:, None], y, width) * y) @ few_weights * 0.5 * (ends[1] - ends[0])
        births[np.arange(cells + steps - d), np.arange(d, cells + steps)] = found
    unit = case["g"] ** 4 / (16.0 * math.pi * m2) * 3.0 * ZETA3 * case["t_nu0_ev"] ** 3 / (4.0 * math.pi**2) / H0_EV
    n = np.zeros(cells)
    spectrum, emitted = np.exp((1.0 - gamma) * (ln_e - ln_e[0])), 0.0
    for s in range(steps - 1, -1, -1):
        z = math.exp((s + 0.5) * h)
        hubble = math.sqrt(OMEGA_M * z**3 + 1.0 - OMEGA_M)
        density = z ** (1.0 - gamma) / hubble  # flat evolution, per x
        rate, here = unit * z**3 / hubble, slice(s, s + cells)
        matrix = births[here, here]

        def change(now: Any, rate: float = rate, here: slice = here, matrix: Any = matrix, w: float = density) -> Any:
            return w * spectrum + rate * (matrix @ now - total[here] * now)

        n = n + h * change(n + 0.5 * h * change(n))
        emitted += h * density
    return np.interp(np.log(ENERGIES), ln_e, n / spectrum / emitted)


def main() -> None:
    """Write the file."""
    cases = []
    for case in CASES:
        coarse, fine = (solve(case, steps) for steps in (160, 320))
        flux = (4.0 * fine - coarse) / 3.0
        print(case, np.abs(flux - fine).max())
        cases.append({**case, "flux": flux.round(6).tolist()})
    content = {"generator": Path(__file__).name, "energy_gev": ENERGIES.tolist(), "cases": cases}
    Path(__file__).with_name("march.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
