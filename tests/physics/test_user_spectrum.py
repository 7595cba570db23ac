"""A spectrum that a user writes as a Python function, named in the configuration."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

import nuinfer
from nuinfer.errors import ConfigError, NonFiniteLogProbError, NuinferError, PhysicsDomainError
from nuinfer.flux import flux_at_earth, unabsorbed_flux

CUTOFF = r'''
"""An exponential cut-off in the frame of the source."""
import numpy as np
from nuinfer.parameters import Definition
from nuinfer.physics.spectra import Spectrum
from nuinfer.priors import Uniform

END = Definition("log10_end_gev", r"$\log_{10} E_\mathrm{end}$", "", "end in GeV", (3.0, 100.0), Uniform(5.0, 8.0))


def log_shape(energy_gev, gamma, end_gev):
    return -energy_gev / end_gev


SPECTRUM = Spectrum("mine", "my cut-off", citation="A. User, a paper on ends", parameters=(END,), log_shape=log_shape)
'''


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CUTOFF)
    return path


def pair(mine, *overrides):
    """The user's spectrum and the shipped one, and points of both."""
    own, shipped = (nuinfer.load("hese7_icecube", [f"model.spectrum={name}", *overrides]) for name in (mine, "cutoff"))
    theta = own.sample_prior(40, np.random.default_rng(31))
    assert [name.replace("end", "cutoff") for name in own.parameter_names] == list(shipped.parameter_names)
    return own, shipped, theta


@pytest.mark.parametrize("overrides", [
    ["model.absorption=false", "model.source=free"], ["model.spectrum_frame=earth"],
    *(pytest.param(each, marks=pytest.mark.slow) for each in (
        [], ["model.evolution=grb", "model.source=pgamma", "model.regeneration=false"],
        ["model.evolution=single", "model.source_redshift=1.0", "model.coherence=coherent", "model.masses=degenerate"],
    )),
])  # fmt: skip
def test_a_cutoff_of_ones_own_is_the_shipped_one(mine, overrides):
    """Counts to 1e-6, the accuracy of the table, behind the cut-off to 1e-15 of the largest."""
    own, shipped, theta = pair(mine, *overrides)
    counts, exact = (analysis.components(theta)["astro"] for analysis in (own, shipped))
    np.testing.assert_allclose(counts, exact, rtol=1e-6, atol=1e-15 * exact.max())
    np.testing.assert_allclose(own.expected_counts(theta), shipped.expected_counts(theta), rtol=1e-6)
    np.testing.assert_allclose(own.log_prob(theta), shipped.log_prob(theta), rtol=1e-6)


def test_its_fluxes_are_those_of_the_shipped_one(mine):
    own, shipped, theta = pair(mine)
    energy = np.geomspace(3e4, 5e6, 12)
    for flux in (flux_at_earth, unabsorbed_flux):
        np.testing.assert_allclose(flux(own, theta, energy), flux(shipped, theta, energy), rtol=1e-6, atol=1e-40)


def test_its_parameter_and_its_citation_are_there(mine):
    analysis = nuinfer.load("hese7_icecube", [f"model.spectrum={mine}"])
    assert "log10_end_gev" in analysis.parameter_names
    assert "A. User, a paper on ends" in "\n".join(analysis.references())
    fixed = analysis.with_overrides(["parameters.log10_end_gev.value=6"])
    assert "log10_end_gev" not in fixed.parameter_names
    assert fixed.values(fixed.sample_prior(1, np.random.default_rng(0)))["end_gev"] == pytest.approx(1e6)
    with pytest.raises(ConfigError, match=r"parameters\.log10_end_gev: 2\.0 is not allowed"):
        analysis.with_overrides(["parameters.log10_end_gev.value=2"])


def test_points_do_not_depend_on_their_batch(mine):
    analysis = nuinfer.load("hese7_icecube", [f"model.spectrum={mine}"])
    theta = analysis.sample_prior(7, np.random.default_rng(2))
    np.testing.assert_array_equal([analysis.log_prob(point) for point in theta], analysis.log_prob(theta))


def test_it_goes_to_another_process(mine, tmp_path):
    """As a worker gets it: by the file, which is loaded again there."""
    analysis = nuinfer.load("hese7_icecube", [f"model.spectrum={mine}"])
    theta = analysis.sample_prior(2, np.random.default_rng(3))
    sent = tmp_path / "sent"
    sent.write_bytes(pickle.dumps((analysis, theta)))
    code = (
        f"import pickle, pathlib; a, t = pickle.loads(pathlib.Path({str(sent)!r}).read_bytes()); print(*a.log_prob(t))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    np.testing.assert_array_equal([float(number) for number in printed.split()], analysis.log_prob(theta))


@pytest.mark.parametrize(("change", "message"), [
    (("return -energy_gev / end_gev", "return -energy_gev[:-1] / end_gev"), r"spectrum 'mine': .*gave shape \(\d+,\)"),
    (("return -energy_gev / end_gev", "return 0.0"), r"spectrum 'mine': .*gave shape \(\)"),
    (("-energy_gev / end_gev", "-energy_gev / ende"), r"model\.spectrum: .*failed: NameError"),
    (("log_shape(energy_gev, gamma, end_gev)", "log_shape(energy_gev, gamma)"), r"model\.spectrum: .*TypeError"),
    (("-energy_gev / end_gev", "np.full_like(energy_gev, np.nan)"), r"model\.spectrum: .*not finite"),
    (("SPECTRUM = ", "MINE = "), r"model\.spectrum: '.*mine\.py' defines no SPECTRUM = Spectrum"),
    (('citation="A. User, a paper on ends", ', ""), r"model\.spectrum: .*cannot be loaded: TypeError: .*citation"),
    (('"A. User, a paper on ends"', '" "'), r"spectrum mine: its citation is blank"),
    (("import numpy", "import numpie"), r"model\.spectrum: .*cannot be loaded: ModuleNotFoundError"),
    ((", log_shape=log_shape", ""), r"spectrum 'mine': it has neither log_shape nor make"),
])  # fmt: skip
def test_one_that_does_not_work_is_one_clear_line(mine, change, message):
    assert change[0] in CUTOFF
    mine.write_text(CUTOFF.replace(*change))
    with pytest.raises((ConfigError, PhysicsDomainError), match=message) as caught:
        nuinfer.load("hese7_icecube", [f"model.spectrum={mine}"])
    assert "\n" not in str(caught.value)


def test_one_that_fails_at_some_points_names_the_term(mine):
    """Not a number at a few points of the prior is found where it happens, never a silent probability."""
    mine.write_text(CUTOFF.replace("return -energy_gev / end_gev", "return -energy_gev / end_gev / (end_gev < 1e7)"))
    analysis = nuinfer.load("hese7_icecube", [f"model.spectrum={mine}"])
    theta = np.tile(analysis.prior_transform([0.5] * len(analysis.parameter_names)), (3, 1))
    assert np.all(np.isfinite(analysis.log_prob(theta)))
    theta[1, analysis.parameter_names.index("log10_end_gev")] = 7.5
    with pytest.raises(NonFiniteLogProbError, match=r"'data'.*log10_end_gev=7\.5"):
        analysis.log_prob(theta)


def test_moving_targets_are_for_power_laws(mine):
    with pytest.raises(NuinferError, match=r"model\.spectrum: .* is not allowed with model\.targets 'thermal'"):
        nuinfer.load("hese7_icecube", [f"model.spectrum={mine}", "model.targets=thermal"])
