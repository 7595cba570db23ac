"""The compiled core run as plain Python: with ``NUMBA_DISABLE_JIT=1`` the same code gives the same numbers.

What is compiled in another way than Python would run it (an index out of bounds, an integer that overflows, a division
by zero, a type that changes on the way) shows as a difference.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nuinfer

CASES = {
    "hese7": ("hese7", (), 4),
    "coherent": ("hese7_icecube", ("model.coherence=coherent", "model.masses=degenerate", "model.source=pgamma"), 4),
    "cutoff": ("hese7_icecube", ("model.spectrum=cutoff", "model.source=free"), 1),
    "broken": ("hese7_icecube", ("model.spectrum=broken_power_law", "model.coherence=coherent"), 3),
    "single": ("hese7_icecube", ("model.evolution=single", "model.source_redshift=1.0", "model.mediator=scalar"), 3),
    "standard": ("hese7_icecube", ("model.absorption=false",), 3),
    "thermal": ("hese7_icecube", ("model.targets=thermal", "model.regeneration=false"), 1),
    "cascade": ("hese7_icecube", ("model.targets=thermal", "model.z_max=0.4"), 1),
}


def numbers(name):
    """Log-probabilities, terms and counts at a few points, by name."""
    preset, overrides, n_points = CASES[name]
    analysis = nuinfer.load(preset, overrides)
    theta = analysis.sample_prior(n_points, np.random.default_rng(12))
    found = {"log_prob": analysis.log_prob(theta), "counts": analysis.expected_counts(theta)}
    return found | analysis.log_terms(theta)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What this file prints when it is run without a compiler."""
    out = tmp_path_factory.mktemp("plain") / "numbers.npz"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, __file__, str(out)], env=environment, check=True, cwd=Path(__file__).parents[1])
    with np.load(out) as file:
        return dict(file)


@pytest.mark.parametrize("name", list(CASES))
def test_plain_python_gives_the_same(plain, name):
    assert plain["compiled"] == 0, "nothing was compiled there"
    compiled = numbers(name)
    assert np.all(np.isfinite(compiled["log_prob"]))
    for key, values in compiled.items():
        np.testing.assert_allclose(values, plain[f"{name}-{key}"], rtol=1e-12, atol=0.0, err_msg=key)


if __name__ == "__main__":
    from nuinfer.likelihood import log_factorials

    every = {f"{name}-{key}": values for name in CASES for key, values in numbers(name).items()}
    np.savez(sys.argv[1], compiled=hasattr(log_factorials, "py_func"), **every)
