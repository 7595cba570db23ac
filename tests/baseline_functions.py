"""Calls of public functions, whose results in version 0.1.0 every later one is checked against.

`CALLS` names them by public path; arguments are made anew from the name of a call, results are in
`tests/reference/baseline-functions.npz`. Where a function moves, its path here follows; its numbers stay.

    python tests/baseline_functions.py [NAME ...]     records what is not recorded yet, or the calls named
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from baseline_numbers import BY_NAME
from beams import columns, emitted_beyond

from nuinfer.typing import FloatArray

FILE = Path(__file__).parent / "reference" / "baseline-functions.npz"

Random = np.random.Generator
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def public(path: str) -> Any:
    """What ``module:name.attribute`` names; modules are below ``nuinfer``, but for what stands in this file."""
    if path.startswith("tests:"):
        return globals()[path.removeprefix("tests:")]
    module, _, names = path.partition(":")
    found = import_module(f"nuinfer.{module}")
    for name in names.split("."):
        found = getattr(found, name)
    return found


@dataclass(frozen=True)
class Call:
    """One call, of a function or of an attribute that is an array.

    Parameters
    ----------
    name : str
        Of the result.
    path : str
        ``module:name`` below ``nuinfer``.
    arguments : callable, optional
        Random generator to positional and keyword arguments; None: the attribute itself is the result.
    rtol, share : float
        Tolerance: relative, and of the largest result.
    """

    name: str
    path: str
    arguments: Callable[[Random], Arguments] | None = None
    rtol: float = 1e-10
    share: float = 0.0

    def result(self) -> FloatArray:
        """The result, now."""
        found = public(self.path)
        if self.arguments is not None:
            args, keys = self.arguments(np.random.default_rng(zlib.crc32(self.name.encode())))
            with np.errstate(all="ignore"):  # depths are up to infinite
                found = found(*args, **keys)
        return np.asarray(found)


def _args(*args: Any, **keys: Any) -> Arguments:
    return args, keys


def _log(rng: Random, low: float, high: float, shape: int | tuple[int, ...]) -> FloatArray:
    return np.exp(rng.uniform(np.log(low), np.log(high), shape))


# Names of what calls take; looked up when they are made ---------------------------------------------------------------

_MIXINGS = ("PAPER", "NUFIT60_NORMAL", "NUFIT60_INVERTED")
_COSMOLOGIES = ("PAPER", "PLANCK18")
_EVOLUTIONS = ("sfr", "flat", "bllac", "quasar", "grb", "single")
_MEDIATORS: dict[str, tuple[tuple[float, float, float], int]] = {
    "lmu_ltau": ((0.0, 1.0, -1.0), 1),
    "flavour_blind": ((1.0, 1.0, 1.0), 1),
    "other": ((-3.0, 0.5, 2.0), 1),
    "scalar": ((0.0, 1.0, -1.0), 0),
    "scalar_nu_tau": ((0.0, 0.0, 1.0), 0),
}


def _mixing(name: str) -> Any:
    return public(f"physics.mixing:{name}")


def _cosmology(name: str) -> Any:
    return public(f"physics.cosmology:{name}")


def _mediator(name: str) -> Any:
    charges, spin = _MEDIATORS[name]
    return public("physics.mediator:Mediator")(charges, spin=spin)


# Physics --------------------------------------------------------------------------------------------------------------


def _crossing_calls() -> list[Call]:
    calls = [
        Call("resonance_redshift", "physics.absorption:resonance_redshift",
             lambda r: _args(_log(r, 1e4, 1e7, 300), _log(r, 1, 50, 300), _log(r, 3e-3, 0.1, 300))),
    ]  # fmt: skip
    for cosmology in _COSMOLOGIES:

        def depth(r: Random, cosmology: str = cosmology) -> Arguments:
            return _args(r.uniform(0, 5, 300), _log(r, 1, 50, 300), _log(r, 1e-6, 3e-3, 300), _cosmology(cosmology))

        def thermal(r: Random, cosmology: str = cosmology) -> Arguments:
            masses = np.where(r.random(200) < 0.1, 0.0, _log(r, 1e-4, 0.1, 200))
            return _args(_log(r, 3e4, 1e7, 200), r.uniform(0.1, 5, 200), _log(r, 1, 50, 200), _log(r, 1e-6, 3e-3, 200),
                         masses, _cosmology(cosmology))  # fmt: skip

        calls.append(Call(f"optical_depth-{cosmology}", "physics.absorption:optical_depth", depth))
        calls.append(Call(f"thermal_optical_depth-{cosmology}", "physics.absorption:thermal_optical_depth", thermal,
                          rtol=1e-9, share=1e-14))  # fmt: skip
    for mixing in _MIXINGS:
        for mediator in _MEDIATORS:
            for coherence in ("coherent", "decoherent"):

                def degenerate(r: Random, m: str = mixing, z: str = mediator, c: str = coherence) -> Arguments:
                    depths = np.concatenate([[0.0, np.inf], _log(r, 1e-4, 1e3, 28)])
                    return _args(depths, _mixing(m), _mediator(z), c)

                def split(r: Random, m: str = mixing, z: str = mediator, c: str = coherence) -> Arguments:
                    lightest = _log(r, 3e-3, 0.1, 40)
                    ordering = "inverted" if m.endswith("INVERTED") else "normal"
                    masses = public("physics.masses:neutrino_masses_ev")(lightest, ordering, 7.5e-5, 2.5e-3)
                    mass, z_source = _log(r, 3, 30, 40), r.uniform(0.1, 5.0, 40)
                    energy = (mass * 1e6) ** 2 / (2e9 * masses[:, 1]) / r.uniform(0.5, 5.0, 40)
                    return _args(energy, z_source, mass, _log(r, 1e-5, 1e-3, 40), masses, _mixing(m), _mediator(z),
                                 _cosmology("PLANCK18"), c)  # fmt: skip

                name = f"{mixing}-{mediator}-{coherence}"
                calls.append(Call(f"degenerate_transition-{name}", "physics.absorption:degenerate_transition",
                                  degenerate, share=1e-15))  # fmt: skip
                calls.append(Call(f"split_transition-{name}", "physics.absorption:split_transition", split,
                                  share=1e-15))  # fmt: skip
    return calls


@dataclass(frozen=True)
class _Way:
    """Arguments of `flavour_at_earth` and `species_at_earth`."""

    evolution: str
    coherence: str
    split: bool
    regeneration: bool
    mediator: str = "lmu_ltau"
    mixing: str = "NUFIT60_NORMAL"
    targets: str = "at_rest"
    species: int = 3
    points: int = 8

    @property
    def name(self) -> str:
        """Name of the call."""
        words = [self.evolution, self.coherence, "split" if self.split else "degenerate", self.mediator, self.mixing]
        return "-".join([*words, self.targets, "daughters" if self.regeneration else "absorption"])

    def __call__(self, r: Random) -> Arguments:
        n = self.points
        if self.split:
            ordering = "inverted" if self.mixing.endswith("INVERTED") else "normal"
            masses = public("physics.masses:neutrino_masses_ev")(_log(r, 3e-3, 0.1, n), ordering, 7.5e-5, 2.5e-3)
        else:
            masses = _log(r, 0.01, 0.1, (n, 1))
        z_max = 0.9 if self.evolution == "single" else 4.0
        mass = _log(r, 3.0, 20.0, n)
        top = (mass * 1e6) ** 2 / (2e9 * masses.max(axis=-1))
        energy = top[:, None] * np.geomspace(0.05, 4.0, 16) * r.uniform(0.95, 1.05, (n, 16))
        species = r.dirichlet(np.ones(self.species), n)
        return _args(
            energy, mass, _log(r, 1e-5, 1e-3, n), masses, species, r.uniform(1.5, 4.0, n), self.evolution,
            _mixing(self.mixing), _mediator(self.mediator), _cosmology("PLANCK18"), self.coherence, z_max=z_max,
            regeneration=self.regeneration, targets=self.targets,
        )  # fmt: skip


def _propagation_calls() -> list[Call]:
    both = (False, True)
    ways = [_Way(evolution, coherence, split, daughters)
            for evolution in _EVOLUTIONS for coherence in ("coherent", "decoherent")
            for split in both for daughters in both]  # fmt: skip
    ways += [_Way("sfr", coherence, split, True, mediator, "NUFIT60_INVERTED")
             for coherence in ("coherent", "decoherent") for split in both
             for mediator in ("flavour_blind", "other", "scalar", "scalar_nu_tau")]  # fmt: skip
    ways += [_Way(evolution, coherence, split, daughters, mediator, "NUFIT60_INVERTED", species=6)
             for evolution in ("sfr", "single") for coherence in ("coherent", "decoherent") for split in both
             for daughters in both for mediator in ("lmu_ltau", "scalar")]  # fmt: skip
    ways += [_Way(evolution, "decoherent", split, daughters, targets="thermal", points=2 if daughters else 4)
             for evolution in ("sfr", "flat", "single") for split in both for daughters in both]  # fmt: skip
    ways += [_Way("sfr", "decoherent", True, daughters, mediator, targets="thermal", points=2, species=6)
             for daughters in both for mediator in ("other", "scalar")]  # fmt: skip
    return [
        Call(f"{name}-{way.name}", f"physics.propagation:{name}", way, rtol=1e-9, share=1e-12)
        for way in ways
        for name in ["flavour_at_earth" if way.species == 3 else "species_at_earth"]
    ]


def _spectrum_beyond(
    spectrum: str, values: dict[str, FloatArray], redshift: FloatArray, energy_gev: FloatArray, gamma: FloatArray
) -> FloatArray:
    """What a spectrum emits beyond redshifts (n, target, energy) at energies (n, energy), over its power law."""
    shells = public("physics.shells:make_shells")("sfr", _cosmology("PLANCK18"), 5.0)
    found = emitted_beyond(columns(gamma, spectrum, **values), shells, redshift, energy_gev[:, None, :])
    return np.asarray(found)


def _beyond(spectrum: str) -> Callable[[Random], Arguments]:
    def arguments(r: Random) -> Arguments:
        n = 20
        values = {
            "cutoff": {"cutoff_gev": _log(r, 1e5, 1e8, n)},
            "broken_power_law": {"break_gev": _log(r, 1e5, 1e7, n), "gamma_high": r.uniform(1.5, 5, n)},
        }
        z, energy = r.uniform(-0.5, 5.5, (n, 3, 8)), _log(r, 3e4, 1e7, (n, 8))
        return _args(spectrum, values[spectrum], z, energy, r.uniform(1.5, 4.0, n))

    return arguments


def _constant_calls() -> list[Call]:
    calls = []
    for mixing in _MIXINGS:
        calls += [Call(f"{word}-{mixing}", f"physics.mixing:{mixing}.{word}", share=1e-15)
                  for word in ("pmns", "probabilities")]  # fmt: skip
    for ordering in ("normal", "inverted"):

        def masses(r: Random, ordering: str = ordering) -> Arguments:
            return _args(_log(r, 1e-4, 0.2, 200), ordering, r.uniform(7e-5, 8e-5, 200), r.uniform(2.3e-3, 2.7e-3, 200))

        calls.append(Call(f"neutrino_masses_ev-{ordering}", "physics.masses:neutrino_masses_ev", masses))
    calls += [Call(f"hubble_ev-{c}", f"physics.cosmology:{c}.hubble_ev", lambda r: _args(r.uniform(0, 10, 200)))
              for c in _COSMOLOGIES]  # fmt: skip
    calls += [Call(f"width_over_mass-{m}", f"physics.mediator:{m}.width_over_mass",
                   lambda r: _args(_log(r, 1e-6, 1, 200))) for m in ("LMU_LTAU", "FLAVOUR_BLIND")]  # fmt: skip
    for mediator in _MEDIATORS:

        def me(r: Random, mediator: str = mediator) -> Arguments:
            return _args(_mediator(mediator), _log(r, 1e-6, 1, 100))

        def branching(r: Random, mediator: str = mediator) -> Arguments:
            return _args(_mediator(mediator), _log(r, 0.5, 5000, 200))

        calls.append(Call(f"Mediator.width_over_mass-{mediator}", "physics.mediator:Mediator.width_over_mass", me))
        calls.append(Call(f"Mediator.neutrino_branching-{mediator}", "physics.mediator:Mediator.neutrino_branching",
                          branching))  # fmt: skip
    for evolution in _EVOLUTIONS[:-1]:

        def density(r: Random, evolution: str = evolution) -> Arguments:
            return _args(public("physics.evolution:LAWS").shipped[evolution], r.uniform(0, 6, 200))

        calls.append(Call(f"density-{evolution}", "physics.evolution:Law.density", density))
    calls += [Call(f"source_fractions-{s}", "physics.sources:source_fractions", lambda _, s=s: _args(s))
              for s in ("pp", "pgamma", "muon_damped", "muon_damped_pgamma", "neutron")]  # fmt: skip
    calls += [
        Call("Cutoff.beyond", "tests:_spectrum_beyond", _beyond("cutoff"), rtol=1e-9, share=1e-14),
        Call("Break.beyond", "tests:_spectrum_beyond", _beyond("broken_power_law"), rtol=1e-9, share=1e-14),
        Call("resonant_mass_mev", "physics.dip:resonant_mass_mev",
             lambda r: _args(_log(r, 1e4, 1e7, 200), _log(r, 1e-3, 0.1, 200), r.uniform(0, 5, 200))),
        Call("coupling_of_depth", "physics.dip:coupling_of_depth",
             lambda r: _args(_log(r, 1e-2, 1e2, 200), r.uniform(0, 5, 200), _log(r, 1, 50, 200), _cosmology("PAPER"))),
        Call("decay_length_km", "physics.quoted.zprime:decay_length_km",
             lambda r: _args(_log(r, 1, 50, 200), _log(r, 1e-6, 1e-2, 200), _log(r, 1, 1e3, 200))),
    ]  # fmt: skip
    return calls


# Constraints ----------------------------------------------------------------------------------------------------------


def _plane(low: float, high: float, n: int = 300, g: tuple[float, float] = (1e-7, 1e-1)) -> Callable[[Random], Any]:
    def made(r: Random) -> Arguments:
        return _args(_log(r, low, high, n), _log(r, *g, n))

    return made


def _masses(low: float, high: float, *others: Any, **keys: Any) -> Callable[[Random], Any]:
    return lambda r: _args(_log(r, low, high, 300), *others, **keys)


def _constraint_calls() -> list[Call]:
    neff = "constraints.neff:delta_neff"
    return [
        Call("delta_a_mu", "constraints.muon_g2:delta_a_mu", _plane(1e-2, 1e5)),
        Call("kinetic_mixing", "constraints.borexino:kinetic_mixing",
             lambda r: _args(_log(r, 1e-6, 1e-1, 300), -_log(r, 1e-4, 1e6, 300))),
        Call("kinetic_mixing-default", "constraints.borexino:kinetic_mixing", lambda r: _args(_log(r, 1e-6, 0.1, 50))),
        Call("borexino.paper_limit", "constraints.borexino:paper_limit", _masses(1.0, 80.0)),
        Call("borexino.rate_ratio", "constraints.borexino:rate_ratio", _plane(0.1, 1e4)),
        Call("delta_neff-common", neff, _masses(0.1, 100.0)),
        Call("delta_neff-split", neff, _masses(0.1, 100.0, temperatures="split")),
        Call("delta_neff-common-mixing", neff, _plane(0.1, 100.0)),
        Call("delta_neff-split-mixing", neff,
             lambda r: _args(_log(r, 0.1, 100.0, 300), _log(r, 1e-7, 0.1, 300), temperatures="split")),
        Call("delta_neff_paper-entropy", f"{neff}_paper", _masses(0.1, 400.0)),
        Call("delta_neff_paper-number", f"{neff}_paper", _masses(0.1, 400.0, 2.0, "number")),
        Call("delta_neff_paper-auto", f"{neff}_paper",
             lambda r: _args(_log(r, 0.1, 400.0, 300), 1.5, "auto", g_prime=_log(r, 1e-7, 1e-3, 300))),
        Call("width_factor", "constraints.sn1987a:width_factor", _masses(0.02, 50.0)),
        Call("mean_free_path_cm", "constraints.sn1987a:mean_free_path_cm", _plane(0.2, 100.0)),
        Call("mean_free_path_cm-cool", "constraints.sn1987a:mean_free_path_cm",
             lambda r: _args(_log(r, 0.2, 100.0, 300), _log(r, 1e-7, 1e-2, 300), r.uniform(5.0, 12.0, 300))),
        Call("diffusion_time_s", "constraints.sn1987a:diffusion_time_s", _plane(0.2, 100.0)),
        Call("diffusion_time_s-other", "constraints.sn1987a:diffusion_time_s",
             lambda r: _args(_log(r, 0.5, 80.0, 300), _log(r, 1e-7, 1e-2, 300), temperature_mev=6.0, radius_km=13.0)),
        Call("trident.rate_ratio", "constraints.trident:rate_ratio", _plane(1.0, 1e3)),
        Call("trident.rate_ratio-charm2", "constraints.trident:rate_ratio",
             lambda r: _args(_log(r, 1.0, 1e3, 300), _log(r, 1e-7, 0.1, 300), "charm2")),
        Call("width_shift", "physics.quoted.zprime:width_shift", lambda r: _args(_log(r, 1e-3, 1.0, 50))),
        Call("coupling_limit", "physics.quoted.zprime:coupling_limit", lambda r: _args(_log(r, 1e-4, 0.1, 50))),
    ]  # fmt: skip


# Fluxes of analyses ---------------------------------------------------------------------------------------------------

_FLUXES = (
    "hese7", "degenerate_coherent_pgamma", "coherent", "scalar_inverted_coherent", "cutoff", "broken_single",
    "broken_quasar_coherent_pgamma", "free", "dirac", "thermal", "thermal_without_daughters", "paper",
    "no_absorption_cutoff_free",
)  # fmt: skip


def _flux_calls() -> list[Call]:
    calls = []
    for variant in _FLUXES:

        def at(r: Random, variant: str = variant) -> Arguments:
            analysis = BY_NAME[variant].load()
            theta = analysis.prior_transform(
                r.random((3 if variant == "thermal" else 6, len(analysis.parameter_names)))
            )
            return _args(analysis, theta, np.geomspace(3e4, 1e7, 20))

        names = ["flux_at_earth", "unabsorbed_flux", "transition_at_earth"]
        names += [] if variant.startswith("no_absorption") else ["depths_at_earth"]
        calls += [Call(f"{name}-{variant}", f"flux:{name}", at, rtol=1e-9, share=1e-13) for name in names]
    return calls


CALLS = (*_crossing_calls(), *_propagation_calls(), *_constant_calls(), *_constraint_calls(), *_flux_calls())


def record(names: list[str]) -> None:
    """Write the results of the calls named, or of those that are not recorded yet."""
    results = {}
    if FILE.exists():
        with np.load(FILE) as file:
            results = dict(file)
    for call in CALLS:
        if call.name in names or (not names and call.name not in results):
            start = time.perf_counter()
            results[call.name] = call.result()
            sys.stdout.write(f"{call.name:100s} {time.perf_counter() - start:6.2f} s\n")
    with FILE.open("wb") as file:
        np.savez_compressed(file, **results)


if __name__ == "__main__":
    record(sys.argv[1:])
