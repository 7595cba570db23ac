"""Figures: what is drawn is what was computed, nothing is clipped, and no state is left behind."""

from __future__ import annotations

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from nominal import FIXED
from plotting_checks import Constrained, importance_samples, legend_entries, make_quick, make_run, make_summary, texts
from scipy import stats

import nuinfer
from nuinfer import plotting
from nuinfer.constraints import CONSTRAINTS, neff
from nuinfer.constraints.base import Constraint, Measurement
from nuinfer.errors import ConfigError
from nuinfer.plotting import corner_text, draws, plane, style
from nuinfer.plotting.density import highest_density
from nuinfer.plotting.figures import counts


@pytest.fixture(scope="module")
def full():
    """All eight parameters of the preset, for layout."""
    return nuinfer.load("hese7_icecube")


@pytest.fixture(scope="module")
def analysis(full):
    """The same with fixed nuisance parameters, for speed."""
    return full.with_overrides(FIXED)


@pytest.fixture(scope="module")
def samples(analysis):
    return importance_samples(analysis)


@pytest.fixture(scope="module")
def point(samples):
    return np.median(samples, axis=0)


@pytest.fixture(scope="module")
def summary(analysis, samples):
    return make_summary(analysis, samples)


@pytest.fixture(scope="module")
def run(analysis, samples, summary):
    return make_run(analysis, samples, summary)


def figures(analysis, samples, summary, point, width):
    yield "corner", plotting.plot_corner(analysis, samples, summary=summary, width_in=width)
    yield "region", plotting.plot_region(analysis, samples, best_fit=point, width_in=width)
    yield "counts", plotting.plot_counts(analysis, samples, best_fit=point, width_in=width)


# Layout and state


def test_no_pyplot_figure_and_no_setting_is_left_behind(analysis, samples, summary, point):
    from matplotlib import pyplot as plt

    before, settings = plt.get_fignums(), dict(mpl.rcParams)
    with mpl.rc_context({"lines.linewidth": 17.0}):  # the user's own settings do not leak in, and survive
        for _, figure in figures(analysis, samples, summary, point, style.PAGE_IN):
            assert max(line.get_linewidth() for line in figure.findobj(mpl.lines.Line2D)) < 3.0
        assert mpl.rcParams["lines.linewidth"] == 17.0
    assert plt.get_fignums() == before
    assert dict(mpl.rcParams) == settings


def test_importing_plotting_does_not_import_matplotlib():
    code = "import sys, nuinfer.plotting; sys.exit(any(m in sys.modules for m in ('matplotlib', 'corner', 'scipy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_axes_of_the_user_are_drawn_on(analysis, samples, point):
    figure = mpl.figure.Figure()
    left, right = figure.subplots(1, 2)
    assert plotting.plot_region(analysis, samples, best_fit=point, axes=left) is figure
    assert left.get_xscale() == "log"
    assert not right.has_data()
    assert left.get_legend() is not None
    panels = mpl.figure.Figure().subplots(1, 3)
    assert plotting.plot_counts(analysis, samples, best_fit=point, axes=list(panels)).axes == list(panels)
    empty = mpl.figure.Figure(figsize=(6, 6), layout="constrained")
    assert plotting.plot_corner(analysis, samples, parameters=("gamma", "phi_total"), figure=empty) is empty


# Draws


def test_best_fit_is_no_worse_than_any_draw_and_inside_the_prior(analysis, samples):
    best = draws.best_fit(analysis, samples)
    assert float(analysis.log_prob(best)) >= analysis.log_prob(samples).max()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((100, 3)), "must end in 5"),
        (np.zeros(5), "must end in 5"),
        (np.zeros((20, 5)), "too few"),
        (np.full((100, 5), np.nan), "NaN"),
    ],
)
def test_samples_that_cannot_be_drawn_are_refused(analysis, bad, message):
    for draw in (plotting.plot_corner, plotting.plot_region, plotting.plot_counts):
        with pytest.raises(ConfigError, match=message):
            draw(analysis, bad)


# Corner


