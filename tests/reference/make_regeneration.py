"""Reference for regeneration: a Monte Carlo of single neutrinos, written without the package.

Every neutrino starts at a random source with a random energy and mass state, crosses the resonances on its way one by
one, and is absorbed or changes state by chance; what is absorbed decays into two neutrinos that go on. Counted are
weights per bin of energy at Earth, mass state, and nu or nubar, over the unabsorbed flux of the bin.

    python tests/reference/make_regeneration.py tests/reference/regeneration.json
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

HBAR_EV_S, MPC_CM, ZETA3 = 6.582119569e-16, 3.0856775814913673e24, 1.2020569031595942
H0_EV = 0.6766 * 1e7 / MPC_CM * HBAR_EV_S
M_ELECTRON_MEV = 0.51099895
OMEGA_M, OMEGA_L = 0.3111, 0.6889
T_NU_EV = 8.617333262e-5 * 2.7255 * (4.0 / 11.0) ** (1.0 / 3.0)
Z_MAX = 5.0
BINS_GEV = np.geomspace(3e4, 3e6, 13)
E_MAX_GEV = 3e7
DRAWS = 8_000_000
BATCHES = 10


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


def source_redshifts(u: Array, gamma: float) -> Array:
    """Redshifts distributed like W (1+z)^-gamma/H, by inversion of a fine cumulative sum."""
    z = np.linspace(0.0, Z_MAX, 400_001)
    b, c = 2.0 ** (1.0 + 3.4 / 0.3), 2.0 ** (-3.7 / -3.5) * 5.0 ** (1.0 - 0.3 / 3.5)
    w = ((1 + z) ** -34.0 + ((1 + z) / b) ** 3.0 + ((1 + z) / c) ** 35.0) ** -0.1
    density = w * (1 + z) ** -gamma / np.sqrt(OMEGA_M * (1 + z) ** 3 + OMEGA_L)
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return np.asarray(np.interp(u * cumulative[-1], cumulative, z))


def visible_share(case: dict[str, Any]) -> float:
    """Share of the decays to e+e-."""
    x = (M_ELECTRON_MEV / case["m_zprime_mev"]) ** 2
    electrons = 2.0 * float(case["charges"][0]) ** 2 * (1.0 + 2.0 * x) * math.sqrt(1.0 - 4.0 * x)
    return 0.0 if case.get("spin", 1) == 0 else electrons / (electrons + sum(q * q for q in case["charges"]))


def decays(parents: int, scalar: bool, rng: np.random.Generator) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Shares of the energy, those of the other daughter behind them, and whether a daughter is of the other kind."""
    x = rng.random(parents)
    if scalar:  # two neutrinos or two antineutrinos
        return np.concatenate([x, 1.0 - x]), np.tile(rng.random(parents) < 0.5, 2)
    x **= 1.0 / 3.0  # dN/dx = 3 x^2, and the other one has 1 - x
    return np.concatenate([x, 1.0 - x]), np.repeat([False, True], parents)


