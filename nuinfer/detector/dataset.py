"""A data set: observed counts, the response of the detector and the backgrounds, in one folder.

The format is described in ``data/README.md``; `load_dataset` refuses whatever departs from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np

from nuinfer.datafiles import DataFolder, locate
from nuinfer.detector.energy_scale import SCALES
from nuinfer.errors import ConfigError, DataIntegrityError
from nuinfer.typing import AnyArray, BoolArray, FloatArray

SPECIES = ("nu_e", "nu_mu", "nu_tau", "nubar_e", "nubar_mu", "nubar_tau")
BACKGROUNDS = ("conventional", "prompt", "muon")

METADATA, EVENTS, RESPONSE, BACKGROUND_TABLE = "dataset.toml", "events.csv", "response.npz", "backgrounds.csv"
EDGE_TOLERANCE = 1e-6  # relative, of energies given twice

# First part of a channel name, before its underscore, to the index of its species
_CHANNELS = {name: k for k, name in enumerate(("nue", "numu", "nutau", "nuebar", "numubar", "nutaubar"))}


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
    metadata = _Metadata.read(folder)
    true_edges, edges, below_edges, area = _response(folder, metadata)
    observed = _observed(folder, metadata, edges)
    backgrounds = _backgrounds(folder, metadata, edges)

    first = _first_bin(metadata.name, edges, min_deposited_energy_gev)
    edges_gev = np.concatenate([below_edges[:-1], edges])
    first_column = len(below_edges) - 1 + first
    least = edges[first] / SCALES[1] * (1.0 + EDGE_TOLERANCE)
    lowest_column = max(0, int(np.searchsorted(edges_gev, least, side="right")) - 1)
    below, area = area[..., lowest_column:first_column], area[..., first_column:]
    if not area.any():
        _refuse(folder, RESPONSE, "area_m2", "0 in every analysis bin", "a positive area in some of them")
    lowest = int(area.any(axis=(0, 2, 3)).argmax())
    return DataSet(
        name=metadata.name,
        title=metadata.title,
        livetime_s=metadata.livetime_s,
        topologies=metadata.topologies,
        bin_edges_gev=_frozen(edges[first:]),
        observed=_frozen(observed[:, first:]),
        true_edges_gev=_frozen(true_edges[lowest:]),
        area_m2=_frozen(area[:, lowest:]),
        below_edges_gev=_frozen(edges_gev[lowest_column : first_column + 1]),
        below_area_m2=_frozen(below[:, lowest:]),
        backgrounds={name: _frozen(counts[:, first:]) for name, counts in backgrounds.items()},
        overlaps=metadata.overlaps,
        approximations=metadata.approximations,
        references=metadata.references,
        checksums=folder.checksums(),
    )


@dataclass(frozen=True)
class _Metadata:
    """``dataset.toml``, checked."""

    name: str
    title: str
    livetime_s: float
    topologies: tuple[str, ...]
    threshold_gev: float
    threshold_fraction: Mapping[str, float]
    overlaps: tuple[str, ...]
    approximations: tuple[str, ...]
    references: tuple[str, ...]

    @classmethod
    def read(cls, folder: DataFolder) -> _Metadata:
        table = folder.read_toml(METADATA)
        required = set(cls.__dataclass_fields__) - {"threshold_fraction"}
        for key in sorted(required - set(table)):
            _refuse(folder, METADATA, key, "missing", "a value")
        for key in sorted(set(table) - set(cls.__dataclass_fields__)):
            _refuse(folder, METADATA, key, "not known", f"only {', '.join(cls.__dataclass_fields__)}")
        topologies = _texts(folder, table, "topologies")
        if not topologies or len(set(topologies)) < len(topologies):
            _refuse(folder, METADATA, "topologies", list(topologies), "one or more distinct names")
        fraction = table.get("threshold_fraction", {})
        if not isinstance(fraction, dict) or (fraction and set(fraction) != set(topologies)):
            _refuse(folder, METADATA, "threshold_fraction", fraction, f"a table with {', '.join(topologies)}")
        for key in fraction:
            _positive(folder, fraction, key, at_most=1.0)
        return cls(
            name=_text(folder, table, "name"),
            title=_text(folder, table, "title"),
            livetime_s=_positive(folder, table, "livetime_s"),
            topologies=topologies,
            threshold_gev=_positive(folder, table, "threshold_gev"),
            threshold_fraction={key: float(value) for key, value in fraction.items()},
            overlaps=_texts(folder, table, "overlaps"),
            approximations=_texts(folder, table, "approximations"),
            references=_texts(folder, table, "references"),
        )


def _response(folder: DataFolder, metadata: _Metadata) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Read true edges, analysis-bin edges, those of the columns below, and area (species, true, topology, column).

    A column that the threshold cuts becomes two.
    """
    arrays = folder.read_arrays(RESPONSE)
    expected = ("area_m2", "true_edges_gev", "deposited_edges_gev", "channels", "topologies")
    for key in expected:
        if key not in arrays:
            _refuse(folder, RESPONSE, key, "missing", f"arrays {', '.join(expected)}")
    true_edges, deposited_edges = (_edges(folder, arrays, key) for key in ("true_edges_gev", "deposited_edges_gev"))
    channels, topologies = (tuple(map(str, arrays[key].ravel())) for key in ("channels", "topologies"))
    if topologies != metadata.topologies:
        _refuse(folder, RESPONSE, "topologies", list(topologies), f"those of {METADATA}, {list(metadata.topologies)}")
    area = arrays["area_m2"]
    shape = (len(channels), len(true_edges) - 1, len(topologies), len(deposited_edges) - 1)
    if area.dtype.kind not in "fiu" or area.shape != shape:
        _refuse(folder, RESPONSE, "area_m2", f"{area.dtype} of shape {area.shape}", f"numbers of shape {shape}")
    if np.any(area < 0.0):
        _refuse(folder, RESPONSE, "area_m2", float(area.min()), "areas of 0 or more")
    if len(set(channels)) < len(channels):
        _refuse(folder, RESPONSE, "channels", list(channels), "distinct names")

    column, is_cut = _threshold_column(folder, metadata, deposited_edges)
    by_species = np.zeros((len(SPECIES), *shape[1:]))
    for channel, channel_area in zip(channels, area, strict=True):
        particle, _, interaction = channel.partition("_")
        if particle not in _CHANNELS or not interaction:
            _refuse(
                folder, RESPONSE, "channels", channel, f"<particle>_<interaction>, a particle of {', '.join(_CHANNELS)}"
            )
        by_species[_CHANNELS[particle]] += channel_area
    edges, below_edges = deposited_edges[column:].copy(), deposited_edges[: column + 1].copy()
    edges[0] = metadata.threshold_gev
    if is_cut:
        fraction = np.array([metadata.threshold_fraction[topology] for topology in topologies])
        cut = by_species[..., column, None] * np.stack([1.0 - fraction, fraction], axis=-1)
        by_species = np.concatenate([by_species[..., :column], cut, by_species[..., column + 1 :]], axis=-1)
        below_edges = np.append(below_edges, metadata.threshold_gev)
    else:
        below_edges[-1] = metadata.threshold_gev
    return true_edges, edges, below_edges, by_species