def test_corner_shows_every_parameter_its_levels_and_its_prior(analysis, samples, summary):
    figure = plotting.plot_corner(analysis, samples, summary=summary)
    number = len(analysis.parameter_names) + 1  # the energy of the dip
    grid = np.array(figure.axes).reshape(number, number)
    dip = r"$\log_{10}(E_\mathrm{dip}/\mathrm{GeV})$"
    assert [axes.get_xlabel() for axes in grid[-1]] == [*analysis.parameter_labels.values(), dip]
    legend = figure.legends[0]
    assert legend.get_title().get_text() == "contours: credible 68, 95 % (HPD)"
    assert legend_entries(figure) == ["posterior", "prior"]
    gamma = analysis.parameter_names.index("gamma")
    assert [text.get_text() for text in grid[gamma, gamma].texts] == [corner_text.title(summary["parameters"]["gamma"])]
    coupling = analysis.parameter_names.index("log10_g_prime")
    assert [text.get_text() for text in grid[coupling, coupling].texts] == ["$<-3.21$ (95 %)"]
    assert any("prior from $-6.00$" in text for text in texts(figure))
    assert any("cm$^{-2}$" in text for text in texts(figure))

    prior = [patch for patch in grid[gamma, gamma].patches if isinstance(patch, mpl.patches.StepPatch)][-1]
    assert prior.get_data().values == pytest.approx(1.0 / 2.5, rel=0.1)  # uniform on [1.5, 4]
    for row in range(number):
        for axes in grid[row, : row + 1]:
            for axis in (axes.xaxis, axes.yaxis):
                assert axis.get_offset_text().get_text() == ""


def test_corner_contours_enclose_what_they_state(analysis):
    """Statistical: 68 and 95 % of a correlated Gaussian, not the 39 and 86 % of one and two sigma."""
    rng = np.random.default_rng(3)
    samples = np.tile(analysis.prior_transform(np.full(5, 0.5)), (40_000, 1))
    samples += 1e-3 * rng.normal(size=samples.shape)
    gamma, phi = (analysis.parameter_names.index(name) for name in ("gamma", "phi_total"))
    x, y = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.6], [0.6, 1.0]], len(samples)).T
    samples[:, gamma], samples[:, phi] = 2.8 + 0.2 * x, 8.0 + y
    figure = plotting.plot_corner(analysis, samples, parameters=("gamma", "phi_total"))
    lines = figure.axes[2].collections[-1]
    points = np.column_stack([samples[:, gamma], samples[:, phi]])
    shares = sorted(np.mean(path.contains_points(points)) for path in lines.get_paths())
    assert shares == pytest.approx([0.68, 0.95], abs=0.03)


def test_corner_overlays_share_ranges_and_are_told_apart(analysis, samples, summary):
    shifted = samples.copy()
    gamma = analysis.parameter_names.index("gamma")
    shifted[:, gamma] = np.clip(shifted[:, gamma] + 0.4, 1.5, 4.0)
    figure = plotting.plot_corner(
        analysis, samples, label="first", others={"second": (analysis, shifted)}, parameters=("gamma", "phi_total")
    )
    assert legend_entries(figure) == ["first", "second", "prior of first"]
    low, high = figure.axes[0].get_xlim()
    assert low <= np.quantile(samples[:, gamma], 0.001)
    assert high >= np.quantile(shifted[:, gamma], 0.999)
    assert low >= 1.5
    assert high <= 4.0
    histograms = [p for p in figure.axes[0].patches if isinstance(p, mpl.patches.Polygon)]
    assert len({p.get_edgecolor() for p in histograms}) == 2
    assert max(p.get_xy()[:, 1].max() for p in histograms) < figure.axes[0].get_ylim()[1]


def test_corner_of_runs_with_other_parameters_shows_what_they_share(analysis, samples):
    fixed = analysis.with_overrides(["parameters.gamma.value=2.8"])
    columns = [analysis.parameter_names.index(name) for name in fixed.parameter_names]
    figure = plotting.plot_corner(analysis, samples, label="a", others={"b": (fixed, samples[:, columns])})
    assert len(figure.axes) == 25  # four parameters and the energy of the dip
    with pytest.raises(ConfigError, match="gamma"):
        plotting.plot_corner(analysis, samples, others={"b": (fixed, samples[:, columns])}, parameters=("gamma",))


