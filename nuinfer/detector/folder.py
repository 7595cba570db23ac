"""The files of a data set: what they may hold, and refusals that name the file, the field and what is allowed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NoReturn, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nuinfer.datafiles import DataFolder, locate
from nuinfer.errors import DataIntegrityError
from nuinfer.reading import names_of
from nuinfer.typing import AnyArray, ArrayLike, BoolArray, FloatArray

SPECIES = ("nu_e", "nu_mu", "nu_tau", "nubar_e", "nubar_mu", "nubar_tau")
BACKGROUNDS = ("conventional", "prompt", "muon")

NOT_NEUTRINOS = ("muon",)
"""Backgrounds that scales of the detector for neutrinos do not change."""

DOUBLE_CASCADE, CASCADE = "double_cascade", "cascade"
"""A topology that may be told apart from another, or counted with it."""

METADATA, EVENTS, RESPONSE, BACKGROUND_TABLE = "dataset.toml", "events.csv", "response.npz", "backgrounds.csv"
SCALE_TABLE = "energy_scale.csv"  # need not be there
FLUX_POINTS = "flux_points"  # the kind of a data set that has no counts
VARIANCE = "area_variance_m4"  # likewise, of the response
EDGE_TOLERANCE = 1e-6  # relative, of energies given twice

# First part of a channel name, before its underscore, in the order of the species
_CHANNELS = ("nue", "numu", "nutau", "nuebar", "numubar", "nutaubar")


Checked = TypeVar("Checked", bound=BaseModel)


@dataclass(frozen=True)
class File:
    """What one file holds by name, and refusals that name it."""

    path: Path
    content: Mapping[str, Any]

    @classmethod
    def of(cls, folder: DataFolder, name: str) -> File:
        """A file of a folder, checked against its manifest."""
        read = {".toml": folder.read_toml, ".csv": folder.read_csv, ".npz": folder.read_arrays}
        return cls(folder.path / name, read[Path(name).suffix](name))

    def refuse(self, field: str, value: object, allowed: str) -> NoReturn:
        """Say what is wrong with a field."""
        raise DataIntegrityError(f"{self.path}: '{field}' is {value}; allowed: {allowed}")

    def get(self, key: str) -> AnyArray:
        """What stands under a name."""
        if key not in self.content:
            self.refuse(key, "missing", f"one of that name beside {', '.join(self.content)}")
        return np.asarray(self.content[key])

    def numbers(self, key: str) -> FloatArray:
        """A column of numbers."""
        column = self.get(key)
        if column.dtype.kind != "f":
            self.refuse(key, "a column with other things than numbers", "numbers")
        return column

    def topology(self, known: tuple[str, ...]) -> AnyArray:
        """The column of topologies."""
        column = self.get("topology").astype(str)
        unknown = sorted(set(column.tolist()) - set(known))
        if unknown:
            self.refuse("topology", unknown[0], ", ".join(known))
        return column

    def edges(self, key: str) -> FloatArray:
        """Energies that bound bins."""
        edges = self.get(key)
        if edges.dtype.kind not in "fiu" or edges.ndim != 1 or edges.size < 2:
            self.refuse(key, f"{edges.dtype} of shape {edges.shape}", "a list of two energies or more")
        if edges[0] <= 0.0 or np.any(np.diff(edges) <= 0.0):
            self.refuse(key, edges.tolist(), "positive and increasing energies")
        return edges.astype(float)

    def names(self, key: str) -> tuple[str, ...]:
        """A list of names."""
        return tuple(map(str, self.get(key).ravel()))


Text = Annotated[str, Field(pattern=r"\S", description="a text")]
Texts = Annotated[tuple[Text, ...], Field(description="a list of texts")]
_Positive = Annotated[float, Field(gt=0.0, strict=True, description="a finite number above 0")]
_Fraction = Annotated[float, Field(gt=0.0, le=1.0, strict=True)]


class Metadata(BaseModel):
    """``dataset.toml``; descriptions say what is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: Text
    title: Text
    kind: Annotated[Literal["counts"], Field(description="counts or flux_points")] = "counts"
    livetime_s: _Positive
    topologies: Annotated[Texts, Field(description="one or more distinct names")]
    threshold_gev: _Positive
    threshold_fraction: Annotated[dict[str, _Fraction], Field(description="a finite number above 0 up to 1")] = {}
    overlaps: Texts
    approximations: Texts
    references: Texts


