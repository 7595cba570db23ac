"""What the explorer shows, without its page: the same numbers as those of the commands, and where one comes to."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from nominal import FIXED
from scipy import optimize

import nuinfer
from nuinfer.cli import main
from nuinfer.cli.command import point_of
from nuinfer.errors import ConfigError, NuinferError
from nuinfer.explore import scene, state
from nuinfer.physics.absorption import optical_depth

AT = {"m_zprime_mev": 8.0, "g_prime": 1e-3, "gamma": 2.7, "phi_total": 7.0}


@pytest.fixture(scope="module")
def hese7():
    return nuinfer.load("hese7")


@pytest.fixture
def there(hese7):
    return state.moved(state.begin(hese7), AT)


def test_numbers_are_those_of_predict(there, capsys):
    """To the last digit, from the arguments that the page gives out."""
    assert main(["predict", "hese7", *state.arguments(there), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    parts = {"astro": said["astro"], **said["background_components"]}
    for name, counts in scene.look(there).components.items():
        assert dict(zip(said["topologies"], counts.tolist(), strict=True)) == parts[name]
    words = state.arguments(there)
    assert point_of(words[1::2]) == there.at
    assert state.command(there, ["hese7", "--set", "a=b"]).startswith(
        "nuinfer predict hese7 --set a=b --at m_zprime_mev=8.0"
    )


def test_terms_and_curves(there):
    """Terms add up to the log-probability; fluxes are a power law without absorption, and less in the dip; depths."""
    seen, analysis = scene.look(there), there.analysis
    assert sum(seen.terms.values()) == pytest.approx(float(analysis.log_prob(there.theta)), rel=1e-12)
    slope = np.diff(np.log(seen.unabsorbed.sum(axis=1))) / np.diff(np.log(seen.energy_gev))
    assert slope[np.isfinite(slope)] == pytest.approx(2.0 - 2.7, abs=1e-3)  # of E^2 phi
    assert seen.survival.min() < 0.5
    assert seen.survival[0] == pytest.approx(1.0, abs=1e-2)
    at_earth = np.argmax(seen.depths[:, -1] * (seen.depth_energy_gev < 1e7))
    assert seen.depths.shape == (len(seen.depth_energy_gev), 3)
    assert seen.depths[at_earth].max() >= float(
        optical_depth(0.0, 8.0, 1e-3, analysis.model.transport.propagation.cosmology)
    )


def test_bounds_are_those_of_the_command(hese7, capsys):
    """The same limits, at the same masses."""
    around = scene.surroundings(hese7)
    every = slice(None, None, scene.MASSES - 1)
    assert main(["constraints", "hese7", "--points", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert around.masses_mev[every] == pytest.approx(said["m_zprime_mev"], rel=1e-12)
    for *_, found in around.bounds:
        wanted = [np.inf if each is None else each for each in said["constraints"][found.name]["g_prime_upper"]]
        upper = np.where(np.isnan(found.upper), 0.0, found.upper)  # as the command has it where nothing is allowed
        assert upper[every] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("end", [0, 1])
def test_a_hand_stays_inside(hese7, end):
    """What sliders reach is inside the prior, although values are rounded to six digits."""
    far = dict(zip(hese7.parameter_names, [-1e9, 1e9][end] * np.ones(hese7.space.n_dim), strict=True))
    reached = state.nudged(state.begin(hese7), far)
    assert np.isfinite(hese7.log_prior(reached.theta))
    assert all(float(f"{value:.6g}") == value for value in reached.at.values())


def test_refusals(there):
    """One line each: unknown names, values without a meaning, fixed parameters, keys that do not go together."""
    fixed = state.begin(nuinfer.load("hese7_icecube", FIXED))
    name = FIXED[0].split(".")[1]
    for where, values in ((there, {"nix": 1.0}), (there, {"g_prime": -1.0}), (fixed, {name: 1.5})):
        with pytest.raises(ConfigError, match=next(iter(values))):
            state.moved(where, values)
    with pytest.raises(NuinferError, match="constraints"):
        state.switched(there, state.keys_with(there, "model.mediator", "scalar"))


def test_switches(there):
    """Each may be what it is now; what both have of the point is kept, and the way back leads to what was given."""
    for key, values in state.switches().items():
        now = state.value_of(there.given, key)
        assert now in values or now == state.AS_GIVEN, key
    off = state.switched(there, state.keys_with(there, "constraints.all.form", "off"))
    scalar = state.switched(off, state.keys_with(off, "model.mediator", "scalar"))
    assert (scalar.analysis.mediator, scalar.analysis.constraints) == ("scalar", ())
    assert scalar.at == there.at
    curved = state.switched(there, state.keys_with(there, "model.spectrum", "log_parabola"))
    assert curved.at.keys() - there.at.keys() == {"beta"}
    assert "--set" in state.command(curved, ["hese7"])
    back = state.switched(curved, state.keys_with(curved, "model.spectrum", "power_law"))
    assert back.analysis is there.given
    assert back.at == there.at


def test_fractions_give_way():
    """The one that is moved keeps its value, the other gets what is left."""
    free = state.begin(nuinfer.load("hese7_icecube", ["model.source=free"]))
    moved = state.nudged(state.nudged(free, {"f_e": 0.6}), {"f_mu": 0.8})
    assert moved.at["f_mu"] == 0.8
    assert moved.at["f_e"] == pytest.approx(0.2, abs=1e-5)
    assert moved.at["f_e"] + moved.at["f_mu"] <= 1.0


def test_the_way_up():
    """A climb ends at the maximum that another optimiser finds from the same point; so does the highest seen."""
    analysis = nuinfer.load("hese7_icecube", ["model.absorption=false", *FIXED])
    here = state.begin(analysis)
    here = state.seen(here, scene.look(here).terms)
    top = state.climbed(here)
    found = optimize.minimize(lambda theta: -float(analysis.log_prob(theta)), here.theta, method="Nelder-Mead")
    assert float(analysis.log_prob(top.theta)) == pytest.approx(-found.fun, abs=1e-3)
    higher = state.seen(top, scene.look(top).terms)
    assert higher.best.log_prob > here.best.log_prob
    assert state.seen(replace(higher, at=here.at), scene.look(here).terms).best == higher.best
