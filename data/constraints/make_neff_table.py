"""Make the tables of Delta N_eff from the Boltzmann equations (nuinfer/constraints/neff/boltzmann.py).

Usage: python data/constraints/make_neff_table.py zprime | scalar [WORKERS]

Writes into data/constraints, of a Z',
``neff_boltzmann.csv``, against m_Z': Delta N_eff of a thermalised Z' without mixing, and the mixing at q^2 = m_Z'^2;
``neff_mixing.npz``, what Z' <-> e+e- adds to it, against m_Z' (from 2 m_e) and the width over the mass, Gamma_ee/m;
about five minutes on two cores; of a scalar, a minute,
``neff_scalar.csv``, against its mass: Delta N_eff of one that is thermalised, by the neutrinos it is in touch with.
The errors of interpolation it prints come from points between the nodes.
"""

from __future__ import annotations

import functools
import math
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import get_args

import numpy as np

from nuinfer.constants import MASS_ELECTRON_MEV
from nuinfer.constraints.borexino import kinetic_mixing
from nuinfer.constraints.neff import TABLE_FLOOR, Partners, Temperatures, mixing_surface, on_surface
from nuinfer.constraints.neff.boltzmann import Boson, Settings, solve
from nuinfer.datafiles import data_root, seal
from nuinfer.typing import FloatArray

MASS_RANGE_MEV, MASSES = (0.1, 100.0), 121
MIXING_MASSES = 60
RATIO_RANGE, RATIOS = (1e-27, 1e-7), 96
TEMPERATURES: tuple[Temperatures, ...] = ("common", "split")
SOURCE = (
    "calculated by data/constraints/make_neff_table.py: momentum-averaged equations of arXiv:2001.04466",
    "MIT",
)


@functools.cache
def standard_model(which: Temperatures, rtol: float) -> float:
    """N_eff of the Standard Model."""
    return solve(None, 0.0, which, Settings(rtol=rtol)).n_eff


def without_mixing(m_mev: float, scalar: bool = False) -> FloatArray:
    """Delta N_eff of a Z' without mixing, common and split; of a scalar, with each of `Partners`."""
    rtol, cases = 1e-12, [(which, Boson()) for which in TEMPERATURES]
    if scalar:
        cases = [("common" if name == "all" else "split", Boson(1, name == "nu_e")) for name in get_args(Partners)]
    found = [
        solve(m_mev, 0.0, which, Settings(rtol=rtol), boson).n_eff - standard_model(which, rtol)
        for which, boson in cases
    ]
    return np.array(found)


def added_by_mixing(m_mev: float, ratios: FloatArray) -> FloatArray:
    """What a width to electrons adds to N_eff; shape (2, ratios)."""
    settings = Settings(rtol=1e-7)
    rows = []
    for which in TEMPERATURES:
        base = solve(m_mev, 0.0, which, settings).n_eff
        rows.append([solve(m_mev, float(ratio) * m_mev, which, settings).n_eff - base for ratio in ratios])
    return np.array(rows)


def spaced(low: float, high: float, number: int) -> FloatArray:
    """Logarithmically spaced, with exact ends."""
    nodes = np.geomspace(low, high, number)
    nodes[0], nodes[-1] = low, high
    return nodes


def scalar(workers: int) -> None:
    """Write the table of a scalar and seal it."""
    folder, masses = data_root() / "constraints", spaced(*MASS_RANGE_MEV, MASSES)
    middle = np.sqrt(masses[1:] * masses[:-1])
    with ProcessPoolExecutor(workers) as pool:
        values = pool.map(functools.partial(without_mixing, scalar=True), [*masses, *middle])
        bare, between = np.split(np.array(list(values)), [masses.size])
    columns = np.log(bare + TABLE_FLOOR)
    lines = [
        "# Delta N_eff of a thermalised real scalar, as ln(Delta N_eff + 1e-7): one temperature of all neutrinos; nu_e",
        "# apart, the scalar in touch with nu_e or with the others. Quintic spline in ln(m_zprime_mev), its mass.",
        ",".join(["m_zprime_mev", *(f"ln_{name}" for name in get_args(Partners))]),
    ]
    lines += [",".join(repr(float(value)) for value in row) for row in np.column_stack([masses, columns])]
    (folder / "neff_scalar.csv").write_text("\n".join(lines) + "\n")
    seal(folder, {"neff_scalar.csv": SOURCE}, keep=True)
    report(masses, columns, middle, between)