@pytest.mark.parametrize(
    ("entry", "title"),
    [
        ({"median": 2.8712, "hpd68": [2.68, 3.07]}, "$2.87^{+0.20}_{-0.19}$"),
        ({"median": 0.0512, "hpd68": [0.0142, 0.0805]}, "$0.051^{+0.029}_{-0.037}$"),
        ({"median": 151.2, "hpd68": [120.0, 190.0]}, "$151^{+39}_{-31}$"),
        ({"limit95": {"side": "lower", "value": 0.9551, "prior_floor": 1.7}}, "$>0.96$ (95 %)"),
    ],
)
def test_titles_have_the_digits_that_the_uncertainty_deserves(entry, title):
    assert corner_text.title(entry) == title


# Region


def test_density_keeps_its_height_at_the_edges_of_the_prior_and_of_an_exclusion():
    """Uniform draws in half of a box: flat up to its edges and the exclusion, zero beyond, and 68 % is 68 % of it."""
    rng = np.random.default_rng(5)
    points = rng.random((400_000, 2)) * [1.0, 0.5]
    box = np.array([[0.0, 1.0], [0.0, 1.0]])
    density = highest_density(points, box, lambda x, y: (y <= 0.5) & (x <= 1.0), effective=1000.0)
    inside = density.value[density.y <= 0.5]
    assert inside.min() > 0.9 * inside.max()
    assert np.all(density.value[density.y > 0.5] == 0.0)
    assert (density.x[0], density.x[-1], density.y[0]) == (0.0, 1.0, 0.0)
    # negative control: without the exclusion the edge is washed out
    leaking = highest_density(points, box, effective=1000.0)
    assert leaking.value[leaking.y <= 0.5].min() < 0.7 * leaking.value.max()


@pytest.mark.parametrize("centre", [0.5, 0.0])
def test_regions_hold_the_probability_they_state(centre):
    """Statistical, with independent draws: a Gaussian inside the box and one cut in half by its edge."""
    rng = np.random.default_rng(6)

    def gaussian(number):
        points = centre + 0.1 * rng.normal(size=(3 * number, 2))
        return points[np.all((points >= 0.0) & (points <= 1.0), axis=1)][:number]

    density = highest_density(gaussian(60_000), np.array([[0.0, 1.0], [0.0, 1.0]]))
    fresh = gaussian(20_000)
    columns = [
        np.searchsorted(axis, fresh[:, k]).clip(0, len(axis) - 1) for k, axis in enumerate((density.x, density.y))
    ]
    at = density.value[columns[1], columns[0]]
    shares = [np.mean(at >= threshold) for threshold in density.thresholds]
    assert shares == pytest.approx([0.68, 0.95], abs=0.02)


def pieces(above):
    """How many separate parts of the plane there are."""
    from scipy import ndimage

    return ndimage.label(above)[1]


