"""Numbers of version 0.1.0, against which every later one is checked.

`VARIANTS` together use every switch of a configuration; of each, `tests/reference/baseline/NAME.npz` holds the
log-probability and its terms. A point is what the prior makes of a row of uniform numbers (`cube`), so that only the
first twenty, with their expected counts, and the last hundred are stored; the last lie on the edges of the prior and
beyond (`edge_points`).

What has changed since on purpose was recorded again, and nothing else: `AGAIN` says what.

    python tests/baseline_numbers.py [NAME ...]     records what is not recorded yet, or the variants named
    python tests/baseline_numbers.py --again TERM   the terms of this name, of every variant that has it
"""

from __future__ import annotations

import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import nuinfer
from nuinfer.analysis import Analysis
from nuinfer.typing import FloatArray

FOLDER = Path(__file__).parent / "reference" / "baseline"
FIRST_EDITION = Path(__file__).parent / "reference" / "hese7-first-edition"
N_POINTS, N_EDGE, N_STORED = 2000, 100, 20

THEN = (
    "model.relic_neutrinos=standard", "parameters.gamma.low=1.5", "parameters.gamma.high=4",
    "parameters.log10_break_gev.low=5", "parameters.gamma_high.low=1.5",
)  # fmt: skip
"""What 0.1.0 had in place of the defaults of today."""

HESE7_THEN = (
    f"data.dataset={FIRST_EDITION}", "parameters.norm_prompt.value=0", "parameters.tilt_conventional.value=0",
    "parameters.energy_scale.low=0.5", "parameters.energy_scale.high=1.5",
)  # fmt: skip
"""What its presets for the 7.5-year sample had in place of today's."""


@dataclass(frozen=True)
class Variant:
    """A preset as it was in 0.1.0, with overrides; ``{folder}`` in one stands for the folder of the recorded numbers.

    The 7.5-year sample is that of the first edition.
    """

    name: str
    preset: str
    overrides: tuple[str, ...] = ()
    n_points: int = N_POINTS

    def load(self) -> Analysis:
        """The analysis."""
        own = [text.replace("{folder}", str(FOLDER)) for text in self.overrides]
        own = [HESE7_THEN[0] if text == "data.dataset=hese7" else text for text in own]
        return nuinfer.load(self.preset, [*THEN, *(() if self.preset == "paper" else HESE7_THEN), *own])

    @property
    def file(self) -> Path:
        """Where its numbers are."""
        return FOLDER / f"{self.name}.npz"

    @property
    def seed(self) -> int:
        """Of its points."""
        return zlib.crc32(self.name.encode())


AGAIN = {
    "borexino": "flavours from the mixing of the analysis, no longer (0.529, 0.245, 0.227)",
}
"""Term to what has become of it. Of Dirac neutrinos (two variants) the regeneration halved: all of them."""


def _icecube(name: str, *model: str) -> Variant:
    """The counts alone, with other keys of ``[model]``."""
    return Variant(name, "hese7_icecube", tuple(f"model.{key}" for key in model))


def _constrained(name: str, *constraints: str, other: tuple[str, ...] = ()) -> Variant:
    """The preset with constraints, with other keys of ``[constraints]``."""
    return Variant(name, "hese7", (*other, *(f"constraints.{key}" for key in constraints)))


_NO_DAUGHTERS = "regeneration=false"
_COHERENT, _DEGENERATE, _INVERTED = "coherence=coherent", "masses=degenerate", "ordering=inverted"
_CUTOFF, _BROKEN = "spectrum=cutoff", "spectrum=broken_power_law"
_THERMAL = "targets=thermal"

