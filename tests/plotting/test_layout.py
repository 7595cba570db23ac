"""Every figure at both widths and in both looks: no text is cut off, none lies over another."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pytest
from plotting_checks import importance_samples, make_quick, make_run, make_summary, overlaps, texts

import nuinfer
from nuinfer import plotting
from nuinfer.cli import main
from nuinfer.errors import ConfigError
from nuinfer.plotting import style

LAYOUTS = [(width, look) for width in (style.COLUMN_IN, style.PAGE_IN) for look in style.LOOKS]
CROWDED = ("corner", "counts", "flux_points", "leave_one_out", "flavour_triangle", "rank")


@pytest.fixture(scope="module")
def run():
    """The preset with all its parameters and constraints, for the most crowded figures."""
    analysis = nuinfer.load("hese7")
    samples = importance_samples(analysis, number=400, prior_draws=3000)
    return make_run(analysis, samples, make_summary(analysis, samples))


@pytest.fixture(scope="module")
def measured():
    """Flux points with constraints, for the figures that events do not have."""
    analysis = nuinfer.load("mese11")
    samples = importance_samples(analysis, number=400, prior_draws=3000)
    return make_run(analysis, samples, make_summary(analysis, samples))


def layouts():
    """Every figure in every layout; the most crowded ones, large letters in a column, are not slow."""
    for kind in (name for name, kind in plotting.KINDS.items() if kind.of == "run"):
        for width_in, look in LAYOUTS:
            quick = kind in CROWDED and (width_in, look) == (style.COLUMN_IN, "talk")
            yield pytest.param(kind, width_in, look, marks=[] if quick else pytest.mark.slow)


@pytest.mark.parametrize(("kind", "width_in", "look"), list(layouts()))
def test_no_text_is_cut_off_or_lies_over_another(run, measured, kind, width_in, look, monkeypatch):
    make_quick(monkeypatch)
    figure = plotting.plot(kind, measured if kind == "flux_points" else run, width_in=width_in, look=look)
    assert figure.get_figwidth() == width_in
    assert overlaps(figure) == []


def several():
    """Every figure of several runs in every layout, one of them not slow."""
    for kind in plotting.SEVERAL:
        for width_in, look in LAYOUTS:
            quick = (kind, width_in, look) == ("region", style.COLUMN_IN, "talk")
            yield pytest.param(kind, width_in, look, marks=[] if quick else pytest.mark.slow)


@pytest.mark.parametrize(("kind", "width_in", "look"), list(several()))
def test_several_runs_fit_too(run, kind, width_in, look, monkeypatch):
    make_quick(monkeypatch)
    samples = run.samples().reshape(-1, run.samples().shape[-1])
    others = [make_run(run.analysis, samples, run.summary(), folder=f"chains/{name}") for name in ("one", "two")]
    assert overlaps(plotting.plot(kind, run, *others, width_in=width_in, look=look)) == []


@pytest.fixture(scope="module")
def studies(run):
    """What the figures of studies are drawn from, as they see it."""
    samples = run.samples().reshape(-1, run.samples().shape[-1])
    hypothesis = SimpleNamespace(
        name="hese7",
        analysis=run.analysis,
        effective=300.0,
        weighted=(samples, np.zeros(len(samples))),
        log_likelihood=np.linspace(-9.0, -1.0, len(samples)),
        draws=lambda *_: samples,
    )
    comparison = SimpleNamespace(hypotheses=[hypothesis], best=hypothesis, ln_bayes_factor=lambda _: (-2.0, 0.2))
    ranks = {f"log10_m_zprime_mev {k}": np.linspace(0.0, 1.0, 50) for k in range(7)}
    detector = {"name": "hese7", "level": 0.95, "mediator": "vector", "effective_area_scale": 2.0}
    q = np.array([0.1, 0.4, 9.0])
    forecast = SimpleNamespace(
        at={"m_zprime_mev": 8.0, "g_prime": 1e-3},
        years=np.array([7.5, 15.0, 100.0]),
        statistics={"seen": q, "excluded": 2.0 * q},
        years_until=lambda _: (">", 100.0),
        **detector,
    )
    mass, limits = np.geomspace(3.0, 30.0, 6), np.outer([1.0, 2.0, 3.0, 5.0, np.inf], np.geomspace(1e-4, 1e-3, 6))
    band = SimpleNamespace(years=7.5, m_zprime_mev=mass, g_prime_max=3e-3, quantiles=lambda: limits, **detector)
    calibration = SimpleNamespace(ranks=ranks)
    given = {"comparison": comparison, "calibration": calibration, "forecast": forecast, "band": band}
    return {**given, "analysis": run.analysis}


STUDIES = [name for name, kind in plotting.KINDS.items() if kind.of not in ("run", "analysis")]


@pytest.mark.parametrize("kind", [*STUDIES, "bounds"])
def test_figures_of_studies_fit_too(studies, kind):
    for width_in, look in LAYOUTS[1:3]:  # a column of a talk, a page of a paper
        figure = plotting.plot(kind, studies[plotting.KINDS[kind].of], width_in=width_in, look=look)
        assert overlaps(figure) == [], (width_in, look)


def test_the_measure_of_a_layout_finds_what_is_wrong():
    """Negative control: a label beyond the edge, two texts at one place, ticks too close."""
    figure = mpl.figure.Figure(figsize=(2.0, 2.0))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xticks([0.5, 0.51], ["a long label", "another"])
    axes.set_yticks([])
    figure.text(0.5, 0.5, "one")
    figure.text(0.5, 0.5, "two")
    found = overlaps(figure)
    assert any(line.startswith("cut off: a long label") for line in found)
    assert any(line.startswith("over each other") for line in found)
    assert any(line.startswith("ticks over each other") for line in found)


def test_a_talk_has_larger_fonts_and_lines_at_the_same_width(run, monkeypatch):
    make_quick(monkeypatch)
    paper, talk = (plotting.plot("counts", run, look=look) for look in style.LOOKS)
    assert paper.get_figwidth() == talk.get_figwidth()
    ratio = style.LOOKS["talk"]
    for one, other in (
        (paper.axes[0].xaxis.label, talk.axes[0].xaxis.label),
        (paper.axes[0].texts[0], talk.axes[0].texts[0]),
    ):
        assert other.get_fontsize() == pytest.approx(ratio * one.get_fontsize())
    widths = [figure.axes[0].containers[0].lines[2][0].get_linewidth()[0] for figure in (paper, talk)]
    assert widths[1] == pytest.approx(ratio * widths[0])
    with style.context("talk"):
        inside = plotting.plot("counts", run)
    assert inside.axes[0].xaxis.label.get_fontsize() == talk.axes[0].xaxis.label.get_fontsize()
    with pytest.raises(ConfigError, match="style 'poster' of a figure: allowed are paper, talk"):
        plotting.plot("counts", run, look="poster")
    assert style.points(1.0) == 1.0


def test_the_style_sheet_prints(tmp_path):
    """Fonts are embedded as TrueType, SVG text is drawn as paths, colours are those of Okabe and Ito."""
    with style.context():
        assert mpl.rcParams["pdf.fonttype"] == 42
        assert mpl.rcParams["svg.fonttype"] == "path"
        assert mpl.rcParams["font.sans-serif"] == ["DejaVu Sans"]
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    okabe_ito = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"}
    assert {f"#{colour.removeprefix('#')}" for colour in cycle} == okabe_ito
    assert set(style.POSTERIORS) <= okabe_ito


def test_every_axis_has_a_unit_or_none_to_have(run, monkeypatch):
    make_quick(monkeypatch)
    for kind, labels in {
        "spectrum": {"energy at Earth [TeV]", r"$E^2\phi$ [TeV cm$^{-2}$ s$^{-1}$ sr$^{-1}$]"},
        "autocorrelation": {"autocorrelation time [steps]", "steps after burn-in"},
        "pulls": {r"(predicted − measured) / $\sigma$"},
    }.items():
        assert labels <= set(texts(plotting.plot(kind, run)))


@pytest.mark.parametrize("width_in", [style.COLUMN_IN, style.PAGE_IN])
@pytest.mark.parametrize("kind", ["fig3", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("fig1", "fig2"))])
def test_figures_of_the_paper_fit_too(kind, width_in):
    for look in style.LOOKS:
        figure = plotting.plot(kind, nuinfer.load("paper"), width_in=width_in, look=look)
        assert overlaps(figure) == [], look


def test_the_command_takes_a_style_and_a_width(tmp_path, capsys):
    """A PNG has 300 dots per inch: 3.4 inches are 1020 of them."""
    command = ["plot", "--kind", "fig3", "--format", "png", "--out", str(tmp_path)]
    assert main([*command, "--style", "talk", "--width", "3.4"]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'fig3.png'}\n"
    assert mpl.image.imread(tmp_path / "fig3.png").shape[1] == 1020
    assert main([*command, "--width", "99"]) == 2
    assert "width_in: 99.0 is not allowed, it must be from 2 to 20 inches" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--style", "poster"])
    assert stopped.value.code == 2
