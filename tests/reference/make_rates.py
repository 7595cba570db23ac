"""Reference numbers for the Borexino and trident rates, independent of the package.

Usage: python tests/reference/make_rates.py

Writes tests/reference/rates.json. Flavours of solar neutrinos: what nu_e is made of where it is made, from eigenvectors
of the Hamiltonian in matter, of two states by mpmath and of all three by numpy; the first leaves out that matter also
moves the third state, by 1e-4. Borexino: mpmath, the differential cross-section with shifted couplings integrated
over the recoil with the Z' in place, nothing expanded in g'; the loop mixing at the actual momentum of every recoil.
Tridents: quasi-Monte Carlo over the full phase space of nu gamma -> nu mu+ mu- (four-vectors, no structure functions)
of the squared amplitude, times the flux of photons; its error is about 0.3 %.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
from scipy.special import exp1
from scipy.stats import qmc

# Constants written out again, on purpose not imported from the package
G_FERMI_MEV, ALPHA = 1.1663787e-11, 1 / 137.035999084
M_E, M_MUON, M_TAU = 0.51099895, 105.6583755, 1776.86
HBAR_C_MEV_FM = 197.3269804
SIN2 = 0.2387
LINE_MEV, LOW_MEV = 0.862, 0.270
AVOGADRO, HBAR_C_MEV_CM = 6.02214076e23, 197.3269804e-13
ELECTRONS_CM3 = 85 * AVOGADRO  # where 7Be is made: solar models
MIXINGS = {  # sin^2 of theta_12, theta_23, theta_13, delta in degrees, splittings in eV^2: the publications
    "nufit_normal": (0.308, 0.470, 0.02215, 212.0, 7.49e-5, 2.513e-3),
    "nufit_inverted": (0.308, 0.550, 0.02231, 274.0, 7.49e-5, -2.484e-3),
    "paper": (0.308, 0.437, 0.0234, 250.2, 7.5e-5, 2.4e-3),
    "other": (0.25, 0.6, 0.03, 30.0, 6e-5, 2.5e-3),
}
OUT = Path(__file__).resolve().parents[2] / "tests" / "reference" / "rates.json"
BOREXINO = [(m, g) for m in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0) for g in (1e-5, 1e-4, 5e-4, 2e-3)]
TRIDENT = [(m, g) for m in (1.0, 10.0, 50.0, 200.0, 1e3, 1e4) for g in (5e-4, 2e-3)]
BEAMS = {"ccfr": (160e3, 1.3 * 56 ** (1 / 3) / HBAR_C_MEV_FM), "charm2": (20e3, 1.3 * 20.7 ** (1 / 3) / HBAR_C_MEV_FM)}
SAMPLES = 2**17
BATCH = 2**13


def mixing(q2: Any) -> Any:
    """Eq. 3 of arXiv:1504.00711 at g' = 1."""
    charge = mp.sqrt(4 * mp.pi * ALPHA)

    def integrand(x: Any) -> Any:
        return x * (1 - x) * mp.log((M_TAU**2 - x * (1 - x) * q2) / (M_MUON**2 - x * (1 - x) * q2))

    return -charge / (2 * mp.pi**2) * mp.quad(integrand, [0, 1])


def pmns(angles: Any) -> Any:
    """U as the product of three rotations, complex (3, 3)."""
    (s12, s23, s13), phase = np.sqrt(angles[:3]), np.exp(1j * np.radians(angles[3]))
    c12, c23, c13 = np.sqrt(1 - s12**2), np.sqrt(1 - s23**2), np.sqrt(1 - s13**2)
    first = np.array([[1, 0, 0], [0, c23, s23], [0, -s23, c23]], complex)
    second = np.array([[c13, 0, s13 / phase], [0, 1, 0], [-s13 * phase, 0, c13]])
    return first @ second @ np.array([[c12, s12, 0], [-s12, c12, 0], [0, 0, 1]])


def solar_flavours(angles: Any) -> tuple[Any, Any]:
    """P(nu_e -> nu_a) at Earth of the 862 keV line: of two states in matter, and of three."""
    u, (d21, d3l) = pmns(angles), angles[4:]
    potential_ev2 = 2 * np.sqrt(2) * G_FERMI_MEV * ELECTRONS_CM3 * HBAR_C_MEV_CM**3 * LINE_MEV * 1e12  # 2 E V
    # two states: the frame in which theta_13 and theta_23 are rotated away
    s2 = mp.mpf(angles[0])
    c, s = mp.sqrt(1 - s2), mp.sqrt(s2)
    h = mp.matrix([[d21 * s * s + potential_ev2 * (1 - angles[2]), d21 * s * c], [d21 * s * c, d21 * c * c]])
    _, vectors = mp.eigsy(h)
    light = vectors[0, 0] ** 2  # eigenvalues increase
    populations = [(1 - angles[2]) * light, (1 - angles[2]) * (1 - light), mp.mpf(angles[2])]
    two = [sum(populations[i] * float(abs(u[a, i]) ** 2) for i in range(3)) for a in range(3)]
    # all three: adiabatic states keep their order
    masses = np.array([0.0, d21, d3l if d3l > 0 else d3l + d21])
    values, states = np.linalg.eigh(u @ np.diag(masses) @ u.conj().T + np.diag([potential_ev2, 0, 0]))
    order = np.argsort(np.argsort(masses))
    assert np.all(np.diff(values) > 0)
    three = np.abs(u) ** 2 @ np.abs(states[0, order]) ** 2
    return [float(p) for p in two], three.tolist()


