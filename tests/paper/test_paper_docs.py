"""`docs/errata.md` and `docs/paper.md` say what the package computes, and the index of equations is complete."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate
from scipy.optimize import brentq

from nuinfer.constraints import borexino, muon_g2, neff, sn1987a
from nuinfer.physics import cosmology, dip, mixing
from nuinfer.physics.absorption import degenerate_transition, optical_depth, resonance_redshift
from nuinfer.physics.mediator import FLAVOUR_BLIND, LMU_LTAU
from nuinfer.physics.quoted import coherence, zprime

DOCS = Path(__file__).resolve().parents[2] / "docs"


def rows(name: str) -> list[list[str]]:
    """Cells of the lines of every table in a page, without head lines."""
    lines = [line for line in (DOCS / name).read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    heads = {k - 1 for k, row in enumerate(cells) if set("".join(row)) <= set("-:")}
    return [row for k, row in enumerate(cells) if k not in heads and k - 1 not in heads]


def determinants() -> list[str]:
    p = mixing.PAPER
    s12, c12 = math.sqrt(p.sin2_theta12), math.sqrt(1.0 - p.sin2_theta12)
    block = np.array([[c12, s12, 0], [-s12, c12, 0], [0, 0, 0]])
    rest = p.pmns @ np.array([[c12, s12, 0], [-s12, c12, 0], [0, 0, 1]]).T  # R23 . U13
    assert abs(np.linalg.det(rest @ block)) < 1e-15
    return [f"= {abs(np.linalg.det(p.pmns)):.0f}"]


def muon() -> list[str]:
    def coupling(shift: float, mass: float) -> str:
        return f"{1e4 * math.sqrt(shift / float(muon_g2.delta_a_mu(mass, 1.0))):.2f}e-4"

    return [coupling(shift, mass) for shift in (42.6e-10, 28.8e-10) for mass in (1e-3, 10.0)]


def solar() -> list[str]:
    """Adiabatic conversion at the centre of the Sun (150 g/cm^3, two thirds of an electron per nucleon)."""

    def survival(energy_mev: float) -> float:
        p = mixing.PAPER
        cos2, c13 = 1.0 - 2.0 * p.sin2_theta12, 1.0 - p.sin2_theta13
        matter = 2.0 * 7.63e-14 * (2.0 / 3.0) * 150.0 * c13 * energy_mev * 1e6 / 7.5e-5
        in_matter = (cos2 - matter) / math.hypot(cos2 - matter, math.sqrt(1.0 - cos2**2))
        return c13**2 * 0.5 * (1.0 + cos2 * in_matter) + p.sin2_theta13**2

    beryllium = borexino.flavours(mixing.PAPER, 7.5e-5)[0]
    assert survival(0.862) == pytest.approx(beryllium, abs=0.01)
    assert survival(8.0) == pytest.approx(0.34, abs=0.02)
    return [f"{(1.0 / (1.0 - beryllium)) ** 0.25:.3f}"]


def masses() -> list[str]:
    low, high = dip.resonant_mass_mev(dip.DIP_GEV, (0.05, 0.083))
    return [f"{low:.2f} to {high:.2f} MeV"]


def electron_survival() -> list[str]:
    return [f"{degenerate_transition(0.0, mixing.PAPER, FLAVOUR_BLIND, 'coherent')[0, 0]:.3f}"]


def neff_bound() -> list[str]:
    found = [brentq(lambda m, c=c: float(neff.delta_neff_paper(m, case=c)) - 0.7, 4, 8) for c in ("entropy", "number")]
    assert float(neff.delta_neff_paper(6.0)) < float(neff.delta_neff_paper(5.0))
    return [f"{found[0]:.2f} MeV (entropy)", f"{found[1]:.2f} MeV (number)"]


def decay_length() -> list[str]:
    return [f"{1e8 * float(zprime.decay_length_km(10.0, 1e-4)):.1f}e-8 km"]


def inverse_decay() -> list[str]:
    """Dimensions in MeV, by scaling every mass and temperature by two; 1/lambda is <sigma v> n_nu (eq. 36)."""

    def dimension(quantity: Callable[[float], float]) -> str:
        return f"MeV^{math.log2(quantity(2.0) / quantity(1.0)):.0f}"

    def density(scale: float) -> float:
        return (8.0 * scale) ** 3

    def cross_section(scale: float) -> float:
        return 1.0 / (float(sn1987a.mean_free_path_cm(10.0 * scale, 1e-5, 8.0 * scale)) * density(scale))

    assert dimension(cross_section) == "MeV^-2"
    printed = dimension(lambda scale: density(scale) / (scale * density(scale) ** 2))  # the width is one of them
    assert printed in next(row[1] for row in rows("errata.md") if row[0] == "Sec. IV B, <sigma v>")
    return [dimension(lambda scale: scale * density(scale) / density(scale) ** 2)]


def normalisation() -> list[str]:
    """Eq. 37 as printed, T = m = 1: two-body phase space is 1/(8 pi) times the average over directions."""

    def integrand(k: float) -> float:
        energy = math.hypot(k, 1.0)
        free = integrate.quad(
            lambda c: 1.0 / ((1 + math.exp(-(energy + k * c) / 2)) * (1 + math.exp(-(energy - k * c) / 2))), 0, 1
        )[0]
        return k**2 / (2 * math.pi**2) / (2 * energy) / math.expm1(energy) * free / (8 * math.pi)

    printed = 16.0 * math.pi * integrate.quad(integrand, 0, 50)[0]
    assert printed == pytest.approx(0.0192, abs=5e-5)
    per_polarisation = integrate.quad(lambda k: k**2 / (2 * math.pi**2) / math.expm1(math.hypot(k, 1.0)), 0, 50)[0]
    assert printed / per_polarisation == pytest.approx(float(sn1987a.width_factor(1.0)), rel=1e-7)
    return [f"{printed / per_polarisation:.4f}"]


def dilation() -> list[str]:
    return [
        f"{1e-3 / float(sn1987a.width_factor(1e-3)):.1f} times",
        f"{1.0 / float(sn1987a.width_factor(1.0)):.1f} times",
    ]


def burst() -> list[str]:
    ten, thirty = (math.sqrt(t / float(sn1987a.diffusion_time_s(10.0, 1.0))) for t in (10.0, 30.0))
    return [f"{1e6 * ten:.1f}e-6", f"{1e5 * thirty:.2f}e-5"]


ERRATA: dict[str, Callable[[], list[str]]] = {
    "eq. (20)": determinants,
    "Sec. II, muon g-2": muon,
    "Sec. II, nu_e fraction": solar,
    "Sec. II, mass range": masses,
    "eq. (26), P_ee": electron_survival,
    "Sec. IV A, bound": neff_bound,
    "Sec. IV B, decay length": decay_length,
    "Sec. IV B, <sigma v>": inverse_decay,
    "eq. (37)": normalisation,
    "Sec. IV B, f_D": dilation,
    "Sec. IV B, burst": burst,
}


def test_every_erratum_has_its_check() -> None:
    assert [row[0] for row in rows("errata.md")] == list(ERRATA)


@pytest.mark.parametrize("where", ERRATA)
def test_errata_are_what_the_formulas_give(where: str) -> None:
    exact = next(row[3] for row in rows("errata.md") if row[0] == where)
    for number in ERRATA[where]():
        assert number in exact


def test_the_depths_of_eq_25_are_roundings() -> None:
    """8.5 and 1.7e-4 with the temperature before rounding, 8.79 and 1.69e-4 with the printed one: not listed."""
    z, page = resonance_redshift(6e5, 8.0, 0.05), (DOCS / "errata.md").read_text(encoding="utf-8")
    numbers = {}
    for temperature in (1.68e-4, cosmology.PAPER.t_nu0_ev):
        expansion = replace(cosmology.PAPER, t_nu0_ev=temperature)
        coupling = 1e4 * float(dip.coupling_of_depth(1.0, z, 8.0, expansion))
        numbers[temperature] = coupling, float(optical_depth(z, 8.0, 5e-4, expansion))
    before, printed = numbers.values()
    assert [f"{before[0]:.1f}", f"{before[1]:.1f}"] == ["1.7", "8.5"]
    assert "eq. (25)" not in [row[0] for row in rows("errata.md")]
    assert f"{printed[0]:.2f}e-4 and {printed[1]:.2f}" in page


INDEX = [row for row in rows("paper.md") if re.fullmatch(r"\d+", row[0])]


def test_the_index_lists_every_equation_once() -> None:
    assert [int(row[0]) for row in INDEX] == list(range(1, 48))
    assert all(len(row) == 3 and row[1] and row[2] for row in INDEX)


@pytest.mark.parametrize("row", INDEX, ids=lambda row: f"eq{row[0]}")
def test_the_index_names_functions_that_exist_or_says_why_there_is_none(row: list[str]) -> None:
    names = re.findall(r"`([\w.]+)`", row[2])
    if not names:
        assert row[2].startswith("none: ")
        assert len(row[2]) > 20
    for name in names:
        parts = name.split(".")
        length = next(n for n in range(len(parts), 0, -1) if _is_module("nuinfer." + ".".join(parts[:n])))
        thing = importlib.import_module("nuinfer." + ".".join(parts[:length]))
        for part in parts[length:]:
            thing = getattr(thing, part)
        assert getattr(thing, "__doc__", None)


@pytest.mark.parametrize(
    ("equation", "function"),
    [(6, "evolution"), (7, "hamiltonian_ev"), (8, "collision_term"), (9, "scattering_rate_ev"), (11, "rescaled"),
     (47, "scattering_rate_ev")],
)  # fmt: skip
def test_the_index_names_the_object_that_an_equation_defines(equation: int, function: str) -> None:
    """And its docstring names the equation."""
    found = next(row[2] for row in INDEX if row[0] == str(equation))
    assert found.startswith(f"`physics.quoted.coherence.{function}`")
    assert re.search(rf"\beqs?\. ([\d, ]|and)*\b{equation}\b", getattr(coherence, function).__doc__)


def test_survival_in_the_table_of_coherence() -> None:
    table = [row for row in rows("paper.md") if re.fullmatch(r"\d+\.\d", row[0])]
    assert [row[0] for row in table] == ["0.5", "1.0", "2.0", "8.8"]
    for tau, *printed in table:
        for regime, value in zip(("coherent", "decoherent"), printed, strict=True):
            arrived = degenerate_transition(float(tau), mixing.PAPER, LMU_LTAU, regime) @ [1.0, 2.0, 0.0]
            assert f"{arrived.sum() / 3.0:.3f}" == value


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True
