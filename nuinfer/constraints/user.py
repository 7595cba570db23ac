"""Constraints from the user's own files: a published exclusion as a table, or a Python file that defines a term.

``[constraints.limit_curve.NAME]`` names a CSV with the columns ``m_zprime_mev`` and ``g_prime``, an upper limit on g';
interpolated in log-log, couplings above the curve are excluded. ``[constraints.custom.NAME]`` names a Python file that
defines ``build(charges, mass_range_mev, **options) -> Constraint``; the other keys are the options, `mass_range_mev` is
None without a Z'. A ``build`` that names an argument `couplings` gets these too, an array (3, 3), and None for charges
where there is more to them than a diagonal; any other is refused there. Its functions can be sent to other processes:
they load the file again, and refuse one that has changed.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from nuinfer.constraints.base import CUSTOM, PLANE, Constraint, Measurement
from nuinfer.constraints.definition import Couplings, MassRange, charged, lmu_ltau_strength, require_coverage
from nuinfer.constraints.tables import Curve
from nuinfer.datafiles import parse_csv
from nuinfer.errors import ConfigError, DataIntegrityError, expanded
from nuinfer.physics.mediator import written
from nuinfer.reading import content_of
from nuinfer.registry import FromFile, UserFile, load_file
from nuinfer.typing import FloatArray


def limit_curve(
    name: str, couplings: Couplings, mass_range_mev: MassRange | None, *, table: str, reference: str,
    confidence_level: float, outside: Literal["refuse", "allowed"] = "refuse",
) -> Constraint:  # fmt: skip
    """The exclusion ``g' > limit(m_Z')``, for charges (0, q, -q).

    Parameters
    ----------
    name : str
        Name of the entry, ``NA64`` of ``[constraints.limit_curve.NA64]``.
    couplings, mass_range_mev
        Of the analysis.
    table : str
        Path of the CSV.
    reference : str
        Where the numbers were published.
    confidence_level : float
        Level at which the curve was published, for the record.
    outside : {"refuse", "allowed"}
        What a prior box wider than the table means: an error, or no exclusion there.

    Raises
    ------
    ConfigError
        If the file is no such table, the reference is blank, the couplings are others, or the table does not cover the
        masses.
    """
    label = f"limit_curve.{name}"
    if not reference.strip():
        raise ConfigError(f"constraints.{label}.reference: blank, but a curve needs its source")
    where = f"constraints.{label}.table: '{table}'"
    try:
        content = content_of(expanded(table))
    except OSError as error:
        raise ConfigError(f"{where} cannot be read ({error.strerror})") from error
    curve = _curve(where, content)
    if outside == "refuse":
        try:
            require_coverage(label, mass_range_mev, (curve.m_zprime_mev[0], curve.m_zprime_mev[-1]))
        except ConfigError as error:
            raise ConfigError(f"{error}; outside = 'allowed' excludes nothing there") from None
    measured = Measurement(f"{name} at {100.0 * confidence_level:g} %", reference, limit=1.0)
    predict = functools.partial(charged, curve.over_limit, lmu_ltau_strength(label, couplings))
    files = ((str(table), hashlib.sha256(content).hexdigest()),)
    return Constraint(label, "exclusion", measured, predict, 0.0, confidence_level, files=files, label=name)


def _curve(where: str, content: bytes) -> Curve:
    """The curve of a table of two positive columns with increasing masses."""
    needs = "it needs two or more rows of positive numbers, with increasing masses"
    try:
        columns = {name: column.astype(float) for name, column in parse_csv(content, where).items()}
    except (DataIntegrityError, ValueError) as error:
        raise ConfigError(f"{where} is not a CSV of numbers ({error}); {needs}") from error
    if tuple(columns) != PLANE:
        raise ConfigError(f"{where} must have the columns {' and '.join(PLANE)}")
    mass, limit = columns.values()
    if mass.size < 2 or not (mass[0] > 0.0 and np.all(limit > 0.0) and np.all(np.diff(mass) > 0.0)):
        raise ConfigError(f"{where}: {needs}")
    return Curve(mass, limit)


def custom(
    name: str, couplings: Couplings, mass_range_mev: MassRange | None, *, file: str, **options: object
) -> Constraint:
    """Load a Python file and call its ``build``.

    Parameters
    ----------
    name : str
        Name of the entry, ``mine`` of ``[constraints.custom.mine]``; the term is called ``custom.mine``.
    couplings, mass_range_mev
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
    loaded = load_file(file, f"constraints.custom.{name}.file")
    build = functools.partial(_built, couplings=couplings, mass_range_mev=mass_range_mev, options=options)
    constraint = build(loaded)
    return dataclasses.replace(
        constraint,
        name=f"{CUSTOM}{name}",
        label=constraint.label or name,
        predict=FromFile(loaded, functools.partial(_predict, build)),
        files=(*constraint.files, (file, loaded.sha256)),
    )


def _built(
    loaded: UserFile, couplings: Couplings, mass_range_mev: MassRange | None, options: Mapping[str, object]
) -> Constraint:
    where = loaded.where.removesuffix(".file")
    build = loaded.function("build", "(charges, mass_range_mev, **options)")
    charges = couplings if np.ndim(couplings) == 1 else None
    whole = np.diag(couplings) if charges else np.asarray(couplings)
    matrix = {"couplings": whole} if "couplings" in inspect.signature(build).parameters else {}
    if not (charges or matrix):
        takes = "which build must take as an argument 'couplings'"
        raise ConfigError(f"{where}: model.couplings {written(couplings)} are more than charges, {takes}")
    try:
        constraint = build(charges, mass_range_mev, **{**matrix, **options})
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{where}: build in '{loaded.path}' failed: {type(error).__name__}: {error}") from error
    if not isinstance(constraint, Constraint):
        returned = type(constraint).__name__
        raise ConfigError(f"{where}: build in '{loaded.path}' returned {returned}, it must be a Constraint")
    return constraint


def _predict(build: Callable[[UserFile], Constraint], loaded: UserFile) -> Callable[..., FloatArray]:
    return build(loaded).predict
