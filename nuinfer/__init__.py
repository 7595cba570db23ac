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
    from nuinfer.inference.campaign import Campaign, open_campaign, run_campaign
    from nuinfer.inference.comparison import compare
    from nuinfer.inference.comparison_result import Comparison
    from nuinfer.inference.executors import open_executor
    from nuinfer.inference.fit import fit
    from nuinfer.inference.forecast import Forecast, forecast
    from nuinfer.inference.forecast_band import Band, forecast_band
    from nuinfer.inference.run import Run, open_run

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
    "fit": "nuinfer.inference.fit",
    "Comparison": "nuinfer.inference.comparison_result",
    "compare": "nuinfer.inference.comparison",
    "Run": "nuinfer.inference.run",
    "open_run": "nuinfer.inference.run",
    "Campaign": "nuinfer.inference.campaign",
    "open_campaign": "nuinfer.inference.campaign",
    "run_campaign": "nuinfer.inference.campaign",
    "open_executor": "nuinfer.inference.executors",
    "Forecast": "nuinfer.inference.forecast",
    "forecast": "nuinfer.inference.forecast",
    "Band": "nuinfer.inference.forecast_band",
    "forecast_band": "nuinfer.inference.forecast_band",
}


def __getattr__(name: str) -> object:
    """Import the public names when they are first used, so that ``import nuinfer`` stays fast."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'nuinfer' has no attribute '{name}'")
