"""The paper's figures: what is drawn is what was computed, at both widths, from the command line and without a run."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from nominal import FIXED

import nuinfer
from nuinfer.cli import main
from nuinfer.constraints import sn1987a
from nuinfer.errors import ConfigError
from nuinfer.plotting import plot, plot_fig1, plot_fig2, plot_fig3, style
from nuinfer.plotting.figures import fig1, fig2


@pytest.fixture(scope="module")
def analysis() -> nuinfer.Analysis:
    return nuinfer.load("paper")


def lines(axes, label: str):
    found = [line for line in axes.get_lines() if label in str(line.get_label())]
    assert found, label
    return found[0]


def shown_labels(axis):
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


@pytest.mark.parametrize("width", [style.COLUMN_IN, style.PAGE_IN])
@pytest.mark.parametrize("name", ["fig1", "fig2", "fig3"])
def test_nothing_reaches_over_the_figure_or_another_text(analysis, name: str, width: float) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = plot(name, analysis, width_in=width)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    parts = [t for axes in figure.axes for t in (axes.xaxis.label, axes.yaxis.label, *axes.texts)]
    ticks = [t for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for t in shown_labels(axis)]
    boxes = [part.get_window_extent(renderer) for part in (*parts, *figure.legends)]
    for box in (*boxes, *(t.get_window_extent(renderer) for t in ticks)):
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)


def test_fig1_counts_survival_and_argument(analysis) -> None:
    energy = np.array([2e5, 6e5, 7e5])
    models = fig1.curves(analysis, energy)
    standard, coherent, decoherent, blind = models
    # Above the resonance at 640 TeV nothing happens; below it the flavoured one keeps a third and more (Sec. III).
    for model in (coherent, decoherent, blind):
        assert model.survival[2] == pytest.approx(1.0, rel=1e-9)
        assert np.all(model.counts <= standard.counts * (1.0 + 1e-9))
    assert coherent.survival[1] > 1.0 / 3.0 > decoherent.survival[1] > blind.survival[1]
    # E^-2 at 0.95e-8 per flavour is 20.3 events, the 1.96 background events of arXiv:1405.5303 beside them.
    assert standard.counts.sum() == pytest.approx(20.26 + 1.83 + 0.13, rel=0.01)  # flavours are not equal to 1 %
    text = "\n".join(fig1.argument(analysis, models))
    assert "the paper: 2 expected, × 0.34 = 0.7" in text
    assert "447–891 TeV: 0 observed" in text
    for model, expected in ((standard, "2.7 (7%)"), (coherent, "2.3 (10%)"), (blind, "1.9 (14%)")):
        assert f"{model.label}: {expected}" in text
    figure = plot_fig1(analysis)
    drawn = next(patch for patch in figure.axes[0].patches if patch.get_label() == standard.label)
    np.testing.assert_allclose(drawn.get_data().values, standard.counts)


def test_regeneration_fills_the_dip(analysis) -> None:
    """The numbers of docs/paper.md: survival at 600 TeV and events in the gap, with the daughters of the Z'."""
    models = fig1.curves(analysis.with_overrides(["model.regeneration=true"]), np.array([6e5]))
    without = fig1.curves(analysis, np.array([6e5]))
    found = [round(float(m.survival[0]), 2) for m in (*models[1:3], *without[1:3])]
    assert found == [0.47, 0.21, 0.36, 0.05]
    text = "\n".join(fig1.argument(analysis, models))
    assert "decoherent: 2.2 (" in text
    assert "coherent: 2.4 (" in text


def test_what_the_dip_gains_in_likelihood(analysis) -> None:
    """The numbers of docs/paper.md, at the spectra that maximise ln L (found by a simplex search, checked around)."""
    free = analysis.with_overrides([f"constraints.{c.name}.form=off" for c in analysis.constraints] + list(FIXED))
    best = {}
    for name, change, gamma, phi in (
        ("none", "model.absorption=false", 2.582, 5.289),
        ("coherent", "model.coherence=coherent", 2.549, 5.658),
        ("decoherent", "model.coherence=decoherent", 2.527, 5.894),
    ):
        model = free.with_overrides([change])
        at = {"log10_m_zprime_mev": math.log10(8.0), "log10_g_prime": math.log10(5e-4), "m_nu_ev": 0.05}
        around = [(gamma, phi), *((gamma + dg, phi + df) for dg in (-0.1, 0.1) for df in (-0.3, 0.3))]
        points = [{**at, "gamma": g, "phi_total": f} for g, f in around]
        values = model.log_likelihood([[point[n] for n in model.parameter_names] for point in points])
        assert np.all(values[1:] < values[0])
        best[name] = float(values[0])
    assert best["coherent"] - best["none"] == pytest.approx(0.5, abs=0.05)
    assert best["decoherent"] - best["none"] == pytest.approx(0.7, abs=0.05)


