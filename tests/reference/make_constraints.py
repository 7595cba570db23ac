"""Reference numbers for the tests of the constraints, independent of the package: mpmath, straight from the formulas.

Usage: python tests/reference/make_constraints.py

Writes tests/reference/constraints.json. Nothing is reduced analytically: the loop integrals are eqs. 2 and 3 as
printed, Delta N_eff integrates the distributions of eq. 27 and solves eqs. 28-29 as they stand, and the width factor is
a double integral over the momentum of the Z' and the direction of its decay. Takes some minutes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mpmath as mp

# Constants written out again, on purpose not imported from the package
ALPHA = 1 / mp.mpf("137.035999084")
M_MUON, M_TAU = mp.mpf("105.6583755"), mp.mpf("1776.86")
HBAR_MEV_S, C_CM_S = mp.mpf("6.582119569e-22"), mp.mpf("2.99792458e10")
G2_MEV = (1e-3, 0.01, 0.5, 5, 10, 50, 211.316751, 211.3, 220, 330, 334.2, 400, 1e3, 1e4, 1e5)  # doubles: exact
Q2_MEV2 = (-1, -1e-6, -100, -2000, -1e4, -1e6, -1e8, 1, 1e3, 3e4)
NEFF_MEV = (0.1, 0.5, 1, 2, 3, 5.25, 5.28, 9.76, 20, 40)
WIDTHS = (1e-3, 0.01, 0.1, 0.5, 1, 1.25, 3, 10, 30, 100)
OUT = Path(__file__).resolve().parents[2] / "tests" / "reference" / "constraints.json"


def decades(count: int) -> list[Any]:
    """Points that crowd towards 0 and 1, where the loop integrands turn."""
    powers = [mp.mpf(10) ** -k for k in range(1, count + 1)]
    return [*powers, *(1 - p for p in powers)]


def delta_a_mu(mass: Any) -> Any:
    """Eq. 2 at g' = 1."""
    mu, mz = M_MUON**2, mp.mpf(mass) ** 2
    edges = sorted({mp.mpf(0), mp.mpf(1), *(p for p in (mz / mu, 1 - mu / mz, mp.sqrt(mz / mu)) if 0 < p < 1)})
    cuts = sorted({*edges, *decades(11)})

    def integrand(x: Any) -> Any:
        return 2 * mu * x**2 * (1 - x) / (x**2 * mu + (1 - x) * mz)

    return mp.quad(integrand, cuts) / (8 * mp.pi**2)


def kinetic_mixing(q2: Any) -> Any:
    """Eq. 3 at g' = 1."""
    q2 = mp.mpf(q2)
    charge = mp.sqrt(4 * mp.pi * ALPHA)

    def integrand(x: Any) -> Any:
        return x * (1 - x) * mp.log((M_TAU**2 - x * (1 - x) * q2) / (M_MUON**2 - x * (1 - x) * q2))

    cuts = sorted({mp.mpf(0), mp.mpf("0.5"), mp.mpf(1), *decades(8)})
    return -charge / (2 * mp.pi**2) * mp.quad(integrand, cuts)


def momentum_integral(h: Any, scales: tuple[Any, ...]) -> Any:
    """``int 4 pi k^2 dk/(2 pi)^3 h(k)``, split at the given scales."""
    cuts = [mp.mpf(0), *sorted(scales), mp.inf]
    return mp.quad(lambda k: k**2 * h(k), cuts) / (2 * mp.pi**2)


def boson_scales(x: Any) -> tuple[Any, ...]:
    """Where to split integrals over the Z': its mass, and multiples of its thermal momentum."""
    width = mp.sqrt(x) + 1
    return (min(x, mp.mpf(1)) / 4, min(x, mp.mpf(1)) / 2, *(width * n for n in (1, 2, 3, 4, 6, 9, 15, 30)))


def neutrinos(xi: Any) -> tuple[Any, Any, Any]:
    """``(n, s, rho)`` of one species at T = 1 (eqs. 30, 32, 35)."""

    def f(k: Any) -> Any:
        return 1 / (mp.exp(k - xi) + 1)

    scales = (mp.mpf(1), mp.mpf(4), mp.mpf(12), mp.mpf(40))
    return (
        momentum_integral(f, scales),
        momentum_integral(lambda k: (4 * k / 3 - xi) * f(k), scales),
        momentum_integral(lambda k: k * f(k), scales),
    )


def zprime(x: Any, xi: Any) -> tuple[Any, Any]:
    """``(n, s)`` at T = 1 (eqs. 31, 35)."""

    def f(k: Any) -> Any:
        return 1 / mp.expm1(mp.sqrt(k * k + x * x) - xi)

    scales = boson_scales(x)

    def entropy(k: Any) -> Any:
        energy = mp.sqrt(k * k + x * x)
        return (energy + k * k / (3 * energy) - xi) * f(k)

    return 3 * momentum_integral(f, scales), 3 * momentum_integral(entropy, scales)


