"""Cubic Hermite interpolation, the only kind of interpolation between tabulated values and slopes."""

from nuinfer.compiled import inlined


@inlined
def hermite(t: float) -> tuple[float, float, float, float]:
    """Weights of the values at the left and right end of an interval, and of the slopes per interval there.

    Parameters
    ----------
    t : float
        Place in the interval, 0 to 1.

    Examples
    --------
    >>> hermite(0.5)
    (0.5, 0.5, 0.125, -0.125)
    """
    right, rise = t * t * (3.0 - 2.0 * t), t * (1.0 - t)
    return 1.0 - right, right, rise * (1.0 - t), -rise * t
