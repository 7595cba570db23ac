"""What users bring is tried when an analysis is built: one line if it does not work."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from nuinfer.constraints.base import Constraint
from nuinfer.errors import ConfigError, NuinferError
from nuinfer.forward import ForwardModel
from nuinfer.physics.evolution import LogDensity
from nuinfer.typing import FloatArray, read_only

T = TypeVar("T")


BITS = 5
"""2^BITS corners of a box are tried; of up to 2^(BITS-1) parameters any three take every combination of ends there."""

END = 1e-9
"""Probability beyond what is tried as the end of a prior, which may be open."""


def corners(n_dim: int) -> FloatArray:
    """Some corners of the unit cube, shape (corner, n_dim), all of a small one.

    Columns are parities of odd numbers of the bits of a row's number: a two-level design of resolution four.

    Examples
    --------
    >>> corners(2).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """
    bits = min(BITS, n_dim)
    masks = sorted((m for m in range(1, 2**bits) if m.bit_count() % 2), key=lambda m: m.bit_count())
    columns = [masks[k % len(masks)] for k in range(n_dim)]
    return np.array([[(row & mask).bit_count() % 2 for mask in columns] for row in range(2**bits)], float)


def check_box(n_dim: int, prior_transform: Callable[[FloatArray], FloatArray], evaluate: Callable[..., Any]) -> None:
    """Refuse a prior in whose corners, or in whose middle, there is no number.

    Raises
    ------
    ConfigError
        Naming the term and the point.
    """
    cube = np.vstack([corners(n_dim), np.full(n_dim, 0.5)])
    try:
        evaluate(prior_transform(np.clip(cube, END, 1.0 - END)))
    except ConfigError:
        raise
    except NuinferError as error:
        raise ConfigError(f"the prior reaches points at which the model fails; narrow it: {error}") from error


def check_law(log_density: LogDensity, x: FloatArray) -> None:
    """Refuse a law that does not work, which can only be a user's."""
    given = _tried("model.evolution: its log_density failed", log_density, read_only(x))
    found = [np.asarray(values, float) for values in given]
    if [values.shape for values in found] != [x.shape] * 2 or not np.all(np.isfinite(found)):
        needed = f"(ln W, slope), finite and of the shape {x.shape} of ln(1+z)"
        raise ConfigError(f"model.evolution: its log_density must give {needed}")


def check_arguments(constraints: tuple[Constraint, ...], values: Mapping[str, FloatArray]) -> None:
    """Refuse a constraint on a value that this analysis does not have, or of a shape that is not that of a batch."""
    for constraint in constraints:
        where, missing = f"constraints.{constraint.name}", [n for n in constraint.arguments if n not in values]
        if missing:
            raise ConfigError(f"{where}: it depends on '{missing[0]}', which is none of {', '.join(sorted(values))}")
        if constraint.files:  # a user's; the shipped ones are not compiled before they are needed
            text = f"{where}: its predict failed on a batch of two points"
            term = _tried(text, constraint.log_term, *(values[name] for name in constraint.arguments))
            _tried(text, np.broadcast_to, term, (2,))


def check_functions(model: ForwardModel, values: Mapping[str, FloatArray]) -> None:
    """Refuse a source or a spectrum whose function does not work, which can only be a user's."""
    if model.composition.fractions is None:
        four = {name: np.repeat(value, 2) for name, value in values.items()}
        fractions = _tried("model.source: its species failed", model.composition.fractions_at, four)
        if fractions.shape not in ((4, 3), (4, 6)):
            shapes = f"gave shape {fractions.shape} for 4 points; it must be (4, 3) or (4, 6)"
            raise ConfigError(f"model.source: its species {shapes}")
        if not np.all(np.isfinite(fractions)):
            raise ConfigError("model.source: its species is negative or not finite in the centre of the prior")
    if model.spectrum.make is None:
        flux = _tried("model.spectrum: its log_shape failed", model.unabsorbed, values, np.array([1e5, 1e6]))
        if not np.all(np.isfinite(flux)):
            raise ConfigError("model.spectrum: its log_shape is not finite in the centre of the prior")


def _tried(what: str, function: Callable[..., T], *arguments: Any) -> T:
    """What a function that may be a user's gives; one line if it fails."""
    try:
        with np.errstate(all="ignore"):
            return function(*arguments)
    except NuinferError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{what}: {type(error).__name__}: {error}") from error
