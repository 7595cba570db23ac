"""Figures say what they are: those of the package, found by listing their folder, and one of a file of the user."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import pytest
from plotting_checks import importance_samples, legend_entries, make_run, make_summary, overlaps, texts

import nuinfer
from nuinfer import plotting
from nuinfer.cli import main
from nuinfer.errors import ConfigError
from nuinfer.plotting import Kind, needs, style

OWN = '''
"""Energy of the dip against the mass of the mediator, draw by draw."""

from nuinfer.plotting import Kind, needs, sheet, style


def draw(run, *, width_in=style.PAGE_IN):
    """Draw it."""
    samples = run.samples().reshape(-1, len(run.analysis.parameter_names))
    derived = run.analysis.derived(samples)
    with sheet(None, width_in, (0.6 * width_in, 0.9 * width_in)) as drawn:
        energy_tev = 10.0 ** derived["log10_e_res_gev"] / 1e3
        drawn.panel.plot(derived["m_zprime_mev"], energy_tev, ".", color=style.BLUE, label="posterior")
        drawn.panel.set(xscale="log", yscale="log", xlabel="mass [MeV]", ylabel="dip [TeV]")
    return drawn.figure


FIGURE = Kind("dip", "Energy of the dip against the mass of the mediator.", draw, needs=(needs.absorption,))
'''


@pytest.fixture(scope="module")
def run():
    analysis = nuinfer.load("hese7_icecube")
    samples = importance_samples(analysis, number=200, prior_draws=2000)
    return make_run(analysis, samples, make_summary(analysis, samples))


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    return path


def test_every_figure_says_what_it_shows():
    """A sentence that the report can print, a name that a file can have, a `plot_*` of the package behind it."""
    for name, kind in plotting.KINDS.items():
        assert kind.caption[0].isupper()
        assert kind.caption.endswith(".")
        assert name == kind.name == name.lower()
    assert plotting.QUICK == ("corner", "region", "counts", "flux_points")
    functions = {name for name in dir(plotting) if name.startswith("plot_")}
    assert len(functions) == len(plotting.KINDS)
    assert all(callable(getattr(plotting, name)) for name in functions)
    with pytest.raises(AttributeError, match="no attribute 'plot_nothing'"):
        plotting.plot_nothing  # noqa: B018
    every = [(kind.of, kind.order) for kind in plotting.KINDS.values()]
    assert len(set(every)) == len(every)


def test_every_figure_is_on_the_page_of_figures():
    page = (Path(__file__).parents[2] / "docs" / "figures.md").read_text()
    assert [name for name in plotting.KINDS if f"\n### {name}\n" not in page and f"`{name}`" not in page] == []


def test_a_figure_of_the_user_gets_the_same_scaffold(run, own):
    figure = plotting.plot(str(own), run, width_in=style.COLUMN_IN)
    assert figure.get_figwidth() == style.COLUMN_IN
    assert legend_entries(figure) == ["posterior"]
    assert overlaps(figure) == []
    unfinished = SimpleNamespace(**{**vars(run), "summary": lambda: {"converged": False}})
    assert style.NOT_CONVERGED in texts(plotting.plot(str(own), unfinished))
    standard = SimpleNamespace(analysis=run.analysis.with_overrides(["model.absorption=false"]))
    with pytest.raises(ConfigError, match="figure 'dip': model\\.absorption = false"):
        plotting.plot(str(own), standard)
    with pytest.raises(ConfigError, match="figure 'dip': 2 runs given, it shows one"):
        plotting.plot(str(own), run, run)


def test_a_figure_of_the_user_from_the_command_line(run, own, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("nuinfer.inference.runs.run.open_run", lambda *_, **__: run)
    assert main(["plot", "chains/test", "--kind", str(own), "--format", "svg", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'dip.svg'}\n"
    assert (tmp_path / "dip.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "defines no FIGURE = Kind"),
        ("FIGURE = 3", "defines no FIGURE = Kind"),
        ("import nowhere_to_be_found", "cannot be loaded"),
    ],
)
def test_a_file_without_a_figure_is_refused(run, tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        plotting.plot(str(path), run)


def test_a_figure_of_a_study_is_none_of_a_run(capsys):
    assert main(["plot", "chains/test", "--kind", "calibration"]) == 2
    assert "plot: calibration is drawn of a calibration, not of a run" in capsys.readouterr().err


def test_needs_name_what_is_lacking():
    """From analyses as the needs see them."""
    names = ("log10_m_zprime_mev", "gamma")
    some = SimpleNamespace(absorbs=True, parameter_names=names, constraints=())
    none = SimpleNamespace(absorbs=False, parameter_names=("gamma",), constraints=(1,))
    kind = Kind("any", "", lambda: None, needs=(needs.absorption, needs.plane, needs.constraints))
    assert kind.lacks(some) == "parameters.log10_g_prime is fixed; it must be sampled"
    assert kind.lacks(SimpleNamespace(analysis=none)).startswith("model.absorption = false")
    assert needs.constraints(some)
    assert not needs.constraints(none)


@pytest.mark.parametrize("mine", [True, False])
def test_a_notebook_shows_a_figure_unless_its_user_says_how(monkeypatch, mine):
    """IPython knows figures once pyplot is used; ours come without it."""
    known = {"image/png": {mpl.figure.Figure} if mine else set()}
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters=known))
    told = []
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    tools = SimpleNamespace(select_figure_formats=lambda *given: told.append(given))
    monkeypatch.setitem(sys.modules, "IPython.core.pylabtools", tools)
    style.new_figure(3.0, 3.0)
    assert told == ([] if mine else [(shell, {"png"})])
