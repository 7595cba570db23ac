"""Absorption, propagation and counts against `tests/reference/propagation.json`.

The reference is an independent calculation by adaptive quadrature and matrix exponentials, written without this
package: `tests/reference/make_propagation.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from baseline_numbers import FIRST_EDITION

import nuinfer
from nuinfer.physics.absorption import degenerate_transition, optical_depth, resonance_redshift, split_transition
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.propagation import flavour_at_earth, species_at_earth

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "propagation.json").read_text())


def cases(kind):
    return pytest.mark.parametrize("case", REFERENCE[kind], ids=lambda _: "")


def _mixing(case):
    return Mixing(*case["mixing"]["sin2"], case["mixing"]["delta_cp"])


def _model(case):
    return _mixing(case), Mediator(tuple(case["charges"])), Cosmology(**case["cosmology"]), case["coherence"]


@cases("optical_depth")
def test_optical_depth(case):
    got = optical_depth(case["redshift"], case["m_zprime_mev"], case["g_prime"], Cosmology(**case["cosmology"]))
    np.testing.assert_allclose(got, case["result"], rtol=1e-10)


@cases("resonance_redshift")
def test_resonance_redshift(case):
    got = resonance_redshift(case["energy_gev"], case["m_zprime_mev"], case["m_nu_ev"])
    np.testing.assert_allclose(got, case["result"], rtol=1e-10)


@cases("degenerate_transition")
def test_degenerate_transition(case):
    mixing, mediator, _, coherence = _model(case)
    got = degenerate_transition(case["tau"], mixing, mediator, coherence)
    np.testing.assert_allclose(got, case["result"], rtol=1e-9, atol=1e-13)


@cases("split_transition")
def test_split_transition(case):
    point = (case["energy_gev"], case["source_redshift"], case["m_zprime_mev"], case["g_prime"], case["masses_ev"])
    np.testing.assert_allclose(split_transition(*point, *_model(case)), case["result"], rtol=1e-9, atol=1e-13)


def _point(case):
    return (case["energy_gev"], case["m_zprime_mev"], case["g_prime"], case["masses_ev"], case["source_fractions"],
            case["gamma"], case["evolution"], *_model(case), case["z_max"])  # fmt: skip


@cases("flavour_at_earth")
def test_flavour_at_earth(case):
    np.testing.assert_allclose(flavour_at_earth(*_point(case)), case["result"], rtol=1e-8)


@cases("species_at_earth")
def test_species_at_earth(case):
    np.testing.assert_allclose(species_at_earth(*_point(case)), case["result"], rtol=1e-8, atol=1e-12)


@cases("astro_counts")
def test_astrophysical_counts(case):
    """Adaptive integration through every edge; the default accuracy of the fit must reach 1e-5 in every bin."""
    settings = {key: case[key] for key in ("source", "evolution", "z_max", "coherence", "ordering", "charges")}
    settings |= {"mixing": case["mixing_name"], "cosmology": case["cosmology_name"]}
    settings |= {"regeneration": False, "relic_neutrinos": "standard"}
    degenerate = len(case["masses_ev"]) == 1
    settings["masses"] = "degenerate" if degenerate else "split"
    mass = {"m_nu_ev": case["masses_ev"][0]} if degenerate else {"lightest_nu_mass_ev": case["lightest_ev"]}
    keys = {f"model.{key}": value for key, value in settings.items()}
    analysis = nuinfer.load("hese7_icecube", keys | {"data.dataset": str(FIRST_EDITION)})
    names = ("log10_m_zprime_mev", "log10_g_prime", "gamma", "phi_total", "detector_scale")
    got = analysis.predict({**{name: case[name] for name in names}, **mass})["astro"]
    np.testing.assert_allclose(got, case["result"], rtol=1e-5)
