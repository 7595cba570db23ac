"""Reference numbers for the tests of the Boltzmann N_eff: the same physics, set up and integrated in another way.

Usage: python tests/reference/make_neff.py

Writes tests/reference/neff_boltzmann.json. Temperatures are followed in cosmic time, as in arXiv:2001.04466, with
energy densities and their derivatives by adaptive quadrature at every step, the QED pressure differentiated by finite
differences, and the decays Z' <-> e+e- by a double integral over momentum and direction with all blocking factors
written out. Only the rate factors f_a, f_s at given m_e/T come from the package; they have tests of their own. Takes
some minutes.
"""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.interpolate import CubicSpline

from nuinfer.constraints.neff.collisions import WeakCouplings, annihilation_factor, scattering_factor
from nuinfer.typing import FloatArray

# Constants written out again, on purpose not imported from the package
ALPHA, M_E, G_F, M_PLANCK, HBAR = 1 / 137.035999084, 0.51099895, 1.1663787e-11, 1.220890e22, 6.582119569e-22
E2 = 4 * math.pi * ALPHA
COUPLINGS = WeakCouplings(0.727, 0.233), WeakCouplings(-0.273, 0.233)
START, END_S = 20.0, 1e6
# mass, width to electrons over mass, temperatures, states of the spin, whether it goes with nu_e
CASES = (
    (None, 0.0, "common", 3, False),
    (None, 0.0, "split", 3, False),
    (10.0, 0.0, "common", 3, False),
    (10.0, 0.0, "split", 3, False),
    (3.0, 0.0, "common", 3, False),
    (16.0, 0.0, "split", 3, False),
    (10.0, 1e-18, "common", 3, False),
    (10.0, 1e-14, "split", 3, False),
    (2.0, 1e-20, "split", 3, False),
    (3.0, 0.0, "common", 1, False),
    (8.0, 0.0, "common", 1, False),
    (5.0, 0.0, "split", 1, False),
    (5.0, 0.0, "split", 1, True),
)
OUT = Path(__file__).resolve().parents[2] / "tests" / "reference" / "neff_boltzmann.json"


def gas(t: float, mass: float, dof: float, sign: float) -> tuple[float, float, float]:
    """``rho``, ``p`` and ``d rho/dT`` of a gas without chemical potential; `sign` +1 for fermions."""
    x = mass / t
    if x > 150:
        return 0.0, 0.0, 0.0

    def integral(power: str) -> float:
        def f(y: float) -> float:
            energy = x + y * y
            k = y * math.sqrt(y * y + 2 * x)
            n = 1 / (math.exp(energy) + sign)
            kernel = {"rho": energy * n, "p": k * k / (3 * energy) * n, "c": energy**2 * n * (1 - sign * n)}[power]
            return 2 * y * k * energy * kernel

        return quad(f, 0, 6.5, epsabs=0, epsrel=1e-11, limit=200)[0]

    unit = dof * t**3 / (2 * math.pi**2)
    return unit * t * integral("rho"), unit * t * integral("p"), unit * integral("c")


def qed_pressure(t: float) -> float:
    """Orders e^2 and e^3 of arXiv:1911.04504, without the logarithm."""

    def n_d(p: float) -> float:
        return 2 / (math.exp(min(math.hypot(p, M_E) / t, 600)) + 1)

    def single(p: float) -> float:
        return p * p / math.hypot(p, M_E) * n_d(p)

    def debye(p: float) -> float:
        return (p * p + math.hypot(p, M_E) ** 2) / math.hypot(p, M_E) * n_d(p)

    cuts = [0, t, 4 * t, 10 * t, 45 * t]
    one, two = (sum(quad(f, a, b, epsrel=1e-12)[0] for a, b in itertools.pairwise(cuts)) for f in (single, debye))
    second = -E2 * t**2 / (12 * math.pi**2) * one - E2 / (8 * math.pi**4) * one**2
    return float(second + E2**1.5 * t / (12 * math.pi**4) * two**1.5)


def tabulated() -> tuple[CubicSpline, ...]:
    """QED entropy and heat capacity over T^3, and the four rate factors, against ln T."""
    grid = np.arange(math.log(0.003), math.log(25.0), 0.02)
    step = 1e-3
    first, second = [], []
    for log_t in grid:
        t = math.exp(log_t)
        h = step * t
        p = [qed_pressure(t + k * h) for k in (-2, -1, 0, 1, 2)]
        first.append((p[0] - 8 * p[1] + 8 * p[3] - p[4]) / (12 * h) / t**3)
        second.append((-p[0] + 16 * p[1] - 30 * p[2] + 16 * p[3] - p[4]) / (12 * h * h) / t**2)
    rates = np.arange(math.log(0.02), math.log(25.0), 0.08)
    logs = [
        CubicSpline(rates, [math.log(f(M_E / math.exp(v), c, nodes=20)) for v in rates])
        for c in COUPLINGS
        for f in (annihilation_factor, scattering_factor)
    ]
    return (CubicSpline(grid, first), CubicSpline(grid, second), *logs)


