"""Single steps of `nuinfer.transport.march`: how much is absorbed in one, near a resonance and elsewhere.

With a = s/M^2 the share of a resonance below a is 1/2 + arctan((a - 1)/(Gamma/M))/pi, exactly so in ln E, and the
integral of a Re S is ln |(a - 1)^2 + (Gamma/M)^2|/2. What lies next to the resonance, its core, is passed at once; what
lies outside, its wings, along the way.
"""

import math
from typing import NamedTuple

import numpy as np

from nuinfer.compiled import inlined, reordered, stretch
from nuinfer.physics.absorption import crossing_depth
from nuinfer.physics.exponential import exponential
from nuinfer.physics.mediator import neutrino_share
from nuinfer.physics.shells import fraction_beyond
from nuinfer.transport.points import Path
from nuinfer.typing import FloatArray, IntArray

FAR = 8.0
"""Widths from the resonance, beyond which a series serves for the arctangent."""

CORE = 4.0
"""Widths from the resonance to the end of its core."""

CLOSEST = 0.05
"""Steps from there to the end of the core at most, if steps are cut."""

INNER, OUTER, REACH = 4, 6, 4.0
"""Cuts on each side of a resonance: from its core to half a step, and from there to so many steps."""

GAUSS = 0.5 / math.sqrt(3.0)

STEEPEST = 1.5
"""Largest change of the rate over a step, relative to its mean, that is followed."""


class Medium(NamedTuple):
    """What lies between source and Earth, and what of it matters beside the resonance, the same for all points.

    Parameters
    ----------
    path : Path
        As of a resonance alone; its tables of absorbed flux are left out.
    exchange : float
        g^4/(16 pi M^2) over its strength, at unit coupling.
    width : float
        Width into neutrinos over mass at unit coupling.
    regenerate : bool
        Whether daughters are followed.
    """

    path: Path
    exchange: float
    width: float
    regenerate: bool


class Case(NamedTuple):
    """A point.

    Parameters
    ----------
    gamma : float
        Spectral index of the power law that everything is relative to.
    beyond, slope : ndarray, shape (n + 1,)
        What of its flux is emitted beyond the nodes of the shells, see `nuinfer.physics.shells.fill_beyond`.
    origin : ndarray, shape (channel, 3)
        Populations at the source.
    ln_res : ndarray, shape (target,)
        Logarithms of the energies of the resonances in GeV.
    depth, exchange : float
        Depth of a resonance for a unit entry of R over (1+z)^3 H0/H, and g^4/(16 pi M^2) over it.
    width, share, mass_mev : float
        Width over mass; share of decays into neutrinos; mass of the mediator.
    wide : bool
        Whether the wings of a resonance matter near it, and steps are cut there.
    """

    gamma: float
    beyond: FloatArray
    slope: FloatArray
    origin: FloatArray
    ln_res: FloatArray
    depth: float
    exchange: float
    width: float
    share: float
    mass_mev: float
    wide: bool


@inlined
def density(x: float, medium: Medium) -> float:
    """Targets that are met per x: (1+z)^3 H0/H."""
    return float(crossing_depth(1.0, math.exp(-3.0 * x), medium.path.omega_m, medium.path.omega_lambda))


@inlined
def mean_density(n: int, h: float, medium: Medium) -> float:
    """Mean of the density over a step."""
    middle = (n + 0.5) * h
    return 0.5 * (density(middle - GAUSS * h, medium) + density(middle + GAUSS * h, medium))


@inlined
def emitted_beyond(x: float, case: Case, medium: Medium) -> float:
    """Share of the power law's flux that is emitted beyond x; sources at one redshift are none of it."""
    x_max = medium.path.shells.x_max
    if case.beyond.size == 1 or x >= x_max:
        return 0.0
    return fraction_beyond(x, (case.beyond.size - 1) / x_max, case.beyond, case.slope)


@inlined
def passed(off: float, width: float) -> float:
    """Share of a resonance below a - 1 = `off`, less one half."""
    if abs(off) > FAR * width:
        z = width / off
        rest = (z - z * z * z * (1.0 / 3.0 - 0.2 * z * z)) / math.pi
        return (0.5 if off > 0.0 else -0.5) - rest
    return math.atan(off / width) / math.pi