def _threshold_column(folder: DataFolder, metadata: _Metadata, deposited_edges: FloatArray) -> tuple[int, bool]:
    """Deposited bin that holds the threshold, and whether the threshold cuts it."""
    threshold = metadata.threshold_gev
    column = int(np.searchsorted(deposited_edges, threshold * (1.0 + EDGE_TOLERANCE), side="right")) - 1
    if not 0 <= column < len(deposited_edges) - 1:
        allowed = (
            f"an energy within the deposited bins of {RESPONSE}, [{deposited_edges[0]:g}, {deposited_edges[-1]:g})"
        )
        _refuse(folder, METADATA, "threshold_gev", threshold, allowed)
    is_cut = threshold > deposited_edges[column] * (1.0 + EDGE_TOLERANCE)
    if is_cut and not metadata.threshold_fraction:
        _refuse(folder, METADATA, "threshold_fraction", "missing", "needed where the threshold cuts a deposited bin")
    if not is_cut and any(value != 1.0 for value in metadata.threshold_fraction.values()):
        fraction = dict(metadata.threshold_fraction)
        _refuse(folder, METADATA, "threshold_fraction", fraction, "1 or absent where the threshold is an edge of a bin")
    return column, is_cut


def _observed(folder: DataFolder, metadata: _Metadata, edges: FloatArray) -> FloatArray:
    """Count the events of the analysis, (topology, bin)."""
    table = folder.read_csv(EVENTS)
    energy = _numbers(folder, EVENTS, table, "deposited_energy_gev")
    topology = _column(folder, EVENTS, table, "topology").astype(str)
    in_analysis = _numbers(folder, EVENTS, table, "in_analysis")
    _only_known(folder, EVENTS, topology, metadata.topologies)
    if np.any(energy <= 0.0):
        _refuse(folder, EVENTS, "deposited_energy_gev", float(energy.min()), "energies above 0")
    if not np.isin(in_analysis, (0.0, 1.0)).all():
        _refuse(folder, EVENTS, "in_analysis", float(in_analysis[~np.isin(in_analysis, (0.0, 1.0))][0]), "0 or 1")
    outside = (in_analysis == 1.0) & ((energy < edges[0]) | (energy > edges[-1]))
    if outside.any():
        allowed = f"0 outside of {edges[0]:g} to {edges[-1]:g} GeV"
        _refuse(folder, EVENTS, "in_analysis", f"1 at {energy[outside][0]:g} GeV", allowed)
    chosen = in_analysis == 1.0
    return np.array(
        [np.histogram(energy[chosen & (topology == name)], edges)[0] for name in metadata.topologies], float
    )


