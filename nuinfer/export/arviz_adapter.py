"""The only place that knows ArviZ: R-hat, Pareto smoothing, and a posterior as its container and netCDF file.

R-hat and Pareto smoothing are those of arviz-stats, which stands on numpy and scipy; the file is written with h5netcdf.
ArviZ itself, with xarray and pandas, is an extra that `inference_data` alone needs; the call that differs between
0.23 (Python 3.11) and 1.x is written twice, there and nowhere else. Chains are independent ensembles, never walkers:
the walkers of one ensemble are not independent.
"""

import functools
import io
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.named import Named
from nuinfer.private import give_matplotlib_a_place
from nuinfer.registry import imported
from nuinfer.typing import FloatArray

CHUNK = 512  # points per call of the model
OBSERVED = "observed_data"  # the group that has neither chains nor draws
WHERE, EXTRA = "ArviZ's container", "arviz"
_IMPORT = threading.Lock()


@functools.cache
def _arviz() -> Any:
    """The library, which has no types; imported late, it is the slowest import there is.

    When it is imported, ArviZ 0.23 prints a notice, and fails where it cannot write into the user's cache that it did,
    or another process writes there at the same time. It has no setting for that: while it is imported, the cache is a
    temporary folder.
    """
    give_matplotlib_a_place()
    folders = imported("platformdirs" if find_spec("arviz") else "arviz", WHERE, EXTRA)
    with _IMPORT, warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore", FutureWarning)
        usual = folders.user_cache_dir
        folders.user_cache_dir = lambda *_, **__: folder
        try:
            return imported("arviz", WHERE, EXTRA)
        finally:
            folders.user_cache_dir = usual


def prepare() -> Any:
    """The statistics of ArviZ, which have no types; imported while others are at work."""
    return imported("arviz_stats.base").array_stats


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
        return float(prepare().rhat(draws, method="rank", chain_axis=0, draw_axis=1))


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a large k is the caller's business
        smoothed, k = prepare().psislw(-log_ratios)  # of a log-likelihood, whose inverse is the ratio
    return np.asarray(smoothed, float), np.array(k, float)


@dataclass(frozen=True)
class Contents:
    """What a container holds.

    Parameters
    ----------
    groups : mapping
        Name of each group to its arrays by name; but for `OBSERVED` their first axes are chain and draw.
    axes : mapping
        Names of further axes of an array.
    labels : mapping
        Places along a further axis.
    attributes : mapping
        Where it comes from.
    """

    groups: Mapping[str, Mapping[str, FloatArray]]
    axes: Mapping[str, Sequence[str]]
    labels: Mapping[str, Sequence[str]]
    attributes: Mapping[str, str]

    def axes_of(self, group: str, name: str) -> tuple[str, ...]:
        """Names of the axes of an array."""
        return (*(() if group == OBSERVED else ("chain", "draw")), *self.axes.get(name, ()))


def contents(
    analysis: Analysis | Named, samples: FloatArray, stats: Mapping[str, FloatArray], *, prior_draws: int, seed: int
) -> Contents:
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
    """
    shape = samples.shape[0], samples.shape[1] * samples.shape[2]
    theta = samples.reshape(-1, samples.shape[-1])
    rng = np.random.default_rng(seed)
    attributes = {"config_hash": analysis.config_hash, "created_by": "nuinfer"}
    groups = {
        "posterior": _named(analysis, theta, shape),
        "sample_stats": {name: values.reshape(shape) for name, values in stats.items()},
    }
    axes: dict[str, Sequence[str]] = {}
    labels: dict[str, Sequence[str]] = {}
    if not isinstance(analysis, Named):
        terms = _in_chunks(analysis.data_terms, theta)
        simulated = _in_chunks(functools.partial(analysis.drawn, rng=rng), theta)
        groups |= {
            "prior": _named(analysis, analysis.sample_prior(prior_draws, rng), (1, prior_draws)),
            "log_likelihood": {"counts": terms.reshape(*shape, *terms.shape[1:])},
            "posterior_predictive": {"counts": simulated.reshape(*shape, *simulated.shape[1:])},
            OBSERVED: {"counts": np.asarray(analysis.observed_counts)},
        }
        bins = [f"{low:.0f}-{high:.0f} GeV" for low, high in analysis.dataset.bins_gev]
        axes, labels = {"counts": ["topology", "bin"]}, {"topology": list(analysis.topologies), "bin": bins}
    return Contents(groups, axes, labels, attributes)


def _in_chunks(function: Callable[[FloatArray], FloatArray], theta: FloatArray) -> FloatArray:
    return np.concatenate([function(theta[first : first + CHUNK]) for first in range(0, len(theta), CHUNK)])


def _named(analysis: Analysis | Named, theta: FloatArray, shape: tuple[int, int]) -> dict[str, FloatArray]:
    """Sampled parameters and derived quantities by name, each of a shape."""
    columns = dict(zip(analysis.parameter_names, theta.T, strict=True))
    derived = {name: values for name, values in analysis.derived(theta).items() if name not in columns}
    return {name: values.reshape(shape) for name, values in (columns | derived).items()}


def inference_data(held: Contents) -> Any:
    """A container of the installed ArviZ: InferenceData of 0.23, a DataTree of 1.x.

    Raises
    ------
    ConfigError
        If ArviZ is not installed.
    """
    where = {"dims": dict(held.axes), "coords": dict(held.labels)}
    if int(_arviz().__version__.split(".")[0]) >= 1:
        return _arviz().from_dict(held.groups, **where, attrs={"/": held.attributes})
    return _arviz().from_dict(**held.groups, **where, attrs=held.attributes)


def netcdf(held: Contents) -> bytes:
    """A container as a netCDF file, made in memory: HDF5 ends the whole process where it meets a full disk."""
    with io.BytesIO() as buffer:
        with imported("h5netcdf").File(buffer, "w") as file:
            file.attrs.update(held.attributes)
            for name, arrays in held.groups.items():
                group, sizes = file.create_group(name), dict[str, int]()
                for key, values in arrays.items():
                    sizes |= zip(held.axes_of(name, key), values.shape, strict=True)
                group.dimensions = sizes
                for axis, size in sizes.items():
                    places = np.array(held.labels.get(axis, range(size)))
                    kind = imported("h5py").string_dtype() if axis in held.labels else places.dtype
                    group.create_variable(axis, (axis,), kind, places.astype(kind))
                for key, values in arrays.items():
                    packed = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
                    group.create_variable(key, held.axes_of(name, key), values.dtype, values, **packed)
        return buffer.getvalue()
