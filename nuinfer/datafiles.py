"""The only reader of data files.

Every folder of data holds a ``manifest.toml`` that gives each file its source, licence and sha256; a file that is
not listed, not sourced or altered does not load. Readers return plain arrays and refuse NaN and infinity.
"""

from __future__ import annotations

import csv
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import tomli_w

from nuinfer import reading
from nuinfer.errors import DataIntegrityError, expanded, resolved
from nuinfer.typing import AnyArray

MANIFEST = "manifest.toml"
ENTRY_KEYS = ("source", "licence", "sha256")


def data_root() -> Path:
    """Folder of the shipped data: inside the installed package, else beside ``pyproject.toml`` of a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


def shipped_data() -> list[str]:
    """Names of the shipped data sets."""
    return sorted(path.parent.name for path in data_root().glob("*/dataset.toml"))


def locate(name: str) -> Path:
    """Folder of the data set `name`: a name of the shipped data, or a path to a user's own folder.

    Raises
    ------
    DataIntegrityError
        If neither exists.
    """
    own = expanded(name) if is_own(name) else Path(name)
    for folder in (own,) if is_own(name) else (data_root() / name, own):
        if (folder / MANIFEST).is_file():
            return folder
    shipped = ", ".join(shipped_data())
    neither = f"no such shipped data (there is: {shipped}) and no folder of that name with a {MANIFEST}"
    if is_own(name):
        neither = f"no folder of that name with a {MANIFEST}"
    raise DataIntegrityError(f"data set '{name}': {neither}")


def is_own(name: str) -> bool:
    """Whether the name of a data set is the path of a user's folder: it has a separator, or begins with a dot or ~.

    Examples
    --------
    >>> [is_own(name) for name in ("hese7", "./hese7", "hese7/", "~/hese7")]
    [False, True, True, True]
    """
    return name.startswith((".", "~")) or "/" in name or "\\" in name


def resolved_name(name: str) -> str:
    """The name of shipped data, or the absolute path of a user's own folder, which is found from anywhere."""
    own = is_own(name) or (not _is_shipped(name) and (Path(name) / MANIFEST).is_file())
    return str(resolved(name)) if own else name


def refuse_ambiguous(name: str, beside: Path) -> None:
    """Refuse a name that a user gives to data where it is that of shipped data and of a folder of the user's.

    Raises
    ------
    DataIntegrityError
        Naming both.
    """
    if not is_own(name) and _is_shipped(name) and name and (beside / name / MANIFEST).is_file():
        both = f"the data that ship with this package and of the folder {resolved(beside / name)}"
        raise DataIntegrityError(f"data.dataset: '{name}' is the name of {both}; for the folder write './{name}'")


def _is_shipped(name: str) -> bool:
    return (data_root() / name / MANIFEST).is_file()


@dataclass(frozen=True)
class DataFolder:
    """A folder of data with its manifest.

    Parameters
    ----------
    path : Path
        The folder.
    files : mapping
        File name to its manifest entry (``source``, ``licence``, ``sha256``).
    """

    path: Path
    files: Mapping[str, Mapping[str, str]]

    @classmethod
    def open(cls, path: Path) -> DataFolder:
        """Read the manifest of `path`.

        Raises
        ------
        DataIntegrityError
            If the manifest is missing, is not TOML, or an entry lacks its source, licence or checksum.
        """
        manifest = path / MANIFEST
        return cls(path, _entries(manifest, _bytes(manifest)))

    def read_bytes(self, name: str) -> bytes:
        """Contents of one listed file, checked against its sha256."""
        where = self.path / name
        if name not in self.files:
            raise DataIntegrityError(f"{where}: not listed in {MANIFEST}, so its source is unknown")
        content = _bytes(where)
        if hashlib.sha256(content).hexdigest() != self.files[name]["sha256"]:
            raise DataIntegrityError(f"{where}: altered since it was sourced (sha256 differs from {MANIFEST})")
        return content

    def read_toml(self, name: str) -> dict[str, Any]:
        """Read a TOML file as nested dictionaries."""
        return _parse_toml(self.path / name, self.read_bytes(name))

    def read_csv(self, name: str) -> dict[str, AnyArray]:
        """Read a CSV file as `parse_csv` does."""
        return parse_csv(self.read_bytes(name), str(self.path / name))

    def read_arrays(self, name: str) -> dict[str, AnyArray]:
        """Read the arrays of an ``.npz`` file."""
        try:
            arrays = reading.arrays_of(self.read_bytes(name))
        except ValueError as error:
            raise DataIntegrityError(f"{self.path / name}: {error}") from error
        return {key: _finite(str(self.path / name), key, array) for key, array in arrays.items()}

    def checksums(self) -> dict[str, str]:
        """File name to sha256, for the record of a run."""
        return {name: entry["sha256"] for name, entry in self.files.items()}


