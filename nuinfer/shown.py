"""An analysis in ten lines: what a prompt prints of it, and a notebook."""

from __future__ import annotations

import html
import textwrap
from typing import Any

import numpy as np

from nuinfer.config.tables import mediator_of
from nuinfer.physics.mediator import written

WIDTH = 96  # letters of a line


def facts_of(analysis: Any) -> dict[str, str]:
    """What it consists of, in words."""
    model, dataset = analysis.config.model, analysis.dataset
    edges = analysis.bin_edges_gev
    events = f", {np.sum(analysis.observed_counts):g} events" if dataset.kind == "counts" else ""
    matrix = model.couplings if isinstance(model.couplings, str) else written(mediator_of(model).given)
    path = f"relics {model.relic_neutrinos}, targets {model.targets}, {model.coherence}, masses {model.masses}"
    path += f", channels {model.channels}"
    forms = [f"{c.name} ({c.form}, {c.measurement.name})" for c in analysis.constraints]
    return {
        "data": f"{analysis.config.data.dataset}{' (replaced)' if analysis.counts else ''}: {dataset.kind} of "
        f"{', '.join(analysis.topologies)} in {len(edges) - 1} bins, {edges[0]:.4g} to {edges[-1]:.4g} GeV{events}",
        "sources": f"{model.source}, {model.spectrum}, evolution {model.evolution}",
        "mediator": f"{model.mediator}, couplings {matrix}" if analysis.absorbs else "none, nothing is absorbed",
        "transport": path if analysis.absorbs else "-",
        "constraints": ", ".join(forms) or "none",
        "parameters": f"{len(analysis.parameter_names)}: {', '.join(analysis.parameter_names)}",
        "terms": ", ".join(analysis.term_names),
        "hash": analysis.config_hash,
    }


def as_text(analysis: Any) -> str:
    """The same under its name, in short lines."""
    facts, lines = facts_of(analysis), [f"Analysis '{analysis.name}'"]
    wide = max(map(len, facts)) + 2
    for name, text in facts.items():
        lines += textwrap.wrap(text, WIDTH, initial_indent=f"  {name:<{wide}}", subsequent_indent=" " * (wide + 2))
    return "\n".join(lines)


def as_html(analysis: Any) -> str:
    """The same as a table."""
    cells = ((html.escape(name), html.escape(text)) for name, text in facts_of(analysis).items())
    rows = "".join(f'<tr style="text-align:left"><th>{name}</th><td>{text}</td></tr>' for name, text in cells)
    return f"<table><caption>Analysis {html.escape(analysis.name)}</caption>{rows}</table>"
