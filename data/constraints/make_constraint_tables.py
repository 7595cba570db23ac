"""Make data/constraints: tables of the slow integrals, the re-tabulated Borexino curve, and the manifest.

Usage: python data/constraints/make_constraint_tables.py RAW_FOLDER

RAW_FOLDER holds ``borexino_bl_limit_bauer2018.csv``. The TOML files of sourced numbers are written by hand and only
sealed here. Every integral over momentum is a trapezoid sum in ln k: the integrands are analytic in a strip and fall
off at both ends, so it converges exponentially (halving the step changes nothing beyond rounding; checked below).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.special import zeta

from nuinfer.datafiles import MANIFEST, data_root, seal
from nuinfer.typing import AnyArray, FloatArray

BAUER = "borexino_bl_limit_bauer2018.csv"
OWN = ("calculated by data/constraints/make_constraint_tables.py from {}", "MIT")
STOP = 15.0  # T_dec/T_gamma at the end: the paper's 1.5 MeV and 0.1 MeV
NEFF_RANGE, NEFF_NODES = (0.01, 300.0), 500
WIDTH_RANGE, WIDTH_NODES = (1e-4, 300.0), 400


@dataclass(frozen=True)
class Momenta:
    """Momenta over temperature, and weights with which ``sum(weight * h)`` is ``int dk h``."""

    k: FloatArray
    weight: FloatArray

    @classmethod
    def spaced(cls, step: float) -> Momenta:
        """Nodes uniform in ln k; below e^-30 and above e^5.3 the integrands vanish."""
        k = np.exp(np.arange(-30.0, 5.3, step))
        return cls(k, k * step)

    def mean(self, integrand: AnyArray) -> AnyArray:
        """``int 4 pi k^2 dk/(2 pi)^3`` of the integrand (real or complex)."""
        return np.asarray(np.sum(self.weight * self.k**2 * integrand, axis=-1) / (2.0 * math.pi**2))


def bose(energy: AnyArray) -> AnyArray:
    """Bose-Einstein occupation of ``energy = (E - mu)/T``; complex arguments allowed, no overflow."""
    return np.asarray(-np.exp(-energy) / np.expm1(-energy))


def fermi(energy: AnyArray) -> AnyArray:
    """Fermi-Dirac occupation, likewise."""
    return np.asarray(np.exp(-energy) / (1.0 + np.exp(-energy)))


# Delta N_eff ----------------------------------------------------------------------------------------------------------


def zprime_number_entropy(grid: Momenta, x: AnyArray, xi: AnyArray) -> AnyArray:
    """``n/T^3`` and ``s/T^3`` of a Z' with mass ``x T`` and chemical potential ``xi T`` (eqs. 31, 35)."""
    energy = np.sqrt(grid.k**2 + x**2)
    occupation = bose(energy - xi)
    entropy = grid.mean((energy + grid.k**2 / (3.0 * energy) - xi) * occupation)
    return 3.0 * np.array([grid.mean(occupation), entropy])


def neutrino_change(grid: Momenta, xi: AnyArray) -> tuple[AnyArray, AnyArray]:
    """``(n, s, rho)`` of a neutrino species at ``xi = 0`` and their change at `xi`, exact for small `xi`."""
    k = grid.k
    at_zero = fermi(k)
    change = -np.expm1(-xi) * fermi(k - xi) * (1.0 - at_zero)
    base = np.array([grid.mean(h * at_zero) for h in (1.0, 4.0 * k / 3.0, k)])
    entropy = grid.mean(4.0 * k / 3.0 * change) - xi * grid.mean(at_zero + change)
    return base, np.array([grid.mean(change), entropy, grid.mean(k * change)])


def end_mass(mass: float, log_heating: AnyArray | float) -> AnyArray:
    """``m_Z'/T'`` at the end of the evolution."""
    return np.asarray(STOP * (11.0 / 4.0) ** (1.0 / 3.0) * mass * np.exp(-log_heating))


def allowed(mass: float, point: FloatArray, change: FloatArray) -> FloatArray:
    """`point` moved by `change`, shortened so that the chemical potential of the Z' stays below its mass."""
    for _ in range(60):
        log_heating, xi = point + change
        if 2.0 * xi < end_mass(mass, log_heating):
            return np.array([log_heating, xi])
        change = 0.5 * change
    raise RuntimeError(f"no allowed step at m/T_dec = {mass}")


