"""Reference for regeneration on moving targets: a Monte Carlo of single neutrinos, written without the package.

Every neutrino starts at a random source with a random energy and mass state. Where it is absorbed, if at all, is drawn
from the optical depth along its path, from dense sums over redshift of the rate on relics with a Fermi-Dirac momentum
distribution; its two daughters go on from there. Counted is what `make_regeneration.py` counts.

    python tests/reference/make_cascade.py tests/reference/cascade.json
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from make_regeneration import (
    BINS_GEV,
    H0_EV,
    OMEGA_L,
    OMEGA_M,
    T_NU_EV,
    Z_MAX,
    Array,
    decays,
    mixing_matrix,
    source_redshifts,
    visible_share,
)

E_MAX_GEV = 1e9
DRAWS = 6_000_000
BATCHES = 10
STEP = 0.002
LN_E = np.arange(math.log(BINS_GEV[0]), math.log(E_MAX_GEV) + STEP, STEP)
X = np.linspace(0.0, math.log1p(Z_MAX), 897)


def momentum_integral(p_min: Array, mass: Array) -> Array:
    """int_{p_min} p dp f/w over the temperature, both arguments over it; in u with p = p_min + u^2."""
    u, weight = np.polynomial.legendre.leggauss(100)
    u = 3.25 * (u + 1.0)
    p = p_min[:, None] + u * u
    return np.asarray((3.25 * weight * 2.0 * u * p / np.hypot(p, mass[:, None]) / (np.exp(p) + 1.0)).sum(axis=1))


def depths(case: dict[str, Any]) -> Array:
    """Optical depth of each mass state from x to Earth, (state, energy, x)."""
    u, charges = mixing_matrix(), np.array(case["charges"])
    scalar = case.get("spin", 1) == 0
    v = (u.T if scalar else u.conj().T) @ np.diag(charges) @ u
    m_zprime = case["m_zprime_mev"] * 1e6
    width = case["g_prime"] ** 2 / (12.0 * math.pi) * m_zprime * (0.5 if scalar else 1.0)
    out = np.zeros((3, LN_E.size, X.size))
    temperature = T_NU_EV * np.exp(X)
    hubble = H0_EV * np.sqrt(OMEGA_M * np.exp(3.0 * X) + OMEGA_L)
    for j, mass in enumerate(case["masses_ev"]):
        for k, ln_e in enumerate(LN_E):
            energy = np.exp(ln_e + X) * 1e9
            y = m_zprime**2 / (2.0 * energy)
            p_min = np.abs(y * y - mass * mass) / (2.0 * y) / temperature
            met = np.flatnonzero(p_min < 35.0)
            if met.size == 0:
                continue
            rate = np.zeros(X.size)
            rate[met] = momentum_integral(p_min[met], mass / temperature[met]) * temperature[met]
            rate *= 6.0 * width / m_zprime * y / (2.0 * energy) / hubble
            path = np.concatenate([[0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]) * np.diff(X))])
            out[:, k] += np.abs(v[:, j, None]) ** 2 * path
    return out


def absorbed_at(table: Array, energy: Array, x: Array, state: Array, rng: np.random.Generator) -> Array:
    """Where neutrinos from x are absorbed; negative for those that arrive. Between table energies by chance."""
    place = (np.log(energy) - LN_E[0]) / STEP
    row = np.minimum(np.floor(place + rng.random(energy.size)).astype(int), LN_E.size - 1)
    flat = table.reshape(-1)
    first = (state * LN_E.size + row) * X.size

    def depth(at: Array) -> Array:
        position = at / X[1]
        k = np.minimum(position.astype(int), X.size - 2)
        low, high = flat[first + k], flat[first + k + 1]
        return np.asarray(low + (position - k) * (high - low))

    goal = depth(x) - rng.exponential(size=energy.size)
    low, high = np.zeros(energy.size), x.copy()
    for _ in range(24):
        middle = 0.5 * (low + high)
        beyond = depth(middle) > goal
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.where(goal > 0.0, high, -1.0)


def simulate(case: dict[str, Any], table: Array, rng: np.random.Generator, draws: int) -> Array:
    """Weights per (nu or nubar, mass state, bin), over the unabsorbed flux of all species in the bin."""
    u, charges = mixing_matrix(), np.array(case["charges"])
    states = np.abs(u) ** 2
    visible, scalar = visible_share(case), case.get("spin", 1) == 0
    energy = np.exp(rng.uniform(LN_E[0], LN_E[-1], draws))
    weight = energy ** (1.0 - case["gamma"])
    x = np.log1p(source_redshifts(rng.random(draws), case["gamma"]))
    species = rng.choice(6, draws, p=np.array(case["source"]) / np.sum(case["source"]))
    state = (rng.random(draws)[:, None] > np.cumsum(states[species % 3], axis=1)).sum(axis=1)
    anti = species >= 3
    daughters = charges**2 @ states / np.sum(charges**2)
    unabsorbed = np.histogram(energy, BINS_GEV, weights=weight)[0]
    out = np.zeros((2, 3, len(BINS_GEV) - 1))
    while energy.size:
        end = absorbed_at(table, energy, x, state, rng)
        for a in (0, 1):
            for i in range(3):
                chosen = (end < 0.0) & (anti == bool(a)) & (state == i)
                out[a, i] += np.histogram(energy[chosen], BINS_GEV, weights=weight[chosen])[0]
        lost = np.flatnonzero((end >= 0.0) & (rng.random(energy.size) >= visible))
        share, other = decays(lost.size, scalar, rng)
        twice = np.tile(lost, 2)
        kept = np.flatnonzero(share * energy[twice] > BINS_GEV[0])
        parent = twice[kept]
        energy, weight, x = share[kept] * energy[parent], weight[parent], end[parent]
        anti, state = anti[parent] ^ other[kept], rng.choice(3, kept.size, p=daughters)
    return np.asarray(out / unabsorbed)


def main(path: str) -> None:
    """Run every case and write the means with their errors."""
    base = {"charges": [0, 1, -1], "gamma": 2.2, "m_zprime_mev": 8.0, "g_prime": 3e-4}
    light = [0.0, math.sqrt(7.49e-5), math.sqrt(2.513e-3)]
    middle = [0.01, math.sqrt(1e-4 + 7.49e-5), math.sqrt(1e-4 + 2.513e-3)]
    cases: list[dict[str, Any]] = [
        {**base, "masses_ev": middle, "source": [1, 2, 0, 1, 2, 0]},
        {**base, "masses_ev": light, "source": [1, 1, 0, 0, 1, 0], "m_zprime_mev": 5.0, "gamma": 1.8},
        {**base, "masses_ev": light, "source": [0, 0, 0, 1, 0, 0], "gamma": 2.7, "g_prime": 1e-3},
        {**base, "masses_ev": middle, "source": [1, 2, 0, 1, 2, 0], "charges": [1, -2, 0.5], "g_prime": 1.5e-4},
        {**base, "masses_ev": middle, "source": [1, 1, 0, 0, 1, 0], "charges": [1, 0.5, -1], "spin": 0},
    ]
    for number, case in enumerate(cases):
        table = depths(case)
        rngs = [np.random.default_rng([number, batch]) for batch in range(BATCHES)]
        runs = [simulate(case, table, rng, DRAWS // BATCHES) for rng in rngs]
        case["result"] = np.mean(runs, axis=0).tolist()
        case["error"] = (np.std(runs, axis=0, ddof=1) / math.sqrt(BATCHES)).tolist()
    content = {
        "made_by": "tests/reference/make_cascade.py",
        "result": "(nu or nubar, mass state, bin) over the unabsorbed flux of all species in the bin",
        "bins_gev": BINS_GEV.tolist(),
        "cases": cases,
    }
    Path(path).write_text(json.dumps(content, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