def checked(file: File, table: type[Checked]) -> Checked:
    """What a TOML file holds, as a table whose descriptions say what is allowed."""
    try:
        return table.model_validate(file.content)
    except ValidationError as error:
        first = error.errors()[0]
        key, *inner = [part for part in first["loc"] if isinstance(part, str)]
        if first["type"] == "extra_forbidden":
            file.refuse(key, "not known", f"only {', '.join(table.model_fields)}")
        lacking = [str(one["loc"][0]) for one in error.errors() if one["type"] == "missing"]
        if len(lacking) > 1 and key in lacking:
            needed = "; ".join(f"{name}: {table.model_fields[name].description or 'texts'}" for name in lacking)
            raise DataIntegrityError(f"{file.path}: {', '.join(lacking)} are missing; allowed: {needed}") from None
        value = "missing" if first["type"] == "missing" else repr(first["input"])
        file.refuse(inner[-1] if inner else key, value, str(table.model_fields[key].description))


def metadata_of(file: File) -> Metadata:
    """The checked metadata."""
    metadata = checked(file, Metadata)
    fraction, topologies = metadata.threshold_fraction, metadata.topologies
    if not topologies or len(set(topologies)) < len(topologies):
        file.refuse("topologies", list(topologies), str(Metadata.model_fields["topologies"].description))
    if DOUBLE_CASCADE in topologies and CASCADE not in topologies:
        file.refuse(
            "topologies", list(topologies), f"'{DOUBLE_CASCADE}' beside '{CASCADE}', with which it may be counted"
        )
    if fraction and set(fraction) != set(topologies):
        file.refuse("threshold_fraction", fraction, f"a table with {', '.join(topologies)}")
    return metadata


def threshold(file: File, metadata: Metadata, response: File) -> tuple[FloatArray, int, bool]:
    """Edges of the deposited bins, the bin that holds the threshold, and whether the threshold cuts it."""
    edges = response.edges("deposited_edges_gev")
    threshold, fraction = metadata.threshold_gev, metadata.threshold_fraction
    column = int(np.searchsorted(edges, threshold * (1.0 + EDGE_TOLERANCE), side="right")) - 1
    if not 0 <= column < len(edges) - 1:
        within = f"an energy within the deposited bins of {RESPONSE}, [{edges[0]:g}, {edges[-1]:g})"
        file.refuse("threshold_gev", threshold, within)
    is_cut = threshold > edges[column] * (1.0 + EDGE_TOLERANCE)
    if is_cut and not fraction:
        file.refuse("threshold_fraction", "missing", "needed where the threshold cuts a deposited bin")
    if not is_cut and any(value != 1.0 for value in fraction.values()):
        file.refuse("threshold_fraction", fraction, "1 or absent where the threshold is an edge of a bin")
    return edges, column, is_cut


class Offered(NamedTuple):
    """What a data set has: double cascades apart from cascades, the variance of its response, counts at all."""

    double_cascades: bool
    variance: bool
    counts: bool = True


def offered(name_or_path: str) -> Offered:
    """What a data set has; files that cannot be read offer nothing, until they are loaded."""
    folder = DataFolder.open(locate(name_or_path))
    try:
        metadata = folder.read_toml(METADATA)
        if metadata.get("kind") == FLUX_POINTS:
            return Offered(double_cascades=False, variance=False, counts=False)
        topologies = metadata.get("topologies", ())
        return Offered(DOUBLE_CASCADE in topologies, VARIANCE in names_of(folder.read_bytes(RESPONSE)))
    except (DataIntegrityError, TypeError, ValueError):
        return Offered(double_cascades=False, variance=False)


