"""The scale of deposited energies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

import nuinfer
from nuinfer.detector.energy_scale import SCALES, make_energy_scale, rescale
from nuinfer.errors import ConfigError, PhysicsDomainError

HESE_COLUMNS = np.concatenate([[10**4.6, 10**4.75, 6e4], 10 ** np.arange(4.9, 7.01, 0.15)])


def rescaled(setting, counts, scale):
    out = np.empty(setting.bins.size - 1)
    rescale(setting, counts, scale, np.empty((3, setting.columns.size)), out)
    return out


def test_against_scipy_pchip():
    """Random columns, empty ones among them: differences of scipy's monotone cubic of the counts above an energy."""
    rng = np.random.default_rng(7)
    for _ in range(100):
        n = rng.integers(2, 12)
        edges = np.cumsum(rng.uniform(0.2, 2.0, n + 1))
        counts = rng.exponential(size=n) * np.exp(-np.arange(n)) * (rng.random(n) > 0.2)
        bins, scale = edges[rng.integers(n) :], rng.uniform(*SCALES)
        above = np.append(np.cumsum(counts[::-1])[::-1], 0.0)
        interpolant = PchipInterpolator(np.log(edges), above)
        expected = -np.diff(interpolant(np.clip(np.log(bins / scale), np.log(edges[0]), np.log(edges[-1]))))
        np.testing.assert_allclose(
            rescaled(make_energy_scale(edges, bins), counts, scale), expected, rtol=1e-9, atol=1e-13
        )


@pytest.mark.parametrize("index", [1.8, 2.5, 3.2])
@pytest.mark.parametrize("scale", [0.8, 0.95, 1.1, 1.4])
def test_power_law_scales_as_it_should(index, scale):
    """Deposited energies that follow E^-index: a bin holds scale^(index - 1) times as much, within 2.5 %."""
    counts = -np.diff(HESE_COLUMNS ** (1.0 - index))
    scaled = rescaled(make_energy_scale(HESE_COLUMNS, HESE_COLUMNS[2:]), counts, scale)
    np.testing.assert_allclose(scaled[:8], counts[2:][:8] * scale ** (index - 1.0), rtol=0.025)


def test_one_column_is_uniform_in_the_logarithm():
    """One bin: its counts are uniform in the logarithm of the energy."""
    edges = np.array([1.0, 100.0])
    setting = make_energy_scale(edges, edges)
    scaled = [rescaled(setting, np.array([8.0]), scale)[0] for scale in (1.0, 0.5, 0.1)]
    np.testing.assert_allclose(scaled, [8.0, 8.0 * (1.0 - np.log(2.0) / np.log(100.0)), 4.0])


def test_scale_one_is_nominal_and_nothing_jumps():
    """No step at 1, where the interpolation is exact, nor where an edge of a bin passes an edge of a column."""
    analysis = nuinfer.load("hese7_icecube", ["data.likelihood=poisson", "parameters.norm_prompt.value=0"])
    at = {"m_zprime_mev": 8.0, "g_prime": 1e-3}
    nominal = analysis.predict({**at, "energy_scale": 1.0})["astro"]
    for scale in (1.0, 56234.13251903 / 6e4, 6e4 / 79432.82347243, 10.0**0.15):
        below, above = (analysis.predict({**at, "energy_scale": scale * f})["astro"] for f in (1 - 1e-9, 1 + 1e-9))
        np.testing.assert_allclose(below, above, rtol=1e-7)
        if scale == 1.0:
            np.testing.assert_allclose(below, nominal, rtol=1e-7)
    scales = np.linspace(*SCALES, 2001)
    theta = np.tile(analysis.prior_transform([0.5] * len(analysis.parameter_names)), (scales.size, 1))
    theta[:, analysis.parameter_names.index("energy_scale")] = scales
    steps = np.abs(np.diff(analysis.log_likelihood(theta)))
    assert steps.max() < 0.03
    assert np.abs(np.diff(steps)).max() < 0.15 * steps.max()  # backgrounds bend at tabulated scales


def test_dip_and_glashow_peak_move_with_the_scale():
    """The mean deposited energy of the Glashow peak moves with the scale; muons stay where they are."""
    with_peak = nuinfer.load("hese7_icecube", ["model.absorption=false", "model.source=pgamma"])
    more_peak = with_peak.with_overrides(["model.source=pp"])
    low, high = (with_peak.predict({"energy_scale": s}) for s in (0.8, 1.2))
    centre = np.log(with_peak.bin_edges_gev[1:] * with_peak.bin_edges_gev[:-1])[11:] / 2.0
    peaks = [
        more_peak.predict({"energy_scale": s})["astro"][0, 11:] - p["astro"][0, 11:]
        for s, p in ((0.8, low), (1.2, high))
    ]
    means = [np.average(centre, weights=peak) for peak in peaks]
    assert means[1] - means[0] == pytest.approx(np.log(1.2 / 0.8), abs=0.1)
    assert np.array_equal(low["muon"], high["muon"])


def test_scales_beyond_the_response_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"parameters.energy_scale: 1.6 is not allowed"):
        nuinfer.load("hese7", ["parameters.energy_scale.value=1.6"])
    analysis = nuinfer.load("hese7")
    values = analysis.values(analysis.prior_transform([[0.5] * len(analysis.parameter_names)]))
    with pytest.raises(
        PhysicsDomainError, match=r"energy_scale: 1.6 .* starts at 39810.7 GeV; it must be at most 1.50"
    ):
        analysis.model.expected({**values, "energy_scale": np.array([1.6])})