def _backgrounds(folder: DataFolder, metadata: _Metadata, edges: FloatArray) -> dict[str, FloatArray]:
    """Read the counts (topology, bin) of every background at norm 1."""
    table = folder.read_csv(BACKGROUND_TABLE)
    topology = _column(folder, BACKGROUND_TABLE, table, "topology").astype(str)
    _only_known(folder, BACKGROUND_TABLE, topology, metadata.topologies)
    low, high = (_numbers(folder, BACKGROUND_TABLE, table, key) for key in ("e_lo_gev", "e_hi_gev"))
    order = []
    for name in metadata.topologies:
        for lo, hi in pairwise(edges):
            rows = np.flatnonzero((topology == name) & _same(low, lo) & _same(high, hi))
            if rows.size != 1:
                found = f"{rows.size} rows of {name} from {lo:g} to {hi:g} GeV"
                _refuse(folder, BACKGROUND_TABLE, "e_lo_gev, e_hi_gev", found, "one row per topology and analysis bin")
            order.append(rows[0])
    if len(order) != len(topology):
        found = f"{len(topology)} rows"
        _refuse(folder, BACKGROUND_TABLE, "e_lo_gev, e_hi_gev", found, f"the {len(order)} analysis bins only")
    counts = {}
    for component in BACKGROUNDS:
        values = _numbers(folder, BACKGROUND_TABLE, table, component)
        if np.any(values < 0.0):
            _refuse(folder, BACKGROUND_TABLE, component, float(values.min()), "counts of 0 or more")
        counts[component] = values[order].reshape(len(metadata.topologies), len(edges) - 1)
    return counts


def _first_bin(name: str, edges: FloatArray, min_deposited_energy_gev: float) -> int:
    """Index of the analysis bin that starts at the lowest energy asked for."""
    matches = np.flatnonzero(_same(edges[:-1], min_deposited_energy_gev))
    if matches.size == 0:
        allowed = ", ".join(f"{edge:.10g}" for edge in edges[:-1])
        raise ConfigError(
            f"data.min_deposited_energy_gev: {min_deposited_energy_gev!r} is not an edge of the bins of '{name}';"
            f" allowed: {allowed}"
        )
    return int(matches[0])


def _same(energies: FloatArray, energy: float) -> BoolArray:
    """Whether energies that are written in two places agree."""
    return np.isclose(energies, energy, rtol=EDGE_TOLERANCE, atol=0.0)


def _refuse(folder: DataFolder, file: str, field: str, value: object, allowed: str) -> NoReturn:
    raise DataIntegrityError(f"{folder.path / file}: '{field}' is {value}; allowed: {allowed}")


def _text(folder: DataFolder, table: Mapping[str, Any], key: str) -> str:
    value = table[key]
    if not isinstance(value, str) or not value.strip():
        _refuse(folder, METADATA, key, repr(value), "a text")
    return value


def _texts(folder: DataFolder, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table[key]
    if not isinstance(value, list) or not all(isinstance(entry, str) and entry.strip() for entry in value):
        _refuse(folder, METADATA, key, repr(value), "a list of texts")
    return tuple(value)


def _positive(folder: DataFolder, table: Mapping[str, Any], key: str, at_most: float = math.inf) -> float:
    value = table[key]
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not (0.0 < number <= at_most and math.isfinite(number)):
        _refuse(
            folder,
            METADATA,
            key,
            repr(value),
            f"a finite number above 0{f' up to {at_most:g}' if at_most < math.inf else ''}",
        )
    return number


def _edges(folder: DataFolder, arrays: Mapping[str, AnyArray], key: str) -> FloatArray:
    edges = arrays[key]
    if edges.dtype.kind not in "fiu" or edges.ndim != 1 or edges.size < 2:
        _refuse(folder, RESPONSE, key, f"{edges.dtype} of shape {edges.shape}", "a list of two energies or more")
    if edges[0] <= 0.0 or np.any(np.diff(edges) <= 0.0):
        _refuse(folder, RESPONSE, key, edges.tolist(), "positive and increasing energies")
    return edges.astype(float)


def _column(folder: DataFolder, file: str, table: Mapping[str, AnyArray], key: str) -> AnyArray:
    if key not in table:
        _refuse(folder, file, key, "missing", "a column of that name")
    return table[key]


def _numbers(folder: DataFolder, file: str, table: Mapping[str, AnyArray], key: str) -> FloatArray:
    column = _column(folder, file, table, key)
    if column.dtype.kind != "f":
        _refuse(folder, file, key, "a column with other things than numbers", "numbers")
    return column


def _only_known(folder: DataFolder, file: str, column: AnyArray, allowed: tuple[str, ...]) -> None:
    unknown = sorted(set(column.tolist()) - set(allowed))
    if unknown:
        _refuse(folder, file, "topology", unknown[0], ", ".join(allowed))


def _frozen(array: FloatArray) -> FloatArray:
    copy = np.array(array, dtype=float)
    copy.setflags(write=False)
    return copy