def borexino_rate(mass: Any, g: Any, probabilities: Any, low: float = LOW_MEV) -> Any:
    """Rate of the 862 keV line with recoils above `low`, in arbitrary units."""
    charge = mp.sqrt(4 * mp.pi * ALPHA)
    edge = 2 * LINE_MEV**2 / (M_E + 2 * LINE_MEV)

    def at(recoil: Any) -> Any:
        shift = 0
        if g:
            q2 = -2 * M_E * recoil
            shift = g * charge * g * mixing(q2) / (2 * mp.sqrt(2) * G_FERMI_MEV * (mass**2 - q2))
        total = 0
        for probability, weak, q in zip(probabilities, (0.5, -0.5, -0.5), (0, 1, -1), strict=True):
            left, right = weak + SIN2 + q * shift, SIN2 + q * shift
            slope = 1 - recoil / LINE_MEV
            cross_section = left**2 + right**2 * slope**2 - left * right * M_E * recoil / LINE_MEV**2
            total += probability * cross_section
        return total

    return mp.quad(at, [low, edge])


GAMMA = np.zeros((4, 4, 4), complex)
GAMMA[0] = [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]  # chiral representation
for _k, _s in enumerate(([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])):
    GAMMA[_k + 1, :2, 2:], GAMMA[_k + 1, 2:, :2] = np.array(_s), -np.array(_s)
GAMMA_5 = np.diag([-1.0, -1.0, 1.0, 1.0])
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
LOWERED = np.einsum("mn,nij->mij", METRIC, GAMMA)


def slash(p: Any) -> Any:
    """``p_m gamma^m``."""
    return np.einsum("...m,mij->...ij", p, LOWERED)


def squared(k1: Any, k2: Any, q: Any, minus: Any, plus: Any) -> tuple[Any, Any]:
    """Neutrino tensor times that of the muons, for vector and for axial couplings, summed over photon helicities."""
    one = np.eye(4)
    weak = GAMMA @ (one - GAMMA_5)
    neutrino = np.einsum("...ij,ajk,...kl,bli->...ab", slash(k2), weak, slash(k1), weak)
    answers = []
    down = (slash(minus - q) + M_MUON * one) / (-2 * np.einsum("...m,mn,...n", minus, METRIC, q))[..., None, None]
    up = (slash(q - plus) + M_MUON * one) / (-2 * np.einsum("...m,mn,...n", plus, METRIC, q))[..., None, None]
    for vertex in (one, GAMMA_5):
        current = LOWERED @ vertex  # lower index, to be contracted with the neutrino's upper one
        m = np.einsum("rij,...jk,akl->...rail", GAMMA, down, current)
        m = m + np.einsum("aij,...jk,rkl->...rail", current, up, GAMMA)
        bar = GAMMA[0] @ np.conj(np.swapaxes(m, -1, -2)) @ GAMMA[0]
        first = (slash(minus) + M_MUON * one)[..., None, None, :, :] @ m
        second = (slash(plus) - M_MUON * one)[..., None, None, :, :] @ bar
        second = np.einsum("rs,...sbij->...rbij", -METRIC, second)  # sum over photon helicities
        tensor = np.einsum("...raij,...rbji->...ab", first, second)
        answers.append(np.einsum("...ab,...ab->...", neutrino, tensor).real)
    return answers[0], answers[1]


