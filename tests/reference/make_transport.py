"""Spectra of a scalar coupled to nu_tau, all channels, neutrino by neutrino: writes transport.json.

    python tests/reference/make_transport.py [OUTPUT]

Nothing in common with the package. Single neutrinos are followed from their sources to Earth and collide at random,
without any lattice of energies and redshifts: energy and redshift of the source are quasi-random, each neutrino counts
at Earth with its probability to arrive and is made to collide with the other one, where, with which target and with
which energies afterwards is random, and both that come out are followed. What is left is statistical, and is stored.

The couplings are G_tau,tau = 1, so Y_ij = U_tau,i U_tau,j, and with w_i = |U_tau,i|^2 a beam i meets a target j with
w_i w_j times the cross-section of one flavour, and each daughter is in state k with w_k:

    d sigma/dx = g^4/(16 pi s) [|S|^2 + T^2 + U^2 + Re S (T + U) + T U],     S = s/(s - M^2 + i M Gamma), ...

with 2 daughters; compared below with the sum over spinors of `make_cross_sections`. Depths are integrated through the
resonances, in cells that are a third of the width there.

The second solution, ``implicit``, is the discretisation of arXiv:2107.13568 in so many cells per decade: cells of
energy move down by one in each step of redshift, a step divides by 1 + its depth, and what a cell makes and absorbs in
the same cell is kept for the same mass state alone. Its cross-sections are those of this file.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from make_cross_sections import collisions
from make_propagation import (
    COSMOLOGIES,
    HBAR_EV_S,
    MIXINGS,
    MPC_KM,
    SOURCES,
    ZETA3,
    evolution,
    expansion,
    masses_ev,
    pmns,
)
from scipy.stats import qmc

Array = np.ndarray[Any, np.dtype[Any]]
Case = dict[str, Any]

UNIVERSE, Z_MAX = COSMOLOGIES["planck18"], 5.0
EDGES = np.geomspace(3e4, 1e7, 13)
"""Energies at Earth in GeV between which spectra are averaged; those of the resonances are added."""

TOP_GEV = 1e9
HISTORIES, BATCHES = {0.01: 1 << 18, 0.03: 1 << 17, 0.1: 1 << 15}, 16
"""Sources by coupling, of each of so many batches."""

APART = 1.12
"""Regular edges nearer than that to a resonance are left out."""

FAINT = 0.02
"""Relative weight below which a neutrino goes on with a probability."""

CELL, CORE = 0.008, 3.0
"""Widest cell in ln P, of physical energies P; cells per width in the core of a resonance."""

PER_DECADE = (60, 240)
"""Cells of the implicit solution; 60 are those of that publication."""

CASES: list[Case] = [
    {"g": 0.01, "m_mev": 8.0, "lightest_ev": 0.02, "ordering": "normal", "gamma": 2.4},
    {"g": 0.01, "m_mev": 4.0, "lightest_ev": 0.01, "ordering": "inverted", "gamma": 2.9},
    {"g": 0.03, "m_mev": 8.0, "lightest_ev": 0.02, "ordering": "normal", "gamma": 2.4},
    {"g": 0.03, "m_mev": 8.0, "lightest_ev": 0.02, "ordering": "normal", "gamma": 2.9},
    {"g": 0.03, "m_mev": 8.0, "lightest_ev": 0.01, "ordering": "inverted", "gamma": 2.4},
    {"g": 0.1, "m_mev": 8.0, "lightest_ev": 0.02, "ordering": "normal", "gamma": 2.4},
    {"g": 0.1, "m_mev": 3.4, "lightest_ev": 0.003, "ordering": "normal", "gamma": 2.9},
    {"g": 0.1, "m_mev": 20.0, "lightest_ev": 0.01, "ordering": "inverted", "gamma": 2.9},
]


@numba.njit(cache=True)
def propagator(a: float, width: float) -> tuple[float, float]:
    """|S|^2 and Re S at a = s/M^2."""
    square = (a - 1.0) ** 2 + width * width
    return a * a / square, a * (a - 1.0) / square


@numba.njit(cache=True)
def bracket(a: float, x: float, width: float) -> float:
    """|S|^2 + T^2 + U^2 + Re S (T + U) + T U."""
    square, real = propagator(a, width)
    t, u = a * (1.0 - x) / (1.0 + a * (1.0 - x)), a * x / (1.0 + a * x)
    return square + t * t + u * u + real * (t + u) + t * u


@numba.njit(cache=True)
def whole(a: float, width: float) -> float:
    """Its integral over x."""
    square, real = propagator(a, width)
    if a < 0.02:  # to a^5
        one = a * (1 / 2 - a * (1 / 3 - a * (1 / 4 - a / 5)))
        two = a * a * (1 / 3 - a * (1 / 2 - a * (3 / 5 - a * 2 / 3)))
        both = a * a * (1 / 6 - a * (1 / 6 - a * (3 / 20 - a * 2 / 15)))
    else:
        ell = math.log1p(a) / a
        one, two = 1.0 - ell, 1.0 + 1.0 / (1.0 + a) - 2.0 * ell
        both = 1.0 - 2.0 * ell + 2.0 * ell / (2.0 + a)
    return square + 2.0 * two + 2.0 * real * one + both


@numba.njit(cache=True)
def target_density(x: float, omega_m: float) -> float:
    """(1+z)^3 H0/H at x = ln(1+z)."""
    return math.exp(3.0 * x) / math.sqrt(omega_m * math.exp(3.0 * x) + 1.0 - omega_m)


@numba.njit(cache=True)
def to_earth(ln_p: float, x: float, edges: Array, depth: Array, omega_m: float) -> float:
    """Depth over w_i on the way to Earth."""
    cell, total = np.searchsorted(edges, ln_p) - 1, 0.0
    end = ln_p - x
    while cell >= 0 and edges[cell + 1] > end:
        high, low = min(edges[cell + 1], ln_p), max(edges[cell], end)
        share = (high - low) / (edges[cell + 1] - edges[cell])
        total += share * depth[cell] * target_density(0.5 * (high + low) - end, omega_m)
        cell -= 1
    return total


@numba.njit(cache=True)
def meeting(ln_p: float, x: float, wanted: float, edges: Array, depth: Array, omega_m: float) -> float:
    """ln P at which that depth is reached."""
    cell, total, end = np.searchsorted(edges, ln_p) - 1, 0.0, ln_p - x
    while cell >= 0:
        high, low = min(edges[cell + 1], ln_p), max(edges[cell], end)
        share = (high - low) / (edges[cell + 1] - edges[cell])
        here = share * depth[cell] * target_density(0.5 * (high + low) - end, omega_m)
        if total + here >= wanted or low <= end:
            return float(high - (high - low) * min((wanted - total) / here, 1.0))
        total += here
        cell -= 1
    return end


@numba.njit(cache=True)
def energy_share(rng: np.random.Generator, a: float, width: float) -> float:
    """A random x."""
    most = 0.0
    for k in range(33):
        most = max(most, bracket(a, k / 32.0, width))
    # boundary layers at large a fall towards the ends, so that the grid sees the maximum
    while True:
        x = rng.random()
        value = bracket(a, x, width)
        if value > 1.02 * most:
            raise ValueError("maximum")
        if 1.02 * most * rng.random() < value:
            return x


class Way(NamedTuple):
    """What neutrinos meet: index of the spectrum, populations of the source, |U_tau,i|^2, resonances, cells, bins."""

    gamma: float
    source: Array
    weights: Array
    ln_res: Array
    width: float
    edges: Array
    depth: Array
    ln_bins: Array
    density: Array
    omega_m: float


@numba.njit(cache=True)
def follow(starts: Array, rng: np.random.Generator, way: Way) -> Array:
    """Number of each mass state in each bin at Earth, in the weight E^(1-gamma) dlnE of unit sources."""
    gamma, source, weights, ln_res, width, edges, depth, ln_bins, density, omega_m = way
    out, n_bin, x_max = np.zeros((3, ln_bins.size - 1)), ln_bins.size - 1, (density.size - 1)
    ln_low, ln_high = ln_bins[0], math.log(TOP_GEV)
    x_top = math.log(1.0 + Z_MAX)
    stack_p, stack_x, stack_w, stack_i = np.empty(4000), np.empty(4000), np.empty(4000), np.empty(4000, np.int64)
    total = np.cumsum(weights)
    for n in range(starts.shape[0]):
        ln_e, x = ln_low + (ln_high - ln_low) * starts[n, 0], x_top * starts[n, 1]
        place = x / x_top * x_max
        k = min(int(place), x_max - 1)
        shine = density[k] + (place - k) * (density[k + 1] - density[k])
        for i in range(3):
            stack_p[0], stack_x[0], stack_i[0] = ln_e + x, x, i
            stack_w[0] = source[i] * shine * x_top * (ln_high - ln_low) * math.exp((1.0 - gamma) * (ln_e - ln_low))
            held = 1
            while held > 0:
                held -= 1
                ln_p, x_now, w, state = stack_p[held], stack_x[held], stack_w[held], stack_i[held]
                at_earth = ln_p - x_now
                if at_earth <= ln_low:
                    continue
                tau = weights[state] * to_earth(ln_p, x_now, edges, depth, omega_m)
                alive = math.exp(-tau)
                if at_earth < ln_bins[n_bin]:
                    out[state, np.searchsorted(ln_bins, at_earth) - 1] += w * alive
                w *= 1.0 - alive
                faint = FAINT * math.exp((1.0 - gamma) * (at_earth - ln_low))
                if w < faint:
                    if w < faint * rng.random():
                        continue
                    w = faint
                wanted = -math.log(1.0 - rng.random() * (1.0 - alive)) / weights[state]
                there = meeting(ln_p, x_now, wanted, edges, depth, omega_m)
                x_now -= ln_p - there
                rate, chosen = np.empty(3), 0
                for j in range(3):
                    a = math.exp(there - ln_res[j])
                    rate[j] = weights[j] * whole(a, width) / a
                pick = rng.random() * rate.sum()
                while chosen < 2 and pick > rate[chosen]:
                    pick -= rate[chosen]
                    chosen += 1
                share = energy_share(rng, math.exp(there - ln_res[chosen]), width)
                for each in (share, 1.0 - share):
                    if each > 0.0:
                        stack_p[held], stack_x[held], stack_w[held] = there + math.log(each), x_now, w
                        pick = rng.random() * total[2]
                        stack_i[held] = np.searchsorted(total, pick)
                        held += 1
    out /= starts.shape[0]
    return out


def cells(ln_res: list[float], width: float) -> Array:
    """Edges of cells in ln P, narrow near resonances."""
    low, high = math.log(EDGES[0]) - 0.1, math.log(TOP_GEV * (1.0 + Z_MAX)) + 0.1
    places = {low}
    for centre in ln_res:
        offset = 0.5 * width / CORE
        while offset < high - low:
            places |= {centre + offset, centre - offset}
            offset += min(CELL, max(width / CORE, offset / CORE))
    edges = np.array(sorted(p for p in places if low <= p < high))
    fill = [np.linspace(a, b, math.ceil((b - a) / CELL), endpoint=False)[1:] for a, b in itertools.pairwise(edges)]
    return np.sort(np.concatenate([edges, *fill]))


def cross_section(p: Array, ln_res: list[float], weights: Array, width: float) -> Array:
    """Sum over targets, over g^4/(16 pi M^2) and w_i, at ln P."""
    table = np.vectorize(whole)
    return np.asarray(
        sum(w * table(np.exp(p - r), width) / np.exp(p - r) for w, r in zip(weights, ln_res, strict=True))
    )


def constants(case: Case) -> Case:
    """What both solutions need."""
    name = f"nufit6.0 {case['ordering']}"
    mixed = np.abs(pmns(MIXINGS[name])) ** 2
    masses = masses_ev(case["lightest_ev"], case["ordering"], MIXINGS[name]["dm2_ev2"])
    hubble_ev = 100.0 * UNIVERSE["h"] / MPC_KM * HBAR_EV_S
    n_1 = 3.0 * ZETA3 * UNIVERSE["t_nu0_ev"] ** 3 / (4.0 * math.pi**2)
    half = np.array(SOURCES["pp"][:3]) + np.array(SOURCES["pp"][3:])
    x = np.linspace(0.0, math.log1p(Z_MAX), 2001)
    density = np.array(
        [
            evolution(math.expm1(one), "sfr")
            * math.exp((1.0 - case["gamma"]) * one)
            / expansion(math.expm1(one), UNIVERSE)
            for one in x
        ]
    )
    return {
        "mixed": mixed, "masses_ev": masses, "weights": mixed[2], "source": half @ mixed,
        "ln_res": [math.log((case["m_mev"] * 1e6) ** 2 / (2.0 * m) / 1e9) for m in masses],
        "width": case["g"] ** 2 / (16.0 * math.pi),
        "unit": case["g"] ** 4 / (16.0 * math.pi * (case["m_mev"] * 1e6) ** 2) * n_1 / hubble_ev,
        "density": density / np.trapezoid(density, x),
    }  # fmt: skip


def depths(edges: Array, known: Case) -> Array:
    """Integral of the depth over each cell, over w_i and the density of targets."""
    nodes, rule = np.polynomial.legendre.leggauss(8)
    p = 0.5 * (edges[1:] + edges[:-1])[:, None] + 0.5 * np.diff(edges)[:, None] * nodes
    sigma = cross_section(p, known["ln_res"], known["weights"], known["width"])
    return np.asarray(known["unit"] * (sigma @ rule) * 0.5 * np.diff(edges))


def bins_of(known: Case) -> Array:
    """Logarithms of the edges of the bins."""
    inside = [r for r in known["ln_res"] if math.log(EDGES[0]) < r < math.log(EDGES[-1])]
    kept = [e for e in np.log(EDGES) if all(abs(e - r) > math.log(APART) for r in inside)]
    return np.sort(np.concatenate([kept, inside]))


def free(gamma: float, ln_bins: Array) -> Array:
    """Number in the bins without absorption."""
    return np.asarray(np.diff(np.exp((1.0 - gamma) * (ln_bins - ln_bins[0]))) / (1.0 - gamma))


def random_walks(case: Case) -> Case:
    """Flavours at Earth over the unabsorbed flux of all, in each bin, and their statistical errors."""
    known = constants(case)
    edges = cells(known["ln_res"], known["width"])
    depth = depths(edges, known)
    ln_bins = bins_of(known)
    given = case["gamma"], known["source"], known["weights"], np.array(known["ln_res"]), known["width"]
    way, found = Way(*given, edges, depth, ln_bins, known["density"], UNIVERSE["omega_m"]), []
    for batch in range(BATCHES):
        starts = qmc.Sobol(2, seed=batch).random(HISTORIES[case["g"]])
        number = follow(starts, np.random.default_rng(batch), way)
        found.append(known["mixed"] @ number / free(case["gamma"], ln_bins))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(BATCHES)
    return {
        "edges_gev": np.exp(ln_bins).tolist(), "masses_ev": known["masses_ev"],
        "flavours": mean.T.tolist(), "errors": error.T.tolist(),
    }  # fmt: skip


def check() -> None:
    """The bracket and its integral against sums over spinors and Wick contractions."""
    u = np.array([0.3, 0.5, math.sqrt(1.0 - 0.34)])
    x = np.array([0.0, 0.2, 0.5, 0.9])
    nodes, rule = np.polynomial.legendre.leggauss(200)
    for a, width in ((1e-3, 0.05), (0.015, 1e-3), (0.6, 0.1), (1.01, 0.02), (30.0, 1e-3)):
        case = {"s": a, "mass": 1.0, "coupling": 1.3, "width": width, "matrix": np.outer(u, u)}
        every, _ = collisions(case | {"spin": 0, "neutrino": "majorana"}, x, "stu", False)
        one = 1.3**4 / (16.0 * math.pi * a) * np.array([bracket(a, share, width) for share in x])
        states = np.multiply.outer(np.multiply.outer(u * u, u * u), u * u)
        np.testing.assert_allclose(every, np.multiply.outer(2.0 * one, states), rtol=1e-9)  # k or l at x
        integral = 0.5 * rule @ np.array([bracket(a, share, width) for share in 0.5 * (nodes + 1.0)])
        np.testing.assert_allclose(whole(a, width), integral, rtol=1e-5)


@numba.njit(cache=True)
def fill_daughters(p: Array, per_node: Array, owner: Array, ln_e: Array, a: Array, width: float, out: Array) -> None:
    """Add to out[m, j] what a number of parents in cell m, at nodes ln P, leaves in cell j, by Gauss-Legendre."""
    at, rule = (-0.8611363115940526, -0.3399810435848563), (0.34785484513745385, 0.6521451548625461)
    for n in range(p.size):
        m = owner[n]
        for j in range(m + 1):
            low, high = math.exp(ln_e[j] - p[n]), min(math.exp(ln_e[j + 1] - p[n]), 1.0)
            for k in range(2):
                for sign in (-1.0, 1.0):
                    x = 0.5 * (low + high) + sign * at[k] * 0.5 * (high - low)
                    out[m, j] += per_node[n] * rule[k] * (high - low) * bracket(a[n], x, width)


def implicit(case: Case, per_decade: int) -> Any:
    """The discretisation of arXiv:2107.13568: flavours at Earth over the unabsorbed flux of all, in the bins."""
    known, x_max = constants(case), math.log1p(Z_MAX)
    steps = round(x_max * per_decade / math.log(10.0))
    h = x_max / steps
    low, gamma, weights = math.log(1e3), case["gamma"], known["weights"]
    n_cell = math.ceil((math.log(TOP_GEV) - low) / h)
    ln_e = low + h * np.arange(n_cell + steps + 1.0)
    fine = cells(known["ln_res"], known["width"])
    parts = np.unique(np.concatenate([ln_e, fine[(fine > ln_e[0]) & (fine < ln_e[-1])]]))
    nodes, rule = np.polynomial.legendre.leggauss(4)
    p = (0.5 * (parts[1:] + parts[:-1])[:, None] + 0.5 * np.diff(parts)[:, None] * nodes).ravel()
    owner = np.clip(np.searchsorted(ln_e, p) - 1, 0, ln_e.size - 2)
    size = (0.5 * np.diff(parts)[:, None] * rule).ravel() * np.exp(p) / np.diff(np.exp(ln_e))[owner]
    made, lost = np.zeros((ln_e.size - 1, ln_e.size - 1)), np.zeros(ln_e.size - 1)
    for weight, centre in zip(weights, known["ln_res"], strict=True):
        a = np.exp(p - centre)
        each = known["unit"] * h * size * weight / a
        np.add.at(lost, owner, each * np.vectorize(whole)(a, known["width"]))
        fill_daughters(p, each, owner, ln_e, a, known["width"], made)
    number, x = np.zeros((3, n_cell)), np.linspace(0.0, x_max, known["density"].size)
    emitted = free(gamma, ln_e[: n_cell + 1])
    for step in range(steps, 0, -1):
        near = (step - 1) * h
        dense = target_density(near, UNIVERSE["omega_m"])
        shine = h * np.interp(step * h, x, known["density"])
        here = slice(step - 1, step - 1 + n_cell)
        gain, loss = dense * made[here, here], dense * lost[here]
        for j in range(n_cell - 1, -1, -1):
            born = weights @ number[:, j + 1 :] @ gain[j + 1 :, j]
            total = number[:, j] + shine * emitted[j] * known["source"] + weights * born
            number[:, j] = total / (1.0 + weights * loss[j] - weights**2 * gain[j, j])
    ln_bins = bins_of(known)
    below = np.concatenate([np.zeros((3, 1)), np.cumsum(number, axis=1)], axis=1)
    summed = np.array([np.diff(np.interp(np.exp(ln_bins), np.exp(ln_e[: n_cell + 1]), one)) for one in below])
    scale = np.exp((1.0 - gamma) * (ln_bins[0] - low))
    return (known["mixed"] @ summed / scale / free(gamma, ln_bins)).T.tolist()


def main(path: Path) -> None:
    """Write the file."""
    check()
    made = []
    for case in CASES:
        found = case | random_walks(case) | {"implicit": {str(n): implicit(case, n) for n in PER_DECADE}}
        mean = np.array(found["flavours"]).sum(axis=1)
        worst = [np.abs(np.sum(one, axis=1) / mean - 1.0).max() for one in found["implicit"].values()]
        print(case, np.max(found["errors"]), mean.min(), worst, flush=True)
        made.append(found)
    reference = {
        "made_by": "tests/reference/make_transport.py (neutrino by neutrino; no code of nuinfer)",
        "cases": made,
    }
    text = json.dumps(json.loads(json.dumps(reference), parse_float=lambda text: float(f"{float(text):.7g}")))
    path.write_text(text.replace("}, {", "},\n{") + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("transport.json"))
