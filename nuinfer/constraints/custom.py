"""A constraint from the user's own Python file, named in the configuration.

The file defines ``build(charges, mass_range_mev, **options) -> Constraint``; the keys of its entry in the configuration
are the options. `mass_range_mev` is None without a Z'. Its functions can be sent to other processes: they load the file
again, and refuse one that has changed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from nuinfer.constraints.base import Charges, Constraint, MassRange
from nuinfer.errors import ConfigError
from nuinfer.typing import FloatArray


@dataclasses.dataclass(frozen=True)
class FromFile:
    """The prediction of a constraint built from a file, rebuilt wherever it is unpickled."""

    constraint: Constraint
    recipe: tuple[Any, ...]

    def __call__(self, *values: FloatArray) -> FloatArray:
        """The observable."""
        return self.constraint.predict(*values)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, self.recipe


def build(name: str, charges: Charges, mass_range_mev: MassRange | None, *, file: str, **options: object) -> Constraint:
    """Load `file` and call its ``build``.

    Parameters
    ----------
    name : str
        Name of the entry, ``mine`` of ``[constraints.custom.mine]``; the term is called ``custom.mine``.
    charges, mass_range_mev
        Of the analysis.
    file : str
        Path of the Python file.
    **options
        The other keys of the entry.

    Raises
    ------
    ConfigError
        If the file cannot be loaded, has no ``build``, fails, or returns something other than a `Constraint`.
    """
    where = f"constraints.custom.{name}"
    path = Path(file).expanduser()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{where}.file: '{file}' cannot be read ({error.strerror})") from error
    digest = hashlib.sha256(content).hexdigest()
    constraint = _call(where, path, digest, charges, mass_range_mev, options)
    recipe = (where, path, digest, charges, mass_range_mev, options)
    return dataclasses.replace(
        constraint,
        name=f"custom.{name}",
        predict=FromFile(constraint, recipe),
        files=(*constraint.files, (str(file), digest)),
    )


def _again(where: str, path: Path, digest: str, *rest: Any) -> FromFile:
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise ConfigError(f"{where}.file: '{path}' has changed while it was in use")
    return FromFile(_call(where, path, digest, *rest), (where, path, digest, *rest))


def _call(
    where: str,
    path: Path,
    digest: str,
    charges: Charges,
    mass_range_mev: MassRange | None,
    options: dict[str, object],
) -> Constraint:
    module = _module(where, path, digest)
    maker = getattr(module, "build", None)
    if not callable(maker):
        raise ConfigError(f"{where}.file: '{path}' defines no function build(charges, mass_range_mev, **options)")
    try:
        constraint = maker(charges, mass_range_mev, **options)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"{where}: build in '{path}' failed: {type(error).__name__}: {error}") from error
    if not isinstance(constraint, Constraint):
        raise ConfigError(f"{where}: build in '{path}' returned {type(constraint).__name__}, it must be a Constraint")
    return constraint


def _module(where: str, path: Path, digest: str) -> ModuleType:
    name = f"nuinfer_custom_{digest[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{where}.file: '{path}' is not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"{where}.file: '{path}' cannot be loaded: {type(error).__name__}: {error}") from error
    return module
