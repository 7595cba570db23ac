"""The exponential function of the compiled core against the library's."""

from __future__ import annotations

import math

import numba
import numpy as np

from nuinfer.physics.exponential import LIMIT, exponential


@numba.njit(error_model="numpy", fastmath={"contract"})
def _loop(x, out):
    for k in range(x.size):
        out[k] = exponential(x[k])


def test_it_is_the_exponential_to_rounding():
    x = np.concatenate([np.linspace(-LIMIT, LIMIT, 200_001), np.linspace(-1.0, 1.0, 20_001)])
    got = np.empty_like(x)
    _loop(x, got)
    np.testing.assert_allclose(got, np.exp(x), rtol=5e-16)
    assert exponential(0.0) == 1.0


def test_far_away_it_is_bounded_and_nan_stays_nan():
    assert exponential(-math.inf) == exponential(-LIMIT) < 1e-300
    assert exponential(math.inf) == exponential(LIMIT) > 1e300
    assert math.isnan(exponential(math.nan))