@stretch
def in_core(core: float, width: float) -> float:
    """Share of the resonance in |ln a| < core."""
    return passed(math.expm1(core), width) - passed(math.expm1(-core), width)


@inlined
def wing(u: float, width: float, core: float, held: float) -> float:
    """Share of the resonance below ln a = u, less one half, without its core, which holds `held`."""
    below = passed(math.expm1(-core if abs(u) < core else u), width)
    return below - held if u >= core else below


@stretch
def lepton_excess(u: float, case: Case, medium: Medium) -> float:
    """Share by which a resonance absorbs more at ln a = u than its shape says: leptons have a phase space of theirs."""
    path = medium.path
    return case.share / neutrino_share(case.mass_mev * math.exp(0.5 * u), path.neutrinos, path.charged) - 1.0


@inlined
def dispersed(u: float, width: float, core: float) -> float:
    """Integral of a Re S up to ln a = u, without the core, where |S|^2 rules."""
    off = math.expm1(u if abs(u) >= core else math.copysign(core, u))
    return 0.5 * math.log(off * off + width * width)


@inlined
def dispersed_rate(u: float, width: float, core: float) -> float:
    """How fast `dispersed` rises."""
    a = math.exp(u)
    off = a - 1.0
    return 0.0 if abs(u) < core else off * a / (off * off + width * width)


@reordered
def place_cuts(h: float, width: float, wide: bool) -> tuple[FloatArray, float]:
    """Where steps are cut on both sides of a resonance, in ln E, itself in the middle, and the end of its core.

    If wings do not matter nothing is cut but at the resonance itself, and the core is half a step.
    """
    n_side = 1 + INNER + OUTER if wide else 0
    offsets, core = np.zeros(2 * n_side + 1), min(CLOSEST * h, CORE * width) if wide else 0.5 * h
    for m in range(n_side):
        if m <= INNER:
            offset = core * (0.5 * h / core) ** (m / INNER)
        else:
            offset = 0.5 * h * (2.0 * REACH) ** ((m - INNER) / OUTER)
        offsets[n_side + 1 + m], offsets[n_side - 1 - m] = offset, -offset
    return offsets, core


@inlined
def weights_between(t: float) -> tuple[float, float, float, float]:
    """Cubic interpolation at 0 < t < 1 between equidistant values at -1, 0, 1 and 2."""
    u = 1.0 - t
    edge, both = t * u / 6.0, 0.5 * (1.0 + t) * (1.0 + u)
    return -edge * (1.0 + u), both * u, both * t, -edge * (1.0 + t)


@stretch
def insert(value: float, what: int, n: int, values: FloatArray, kinds: IntArray) -> int:
    """Insert into the first `n` of a few decreasing values; returns how many there are now."""
    at = n
    while at > 0 and values[at - 1] < value:
        values[at], kinds[at] = values[at - 1], kinds[at - 1]
        at -= 1
    values[at], kinds[at] = value, what
    return n + 1


@inlined
def lost(depth: float) -> tuple[float, float, float]:
    """Survival of a step, its mean for what is born in it evenly, and what that loses over the depth."""
    if depth < 0.02:
        mean = 1.0 - depth * (0.5 - depth * (1.0 / 6.0 - depth * (1.0 / 24.0 - depth / 120.0)))
        rest = 0.5 - depth * (1.0 / 6.0 - depth * (1.0 / 24.0 - depth * (1.0 / 120.0 - depth / 720.0)))
        return 1.0 - depth * mean, mean, rest
    alive = exponential(-depth)
    mean = (1.0 - alive) / depth
    return alive, mean, (1.0 - mean) / depth


