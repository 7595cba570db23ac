"""Flux points: measured fluxes in segments of energy, with errors of two sides, in one folder.

The format is described in ``data/README.md``. What is compared is the mean of E^2 phi over ln E in each segment, of nu
and nubar together, averaged over the flavours: detector, atmospheric backgrounds and exposure are behind those who
measured it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from nuinfer.datafiles import DataFolder
from nuinfer.detector.folder import FLUX_POINTS, File, Text, Texts, checked, same
from nuinfer.typing import FloatArray, read_only

SEGMENTS = "segments.csv"
UNIT = "GeV cm^-2 s^-1 sr^-1"
"""A unit is a power of ten of this."""


@dataclass(frozen=True)
class FluxPoints:
    """Measured fluxes.

    Parameters
    ----------
    name, title : str
        Short and long name.
    unit : str
        Of the fluxes, as the files have it.
    bins_gev : array, shape (segment, 2)
        Ends of the segments, in order; there may be gaps between them.
    observed : array, shape (1, segment)
        Mean of E^2 phi over ln E per flavour (nu + nubar), in `unit`.
    error_up, error_low : array, shape (segment,)
        Its errors; `error_low` = 0 where there is an upper limit.
    overlaps : tuple of str
        Data sets that share events or livetime with this one: never multiply their likelihoods.
    approximations, references : tuple of str
        What is not exact, and what to cite.
    checksums : mapping
        File name to sha256.
    """

    name: str
    title: str
    unit: str
    bins_gev: FloatArray
    observed: FloatArray
    error_up: FloatArray
    error_low: FloatArray
    overlaps: tuple[str, ...]
    approximations: tuple[str, ...]
    references: tuple[str, ...]
    checksums: Mapping[str, str]
    kind: ClassVar[str] = FLUX_POINTS
    topologies: ClassVar[tuple[str, ...]] = ("all_flavour",)
    backgrounds: ClassVar[Mapping[str, FloatArray]] = {}

    @property
    def bin_edges_gev(self) -> FloatArray:
        """Energies at which a segment or a gap begins or ends."""
        return read_only(np.unique(self.bins_gev))

    @property
    def described(self) -> str:
        """What there is, in words."""
        return f"{self.observed.size} flux points of {self.name} above {self.bins_gev[0, 0]:.4g} GeV"

    @property
    def errors(self) -> FloatArray:
        """Down and up, as figures take them, shape (2, segment)."""
        return np.stack([self.error_low, self.error_up])

    @property
    def unit_gev(self) -> float:
        """The unit in GeV cm^-2 s^-1 sr^-1."""
        return _unit(self.unit) or math.nan


class _Metadata(BaseModel):
    """``dataset.toml``; descriptions say what is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: Text
    title: Text
    kind: Annotated[Literal["flux_points"], Field(description="flux_points")]
    unit: Annotated[str, Field(description=f"a number above 0 and '{UNIT}', as in '1e-8 {UNIT}'")]
    overlaps: Texts
    approximations: Texts
    references: Texts


def read_flux_points(folder: DataFolder, metadata: File) -> FluxPoints:
    """The flux points of a folder whose metadata are read.

    Raises
    ------
    DataIntegrityError
        If a file is missing, unsourced, altered, or holds something impossible.
    """
    known, table = checked(metadata, _Metadata), File.of(folder, SEGMENTS)
    if _unit(known.unit) is None:
        metadata.refuse("unit", repr(known.unit), str(_Metadata.model_fields["unit"].description))
    low, high, flux, up, down = (table.numbers(key) for key in ("e_lo_gev", "e_hi_gev", "e2phi", "err_up", "err_lo"))
    if not np.all((low > 0.0) & (low < high)):
        table.refuse("e_lo_gev, e_hi_gev", f"{low.min():g} and more", "0 < e_lo_gev < e_hi_gev in every row")
    joined = same(low[1:], high[:-1])
    for row in np.flatnonzero(~joined & (low[1:] < high[:-1])):
        found = f"{low[row + 1]:g} after a segment that ends at {high[row]:g}"
        table.refuse("e_lo_gev", found, "rows in order of energy, each from where the one before ends or higher")
    high[:-1][joined] = low[1:][joined]
    for key, errors, wrong, allowed in (
        ("err_up", up, up <= 0.0, "errors above 0"),
        ("err_lo", down, down < 0.0, "errors of 0 or more"),
        ("err_lo", down, (down == 0.0) & (flux != 0.0), "above 0; 0 marks an upper limit, with e2phi = 0"),
    ):
        for row in np.flatnonzero(wrong):
            table.refuse(key, f"{errors[row]:g} at e_lo_gev = {low[row]:g}", allowed)
    return FluxPoints(
        **known.model_dump(exclude={"kind"}),
        bins_gev=read_only(np.stack([low, high], axis=-1)),
        observed=read_only(flux[None]),
        error_up=read_only(up),
        error_low=read_only(down),
        checksums=folder.checksums(),
    )


def _unit(text: str) -> float | None:
    """The number before `UNIT`, 1 if there is none; None for anything else."""
    found = re.fullmatch(rf"\s*(\d+\.?\d*(?:[eE][+-]?\d+)?)?\s*{re.escape(UNIT)}\s*", text)
    value = float(found[1] or 1.0) if found else 0.0
    return value if 0.0 < value < math.inf else None