def test_a_plateau_has_no_islands_and_a_hole_stays(monkeypatch):
    """Flat but for a quarter in which a fifth as much lies; without the rule the noise makes dozens of pieces."""
    rng = np.random.default_rng(8)
    points = rng.random((20_000, 2))
    kept = points[~(np.all(points > 0.5, axis=1) & (rng.random(20_000) < 0.8))]
    box = np.array([[0.0, 1.0], [0.0, 1.0]])

    def counted(points):
        density = highest_density(points, box)
        outer = [density.value > threshold for threshold in density.thresholds]
        return [(pieces(each), pieces(~each)) for each in outer], outer[1]

    ((_, _), (above, below)), region = counted(kept)
    assert (above, below) == (1, 1)
    corner = region[region.shape[0] // 2 + 32 :, region.shape[1] // 2 + 32 :]  # beyond the smoothing
    assert not corner.any()
    few = counted(points)[0]
    monkeypatch.setattr("nuinfer.plotting.density.NOISE", 0.0)
    monkeypatch.setattr("nuinfer.plotting.density.PLATEAU", 1.0)
    many = counted(points)[0]
    assert all(sum(one) < sum(other) / 2 for one, other in zip(few, many, strict=True))
    assert sum(few[1]) <= 2


@pytest.mark.parametrize("number", [2000, 50_000])
def test_regions_reach_the_edges_of_a_flat_prior_box(number):
    """Uniform draws: every region is a plateau, all of the box. With a density that rises along x it is x > x0.

    Independent: 1 - x0^2 = 0.68 and 0.95. Negative control: a kernel density that does not know the edges leaves out
    every corner of the box.
    """
    rng, box = np.random.default_rng(21), np.array([[0.0, 1.0], [0.0, 1.0]])
    points = rng.random((number, 2))
    flat = highest_density(points, box)
    assert all(np.all(flat.value >= threshold) for threshold in flat.thresholds)
    assert flat.held == (1.0, 1.0)
    assert flat.plateau
    assert flat.spread < 1.0

    rising = np.column_stack([np.sqrt(points[:, 0]), points[:, 1]])
    found = highest_density(rising, box)
    assert not found.plateau
    for threshold, level, held in zip(found.thresholds, (0.68, 0.95), found.held, strict=True):
        inside, width = found.value >= threshold, 1.0 - np.sqrt(1.0 - level)
        assert held == pytest.approx(level, abs=0.01)
        assert inside.mean() == pytest.approx(width, abs=0.04)
        assert inside[:, -1].all()  # the edge on the right
        assert [inside[0].mean(), inside[-1].mean()] == pytest.approx([width] * 2, abs=0.12)  # above and below

    some = points[:500]
    kernel = stats.gaussian_kde(some.T)
    threshold = np.quantile(kernel(some.T), 0.05)
    assert np.all(kernel([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]) < threshold)


def test_few_draws_keep_their_regions():
    """With 300 draws of a step nothing is three standard deviations high, and the regions still hold what they say."""
    rng = np.random.default_rng(9)
    points = rng.random((300, 2)) * [1.0, 0.5]
    density = highest_density(points, np.array([[0.0, 1.0], [0.0, 1.0]]))
    columns = [
        np.searchsorted(axis, points[:, k]).clip(0, len(axis) - 1) for k, axis in enumerate((density.x, density.y))
    ]
    at = density.value[columns[1], columns[0]]
    assert [np.mean(at >= threshold) for threshold in density.thresholds] == pytest.approx(density.held, abs=0.08)
    assert density.held[1] > 0.9


def limit(name, form, mean=0.0, sigma=1.0, bound=None):
    """A constraint whose observable is g'/1e-4, shown as the shipped one of its name."""
    known = CONSTRAINTS.shipped.get(name)
    shown = {"label": known.label, "colour": known.colour} if known else {}
    measured = Measurement("m", "r", mean, sigma, bound)
    return Constraint(name, form, measured, lambda m, g: g / 1e-4 + 0.0 * m, 0.0, **shown)


def crossings(axes, colour):
    """Couplings of the contour lines of one colour."""
    wanted = mpl.colors.to_rgba(colour)
    return [
        path.vertices[:, 1]
        for collection in axes.collections
        if isinstance(collection, mpl.contour.ContourSet) and not collection.filled
        if np.allclose(collection.get_edgecolor()[0], wanted)
        for path in collection.get_paths()
    ]


def test_region_draws_constraints_where_they_exclude(analysis, samples, point):
    """Known boundaries: g' = limit of an exclusion, mean + 1.96 sigma of a likelihood (both sides of a narrow band)."""
    constraints = (
        limit("borexino", "exclusion", bound=3.0),
        limit("neff", "one_sided"),
        limit("muon_g2", "two_sided", mean=5.0),
        limit("other", "exclusion", bound=1e9),
        limit("sn1987a", "exclusion", bound=-1.0),
    )
    figure = plotting.plot_region(analysis, samples, best_fit=point, constraints=constraints)
    axes = figure.axes[0]
    step = 10 ** (3.5 / 239)
    for name, expected in (
        ("borexino", [3e-4]),
        ("neff", [1.645e-4]),
        ("muon_g2", [(5 - 1.645) * 1e-4, (5 + 1.645) * 1e-4]),
    ):
        found = np.concatenate(crossings(axes, CONSTRAINTS.shipped[name].colour))
        for value in expected:
            assert np.any(np.abs(np.log(found / value)) < np.log(step)), name
        assert all(np.min(np.abs(np.log(np.array(expected) / f))) < np.log(step) for f in found), name
    entries = legend_entries(figure)
    assert "Borexino (m), exclusion" in entries
    assert {"external bounds, 95 % CL, one-sided:", r"$\Delta N_\mathrm{eff}$ (m)"} <= set(entries)
    assert "other (m), excludes nothing here" in entries
    assert "SN1987A (m), excludes all of this" in entries
    shaded = [
        c for c in axes.collections if isinstance(c, mpl.contour.ContourSet) and c.filled and c.get_alpha() == 0.12
    ]
    assert len(shaded) == 3
    borexino = shaded[0].get_paths()[0]
    assert borexino.contains_point((10.0, 1e-3))
    assert not borexino.contains_point((10.0, 1e-4))


def test_an_estimate_is_not_drawn_like_a_bound():
    """SN1987A alone is dashed, and called an estimate; which measurement a bound is stands beside it."""
    drawn = {c.name: (look, plane.whose(c)) for c, look in plane.looks(nuinfer.load("hese7").constraints)}
    assert [name for name, (look, _) in drawn.items() if look.line["ls"] == plane.ESTIMATE] == ["sn1987a"]
    assert drawn["sn1987a"][1] == "SN1987A (Hirata et al. 1987, estimate)"
    assert drawn["borexino"][1] == "Borexino (Agostini et al. 2017)"
    assert len({look.line["ls"] for look, _ in drawn.values()}) == 4


def test_there_is_no_star_where_there_is_no_best_fit(analysis, samples):
    """On the edge of the prior box, and on a plateau; a Gaussian inside has its star."""
    mass, coupling = (analysis.parameter_names.index(name) for name in ("log10_m_zprime_mev", "log10_g_prime"))
    rng, at = np.random.default_rng(2), np.median(samples, axis=0)
    at[mass], at[coupling] = 0.8, -4.0

    def entries(draws, best):
        figure = plotting.plot_region(analysis, draws, best_fit=best)
        return legend_entries(figure), [line for line in figure.axes[0].lines if line.get_marker() == "*"]

    peaked = np.tile(at, (4000, 1))
    peaked[:, [mass, coupling]] += 0.1 * rng.normal(size=(4000, 2))
    found, stars = entries(peaked, at)
    assert "best fit" in found
    assert stars[0].get_xydata() == pytest.approx(np.array([[10.0**0.8, 1e-4]]))
    edge = at.copy()
    edge[coupling] = -6.0
    found, stars = entries(peaked, edge)
    assert not stars
    assert "best fit on the edge of the prior:\n$m_{Z'}$ = 6.31 MeV, $g'$ = $10^{-6}$" in found
    flat = peaked.copy()
    flat[:, mass], flat[:, coupling] = 1.7 * rng.random(4000), -6.0 + 3.5 * rng.random(4000)
    found, stars = entries(flat, at)
    assert not stars
    assert "credible 68 % (HPD): a plateau, holds 100 %" in found
    assert any(entry.startswith(r"no single best fit: $\ln P$ changes") for entry in found)


def test_several_runs_have_a_colour_a_name_and_numbers_each(run, analysis, samples, summary, monkeypatch):
    make_quick(monkeypatch)
    other = make_run(analysis, samples[::-1], {**summary, "converged": False}, folder="chains/other")
    colours = [mpl.colors.to_rgba(colour) for colour in style.POSTERIORS[:2]]
    for kind, label in {"region": "{}: IceCube HESE", "spectrum": "{}: best fit", "counts": "{}: best fit"}.items():
        figure = plotting.plot(kind, run, other)
        (legend,) = figure.legends
        handles = {text.get_text(): each for text, each in zip(legend.get_texts(), legend.legend_handles, strict=True)}
        for name, colour in zip(("test", "other"), colours, strict=True):
            (entry,) = (each for text, each in handles.items() if text.startswith(label.format(name)))
            drawn = entry.get_color() if isinstance(entry, mpl.lines.Line2D) else entry.get_edgecolor()
            assert mpl.colors.to_rgba(drawn) == colour, kind
    said = [text for text in figure.axes[0].texts if text.get_text().startswith("predicted")]
    assert [mpl.colors.to_rgba(text.get_color()) for text in said] == colours
    beside = {"other": draws.Posterior(analysis, samples, None, other.summary())}
    corner = plotting.plot_corner(analysis, samples, others=beside, parameters=("gamma", "phi_total"))
    assert [mpl.colors.to_rgba(text.get_color()) for text in corner.axes[0].texts] == colours
    assert "other: not converged: preliminary" in texts(corner)


def test_runs_that_cannot_be_drawn_over_each_other_are_refused(run, analysis, samples, summary):
    """In one line that says what differs; a spectrum takes runs of any data."""

    def another(of):
        return make_run(of, samples, summary, folder="chains/another")

    fewer = analysis.with_overrides(["data.topologies=2"])
    fewer_bins = analysis.with_overrides(["data.min_deposited_energy_gev=158489.3192"])
    simulated = analysis.with_observed(analysis.observed_counts + 1.0)
    scalar = nuinfer.load("hese7_nutau_scalar")
    both = r"figure '{}': test and another cannot be drawn over each other: "
    for kind, of, why in (
        ("counts", nuinfer.load("hese12_icecube"), r"their data sets differ \(hese7; hese12\)"),
        ("counts", fewer, r"their topologies differ \(cascade, track, double_cascade; cascade, track\)"),
        ("counts", fewer_bins, r"their bins of deposited energy differ \(15 from 60 to 10000 TeV; 12 from "),
        ("counts", simulated, "their counts differ, as simulated ones do"),
        ("region", scalar, "the mediator of one is a vector, of the other a scalar"),
    ):
        with pytest.raises(ConfigError, match=both.format(kind) + why):
            plotting.plot(kind, run, another(of))


def test_region_axes_prior_box_best_fit_and_opaque_line(analysis, samples, point):
    figure = plotting.plot_region(analysis, samples, best_fit=point)
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == (r"$m_{Z'}$ [MeV]", r"$g'$")
    box = next(p for p in axes.patches if p.get_label() == "prior box").get_bbox()
    assert (box.x0, box.x1, box.y0, box.y1) == pytest.approx((1.0, 10**1.7, 1e-6, 10**-2.5))
    assert axes.get_xlim()[0] < box.x0 < box.x1 < axes.get_xlim()[1]
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert lines["best fit"][0] == pytest.approx(10.0 ** point[[0, 1]])
    mass, coupling = lines[r"$\tau(z=0) = 1$"].T
    # independent: 18 zeta(3) T^3/(H0 m^2) g^2/(12 pi) = 1 with the Planck values, in eV, and T^3 as far as g' heats it
    temperature, hubble = (
        8.617333262e-5 * 2.7255 * (4 / 11) ** (1 / 3),
        67.66e5 / 3.0856775814913673e24 * 6.582119569e-16,
    )
    expected = mass * 1e6 * np.sqrt(12 * np.pi * hubble / (18 * 1.2020569031595942 * temperature**3))
    hotter = (1.0 + neff.delta_neff(mass, coupling) / 3.044) ** 0.75
    assert coupling * np.sqrt(hotter) == pytest.approx(expected, rel=1e-9)
    entries = legend_entries(figure)
    assert entries[:2] == ["credible 68 % (HPD)", "credible 95 % (HPD)"]
    contour = next(c for c in axes.collections if isinstance(c, mpl.contour.ContourSet) and not c.filled)
    assert len(contour.levels) == 2
    for path in contour.get_paths():
        assert np.all(path.vertices[:, 1] <= box.y1 * (1 + 1e-9))
        assert np.all(path.vertices[:, 0] >= box.x0 * (1 - 1e-9))


def test_region_of_exclusions_does_not_leak_over_them(analysis, point):
    """A posterior piled up against an exclusion ends there."""
    rng = np.random.default_rng(8)
    constrained = Constrained(analysis, limit("borexino", "exclusion", bound=1.0))
    samples = np.tile(point, (20_000, 1))
    samples[:, 0] = rng.uniform(0.0, 1.7, len(samples))
    samples[:, 1] = -4.0 - np.abs(0.3 * rng.normal(size=len(samples)))
    axes = plotting.plot_region(constrained, samples, best_fit=point).axes[0]
    highest = max(np.max(line) for line in crossings(axes, style.BLUE))
    assert highest == pytest.approx(1e-4, rel=0.03)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.absorption=false", "model.absorption = false"),
        ("parameters.log10_g_prime.value=-4", "log10_g_prime is fixed"),
    ],
)
def test_region_without_mass_or_coupling_is_refused(analysis, samples, override, message):
    other = analysis.with_overrides([override])
    with pytest.raises(ConfigError, match=message):
        plotting.plot_region(other, samples)