def residuals(grid: Momenta, mass: float, log_heating: AnyArray, xi: AnyArray) -> AnyArray:
    """Number and entropy per comoving volume at the end minus at decoupling, free of cancellation at large mass.

    ``log_heating`` is ``ln(T'/T_nu)`` with ``T_nu`` the temperature without Z'; volumes are in units of ``1/T_nu^3``.
    """
    end = end_mass(mass, log_heating)
    base, change = neutrino_change(grid, xi)
    neutrinos = 4.0 * (np.expm1(3.0 * log_heating) * (base + change) + change)[:2]
    bosons = np.exp(3.0 * log_heating) * zprime_number_entropy(grid, end, 2.0 * xi)
    bosons = bosons - zprime_number_entropy(grid, np.asarray(mass), np.asarray(0.0))
    return np.asarray(neutrinos + bosons * np.array([2.0, 1.0]))


def delta_neff(grid: Momenta, log_heating: float, xi: float) -> float:
    """Energy of nu_mu, nu_tau over that of one ordinary species, minus two (eq. 33 with 34)."""
    base, change = neutrino_change(grid, np.asarray(xi))
    relative = change[2] / base[2]
    return float(2.0 * (np.expm1(4.0 * log_heating) * (1.0 + relative) + relative))


def solve(grid: Momenta, mass: float, start: FloatArray, *, conserve_number: bool) -> FloatArray:
    """``(log_heating, xi)`` by Newton's method with complex-step derivatives."""
    point, step = np.array(start, float), 1e-30
    point[1] = min(point[1], 0.45 * float(end_mass(mass, point[0])))
    free, rows = ([0, 1], [0, 1]) if conserve_number else ([0], [1])
    for _ in range(60):
        value = residuals(grid, mass, point[0], point[1])[rows]
        jacobian = np.empty((len(rows), len(free)))
        for column, index in enumerate(free):
            shifted = point.astype(complex)
            shifted[index] += 1j * step
            jacobian[:, column] = residuals(grid, mass, shifted[0], shifted[1])[rows].imag / step
        change = np.linalg.solve(jacobian, -value)
        point = allowed(mass, point, np.pad(change, (0, 2 - change.size)))
        if np.all(np.abs(change) <= 1e-14 * np.abs(point[: len(free)])):
            return point
    if np.all(np.abs(change) <= 1e-11 * np.abs(point[: len(free)])):
        return point  # rounding keeps the last digits moving
    raise RuntimeError(f"no solution at m/T_dec = {mass}")


def neff_columns(grid: Momenta, masses: FloatArray) -> FloatArray:
    """Delta N_eff without its Boltzmann factor, columns entropy and number; from heavy to light by continuation."""
    columns = np.empty((masses.size, 2))
    for case, conserve_number in enumerate((False, True)):
        point = np.zeros(2)
        for row in reversed(range(masses.size)):
            mass = masses[row]
            if conserve_number and mass > 20.0:
                point = np.zeros(2)  # the linear regime: a Newton step from zero is nearly exact
            point = solve(grid, mass, point, conserve_number=conserve_number)
            columns[row, case] = delta_neff(grid, point[0], point[1]) * math.exp(mass) / (1.0 + mass) ** 2.5
    return columns


# Width factor ---------------------------------------------------------------------------------------------------------


def blocking(energy: FloatArray, k: FloatArray, mass: float) -> FloatArray:
    """Mean of ``(1 - f_nu)(1 - f_nubar)`` over the isotropic decay of a Z' of the given energy and momentum.

    Analytic: with ``(1-f1)(1-f2) = (1 + n_B(E)) (1 - f1 - f2)`` the average over the angle is a logarithm, written in
    two ways that are accurate for small and for large energy.
    """
    soft = 4.0 / k * np.arctanh(np.tanh(np.minimum(energy, 1.0) / 4.0) * np.tanh(np.minimum(k, 1.0) / 4.0))
    slow = np.exp(-(mass**2) / (2.0 * (energy + k)))
    fast = np.exp(-(energy + k) / 2.0)
    hard = 1.0 - 2.0 / k * np.log1p(-slow * np.expm1(-k) / (1.0 + fast))
    return np.asarray(np.where(energy < 1.0, soft, hard) / -np.expm1(-energy))