def simulate(case: dict[str, Any], rng: np.random.Generator, draws: int) -> Array:
    """Weights per (nu or nubar, mass state, bin), over the unabsorbed flux of all species in the bin."""
    u, gamma, charges = mixing_matrix(), case["gamma"], np.array(case["charges"])
    scalar = case.get("spin", 1) == 0
    v = (u.T if scalar else u.conj().T) @ np.diag(charges) @ u  # column j: coupling to target j
    visible = visible_share(case)
    masses = np.array(case["masses_ev"])
    flavours = np.array(case["source"]) / np.sum(case["source"])
    energy = np.exp(rng.uniform(math.log(BINS_GEV[0]), math.log(E_MAX_GEV), draws))
    weight = energy ** (1.0 - gamma)
    z = source_redshifts(rng.random(draws), gamma)
    species = rng.choice(6, draws, p=flavours)
    states = np.abs(u) ** 2  # rows: flavour
    state = (rng.random(draws)[:, None] > np.cumsum(states[species % 3], axis=1)).sum(axis=1)
    anti = species >= 3
    daughters = charges**2 @ np.abs(u) ** 2 / np.sum(charges**2)
    unabsorbed = np.histogram(energy, BINS_GEV, weights=weight)[0]
    for j in np.argsort(masses):
        resonance_gev = (case["m_zprime_mev"] * 1e6) ** 2 / (2.0 * masses[j]) / 1e9
        z_j = resonance_gev / energy - 1.0
        met = np.flatnonzero((z_j >= 0.0) & (z_j < z))
        hubble = H0_EV * np.sqrt(OMEGA_M * (1.0 + z_j[met]) ** 3 + OMEGA_L)
        tau = 18.0 * ZETA3 * (T_NU_EV * (1.0 + z_j[met])) ** 3 / hubble / (case["m_zprime_mev"] * 1e6) ** 2
        tau *= case["g_prime"] ** 2 / (12.0 * math.pi) * (0.5 if scalar else 1.0)
        amplitude = v[:, j]
        strength = np.abs(amplitude) ** 2
        chance = rng.random(met.size)
        if case["coherence"] == "decoherent":
            lost = chance > np.exp(-tau * strength[state[met]])
        else:
            fade = (1.0 - np.exp(-tau * strength.sum() / 2.0)) / strength.sum()
            transfer = np.eye(3) - fade[:, None, None] * np.outer(amplitude, amplitude.conj())
            reached = np.cumsum(np.abs(transfer[np.arange(met.size), :, state[met]]) ** 2, axis=1)
            state[met] = (chance[:, None] > reached).sum(axis=1)
            lost = state[met] == 3
        gone = met[lost]
        parents = gone[rng.random(gone.size) > visible] if visible > 0.0 else gone
        share, other = decays(parents.size, scalar, rng)
        new_energy = share * np.tile(energy[parents], 2)
        new_state = rng.choice(3, 2 * parents.size, p=daughters)
        new_anti = np.tile(anti[parents], 2) ^ other
        new_weight, new_z = np.tile(weight[parents], 2), np.tile(z_j[parents], 2)
        keep = np.ones(energy.size, bool)
        keep[gone] = False
        energy, weight = np.concatenate([energy[keep], new_energy]), np.concatenate([weight[keep], new_weight])
        z, state = np.concatenate([z[keep], new_z]), np.concatenate([state[keep], new_state])
        anti = np.concatenate([anti[keep], new_anti])
    out = np.zeros((2, 3, len(BINS_GEV) - 1))
    for a in (0, 1):
        for i in range(3):
            chosen = (anti == bool(a)) & (state == i)
            out[a, i] = np.histogram(energy[chosen], BINS_GEV, weights=weight[chosen])[0]
    return np.asarray(out / unabsorbed)


def main(path: str) -> None:
    """Run every case and write the means with their errors."""
    base = {"charges": [0, 1, -1], "gamma": 2.2, "m_zprime_mev": 8.0, "g_prime": 3e-4, "coherence": "decoherent"}
    split = [0.01, math.sqrt(1e-4 + 7.49e-5), math.sqrt(1e-4 + 2.513e-3)]
    near = [0.05, math.sqrt(2.5e-3 + 7.49e-5), math.sqrt(2.5e-3 + 2.513e-3)]
    cases: list[dict[str, Any]] = [
        {**base, "masses_ev": split, "source": [1, 2, 0, 1, 2, 0]},
        {**base, "masses_ev": split, "source": [1, 1, 0, 0, 1, 0], "coherence": "coherent"},
        {**base, "masses_ev": near, "source": [0, 0, 0, 1, 0, 0], "gamma": 2.9, "g_prime": 1e-3},
        {**base, "masses_ev": split, "source": [1, 2, 0, 1, 2, 0], "charges": [1, -2, 0.5], "g_prime": 1.5e-4},
        {**base, "masses_ev": split, "source": [1, 1, 0, 0, 1, 0], "charges": [1, 0.5, -1], "spin": 0},
    ]
    for number, case in enumerate(cases):
        runs = [simulate(case, np.random.default_rng([number, batch]), DRAWS // BATCHES) for batch in range(BATCHES)]
        case["result"] = np.mean(runs, axis=0).tolist()
        case["error"] = (np.std(runs, axis=0, ddof=1) / math.sqrt(BATCHES)).tolist()
    content = {
        "made_by": "tests/reference/make_regeneration.py",
        "result": "(nu or nubar, mass state, bin) over the unabsorbed flux of all species in the bin",
        "bins_gev": BINS_GEV.tolist(),
        "cases": cases,
    }
    Path(path).write_text(json.dumps(content, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
