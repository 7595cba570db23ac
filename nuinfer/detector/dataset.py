"""A data set: observed counts, the response of the detector and the backgrounds, in one folder.

The format is described in ``data/README.md``; `load_dataset` refuses whatever departs from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from nuinfer.datafiles import DataFolder, locate
from nuinfer.detector import folder as files
from nuinfer.detector.energy_scale import SCALES
from nuinfer.detector.flux_points import FluxPoints, read_flux_points
from nuinfer.detector.folder import BACKGROUNDS as BACKGROUNDS  # noqa: PLC0414 - names of its axes
from nuinfer.detector.folder import CASCADE, DOUBLE_CASCADE, NO_SCALING, Scaling, same
from nuinfer.detector.folder import SPECIES as SPECIES  # noqa: PLC0414
from nuinfer.errors import ConfigError
from nuinfer.typing import FloatArray, read_only


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
    scaling : Scaling
        What a scale of deposited energies does to backgrounds.
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
    scaling: Scaling = NO_SCALING
    kind: ClassVar[str] = "counts"
    unit: ClassVar[str] = "events"

    @property
    def bins_gev(self) -> FloatArray:
        """Ends of the bins, shape (n_bin, 2)."""
        return np.stack([self.bin_edges_gev[:-1], self.bin_edges_gev[1:]], axis=-1)

    @property
    def described(self) -> str:
        """What there is, in words."""
        return f"{self.observed.sum():.0f} events of {self.name} above {self.bin_edges_gev[0]:.4g} GeV"

    @property
    def max_energy_scale(self) -> float:
        """Largest scale of deposited energies for which everything that enters the first bin is known."""
        return float(self.below_edges_gev[-1] / self.below_edges_gev[0])


def load_dataset(name_or_path: str, min_deposited_energy_gev: float = 60000.0) -> DataSet | FluxPoints:
    """Load a shipped data set by name or a user's own folder by path, of counts or flux points.

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
    >>> load_dataset("mese11").described
    '13 flux points of mese11 above 1000 GeV'
    """
    folder = DataFolder.open(locate(name_or_path))
    metadata = files.File.of(folder, files.METADATA)
    if metadata.content.get("kind") == files.FLUX_POINTS:
        return read_flux_points(folder, metadata)
    return load_counts(name_or_path, min_deposited_energy_gev)


def load_counts(name_or_path: str, min_deposited_energy_gev: float = 60000.0) -> DataSet:
    """Load a data set of counts; arguments and errors are those of `load_dataset`.

    Examples
    --------
    >>> hese = load_counts("hese7")
    >>> hese.area_m2.shape, hese.observed.sum(axis=1)
    ((6, 51, 3, 15), array([41., 17.,  2.]))
    """
    folder = DataFolder.open(locate(name_or_path))
    metadata_file = files.File.of(folder, files.METADATA)
    metadata = files.metadata_of(metadata_file)
    response = files.File.of(folder, files.RESPONSE)
    areas = files.read_response(response, metadata, *files.threshold(metadata_file, metadata, response))
    deposited = areas.deposited_edges_gev
    edges = deposited[areas.n_below :]
    observed = files.observed_counts(files.File.of(folder, files.EVENTS), metadata, edges)
    backgrounds = files.background_counts(files.File.of(folder, files.BACKGROUND_TABLE), metadata, edges)

    first = _first_bin(metadata.name, edges, min_deposited_energy_gev)
    scaling = NO_SCALING
    if files.SCALE_TABLE in folder.files:
        scaling = files.read_scaling(files.File.of(folder, files.SCALE_TABLE), metadata.topologies, edges[first:])
    first_column = areas.n_below + first
    least = edges[first] / SCALES[1] * (1.0 + files.EDGE_TOLERANCE)
    lowest_column = max(0, int(np.searchsorted(deposited, least, side="right")) - 1)
    below, area = areas.area_m2[..., lowest_column:first_column], areas.area_m2[..., first_column:]
    if not area.any():
        response.refuse("area_m2", "0 in every analysis bin", "a positive area in some of them")
    lowest = int(area.any(axis=(0, 2, 3)).argmax())
    return DataSet(
        **metadata.model_dump(exclude={"kind", "threshold_gev", "threshold_fraction"}),
        bin_edges_gev=_frozen(edges[first:]),
        observed=_frozen(observed[:, first:]),
        true_edges_gev=_frozen(areas.true_edges_gev[lowest:]),
        area_m2=_frozen(area[:, lowest:]),
        below_edges_gev=_frozen(deposited[lowest_column : first_column + 1]),
        below_area_m2=_frozen(below[:, lowest:]),
        backgrounds={name: _frozen(counts[:, first:]) for name, counts in backgrounds.items()},
        checksums=folder.checksums(),
        area_variance_m4=None
        if areas.variance_m4 is None
        else _frozen(areas.variance_m4[:, lowest:, :, first_column:]),
        scaling=scaling,
    )


def analysed(dataset: DataSet, topologies: int | None, likelihood: str | None) -> DataSet:
    """The data set as a configuration wants it.

    Parameters
    ----------
    dataset : DataSet
        All that there is.
    topologies : int, optional
        3: double cascades apart; 2: counted as cascades; None: what the data set has.
    likelihood : str, optional
        "effective": the simulation behind the response is finite; "poisson": it is taken as exact; None: what is known.

    Raises
    ------
    ConfigError
        If the data set does not tell double cascades apart, or its response has no variance.
    """
    apart, has = DOUBLE_CASCADE in dataset.topologies, f"data set '{dataset.name}' has"
    if topologies == 3 and not apart:
        what = f"{has} {', '.join(dataset.topologies)}, no shares of double cascades"
        raise ConfigError(f"data.topologies: 3 is not allowed, only 2: {what}")
    if likelihood == "effective" and dataset.area_variance_m4 is None:
        what = f"the response of data set '{dataset.name}' has no variance ({files.VARIANCE})"
        raise ConfigError(f'data.likelihood: "effective" is not allowed, only "poisson": {what}')
    if likelihood == "poisson":
        dataset = replace(dataset, area_variance_m4=None)
    return _merged(dataset) if topologies == 2 and apart else dataset


def _merged(dataset: DataSet) -> DataSet:
    """Double cascades counted as cascades, whose factors of energy scales the sum takes."""
    rows = [k for k, name in enumerate(dataset.topologies) if name != DOUBLE_CASCADE]
    cascade, double = dataset.topologies.index(CASCADE), dataset.topologies.index(DOUBLE_CASCADE)

    def added(array: FloatArray) -> FloatArray:
        """Of an array (..., topology, bin)."""
        both = np.array(array)
        both[..., cascade, :] += both[..., double, :]
        return _frozen(both[..., rows, :])

    variance, (scales, factors) = dataset.area_variance_m4, dataset.scaling
    return replace(
        dataset,
        topologies=tuple(dataset.topologies[k] for k in rows),
        observed=added(dataset.observed),
        area_m2=added(dataset.area_m2),
        below_area_m2=added(dataset.below_area_m2),
        backgrounds={name: added(counts) for name, counts in dataset.backgrounds.items()},
        area_variance_m4=None if variance is None else added(variance),
        scaling=Scaling(scales, {name: table[rows] for name, table in factors.items()}),
    )


def project(dataset: DataSet, exposure: float = 1.0, effective_area_scale: float = 1.0) -> DataSet:
    """The same detector running longer, or a larger one like it.

    `exposure` multiplies the livetime. `effective_area_scale` multiplies the effective areas of all neutrinos, at all
    energies alike. Backgrounds grow with the product of both: those of atmospheric neutrinos exactly, because they are
    seen through the same response; for penetrating muons it is an assumption, that the veto of the larger detector lets
    through as many per event (they come through its surface, which grows more slowly than its volume: rather fewer).
    The shape of the response, its energy resolution, the share of each topology, and what scales of energy do to
    backgrounds stay as they are. So does the simulation behind the response, whose relative error stays the same: a
    longer projection makes more of it.

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
    >>> hese = load_counts("hese7")
    >>> longer = project(hese, exposure=2.0)
    >>> longer.livetime_s / hese.livetime_s, float(longer.observed.sum())
    (2.0, 120.0)
    """
    factor = exposure * effective_area_scale
    if exposure == effective_area_scale == 1.0:
        return dataset
    note = (
        f"projection: livetime x {exposure:g}, effective area x {effective_area_scale:g}, backgrounds x {factor:g}; "
        f"the observed counts are those of the data set x {factor:g}; the relative error of the simulation stays"
    )
    variance = dataset.area_variance_m4
    return replace(
        dataset,
        livetime_s=dataset.livetime_s * exposure,
        observed=dataset.observed * factor,
        area_m2=dataset.area_m2 * effective_area_scale,
        below_area_m2=dataset.below_area_m2 * effective_area_scale,
        backgrounds={name: counts * factor for name, counts in dataset.backgrounds.items()},
        area_variance_m4=None if variance is None else variance * effective_area_scale**2,
        approximations=(*dataset.approximations, note),
    )


def _first_bin(name: str, edges: FloatArray, min_deposited_energy_gev: float) -> int:
    """Index of the analysis bin that starts at the lowest energy asked for."""
    matches = np.flatnonzero(same(edges[:-1], min_deposited_energy_gev))
    if matches.size == 0:
        what = f"{min_deposited_energy_gev!r} is not an edge of the bins of '{name}'"
        allowed = ", ".join(f"{edge:.10g}" for edge in edges[:-1])
        raise ConfigError(f"data.min_deposited_energy_gev: {what}; allowed: {allowed}")
    return int(matches[0])


def _frozen(array: FloatArray) -> FloatArray:
    return read_only(np.array(array, float))
