"""The figures beside corner, region and counts: artists hold what was computed, and axes of the user are drawn on."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import mpltern  # noqa: F401 - registers the projection "ternary"
import numpy as np
import pytest
from baseline_figures import BASELINES, write
from matplotlib.testing.compare import compare_images
from plotting_checks import Constrained, importance_samples, legend_entries, make_run, make_summary, texts

import nuinfer
from nuinfer import plotting
from nuinfer.constraints.base import Constraint, Measurement
from nuinfer.datafiles import data_root, seal
from nuinfer.errors import ConfigError
from nuinfer.flux import depths_at_earth, flux_at_earth, transition_at_earth
from nuinfer.plotting import style
from nuinfer.plotting.figures import flavour_triangle, pulls, spectrum
from nuinfer.plotting.ternary import draw_points


@pytest.fixture(scope="module")
def analysis():
    return nuinfer.load("hese7_icecube")


@pytest.fixture(scope="module")
def samples(analysis):
    return importance_samples(analysis, number=200, prior_draws=2000)


@pytest.fixture(scope="module")
def point(analysis):
    """A deep dip: 8 MeV, g' = 5e-4, lightest mass 0.05 eV."""
    at = analysis.prior_transform([0.5] * len(analysis.parameter_names))
    for name, value in {"log10_m_zprime_mev": 0.903, "log10_g_prime": -3.3, "lightest_nu_mass_ev": 0.05}.items():
        at[analysis.parameter_names.index(name)] = value
    return at


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


# Fluxes


