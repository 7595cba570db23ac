"""A constraint from the user's own Python file, named in the configuration.

The file defines ``build(charges, mass_range_mev, **options) -> Constraint``; the keys of its entry in the configuration
are the options. `mass_range_mev` is None without a Z'. Its functions can be sent to other processes: they load the file
again, and refuse one that has changed.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

from nuinfer.constraints.base import Constraint
from nuinfer.constraints.definition import Charges, MassRange
from nuinfer.errors import ConfigError
from nuinfer.registry import FromFile, UserFile, load_file
from nuinfer.typing import FloatArray


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
    loaded = load_file(file, f"{where}.file")
    recipe = (where, charges, mass_range_mev, options)
    constraint = _constraint(loaded, *recipe)
    return dataclasses.replace(
        constraint,
        name=f"custom.{name}",
        label=constraint.label or name,
        predict=FromFile(loaded, functools.partial(_predict, recipe=recipe)),
        files=(*constraint.files, (file, loaded.sha256)),
    )


def _constraint(
    loaded: UserFile,
    where: str,
    charges: Charges,
    mass_range_mev: MassRange | None,
    options: Mapping[str, object],
) -> Constraint:
    make = loaded.function("build", "(charges, mass_range_mev, **options)")
    try:
        constraint = make(charges, mass_range_mev, **options)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"{where}: build in '{loaded.path}' failed: {type(error).__name__}: {error}") from error
    if not isinstance(constraint, Constraint):
        returned = type(constraint).__name__
        raise ConfigError(f"{where}: build in '{loaded.path}' returned {returned}, it must be a Constraint")
    return constraint


def _predict(
    loaded: UserFile, *, recipe: tuple[str, Charges, MassRange | None, Mapping[str, object]]
) -> Callable[..., FloatArray]:
    return _constraint(loaded, *recipe).predict
