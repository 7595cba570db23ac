"""How every file of a run or a study is written and read: whole or not at all, and by one process at a time.

Files of JSON lines are appended to, and read while that happens; each line has a checksum.
"""

import contextlib
import errno
import hashlib
import hmac
import itertools
import json
import math
import os
import re
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

import filelock
import numpy as np

from nuinfer.errors import RunFolderError, expanded, warn_once
from nuinfer.private import private
from nuinfer.reading import content_of, json_of, lines_of, opened_file

T = TypeVar("T")
STATUS, LOCK, LOG = "status.json", "lock", "log.txt"  # what every folder has
_OURS = re.compile(r"\..+\.\d+(-\w{8})?\.tmp")  # what a kill leaves of `write_atomic`
CHECKED = "check"
CHECK = b', "check": "'


@contextlib.contextmanager
def refusing(path: object, what: str) -> Iterator[None]:
    """One line instead of what the system says: `path` cannot be `what`.

    Raises
    ------
    RunFolderError
        For an error of the system.
    """
    try:
        yield
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be {what} ({error.strerror or error})") from error


def make_folder(path: Path) -> None:
    """Make a folder and its parents."""
    with refusing(path, "made"):
        path.mkdir(parents=True, exist_ok=True)


def write_atomic(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file whole or not at all; `durable` waits for the disk.

    Raises
    ------
    RunFolderError
        If it cannot be written; what was there before is intact.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with refusing(path, "written"):
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)  # it is there only if something went wrong


def appending(path: Path, buffering: int = -1) -> Any:
    """A file to append bytes to, made if it is not there; no link is followed and no pipe waited for.

    Raises
    ------
    OSError
        If it cannot be opened, is a link or no file.
    """

    def opener(name: str, flags: int) -> int:
        return opened_file(name, flags | getattr(os, "O_NOFOLLOW", 0))

    return open(path, "ab", buffering, opener=opener)


def private_folder(name: str) -> Path | None:
    """A folder of this user's program that nobody else can look into or write to; None if there can be none.

    It lies in ``$XDG_STATE_HOME/nuinfer``, by default ``~/.local/state/nuinfer``: what runs code when it is read, a
    pickle, is kept there and nowhere else.
    """
    state = private(expanded(os.environ.get("XDG_STATE_HOME") or "~/.local/state") / "nuinfer")
    return state and private(state / name)


def signature(text: str) -> str | None:
    """What only this user's program can make of a text; None where it can keep no key."""
    folder = private_folder("keys")
    if folder is None:
        return None
    with contextlib.suppress(OSError):
        if not (folder / "key").exists():
            write_atomic(folder / "key", secrets.token_bytes(32))
            (folder / "key").chmod(0o600)
        return hmac.new((folder / "key").read_bytes(), text.encode(), "sha256").hexdigest()
    return None


def claimed(folder: Path, what: str, record: str, there: bool, *, resume: bool, force: bool) -> bool:
    """Whether a folder is gone on with; nothing is touched.

    The lock and half-written files of a process that was killed before its record was whole are nobody's.

    Parameters
    ----------
    folder : Path
        The folder.
    what, record : str
        What it shall hold, and the file that says that it does.
    there : bool
        Whether this file is there, and ours.
    resume, force : bool
        Go on with what is there, or start over.

    Raises
    ------
    RunFolderError
        If it holds something else, or what it holds is neither to be gone on with nor to be replaced.
    """
    with refusing(folder, "read"):
        inside = [item.name for item in folder.iterdir()] if folder.is_dir() else [folder.name] * folder.exists()
    if not there and any(name != LOCK and not _OURS.fullmatch(name) for name in inside):
        raise RunFolderError(f"{folder}: exists and is not the folder of a {what} (no {record}); choose another --out")
    if there and not (resume or force):
        raise RunFolderError(f"{folder}: already holds a {what}; --resume continues it, --force starts over")
    return there and not force


@contextlib.contextmanager
def held(folder: Path, claim: Callable[[], T], owned: Iterable[str]) -> Iterator[T]:
    """Hold a folder, made if it is not there, to which nobody else can write meanwhile.

    Parameters
    ----------
    folder : Path
        The folder.
    claim : callable
        Says what is gone on with, see `claimed`: asked before anything is touched, and when nobody can come in between.
    owned : iterable of str
        What is removed, as patterns, where that is nothing.

    Raises
    ------
    RunFolderError
        As `claim`, or if the folder is in use or cannot be written.
    """
    claim()
    make_folder(folder)
    with locked(folder / LOCK):
        known = claim()
        if not known:
            remove(folder, owned)
        remove_leftovers(folder)
        yield known


def remove(folder: Path, patterns: Iterable[str]) -> None:
    """Remove files by patterns of their paths in a folder, and the folders that this leaves empty; no others.

    What lies beside them, and what a link leads to, stays.
    """
    for pattern in patterns:
        for item in sorted(folder.glob(pattern)):
            if item.is_symlink() or not item.is_dir():
                with refusing(item, "removed"):
                    item.unlink(missing_ok=True)
                for parent in itertools.takewhile(lambda above: above != folder, item.parents):
                    with contextlib.suppress(OSError):  # it holds something else
                        parent.rmdir()


