"""Results of a campaign on disk: parquet, one file per job as it ends, many jobs per file later on.

A result is in ``results/KEY.parquet``, whole or not at all; `compact` puts many of them into one
``results/batch-NUMBER.parquet``. A reader needs no lock: while files are put together a result may be in two of them,
never in none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuinfer.errors import ConfigError, RunFolderError
from nuinfer.inference.runs import folder as run_folder

if TYPE_CHECKING:
    import pyarrow as pa

RESULTS, MANIFEST, BATCH = "results", "jobs.parquet", "batch-"
KEY = "key"
PER_BATCH = 500  # single results that are put together


def arrow() -> Any:
    """Return the parquet library.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError as error:
        raise ConfigError("campaign: pyarrow is not installed; pip install 'nuinfer[campaign]'") from error


def write_manifest(folder: Path, labels: Iterable[Mapping[str, Any]]) -> None:
    """Keep the address and the labels of every job, in their order."""
    _write(folder / MANIFEST, labels)


def add(folder: Path, key: str, row: Mapping[str, Any]) -> None:
    """Store the result of one job."""
    _write(folder / RESULTS / f"{key}.parquet", [{KEY: key, **row}])


def compact(folder: Path, least: int = PER_BATCH) -> None:
    """Put single results into one file if there are at least so many."""
    singles = _files(folder, single=True)
    if len(singles) < max(least, 2):
        return
    number = 1 + max((int(path.stem.removeprefix(BATCH)) for path in _files(folder, single=False)), default=-1)
    content = _packed(_together([_read(path) for path in singles]))
    run_folder.write_atomic(folder / RESULTS / f"{BATCH}{number:06d}.parquet", content)
    for path in singles:
        path.unlink(missing_ok=True)


def keys(folder: Path) -> set[str]:
    """Addresses of the results that are there."""
    batches = [_read(path, [KEY]) for path in _files(folder, single=False)]
    there = {key for batch in batches for key in batch.column(KEY).to_pylist()}
    return there | {path.stem for path in _files(folder, single=True)}


def read(folder: Path) -> pa.Table:
    """Jobs whose results are there: their labels and results, in the order of the campaign.

    Raises
    ------
    RunFolderError
        If the folder holds no campaign, or a file is damaged.
    """
    manifest = _read(folder / MANIFEST)
    tables = []
    for single in (True, False):  # in this order: what is put together meanwhile is then found in its batch
        for path in _files(folder, single=single):
            try:
                tables.append(_read(path))
            except FileNotFoundError:
                continue
    if not tables:
        return manifest.slice(0, 0)
    results = _together(tables)
    place = {key: row for row, key in enumerate(results.column(KEY).to_pylist())}
    wanted = manifest.column(KEY).to_pylist()
    there = [row for row, key in enumerate(wanted) if key in place]
    found = _taken(results, [place[wanted[row]] for row in there]).drop_columns([KEY])
    table = _taken(manifest, there)
    for name in found.column_names:
        if name not in table.column_names:
            table = table.append_column(name, found.column(name))
    return table


def _files(folder: Path, *, single: bool) -> list[Path]:
    return sorted(path for path in (folder / RESULTS).glob("*.parquet") if path.name.startswith(BATCH) != single)


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    listed = list(rows)
    columns = list(dict.fromkeys(name for row in listed for name in row))
    content = {name: [row.get(name) for row in listed] for name in columns}
    run_folder.write_atomic(path, _packed(arrow().table({name: _column(values) for name, values in content.items()})))


def _column(values: Sequence[Any]) -> Any:
    """Values of one type; texts if they are of several."""
    kinds = {float if isinstance(v, int) and not isinstance(v, bool) else type(v) for v in values if v is not None}
    mixed = len(kinds) > 1
    return arrow().array([v if v is None or not mixed else str(v) for v in values])


def _packed(table: pa.Table) -> bytes:
    sink = arrow().BufferOutputStream()
    import_module("pyarrow.parquet").write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def _together(tables: Sequence[pa.Table]) -> pa.Table:
    return arrow().concat_tables(tables, promote_options="permissive")


def _taken(table: pa.Table, rows: Sequence[int]) -> pa.Table:
    return table.take(arrow().array(rows, arrow().int64()))


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        # from arrow's own buffer and without its threads, which may outlive the read (apache/arrow#50482)
        content = arrow().BufferReader(path.read_bytes())
        file = import_module("pyarrow.parquet").ParquetFile(content, pre_buffer=False)
        return file.read(columns, use_threads=False)
    except FileNotFoundError:
        if path.name == MANIFEST:
            raise RunFolderError(f"{path.parent}: holds no campaign ({MANIFEST} is missing)") from None
        raise
    except (OSError, arrow().ArrowException) as error:
        reason = " ".join(str(error).split())
        raise RunFolderError(f"{path}: cannot be read or is damaged ({reason})") from error