# Counts


def test_garwood_intervals_are_those_of_the_definition():
    """Definition: the ends leave (1 - 0.6827)/2 of a Poisson distribution beyond the observed number."""
    n = np.array([0, 1, 2, 7, 43])
    low, high = counts.garwood(n)
    tail = (1.0 - 0.6827) / 2.0
    assert stats.poisson.cdf(n, high) == pytest.approx(tail, rel=1e-9)
    assert stats.poisson.sf(n[1:] - 1, low[1:]) == pytest.approx(tail, rel=1e-9)
    assert low[0] == 0.0


def test_counts_draws_data_bands_and_backgrounds(analysis, samples, point):
    figure = plotting.plot_counts(analysis, samples, best_fit=point)
    assert len(figure.axes) == len(analysis.topologies)
    entries = legend_entries(figure)
    for entry in (
        "posterior predictive, central 95 %",
        "posterior predictive, central 68 %",
        "expected, credible 68 % (central)",
        "best fit, all together",
        "observed, 68 %",
    ):
        assert entry in entries
    assert "muons, median, not stacked" in entries
    assert "prompt, median, not stacked" not in entries  # its norm is fixed to zero
    assert figure.axes[0].get_ylabel() == "events per bin"
    for row, axes in enumerate(figure.axes):
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert axes.get_xlabel() == "deposited energy [TeV]"
        assert axes.get_ylim() == figure.axes[0].get_ylim()
        assert axes.get_xlim() == pytest.approx(analysis.bin_edges_gev[[0, -1]] / 1e3)
        steps = {p.get_label(): p.get_data() for p in axes.patches if isinstance(p, mpl.patches.StepPatch)}
        fit = steps["best fit, all together"]
        assert fit.values == pytest.approx(analysis.expected_counts(point)[row])
        assert fit.edges == pytest.approx(analysis.bin_edges_gev / 1e3)
        wide, narrow = steps["posterior predictive, central 95 %"], steps["posterior predictive, central 68 %"]
        assert np.all(wide.values >= narrow.values)
        assert np.all(wide.baseline <= narrow.baseline)
        for name, label in (("muon", "muons"), ("conventional", "conventional"), ("astro", "astrophysical")):
            own = np.median(analysis.components(samples)[name][:, row], axis=0)
            assert steps[f"{label}, median, not stacked"].values == pytest.approx(own, rel=0.05, abs=1e-4)
        observed = analysis.observed_counts[row]
        data, empty = axes.containers
        assert data.lines[0].get_ydata() == pytest.approx(observed[observed > 0])
        assert empty.lines[0].get_ydata() == pytest.approx(np.full(np.sum(observed == 0), counts.garwood(0)[1]))
        assert f"observed {observed.sum():.0f}" in [text.get_text() for text in axes.texts]
        assert axes.get_ylim()[1] > counts.garwood(observed)[1].max()