@stretch
def aged(depth: float, bend: float) -> tuple[float, float, float]:
    """Survival of a step, its mean for what is born in it evenly, and what is added if more is born at the far end.

    A distance s from the near end, 0 to 1, the rate is depth (1 + bend (s - 1/2)), to first order in the bend, and the
    third value is for births s - 1/2.
    """
    if depth < 0.3:
        mean = first = second = 0.0
        term = 1.0
        for k in range(9):
            mean += term / (k + 1)
            first += term / (k + 2)
            second += term / (k + 3)
            term *= -depth / (k + 1)
        alive = 1.0 - depth * mean
    else:
        alive = exponential(-depth)
        mean = (1.0 - alive) / depth
        first = (mean - alive) / depth
        second = (2.0 * first - alive) / depth
    return alive, mean + 0.5 * depth * bend * (first - second), first - 0.5 * mean


@inlined
def moment(p: int, high: float, low: float) -> float:
    """Integral of x^p."""
    return (high ** (p + 1) - low ** (p + 1)) / (p + 1)


@inlined
def near_share(p: int, middle: float, below: float, top: float) -> float:
    """Daughters x^p up to `top` that are given to a middle, as far as they lie above the one below it."""
    return (moment(p + 1, top, below) - below * moment(p, top, below)) / (middle - below)


@inlined
def far_share(p: int, middle: float, above: float, top: float) -> float:
    """Those that lie above the middle, up to `top`, as far as they are given to it and not to the one above it."""
    return (above * moment(p, top, middle) - moment(p + 1, top, middle)) / (above - middle)


@reordered
def decay_share(p: int, d: int, middle: float, ratio: float, end: float) -> float:
    """Daughters x^p of a mediator that are given to the middle in its own step, d = 0, or d steps below it.

    Its own step gets what has energies above its end, and the two next what then is left of number and energy.

    Parameters
    ----------
    p, d : int
        Power, steps.
    middle, ratio, end : float
        Energy of the middle in its own step over that of the mediator, of each middle over that above it, and of the
        end of its step.
    """
    one, two = middle * ratio, middle * ratio * ratio
    three = two * ratio
    if d > 2:
        here = middle * ratio**d
        return near_share(p, here, here * ratio, here) + far_share(p, here, here / ratio, here / ratio)
    own = moment(p, 1.0, end)
    if d == 0:
        return own
    first, second = near_share(p, middle, one, 1.0), near_share(p, one, two, one) + far_share(p, one, middle, 1.0)
    third = near_share(p, two, three, two) + far_share(p, two, one, one)
    number, energy = first + second + third - own, middle * (first - own) + one * second + two * third
    next_one = (energy - two * number) / (one - two)
    return next_one if d == 1 else number - next_one


@stretch
def solve_at_once(into: FloatArray, q: tuple[float, float, float], rest: FloatArray) -> tuple[float, float, float]:
    """What is born at once, b_m = sum_i into[i, m] (q_i + rest_i b_i), by Cramer's rule."""
    s0 = into[0, 0] * q[0] + into[1, 0] * q[1] + into[2, 0] * q[2]
    s1 = into[0, 1] * q[0] + into[1, 1] * q[1] + into[2, 1] * q[2]
    s2 = into[0, 2] * q[0] + into[1, 2] * q[1] + into[2, 2] * q[2]
    d0, d1, d2 = rest[0], rest[1], rest[2]
    a00, a01, a02 = 1.0 - into[0, 0] * d0, -into[1, 0] * d1, -into[2, 0] * d2
    a10, a11, a12 = -into[0, 1] * d0, 1.0 - into[1, 1] * d1, -into[2, 1] * d2
    a20, a21, a22 = -into[0, 2] * d0, -into[1, 2] * d1, 1.0 - into[2, 2] * d2
    c0, c1, c2 = a11 * a22 - a12 * a21, a12 * a20 - a10 * a22, a10 * a21 - a11 * a20
    scale = 1.0 / (a00 * c0 + a01 * c1 + a02 * c2)
    return (
        scale * (s0 * c0 + s1 * (a02 * a21 - a01 * a22) + s2 * (a01 * a12 - a02 * a11)),
        scale * (s0 * c1 + s1 * (a00 * a22 - a02 * a20) + s2 * (a02 * a10 - a00 * a12)),
        scale * (s0 * c2 + s1 * (a01 * a20 - a00 * a21) + s2 * (a00 * a11 - a01 * a10)),
    )
