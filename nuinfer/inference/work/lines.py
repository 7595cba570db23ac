"""Files of JSON lines, each with its checksum: appended to, read while that happens, never believed if damaged."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from nuinfer.errors import RunFolderError
from nuinfer.inference.work.files import plain, write_atomic

CHECK = b', "check": "'


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Entries of a file of lines with checksums; half a line at the end is left out.

    Raises
    ------
    RunFolderError
        If it cannot be read, or a line is damaged.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                body, _, check = line.rpartition(CHECK)
                if check != _check(body):
                    raise RunFolderError(f"{path}: line {number} is damaged; without it, its job is done again")
                yield json.loads(body + b"}")
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read ({error.strerror})") from error


def write_lines(path: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of lines as a whole."""
    write_atomic(path, b"".join(map(line_of, entries)))


def open_lines(path: Path) -> BinaryIO:
    """A file of lines to append to, without what a kill has left of its last line."""
    try:
        file = path.open("a+b")
        file.seek(0)
        file.truncate(sum(len(line) for line in file if line.endswith(b"\n")))
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written ({error.strerror})") from error
    return file


def line_of(entry: Mapping[str, Any]) -> bytes:
    """An entry as JSON on one line, with the checksum of the rest as its last key."""
    body = json.dumps(plain(entry), allow_nan=False)[:-1].encode()
    return body + CHECK + _check(body)


def _check(body: bytes) -> bytes:
    return b'%08x"}\n' % zlib.crc32(body)
