"""Counts as a CSV with columns topology, bin (from 0) and count, which ``predict --csv`` writes and ``fit`` reads."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuinfer import reading
from nuinfer.cli import command
from nuinfer.errors import ConfigError

if TYPE_CHECKING:
    from nuinfer.typing import FloatArray

COLUMNS = ("topology", "bin", "count")
LARGEST = 1_000_000
"""Bytes of a file, at most."""


def write_counts(path: Path, topologies: tuple[str, ...], counts: "FloatArray") -> Path:
    """Write counts (topology, bin)."""
    rows = [(name, k, n) for name, row in zip(topologies, counts.tolist(), strict=True) for k, n in enumerate(row)]
    return command.write_csv(path, dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)))


def read_counts(path: Path, analysis: Any) -> "FloatArray":
    """Counts for every bin of an analysis, shape (topology, bin).

    Raises
    ------
    ConfigError
        If the file is no such table, or a bin is missing, twice there, or unknown.
    DataIntegrityError
        If it is no table at all.
    """
    import numpy as np

    from nuinfer.datafiles import parse_csv

    where = f"--observed {path}"
    try:
        found = parse_csv(reading.content_of(path, LARGEST), where)
    except OSError as error:
        raise ConfigError(f"{where}: it cannot be read ({error.strerror or error})") from error
    if lacking := [name for name in COLUMNS if name not in found]:
        raise ConfigError(f"{where}: the columns {', '.join(COLUMNS)} are needed, {', '.join(lacking)} is missing")
    counts = np.full(analysis.observed_counts.shape, np.nan)
    for name, number, count in zip(*(found[name].tolist() for name in COLUMNS), strict=True):
        this = f"{where}: topology {name}, bin {f'{number:g}' if isinstance(number, float) else number}"
        if name not in analysis.topologies or number not in range(counts.shape[1]):
            bins = f"{', '.join(analysis.topologies)}, each with bins 0 to {counts.shape[1] - 1}"
            raise ConfigError(f"{this} is not one of {bins}")
        place = analysis.topologies.index(name), int(number)
        if not np.isnan(counts[place]):
            raise ConfigError(f"{this} is there twice")
        if not (isinstance(count, float) and count >= 0.0):
            raise ConfigError(f"{this}: {count} is no count")
        counts[place] = count
    if np.any(np.isnan(counts)):
        topology, number = np.argwhere(np.isnan(counts))[0]
        raise ConfigError(f"{where}: topology {analysis.topologies[topology]}, bin {number} is missing")
    return counts
