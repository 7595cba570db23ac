"""A data set: observed counts, the response of the detector and the backgrounds, in one folder.

The format is described in ``data/README.md``; `load_dataset` refuses whatever departs from it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nuinfer.datafiles import DataFolder, locate
from nuinfer.detector.energy_scale import SCALES
from nuinfer.errors import ConfigError, DataIntegrityError
from nuinfer.typing import AnyArray, BoolArray, FloatArray

SPECIES = ("nu_e", "nu_mu", "nu_tau", "nubar_e", "nubar_mu", "nubar_tau")
BACKGROUNDS = ("conventional", "prompt", "muon")

METADATA, EVENTS, RESPONSE, BACKGROUND_TABLE = "dataset.toml", "events.csv", "response.npz", "backgrounds.csv"
EDGE_TOLERANCE = 1e-6  # relative, of energies given twice

# First part of a channel name, before its underscore, in the order of the species
_CHANNELS = ("nue", "numu", "nutau", "nuebar", "numubar", "nutaubar")


@dataclass(frozen=True)
class DataSet:
    """One sample of events, ready to be folded with a flux.

    Parameters
    ----------
    name, title : str
        Short and long name.
    livetime_s : float
        Livetime.
    topologies : tuple of str
        Event topologies, the order of every topology axis.
    bin_edges_gev : array, shape (n_bin + 1,)
        Deposited energies that bound the analysis bins.
    observed : array, shape (n_topology, n_bin)
        Number of events.
    true_edges_gev : array, shape (n_true + 1,)
        True neutrino energies that bound the bins of the response.
    area_m2 : array, shape (6, n_true, n_topology, n_bin)
        Sky-averaged effective area for one species of `SPECIES`.
    below_edges_gev : array, shape (n_below + 1,)
        Deposited energies that bound columns below the analysis bins, from which a higher energy scale lifts events.
    below_area_m2 : array, shape (6, n_true, n_topology, n_below)
        Their effective area, for the same true energies; lower ones give 0.1 % of the highest of these columns.
    backgrounds : mapping
        Component of `BACKGROUNDS` to its counts (n_topology, n_bin) in the livetime at norm 1.
    overlaps : tuple of str
        Data sets that share events or livetime with this one: never multiply their likelihoods.
    approximations, references : tuple of str
        What is not exact, and what to cite.
    checksums : mapping
        File name to sha256.
    area_variance_m4 : array, shape (6, n_true, n_topology, n_bin), optional
        Variance of `area_m2` that comes from the finite simulation behind it.
    """

    name: str
    title: str
    livetime_s: float
    topologies: tuple[str, ...]
    bin_edges_gev: FloatArray
    observed: FloatArray
    true_edges_gev: FloatArray
    area_m2: FloatArray
    below_edges_gev: FloatArray
    below_area_m2: FloatArray
    backgrounds: Mapping[str, FloatArray]
    overlaps: tuple[str, ...]
    approximations: tuple[str, ...]
    references: tuple[str, ...]
    checksums: Mapping[str, str]
    area_variance_m4: FloatArray | None = None

    @property
    def max_energy_scale(self) -> float:
        """Largest scale of deposited energies for which everything that enters the first bin is known."""
        return float(self.below_edges_gev[-1] / self.below_edges_gev[0])


def load_dataset(name_or_path: str, min_deposited_energy_gev: float = 60000.0) -> DataSet:
    """Load a shipped data set by name or a user's own folder by path.

    Parameters
    ----------
    name_or_path : str
        Name of a shipped data set, or the path of a folder in the same format.
    min_deposited_energy_gev : float
        Lowest deposited energy to analyse: the threshold of the data set or a later edge of its analysis bins.

    Raises
    ------
    DataIntegrityError
        If a file is missing, unsourced, altered, or holds something impossible.
    ConfigError
        If the lowest energy is not an edge of the analysis bins.

    Examples
    --------
    >>> hese = load_dataset("hese7")
    >>> hese.area_m2.shape, hese.observed.sum(axis=1)
    ((6, 51, 2, 15), array([43., 17.]))
    """
    folder = DataFolder.open(locate(name_or_path))
    file = _File(folder.path / METADATA, folder.read_toml(METADATA))
    response = _File(folder.path / RESPONSE, folder.read_arrays(RESPONSE))
    background_table = _File(folder.path / BACKGROUND_TABLE, folder.read_csv(BACKGROUND_TABLE))
    metadata = _metadata(file)
    true_edges, deposited, n_below, area = _response(response, metadata, *_threshold(file, metadata, response))
    edges = deposited[n_below:]
    observed = _observed(_File(folder.path / EVENTS, folder.read_csv(EVENTS)), metadata, edges)
    backgrounds = _backgrounds(background_table, metadata, edges)

    first = _first_bin(metadata.name, edges, min_deposited_energy_gev)
    first_column = n_below + first
    least = edges[first] / SCALES[1] * (1.0 + EDGE_TOLERANCE)
    lowest_column = max(0, int(np.searchsorted(deposited, least, side="right")) - 1)
    below, area = area[..., lowest_column:first_column], area[..., first_column:]
    if not area.any():
        response.refuse("area_m2", "0 in every analysis bin", "a positive area in some of them")
    lowest = int(area.any(axis=(0, 2, 3)).argmax())
    return DataSet(
        **metadata.model_dump(exclude={"threshold_gev", "threshold_fraction"}),
        bin_edges_gev=_frozen(edges[first:]),
        observed=_frozen(observed[:, first:]),
        true_edges_gev=_frozen(true_edges[lowest:]),
        area_m2=_frozen(area[:, lowest:]),
        below_edges_gev=_frozen(deposited[lowest_column : first_column + 1]),
        below_area_m2=_frozen(below[:, lowest:]),
        backgrounds={name: _frozen(counts[:, first:]) for name, counts in backgrounds.items()},
        checksums=folder.checksums(),
    )


def project(dataset: DataSet, exposure: float = 1.0, effective_area_scale: float = 1.0) -> DataSet:
    """The same detector running longer, or a larger one like it.

    `exposure` multiplies the livetime. `effective_area_scale` multiplies the effective areas of all neutrinos, at all
    energies alike. Backgrounds grow with the product of both: those of atmospheric neutrinos exactly, because they are
    seen through the same response; for penetrating muons it is an assumption, that the veto of the larger detector lets
    through as many per event (they come through its surface, which grows more slowly than its volume: rather fewer).
    The shape of the response, its energy resolution and the share of each topology stay as they are.

    The observed counts are multiplied likewise. They are no data then, but stand in for data that go on as they began,
    until simulated or expected counts replace them.

    Parameters
    ----------
    dataset : DataSet
        What was measured.
    exposure, effective_area_scale : float
        Factors on livetime and area.

    Examples
    --------
    >>> hese = load_dataset("hese7")
    >>> longer = project(hese, exposure=2.0)
    >>> longer.livetime_s / hese.livetime_s, float(longer.observed.sum())
    (2.0, 120.0)
    """
    factor = exposure * effective_area_scale
    if exposure == effective_area_scale == 1.0:
        return dataset
    note = (
        f"projection: livetime x {exposure:g}, effective area x {effective_area_scale:g}, backgrounds x {factor:g}; "
        f"the observed counts are those of the data set x {factor:g}"
    )
    return replace(
        dataset,
        livetime_s=dataset.livetime_s * exposure,
        observed=dataset.observed * factor,
        area_m2=dataset.area_m2 * effective_area_scale,
        below_area_m2=dataset.below_area_m2 * effective_area_scale,
        backgrounds={name: counts * factor for name, counts in dataset.backgrounds.items()},
        approximations=(*dataset.approximations, note),
    )


# What the files hold --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    """What one file holds by name, and refusals that name it."""

    path: Path
    content: Mapping[str, Any]

    def refuse(self, field: str, value: object, allowed: str) -> NoReturn:
        raise DataIntegrityError(f"{self.path}: '{field}' is {value}; allowed: {allowed}")

    def get(self, key: str) -> AnyArray:
        if key not in self.content:
            self.refuse(key, "missing", f"one of that name beside {', '.join(self.content)}")
        return np.asarray(self.content[key])

    def numbers(self, key: str) -> FloatArray:
        column = self.get(key)
        if column.dtype.kind != "f":
            self.refuse(key, "a column with other things than numbers", "numbers")
        return column

    def topology(self, known: tuple[str, ...]) -> AnyArray:
        column = self.get("topology").astype(str)
        unknown = sorted(set(column.tolist()) - set(known))
        if unknown:
            self.refuse("topology", unknown[0], ", ".join(known))
        return column

    def edges(self, key: str) -> FloatArray:
        edges = self.get(key)
        if edges.dtype.kind not in "fiu" or edges.ndim != 1 or edges.size < 2:
            self.refuse(key, f"{edges.dtype} of shape {edges.shape}", "a list of two energies or more")
        if edges[0] <= 0.0 or np.any(np.diff(edges) <= 0.0):
            self.refuse(key, edges.tolist(), "positive and increasing energies")
        return edges.astype(float)

    def names(self, key: str) -> tuple[str, ...]:
        return tuple(map(str, self.get(key).ravel()))


_Text = Annotated[str, Field(pattern=r"\S", description="a text")]
_Texts = Annotated[tuple[_Text, ...], Field(description="a list of texts")]
_Positive = Annotated[float, Field(gt=0.0, strict=True, description="a finite number above 0")]
_Fraction = Annotated[float, Field(gt=0.0, le=1.0, strict=True)]


class _Metadata(BaseModel):
    """``dataset.toml``; descriptions say what is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: _Text
    title: _Text
    livetime_s: _Positive
    topologies: Annotated[_Texts, Field(description="one or more distinct names")]
    threshold_gev: _Positive
    threshold_fraction: Annotated[dict[str, _Fraction], Field(description="a finite number above 0 up to 1")] = {}
    overlaps: _Texts
    approximations: _Texts
    references: _Texts


