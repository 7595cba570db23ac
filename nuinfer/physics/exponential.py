"""The exponential function, in a form that compilers vectorise: most of the time of a fit goes into it."""

import math

import numpy as np

from nuinfer.compiled import inlined

LIMIT = 700.0
"""Arguments beyond this on either side count as this."""

_LOG2_E = 1.0 / math.log(2.0)
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # their sum is ln 2 to 1e-30
_ROUND = 1.5 * 2.0**52  # added and taken off again, it rounds to an integer
_TERMS = tuple(1.0 / math.factorial(k) for k in range(14))  # on |r| < 0.35 to rounding


@inlined
def exponential(x: float) -> float:
    """e^x to two units in the last place: x = n ln 2 + r, a polynomial in r, and the bits of 2^n.

    Parameters
    ----------
    x : float
        Below `LIMIT`; NaN gives NaN.

    Examples
    --------
    >>> bool(abs(exponential(-1.5) / math.exp(-1.5) - 1.0) < 4e-16)
    True
    """
    bounded = -LIMIT if x < -LIMIT else (LIMIT if x > LIMIT else x)
    n = (bounded * _LOG2_E + _ROUND) - _ROUND
    r = (bounded - n * _LN2_HIGH) - n * _LN2_LOW
    p = _TERMS[13]
    for k in range(12, -1, -1):
        p = p * r + _TERMS[k]
    return p * np.int64((np.int64(n) + 1023) << 52).view(np.float64)