def zprime(workers: int) -> None:
    """Write the tables of a Z' and seal them."""
    folder = data_root() / "constraints"
    masses = spaced(*MASS_RANGE_MEV, MASSES)
    heavy = spaced(2.0 * MASS_ELECTRON_MEV, MASS_RANGE_MEV[1], MIXING_MASSES)
    ratios = spaced(*RATIO_RANGE, RATIOS)
    rng = np.random.default_rng(1)
    probes = np.exp(rng.uniform(math.log(heavy[0]), math.log(heavy[-1]), 20))
    probe_ratios = np.exp(rng.uniform(math.log(ratios[0]), math.log(ratios[-1]), 8))
    with ProcessPoolExecutor(workers) as pool:
        bare = np.array(list(pool.map(without_mixing, masses)))
        middle = np.sqrt(masses[1:] * masses[:-1])
        bare_between = np.array(list(pool.map(without_mixing, middle)))
        print("without mixing: done", flush=True)
        added = np.empty((heavy.size, len(TEMPERATURES), ratios.size))
        for row, values in enumerate(pool.map(functools.partial(added_by_mixing, ratios=ratios), heavy)):
            added[row] = values
            print(f"with mixing: {row + 1} of {heavy.size} masses", flush=True)
        added_between = np.array(list(pool.map(functools.partial(added_by_mixing, ratios=probe_ratios), probes)))
    columns = np.log(bare + TABLE_FLOOR)
    write_csv(folder / "neff_boltzmann.csv", masses, columns)
    np.savez_compressed(
        folder / "neff_mixing.npz", m_zprime_mev=heavy, width_over_mass=ratios, common=added[:, 0], split=added[:, 1]
    )
    seal(folder, {"neff_boltzmann.csv": SOURCE, "neff_mixing.npz": SOURCE}, keep=True)
    report(masses, columns, middle, bare_between)
    for k, which in enumerate(TEMPERATURES):
        surface = mixing_surface(heavy, ratios, added[:, k])
        found = np.array([[on_surface(x, y, surface) for y in np.log(probe_ratios)] for x in np.log(probes)])
        error = np.abs(found - added_between[:, k])
        print(f"mixing, {which}: largest error {error.max():.1e}, above 3 MeV {error[probes > 3.0].max():.1e}")


def write_csv(path: Path, masses: FloatArray, columns: FloatArray) -> None:
    """The table without mixing."""
    lines = [
        "# Delta N_eff of a thermalised Z' of L_mu - L_tau without mixing, as ln(Delta N_eff + 1e-7), for one neutrino",
        "# temperature and for nu_e apart; eps_over_g is the loop mixing at q^2 = m_Z'^2. Quintic spline in ln(m_Z').",
        "m_zprime_mev,ln_common,ln_split,eps_over_g",
    ]
    mixing = kinetic_mixing(1.0, masses**2)
    rows = np.column_stack([masses, columns, mixing])
    lines += [",".join(repr(float(value)) for value in row) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def report(masses: FloatArray, columns: FloatArray, middle: FloatArray, exact: FloatArray) -> None:
    """Print the errors of interpolation midway between the nodes."""
    from scipy.interpolate import make_interp_spline

    found = np.exp(make_interp_spline(np.log(masses), columns, k=5)(np.log(middle))) - TABLE_FLOOR
    error = np.abs(found - exact)
    bulk = exact > 1e-4
    print(f"without mixing: largest error {error.max():.1e}, relative {np.max((error / exact)[bulk]):.1e} above 1e-4")


if __name__ == "__main__":
    chosen = {"zprime": zprime, "scalar": scalar}.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if chosen is None or len(sys.argv) > 3:
        sys.exit(__doc__)
    chosen(int(sys.argv[2]) if len(sys.argv) == 3 else 2)