def decay_gain(t_gamma: float, t_nu: float, mass: float, width: float) -> float:
    """Energy per volume and time from e+e- to the Z': gain and loss terms with every occupation number."""
    if mass / max(t_gamma, t_nu) > 150:
        return 0.0
    beta = math.sqrt(1 - 4 * (M_E / mass) ** 2)
    u, w = np.polynomial.legendre.leggauss(80)
    y, dy = 3.25 * (u + 1), 3.25 * w
    c, dc = np.polynomial.legendre.leggauss(40)
    hot = max(t_gamma, t_nu)
    energy = mass + hot * y**2
    p = np.sqrt(energy**2 - mass**2)
    dp = energy / p * 2 * y * hot * dy

    def fermi(e: FloatArray) -> FloatArray:
        return 1 / (np.exp(e / t_gamma) + 1)

    plus = fermi(0.5 * (energy[:, None] + beta * p[:, None] * c))
    minus = fermi(0.5 * (energy[:, None] - beta * p[:, None] * c))
    boson = 1 / np.expm1(energy / t_nu)[:, None]
    change = (1 + boson) * plus * minus - boson * (1 - plus) * (1 - minus)
    return 3 * mass * width * float(np.sum(p**2 * dp * (change @ dc) / 2)) / (2 * math.pi**2)


def n_eff(
    mass: float | None, width: float, split: bool, degrees: int, with_nu_e: bool, tables: tuple[CubicSpline, ...]
) -> float:
    """N_eff by the equations for dT/dt."""
    entropy, capacity, *logs = tables
    massless = annihilation_factor(0.0, COUPLINGS[0], nodes=20), scattering_factor(0.0, COUPLINGS[0], nodes=20)

    def transfer(t1: float, t2: float, factors: tuple[float, float]) -> float:
        return 32 * factors[0] * (t1**9 - t2**9) + 56 * factors[1] * t1**4 * t2**4 * (t1 - t2)

    def derivative(log_time: float, state: FloatArray) -> list[float]:
        t_g, t_e, t_m = state[0], state[1], state[-1]
        log_t = math.log(t_g)
        rho_e, p_e, c_e = gas(t_g, M_E, 4, 1)
        rho_z, p_z, c_z = gas(t_e if with_nu_e else t_m, mass, degrees, -1) if mass else (0.0, 0.0, 0.0)
        ds, dc = (float(entropy(log_t)) * t_g**3, float(capacity(log_t)) * t_g**2) if t_g > 0.003 else (0.0, 0.0)
        rho_g = math.pi**2 / 15 * t_g**4
        nu = 7 / 8 * math.pi**2 / 15
        rho = rho_g + rho_e + t_g * ds + nu * (t_e**4 + 2 * t_m**4) + rho_z  # - P_int: below
        rho -= qed_over(t_g)
        hubble = math.sqrt(8 * math.pi / 3 * rho) / M_PLANCK
        rates = [math.exp(float(f(log_t))) for f in logs] if t_g > 0.02 else [0.0] * 4
        g = G_F**2 / math.pi**5
        s_e, s_m = (4 * (c.left**2 + c.right**2) for c in COUPLINGS)
        q_e = g * s_e * transfer(t_g, t_e, (rates[0], rates[1]))
        q_m = 2 * g * s_m * transfer(t_g, t_m, (rates[2], rates[3]))
        if mass and width:
            q_m += decay_gain(t_g, t_m, mass, width)
        between = 2 * g * transfer(t_m, t_e, massless) if split else 0.0
        d_g = -(hubble * (4 * rho_g + 3 * (rho_e + p_e) + 3 * t_g * ds) + q_e + q_m) / (
            4 * rho_g / t_g + c_e + t_g * dc
        )
        heavy = (hubble * 8 * nu * t_m**4, 8 * nu * t_m**3)
        light = (hubble * 4 * nu * t_e**4, 4 * nu * t_e**3)
        if with_nu_e:
            light = (light[0] + hubble * 3 * (rho_z + p_z), light[1] + c_z)
        else:
            heavy = (heavy[0] + hubble * 3 * (rho_z + p_z), heavy[1] + c_z)
        time = math.exp(log_time) / HBAR
        if split:
            return [
                d_g * time,
                (q_e + between - light[0]) / light[1] * time,
                (q_m - between - heavy[0]) / heavy[1] * time,
            ]
        return [d_g * time, (q_e + q_m - light[0] - heavy[0]) / (light[1] + heavy[1]) * time]

    pressures = CubicSpline(np.log(GRID), [qed_pressure(t) / t**4 for t in GRID])

    def qed_over(t: float) -> float:
        return float(pressures(math.log(t))) * t**4 if t > 0.003 else 0.0

    rho_start = 10.75 * math.pi**2 / 30 * START**4 + (gas(START, mass, degrees, -1)[0] if mass else 0.0)
    begin = HBAR / (2 * math.sqrt(8 * math.pi / 3 * rho_start) / M_PLANCK)
    found = solve_ivp(
        derivative,
        (math.log(begin), math.log(END_S)),
        [START] * (3 if split else 2),
        method="BDF",
        rtol=3e-9,
        atol=1e-13,
    )
    t_g, t_e, t_m = found.y[[0, 1, -1], -1]
    return float((11 / 4) ** (4 / 3) * ((t_e / t_g) ** 4 + 2 * (t_m / t_g) ** 4))


GRID = np.geomspace(0.003, 25.0, 500)


def main() -> None:
    """Calculate and write everything."""
    tables = tabulated()
    rows = []
    for mass, ratio, temperatures, degrees, with_nu_e in CASES:
        value = n_eff(mass, ratio * (mass or 0.0), temperatures == "split", degrees, with_nu_e, tables)
        rows.append({
            "m_mev": mass, "width_over_mass": ratio, "temperatures": temperatures, "degrees": degrees,
            "with_nu_e": with_nu_e, "n_eff": value,
        })  # fmt: skip
        print(rows[-1], flush=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