def _metadata(file: _File) -> _Metadata:
    try:
        metadata = _Metadata.model_validate(file.content)
    except ValidationError as error:
        first = error.errors()[0]
        key, *inner = [part for part in first["loc"] if isinstance(part, str)]
        if first["type"] == "extra_forbidden":
            file.refuse(key, "not known", f"only {', '.join(_Metadata.model_fields)}")
        value = "missing" if first["type"] == "missing" else repr(first["input"])
        file.refuse(inner[-1] if inner else key, value, str(_Metadata.model_fields[key].description))
    fraction, topologies = metadata.threshold_fraction, metadata.topologies
    if not topologies or len(set(topologies)) < len(topologies):
        file.refuse("topologies", list(topologies), str(_Metadata.model_fields["topologies"].description))
    if fraction and set(fraction) != set(topologies):
        file.refuse("threshold_fraction", fraction, f"a table with {', '.join(topologies)}")
    return metadata


def _threshold(file: _File, metadata: _Metadata, response: _File) -> tuple[FloatArray, int, bool]:
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


def _response(
    file: _File, metadata: _Metadata, edges: FloatArray, column: int, is_cut: bool
) -> tuple[FloatArray, FloatArray, int, FloatArray]:
    """True edges, edges of the columns, how many are below the threshold, area (species, true, topology, column).

    The column of the threshold becomes two if it is cut.
    """
    true_edges = file.edges("true_edges_gev")
    channels, topologies, area = file.names("channels"), file.names("topologies"), file.get("area_m2")
    if topologies != metadata.topologies:
        file.refuse("topologies", list(topologies), f"those of {METADATA}, {list(metadata.topologies)}")
    shape = (len(channels), len(true_edges) - 1, len(topologies), len(edges) - 1)
    if area.dtype.kind not in "fiu" or area.shape != shape:
        file.refuse("area_m2", f"{area.dtype} of shape {area.shape}", f"numbers of shape {shape}")
    if np.any(area < 0.0):
        file.refuse("area_m2", float(area.min()), "areas of 0 or more")
    if len(set(channels)) < len(channels):
        file.refuse("channels", list(channels), "distinct names")

    by_species = np.zeros((len(SPECIES), *shape[1:]))
    for channel, channel_area in zip(channels, area, strict=True):
        particle, _, interaction = channel.partition("_")
        if particle not in _CHANNELS or not interaction:
            file.refuse("channels", channel, f"<particle>_<interaction>, a particle of {', '.join(_CHANNELS)}")
        by_species[_CHANNELS.index(particle)] += channel_area
    if is_cut:
        fraction = np.array([metadata.threshold_fraction[topology] for topology in topologies])
        cut = by_species[..., column, None] * np.stack([1.0 - fraction, fraction], axis=-1)
        by_species = np.concatenate([by_species[..., :column], cut, by_species[..., column + 1 :]], axis=-1)
    n_below = column + 1 if is_cut else column
    deposited = np.concatenate([edges[:n_below], [metadata.threshold_gev], edges[column + 1 :]])
    return true_edges, deposited, n_below, by_species


