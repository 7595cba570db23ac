"""The figures of a run by name: what each needs of it, and which of them it has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.plotting import style
from nuinfer.plotting.chains import plot_acceptance, plot_autocorrelation, plot_rank, plot_trace
from nuinfer.plotting.corner import plot_corner
from nuinfer.plotting.counts import plot_counts
from nuinfer.plotting.depth import plot_depth
from nuinfer.plotting.flavour_triangle import plot_flavour_triangle
from nuinfer.plotting.leave_one_out import LeftOut, plot_leave_one_out
from nuinfer.plotting.pulls import plot_pulls
from nuinfer.plotting.region import COORDINATES, mass_and_coupling, plot_region
from nuinfer.plotting.spectrum import plot_spectrum
from nuinfer.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Chains(Protocol):
    """State of the chains of a run."""

    @property
    def discard(self) -> int:
        """Steps of the burn-in."""
        ...

    @property
    def ess(self) -> FloatArray:
        """Effective sample size of each parameter."""
        ...


class PlottedRun(Protocol):
    """What figures need of a run; `nuinfer.inference.runs.run.Run` is one."""

    @property
    def folder(self) -> Path:
        """The run folder, whose name labels the run."""
        ...

    @property
    def analysis(self) -> Any:
        """The analysis that was sampled."""
        ...

    @property
    def verdict(self) -> Chains:
        """State of the chains."""
        ...

    @property
    def best_fit(self) -> FloatArray:
        """Point of highest posterior density, shape (n_dim,)."""
        ...

    @property
    def left_out(self) -> Mapping[str, LeftOut]:
        """Constraint to the posterior without it."""
        ...

    def samples(self, discard: int | None = None, thin: int | None = None) -> FloatArray:
        """Draws, shape (ensemble, step, walker, n_dim)."""
        ...

    def log_prob(self, discard: int | None = None, thin: int | None = None) -> FloatArray:
        """Log-probability of the draws, shape (ensemble, step, walker)."""
        ...

    def tau_against_length(self) -> tuple[IntArray, FloatArray]:
        """Lengths of the chains and autocorrelation times estimated from them."""
        ...

    def summary(self) -> dict[str, Any]:
        """Contents of ``summary.json``."""
        ...


class Kind(Protocol):
    """A figure of one run, over which others may be drawn."""

    def __call__(self, run: PlottedRun, *others: PlottedRun, width_in: float = style.PAGE_IN) -> Figure:
        """Draw it."""
        ...


class _Draw(Protocol):
    """A figure of one run."""

    def __call__(self, run: PlottedRun, *, width_in: float) -> Figure:
        """Draw it."""
        ...


def _corner(run: PlottedRun, *others: PlottedRun, width_in: float = style.PAGE_IN) -> Figure:
    first, *names = _labels(run, *others)
    return plot_corner(
        run.analysis,
        run.samples(),
        label=first,
        summary=run.summary(),
        others={name: (other.analysis, other.samples()) for name, other in zip(names, others, strict=True)},
        width_in=width_in,
    )


def _region(run: PlottedRun, *, width_in: float) -> Figure:
    mass_and_coupling(run.analysis)  # refuses before anything is read
    return plot_region(run.analysis, run.samples(), best_fit=run.best_fit, effective=_effective(run), width_in=width_in)


def _leave_one_out(run: PlottedRun, *, width_in: float) -> Figure:
    mass_and_coupling(run.analysis, "leave_one_out")
    return plot_leave_one_out(run.analysis, run.samples(), run.left_out, effective=_effective(run), width_in=width_in)


def _of_draws(draw: Any) -> _Draw:
    """A figure of an analysis and its posterior draws."""

    def figure(run: PlottedRun, *, width_in: float) -> Figure:
        drawn: Figure = draw(run.analysis, run.samples(), best_fit=run.best_fit, width_in=width_in)
        return drawn

    return figure


def _trace(run: PlottedRun, *, width_in: float) -> Figure:
    chain = np.concatenate([run.samples(0, 1), run.log_prob(0, 1)[..., None]], axis=-1)
    labels = [*run.analysis.parameter_labels.values(), "ln probability"]
    return plot_trace(chain, labels, discard=run.verdict.discard, width_in=width_in)


def _rank(run: PlottedRun, *, width_in: float) -> Figure:
    labels = list(run.analysis.parameter_labels.values())
    return plot_rank(run.samples(thin=1), labels, effective=run.verdict.ess, width_in=width_in)


def _autocorrelation(run: PlottedRun, *, width_in: float) -> Figure:
    labels = list(run.analysis.parameter_labels.values())
    return plot_autocorrelation(*run.tau_against_length(), labels, width_in=width_in)


def _acceptance(run: PlottedRun, *, width_in: float) -> Figure:
    return plot_acceptance(run.samples(0, 1), discard=run.verdict.discard, width_in=width_in)


def _alone(kind: str, draw: _Draw) -> Kind:
    """A figure that shows one run, marked on top if it has not converged."""

    def figure(run: PlottedRun, *others: PlottedRun, width_in: float = style.PAGE_IN) -> Figure:
        only_one(kind, others)
        drawn = draw(run, width_in=width_in)
        if not run.summary()["converged"]:
            with style.context():
                drawn.suptitle(style.NOT_CONVERGED, color=style.VERMILLION)
        return drawn

    return figure


_ALONE: Mapping[str, _Draw] = MappingProxyType(
    {
        "region": _region,
        "counts": _of_draws(plot_counts),
        "spectrum": _of_draws(plot_spectrum),
        "leave_one_out": _leave_one_out,
        "depth": _of_draws(plot_depth),
        "flavour_triangle": _of_draws(plot_flavour_triangle),
        "pulls": _of_draws(plot_pulls),
        "trace": _trace,
        "rank": _rank,
        "autocorrelation": _autocorrelation,
        "acceptance": _acceptance,
    }
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {"corner": _corner, **{kind: _alone(kind, draw) for kind, draw in _ALONE.items()}}
)
"""Name of a figure to the function that draws it from runs."""

QUICK = ("corner", "region", "counts")
"""Figures that a fit draws at its end."""


def kinds_of(run: PlottedRun) -> tuple[str, ...]:
    """The figures that a run has: some need absorption, a sampled mass and coupling, or constraints."""
    return tuple(kind for kind in KINDS if _has(run, kind))


def _has(run: PlottedRun, kind: str) -> bool:
    posterior = run.analysis.posterior
    if kind == "depth":
        return posterior.model.propagation is not None
    if kind not in ("region", "leave_one_out"):
        return True
    if posterior.model.propagation is None or not set(COORDINATES) <= set(run.analysis.parameter_names):
        return False
    return kind == "region" or bool(posterior.constraints)


def only_one(kind: str, others: tuple[PlottedRun, ...]) -> None:
    """Refuse several runs in a figure that shows one.

    Raises
    ------
    ConfigError
        If there are others.
    """
    if others:
        raise ConfigError(
            f"figure '{kind}': {1 + len(others)} runs given, it shows one; several can be drawn by corner"
        )


def _effective(run: PlottedRun) -> float:
    parameters = run.summary()["parameters"]
    return float(min(parameters[name]["ess"] for name in COORDINATES))


def _labels(*runs: PlottedRun) -> list[str]:
    """Names of the run folders, or their paths where names repeat."""
    names = [run.folder.name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.folder) for run in runs]
    if len(set(names)) < len(names):
        raise ConfigError(f"figure 'corner': the same run is given twice ({', '.join(names)})")
    return names