def test_spectrum_draws_flux_band_and_published_segments(analysis, samples, point):
    """In TeV; each published flux in the panel of what it measures."""
    figure = plotting.plot_spectrum(analysis, samples, best_fit=point)
    assert len(figure.axes) == 4

    def e2_flux(theta, x, column):
        flux = flux_at_earth(analysis, theta, np.multiply(x, 1e3))
        return (flux[..., column - 1] if column else flux.mean(axis=-1)) * np.square(x) * 1e3

    for column, axes in enumerate(figure.axes):
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        x, y = lines(axes)["best fit"].T
        assert y == pytest.approx(e2_flux(point, x, column), rel=1e-9)
        band = next(c for c in axes.collections if c.get_label() == "credible 95 % (central)").get_paths()[0].vertices
        at = np.isclose(band[:, 0], band[len(band) // 4, 0])
        ends = np.quantile(e2_flux(samples, [band[len(band) // 4, 0]], column), [0.025, 0.975])
        assert sorted(set(band[at, 1]))[:: max(1, at.sum() - 1)] == pytest.approx(ends, rel=1e-6)
    shown = [[c.get_label() for c in axes.containers] for axes in figure.axes]
    hese, tracks, glashow = spectrum.LABELS.values()
    mese = spectrum.segments_of("mese11").label
    assert shown == [[hese, mese], [glashow], [tracks], []]
    entries = legend_entries(figure)
    assert {
        "credible 68 % (central)",
        "credible 95 % (central)",
        "best fit",
        "best fit without absorption",
        *spectrum.LABELS.values(),
        mese,
    } == set(entries)


def test_segments_are_those_of_the_publications():
    """Phys. Rev. D 104, 022002: seven segments from 42 TeV on, the last one a limit; contiguous."""
    hese, tracks, glashow = spectrum.published_segments()
    assert (hese.flavour, tracks.flavour, glashow.flavour) == ("all", "mu", "e")
    assert hese.low_gev[1:] == pytest.approx(hese.high_gev[:-1])
    assert (hese.low_gev[0], hese.high_gev[-1]) == (42e3, 7.67e6)
    assert (hese.plus == 0.0).tolist() == [False] * 6 + [True]
    assert hese.e2_flux[1] == 2.13e-8
    assert glashow.low_gev[0] < 6.3e6 < glashow.high_gev[0]  # the resonance of the W


@pytest.fixture(scope="module")
def mese():
    """Flux points, and draws around their best fit."""
    analysis = nuinfer.load("mese11_icecube", ["model.absorption=false"])
    point = analysis.space.point({"gamma": 1.65, "gamma_high": 2.9, "log10_break_gev": 4.52, "phi_total": 6.7})
    centre = np.array([point[name] for name in analysis.parameter_names])
    return analysis, centre * np.random.default_rng(4).normal(1.0, 0.02, (300, len(centre))), centre


def test_flux_points_are_drawn_in_their_unit_against_what_is_predicted(mese):
    analysis, samples, point = mese
    figure = plotting.plot_flux_points(analysis, samples, best_fit=point)
    (axes,) = figure.axes
    assert axes.get_ylabel().startswith("$E^2\\phi$ per flavour\n[$10^{-11}$ TeV cm$^{-2}$")
    assert "events" not in "".join(texts(figure))
    fit = next(patch for patch in axes.patches if patch.get_label() == "best fit").get_data()
    assert fit.values == pytest.approx(analysis.expected_counts(point)[0])
    assert fit.edges == pytest.approx(analysis.bin_edges_gev / 1e3)
    measured, limits = axes.containers
    assert len(measured.lines[0].get_xdata()) == 10
    assert limits.lines[0].get_ydata() == pytest.approx([5.2, 0.19, 0.76])  # one error above nothing
    flux = next(patch for patch in axes.patches if patch.get_label() == "flux, credible 68 % (central)").get_data()
    ends = np.quantile(analysis.expected_counts(samples)[:, 0], [0.16, 0.84], axis=0)
    assert np.stack([flux.baseline, flux.values]) == pytest.approx(ends)
    with pytest.raises(ConfigError, match="figure 'flux_points': the data are events, not flux points; use counts"):
        plotting.plot_flux_points(nuinfer.load("hese7_icecube", ["model.absorption=false"]), samples)
    assert "flux_points" in plotting.kinds_of(analysis)
    assert not {"counts", "fig1"} & {*plotting.kinds_of(analysis), *plotting.kinds_of(analysis, "analysis")}


def test_nothing_is_drawn_across_a_gap_between_flux_points(tmp_path):
    """Of no band, line or point of the flux-point figure is any part inside, nor of the points of a spectrum."""
    own = shutil.copytree(data_root() / "mese11", tmp_path / "gap")
    rows = (own / "segments.csv").read_text().splitlines(keepends=True)
    gap = [row for row in rows if row.startswith(("46400", "100000,"))]
    assert len(gap) == 2
    (own / "segments.csv").write_text("".join(row for row in rows if row not in gap))
    seal(own, {"segments.csv": ("a source", "a licence")}, keep=True)
    analysis = nuinfer.load("mese11_icecube", ["model.absorption=false", f"data.dataset={own}"])
    samples = analysis.sample_prior(64, np.random.default_rng(1))
    (axes,) = plotting.plot_flux_points(analysis, samples, best_fit=samples[0]).axes
    assert len(axes.patches) == 4
    measured = [
        segment for container in axes.containers for bars in container.lines[2] for segment in bars.get_segments()
    ]
    spans = [ends[:, 0] for ends in measured]
    for patch in axes.patches:
        spans += [polygon[:, 0] for polygon in patch.get_path().to_polygons(closed_only=False)]
    assert len(spans) > 20
    assert all(x.max() <= 46.4 * (1 + 1e-9) or x.min() >= 215.4 * (1 - 1e-9) for x in spans)
    assert "flux, 21.5–46.4 TeV" in pulls.pulls(analysis, samples)
    assert not any("46.4–" in name for name in pulls.pulls(analysis, samples))
    drawn = spectrum.segments_of(str(own))
    assert drawn.low_gev.size == drawn.high_gev.size == 11


def test_the_spectrum_shows_the_flux_points_that_are_fitted_and_others(mese, tmp_path):
    """On an axis as wide as theirs; each data set once; a folder of one's own by its path."""
    analysis, samples, point = mese
    own = shutil.copytree(data_root() / "mese11", tmp_path / "mine")
    (own / "dataset.toml").write_text((own / "dataset.toml").read_text().replace("IceCube MESE", "My own"))
    seal(own, {"dataset.toml": ("a source", "a licence")}, keep=True)
    figure = plotting.plot_spectrum(analysis, samples, best_fit=point, flux_points=["mese11", str(own)])
    labels = [container.get_label() for container in figure.axes[0].containers]
    assert labels.count("IceCube MESE, 11.4 years, flavours alike") == 1
    assert "My own, 11.4 years, flavours alike" in labels
    assert all(axes.get_xlim() == pytest.approx((1.0, 1e5)) for axes in figure.axes)
    with pytest.raises(ConfigError, match="figure 'spectrum': 'hese4' holds events, not flux points"):
        plotting.plot_spectrum(analysis, samples, best_fit=point, flux_points=["hese4"])


def test_pulls_of_flux_points_are_in_units_of_the_error_on_their_side(mese):
    analysis, _, point = mese
    found = pulls.pulls(analysis, point)
    assert next(iter(found)) == "flux, 1–2.15 TeV"
    assert list(found)[-1] == "flux, 10000–100000 TeV"
    assert sum(np.square(list(found.values()))) == pytest.approx(5.8, abs=0.1)


def test_depth_draws_targets_and_transitions(analysis, samples, point):
    figure = plotting.plot_depth(analysis, samples, best_fit=point)
    depth, *transitions = figure.axes
    assert depth.get_yscale() == "log"
    for target in range(3):
        x, y = lines(depth)[rf"$\tau$ at $m_{target + 1}$, best fit"].T
        expected = depths_at_earth(analysis, point, x * 1e3)[:, target]
        assert np.nan_to_num(y) == pytest.approx(expected, rel=1e-9)
        assert 0 < np.isfinite(y).sum() < len(y)
    for source, axes in enumerate(transitions):
        for flavour, name in enumerate(("e", r"\mu", r"\tau")):
            x, y = lines(axes)[rf"arriving as $\nu_{{{name}}}$"].T
            assert y == pytest.approx(transition_at_earth(analysis, point, x * 1e3)[:, flavour, source], rel=1e-9)
    with pytest.raises(ConfigError, match="figure 'depth': model\\.absorption = false"):
        plotting.plot_depth(analysis.with_overrides(["model.absorption=false"]), samples)


def test_depth_says_which_lines_are_off_the_axis(analysis, samples, point):
    weak = point.copy()
    weak[analysis.parameter_names.index("log10_g_prime")] = -6.0
    weak[analysis.parameter_names.index("log10_m_zprime_mev")] = 1.6
    figure = plotting.plot_depth(analysis, samples, best_fit=weak)
    assert any(text.endswith("\nbelow the axis") for text in texts(figure))
    assert not any("below" in entry for entry in legend_entries(figure))


def test_flavour_triangle_shows_standard_mixing_and_the_dip(analysis, samples, point):
    figure = plotting.plot_flavour_triangle(analysis, samples, best_fit=point)
    whole = figure.axes[0]
    draw_points(whole, np.eye(3), "x", label="corners")
    drawn = lines(whole)
    # by hand: f_a = sum_ib |U_ai|^2 |U_bi|^2 f_b; a point is the mean of the corners with its fractions as weights
    shares = analysis.mixing.probabilities
    sources = {"pion decay (pp, p$\\gamma$)": (1, 2, 0), "muon-damped": (0, 1, 0), "neutron decay": (1, 0, 0)}
    for label, source in sources.items():
        expected = shares @ (shares.T @ np.array(source, float)) / sum(source)
        assert drawn[label][0] == pytest.approx(expected @ drawn["corners"])
    filled = [line.get_label() for line in whole.lines if line.get_markerfacecolor() == style.BLACK]
    assert "pion decay (pp, p$\\gamma$)" in filled  # the source of the analysis
    assert "neutron decay" not in filled
    assert set(flavour_triangle.LABELS.values()) <= set(legend_entries(figure))
    assert whole.get_tlabel() == r"$f_\tau$"


def test_the_enlarged_triangle_holds_every_source_and_draw(analysis, samples, point):
    """Also where all draws are at one place; the grey region is that of all sources, its corners the pure ones."""
    for drawn in (samples, np.tile(point, (60, 1))):
        figure = plotting.plot_flavour_triangle(analysis, drawn, best_fit=point)
        least = np.array(figure.axes[1].get_tlim()[:1] + figure.axes[1].get_llim()[:1] + figure.axes[1].get_rlim()[:1])
        for source in ("pp", "muon_damped", "neutron"):
            fractions = flavour_triangle.standard_composition(analysis, source)[[2, 0, 1]]
            assert np.all(fractions >= least)
        assert 0.3 < 1.0 - least.sum() < 0.8


def test_compositions_follow_the_dip(analysis, point):
    """Above the highest resonance nothing is absorbed: standard mixing. In the dip it is not."""
    found = flavour_triangle.compositions(analysis, point[None])
    standard = flavour_triangle.standard_composition(analysis, "pp")
    assert found["above"][0] == pytest.approx(standard, rel=1e-6)
    assert np.max(np.abs(found["in"][0] - standard)) > 0.02
    for where in found.values():
        assert where.sum(axis=-1) == pytest.approx(1.0)


# Constraints


def test_pulls_are_predicted_minus_measured_over_sigma(analysis, samples, point):
    """By hand, for an observable g'/1e-4 measured as 3 +- 0.5, a normal prior and the number of events."""
    constraint = Constraint("toy", "two_sided", Measurement("m", "r", 3.0, 0.5), lambda m, g: g / 1e-4 + 0.0 * m, 0.0)
    with_toy = Constrained(analysis, constraint)
    found = pulls.pulls(with_toy, point)
    assert float(found["toy"]) == pytest.approx((10.0**0.7 - 3.0) / 0.5)
    muons = point[analysis.parameter_names.index("norm_muon")]
    assert float(found[analysis.parameter_labels["norm_muon"]]) == pytest.approx((muons - 1.0) / 0.5)
    expected, observed = analysis.expected_counts(point).sum(axis=-1), analysis.observed_counts.sum(axis=-1)
    for row, topology in enumerate(analysis.topologies):
        spread = (expected[row] + analysis.expected(point).variance[row].sum()) ** 0.5
        name = f"{topology.replace('_', ' ')} events"
        assert float(found[name]) == pytest.approx((expected[row] - observed[row]) / spread)
    assert analysis.parameter_labels["gamma"] not in found  # a uniform prior has no pull
    figure = plotting.plot_pulls(with_toy, samples, best_fit=point)
    axes = figure.axes[0]
    drawn = lines(axes)["best fit"]
    assert drawn[:, 0] == pytest.approx(np.clip([float(value) for value in found.values()], -6.0, 6.0))
    assert next(label.get_text() for label in axes.get_yticklabels()) == "toy (two-sided)"


def test_a_one_sided_term_does_not_pull_below_its_measurement(analysis, samples, point):
    """Predicted 2 standard deviations below a one-sided measurement, and as far below a two-sided one."""
    measured, predict = Measurement("m", "r", 3.0, 0.5), lambda m, g: 2.0 + 0.0 * (m + g)
    for form, expected in (("one_sided", 0.0), ("two_sided", -2.0)):
        with_toy = Constrained(analysis, Constraint("toy", form, measured, predict, 0.0))
        (axes,) = plotting.plot_pulls(with_toy, samples, best_fit=point).axes
        assert lines(axes)["best fit"][0, 0] == pytest.approx(expected)
        marked = [text.get_text() for text in axes.texts]
        assert marked == ["allowed, no pull"] * (form == "one_sided")


def test_pulls_without_a_mediator_are_those_of_the_standard_model(samples):
    standard = nuinfer.load("hese7", ["model.absorption=false"])
    at = standard.prior_transform([0.5] * len(standard.parameter_names))
    found = pulls.pulls(standard, at)
    # N_eff = 3.044 against 2.99 +- 0.17
    assert float(found[r"$\Delta N_\mathrm{eff}$"]) == pytest.approx((3.044 - 2.99) / 0.17, rel=1e-3)
    assert "SN1987A" not in found  # nothing diffuses: its logarithm is minus infinity


def test_leave_one_out_has_a_panel_per_constraint_and_says_which_are_rough(samples):
    analysis = nuinfer.load("hese7")
    draws = analysis.sample_prior(400, np.random.default_rng(1))
    names = [c.name for c in analysis.constraints]
    found = {name: SimpleNamespace(samples=draws, ess=2000.0, rhat=1.0) for name in names}
    found[names[-1]] = SimpleNamespace(samples=draws, ess=12.0, rhat=1.3)
    figure = plotting.plot_leave_one_out(analysis, draws, found)
    assert [axes.get_title() for axes in figure.axes] == [
        "without muon $g-2$", "without Borexino", r"without $\Delta N_\mathrm{eff}$", "without SN1987A",
    ]  # fmt: skip
    notes = [axes.texts[0].get_text().split("\n") for axes in figure.axes]
    assert [lines[0] for lines in notes] == ["ESS 2000"] * 3 + ["rough: ESS 12, R-hat 1.30"]
    assert notes[0][1] == "68 %: a plateau, holds 100 %"  # draws of the prior
    assert "with all: credible 68, 95 % (HPD)" in legend_entries(figure)
    with pytest.raises(ConfigError, match="no constraint"):
        plotting.plot_leave_one_out(nuinfer.load("hese7_icecube"), draws, {})


def test_kinds_follow_what_the_analysis_has(analysis, samples):
    run = make_run(analysis, samples, make_summary(analysis, samples))
    every = {name for name, kind in plotting.KINDS.items() if kind.of == "run"}
    assert every - set(plotting.kinds_of(run)) == {"leave_one_out", "flux_points"}
    fixed = make_run(analysis.with_overrides(["parameters.log10_g_prime.value=-4"]), samples, {})
    assert every - set(plotting.kinds_of(fixed)) == {"leave_one_out", "region", "flux_points"}


# Chains


@pytest.fixture(scope="module")
def chain():
    return np.random.default_rng(4).normal(size=(3, 400, 10, 2))


def test_trace_shows_the_median_of_the_walkers_and_the_burn_in(chain):
    figure = plotting.plot_trace(chain, ["a", "b"], discard=40)
    assert [axes.get_ylabel() for axes in figure.axes] == ["a", "b"]
    first = lines(figure.axes[1])["ensemble 0"]
    assert len(first) == 200  # every second step
    assert first[:, 1] == pytest.approx(np.median(chain[0, ::2, :, 1], axis=1))
    shade = next(p for p in figure.axes[0].patches if p.get_label() == "burn-in")
    assert shade.get_bbox().intervalx.tolist() == [0.0, 40.0]
    assert legend_entries(figure) == ["ensemble 0", "ensemble 1", "ensemble 2", "burn-in"]
    with pytest.raises(ConfigError, match="3 quantities"):
        plotting.plot_trace(chain, ["a", "b", "c"])


def test_ranks_are_flat_for_one_distribution_and_not_for_another(chain):
    """Statistical: independent draws stay in the band; a shifted ensemble leaves it (negative control)."""
    shifted = chain.copy()
    shifted[2, ..., 1] += 0.5
    figure = plotting.plot_rank(shifted, ["same", "shifted"], effective=[12_000.0, 12_000.0])
    outside = []
    for axes in figure.axes:
        band = next(p for p in axes.patches if p.get_label() == "95 % band").get_bbox().intervaly
        heights = np.array([p.get_data().values for p in axes.patches if isinstance(p, mpl.patches.StepPatch)])
        assert heights.mean(axis=1) == pytest.approx(1.0)
        outside.append(np.mean((heights < band[0]) | (heights > band[1])))
    assert outside[0] < 0.12
    assert outside[1] > 0.5


def test_autocorrelation_shows_the_worst_ensemble_and_the_length_that_is_needed():
    tau = np.array([[[5.0, 1.0], [4.0, 2.0]], [[9.0, 3.0], [np.inf, 3.5]]])
    figure = plotting.plot_autocorrelation([100, 1000], tau, ["a", "b"])
    drawn = lines(figure.axes[0])
    assert drawn["b"].tolist() == [[100.0, 2.0], [1000.0, 3.5]]
    assert drawn["a"][0].tolist() == [100.0, 5.0]
    assert np.isnan(drawn["a"][1, 1])
    assert drawn["length / 25"][:, 1].tolist() == [4.0, 40.0]  # 50 of both ensembles together
    with pytest.raises(ConfigError, match="tau: shape"):
        plotting.plot_autocorrelation([100], tau, ["a", "b"])


def test_acceptance_counts_the_steps_at_which_walkers_move():
    """Walkers that move at every other step, and one that never does."""
    steps = np.arange(200) // 2
    chain = np.broadcast_to(steps[None, :, None, None], (2, 200, 4, 1)).astype(float).copy()
    chain[1, :, 0] = 0.0
    figure = plotting.plot_acceptance(chain, discard=20)
    share, walkers = figure.axes
    assert np.mean(lines(share)["ensemble 0"][:, 1]) == pytest.approx(0.5, abs=0.01)
    assert np.mean(lines(share)["ensemble 1"][:, 1]) == pytest.approx(0.375, abs=0.01)
    assert walkers.lines[1].get_ydata() == pytest.approx([0.0, 0.5, 0.5, 0.5], abs=0.01)


# Axes of the user, and pictures


def test_axes_of_the_user_are_drawn_on(analysis, samples, point, chain):
    draw = (
        lambda axes: plotting.plot_depth(analysis, samples, best_fit=point, axes=axes),
        lambda axes: plotting.plot_spectrum(analysis, samples, best_fit=point, axes=axes),
        lambda axes: plotting.plot_trace(chain, ["a", "b"], axes=axes[:2]),
        lambda axes: plotting.plot_rank(chain, ["a", "b"], axes=axes[:2]),
        lambda axes: plotting.plot_acceptance(chain, axes=axes[:2]),
        lambda axes: plotting.plot_pulls(analysis, samples, best_fit=point, axes=axes[0]),
        lambda axes: plotting.plot_autocorrelation([10, 100], np.ones((2, 1, 1)), ["a"], axes=axes[0]),
    )
    for one in draw:
        figure = mpl.figure.Figure()
        before = list(figure.subplots(2, 2).ravel())
        assert one(before) is figure
        assert figure.axes == before
        assert figure.legends == []
        assert before[0].get_legend() is not None
    ternary = mpl.figure.Figure()
    panels = [ternary.add_subplot(1, 2, k + 1, projection="ternary") for k in range(2)]
    assert plotting.plot_flavour_triangle(analysis, samples, best_fit=point, axes=panels) is ternary


@pytest.mark.parametrize("name", BASELINES)
def test_pictures_are_as_they_were(name, tmp_path):
    """Self-regression, of figures from fixed arrays; `tests/plotting/baseline_figures.py` draws them anew."""
    drawn = write(name, tmp_path)
    assert compare_images(str(Path(__file__).parent / "baselines" / f"{name}.png"), str(drawn), tol=12.0) is None


def test_a_picture_of_other_numbers_differs(tmp_path):
    """Negative control of the tolerance: one curve moved by a tenth of the axis."""
    moved = plotting.plot_autocorrelation([50, 800], np.full((2, 1, 1), 9.0), ["slow"], width_in=style.COLUMN_IN)
    drawn = write("autocorrelation", tmp_path, moved)
    assert (
        compare_images(str(Path(__file__).parent / "baselines" / "autocorrelation.png"), str(drawn), tol=12.0)
        is not None
    )


def test_names_of_parameters_reach_the_figures_of_chains(analysis, samples):
    run = make_run(analysis, samples, make_summary(analysis, samples))
    assert {*analysis.parameter_labels.values(), "ln probability"} <= set(texts(plotting.plot("trace", run)))


def test_two_widths_of_a_page_sample_once(monkeypatch):
    """What takes a sampler is kept for the next width of the same run."""
    analysis = nuinfer.load("hese7")
    draws = analysis.sample_prior(400, np.random.default_rng(1))
    run, asked = make_run(analysis, draws, make_summary(analysis, draws)), []

    def sampled(analysis, seed):
        asked.append(seed)
        return {c.name: SimpleNamespace(samples=draws, ess=2000.0, rhat=1.0) for c in analysis.constraints}

    monkeypatch.setattr("nuinfer.inference.sampling.short.leave_one_out", sampled)
    for width_in in (style.COLUMN_IN, style.PAGE_IN):
        plotting.plot("leave_one_out", run, width_in=width_in)
    assert asked == [1]