def delta_neff(mass: Any, t_dec: Any, t_gamma: Any, case: str) -> Any:
    """Delta N_eff with the evolution stopped at the photon temperature `t_gamma`."""
    mass, t_dec = mp.mpf(mass), mp.mpf(t_dec)
    t_nu = mp.mpf(t_gamma) * (mp.mpf(4) / 11) ** (mp.mpf(1) / 3)
    start_n, start_s, start_rho = neutrinos(mp.mpf(0))
    start_zn, start_zs = zprime(mass / t_dec, mp.mpf(0))

    def entropy_and_number(r: Any, xi: Any) -> tuple[Any, Any]:
        n, s, _ = neutrinos(xi)
        zn, zs = zprime(mass / (r * t_nu), 2 * xi)
        ratio_s = r**3 * (4 * s + zs) / (4 * start_s + start_zs) - 1
        return ratio_s, r**3 * (4 * n + 2 * zn) / (4 * start_n + 2 * start_zn) - 1

    guess = 1 + start_zs / (12 * start_s)
    if case == "entropy":
        r, xi = mp.findroot(lambda r: entropy_and_number(r, mp.mpf(0))[0], (guess, guess + mp.mpf("1e-3"))), mp.mpf(0)
    else:
        r, xi = number_solution(entropy_and_number, mass / t_dec)
    return 2 * (r**4 * neutrinos(xi)[2] / start_rho - 1)


def number_solution(equations: Any, ratio: Any) -> tuple[Any, Any]:
    """Two equations by Newton's method from starting points that cover the masses used."""
    for start in ((1.0, 0.0), (0.96, 0.6), (0.86, 1.5), (0.8, 2.0), (0.74, 2.3)):
        try:
            r, xi = mp.findroot(equations, start, solver="mdnewton", tol=mp.mpf(10) ** -24, maxsteps=30)
        except (ValueError, ZeroDivisionError):
            continue
        if mp.im(r) == 0 and mp.mpf("0.5") < r < 2:
            return r, xi
    raise RuntimeError(f"no solution at m/T_dec = {ratio}")


def zprime_width(x: Any, *, blocking: bool) -> tuple[Any, Any]:
    """``(f_D, n_Z'/T^3)``: the double integral over the momentum and the decay's direction."""
    x = mp.mpf(x)

    def occupation(k: Any) -> Any:
        return 1 / mp.expm1(mp.sqrt(k * k + x * x))

    def free(energy: Any) -> Any:
        return 1 / (1 + mp.exp(-energy))

    def angle(k: Any) -> Any:
        energy = mp.sqrt(k * k + x * x)
        if not blocking:
            return mp.mpf(1)
        return mp.quad(lambda c: free((energy + k * c) / 2) * free((energy - k * c) / 2), [0, 1])

    scales = boson_scales(x)
    n_one = momentum_integral(occupation, scales)
    mean = momentum_integral(lambda k: occupation(k) * angle(k) * x / mp.sqrt(k * k + x * x), scales)
    return mean / n_one, 3 * n_one


def diffusion_time_s(mass: Any, g: Any, temperature: Any, radius_km: Any) -> tuple[Any, Any]:
    """``(lambda / cm, tau / s)`` of eq. 36 and the text above it."""
    mass, temperature = mp.mpf(mass), mp.mpf(temperature)
    factor, n_z = zprime_width(mass / temperature, blocking=True)
    n_nu = momentum_integral(lambda k: 1 / (mp.exp(k) + 1), (mp.mpf(1), mp.mpf(4), mp.mpf(12), mp.mpf(40)))
    rate_s = mp.mpf(g) ** 2 / (12 * mp.pi) * mass * factor * n_z / n_nu / 2 / HBAR_MEV_S
    length = C_CM_S / rate_s
    return length, length / C_CM_S * (mp.mpf(radius_km) * 100000 / length) ** 2


def main() -> None:
    """Calculate and write everything."""
    neff = [
        *((m, 1.5, 0.1, case) for m in NEFF_MEV for case in ("entropy", "number")),
        (10, 2, 0.1, "entropy"),
        (10, 2, 0.1, "number"),
        (4, 1, 0.1, "entropy"),
    ]
    mp.mp.dps = 20
    times = [(10, 1e-5, 8, 10), (5, 1e-5, 8, 10), (1, 3e-6, 8, 10), (50, 1e-3, 8, 10), (10, 2e-5, 30, 15)]
    time_keys = ("m_mev", "g_prime", "t_mev", "r_km", "mean_free_path_cm", "time_s")
    sections: dict[str, Any] = {}
    sections["sn1987a_width"] = [
        {
            "m_over_t": x,
            "width_factor": zprime_width(x, blocking=True)[0],
            "without_blocking": zprime_width(x, blocking=False)[0],
        }
        for x in WIDTHS
    ]
    sections["sn1987a_time"] = [dict(zip(time_keys, (*row, *diffusion_time_s(*row)), strict=True)) for row in times]
    mp.mp.dps = 30
    sections["muon_g2"] = [{"m_mev": m, "delta_a_mu": delta_a_mu(m)} for m in G2_MEV]
    sections["borexino"] = [{"q2_mev2": q, "mixing": kinetic_mixing(q)} for q in Q2_MEV2]
    sections["neff"] = [
        {"m_mev": m, "t_dec_mev": t_dec, "case": case, "delta_neff": delta_neff(m, t_dec, t_gamma, case)}
        for m, t_dec, t_gamma, case in neff
    ]
    plain = {
        name: [{key: value if key == "case" else float(value) for key, value in row.items()} for row in rows]
        for name, rows in sorted(sections.items())
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(plain, indent=1) + "\n")
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