def _observed(file: _File, metadata: _Metadata, edges: FloatArray) -> FloatArray:
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


def _backgrounds(file: _File, metadata: _Metadata, edges: FloatArray) -> dict[str, FloatArray]:
    """Counts (topology, bin) of every background at norm 1."""
    topology = file.topology(metadata.topologies)
    low, high = file.numbers("e_lo_gev"), file.numbers("e_hi_gev")
    order: list[int] = []
    for name, (lo, hi) in itertools.product(metadata.topologies, itertools.pairwise(edges)):
        rows = np.flatnonzero((topology == name) & _same(low, lo) & _same(high, hi))
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


def _first_bin(name: str, edges: FloatArray, min_deposited_energy_gev: float) -> int:
    """Index of the analysis bin that starts at the lowest energy asked for."""
    matches = np.flatnonzero(_same(edges[:-1], min_deposited_energy_gev))
    if matches.size == 0:
        what = f"{min_deposited_energy_gev!r} is not an edge of the bins of '{name}'"
        allowed = ", ".join(f"{edge:.10g}" for edge in edges[:-1])
        raise ConfigError(f"data.min_deposited_energy_gev: {what}; allowed: {allowed}")
    return int(matches[0])


def _same(energies: FloatArray, energy: float) -> BoolArray:
    """Whether energies that are written in two places agree."""
    return np.isclose(energies, energy, rtol=EDGE_TOLERANCE, atol=0.0)


def _frozen(array: FloatArray) -> FloatArray:
    copy = np.array(array, dtype=float)
    copy.setflags(write=False)
    return copy
