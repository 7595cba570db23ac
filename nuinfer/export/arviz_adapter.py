"""The only place that knows ArviZ: R-hat, leave-one-out, and a posterior as its container.

Interval kind and probability are always explicit, containers are built with ``from_dict``, and the calls that differ
between ArviZ 0.23 (Python 3.11) and 1.x are written twice, here and nowhere else. Chains are independent ensembles,
never walkers: the walkers of one ensemble are not independent.
"""

import functools
import io
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from nuinfer.analysis import Analysis
from nuinfer.named import Named
from nuinfer.private import give_matplotlib_a_place
from nuinfer.registry import imported
from nuinfer.typing import FloatArray

CHUNK = 512  # points per call of the model
_IMPORT = threading.Lock()


@functools.cache
def _arviz() -> Any:
    """The library, which has no types; imported late, it is the slowest import there is.

    When it is imported, ArviZ 0.23 prints a notice, and fails where it cannot write into the user's cache that it did,
    or another process writes there at the same time. It has no setting for that: while it is imported, the cache is a
    temporary folder.
    """
    give_matplotlib_a_place()
    folders = imported("platformdirs")
    with _IMPORT, warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore", FutureWarning)
        usual = folders.user_cache_dir
        folders.user_cache_dir = lambda *_, **__: folder
        try:
            return imported("arviz")
        finally:
            folders.user_cache_dir = usual


def _is_1x() -> bool:
    return int(_arviz().__version__.split(".")[0]) >= 1


def prepare() -> None:
    """Import the library, while others are at work."""
    _arviz()


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
    smoothed, k = pareto_smoothed((log_weights[:, None] - log_likelihood).T)
    return special.logsumexp(smoothed + log_likelihood.T, axis=1), k


def pareto_smoothed(log_ratios: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pareto-smoothed importance weights.

    Vehtari et al. 2024, J. Mach. Learn. Res. 25, 72 (arXiv:1507.02646).

    Parameters
    ----------
    log_ratios : array, shape (n, draw)
        Logarithms of the importance ratios of the draws.

    Returns
    -------
    log_weights : array, shape (n, draw)
        Of sum one.
    k : array, shape (n,)
        Shape of the Pareto tail; the weights can be trusted below 0.7.
    """
    ratios = np.ascontiguousarray(log_ratios)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a large k is the caller's business
        if _is_1x():
            smoothed, k = imported("arviz_stats.base").array_stats.psislw(ratios, axis=-1)
        else:
            smoothed, k = _arviz().psislw(ratios)
    return np.asarray(smoothed, float), np.array(k, float)


def container(
    analysis: Analysis | Named, samples: FloatArray, stats: Mapping[str, FloatArray], *, prior_draws: int, seed: int
) -> Any:
    """Draws of a posterior and of the prior, pointwise likelihood, simulated and observed counts, for ArviZ.

    Parameters
    ----------
    analysis : Analysis or Named
        What was sampled; of names alone there are chains alone.
    samples : ndarray, shape (ensemble, step, walker, n_dim)
        Draws; the chains of the container are the ensembles.
    stats : mapping
        Log-probability ``lp`` and its terms, each of shape (ensemble, step, walker).
    prior_draws : int
        Draws of the prior.
    seed : int
        Of the prior draws and the simulated counts.

    Returns
    -------
    InferenceData or DataTree
        Whichever the installed ArviZ uses.
    """
    shape = samples.shape[0], samples.shape[1] * samples.shape[2]
    theta = samples.reshape(-1, samples.shape[-1])
    rng = np.random.default_rng(seed)
    attributes = {"config_hash": analysis.config_hash, "created_by": "nuinfer"}
    groups = {
        "posterior": _named(analysis, theta, shape),
        "sample_stats": {name: values.reshape(shape) for name, values in stats.items()},
    }
    axes: dict[str, Any] = {}
    if not isinstance(analysis, Named):
        terms = _in_chunks(analysis.data_terms, theta)
        simulated = _in_chunks(functools.partial(analysis.drawn, rng=rng), theta)
        groups |= {
            "prior": _named(analysis, analysis.sample_prior(prior_draws, rng), (1, prior_draws)),
            "log_likelihood": {"counts": terms.reshape(*shape, *terms.shape[1:])},
            "posterior_predictive": {"counts": simulated.reshape(*shape, *simulated.shape[1:])},
            "observed_data": {"counts": np.asarray(analysis.observed_counts)},
        }
        bins = [f"{low:.0f}-{high:.0f} GeV" for low, high in analysis.dataset.bins_gev]
        axes["dims"] = {"counts": ["topology", "bin"]}
        axes["coords"] = {"topology": list(analysis.topologies), "bin": bins}
    if _is_1x():
        return _arviz().from_dict(groups, **axes, attrs={"/": attributes})
    return _arviz().from_dict(**groups, **axes, attrs=attributes)


def _in_chunks(function: Callable[[FloatArray], FloatArray], theta: FloatArray) -> FloatArray:
    return np.concatenate([function(theta[first : first + CHUNK]) for first in range(0, len(theta), CHUNK)])


def _named(analysis: Analysis | Named, theta: FloatArray, shape: tuple[int, int]) -> dict[str, FloatArray]:
    """Sampled parameters and derived quantities by name, each of a shape."""
    columns = dict(zip(analysis.parameter_names, theta.T, strict=True))
    derived = {name: values for name, values in analysis.derived(theta).items() if name not in columns}
    return {name: values.reshape(shape) for name, values in (columns | derived).items()}


def netcdf(data: Any) -> bytes:
    """A container as a netCDF file, made in memory: HDF5 ends the whole process where it meets a full disk."""
    store = imported("xarray.backends.h5netcdf_").H5NetCDFStore
    sets = {name: data[name] for name in (list(data.children) if _is_1x() else data.groups())}
    with io.BytesIO() as buffer:
        with imported("h5netcdf").File(buffer, "w") as file:
            file.attrs.update(data.attrs)
            for name, group in sets.items():
                held = group.to_dataset() if _is_1x() else group
                packed = {key: {"zlib": True} for key, each in held.variables.items() if each.dtype.kind in "fiu"}
                held.dump_to_store(store(file.create_group(name)), encoding=packed)
        return buffer.getvalue()
