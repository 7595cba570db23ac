"""What the compiled functions of `nuinfer.transport.resonant` are given: the path, and room to work in."""

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from nuinfer.compiled import cut, inlined, phase, plain
from nuinfer.physics.spectra._emission import Emission
from nuinfer.transport.nodes import Nodes
from nuinfer.transport.points import Path, Points
from nuinfer.typing import FloatArray, IntArray


class Work(NamedTuple):
    """Workspace of a point.

    Parameters
    ----------
    nodes : Nodes
        Where populations are wanted.
    emission : Emission
        What is emitted beyond each resonance.
    order : ndarray, shape (target,)
        Targets in the order in which they are crossed.
    scales : ndarray, shape (target, 2)
        1/E_R and (pivot/E_R)^gamma, in that order.
    breaks : ndarray, shape (n_break,)
        ln E where the flux is not smooth.
    depth : ndarray, shape (node,)
        Depth of a crossing.
    here, there : ndarray, shape (channel, 3, node)
        Populations, and those in front of the last crossing.
    made, near : ndarray, shape (channel, node)
        Daughters made before a target and before the next.
    n_pieces : ndarray, shape (target,)
        Pieces of the tables of daughters made at each target; none for a target that is never crossed.
    ends : ndarray, shape (target, piece + 1)
        Their ends in x = ln(1+z): between them the absorbed flux is smooth.
    table : ndarray, shape (target, channel, piece * n, 12)
        f_p M_p in each interval, p = 0, 1, 2: the coefficients of a cubic in the place in the interval, 0 to 1.
    whole : ndarray, shape (target, channel, 3)
        f_p M_p of all pieces.
    slopes : ndarray, shape (6, n + 1)
        Changes of M_p per interval at the nodes of a piece, and M_p there.
    n_node : ndarray, shape (1,)
        Nodes that are placed.
    """

    nodes: Nodes
    emission: Emission
    order: IntArray
    scales: FloatArray
    breaks: FloatArray
    depth: FloatArray
    here: FloatArray
    there: FloatArray
    made: FloatArray
    near: FloatArray
    n_pieces: IntArray
    ends: FloatArray
    table: FloatArray
    whole: FloatArray
    slopes: FloatArray
    n_node: IntArray


@inlined
def _shapes(n_node: int, n_target: int, n_channel: int, n_kink: int, n_grid: int, n: int) -> Any:
    """Shapes of the arrays that a workspace consists of, those of integers last."""
    n_piece = ((n_target if n_grid == 1 else 1) + n_kink) if n > 0 else 0
    n_table = (n_piece * (n + 1) + 7) // 8 * 8  # rows begin alike in lines of the cache
    n_node = (max(n_node, n_piece * (n + 1)) + 8) // 8 * 8
    n_kept = n_channel if n > 0 else 0
    return (
        (7 + n_target, n_node), (n_channel, 3, n_node), (n_kept, 3, n_table), (2 * n_kept, n_node), (4, n_grid),
        (n_target, n_channel, n_piece * n, 12), (n_target, n_channel, 3), (n_target, n_piece + 1), (6, n + 1),
        (n_target, 2), (2 * (n_target + n_kink),), (4, n_target), (n_node,), (1,),
    )  # fmt: skip


_plain_shapes = plain(_shapes)


@cache
def _size(*sizes: int) -> int:
    return sum(math.prod(shape) for shape in _plain_shapes(*sizes))


def workspace_of(points: Points, path: Path, n_node: int) -> FloatArray:
    """Room for what points with `n_node` nodes at the most need, which `make_workspace` divides."""
    sizes = points.masses_ev.shape[1], points.source.shape[1], points.spectrum.ln_kinks.shape[0]
    return np.empty(_size(n_node, *sizes, path.shells.density.size, path.stencil.size))


@phase
def make_workspace(
    room: FloatArray, n_node: int, n_target: int, n_channel: int, n_kink: int, n_grid: int, n: int
) -> Work:
    """The workspace of a point, in the room of `workspace_of`."""
    s = _shapes(n_node, n_target, n_channel, n_kink, n_grid, n)
    at = 0
    rows, at = cut(room, at, s[0])
    here, at = cut(room, at, s[1])
    there, at = cut(room, at, s[2])
    made, at = cut(room, at, s[3])
    tables, at = cut(room, at, s[4])
    table, at = cut(room, at, s[5])
    whole, at = cut(room, at, s[6])
    ends, at = cut(room, at, s[7])
    slopes, at = cut(room, at, s[8])
    scales, at = cut(room, at, s[9])
    breaks, at = cut(room, at, s[10])
    lists, at = cut(room.view(np.intp), at, s[11])
    bins, at = cut(room.view(np.intp), at, s[12])
    n_placed, at = cut(room.view(np.intp), at, s[13])
    kept = made.shape[0] // 2
    nodes = Nodes(rows[0], rows[1], rows[2], rows[3], bins)
    emission = Emission(
        rows[0], rows[6, :n_target], lists[0], lists[1], rows[4], rows[7:], tables[:2], tables[2:], rows[6, n_target:]
    )
    return Work(
        nodes, emission, lists[2], scales, breaks, rows[5], here, there, made[:kept], made[kept:],
        lists[3], ends, table, whole, slopes, n_placed,
    )  # fmt: skip
