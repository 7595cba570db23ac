"""nuinfer: neutrino self-interactions through a light Z' from IceCube starting events.

    >>> import nuinfer
    >>> analysis = nuinfer.load("hese7")
    >>> len(analysis.parameter_names)
    11

``nuinfer.fit(analysis, "chains/my-run")`` samples the posterior, ``nuinfer.open_run`` reads it back;
``nuinfer.compare`` sets hypotheses against each other, ``nuinfer.limit`` and ``nuinfer.significance`` ask for a Z',
``nuinfer.simulate`` draws data. Formulas are in ``nuinfer.physics`` and ``nuinfer.constraints``, figures in
``nuinfer.plotting``. In a terminal: ``nuinfer --help``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nuinfer.analysis import Analysis
    from nuinfer.inference.evidence.compare import Comparison, compare
    from nuinfer.inference.profile.search import BestFit, best_fit
    from nuinfer.inference.runs.run import Run, open_run
    from nuinfer.inference.sampling.fit import fit
    from nuinfer.inference.studies.campaign import Campaign, open_campaign, run_campaign
    from nuinfer.inference.studies.forecast import Band, Forecast, forecast, forecast_band
    from nuinfer.inference.studies.limits import Limits, limit
    from nuinfer.inference.studies.significance import Significance, significance
    from nuinfer.inference.work.executors import open_executor
    from nuinfer.inference.work.simulation import simulate
    from nuinfer.loading import load

__version__ = "0.1.0"
__all__ = ["Analysis", "Band", "BestFit", "Campaign", "Comparison", "Forecast", "Limits", "Run", "Significance"]
__all__ += ["best_fit", "compare", "fit", "forecast", "forecast_band", "limit", "load"]
__all__ += ["open_campaign", "open_executor", "open_run", "run_campaign", "significance", "simulate"]

_HOMES = {
    "analysis": ("Analysis",),
    "inference.evidence.compare": ("Comparison", "compare"),
    "inference.profile.search": ("BestFit", "best_fit"),
    "inference.runs.run": ("Run", "open_run"),
    "inference.sampling.fit": ("fit",),
    "inference.studies.campaign": ("Campaign", "open_campaign", "run_campaign"),
    "inference.studies.forecast": ("Band", "Forecast", "forecast", "forecast_band"),
    "inference.studies.limits": ("Limits", "limit"),
    "inference.studies.significance": ("Significance", "significance"),
    "inference.work.executors": ("open_executor",),
    "inference.work.simulation": ("simulate",),
    "loading": ("load",),
}

_PARTS = ("constraints", "physics", "plotting")


def __getattr__(name: str) -> object:
    """Import the public names when they are first used, so that ``import nuinfer`` stays fast."""
    from nuinfer.registry import imported

    for home, names in _HOMES.items():
        if name in names:
            return getattr(imported(f"nuinfer.{home}"), name)
    if name in _PARTS:
        return imported(f"nuinfer.{name}")
    raise AttributeError(f"module 'nuinfer' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*__all__, *_PARTS, *(name for name in globals() if name.startswith("__"))})
