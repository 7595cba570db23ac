"""The terms of the log-probability, in words."""

from __future__ import annotations

import html
from collections.abc import Iterator

import numpy as np

from nuinfer.explore.scene import Scene
from nuinfer.explore.state import State


def table(scene: Scene, state: State) -> str:
    """The terms of the log-probability, and what they differ by from the highest point seen."""
    best = state.best.terms if state.best else scene.terms
    rows = {**scene.terms, "sum": sum(scene.terms.values())}
    highest = {**best, "sum": sum(best.values())}
    less = {name: value - highest[name] if np.isfinite(value) else -np.inf for name, value in rows.items()}
    longest = max([1.0, *(abs(value) for value in less.values() if np.isfinite(value))])
    lines = []
    for name, value in rows.items():
        width = 100.0 * min(abs(less[name]) / longest, 1.0)
        bar = f'<i class="{"up" if less[name] > 0.0 else ""}" style="width: {width:.1f}%"></i>'
        cells = f"<td>{_number(value)}</td><td>{_number(less[name], '+')}</td>"
        lines.append(f'<tr><th scope="row">{html.escape(name)}</th>{cells}<td class="bar">{bar}</td></tr>')
    head = "<tr><th>term</th><th>ln P</th><th>less highest</th><th></th></tr>"
    below = "".join(f"<p>{html.escape(text)}</p>" for text in _sentences(scene, state))
    return f"<table><thead>{head}</thead><tbody>{''.join(lines)}</tbody></table>{below}"


def _sentences(scene: Scene, state: State) -> Iterator[str]:
    """Numbers of events, and where the dip is."""
    analysis = state.analysis
    if analysis.dataset.kind == "counts":
        expected = sum(scene.components.values(), start=np.zeros(1)).sum(axis=-1)
        each = zip(analysis.topologies, analysis.observed_counts.sum(axis=-1), expected, strict=True)
        yield "; ".join(f"{name.replace('_', ' ')} {seen:.0f} seen, {mean:.1f} expected" for name, seen, mean in each)
    if scene.derived:
        yield f"dip of the heaviest target at {10.0 ** (scene.derived['log10_e_res_gev'] - 3.0):.4g} TeV"


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.2f}" if np.isfinite(value) else "excluded"