def test_predictive_band_includes_poisson_fluctuations_and_is_reproducible(analysis, point):
    """Draws at one point: the band is that of the Poisson distribution, the band of the expectation has no width."""
    same = np.tile(point, (2000, 1))
    first, again = (plotting.plot_counts(analysis, same, best_fit=point) for _ in range(2))
    steps = [{p.get_label(): p.get_data() for p in f.axes[0].patches} for f in (first, again)]
    band = steps[0]["posterior predictive, central 95 %"]
    assert np.array_equal(band.values, steps[1]["posterior predictive, central 95 %"].values)
    mean = analysis.expected_counts(point)[0]
    assert np.all(np.abs(band.values - stats.poisson.ppf(0.975, mean)) <= 1.0)
    assert np.all(np.abs(band.baseline - stats.poisson.ppf(0.025, mean)) <= 1.0)
    expected = steps[0]["expected, credible 68 % (central)"]
    assert expected.values == pytest.approx(expected.baseline)


# Kinds and files


@pytest.mark.parametrize("chosen", [("counts", "pulls"), pytest.param(None, marks=pytest.mark.slow)])
def test_save_all_writes_every_kind_in_every_format(run, tmp_path, monkeypatch, chosen):
    make_quick(monkeypatch)
    written = plotting.save_all(run, tmp_path / "figures", formats=("pdf", "svg"), kinds=chosen)
    every = tuple(name for name, kind in plotting.KINDS.items() if kind.of == "run")
    kinds = tuple(kind for kind in every if kind not in ("leave_one_out", "flux_points"))  # no constraint, and counts
    assert plotting.kinds_of(run) == kinds
    assert [path.name for path in written] == [f"{k}.{f}" for k in chosen or kinds for f in ("pdf", "svg")]
    for path in written:
        content = path.read_bytes()
        assert content.startswith({".pdf": b"%PDF", ".svg": b"<?xml"}[path.suffix])
        if path.suffix == ".pdf":
            assert b"/FontFile2" in content  # TrueType, embedded
            assert b"/Type3" not in content
            assert b"/CreationDate" not in content


