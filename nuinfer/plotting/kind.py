"""What a figure says of itself: name and caption, what it is drawn from, and what it needs of that.

A figure is one file with one constant ``FIGURE = Kind(...)``: those of ``nuinfer.plotting.figures`` are found by
listing the folder, one of the user by its path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nuinfer.errors import ConfigError, NuinferError, warn_once
from nuinfer.plotting import style
from nuinfer.plotting.annotations import Figure
from nuinfer.plotting.draws import Posterior

Given = Literal["run", "analysis", "comparison", "calibration", "forecast", "band"]
"""What a figure is drawn from: a `Run`, an `Analysis`, or what a study gives."""

Need = Callable[[Any], str]
"""From an analysis (or what else a figure is drawn from) to what it lacks, empty if nothing."""

Alike = Callable[[Any, Any], str]
"""From two analyses to what keeps them from being drawn over each other, empty if nothing."""


@dataclass(frozen=True)
class Kind:
    """One kind of figure.

    Parameters
    ----------
    name : str
        What it is called; also the name of its files.
    caption : str
        What it shows, in a sentence or two.
    draw : callable
        ``draw(given, *others, width_in=...) -> Figure``; it is called inside `style.context`.
    of : str
        What is given, see `Given`.
    needs : tuple of callable
        What a run or an analysis must have for it.
    several : tuple of callable, optional
        In what runs must be alike to be drawn over each other; None for a figure of one run.
    diagnostic : bool
        Whether it shows the chains rather than what they say.
    quick : bool
        Whether a fit draws it at its end.
    marked : bool
        Whether a run that has not converged is marked on top by the scaffold; else the figure says so itself.
    data : tuple of str
        Folders of published data that it shows beside what is given; reports cite them.
    order : int
        Place among the others.
    """

    name: str
    caption: str
    draw: Callable[..., Figure]
    of: Given = "run"
    needs: tuple[Need, ...] = ()
    several: tuple[Alike, ...] | None = None
    diagnostic: bool = False
    quick: bool = False
    marked: bool = True
    data: tuple[str, ...] = ()
    order: int = 1000

    def lacks(self, given: Any) -> str:
        """What a run, an analysis, ... lacks for this figure, empty if nothing."""
        try:
            return next(filter(None, (need(analysis_of(given)) for need in self.needs)), "")
        except NuinferError as error:  # a run whose model is not to be had
            warn_once(f"some figures are left out: {error}")
            return str(error)

    def require(self, given: Any) -> None:
        """Refuse what cannot be drawn.

        Raises
        ------
        ConfigError
            If something is lacking.
        """
        if lacking := self.lacks(given):
            raise ConfigError(f"figure '{self.name}': {lacking}")

    def require_alike(self, *runs: Any) -> None:
        """Refuse runs that cannot be drawn over each other.

        Raises
        ------
        ConfigError
            If one of them is there twice, or differs from the first in what must be the same.
        """
        first, *others = names_of(runs)
        for name, other in zip(others, runs[1:], strict=True):
            differing = (alike(analysis_of(runs[0]), analysis_of(other)) for alike in self.several or ())
            if lacking := next(filter(None, differing), ""):
                both = f"figure '{self.name}': {first} and {name} cannot be drawn over each other"
                raise ConfigError(f"{both}: {lacking}")


def analysis_of(given: Any) -> Any:
    """The analysis of a run or of a hypothesis; anything else is what it is."""
    return getattr(given, "analysis", given)


def drawn_from(given: Any) -> str:
    """What a figure is drawn from, for its file: names, data, and the hash and seed that make it again."""
    if every := getattr(given, "hypotheses", ()):
        return "; ".join(map(drawn_from, every))
    record = getattr(given, "record", {})
    model = given.described if record else analysis_of(given)
    folder = f"run {given.folder.resolve().name} of " if record else ""
    said = [folder + str(record.get("analysis") or getattr(given, "name", "") or getattr(model, "name", ""))]
    if title := getattr(getattr(model, "dataset", None), "title", ""):
        said.append(f"data {title}" + ", other counts" * (getattr(model, "counts", None) is not None))
    if hash_of := record.get("config_hash", getattr(model, "config_hash", "")):
        said.append(f"configuration {hash_of}")
    if "seed" in record:
        said.append(f"seed {record['seed']}, sampled by nuinfer {record.get('versions', {}).get('nuinfer', '?')}")
    return ", ".join(filter(None, said))


def names_of(runs: Sequence[Any]) -> list[str]:
    """Names of run folders, or their paths where names repeat.

    Raises
    ------
    ConfigError
        If a run is there twice.
    """
    for names in ([run.folder.name for run in runs], [str(run.folder) for run in runs]):
        if len(set(names)) == len(names):
            return names
    raise ConfigError(f"figure: the same run is given twice ({', '.join(names)})")


def of_posterior(plot: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw runs by a function of the analysis, the draws and the best fit of the first, and of others by name."""

    def draw(run: Any, *others: Any, width_in: float = style.PAGE_IN) -> Figure:
        beside = overlaid(run, *others) if others else {}
        return plot(run.analysis, run.samples(), best_fit=run.best_fit, width_in=width_in, **beside)

    return draw


def overlaid(run: Any, *others: Any) -> dict[str, Any]:
    """The name of a run and, by name, `Posterior` of others, as functions of figures take them."""
    label, *names = names_of((run, *others))
    each = (Posterior(other.analysis, other.samples(), other.best_fit, other.summary()) for other in others)
    return {"label": label, "others": dict(zip(names, each, strict=True))}
