"""What a march of `nuinfer.transport.march_loop` works on and leaves behind: named tuples of arrays."""

from typing import NamedTuple

from nuinfer.transport.march_grid import Lattice, Smooth
from nuinfer.transport.march_step import Case, Medium
from nuinfer.typing import BoolArray, FloatArray


class Beams(NamedTuple):
    """What a march leaves behind.

    Parameters
    ----------
    births : ndarray, shape (channel, 3, line, n)
        Daughters born per step, but for those of `made`.
    made : ndarray, shape (target, channel, n)
        Mediators made at each resonance, per step in x.
    slow : ndarray, shape (3, line)
        Depth per step over the density of targets, of channels without resonance.
    crossed : ndarray, shape (3, target, line)
        Depth over that density and the integral of a Re S, of the interference.
    """

    births: FloatArray
    made: FloatArray
    slow: FloatArray
    crossed: FloatArray


class Room(NamedTuple):
    """Where a march works.

    Parameters
    ----------
    kernel : ndarray, shape (p, q, line, line)
        Daughters of a parent in a step, by the number of lines below.
    parents : ndarray, shape (p, line, n)
        What each step absorbed, per depth.
    wings, bent : ndarray, shape (target, line)
        Share of the resonance, and integral of a Re S, in a step, without the core.
    lost : ndarray, shape (2, 3, line)
        Depth per step over the density of targets, and how it grows from this step to the one above.
    is_cut : ndarray of bool, shape (line,)
        Whether a step is cut.
    """

    kernel: FloatArray
    parents: FloatArray
    wings: FloatArray
    bent: FloatArray
    lost: FloatArray
    is_cut: BoolArray


class Along(NamedTuple):
    """What a march meets along x.

    Parameters
    ----------
    thick, thicker : ndarray, shape (n,)
        Mean density of targets in a step, as depth, and how it grows outwards.
    emitted : ndarray, shape (n,)
        Share of the power law's flux that is emitted in a step.
    flux : ndarray, shape (line + n + 1,)
        The power law on each line.
    light : ndarray, shape (line + n + 1, n + 1)
        See `march`.
    at_once : ndarray, shape (channel,)
        Daughters of a parent in the middle of a step that are born in that step.
    below : ndarray, shape (channel, 3)
        Those that are born below it, by the power of their energy.
    """

    thick: FloatArray
    thicker: FloatArray
    emitted: FloatArray
    flux: FloatArray
    light: FloatArray
    at_once: FloatArray
    below: FloatArray


class Piece(NamedTuple):
    """What becomes of the three states in a piece of a step.

    Parameters
    ----------
    wings, loss, bent : ndarray, shape (3,)
        Depth over the density of targets, of resonances and of all channels, and how the rate changes over it.
    into : ndarray, shape (3, 3)
        Daughters of each state that are born at once.
    met, alive, mean, rest, gain : ndarray, shape (3,)
        On one path: density of targets, survival, the two means of `lost`, and what is born.
    """

    wings: FloatArray
    loss: FloatArray
    bent: FloatArray
    into: FloatArray
    met: FloatArray
    alive: FloatArray
    mean: FloatArray
    rest: FloatArray
    gain: FloatArray


class Beam(NamedTuple):
    """What is on its way, as a march goes from line to line.

    Parameters
    ----------
    now : ndarray, shape (channel, 3, n + 1)
        Populations at the ends of steps.
    add : ndarray, shape (channel, 3, n)
        Daughters born in a step, of parents above it.
    falling : ndarray, shape (channel, 3, n)
        Mediators made in the steps above, times powers of their energies over that of this line.
    taken : ndarray, shape (target, channel, n + 2)
        Mediators made just above each resonance, which have its energy.
    births, parents : ndarray
        Of `Beams` and `Room`.
    """

    now: FloatArray
    add: FloatArray
    falling: FloatArray
    taken: FloatArray
    births: FloatArray
    parents: FloatArray


Fixed = tuple[Case, Medium, Smooth, Lattice]
"""What does not change on the way."""