def test_files_say_what_they_are_drawn_from_and_are_the_same_twice(analysis, tmp_path):
    """Version, data and hash in the metadata of every format, and no date."""
    figures = [plotting.plot("bounds", analysis, width_in=style.COLUMN_IN) for _ in range(2)]
    for ending in ("pdf", "png", "svg"):
        one, other = (style.save(figure, tmp_path / f"bounds.{ending}").read_bytes() for figure in figures)
        assert one == other
        for said in (f"nuinfer {nuinfer.__version__}", "IceCube HESE, 7.5 years", analysis.config_hash):
            assert said.encode() in one


def test_figures_of_an_unconverged_run_say_so(run, analysis, samples, summary, monkeypatch):
    make_quick(monkeypatch)
    unfinished = make_run(analysis, samples, {**summary, "converged": False})
    for kind in ("corner", "counts"):
        assert style.NOT_CONVERGED in texts(plotting.plot(kind, unfinished))
    assert style.NOT_CONVERGED not in texts(plotting.plot("counts", run))


def test_bad_kinds_formats_and_numbers_of_runs_are_refused(run, tmp_path):
    with pytest.raises(ConfigError, match="figure: 'corn' is not one of corner, region, counts, "):
        plotting.plot("corn", run)
    with pytest.raises(ConfigError, match="format 'eps' of a figure: allowed are pdf, png, svg"):
        plotting.save_all(run, tmp_path / "figures", formats=("pdf", "eps"))
    assert not (tmp_path / "figures").exists()
    with pytest.raises(ConfigError, match="it shows one; several can be drawn by corner, region, counts, spectrum"):
        plotting.plot("pulls", run, run)
    with pytest.raises(ConfigError, match="given twice"):
        plotting.plot("corner", run, run)
    with pytest.raises(ConfigError, match=r"width_in: 0\.5"):
        plotting.plot("counts", run, width_in=0.5)


def test_corner_of_several_runs_is_labelled_by_their_folders(run, analysis, samples, summary):
    other = make_run(analysis, samples, summary, folder="chains/other")
    assert legend_entries(plotting.plot("corner", run, other)) == ["test", "other", "prior of test"]


def test_a_run_without_mediator_has_no_region(analysis, samples, summary, tmp_path):
    standard = analysis.with_overrides(["model.absorption=false"])
    columns = [analysis.parameter_names.index(name) for name in standard.parameter_names]
    run = make_run(standard, samples[:, columns], summary)
    assert not {"region", "leave_one_out", "depth"} & set(plotting.kinds_of(run))
    written = plotting.save_all(run, tmp_path, formats=("png",), kinds=("region", "counts"))
    assert [path.name for path in written] == ["counts.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
