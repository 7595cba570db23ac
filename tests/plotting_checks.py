"""What the tests of figures share: posterior draws made quickly, a run that is not on disk, measures of a layout."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np

from nuinfer.inference.runs.summary import shortest_interval
from nuinfer.plotting import style


def importance_samples(analysis, number=4000, prior_draws=8000):
    """Posterior draws by resampling prior draws, a little blurred so that repeated ones are told apart."""
    rng = np.random.default_rng(7)
    prior = analysis.sample_prior(prior_draws, rng)
    log_prob = analysis.log_prob(prior) - analysis.log_prior(prior)
    weights = np.exp(log_prob - log_prob.max())
    picked = prior[rng.choice(prior_draws, number, p=weights / weights.sum())]
    low, high = analysis.prior_bounds.T
    return np.clip(picked + 0.05 * picked.std(axis=0) * rng.normal(size=picked.shape), low, high)


def make_summary(analysis, samples):
    parameters = {
        name: {"median": float(np.median(column)), "hpd68": shortest_interval(column, 0.68), "ess": 2000.0}
        for name, column in zip(analysis.parameter_names, samples.T, strict=True)
    }
    parameters["log10_g_prime"]["limit95"] = {"side": "upper", "value": -3.214, "prior_floor": -6.0}
    return {"converged": True, "parameters": parameters}


class FigureRun(SimpleNamespace):
    """A run as figures see it, told from others by identity as a real one."""

    __hash__ = object.__hash__


def make_run(analysis, samples, summary, folder="chains/test"):
    """A run as figures see it, of four ensembles."""
    n_dim = samples.shape[-1]
    chain = samples[: 4 * (len(samples) // 80) * 20].reshape(4, -1, 20, n_dim)
    lengths = np.array([20, 50, 100])
    return FigureRun(
        folder=Path(folder),
        analysis=analysis,
        described=analysis,
        samples=lambda *_, **__: chain,
        log_prob=lambda *_, **__: np.linspace(-60.0, -40.0, chain[..., 0].size).reshape(chain.shape[:3]),
        summary=lambda: summary,
        verdict=SimpleNamespace(discard=5, ess=np.full(n_dim, 2000.0)),
        tau_against_length=lambda: (lengths, np.tile(np.sqrt(lengths)[:, None, None], (1, 4, n_dim))),
        record={"seed": 1},
        best_fit=samples[0],
    )


class Constrained:
    """An analysis with constraints on (m_Z', g') of a test, as figures see it."""

    def __init__(self, analysis, *constraints):
        self.analysis_without, self.constraints = analysis, constraints

    def __getattr__(self, name):
        return getattr(self.analysis_without, name)

    def observables(self, theta):
        values = self.analysis_without.values(theta)
        return {c.name: c.predict(*(values[name] for name in c.arguments)) for c in self.constraints}


def make_quick(monkeypatch):
    """Fewer draws, on whose number what a test looks at does not depend."""
    monkeypatch.setattr("nuinfer.plotting.figures.corner.PRIOR_DRAWS", 4000)
    for kind in ("spectrum", "depth", "flavour_triangle", "counts", "pulls"):
        monkeypatch.setattr(f"nuinfer.plotting.figures.{kind}.MOST_DRAWS", 50)


def texts(figure):
    return [t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_visible() and t.get_text().strip()]


def legend_entries(figure):
    return [t.get_text() for legend in figure.findobj(mpl.legend.Legend) for t in legend.get_texts()]


def drawn(figure):
    """The figure after a draw at a low resolution, with the renderer that measures its texts."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with style.context():
        figure.set_dpi(80)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return canvas.get_renderer()


def shown_labels(axis):
    """Tick labels inside the limits of an axis; those outside are not drawn."""
    low, high = sorted(axis.get_view_interval())
    ticks = (*axis.get_major_ticks(), *axis.get_minor_ticks())
    labels = [label for tick in ticks if low <= tick.get_loc() <= high for label in (tick.label1, tick.label2)]
    return [label for label in labels if label.get_visible() and label.get_text().strip()]


def overlaps(figure):
    """What is wrong with the layout: texts cut off by the edge of the figure, or over each other."""
    renderer, wrong = drawn(figure), []
    panels = [axes for axes in figure.axes if axes.get_visible()]
    axises = [axis for axes in panels for axis in axes._axis_map.values()]
    ticks = [label for axis in axises for label in shown_labels(axis)]
    every = {
        id(label)
        for axis in axises
        for tick in (*axis.majorTicks, *axis.minorTicks)
        for label in (tick.label1, tick.label2)
    }
    free = [
        text for text in figure.findobj(mpl.text.Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in every
    ]  # fmt: skip
    in_legends = {id(text) for legend in figure.findobj(mpl.legend.Legend) for text in legend.findobj(mpl.text.Text)}
    placed = [text for text in free if id(text) not in in_legends] + list(figure.legends)
    size = figure.bbox
    for text in (*free, *ticks):
        box = text.get_window_extent(renderer)
        if min(box.x0, box.y0) < -0.5 or box.x1 > size.x1 + 0.5 or box.y1 > size.y1 + 0.5:
            wrong.append(f"cut off: {text.get_text()} {box}")
    for one, other in combinations(placed, 2):
        if over(one.get_window_extent(renderer), other.get_window_extent(renderer)):
            wrong.append(f"over each other: {one} {other}")
    for axis in axises:
        wrong += [
            f"ticks over each other: {a} {b}" for a, b in pairwise(shown_labels(axis)) if ticks_touch(a, b, renderer)
        ]
    for tick in ticks:
        wrong += [f"over a tick: {tick} {text}" for text in placed if not tick.get_rotation() and over(
            tick.get_window_extent(renderer), text.get_window_extent(renderer))]  # fmt: skip
    return wrong


def over(one, other, least=0.5):
    """Whether two boxes share more than a hair."""
    return (
        min(one.x1, other.x1) - max(one.x0, other.x0) > least and min(one.y1, other.y1) - max(one.y0, other.y0) > least
    )


def ticks_touch(one, other, renderer):
    """Whether neighbouring labels touch; of rotated ones, whether their lines of text do."""
    first, second = one.get_window_extent(renderer), other.get_window_extent(renderer)
    if not one.get_rotation() % 90.0:
        return over(first, second)
    apart = np.hypot(*(np.subtract(first.get_points().mean(axis=0), second.get_points().mean(axis=0))))
    return apart < one.get_fontsize() * one.figure.dpi / 72.0
