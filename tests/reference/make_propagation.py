"""Make ``tests/reference/propagation.json``: propagation and counts by adaptive quadrature and matrix exponentials.

    python tests/reference/make_propagation.py [OUTPUT]

An independent calculation for the tests: it shares no code, no constants and no closed forms with ``nuinfer``; of the
package it reads only the response and the metadata of the first edition of ``data/hese7``. Formulas: arXiv:1504.00711
(equation numbers below), with split masses and the decoherent regime added; see the physics pages of the documentation.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import quad, quad_vec
from scipy.linalg import expm

Array = np.ndarray[Any, np.dtype[Any]]
Case = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parents[2]

HBAR_EV_S = 6.582119569e-16
MPC_KM = 3.0856775814913673e19
ZETA3 = 1.2020569031595942
T_NU0_PLANCK_EV = 8.617333262e-5 * 2.7255 * (4.0 / 11.0) ** (1.0 / 3.0)

COSMOLOGIES: dict[str, Case] = {
    "paper": {"h": 0.69, "omega_m": 0.32, "omega_lambda": 0.68, "t_nu0_ev": 1.7e-4},
    "planck18": {"h": 0.6766, "omega_m": 0.3111, "omega_lambda": 0.6889, "t_nu0_ev": T_NU0_PLANCK_EV},
}
MIXINGS: dict[str, Case] = {
    "paper": {"sin2": (0.308, 0.437, 0.0234), "delta_cp": 1.39 * math.pi, "dm2_ev2": (7.5e-5, 2.4e-3)},
    "nufit6.0 normal": {
        "sin2": (0.308, 0.470, 0.02215),
        "delta_cp": math.radians(212.0),
        "dm2_ev2": (7.49e-5, 2.513e-3),
    },
    "nufit6.0 inverted": {
        "sin2": (0.308, 0.550, 0.02231),
        "delta_cp": math.radians(274.0),
        "dm2_ev2": (7.49e-5, 2.484e-3),
    },
}
# nu_e, nu_mu, nu_tau, nubar_e, nubar_mu, nubar_tau
SOURCES = {
    "pp": (1 / 6, 1 / 3, 0.0, 1 / 6, 1 / 3, 0.0),
    "pgamma": (1 / 3, 1 / 3, 0.0, 0.0, 1 / 3, 0.0),
    "muon_damped": (0.0, 0.5, 0.0, 0.0, 0.5, 0.0),
    "neutron": (0.0, 0.0, 0.0, 1.0, 0.0, 0.0),
}
CHARGES = ((0.0, 1.0, -1.0), (1.0, 1.0, 1.0), (1.0, -2.0, 0.5))
COHERENCES = ("coherent", "decoherent")


def pmns(mixing: Case) -> Array:
    """R23 . U13(delta) . R12 from (sin^2 theta_12, sin^2 theta_23, sin^2 theta_13)."""
    angle_12, angle_23, angle_13 = (math.asin(math.sqrt(value)) for value in mixing["sin2"])
    phase = np.exp(-1j * mixing["delta_cp"])
    r23 = np.eye(3, dtype=complex)
    r23[1:, 1:] = [[math.cos(angle_23), math.sin(angle_23)], [-math.sin(angle_23), math.cos(angle_23)]]
    u13 = np.eye(3, dtype=complex)
    u13[0, 0] = u13[2, 2] = math.cos(angle_13)
    u13[0, 2], u13[2, 0] = math.sin(angle_13) * phase, -math.sin(angle_13) * np.conj(phase)
    r12 = np.eye(3, dtype=complex)
    r12[:2, :2] = [[math.cos(angle_12), math.sin(angle_12)], [-math.sin(angle_12), math.cos(angle_12)]]
    return r23 @ u13 @ r12


def masses_ev(lightest: float, ordering: str, dm2_ev2: tuple[float, float]) -> list[float]:
    """Masses 1, 2, 3 from the lightest; the second splitting is a magnitude, from m1 (normal) or m2 (inverted)."""
    if ordering == "normal":
        return [lightest, math.sqrt(lightest**2 + dm2_ev2[0]), math.sqrt(lightest**2 + dm2_ev2[1])]
    m2_squared = lightest**2 + dm2_ev2[1]
    return [math.sqrt(m2_squared - dm2_ev2[0]), math.sqrt(m2_squared), lightest]


def expansion(z: float, cosmology: Case) -> float:
    """H(z)/H0."""
    return math.sqrt(cosmology["omega_m"] * (1.0 + z) ** 3 + cosmology["omega_lambda"])


def optical_depth(z: float, m_zprime_mev: float, g_prime: float, cosmology: Case) -> float:
    """Eq. (12), for a unit entry of R."""
    hubble_ev = 100.0 * cosmology["h"] / MPC_KM * HBAR_EV_S * expansion(z, cosmology)
    width_over_mass = g_prime**2 / (12.0 * math.pi)
    t_nu_ev = cosmology["t_nu0_ev"] * (1.0 + z)
    return float(18.0 * ZETA3 * t_nu_ev**3 / (hubble_ev * (m_zprime_mev * 1e6) ** 2) * width_over_mass)


def resonance_redshift(energy_gev: float, m_zprime_mev: float, m_nu_ev: float) -> float:
    """Eq. (17)."""
    return (m_zprime_mev * 1e6) ** 2 / (2.0 * m_nu_ev * energy_gev * 1e9) - 1.0


def crossing(tau: float, coupling: Array, coherence: str) -> Array:
    """Mass-state populations across a resonance, eqs. (13)-(23): |exp(-tau R/2)|^2, or diag(exp(-tau R_ii))."""
    if coherence == "coherent":
        return np.abs(expm(-0.5 * tau * coupling)) ** 2
    return np.diag(np.exp(-tau * np.real(np.diag(coupling))))


def couplings(case: Case) -> list[Array]:
    """R of every target: one v_j v_j^dagger per mass state, or U^dagger Q^2 U for degenerate masses."""
    u = pmns(case["mixing"])
    charges = np.diag(np.asarray(case["charges"], dtype=complex))
    if len(case["masses_ev"]) == 1:
        return [u.conj().T @ charges @ charges @ u]
    q_mass = u.conj().T @ charges @ u
    return [np.outer(q_mass[:, j], q_mass[:, j].conj()) for j in range(3)]


def transition(energy_gev: float, z_source: float, case: Case) -> Array:
    """P(E, z_source), P[a, b] is b -> a: the crossing at the largest redshift comes first."""
    m_zprime, mixed = case["m_zprime_mev"], np.abs(pmns(case["mixing"])) ** 2
    crossings = [
        (resonance_redshift(energy_gev, m_zprime, mass), coupling)
        for mass, coupling in zip(case["masses_ev"], couplings(case), strict=True)
    ]
    populations = np.eye(3)
    for z, coupling in sorted(crossings, key=lambda pair: -pair[0]):
        if 0.0 <= z < z_source:
            tau = optical_depth(z, m_zprime, case["g_prime"], case["cosmology"])
            populations = crossing(tau, coupling, case["coherence"]) @ populations
    return np.asarray(mixed @ populations @ mixed.T)


def evolution(z: float, name: str) -> float:
    """Source density: constant, or the star-formation rate of Yuksel et al. 2008."""
    if name == "flat":
        return 1.0
    a, b, c, eta = 3.4, -0.3, -3.5, -10.0
    scale_b, scale_c = 2.0 ** (1.0 - a / b), 2.0 ** ((b - a) / c) * 5.0 ** (1.0 - b / c)
    x = 1.0 + z
    return float((x ** (a * eta) + (x / scale_b) ** (b * eta) + (x / scale_c) ** (c * eta)) ** (1.0 / eta))


def shell_integral(low: float, high: float, case: Case) -> float:
    """Adaptive integral of W(z) (1+z)^-gamma / (H(z)/H0), split where the star-formation rate bends."""

    def shell(z: float) -> float:
        return float(evolution(z, case["evolution"]) * (1.0 + z) ** -case["gamma"] / expansion(z, case["cosmology"]))

    bends = [z for z in (0.3, 1.0, 2.5, 3.6, 4.2) if low < z < high]
    edges = [low, *bends, high]
    return sum(quad(shell, lo, hi, epsabs=1e-15, epsrel=1e-12, limit=200)[0] for lo, hi in itertools.pairwise(edges))


def average_transition(energy_gev: float, case: Case) -> Array:
    """<P(E)>: P is constant in z_source between two resonances, each shell weighs W (1+z)^-gamma / H."""
    z_max = case["z_max"]
    redshifts = [resonance_redshift(energy_gev, case["m_zprime_mev"], mass) for mass in case["masses_ev"]]
    edges = [0.0, *sorted(z for z in redshifts if 0.0 < z < z_max), z_max]
    total = np.zeros((3, 3))
    norm = 0.0
    for low, high in itertools.pairwise(edges):
        weight = shell_integral(low, high, case)
        total += weight * transition(energy_gev, 0.5 * (low + high), case)
        norm += weight
    return total / norm


def bare_case(mixing: str, cosmology: str, charges: tuple[float, ...], coherence: str) -> Case:
    """Inputs common to every table, as they are stored."""
    chosen = MIXINGS[mixing]
    return {
        "mixing": {"sin2": list(chosen["sin2"]), "delta_cp": chosen["delta_cp"]},
        "cosmology": COSMOLOGIES[cosmology],
        "charges": list(charges),
        "coherence": coherence,
    }


def draw_model(rng: np.random.Generator, pattern: str, charges: tuple[float, ...], coherence: str) -> Case:
    """Draw a model point: `pattern` is an ordering, or degenerate masses."""
    ordering = "inverted" if pattern == "inverted" else "normal"
    mixing = "paper" if rng.random() < 0.3 else f"nufit6.0 {ordering}"
    case = bare_case(mixing, str(rng.choice(list(COSMOLOGIES))), charges, coherence)
    if pattern == "degenerate":
        case["masses_ev"] = [float(rng.uniform(0.05, 0.0833))]
    else:
        lightest = float(10.0 ** rng.uniform(-2.5, -1.0))
        case["masses_ev"] = masses_ev(lightest, ordering, MIXINGS[mixing]["dm2_ev2"])
        case |= {"lightest_ev": lightest, "ordering": ordering, "dm2_ev2": list(MIXINGS[mixing]["dm2_ev2"])}
    case["m_zprime_mev"] = float(10.0 ** rng.uniform(0.2, 1.6))
    case["g_prime"] = float(10.0 ** rng.uniform(-6.0, math.log10(3e-3)))
    return case


def draw_energies(rng: np.random.Generator, case: Case, count: int) -> list[float]:
    """Both sides of one edge at z = 0 and of one at z_max, and energies between 10 TeV and 10 PeV."""
    mass = float(rng.choice(case["masses_ev"]))
    edge = (case["m_zprime_mev"] * 1e6) ** 2 / (2.0 * mass) / 1e9
    beside = [edge * (1.0 - 1e-6), edge * (1.0 + 1e-6), edge / 6.0 * (1.0 - 1e-6), edge / 6.0 * (1.0 + 1e-6)]
    inside = [float(energy) for energy in edge / (1.0 + rng.uniform(0.0, 5.0, 3))]
    anywhere = [float(energy) for energy in 10.0 ** rng.uniform(4.0, 7.0, count)]
    return sorted([*beside, *inside, *anywhere])


def flavour_cases(rng: np.random.Generator) -> list[Case]:
    """``flavour_at_earth``: flux per flavour over the unabsorbed all-flavour flux."""
    cases = []
    for pattern, coherence, charges, gamma, shells in itertools.product(
        ("normal", "inverted", "degenerate"), COHERENCES, CHARGES, (2.0, 2.87, 3.5), ("sfr", "flat")
    ):
        if gamma != 2.87 and (shells == "flat") != (gamma == 3.5):
            continue  # four combinations of spectrum and evolution are enough
        case = draw_model(rng, pattern, charges, coherence)
        case |= {
            "gamma": gamma,
            "evolution": shells,
            "z_max": 5.0,
            "source_fractions": flavours(SOURCES[pick(rng, SOURCES)]),
        }
        case["energy_gev"] = draw_energies(rng, case, 2)
        fractions = np.array(case["source_fractions"])
        case["result"] = [(average_transition(energy, case) @ fractions).tolist() for energy in case["energy_gev"]]
        cases.append(case)
    return cases


def flavours(species: tuple[float, ...]) -> list[float]:
    """Fractions of e, mu, tau, nu + nubar."""
    return [species[k] + species[k + 3] for k in range(3)]


def species_cases(rng: np.random.Generator) -> list[Case]:
    """``species_at_earth``: flux per species over the unabsorbed all-flavour flux; P is the same for nu and nubar."""
    cases = []
    for (source, fractions), coherence in itertools.product(SOURCES.items(), COHERENCES):
        case = draw_model(rng, "normal", CHARGES[0], coherence)
        case |= {"gamma": 2.87, "evolution": "sfr", "z_max": 5.0, "source": source, "source_fractions": list(fractions)}
        case["energy_gev"] = draw_energies(rng, case, 1)
        averages = [average_transition(energy, case) for energy in case["energy_gev"]]
        case["result"] = [(np.array(fractions).reshape(2, 3) @ average.T).ravel().tolist() for average in averages]
        cases.append(case)
    return cases


def pick(rng: np.random.Generator, table: dict[str, Any]) -> str:
    """Draw a key."""
    return str(rng.choice(list(table)))


def split_cases(rng: np.random.Generator) -> list[Case]:
    """``split_transition`` at a source redshift."""
    cases = []
    for pattern, coherence, charges, _ in itertools.product(("normal", "inverted"), COHERENCES, CHARGES, range(2)):
        case = draw_model(rng, pattern, charges, coherence)
        case["source_redshift"] = float(rng.uniform(0.2, 5.0))
        case["energy_gev"] = draw_energies(rng, case, 1)
        case["result"] = [transition(energy, case["source_redshift"], case).tolist() for energy in case["energy_gev"]]
        cases.append(case)
    return cases


def degenerate_cases() -> list[Case]:
    """``degenerate_transition`` against optical depth."""
    cases = []
    for mixing, coherence, charges in itertools.product(MIXINGS, COHERENCES, CHARGES):
        case = bare_case(mixing, "paper", charges, coherence)
        case["masses_ev"] = [0.06]
        mixed = np.abs(pmns(case["mixing"])) ** 2
        (coupling,) = couplings(case)
        case["tau"] = [0.0, 1e-8, 1e-3, 0.3, 1.0, 8.79, 60.0, 500.0]
        case["result"] = [(mixed @ crossing(tau, coupling, coherence) @ mixed.T).tolist() for tau in case["tau"]]
        cases.append(case)
    return cases


def point_cases(rng: np.random.Generator) -> tuple[list[Case], list[Case]]:
    """``optical_depth`` and ``resonance_redshift`` at points."""
    depths, redshifts = [], []
    for cosmology in COSMOLOGIES.values():
        for _ in range(8):
            z, m_zprime, g_prime = rng.uniform(0.0, 6.0), 10.0 ** rng.uniform(0.0, 1.7), 10.0 ** rng.uniform(-6.0, -2.5)
            point = {"redshift": z, "m_zprime_mev": m_zprime, "g_prime": g_prime, "cosmology": cosmology}
            depths.append(point | {"result": optical_depth(z, m_zprime, g_prime, cosmology)})
            energy, mass = 10.0 ** rng.uniform(4.0, 7.0), 10.0 ** rng.uniform(-3.0, -1.0)
            point = {"energy_gev": energy, "m_zprime_mev": m_zprime, "m_nu_ev": mass}
            redshifts.append(point | {"result": resonance_redshift(energy, m_zprime, mass)})
    return depths, redshifts


def hese_area() -> tuple[float, Array, Array]:
    """Livetime, true edges and area (species, true, topology, bin) of the first edition of ``data/hese7``."""
    folder = Path(__file__).with_name("hese7-first-edition")
    metadata = tomllib.loads((folder / "dataset.toml").read_text())
    with np.load(folder / "response.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    column = int(np.flatnonzero(arrays["deposited_edges_gev"] < metadata["threshold_gev"])[-1])
    area = np.zeros((6, *arrays["area_m2"].shape[1:3], arrays["area_m2"].shape[3] - column))
    for channel, values in zip(arrays["channels"], arrays["area_m2"], strict=True):
        particle = str(channel).split("_")[0]
        species = ["nue", "numu", "nutau", "nuebar", "numubar", "nutaubar"].index(particle)
        area[species] += values[..., column:]
    for t, topology in enumerate(arrays["topologies"]):
        area[:, :, t, 0] *= metadata["threshold_fraction"][str(topology)]
    return float(metadata["livetime_s"]), arrays["true_edges_gev"], area


# log10 m_Z'/MeV, log10 g', lightest mass (eV), ordering, coherence, gamma, phi_total, detector_scale, source, W(z)
COUNT_POINTS: tuple[tuple[float, float, float, str, str, float, float, float, str, str], ...] = (
    (1.0, -3.5, 0.01, "normal", "decoherent", 2.87, 6.37, 1.0, "pp", "sfr"),
    (1.0, -6.0, 0.01, "normal", "decoherent", 2.87, 6.37, 1.0, "pp", "sfr"),
    (0.9, -2.6, 0.03, "normal", "decoherent", 2.5, 5.0, 0.93, "pp", "sfr"),  # edges 1 and 2 share a bin
    (0.85, -3.2, 0.09, "normal", "decoherent", 2.2, 4.0, 1.1, "pp", "sfr"),  # edges 1 and 2 share a bin
    (1.1, -3.0, 0.02, "inverted", "decoherent", 2.87, 7.0, 1.05, "pp", "sfr"),  # edges 1 and 2 share a bin
    (1.2, -2.5, 0.05, "inverted", "decoherent", 3.3, 9.0, 0.9, "pp", "sfr"),
    (0.6, -3.4, 0.003, "normal", "decoherent", 2.0, 3.0, 1.0, "pp", "sfr"),
    (1.6, -3.3, 0.05, "normal", "decoherent", 2.6, 6.0, 1.0, "pp", "flat"),
    (0.95, -3.1, 0.015, "normal", "coherent", 2.87, 6.37, 1.0, "pp", "sfr"),
    (1.05, -2.7, 0.04, "inverted", "coherent", 2.4, 5.5, 0.97, "muon_damped", "sfr"),
    (0.75, -3.7, 0.025, "normal", "decoherent", 3.0, 8.0, 1.02, "neutron", "flat"),
    (0.95, -2.9, 0.012, "normal", "decoherent", 2.7, 6.0, 1.0, "pgamma", "sfr"),
    (0.2, -3.0, 0.1, "normal", "decoherent", 2.87, 6.37, 1.0, "pp", "sfr"),
)


def count_cases() -> list[Case]:
    """Astrophysical counts (topology, bin) of HESE 7.5 yr: every true bin integrated through the edges inside it."""
    livetime_s, true_edges, area = hese_area()
    cases = []
    for log10_m, log10_g, lightest, ordering, coherence, gamma, phi_total, scale, source, shells in COUNT_POINTS:
        mixing = f"nufit6.0 {ordering}"
        case = bare_case(mixing, "planck18", CHARGES[0], coherence)
        case |= {"mixing_name": "nufit6.0", "cosmology_name": "planck18", "ordering": ordering, "lightest_ev": lightest}
        case |= {"log10_m_zprime_mev": log10_m, "log10_g_prime": log10_g, "gamma": gamma, "phi_total": phi_total}
        case |= {"detector_scale": scale, "source": source, "evolution": shells, "z_max": 5.0}
        case |= {"masses_ev": masses_ev(lightest, ordering, MIXINGS[mixing]["dm2_ev2"])}
        case |= {"m_zprime_mev": 10.0**log10_m, "g_prime": 10.0**log10_g}
        fractions = np.array(SOURCES[source]).reshape(2, 3)
        integrals = [transition_integral(lo, hi, case) @ fractions.T for lo, hi in itertools.pairwise(true_edges)]
        flux = phi_total * 1e-18 * np.array([integral.T.ravel() for integral in integrals])
        counts = livetime_s * 4.0 * math.pi * 1e4 * np.einsum("setd,es->td", area, flux)
        cases.append(case | {"dataset": "hese7", "result": (scale * counts).tolist()})
    return cases


def transition_integral(low: float, high: float, case: Case) -> Array:
    """Integral of (E/100 TeV)^-gamma <P(E)> over one bin of true energy, GeV, in pieces between the edges inside it."""

    def weighted(energy: float) -> Array:
        return np.asarray((energy / 1e5) ** -case["gamma"] * average_transition(energy, case))

    at_rest = [(case["m_zprime_mev"] * 1e6) ** 2 / (2.0 * mass) / 1e9 for mass in case["masses_ev"]]
    breaks = {energy / (1.0 + z) for energy in at_rest for z in (0.0, 1.0, case["z_max"])}
    edges = [low, *sorted(energy for energy in breaks if low < energy < high), high]
    total = np.zeros((3, 3))
    for lo, hi in itertools.pairwise(edges):
        total += quad_vec(weighted, lo, hi, epsrel=1e-9, epsabs=0.0, norm="max", quadrature="gk15")[0]
    return total


def main(path: Path) -> None:
    """Write the reference."""
    rng = np.random.default_rng(150400711)
    depths, redshifts = point_cases(rng)
    reference = {
        "made_by": "tests/reference/make_propagation.py (adaptive quadrature, scipy.linalg.expm; no code of nuinfer)",
        "conventions": {
            "sin2": "sin^2 of theta_12, theta_23, theta_13",
            "delta_cp": "radians",
            "dm2_ev2": "m2^2 - m1^2 and the magnitude of m3^2 - m1^2 (normal) or m3^2 - m2^2 (inverted)",
            "flavour_at_earth": "(energy, flavour), nu + nubar over the unabsorbed all-flavour flux",
            "species_at_earth": "(energy, species), nu_e, nu_mu, nu_tau, nubar_e, nubar_mu, nubar_tau",
            "transitions": "(energy or tau, a, b), b -> a",
            "counts": "(topology, bin), astrophysical only, detector_scale included",
        },
        "optical_depth": depths,
        "resonance_redshift": redshifts,
        "degenerate_transition": degenerate_cases(),
        "split_transition": split_cases(rng),
        "flavour_at_earth": flavour_cases(rng),
        "species_at_earth": species_cases(rng),
        "astro_counts": count_cases(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(reference, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")
    print(
        {name: len(cases) for name, cases in reference.items() if isinstance(cases, list)}, path.stat().st_size, "bytes"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "tests" / "reference" / "propagation.json")