class Areas(NamedTuple):
    """A response by species.

    Parameters
    ----------
    true_edges_gev, deposited_edges_gev : ndarray
        Edges of the bins of true energy, and of the columns of deposited energy.
    n_below : int
        Columns below the threshold.
    area_m2 : ndarray, shape (6, true bin, topology, column)
        Effective area.
    variance_m4 : ndarray or None
        Its variance from a finite simulation, likewise.
    """

    true_edges_gev: FloatArray
    deposited_edges_gev: FloatArray
    n_below: int
    area_m2: FloatArray
    variance_m4: FloatArray | None


def read_response(file: File, metadata: Metadata, edges: FloatArray, column: int, is_cut: bool) -> Areas:
    """The response; the column of the threshold becomes two if it is cut."""
    true_edges, topologies = file.edges("true_edges_gev"), file.names("topologies")
    if topologies != metadata.topologies:
        file.refuse("topologies", list(topologies), f"those of {METADATA}, {list(metadata.topologies)}")
    shape = len(file.names("channels")), len(true_edges) - 1, len(topologies), len(edges) - 1
    area = _by_species(file, "area_m2", "areas", shape)
    variance = _by_species(file, VARIANCE, "variances", shape) if VARIANCE in file.content else None
    if is_cut:
        above = np.array([metadata.threshold_fraction[topology] for topology in topologies])
        area = _cut(area, column, 1.0 - above, above)
        variance = None if variance is None else _cut(variance, column, (1.0 - above) ** 2, above**2)
    n_below = column + 1 if is_cut else column
    deposited = np.concatenate([edges[:n_below], [metadata.threshold_gev], edges[column + 1 :]])
    return Areas(true_edges, deposited, n_below, area, variance)


def _by_species(file: File, key: str, what: str, shape: tuple[int, ...]) -> FloatArray:
    """An array of the response whose channels are added, of the shape that it must have."""
    channels, found = file.names("channels"), file.get(key)
    if found.dtype.kind not in "fiu" or found.shape != shape:
        file.refuse(key, f"{found.dtype} of shape {found.shape}", f"numbers of shape {shape}")
    if np.any(found < 0.0):
        file.refuse(key, float(found.min()), f"{what} of 0 or more")
    if len(set(channels)) < len(channels):
        file.refuse("channels", list(channels), "distinct names")
    by_species = np.zeros((len(SPECIES), *shape[1:]))
    for channel, of_channel in zip(channels, found, strict=True):
        particle, _, interaction = channel.partition("_")
        if particle not in _CHANNELS or not interaction:
            file.refuse("channels", channel, f"<particle>_<interaction>, a particle of {', '.join(_CHANNELS)}")
        by_species[_CHANNELS.index(particle)] += of_channel
    return by_species


def _cut(by_species: FloatArray, column: int, below: FloatArray, above: FloatArray) -> FloatArray:
    """A column of each topology in two, each a part of it."""
    two = by_species[..., column, None] * np.stack([below, above], axis=-1)
    return np.concatenate([by_species[..., :column], two, by_species[..., column + 1 :]], axis=-1)


def observed_counts(file: File, metadata: Metadata, edges: FloatArray) -> FloatArray:
    """Count the events of the analysis, (topology, bin)."""
    energy, in_analysis = file.numbers("deposited_energy_gev"), file.numbers("in_analysis")
    topology = file.topology(metadata.topologies)
    if np.any(energy <= 0.0):
        file.refuse("deposited_energy_gev", float(energy.min()), "energies above 0")
    for value in in_analysis[~np.isin(in_analysis, (0.0, 1.0))]:
        file.refuse("in_analysis", float(value), "0 or 1")
    chosen = in_analysis == 1.0
    outside = chosen & ((energy < edges[0]) | (energy > edges[-1]))
    if outside.any():
        allowed = f"0 outside of {edges[0]:g} to {edges[-1]:g} GeV"
        file.refuse("in_analysis", f"1 at {energy[outside][0]:g} GeV", allowed)
    counts = [np.histogram(energy[chosen & (topology == name)], edges)[0] for name in metadata.topologies]
    return np.array(counts, float)


