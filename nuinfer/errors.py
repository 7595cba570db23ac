"""Errors that name the field, the value and what is allowed.

Everything the user can cause derives from `NuinferError`; the command line turns it into one line and exit code 2.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path

_PATH = re.compile(r"""(?<![\w./~-])/[^\s,"'\]}]+""")


LOG = logging.getLogger("nuinfer")
"""Its level says how much is told: below WARNING what goes on, above it results and errors alone."""
LOG.setLevel(logging.WARNING)  # its own: other packages silence the root, which would take our warnings with it


@functools.lru_cache(maxsize=256)
def warn_once(text: str) -> None:
    """Warn of something that does no harm, once in a process."""
    LOG.warning("warning: %s", text)


def expanded(path: str | PathLike[str]) -> Path:
    """A path with ``~`` for a home; that of nobody stays as it is, and is not found."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def resolved(path: str | PathLike[str]) -> Path:
    """An absolute path without links and ``~``; of a loop of links as far as it goes."""
    return Path(os.path.realpath(expanded(path)))


def shortened(path: str | PathLike[str], *, from_here: bool = True) -> str:
    """A path for people: from the working directory if it is below, else from the home, else as it is."""
    with contextlib.suppress(OSError):  # the working directory has gone
        for root, sign in ((Path.cwd(), ""), (expanded("~"), "~/"))[not from_here :]:
            if (full := Path(path).absolute()).is_relative_to(root):
                return f"{sign}{full.relative_to(root)}"
    return str(path)


def shortened_in(text: str) -> str:
    """A text whose paths are as short as `shortened` makes them, for what is kept and handed around."""
    return _PATH.sub(lambda path: shortened(path[0]), text)


class NuinferError(Exception):
    """Base of every error raised on purpose."""


class ConfigError(NuinferError):
    """A configuration key, value or combination that is not allowed."""


class DataIntegrityError(NuinferError):
    """A data file that is missing, unsourced, altered or holds impossible numbers."""


class PhysicsDomainError(NuinferError):
    """An argument outside the range in which a formula or a table holds."""


class RunFolderError(NuinferError):
    """A run folder that is occupied, foreign, damaged or in use."""


class NoWorkersError(RunFolderError):
    """Work that cannot be done because nothing is there to do it."""


class NotConvergedError(NuinferError):
    """A result was asked of chains that have not converged."""


@contextlib.contextmanager
def forgiven(what: str, note: Callable[[str], object] = warn_once) -> Iterator[None]:
    """Whatever fails of something that comes after the work is noted, so that the work is done all the same.

    Parameters
    ----------
    what : str
        What may fail.
    note : callable
        Takes what has failed and why; by default it is a warning.

    Raises
    ------
    RunFolderError
        Where a file is refused, which the user can mend: a disk is full, for example.
    """
    try:
        yield
    except RunFolderError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - nothing that follows the work may undo it
        note(shortened_in(f"{what} failed: {' '.join(f'{type(error).__name__}: {error}'.split())}"))


class NonFiniteLogProbError(NuinferError):
    """A term of the log-probability is NaN or +inf.

    Parameters
    ----------
    term : str
        Name of the term, as in ``Analysis.log_terms``.
    point : mapping of str to float
        The parameter vector at which it happened.
    """

    def __init__(self, term: str, point: Mapping[str, float]) -> None:
        self.term = term
        self.point = dict(point)
        at = ", ".join(f"{name}={value!r}" for name, value in self.point.items())
        super().__init__(f"the term '{term}' of the log-probability is not a number at {at}")

    def __reduce__(self) -> tuple[type[NonFiniteLogProbError], tuple[str, dict[str, float]]]:
        return type(self), (self.term, self.point)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that may have been meant, as the end of a sentence; blank if there is none."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
