"""A published exclusion, as a table of the upper limit on g' against m_Z', in a fit or a figure.

The table is the user's own CSV with the columns ``m_zprime_mev`` and ``g_prime``; the entry in the configuration gives
its reference and confidence level. Interpolated in log-log; couplings above the curve are excluded.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Literal

import numpy as np

from nuinfer.constraints.base import Constraint, Measurement
from nuinfer.constraints.definition import Charges, MassRange, lmu_ltau_strength, require_coverage
from nuinfer.constraints.tables import Curve
from nuinfer.datafiles import parse_csv
from nuinfer.errors import ConfigError, DataIntegrityError

COLUMNS = ("m_zprime_mev", "g_prime")
Outside = Literal["refuse", "allowed"]


def build(
    name: str,
    charges: Charges,
    mass_range_mev: MassRange | None,
    *,
    table: str,
    reference: str,
    confidence_level: float,
    outside: Outside = "refuse",
) -> Constraint:
    """The exclusion ``g' > limit(m_Z')``, for charges (0, q, -q).

    Parameters
    ----------
    name : str
        Name of the entry, ``NA64`` of ``[constraints.limit_curve.NA64]``.
    charges, mass_range_mev
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
        If the file is no such table, the reference is blank, the charges are others, or the table does not cover the
        masses.
    """
    label = f"limit_curve.{name}"
    if not reference.strip():
        raise ConfigError(f"constraints.{label}.reference: blank, but a curve needs its source")
    where = f"constraints.{label}.table: '{table}'"
    try:
        content = Path(table).expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(f"{where} cannot be read ({error.strerror})") from error
    curve = _curve(where, content)
    if outside == "refuse":
        try:
            require_coverage(label, mass_range_mev, (curve.low, curve.high))
        except ConfigError as error:
            raise ConfigError(f"{error}; outside = 'allowed' excludes nothing there") from None
    measured = Measurement(f"{name} at {100.0 * confidence_level:g} %", reference, limit=1.0)
    predict = functools.partial(curve.over_limit, strength=lmu_ltau_strength(label, charges))
    files = ((str(table), hashlib.sha256(content).hexdigest()),)
    return Constraint(label, "exclusion", measured, predict, 0.0, confidence_level, files=files, label=name)


def _curve(where: str, content: bytes) -> Curve:
    """The curve of a table of two positive columns with increasing masses."""
    needs = "it needs two or more rows of positive numbers, with increasing masses"
    try:
        columns = parse_csv(content, where)
    except DataIntegrityError as error:
        raise ConfigError(f"{where} is not a CSV of numbers ({error}); {needs}") from error
    if tuple(columns) != COLUMNS:
        raise ConfigError(f"{where} must have the columns {' and '.join(COLUMNS)}")
    mass, limit = columns.values()
    if mass.dtype.kind != "f" or limit.dtype.kind != "f":
        raise ConfigError(f"{where} is not a CSV of numbers; {needs}")
    if mass.size < 2 or not (mass[0] > 0.0 and np.all(limit > 0.0) and np.all(np.diff(mass) > 0.0)):
        raise ConfigError(f"{where}: {needs}")
    return Curve.through(mass, limit)