def remove_leftovers(folder: Path) -> None:
    """Remove the half-written files of a process that was killed."""
    for item in folder.rglob(".*.tmp"):
        if _OURS.fullmatch(item.name):
            with contextlib.suppress(OSError):
                item.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any], *, durable: bool = True) -> None:
    """Write JSON atomically; numbers that are not finite become null."""
    write_atomic(path, (json.dumps(plain(content), indent=2, allow_nan=False) + "\n").encode(), durable=durable)


def write_record(path: Path, content: Mapping[str, Any], *, durable: bool = True) -> None:
    """Write JSON as `write_json` does, with a checksum of the rest as its last key."""
    write_json(path, {**content, CHECKED: checksum(content)}, durable=durable)


def checksum(content: Mapping[str, Any]) -> str:
    """Of what JSON holds of a table."""
    return f"{zlib.crc32(json.dumps(plain(content)).encode()):08x}"


def check_unchanged(path: Path, content: Mapping[str, Any], written: object) -> None:
    """Warn of a file whose content has not the checksum that it had, for people may change it; None: not known."""
    if written not in (None, checksum(content)):
        warn_once(f"{path}: has changed since it was written, its checksum is another one")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, with a warning if it has changed since it was written.

    Raises
    ------
    RunFolderError
        If it is missing or damaged.
    """
    try:
        with refusing(path, "read"):
            content = json_of(content_of(path))
    except ValueError as error:
        raise RunFolderError(f"{path}: damaged, {error}") from error
    if not isinstance(content, dict):
        raise RunFolderError(f"{path}: damaged, not a JSON object")
    written = content.pop(CHECKED, None)
    check_unchanged(path, content, written)
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


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A table without tables in it, their keys joined by dots.

    Examples
    --------
    >>> flat({"ess": 400.0, "rank": {"gamma": 0.3}})
    {'ess': 400.0, 'rank.gamma': 0.3}
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file for as long as the context lasts; the system releases it when the process ends, however.

    The lock is that of the operating system, on Linux, macOS and Windows, by `filelock`: its classes would make missing
    folders and fall back to lock files that a killed process leaves behind, its function for an open file does neither.
    Where the file system has none, one in this user's own folder keeps other processes of this machine away.

    Raises
    ------
    RunFolderError
        If another process holds it, or it cannot be made.
    """
    with contextlib.ExitStack() as stack:
        free = _locked(path, stack)
        if free is None:
            where, own = path.parent.resolve(), private_folder("locks")
            warn_once(f"{where}: its file system has no locks; see that no other machine writes there meanwhile")
            free = own is None or _locked(own / hashlib.sha256(bytes(where)).hexdigest()[:20], stack) is not False
        if not free:
            raise RunFolderError(f"{path.parent}: in use by another process; wait until it ends")
        yield


def _locked(path: Path, stack: contextlib.ExitStack) -> bool | None:
    """Whether a file is locked by us now; None if the file system has no locks."""
    with refusing(path, "written"):
        file = stack.enter_context(appending(path))
    try:
        return filelock.lock_descriptor(file.fileno(), blocking=False)
    except OSError:
        return None


# Lines ---------------------------------------------------------------------------------------------------------------


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Entries of a file of lines with checksums; half a line at the end is left out.

    Raises
    ------
    RunFolderError
        If it cannot be read, or a line is damaged.
    """
    with refusing(path, "read"):
        if not path.exists():
            return
        for number, line in enumerate(lines_of(path), start=1):
            if not line.endswith(b"\n"):
                return
            body = line.rpartition(CHECK)[0]
            if line != _sealed(body):
                raise RunFolderError(f"{path}: line {number} is damaged; without it, its job is done again")
            yield json.loads(body + b"}")


def write_lines(path: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of lines as a whole."""
    write_atomic(path, b"".join(map(line_of, entries)))


def line_of(entry: Mapping[str, Any]) -> bytes:
    """An entry as JSON on one line, with the checksum of the rest as its last key."""
    return _sealed(json.dumps(plain(entry), allow_nan=False)[:-1].encode())


def _sealed(body: bytes) -> bytes:
    return body + CHECK + b'%08x"}\n' % zlib.crc32(body)


def open_lines(path: Path) -> FileIO:
    """A file of lines to append to, without what a kill has left of its last line."""
    with refusing(path, "written"):
        file: FileIO = appending(path, buffering=0)
        with path.open("rb") as held:
            file.truncate(sum(len(line) for line in held if line.endswith(b"\n")))
    return file


def append_line(file: FileIO, entry: Mapping[str, Any]) -> None:
    """Append an entry; the system has it when this returns, the disk some time later.

    Raises
    ------
    RunFolderError
        If it cannot be written; what is left of it is taken away by the next `open_lines`.
    """
    line = line_of(entry)
    with refusing(file.name, "written"):
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
