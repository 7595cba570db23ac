"""Where things are found by their names: the modules of a folder, a user's own Python file, an optional library.

Nothing else in the package imports by name. A law, source, spectrum, constraint, figure or engine is one file with one
frozen constant that holds its facts, ``LAW = Law(name="sfr", ...)``; a user's own is such a file named in the
configuration.
"""

import functools
import hashlib
import itertools
import pkgutil
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Generic, NamedTuple, TypeVar

from nuinfer.errors import ConfigError, NuinferError, resolved
from nuinfer.reading import content_of

T = TypeVar("T")
MOST_POINTS = 1000  # that are tried for the one at which a user's function fails
_PREFIX = "nuinfer_user_"  # of the modules that users' files become


def imported(library: str, where: str = "", extra: str = "") -> Any:
    """A library that is slow to import or may be missing, imported when it is needed.

    Parameters
    ----------
    library : str
        Dotted name of the module.
    where, extra : str
        What needs it, and the extra of this package that installs it.

    Raises
    ------
    ConfigError
        If it is not installed and `extra` says how to get it.
    """
    try:
        return import_module(library)
    except ImportError as error:
        if not extra:
            raise
        missing = library.partition(".")[0]
        raise ConfigError(f"{where}: {missing} is not installed; pip install 'nuinfer[{extra}]'") from error