def parse_csv(content: bytes, where: str) -> dict[str, AnyArray]:
    r"""Columns of a CSV table: ``#`` comments, one header line, entries of floats, or strings if any is no number.

    Parameters
    ----------
    content : bytes
        Of the file.
    where : str
        Its name, with which messages begin.

    Raises
    ------
    DataIntegrityError
        If it is no such table, or holds NaN or infinity.

    Examples
    --------
    >>> parse_csv(b"# heights\nname,m\nEiger,3967\n", "peaks.csv")["m"]
    array([3967.])
    """
    try:
        lines = [line for line in reading.text_of(content).splitlines() if line.strip() and not line.startswith("#")]
        rows = list(csv.reader(lines, strict=True))
    except (ValueError, csv.Error) as error:
        raise DataIntegrityError(f"{where}: not a CSV table ({error})") from error
    heads = [head.strip() for head in rows[0]] if rows else []
    if not rows or any(len(row) != len(heads) for row in rows) or len(set(heads)) < len(heads):
        raise DataIntegrityError(f"{where}: not a table with a header line of distinct names and rows of one length")
    return {head: _column(where, head, [row[k].strip() for row in rows[1:]]) for k, head in enumerate(heads)}


def _column(where: str, head: str, entries: list[str]) -> AnyArray:
    if not all(entry.isascii() and "_" not in entry for entry in entries):  # which Python reads as numbers
        return np.array(entries)
    try:
        column = np.array([float(entry) for entry in entries])
    except ValueError:
        return np.array(entries)
    return _finite(where, head, column)


def _finite(where: str, key: str, array: AnyArray) -> AnyArray:
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise DataIntegrityError(f"{where}: '{key}' holds NaN or infinity; allowed: finite numbers")
    return array


def seal(path: Path, sources: Mapping[str, tuple[str, str]], *, keep: bool = False) -> None:
    """Write the manifest of a folder, which makes its files loadable.

    Parameters
    ----------
    path : Path
        The folder.
    sources : mapping
        File name to its (source, licence).
    keep : bool
        Leave the entries of other files in the manifest: for a folder that several generators write to.

    Raises
    ------
    DataIntegrityError
        If a file cannot be read or has a blank source or licence.
    """
    others = DataFolder.open(path).files if keep and (path / MANIFEST).is_file() else {}
    files: dict[str, dict[str, str]] = {name: dict(entry) for name, entry in others.items() if name not in sources}
    for name, (source, licence) in sources.items():
        if not (source.strip() and licence.strip()):
            raise DataIntegrityError(f"{path / name}: needs a source and a licence to be sealed")
        sha256 = hashlib.sha256(_bytes(path / name)).hexdigest()
        files[name] = {"source": source, "licence": licence, "sha256": sha256}
    (path / MANIFEST).write_text(tomli_w.dumps({"files": dict(sorted(files.items()))}), encoding="utf-8")


@functools.lru_cache(maxsize=32)
def _entries(manifest: Path, content: bytes) -> Mapping[str, Mapping[str, str]]:
    """The checked entries of a manifest; a text is parsed once."""
    entries = _parse_toml(manifest, content).get("files", {})
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise DataIntegrityError(f"{manifest}: 'files' must be one table per file with {', '.join(ENTRY_KEYS)}")
    for name, entry in entries.items():
        missing = [key for key in ENTRY_KEYS if not (isinstance(entry.get(key), str) and entry[key].strip())]
        if missing:
            raise DataIntegrityError(f"{manifest}: the entry of '{name}' has no {' and no '.join(missing)}")
    return MappingProxyType(entries)


def _bytes(path: Path) -> bytes:
    try:
        return reading.content_of(path)
    except OSError as error:
        raise DataIntegrityError(f"{path}: cannot be read ({error.strerror})") from error


def _parse_toml(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return reading.toml_of(reading.text_of(content))
    except ValueError as error:
        raise DataIntegrityError(f"{path}: {error}") from error