def test_fig1_needs_a_mediator_and_degenerate_masses(analysis) -> None:
    for change in ("model.absorption=false", "model.masses=split"):
        with pytest.raises(ConfigError, match="figure 'fig1': it needs"):
            plot_fig1(analysis.with_overrides([change]))


def test_fig2_lines_are_the_bounds(analysis) -> None:
    figure = plot_fig2(analysis)
    (axes,) = figure.axes
    constraints = {c.name: c for c in analysis.constraints}
    mass, coupling = lines(axes, "limit").get_data()
    shift = constraints["muon_g2"].predict(np.asarray(mass), np.asarray(coupling))
    np.testing.assert_allclose(shift, 42.6, rtol=1e-9)
    from nuinfer.physics.absorption import optical_depth
    from nuinfer.physics.cosmology import PAPER

    for redshift in fig2.REDSHIFTS:
        mass, coupling = lines(axes, f"z = {redshift:g}) = 1").get_data()
        np.testing.assert_allclose(optical_depth(redshift, mass, coupling, PAPER), 1.0, rtol=1e-9)
    ends = [line.get_xdata()[0] for line in axes.get_lines() if line.get_color() == style.BLUE]
    np.testing.assert_allclose(ends, [6.32, 11.55], atol=0.01)
    assert lines(axes, "0.1").get_xdata()[0] == pytest.approx(9.76, abs=0.01)
    marked = {collection.get_gid(): collection for collection in axes.collections if collection.get_gid()}
    contours = {name: np.concatenate([path.vertices for path in c.get_paths()]) for name, c in marked.items()}
    assert set(contours) == {"borexino", "neff", "sn1987a"}
    for name, points in contours.items():
        assert len(points) > 100
        observable = constraints[name].predict(points[:, 0], points[:, 1])
        # linear interpolation on a grid of 300 points; N_eff has a step at g' = 1e-5
        off_step = np.abs(np.log(points[:, 1] / 1e-5)) > 0.1
        np.testing.assert_allclose(observable[off_step], constraints[name].limit, rtol=2e-3, atol=2e-3)


def test_fig2_needs_the_papers_exclusions(analysis) -> None:
    with pytest.raises(ConfigError, match=r"constraints\.neff\.form must be 'exclusion'"):
        plot_fig2(analysis.with_overrides(["constraints.neff.form=off"]))


def test_fig3_is_the_width_factor() -> None:
    (axes,) = plot_fig3().axes
    ratio, factor = lines(axes, "f_D").get_data()
    np.testing.assert_allclose(factor, sn1987a.width_factor(ratio))
    dilation = lines(axes, "K_1").get_ydata()
    assert np.all(np.asarray(dilation) >= np.asarray(factor) * 0.999)
    # Without blocking Bose statistics give 0.3878 at m = T; Boltzmann's K1/K2 is lower by its occupation, 0.370.
    assert float(np.interp(0.0, np.log(ratio), dilation)) == pytest.approx(0.370, abs=1e-3)


def test_command_line_without_a_run(tmp_path: Path, capsys) -> None:
    assert main(["plot", "--kind", "fig2", "--format", "svg", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "fig2.svg").stat().st_size > 1000
    assert main(["plot", "paper", "--kind", "fig3", "--format", "png", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "fig3.png").stat().st_size > 1000
    capsys.readouterr()
    for arguments, message in (
        (["plot"], "give a run folder; only bounds, fig1, fig2, fig3 need none"),
        (["plot", "paper", "hese7", "--kind", "fig1"], "fig1 shows one preset, not 2"),
        (["plot", "hese7", "--kind", "fig2", "--out", str(tmp_path)], "must be 'exclusion'"),
        (["plot", "nothing", "--kind", "fig2"], "neither a preset"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_a_run_can_be_given(analysis, tmp_path: Path) -> None:
    from types import SimpleNamespace

    run = SimpleNamespace(folder=tmp_path, analysis=analysis)
    assert math.isclose(plot("fig3", run).get_figwidth(), style.PAGE_IN)
    with pytest.raises(ConfigError, match="figure 'fig2': 2 runs given"):
        plot("fig2", run, run)
