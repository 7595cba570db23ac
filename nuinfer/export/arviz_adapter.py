"""The only place that knows ArviZ.

Interval kind and probability are always explicit, containers are built with ``from_dict``, and the calls that differ
between ArviZ 0.23 (Python 3.11) and 1.x are written twice, here and nowhere else. Chains are independent ensembles,
never walkers: the walkers of one ensemble are not independent.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from nuinfer.errors import RunFolderError
from nuinfer.typing import AnyArray, FloatArray

BIN_DIMENSIONS = ["topology", "bin"]


@cache
def _arviz() -> Any:  # the library has no types; imported late, it is the slowest import there is
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the notice that ArviZ 0.23 prints when it is imported
        return importlib.import_module("arviz")


def _is_1x() -> bool:
    return int(_arviz().__version__.split(".")[0]) >= 1


def rhat(draws: FloatArray) -> float:
    """Rank-normalised split R-hat, the larger of bulk and tail.

    Vehtari et al. 2021, arXiv:1903.08008.

    Parameters
    ----------
    draws : array, shape (chain, draw)
        Draws of independent chains in the order in which they were made.

    Returns
    -------
    float
        NaN where it is not defined (a chain that is constant, or a single one).
    """
    if draws.shape[0] < 2 or draws.shape[1] < 4 or np.ptp(draws) == 0.0:
        return float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(_arviz().rhat(draws, method="rank"))


def psis_loo(log_likelihood: FloatArray, log_weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Leave-one-out by Pareto-smoothed importance sampling from weighted draws.

    Vehtari, Gelman and Gabry 2017, arXiv:1507.04544; the weights of the draws multiply the importance ratios.

    Parameters
    ----------
    log_likelihood : array, shape (draw, observation)
        Terms of the log-likelihood at draws of the posterior.
    log_weights : array, shape (draw,)
        Logarithms of the weights of the draws.

    Returns
    -------
    elpd, k : arrays, shape (observation,)
        ln of the predictive density of each observation given all others, and its Pareto k.
    """
    ratios = np.ascontiguousarray((log_weights[:, None] - log_likelihood).T)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a large k is the caller's business
        if _is_1x():
            smoothed, k = importlib.import_module("arviz_stats.base").array_stats.psislw(ratios, axis=-1)
        else:
            smoothed, k = _arviz().psislw(ratios)
    return special.logsumexp(np.asarray(smoothed) + log_likelihood.T, axis=1), np.array(k, float)


def inference_data(
    groups: Mapping[str, Mapping[str, AnyArray]],
    attributes: Mapping[str, str],
    coordinates: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """Container of ArviZ from named groups.

    Parameters
    ----------
    groups : mapping
        Group to variables of shape (chain, draw, ...); ``observed_data`` has no sample axes. Trailing axes are
        (topology, bin).
    attributes : mapping
        Stored with the whole.
    coordinates : mapping, optional
        Names along the trailing axes.

    Returns
    -------
    InferenceData or DataTree
        Whichever the installed ArviZ uses.
    """
    sampled = {name: array for group in groups.values() for name, array in group.items() if array.ndim > 2}
    dims = dict.fromkeys(sampled, BIN_DIMENSIONS) | dict.fromkeys(groups.get("observed_data", {}), BIN_DIMENSIONS)
    content = {group: dict(variables) for group, variables in groups.items() if variables}
    coords = {name: list(values) for name, values in (coordinates or {}).items()}
    if _is_1x():
        return _arviz().from_dict(content, dims=dims, coords=coords, attrs={"/": dict(attributes)})
    return _arviz().from_dict(**content, dims=dims, coords=coords, attrs=dict(attributes))


def write_netcdf(data: Any, path: Path) -> None:
    """Write a container to `path`, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        data.to_netcdf(str(temporary), engine="h5netcdf")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunFolderError(f"{path}: cannot be written ({error.strerror or error})") from error