def width_columns(grid: Momenta, ratios: FloatArray) -> FloatArray:
    """``ln f_D`` and ``ln(f_D n_Z'/n_nu) + m/T``."""
    n_neutrino = 3.0 * float(zeta(3.0)) / (4.0 * math.pi**2)
    columns = np.empty((ratios.size, 2))
    for row, x in enumerate(ratios):
        energy = np.sqrt(grid.k**2 + x**2)
        kinetic = grid.k**2 / (energy + x)
        occupation = np.exp(-kinetic) / -np.expm1(-energy)  # times e^x
        number = float(grid.mean(occupation))
        width = float(grid.mean(occupation * x / energy * blocking(energy, grid.k, x)))
        columns[row] = math.log(width / number), math.log(3.0 * width / n_neutrino)
    return columns


# Tables ---------------------------------------------------------------------------------------------------------------


def tabulate(
    columns: Callable[[Momenta, FloatArray], FloatArray], limits: tuple[float, float], nodes: int
) -> tuple[FloatArray, FloatArray, float, float]:
    """Nodes, columns, and the largest errors of interpolation (midway) and quadrature (step halved).

    The errors are relative to ``max(|column|, 1e-3)``.
    """
    log_nodes = np.linspace(math.log(limits[0]), math.log(limits[1]), nodes)
    x = np.exp(log_nodes)
    x[0], x[-1] = limits
    grid = Momenta.spaced(0.04)
    table = columns(grid, x)
    middle = np.exp(0.5 * (np.log(x[1:]) + np.log(x[:-1])))
    exact = columns(grid, middle)
    scale = np.maximum(np.abs(exact), 1e-3)
    between = make_interp_spline(np.log(x), table, k=5)(np.log(middle))
    finer = columns(Momenta.spaced(0.02), middle)
    return x, table, float(np.max(np.abs(between - exact) / scale)), float(np.max(np.abs(finer - exact) / scale))


def write(path: Path, comments: list[str], header: str, rows: FloatArray) -> None:
    """A CSV with its comments."""
    lines = [f"# {line}" for line in comments] + [header]
    lines += [",".join(repr(float(value)) for value in row) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def main(raw: Path) -> None:
    """Write the tables and seal the folder."""
    folder = data_root() / "constraints"
    folder.mkdir(parents=True, exist_ok=True)
    tables = (
        (
            "neff_paper.csv",
            neff_columns,
            NEFF_RANGE,
            NEFF_NODES,
            "m_over_t_dec,entropy_scaled,number_scaled",
            "Delta N_eff exp(u)/(1+u)^2.5 against u = m_Z'/T_dec: arXiv:1504.00711 eqs. 27-35, to T_gamma = T_dec/15",
        ),
        (
            "sn1987a_width.csv",
            width_columns,
            WIDTH_RANGE,
            WIDTH_NODES,
            "m_over_t,ln_width_factor,ln_rate_scaled",
            "ln f_D and ln(f_D n_Z'/n_nu) + m/T against m_Z'/T, arXiv:1504.00711 eqs. 36-37 normalised per Z'",
        ),
    )
    for name, columns, limits, nodes, header, what in tables:
        x, table, interpolation, quadrature = tabulate(columns, limits, nodes)
        errors = f"largest error: interpolation {interpolation:.1e}, quadrature {quadrature:.1e}"
        comments = [f"{what}.", f"Quintic spline in the logarithm of the first column; {errors}."]
        write(folder / name, comments, header, np.column_stack([x, table]))
        print(f"{name}: {nodes} nodes, {errors}")
    bauer = np.array([line.split(",") for line in (raw / BAUER).read_text().splitlines() if line[0].isdigit()], float)
    about = ["Borexino upper limit on the coupling of a B-L boson against its mass: arXiv:1803.05466, Fig. 13."]
    write(folder / "borexino_bl_limit.csv", about, "m_mev,g_bl", bauer)
    sources = {
        "neff_paper.csv": (OWN[0].format("arXiv:1504.00711 eqs. 27-35"), OWN[1]),
        "sn1987a_width.csv": (OWN[0].format("arXiv:1504.00711 eqs. 36-37"), OWN[1]),
        "borexino_bl_limit.csv": (
            "arXiv:1803.05466 Fig. 13, from the 7Be rate of arXiv:1104.1816; as tabulated in DARKCAST (Ilten et al.)",
            "facts re-tabulated; upstream licence: GPL v2",
        ),
    }
    for numbers in sorted(set(folder.glob("*.toml")) - {folder / MANIFEST}):
        sources[numbers.name] = (
            "published numbers; the reference of each is beside it",
            "facts re-tabulated; upstream licence: none claimed",
        )
    seal(folder, sources, keep=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
