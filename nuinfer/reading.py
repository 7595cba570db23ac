"""Files as others have left them: bounded before they are read, one reader for each format.

Whatever is wrong with what a reader is given is an `OSError` or a `ValueError` of one line; who asked for the file
names it in an error of ours.
"""

from __future__ import annotations

import errno
import functools
import io
import json
import os
import re
import stat
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nuinfer.typing import AnyArray

LARGEST = 1 << 28
"""Bytes of any file, packed or unpacked, at most."""

LONGEST = 200
"""Letters that are said of what is wrong."""

READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)

_DEEP = re.compile(r"""(?<![\w.-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""")  # for `tomllib` is slow


def opened_file(path: str | PathLike[str], flags: int) -> int:
    """Descriptor of a file, which is not waited for: an opener as Python's `open` takes one.

    Raises
    ------
    OSError
        If it cannot be opened, or is no file (a pipe, a device, a folder).
    """
    try:
        descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    except ValueError as error:  # a name with a null in it
        raise OSError(errno.ENOENT, str(error)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a file")
    return descriptor


def content_of(path: str | PathLike[str], most: int = LARGEST) -> bytes:
    """Bytes of a file.

    Raises
    ------
    OSError
        As `opened_file`, or if it is larger than `most` bytes.
    """
    with os.fdopen(opened_file(path, READ), "rb") as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"is larger than {most} bytes")
        return file.read(most)


def lines_of(path: str | PathLike[str]) -> Iterator[bytes]:
    """Lines of a file as they are, each of `LARGEST` bytes at most; raises what `opened_file` does."""
    with os.fdopen(opened_file(path, READ), "rb") as file:
        yield from iter(functools.partial(file.readline, LARGEST), b"")


def text_of(content: bytes) -> str:
    """A text, which is in UTF-8.

    Raises
    ------
    ValueError
        If it is not.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 ({error})") from error


def toml_of(text: str) -> dict[str, Any]:
    """Tables of a TOML text.

    Raises
    ------
    ValueError
        If it is not TOML, or nests deeper or has longer numbers than is sensible.

    Examples
    --------
    >>> toml_of("a.b = 1")
    {'a': {'b': 1}}
    """
    try:
        if _DEEP.search(text):
            raise ValueError("a key of more than 32 parts")  # noqa: TRY301 - said as all else below
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not valid TOML: {_said(error)}") from error


def json_of(content: bytes) -> Any:
    """What a JSON text holds.

    Raises
    ------
    ValueError
        If it is not JSON, or nests too deep.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {_said(error)}") from error


def names_of(content: bytes) -> list[str]:
    """Names of the arrays of an ``.npz`` archive; raises what `arrays_of` does."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except Exception as error:
        raise ValueError(f"not a readable .npz archive of arrays: {_said(error)}") from error


def arrays_of(content: bytes, most: int = LARGEST) -> Mapping[str, AnyArray]:
    """Arrays of an ``.npz`` archive, which holds no objects.

    Raises
    ------
    ValueError
        If it is no such archive, or unpacks to more than `most` bytes.
    """
    from numpy.lib import format as arrays  # numpy is slow to import

    found = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > most:
                raise ValueError(f"unpacks to more than {most} bytes")  # noqa: TRY301 - likewise
            for member in archive.infolist():
                held = io.BytesIO(archive.read(member))
                found[member.filename.removesuffix(".npy")] = arrays.read_array(held, allow_pickle=False)
    except Exception as error:
        raise ValueError(f"not a readable .npz archive of arrays: {_said(error)}") from error
    return found


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:LONGEST] or type(error).__name__