VARIANTS = (
    Variant("hese7", "hese7"),
    Variant("hese7_icecube", "hese7_icecube"),
    Variant("paper", "paper"),
    # absorption
    _icecube("no_absorption", "absorption=false"),
    _icecube("no_absorption_cutoff_free", "absorption=false", _CUTOFF, "source=free"),
    _icecube("no_absorption_broken_grb", "absorption=false", _BROKEN, "evolution=grb"),
    _constrained("no_absorption_constrained", "neutrino_mass.form=one_sided", "trident.form=two_sided",
                 "sn1987a.form=off", other=("model.absorption=false",)),
    # crossings
    _icecube("decoherent_without_daughters", _NO_DAUGHTERS),
    _icecube("coherent", _COHERENT),
    _icecube("coherent_without_daughters", _COHERENT, _NO_DAUGHTERS),
    _icecube("degenerate", _DEGENERATE),
    _icecube("degenerate_without_daughters", _DEGENERATE, _NO_DAUGHTERS),
    _icecube("degenerate_coherent", _DEGENERATE, _COHERENT),
    _icecube("degenerate_coherent_pgamma", _DEGENERATE, _COHERENT, "source=pgamma"),
    _icecube("degenerate_coherent_neutron_without_daughters", _DEGENERATE, _COHERENT, "source=neutron", _NO_DAUGHTERS),
    _icecube("inverted", _INVERTED),
    _icecube("inverted_coherent_pgamma", _INVERTED, _COHERENT, "source=pgamma"),
    # mediators
    _icecube("scalar", "mediator=scalar"),
    _icecube("scalar_inverted_pgamma", "mediator=scalar", _INVERTED, "source=pgamma"),
    _icecube("scalar_inverted_coherent", "mediator=scalar", _INVERTED, _COHERENT, "evolution=single",
             "source_redshift=0.8"),
    _icecube("scalar_degenerate_coherent_without_daughters", "mediator=scalar", _DEGENERATE, _COHERENT, _NO_DAUGHTERS),
    _icecube("scalar_nu_tau", "mediator=scalar", "charges=[0, 0, 1]", "source=muon_damped_pgamma"),
    _icecube("dirac", "neutrino=dirac"),
    _icecube("dirac_degenerate_coherent_pgamma", "neutrino=dirac", _DEGENERATE, _COHERENT, "source=pgamma"),
    _icecube("flavour_blind", "charges=[1, 1, 1]"),
    _icecube("flavour_blind_degenerate_coherent", "charges=[1, 1, 1]", _DEGENERATE, _COHERENT),
    _icecube("charges_0_2_-2_coherent", "charges=[0, 2, -2]", _COHERENT, "source=pgamma"),
    _icecube("charges_1_-1_0", "charges=[1, -1, 0]"),
    _icecube("charges_-3_0.5_2_coherent", "charges=[-3, 0.5, 2]", _COHERENT, _INVERTED),
    # constants
    _icecube("paper_mixing_and_cosmology", "mixing=paper", "cosmology=paper"),
    _icecube("paper_mixing_inverted", "mixing=paper", _INVERTED, "delta_m2_21_ev2=8e-5", "delta_m2_3l_ev2=2.6e-3"),
    _icecube("paper_cosmology_coherent", "cosmology=paper", _COHERENT, "delta_m2_21_ev2=7e-5", "z_max=2.5"),
    # sources
    _icecube("pgamma", "source=pgamma"),
    _icecube("pgamma_without_daughters", "source=pgamma", _NO_DAUGHTERS),
    _icecube("muon_damped", "source=muon_damped"),
    _icecube("muon_damped_pgamma", "source=muon_damped_pgamma"),
    _icecube("neutron_coherent", "source=neutron", _COHERENT),
    _icecube("free", "source=free"),
    _icecube("free_coherent_without_daughters", "source=free", _COHERENT, _NO_DAUGHTERS),
    Variant("free_f_e_fixed", "hese7_icecube", ("model.source=free", "parameters.f_e.value=0.25")),
    # evolutions
    _icecube("flat", "evolution=flat"),
    _icecube("bllac", "evolution=bllac", "z_max=4"),
    _icecube("quasar", "evolution=quasar"),
    _icecube("grb", "evolution=grb"),
    _icecube("grb_coherent_degenerate", "evolution=grb", _COHERENT, _DEGENERATE),
    _icecube("single", "evolution=single", "source_redshift=1.2"),
    _icecube("single_coherent_pgamma", "evolution=single", "source_redshift=0.3", _COHERENT, "source=pgamma"),
    _icecube("single_degenerate_without_daughters", "evolution=single", "source_redshift=2", _DEGENERATE,
             _NO_DAUGHTERS),
    _icecube("flat_inverted_without_daughters", "evolution=flat", _INVERTED, _NO_DAUGHTERS),
    # spectra
    _icecube("cutoff", _CUTOFF),
    _icecube("cutoff_without_daughters", _CUTOFF, _NO_DAUGHTERS),
    _icecube("cutoff_flat_pgamma_coherent", _CUTOFF, "evolution=flat", "source=pgamma", _COHERENT),
    _icecube("cutoff_bllac_degenerate_coherent", _CUTOFF, "evolution=bllac", _DEGENERATE, _COHERENT),
    _icecube("cutoff_quasar_without_daughters", _CUTOFF, "evolution=quasar", _NO_DAUGHTERS, _INVERTED),
    _icecube("cutoff_grb", _CUTOFF, "evolution=grb"),
    _icecube("cutoff_single", _CUTOFF, "evolution=single", "source_redshift=1"),
    _icecube("cutoff_single_coherent_without_daughters", _CUTOFF, "evolution=single", "source_redshift=1", _COHERENT,
             _NO_DAUGHTERS, "source=neutron"),
    _icecube("broken", _BROKEN),
    _icecube("broken_without_daughters", _BROKEN, _NO_DAUGHTERS),
    _icecube("broken_flat_degenerate_coherent", _BROKEN, "evolution=flat", _DEGENERATE, _COHERENT, "source=pgamma"),
    _icecube("broken_bllac_without_daughters", _BROKEN, "evolution=bllac", _NO_DAUGHTERS),
    _icecube("broken_quasar_coherent_pgamma", _BROKEN, "evolution=quasar", _COHERENT, "source=pgamma"),
    _icecube("broken_grb_scalar_inverted", _BROKEN, "evolution=grb", "mediator=scalar", _INVERTED),
    _icecube("broken_single", _BROKEN, "evolution=single", "source_redshift=0.7"),
    _icecube("broken_single_coherent_without_daughters", _BROKEN, "evolution=single", "source_redshift=0.7", _COHERENT,
             _NO_DAUGHTERS, "source=free"),
    # moving targets
    _icecube("thermal", _THERMAL),
    _icecube("thermal_without_daughters", _THERMAL, _NO_DAUGHTERS),
    _icecube("thermal_single", _THERMAL, "evolution=single", "source_redshift=1"),
    _icecube("thermal_single_without_daughters", _THERMAL, "evolution=single", "source_redshift=1", _NO_DAUGHTERS),
    _icecube("thermal_degenerate_pgamma", _THERMAL, _DEGENERATE, "source=pgamma", "evolution=flat"),
    _icecube("thermal_scalar_inverted", _THERMAL, "mediator=scalar", _INVERTED, "evolution=grb"),
    Variant("thermal_massless", "hese7_icecube", ("model.targets=thermal", "model.charges=[1, 1, 1]",
            "parameters.lightest_nu_mass_ev.low=0.0", "model.cosmology=paper", "model.source=free")),
    # data
    Variant("hese4", "hese7_icecube", ("data.dataset=hese4",)),
    Variant("hese3_split", "hese7_icecube", ("data.dataset=hese3",)),
    Variant("high_threshold", "hese7_icecube", ("data.min_deposited_energy_gev=112201.8454",)),
    Variant("projected", "hese7_icecube", ("data.exposure=3", "data.effective_area_scale=1.5")),
    Variant("energy_scale_fixed", "hese7_icecube", ("parameters.energy_scale.value=1",
            "parameters.norm_prompt.prior=uniform", "parameters.norm_prompt.low=0", "parameters.norm_prompt.high=5")),
    Variant("paper_energy_scale_free", "paper", ("parameters.energy_scale.prior=normal",
            "parameters.energy_scale.mean=1", "parameters.energy_scale.sigma=0.1", "parameters.energy_scale.low=0.7",
            "parameters.energy_scale.high=1.3")),
    Variant("paper_with_daughters_hese7", "paper", ("model.regeneration=true", "data.dataset=hese7")),
    Variant("paper_with_daughters_cutoff_hese4", "paper", ("model.regeneration=true", "data.dataset=hese4",
            "model.spectrum=cutoff")),
    # constraints
    _constrained(
        "exclusions", "muon_g2.form=exclusion", "muon_g2.measurement=wp2020_fnal2021", "borexino.form=exclusion",
        "borexino.measurement=phase1", "neff.form=exclusion", "neff.measurement=act_dr6", "neff.temperatures=split",
        "sn1987a.form=exclusion", "trident.form=exclusion", "neutrino_mass.form=exclusion",
    ),
    _constrained(
        "one_sided", "muon_g2.form=one_sided", "muon_g2.measurement=fnal2023", "borexino.form=one_sided",
        "borexino.measurement=phase1", "neff.form=one_sided", "neff.temperatures=split", "neff.mixing=false",
        "sn1987a.temperature_mev=10", "sn1987a.radius_km=12", "sn1987a.sigma_dex=0.5", "trident.form=one_sided",
        "trident.measurement=charm2", "neutrino_mass.form=one_sided", "neutrino_mass.measurement=desi2024",
    ),
    _constrained("two_sided", "muon_g2.measurement=bnl2001", "neff.mixing=false", "neff.measurement=act_dr6",
                 "trident.form=two_sided", "neutrino_mass.form=one_sided"),
    _constrained("two_sided_split_temperatures", "neff.temperatures=split", "trident.form=two_sided",
                 "trident.measurement=charm2", "sn1987a.form=off"),
    _constrained("neff_paper_entropy", "neff.model=paper", "neff.case=entropy", "neff.t_dec_mev=2.0",
                 "muon_g2.form=off"),
    _constrained("neff_paper_number", "neff.model=paper", "neff.case=number", "neff.form=one_sided",
                 "borexino.form=off"),
    _constrained("neff_paper_auto", "neff.model=paper", "neff.form=exclusion", "neff.confidence_level=0.9",
                 "sn1987a.form=off"),
    _constrained("neff_boltzmann_paper_limit", "neff.measurement=paper", "neff.form=exclusion"),
    _constrained("neff_off", "neff.form=off", "borexino.form=exclusion", "borexino.measurement=bauer2018"),
    _constrained(
        "other_limits", "muon_g2.form=exclusion", "muon_g2.limit=30", "borexino.form=exclusion", "borexino.limit=60",
        "neff.form=exclusion", "neff.limit=3.5", "trident.form=exclusion", "trident.confidence_level=0.9",
        "neutrino_mass.form=exclusion", "neutrino_mass.limit=0.2",
    ),
    _constrained("constrained_0_2_-2", "trident.form=two_sided", "neutrino_mass.form=one_sided",
                 "neutrino_mass.measurement=desi2025", other=("model.charges=[0, 2, -2]", "model.ordering=inverted")),
    _constrained("constrained_1_-1_0", "borexino.form=off", "neff.form=off", "sn1987a.form=off",
                 "trident.form=exclusion", other=("model.charges=[1, -1, 0]",)),
    Variant("scalar_neutrino_mass", "hese7_icecube", ("model.mediator=scalar", "model.charges=[1, 1, 1]",
            "constraints.neutrino_mass.form=one_sided", "constraints.neutrino_mass.measurement=desi2025")),
    Variant("paper_neutrino_mass", "paper", ("constraints.neutrino_mass.form=exclusion",
            "constraints.neutrino_mass.limit=0.2", "constraints.neff.case=number")),
    _constrained(
        "own_constraints", 'limit_curve.mine.table="{folder}/limit_curve.csv"', 'limit_curve.mine.reference="none"',
        "limit_curve.mine.confidence_level=0.9", "limit_curve.mine.outside=allowed",
        'custom.own.file="{folder}/own_constraint.py"', "custom.own.form=two_sided",
    ),
)  # fmt: skip

