"""How every file of a run or a study is written and read: whole or not at all, and by one process at a time."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from nuinfer.errors import RunFolderError

STATUS, LOCK, LOG = "status.json", "lock", "log.txt"  # what every folder has


def make_folder(path: Path) -> None:
    """Make a folder and its parents."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be made ({error.strerror})") from error


def write_atomic(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file whole or not at all; `durable` waits for the disk.

    Raises
    ------
    RunFolderError
        If it cannot be written; what was there before is intact.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise RunFolderError(f"{path}: cannot be written ({error.strerror or error})") from error


def is_leftover(path: Path) -> bool:
    """Whether a file is what `write_atomic` leaves behind where it is killed."""
    return path.name.startswith(".") and path.suffix == ".tmp"


def remove_leftovers(folder: Path) -> None:
    """Remove the half-written files of a process that was killed."""
    for item in folder.rglob(".*.tmp"):
        with contextlib.suppress(OSError):
            item.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any], *, durable: bool = True) -> None:
    """Write JSON atomically; numbers that are not finite become null."""
    write_atomic(path, (json.dumps(plain(content), indent=2, allow_nan=False) + "\n").encode(), durable=durable)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    RunFolderError
        If it is missing or damaged.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RunFolderError(f"{path}: damaged, not JSON ({error})") from error
    if not isinstance(content, dict):
        raise RunFolderError(f"{path}: damaged, not a JSON object")
    return content


def plain(value: Any) -> Any:
    """What JSON can hold of a value: arrays as lists, numbers that are not finite as None.

    Examples
    --------
    >>> plain({"x": np.array([1.0, np.inf]), "n": np.int64(3)})
    {'x': [1.0, None], 'n': 3}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file for as long as the context lasts; the system releases it when the process ends, however.

    The lock is that of the operating system, on Linux, macOS and Windows, by `filelock`: its classes would make missing
    folders and fall back to lock files that a killed process leaves behind, its function for an open file does neither.

    Raises
    ------
    RunFolderError
        If another process holds it, it cannot be made, or the file system has no locks.
    """
    try:
        file = path.open("ab")
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written ({error.strerror})") from error
    with file:
        try:
            free = filelock.lock_descriptor(file.fileno(), blocking=False)
        except OSError as error:
            raise RunFolderError(
                f"{path}: the file system has no locks ({error.strerror}); choose a folder on another one"
            ) from error
        if not free:
            raise RunFolderError(f"{path.parent}: in use by another process; wait until it ends")
        yield