def modules_of(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package whose modules are imported when they are used, and seen before."""
    names = [one.name for one in pkgutil.iter_modules(import_module(package).__path__) if not one.name.startswith("_")]

    def module(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return import_module(f"{package}.{name}")

    return module, lambda: names


class Cited(NamedTuple, Generic[T]):
    """One of a few choices that a configuration names, and what has to be cited for it."""

    citation: str
    value: T


# A user's own file ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UserFile:
    """A Python file of the user, loaded; wherever it is unpickled it is loaded again, and refused if it has changed.

    Parameters
    ----------
    path : Path
        The file.
    sha256 : str
        Of the text that was executed.
    where : str
        Key of the configuration that names the file, with which messages begin.
    module : module
        What executing it gave.
    """

    path: Path
    sha256: str
    where: str
    module: ModuleType = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.path, self.sha256, self.where)

    def constant(self, name: str, kind: type[T]) -> T:
        """The constant that the file defines.

        Raises
        ------
        ConfigError
            If it does not, or if it is of another kind.
        """
        thing = getattr(self.module, name, None)
        if not isinstance(thing, kind):
            home = f"nuinfer: from {kind.__module__} import {kind.__name__}"
            raise ConfigError(f"{self.where}: '{self.path}' defines no {name} = {kind.__name__}(...) ({home})")
        return thing

    def function(self, name: str, signature: str = "(...)") -> Callable[..., Any]:
        """The function that the file defines.

        Raises
        ------
        ConfigError
            If it does not; the message shows the `signature`.
        """
        thing = getattr(self.module, name, None)
        if not callable(thing):
            raise ConfigError(f"{self.where}: '{self.path}' defines no function {name}{signature}")
        return thing  # type: ignore[no-any-return]


@dataclass(frozen=True)
class FromFile:
    """A function made from a user's file, which can be sent to other processes: it is made again where it arrives.

    Parameters
    ----------
    file : UserFile
        The file.
    make : callable
        Picklable, from the file to the function.
    """

    file: UserFile
    make: Callable[[UserFile], Callable[..., Any]]

    @functools.cached_property
    def _function(self) -> Callable[..., Any]:
        return self.make(self.file)

    def __call__(self, *values: Any) -> Any:
        """Call the function, which can read arrays and not write to them.

        Raises
        ------
        ConfigError
            If it fails, with the line of the file at which it does, and the point if it fails there by itself.
        """
        from nuinfer.typing import read_only  # numpy is slow to import

        try:
            return self._function(*map(read_only, values))
        except NuinferError:
            raise
        except (Exception, SystemExit) as error:
            place, point = place_of_failure(error) or f"'{self.file.path}'", self._culprit(values)
            raise ConfigError(f"{self.file.where}: {place} failed{point}: {type(error).__name__}: {error}") from error

    def _culprit(self, values: tuple[Any, ...]) -> str:
        """The first point of a batch at which the function fails."""
        import numpy as np

        for point in itertools.islice(np.broadcast(*values) if values else (), MOST_POINTS):
            try:
                self._function(*map(np.asarray, point))
            except (Exception, SystemExit):  # noqa: BLE001 - whatever it is
                return f" at ({', '.join(f'{value:.6g}' for value in point)})"
        return ""

    def __reduce__(self) -> tuple[Any, ...]:
        return FromFile, (self.file, self.make)


def place_of_failure(error: BaseException) -> str | None:
    """File and line of a user's code in which an error was raised; None if it was not there."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = {str(getattr(module, "__file__", "")) for name, module in sys.modules.items() if name.startswith(_PREFIX)}
    lines = [f"'{frame.filename}', line {frame.lineno}," for frame in frames if frame.filename in theirs]
    return lines[-1] if lines else None


def is_path(name: str) -> bool:
    """Whether a name in a configuration is that of a user's Python file, not of something shipped.

    Examples
    --------
    >>> [is_path(name) for name in ("sfr", "mine.py", "laws/mine")]
    [False, True, True]
    """
    return name.endswith(".py") or "/" in name or "\\" in name


def load_file(path: str | Path, where: str) -> UserFile:
    """Execute a user's Python file.

    It is read once and executed from that text, so that its checksum is that of what runs, under a module name of its
    own in ``sys.modules``; a text that was executed before is not executed again.

    Parameters
    ----------
    path : str or Path
        The file.
    where : str
        Key of the configuration that names it.

    Raises
    ------
    ConfigError
        One line beginning with `where`, if the file cannot be read, is not Python or fails.
    """
    absolute = resolved(path)
    if absolute.suffix != ".py":
        raise ConfigError(f"{where}: '{path}' is not a Python file (its name must end in .py)")
    try:
        content = content_of(absolute)
    except OSError as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{where}: '{path}' cannot be read ({reason})") from error
    sha256 = hashlib.sha256(content).hexdigest()
    place = hashlib.sha256(str(absolute).encode()).hexdigest()
    name = f"{_PREFIX}{place[:8]}_{sha256[:16]}"
    if name not in sys.modules:
        sys.modules[name] = module = ModuleType(name)  # dataclasses look their module up
        module.__file__ = str(absolute)
        try:
            code = compile(content, str(absolute), "exec", dont_inherit=True)
            exec(code, module.__dict__)  # noqa: S102 - what the user asks for by naming the file
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ConfigError(f"{where}: '{path}' cannot be loaded: {reason}") from error
    return UserFile(absolute, sha256, where, sys.modules[name])


def _again(path: Path, sha256: str, where: str) -> UserFile:
    """A file that was loaded in another process, or before."""
    file = load_file(path, where)
    if file.sha256 != sha256:
        raise ConfigError(f"{where}: '{path}' has changed while it was in use")
    return file


# Both -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Registry(Generic[T]):
    """All things of one kind: those of a folder, listed when they are first asked for, and those of users' files.

    Parameters
    ----------
    package : str
        Dotted name of the folder. Modules whose names begin with ``_`` are not looked at.
    constant : str
        What each module calls its thing, ``LAW``.
    kind : type
        What each thing is; it has a `name`, and may have an `order`, which sorts the things before their names do.
    skip : tuple of str
        Modules of the folder that define none.
    error : type of NuinferError
        What is raised for an unknown name.
    """

    package: str
    constant: str
    kind: type[T]
    skip: tuple[str, ...] = ()
    error: type[NuinferError] = ConfigError

    @functools.cached_property
    def shipped(self) -> Mapping[str, T]:
        """The things that the modules of the folder define, by name.

        Raises
        ------
        TypeError
            If a module lacks the constant, or it is of another kind, or a name occurs twice: a mistake in the package.
        """
        found: dict[str, T] = {}
        for module in pkgutil.iter_modules(import_module(self.package).__path__, f"{self.package}."):
            short = module.name.rpartition(".")[2]
            if short.startswith("_") or short in self.skip:
                continue
            thing = getattr(import_module(module.name), self.constant, None)
            if not isinstance(thing, self.kind):
                raise TypeError(f"{module.name}: defines no {self.constant} of type {self.kind.__name__}")
            name = str(getattr(thing, "name"))  # noqa: B009 - a type variable has no attributes
            if name in found:
                raise TypeError(f"{module.name}: the name '{name}' of its {self.constant} is taken")
            found[name] = thing
        ordered = sorted(found, key=lambda name: (getattr(found[name], "order", 0), name))
        return MappingProxyType({name: found[name] for name in ordered})

    def find(self, name: str, where: str) -> T:
        """The thing of a name, or that of a user's file if the name is a path.

        Parameters
        ----------
        name : str
            Name or path.
        where : str
            Key of the configuration or argument that gives it, with which messages begin.

        Raises
        ------
        NuinferError
            For an unknown name, or a file that cannot be loaded or does not define the constant.
        """
        if is_path(name):
            return load_file(name, where).constant(self.constant, self.kind)
        if name not in self.shipped:
            raise self.error(f"{where}: '{name}' is not one of {', '.join(self.shipped)}, or the path of a Python file")
        return self.shipped[name]
