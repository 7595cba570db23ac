"""nuinfer: neutrino self-interactions through a light Z' from IceCube starting events.

    >>> import nuinfer
    >>> analysis = nuinfer.load("hese7")
    >>> len(analysis.parameter_names)
    8

``nuinfer.fit(analysis, "chains/my-run")`` samples the posterior, ``nuinfer.open_run`` reads it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nuinfer.analysis import Analysis, load
    from nuinfer.inference.fit import fit
    from nuinfer.inference.run import Run, open_run

__version__ = "0.1.0"
__all__ = ["Analysis", "Run", "fit", "load", "open_run"]

_HOMES = {
    "Analysis": "nuinfer.analysis",
    "load": "nuinfer.analysis",
    "fit": "nuinfer.inference.fit",
    "Run": "nuinfer.inference.run",
    "open_run": "nuinfer.inference.run",
}


def __getattr__(name: str) -> object:
    """Import the public names when they are first used, so that ``import nuinfer`` stays fast."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'nuinfer' has no attribute '{name}'")
