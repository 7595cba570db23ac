"""Limits on g' that are expected if there is no Z': medians and bands over simulated data sets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nuinfer.constants import SECONDS_PER_YEAR
from nuinfer.errors import ConfigError
from nuinfer.inference.studies.forecast import run_tables, standard_values, without_constraints
from nuinfer.typing import FloatArray

QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)


@dataclass(frozen=True)
class Band:
    """Limits on g' that are expected without a Z'.

    Parameters
    ----------
    name : str
        The analysis.
    level : float
        Confidence level of the limits.
    years : float
        Livetime.
    m_zprime_mev : array, shape (mass,)
        Masses.
    limits : array, shape (mass, n)
        Upper limit on g' of each simulated data set, infinite where every coupling of the prior is allowed.
    asimov : array, shape (mass,)
        Limit from the expected counts.
    g_prime_max : float
        Largest coupling of the prior.
    effective_area_scale : float
        Factor on the area of the detector.
    """

    name: str
    level: float
    years: float
    m_zprime_mev: FloatArray
    limits: FloatArray
    asimov: FloatArray
    g_prime_max: float
    effective_area_scale: float = 1.0

    def quantiles(self, levels: Sequence[float] = QUANTILES) -> FloatArray:
        """Quantiles of the limits over data sets, shape (level, mass); by default median and 68 and 95 % bands."""
        return np.asarray(np.quantile(self.limits, levels, axis=1, method="inverted_cdf"))

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain values; null where nothing is excluded."""
        rows = {f"{level:g}": _or_null(row) for level, row in zip(QUANTILES, self.quantiles(), strict=True)}
        return {
            "analysis": self.name,
            "level": self.level,
            "effective_area_scale": self.effective_area_scale,
            "years": self.years,
            "data_sets": self.limits.shape[1],
            "g_prime_max": self.g_prime_max,
            "m_zprime_mev": self.m_zprime_mev.tolist(),
            "quantiles": rows,
            "asimov": _or_null(self.asimov),
        }


def forecast_band(
    analysis: str | Path,
    masses_mev: Sequence[float],
    out: str | PathLike[str],
    n: int = 100,
    *,
    at: Mapping[str, float] | None = None,
    overrides: Iterable[str] | Mapping[str, Any] = (),
    level: float = 0.95,
    seed: int = 1504,
    **execution: Any,
) -> Band:
    """Upper limits on g' from data simulated without a Z', by profile likelihood, at several masses.

    Parameters
    ----------
    analysis : str or Path
        A preset or a file.
    masses_mev : sequence of float
        Masses of the Z'; the same data sets are used for all.
    out : path
        Folder of the campaign that it runs; what is there already is not done again.
    n : int
        Number of data sets.
    at : mapping, optional
        Parameters of the truth that shall not be fitted to the observed data.
    overrides, level, seed, **execution : optional
        As for `nuinfer.inference.studies.forecast.forecast`; ``data.exposure`` and ``data.effective_area_scale`` say of
        which detector.

    Raises
    ------
    ConfigError
        If a value is not allowed.
    NotConvergedError
        If a job of the campaign failed.
    """
    loaded, off = without_constraints(analysis, overrides)
    if "log10_g_prime" not in loaded.parameter_names:
        raise ConfigError("forecast: log10_g_prime has no prior, so there is nothing to limit")
    if not len(masses_mev) or min(masses_mev) <= 0.0:
        raise ConfigError(f"masses: {list(masses_mev)} is not allowed; positive masses are needed")
    vary = {"parameters.log10_m_zprime_mev.value": tuple(math.log10(m) for m in masses_mev)}
    table: dict[str, Any] = {"analysis": str(analysis), "task": "limit", "set": off, "vary": vary, "level": level}
    table |= {"truth": "standard_model", "at": standard_values(loaded, at or {})}
    tables = {"asimov": table | {"data": "asimov"}, "band": table | {"data": "simulated", "n": n}}
    found = run_tables(tables, out, seed, **execution)
    limits = np.where(np.isnan(found["limit"]), np.inf, 10.0 ** found["limit"])
    high = float(loaded.prior_bounds[loaded.parameter_names.index("log10_g_prime"), 1])
    years = loaded.dataset.livetime_s / SECONDS_PER_YEAR
    shape = len(masses_mev), n
    return Band(
        name=loaded.name,
        level=level,
        years=years,
        m_zprime_mev=np.asarray(masses_mev, float),
        limits=limits[found["job"] == "band"].reshape(shape),
        asimov=limits[found["job"] == "asimov"],
        g_prime_max=10.0**high,
        effective_area_scale=loaded.config.data.effective_area_scale,
    )


def _or_null(values: FloatArray) -> list[float | None]:
    return [float(v) if math.isfinite(v) else None for v in values]
