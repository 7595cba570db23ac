"""Figures and texts call a mediator, its mass and its coupling by the names of its kind."""

from __future__ import annotations

import re

import numpy as np
import pytest
from plotting_checks import make_run, make_summary, texts

import nuinfer
from nuinfer import plotting
from nuinfer.inference.studies.forecast import Band, Forecast
from nuinfer.inference.studies.significance import Significance
from nuinfer.physics.mediator import MEDIATORS, spelled

OF_A_VECTOR = re.compile(r"Z'|\bg'")
PRESETS = {"vector": "hese7_icecube", "scalar": "hese7_nutau_scalar"}


@pytest.fixture(scope="module", params=MEDIATORS)
def run(request):
    analysis = nuinfer.load(PRESETS[request.param])
    samples = analysis.sample_prior(200, np.random.default_rng(1))
    return make_run(analysis, samples, make_summary(analysis, samples))


@pytest.mark.parametrize("kind", ["region", "trace", "bounds"])
def test_figures_of_runs(run, kind):
    """The same function draws both: a vector's labels are there, and none of them with a scalar."""
    mediator = run.analysis.config.model.mediator
    shown = list(texts(plotting.plot(kind, run)))
    assert any(OF_A_VECTOR.search(text) for text in shown) == (mediator == "vector")
    assert any(r"\phi" in text and "total" not in text for text in shown) == (mediator == "scalar")


@pytest.mark.parametrize("mediator", MEDIATORS)
def test_figures_and_sentences_of_studies(mediator):
    mass, limit, at = np.array([3.0, 9.0]), np.array([1e-3, 2e-3]), {"m_zprime_mev": 8.0, "g_prime": 1e-3}
    results = {
        "expected_limits": Band("toy", 0.95, 10.0, mass, limit[:, None], limit, 3e-3, mediator=mediator),
        "forecast": Forecast("toy", at, 0.95, mass, {"seen": mass}, mediator=mediator),
    }  # fmt: skip
    for kind, result in results.items():
        shown = texts(plotting.plot(kind, result))
        assert any(OF_A_VECTOR.search(text) for text in shown) == (mediator == "vector"), kind
        assert any(r"m_\phi" in text for text in shown) == (mediator == "scalar"), kind
    sentence = Significance("toy", 4.0, 8.0, 1e-3, np.zeros(0), mediator).sentence()
    assert ("at m_phi = 8 MeV, g = 1.00e-03" in sentence) == (mediator == "scalar")
    assert ("m_phi given, g >= 0" in results["forecast"].statement) == (mediator == "scalar")
    assert results["forecast"].to_json()["statistic"] == results["forecast"].statement


def test_words_that_end_alike_stay():
    for text in ("'fitting' a 'log'", "no change's of things'", "phi_total"):
        assert spelled(text, "scalar") == text
    assert spelled(r"no Z' at (m_Z', g'), $m_{Z'}$", "scalar") == r"no phi at (m_phi, g), $m_\phi$"
