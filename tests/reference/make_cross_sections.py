"""Make ``tests/reference/cross_sections.json``: neutrinos on relic neutrinos by explicit spinors and Wick contractions.

    python tests/reference/make_cross_sections.py [OUTPUT]

An independent calculation for the tests: it shares no code, no constants and no formula with ``nuinfer``. Amplitudes
are sums over all ways to contract two vertices psibar Gamma psi with the four external states, each with the sign of
its permutation, as products of spinors of definite helicity, for every flavour and helicity; every sum over final
states and the integral over the angle is explicit.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from make_propagation import MIXINGS, pmns

Array = np.ndarray[Any, np.dtype[Any]]
Case = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parents[2]
HBAR_C_GEV_CM = 1.973269804e-14  # CODATA 2018

# chiral representation
SIGMA = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
METRIC = np.array([1.0, -1.0, -1.0, -1.0])
NONE = np.zeros((2, 2))
GAMMA = np.array([np.block([[NONE, s], [s if not n else -s, NONE]]) for n, s in enumerate(SIGMA)])
LEFT, RIGHT = np.diag([1, 1, 0, 0]), np.diag([0, 0, 1, 1])
CONJUGATION = 1j * GAMMA[2] @ GAMMA[0]

X_SHOWN = (0.0, 0.15, 0.6, 1.0)
PAIRS = {(0, 1): "s", (2, 3): "s", (0, 2): "t", (1, 3): "t", (0, 3): "u", (1, 2): "u"}
CHANNELS = {"all": "stu", "s": "s", "tu": "tu"}


def spinors(s: float, x: Array) -> tuple[Array, Array]:
    """u and ubar, shape (external, helicity -/+, x, 4): beam, target, k and l in the centre of mass."""
    theta = np.arccos(2.0 * x - 1.0)
    found = np.zeros((4, 2, len(x), 4), complex)
    for n, (polar, phi) in enumerate(
        [(0 * theta, 0.0), (0 * theta + math.pi, 0.0), (theta, 0.0), (math.pi - theta, math.pi)]
    ):
        plus = np.stack([np.cos(polar / 2), np.exp(1j * phi) * np.sin(polar / 2)], axis=-1)
        minus = np.stack([-np.exp(-1j * phi) * np.sin(polar / 2), np.cos(polar / 2)], axis=-1)
        found[n, 0, :, :2], found[n, 1, :, 2:] = s**0.25 * minus, s**0.25 * plus
        unit = [np.sin(polar) * math.cos(phi), np.sin(polar) * math.sin(phi), np.cos(polar)]
        momentum = math.sqrt(s) / 2 * np.stack([np.ones(len(x)), *unit])
        slash = np.einsum("m,mx,mab->xab", METRIC, momentum, GAMMA)
        assert np.allclose(np.einsum("xab,hxb->hxa", slash, found[n]), 0.0, atol=1e-9 * s)
    return found, found.conj() @ GAMMA[0]


def amplitude(case: Case, helicities: tuple[int, ...], anti: tuple[bool, ...], x: Array, channels: str) -> Array:
    """M[x, i, j, k, l] for given helicities (0 is -) of beam, target, k, l, and which are antiparticles (Dirac)."""
    s, mass, matrix = case["s"], case["mass"], case["matrix"]
    particle, barred = spinors(s, x)
    anti_particle = np.einsum("ab,nhxb->nhxa", CONJUGATION, barred)  # v = C ubar^T
    anti_barred = anti_particle.conj() @ GAMMA[0]
    is_majorana = case["neutrino"] == "majorana"
    if case["spin"]:
        chiral = [LEFT] if is_majorana else [LEFT, RIGHT]
        vertices = [(matrix, GAMMA @ projector) for projector in chiral]
        eta = METRIC
    else:
        factor = 0.5 if is_majorana else 1.0
        vertices = [(factor * matrix, LEFT[None]), (factor * matrix.conj().T, RIGHT[None])]
        eta = np.ones(1)
    t, u = -s * (1 - x), -s * x
    denominators = {"s": s - mass**2 + 1j * mass * case["width"] + 0 * x, "t": t - mass**2, "u": u - mass**2}
    found = np.zeros((len(x), 3, 3, 3, 3), complex)
    for slots in itertools.permutations(range(4)):  # which of beam, target, k, l is in psibar, psi, psibar, psi
        inversions = sum(slots[a] > slots[b] for a in range(4) for b in range(a + 1, 4))
        channel = PAIRS[min(slots[:2]), max(slots[:2])]
        if channel not in channels:
            continue
        wave: list[Array] = []
        for place, n in enumerate(slots):
            incoming, bar = n < 2, place % 2 == 0
            needs_anti = incoming == bar  # psi takes in a particle and puts out an antiparticle, psibar the other way
            if not is_majorana and needs_anti != anti[n]:
                break
            table = (anti_barred if needs_anti else barred) if bar else (anti_particle if needs_anti else particle)
            wave.append(table[n, helicities[n]])
        if len(wave) < 4:
            continue
        letters = ["ijkl"[n] for n in slots]
        for (first, left), (second, right) in itertools.product(vertices, vertices):
            product = np.einsum(
                "m,xa,mab,xb,xc,mcd,xd->x", eta, wave[0], left, wave[1], wave[2], right, wave[3], optimize=True
            )
            if not np.any(product):
                continue
            flavours = np.einsum(f"{letters[0]}{letters[1]},{letters[2]}{letters[3]}->ijkl", first, second)
            scale = 0.5 * (-1) ** inversions * case["coupling"] ** 2 * product / denominators[channel]
            found += scale[:, None, None, None, None] * flavours
    return found


def collisions(case: Case, x: Array, channels: str, beam_anti: bool) -> tuple[Array, Array]:
    """d sigma/dx[x, i, j, k] in GeV^-2 with a neutrino k at x: all of them, and the active ones."""
    every, active = np.zeros((len(x), 3, 3, 3)), np.zeros((len(x), 3, 3, 3))
    is_majorana = case["neutrino"] == "majorana"
    kinds = (False,) if is_majorana else (False, True)
    beam, weight = int(beam_anti), 1.0 if is_majorana else 0.5
    for target, h_k, h_l in itertools.product(range(2), repeat=3):
        for target_anti, k_anti, l_anti in itertools.product(kinds, repeat=3):
            anti = (beam_anti, target_anti, k_anti, l_anti)
            squared = np.abs(amplitude(case, (beam, target, h_k, h_l), anti, x, channels)) ** 2
            density = weight * np.sum(squared, axis=-1) / (16.0 * math.pi * case["s"])
            every += density
            if is_majorana or h_k == int(k_anti):
                active += density
    return every, active


def solved(case: Case, energy_gev: float, target_ev: float) -> dict[str, Any]:
    """Total cross-sections and daughters on a target of one mass, every selection of channels."""
    case = case | {"s": 2.0 * energy_gev * target_ev * 1e-9}
    nodes, weights = np.polynomial.legendre.leggauss(240)
    x = np.concatenate([0.5 * (nodes + 1.0), X_SHOWN])
    found: dict[str, Any] = {}
    for name, channels in CHANNELS.items():
        if case["neutrino"] == "dirac" and case["spin"] and name != "s":
            continue
        totals, at_x = [], []
        for beam_anti in (False, True):
            every, active = collisions(case, x, channels, beam_anti)
            totals.append(0.5 * np.einsum("x,xijk->ij", 0.5 * weights, every[: len(nodes)]))  # k and l are one pair
            at_x.append(active[len(nodes) :])
        daughters = (at_x[0] + at_x[1]) / (totals[0] + totals[1])[..., None]
        found[name] = {"total": HBAR_C_GEV_CM**2 * totals[0], "daughters": daughters}
    return found


def cases() -> list[Case]:
    """Random complex couplings below, on and above the resonance, and a wide one."""
    rng = np.random.default_rng(18)
    made = []
    for spin, neutrino in ((0, "majorana"), (1, "majorana"), (0, "dirac"), (1, "dirac")):
        for energy_over_resonance, coupling in ((0.03, 0.2), (1.02, 0.6), (2.5, 1.0), (40.0, 0.3)):
            random = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
            flavour = random + (random.conj().T if spin else random.T)
            mixing = MIXINGS["nufit6.0 inverted"]
            rotation = pmns(mixing)
            matrix = (rotation.conj() if spin else rotation).T @ flavour @ rotation
            matrix, flavour = (each / math.sqrt(np.sum(np.abs(flavour) ** 2)) for each in (matrix, flavour))
            mass_mev, masses_ev = 6.0, [0.05, 0.051, 0.011]
            energy = energy_over_resonance * (mass_mev * 1e6) ** 2 / (2 * 0.05) / 1e9
            per_width = {(0, "majorana"): 16, (1, "majorana"): 24, (0, "dirac"): 8, (1, "dirac"): 12}[spin, neutrino]
            mass = mass_mev * 1e-3
            case = {"spin": spin, "neutrino": neutrino, "coupling": coupling, "matrix": matrix, "mass": mass}
            case["width"] = mass * coupling**2 / (per_width * math.pi)
            targets = [solved(case, energy, target) for target in masses_ev]
            result = {}
            for name in targets[0]:
                of_j = [targets[j][name] for j in range(3)]
                result[name] = {
                    "total_cm2": np.stack([of_j[j]["total"][:, j] for j in range(3)], axis=-1).tolist(),
                    "daughters": np.stack([of_j[j]["daughters"][:, :, j] for j in range(3)], axis=2).tolist(),
                }
            made.append({
                "spin": spin, "neutrino": neutrino, "coupling": coupling, "energy_gev": energy,
                "m_mediator_mev": mass_mev, "m_nu_ev": masses_ev,
                "mixing": {"sin2": list(mixing["sin2"]), "delta_cp": mixing["delta_cp"]},
                "couplings": [[[c.real, c.imag] for c in row] for row in flavour.tolist()], "result": result,
            })  # fmt: skip
    return made


def main(path: Path) -> None:
    """Write the reference."""
    reference = {
        "made_by": "tests/reference/make_cross_sections.py (spinors and Wick contractions; no code of nuinfer)",
        "x": X_SHOWN,
        "cases": cases(),
    }
    text = json.dumps(json.loads(json.dumps(reference), parse_float=lambda text: float(f"{float(text):.12e}")))
    path.write_text(text.replace("}, {", "},\n{") + "\n")
    print(len(reference["cases"]), "cases")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "tests" / "reference" / "cross_sections.json")