def background_counts(file: File, metadata: Metadata, edges: FloatArray) -> dict[str, FloatArray]:
    """Counts (topology, bin) of every background at norm 1."""
    topology = file.topology(metadata.topologies)
    low, high = file.numbers("e_lo_gev"), file.numbers("e_hi_gev")
    order: list[int] = []
    for name, (lo, hi) in itertools.product(metadata.topologies, itertools.pairwise(edges)):
        rows = np.flatnonzero((topology == name) & same(low, lo) & same(high, hi))
        if rows.size != 1:
            found = f"{rows.size} rows of {name} from {lo:g} to {hi:g} GeV"
            file.refuse("e_lo_gev, e_hi_gev", found, "one row per topology and analysis bin")
        order += rows.tolist()
    if len(order) != len(topology):
        file.refuse("e_lo_gev, e_hi_gev", f"{len(topology)} rows", f"the {len(order)} analysis bins only")
    counts = {name: file.numbers(name) for name in BACKGROUNDS}
    for name, column in counts.items():
        if np.any(column < 0.0):
            file.refuse(name, float(column.min()), "counts of 0 or more")
    return {name: column[order].reshape(len(metadata.topologies), -1) for name, column in counts.items()}


class Scaling(NamedTuple):
    """What a scale of deposited energies does to backgrounds.

    Parameters
    ----------
    scales : ndarray, shape (scale,)
        Scales that are tabulated, 1 among them; empty: the backgrounds do not change.
    log10_factors : mapping
        Component to the logarithms of its factors, shape (topology, bin, scale).
    """

    scales: FloatArray
    log10_factors: Mapping[str, FloatArray]


NO_SCALING = Scaling(np.empty(0), {})


def read_scaling(file: File, topologies: tuple[str, ...], edges: FloatArray) -> Scaling:
    """Factors at the centres of the bins, linear in the logarithm of the energy, constant beyond the table."""
    topology, component = file.topology(topologies), file.get("component").astype(str)
    columns = [file.numbers(name) for name in ("deposited_energy_gev", "energy_scale", "log10_factor")]
    energies, scales = np.unique(columns[0]), np.unique(columns[1])
    if energies[0] <= 0.0:
        file.refuse("deposited_energy_gev", float(energies[0]), "energies above 0")
    if scales[0] <= 0.0 or 1.0 not in scales or len(scales) < 2:
        file.refuse("energy_scale", scales.tolist(), "two positive scales or more, 1 among them")
    known = [name for name in BACKGROUNDS if name not in NOT_NEUTRINOS]
    for name in np.unique(component):
        if name not in known:
            file.refuse("component", name, ", ".join(known))
    centres, factors = 0.5 * (np.log(edges[1:]) + np.log(edges[:-1])), {}
    for name in known:
        factors[name] = np.empty((len(topologies), len(centres), len(scales)))
        for t, where in enumerate(topologies):
            rows = (component == name) & (topology == where)
            cells = np.searchsorted(energies, columns[0][rows]), np.searchsorted(scales, columns[1][rows])
            table = np.full((len(energies), len(scales)), np.nan)
            table[cells] = columns[2][rows]
            if np.isnan(table).any() or rows.sum() != table.size:
                found = f"{rows.sum()} rows of {name}, {where}"
                file.refuse("component", found, f"one for each of {len(energies)} energies and {len(scales)} scales")
            for k in range(len(scales)):
                factors[name][t, :, k] = np.interp(centres, np.log(energies), table[:, k])
        if np.any(factors[name][..., scales == 1.0] != 0.0):
            file.refuse("log10_factor", f"not 0 at scale 1 of {name}", "0 there")
    return Scaling(scales, factors)


def same(energies: FloatArray, energy: ArrayLike) -> BoolArray:
    """Whether energies that are written in two places agree."""
    return np.isclose(energies, energy, rtol=EDGE_TOLERANCE, atol=0.0)