BY_NAME = {variant.name: variant for variant in VARIANTS}


def cube(variant: Variant, n_dim: int) -> FloatArray:
    """Uniform numbers of the points but the last `N_EDGE`, shape (n, n_dim)."""
    return np.random.default_rng(variant.seed).random((variant.n_points, n_dim))[: variant.n_points - N_EDGE]


def edge_points(analysis: Analysis, seed: int) -> FloatArray:
    """Points below and above the prior, on one of its faces, in its corners, and along the dip, shape (100, n_dim)."""
    rng = np.random.default_rng([seed, 1])
    bounds = analysis.prior_bounds
    n_dim = len(bounds)
    finite = np.isfinite(bounds)
    ends = np.where(finite, bounds, analysis.prior_transform(np.full((1, n_dim), 1.0 - 1e-9)).T)
    width = ends[:, 1] - ends[:, 0]
    points = analysis.prior_transform(rng.random((N_EDGE, n_dim)))
    for row in range(20):  # below
        points[row, row % n_dim] = ends[row % n_dim, 0] - 0.01 * width[row % n_dim]
    for row in range(20, 40):  # above
        column = row % n_dim
        points[row, column] = ends[column, 1] + (0.01 * width[column] if finite[column, 1] else 0.0)
    for row in range(40, 60):  # on a face
        points[row, row % n_dim] = ends[row % n_dim, (row // n_dim) % 2]
    points[60:85] = np.where(rng.random((25, n_dim)) < 0.5, ends[:, 0], ends[:, 1])
    middle = np.full((15, n_dim), 0.5)
    names = list(analysis.parameter_names)
    if "log10_m_zprime_mev" in names:
        middle[:, names.index("log10_m_zprime_mev")] = np.linspace(0.02, 0.98, 15)
        middle[:, names.index("log10_g_prime")] = np.linspace(0.5, 1.0, 15)
    points[85:] = analysis.prior_transform(middle)
    return points


def points(variant: Variant, analysis: Analysis) -> FloatArray:
    """All points of a variant, shape (n_points, n_dim)."""
    inside = analysis.prior_transform(cube(variant, len(analysis.parameter_names)))
    return np.concatenate([inside, edge_points(analysis, variant.seed)])


def record(variant: Variant) -> None:
    """Write the numbers of a variant."""
    start = time.perf_counter()
    analysis = variant.load()
    theta = points(variant, analysis)
    log_prob = analysis.log_prob(theta)
    rows = np.isfinite(analysis.log_prior(theta))
    terms = analysis.log_terms(theta[rows])
    with variant.file.open("wb") as file:
        np.savez_compressed(
            file, names=np.array(analysis.parameter_names), first=theta[:N_STORED], last=theta[-N_EDGE:],
            log_prob=log_prob,
            counts=analysis.expected_counts(theta[:N_STORED]),
            **{f"term_{name}": value for name, value in terms.items()},
        )  # fmt: skip
    finite = np.isfinite(log_prob).mean()
    sys.stdout.write(f"{variant.name:50s} {time.perf_counter() - start:6.1f} s, {finite:5.1%} finite\n")


def record_again(variant: Variant, term: str) -> None:
    """Replace a term, and what it adds to the log-probability."""
    with np.load(variant.file) as file:
        stored = dict(file)
    key = f"term_{term}"
    if key not in stored:
        return
    analysis = variant.load()
    theta = points(variant, analysis)
    inside = np.isfinite(analysis.log_prior(theta))
    stored[key] = analysis.log_terms(theta[inside])[term]
    stored["log_prob"][inside] = sum(values for name, values in stored.items() if name.startswith("term_"))
    with variant.file.open("wb") as file:
        np.savez_compressed(file, **stored)


if __name__ == "__main__" and sys.argv[1:2] == ["--again"]:
    for one in VARIANTS:
        record_again(one, sys.argv[2])
elif __name__ == "__main__":
    chosen = [BY_NAME[name] for name in sys.argv[1:]] or [v for v in VARIANTS if not v.file.exists()]
    for one in chosen:
        record(one)
