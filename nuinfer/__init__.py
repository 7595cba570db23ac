"""nuinfer: neutrino self-interactions through a light Z' from IceCube starting events.

    >>> import nuinfer
    >>> analysis = nuinfer.load("hese7")
    >>> len(analysis.parameter_names)
    9

``nuinfer.fit(analysis, "chains/my-run")`` samples the posterior, ``nuinfer.open_run`` reads it back;
``nuinfer.compare`` sets hypotheses against each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nuinfer.analysis import Analysis, load
    from nuinfer.inference.evidence.comparison import compare
    from nuinfer.inference.evidence.comparison_result import Comparison
    from nuinfer.inference.runs.run import Run, open_run
    from nuinfer.inference.sampling.fit import fit
    from nuinfer.inference.studies.campaign import Campaign, open_campaign, run_campaign
    from nuinfer.inference.studies.forecast import Forecast, forecast
    from nuinfer.inference.studies.forecast_band import Band, forecast_band
    from nuinfer.inference.work.executors import open_executor

__version__ = "0.1.0"
__all__ = [
    "Analysis",
    "Band",
    "Campaign",
    "Comparison",
    "Forecast",
    "Run",
    "compare",
    "fit",
    "forecast",
    "forecast_band",
    "load",
    "open_campaign",
    "open_executor",
    "open_run",
    "run_campaign",
]

_HOMES = {
    "Analysis": "nuinfer.analysis",
    "load": "nuinfer.analysis",
    "fit": "nuinfer.inference.sampling.fit",
    "Comparison": "nuinfer.inference.evidence.comparison_result",
    "compare": "nuinfer.inference.evidence.comparison",
    "Run": "nuinfer.inference.runs.run",
    "open_run": "nuinfer.inference.runs.run",
    "Campaign": "nuinfer.inference.studies.campaign",
    "open_campaign": "nuinfer.inference.studies.campaign",
    "run_campaign": "nuinfer.inference.studies.campaign",
    "open_executor": "nuinfer.inference.work.executors",
    "Forecast": "nuinfer.inference.studies.forecast",
    "forecast": "nuinfer.inference.studies.forecast",
    "Band": "nuinfer.inference.studies.forecast_band",
    "forecast_band": "nuinfer.inference.studies.forecast_band",
}


def __getattr__(name: str) -> object:
    """Import the public names when they are first used, so that ``import nuinfer`` stays fast."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'nuinfer' has no attribute '{name}'")
