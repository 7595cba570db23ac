"""Reference for sterile relics: one point at a time by explicit sums over redshift, written without the package.

The population of a mass state at an energy today is followed inwards from crossing to crossing: what sources emit and
what earlier targets' mediators decay to between two crossings is added, and each crossing takes its part. What targets
absorb is tabulated on a grid in ln(1+z), from the lightest target to the heaviest, and integrated by trapezoids.

    python tests/reference/make_sterile.py tests/reference/sterile.json
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import expm

Array = npt.NDArray[np.float64]

HBAR_EV_S, MPC_CM, ZETA3 = 6.582119569e-16, 3.0856775814913673e24, 1.2020569031595942
H0_EV = 0.6766 * 1e7 / MPC_CM * HBAR_EV_S
M_ELECTRON_MEV = 0.51099895
OMEGA_M, OMEGA_L = 0.3111, 0.6889
T_NU_EV = 8.617333262e-5 * 2.7255 * (4.0 / 11.0) ** (1.0 / 3.0)
Z_MAX, GAMMA, ENERGIES_GEV = 4.0, 2.4, np.geomspace(4e4, 3e6, 12)
SOURCE = np.array([1.0, 2.0, 0.0]) / 3.0
GRID = 3000
POINT: dict[str, Any] = {
    "m_mev": 23.0, "g": 1.5e-3, "charges": [0.0, 1.0, -1.0], "sterile": [[0.0, 0.0], [0.7, 0.0], [1.2, 0.0]],
    "density": 1.5, "masses_ev": [0.1, 0.1004, 0.1119, 0.5], "coherent": False, "scalar": False,
}  # fmt: skip
CASES: list[dict[str, Any]] = [
    POINT,
    POINT | {"coherent": True},
    POINT | {"scalar": True, "sterile": [[0.2, 0.3], [0.7, -0.4], [0.0, 1.0]], "charges": [0.0, 0.0, 1.0]},
    POINT | {"charges": [1.0, 0.0, -1.0], "masses_ev": [0.1, 0.1004, 0.1119, 0.05]},
    POINT | {"masses_ev": [0.1, 0.5]},
    POINT | {"masses_ev": [0.1, 0.5], "coherent": True},
]


def mixing_matrix() -> npt.NDArray[np.complex128]:
    """NuFIT 6.0, normal ordering."""
    s12, s23, s13, delta = math.sqrt(0.308), math.sqrt(0.470), math.sqrt(0.02215), math.radians(212.0)
    c12, c23, c13 = (math.sqrt(1 - s * s) for s in (s12, s23, s13))
    p = np.exp(1j * delta)
    return np.array(
        [
            [c12 * c13, s12 * c13, s13 / p],
            [-s12 * c23 - c12 * s23 * s13 * p, c12 * c23 - s12 * s23 * s13 * p, s23 * c13],
            [s12 * s23 - c12 * c23 * s13 * p, -c12 * s23 - s12 * c23 * s13 * p, c23 * c13],
        ]
    )


def couplings(case: dict[str, Any]) -> npt.NDArray[np.complex128]:
    """The whole matrix of 4 x 4 in the mass basis, the sterile state last."""
    flavours, states = np.zeros((4, 4), complex), np.eye(4, dtype=complex)
    flavours[:3, :3], states[:3, :3] = np.diag(case["charges"]), mixing_matrix()
    c = np.array([complex(*entry) for entry in case["sterile"]])
    flavours[:3, 3], flavours[3, :3] = c, c if case["scalar"] else c.conj()
    return np.asarray((states.T if case["scalar"] else states.conj().T) @ flavours @ states)


def hubble(z: Array) -> Array:
    """H(z)/H0."""
    return np.asarray(np.sqrt(OMEGA_M * (1.0 + z) ** 3 + OMEGA_L))


def shares_of(case: dict[str, Any], v: npt.NDArray[np.complex128]) -> Array:
    """Half of the daughters of a decay that are of each active state, shape (3,); the rest is sterile, or e+e-."""
    widths = np.abs(v) ** 2  # of decays to states i, j, in units of that of a flavour of charge one
    charged = 0.0
    if not case["scalar"]:
        x = (M_ELECTRON_MEV / case["m_mev"]) ** 2
        charged = 2.0 * case["charges"][0] ** 2 * (1.0 + 2.0 * x) * math.sqrt(1.0 - 4.0 * x)
    return np.asarray(widths[:3].sum(axis=1) / (widths.sum() + charged))


def populations(case: dict[str, Any]) -> tuple[Array, Array]:
    """At Earth over the unabsorbed flux, shape (state, energy): what survives, and all with daughters."""
    v, targets = couplings(case), np.array(case["masses_ev"])
    matrices = [np.outer(v[:3, j], v[:3, j].conj()) for j in range(4)]
    if len(targets) == 2:
        matrices = [v[:3, :3] @ v[:3, :3].conj().T, matrices[3]]
    shares = shares_of(case, v)
    spectrum = (2.0, 0.0, 0.0) if case["scalar"] else (3.0, -6.0, 6.0)
    resonances = (case["m_mev"] * 1e6) ** 2 / (2.0 * targets) / 1e9
    unit = 18.0 * ZETA3 * T_NU_EV**3 * case["g"] ** 2 / (12.0 * math.pi * H0_EV * (case["m_mev"] * 1e6) ** 2)
    unit *= 0.5 if case["scalar"] else 1.0

    def depth(j: int, z: float) -> float:
        density = case["density"] if j == len(targets) - 1 else 1.0
        return float(density * unit * (1.0 + z) ** 3 / hubble(np.array(z)))

    def crossed(j: int, z: float, n: Array) -> Array:
        tau = depth(j, z)
        if case["coherent"]:
            return np.asarray(np.abs(expm(-0.5 * tau * matrices[j])) ** 2 @ n)
        return np.asarray(np.exp(-tau * np.diag(matrices[j]).real) * n)

    x = np.linspace(0.0, math.log1p(Z_MAX), GRID + 1)
    z = np.expm1(x)
    emission = (1.0 + z) ** (1.0 - GAMMA) / hubble(z)  # per x, W = 1
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (emission[1:] + emission[:-1]) * x[1])])
    n_source = np.abs(mixing_matrix().T) ** 2 @ SOURCE
    absorbed: dict[int, Array] = {}

    def daughters(energy: float, low: float, high: float) -> float:
        """Number made between two redshifts, of all targets so far, over E^-gamma."""
        total = 0.0
        for j, table in absorbed.items():
            end = min(high, resonances[j] / energy - 1.0)
            if end <= low:
                continue
            at = np.linspace(math.log1p(low), math.log1p(end), GRID + 1)
            r = energy * np.exp(at) / resonances[j]
            f = spectrum[0] + spectrum[1] * r + spectrum[2] * r * r
            made = np.interp(at, x, table) * (resonances[j] / np.exp(at)) ** -GAMMA * f
            total += float(np.sum(0.5 * (made[1:] + made[:-1])) * (at[1] - at[0]))
        return float(total * energy**GAMMA)

    def arriving(energy: float, nearest: float) -> Array:
        """Populations from beyond a redshift over E^-gamma, past all resonances there."""
        met = sorted(((resonances[j] / energy - 1.0, j) for j in range(len(targets))), reverse=True)
        stops = [(place, j) for place, j in met if nearest * (1.0 + 1e-12) + 1e-12 < place < Z_MAX]
        n, far = np.zeros(3), Z_MAX
        for place, j in [*stops, (nearest, -1)]:
            ends = np.interp(np.log1p([place, far]), x, cumulative) / cumulative[-1]
            n = n + n_source * (ends[1] - ends[0]) + shares * daughters(energy, place, far)
            n, far = crossed(j, place, n) if j >= 0 else n, place
        return n

    survived = np.array([arriving(energy, 0.0) for energy in ENERGIES_GEV]).T
    for j in np.argsort(targets):
        lost = []
        for place in z:
            before = arriving(resonances[j] / (1.0 + place), place)
            lost.append(float((before - crossed(int(j), place, before)).sum()))
        absorbed[int(j)] = np.array(lost)
    return survived, np.array([arriving(energy, 0.0) for energy in ENERGIES_GEV]).T


def main() -> None:
    """Write the file that is named."""
    made = []
    for case in CASES:
        survived, total = populations(case)
        made.append(case | {"survived": survived.tolist(), "total": total.tolist()})
    about = {"gamma": GAMMA, "z_max": Z_MAX, "energies_gev": ENERGIES_GEV.tolist(), "cases": made}
    Path(sys.argv[1]).write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