def trident_samples(energy: float, radius: float) -> tuple[Any, Any, Any]:
    """``Q^2`` and weighted vector and axial squared amplitudes over phase space and photon flux."""
    kept: list[list[Any]] = [[], [], []]
    for u in np.array_split(qmc.Sobol(5, seed=1).random(SAMPLES), SAMPLES // BATCH):
        threshold, highest = 4 * M_MUON**2, 60 * energy / radius
        s = threshold * (highest / threshold) ** u[:, 0]
        w2 = threshold * (s / threshold) ** u[:, 1]
        q2_low, q2_high = 1e-9 * M_MUON**2, s - w2
        q2 = q2_low * (q2_high / q2_low) ** u[:, 2]
        weight = np.log(s / threshold) * w2 * np.log(q2_high / q2_low) * q2  # d ln s dW^2 dQ^2
        weight = weight * exp1((radius * s / (2 * energy)) ** 2 / 5) / s**2  # photons; phase space and flux
        # nu gamma centre of mass: k1 along +z
        half = np.sqrt(s) / 2
        k2_energy = (s - w2) / (2 * np.sqrt(s))
        cosine = 1 - q2 / (2 * half * k2_energy)
        sine = np.sqrt(np.maximum(1 - cosine**2, 0))
        zero = np.zeros_like(s)
        k1, q = np.stack([half, zero, zero, half], -1), np.stack([half, zero, zero, -half], -1)
        k2 = k2_energy[:, None] * np.stack([np.ones_like(s), sine, zero, cosine], -1)
        pair = k1 + q - k2
        # muons in the rest frame of the pair, peaks along the photon spread out, then boosted
        beta = np.sqrt(1 - threshold / w2)
        rapidity = np.arctanh(beta) * (2 * u[:, 3] - 1)
        along = np.tanh(rapidity) / beta
        weight = weight * np.arctanh(beta) / np.cosh(rapidity) ** 2  # d cos, and the velocity in phase space
        phi, across = 2 * np.pi * u[:, 4], np.sqrt(np.maximum(1 - along**2, 0))
        direction = across[:, None] * np.stack([zero, np.cos(phi), np.sin(phi), zero], -1)
        minus_rest = np.sqrt(w2)[:, None] / 2 * (np.array([1.0, 0, 0, 0]) + beta[:, None] * direction)
        minus_rest[:, 3] += np.sqrt(w2) / 2 * beta * along
        minus = _to_lab(minus_rest, pair, q, w2)
        vector, axial = squared(k1, k2, q, minus, pair - minus)
        for store, value in zip(kept, (q2, weight * vector, weight * axial), strict=True):
            store.append(value)
    q2, vector, axial = (np.concatenate(part) for part in kept)
    return q2, vector, axial


def _to_lab(rest: Any, pair: Any, q: Any, w2: Any) -> Any:
    """From the rest frame of the pair, whose -z axis is the photon's direction there, to the frame of `pair`."""
    w = np.sqrt(w2)
    momentum = pair[:, 1:]

    def boost(p: Any, sign: float) -> Any:
        dot = np.sum(momentum * p[:, 1:], -1)
        energy = (pair[:, 0] * p[:, 0] + sign * dot) / w
        space = p[:, 1:] + momentum * (sign * p[:, 0] / w + dot / (w * (pair[:, 0] + w)))[:, None]
        return np.concatenate([energy[:, None], space], -1)

    photon = boost(q, -1.0)[:, 1:]
    axis = -photon / np.linalg.norm(photon, axis=-1, keepdims=True)
    side = np.cross(axis, np.array([0.0, 1.0, 0.0]))
    side = side / np.linalg.norm(side, axis=-1, keepdims=True)
    third = np.cross(axis, side)
    space = rest[:, 1:2] * side + rest[:, 2:3] * third + rest[:, 3:4] * axis
    return boost(np.concatenate([rest[:, :1], space], -1), 1.0)


def main() -> None:
    """Calculate and write everything."""
    mp.mp.dps = 20
    solar = {name: solar_flavours(angles) for name, angles in MIXINGS.items()}
    keys = ("sin2_theta12", "sin2_theta23", "sin2_theta13", "delta_deg", "delta_m2_21_ev2", "delta_m2_3l_ev2")
    flavours = [
        {"mixing": name, **dict(zip(keys, MIXINGS[name], strict=True)), "two": two, "three": three}
        for name, (two, three) in solar.items()
    ]
    borexino = []
    for name, (two, _) in solar.items():
        standard = borexino_rate(1, 0, two)
        for m, g in BOREXINO if name == "nufit_normal" else ((10.0, 5e-4), (1.0, 1e-4)):
            ratio = float(borexino_rate(mp.mpf(m), mp.mpf(g), two) / standard)
            borexino.append({"mixing": name, "m_mev": m, "g_prime": g, "ratio": ratio})
    two = solar["nufit_normal"][0]
    for low in (LOW_MEV, 0.0):
        ratio = borexino_rate(mp.mpf(10), mp.mpf("3e-4"), two, low) / borexino_rate(1, 0, two, low)
        print(f"recoils above {low} MeV, 10 MeV, 3e-4: R/R_SM - 1 = {float(ratio) - 1:.5f}")
    g_v, g_a, trident = 0.5 + 2 * SIN2, 0.5, []
    for beam, (energy, radius) in BEAMS.items():
        q2, vector, axial = trident_samples(energy, radius)
        sm = np.sum(g_v**2 * vector + g_a**2 * axial)
        for mass, g in TRIDENT:
            shift = g**2 / (np.sqrt(2) * G_FERMI_MEV * (mass**2 + q2))
            ratio = float(np.sum((g_v + shift) ** 2 * vector + g_a**2 * axial) / sm)
            trident.append({"beam": beam, "m_mev": mass, "g_prime": g, "ratio": ratio})
        print(f"{beam}: vector over axial {np.sum(vector) / np.sum(axial):.4f}")
    OUT.write_text(json.dumps({"flavours": flavours, "borexino": borexino, "trident": trident}, indent=1) + "\n")
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
