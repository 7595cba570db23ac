"""External constraints: one file and one TOML of sourced numbers each, found by listing this folder.

`limit_curve` and `custom`, of which an analysis may have several, are built from the user's own files.
"""

from __future__ import annotations

from nuinfer.constraints.base import Constraint, Measurement
from nuinfer.constraints.definition import Definition, Prediction
from nuinfer.registry import Registry

_OTHERS = ("base", "custom", "definition", "limit_curve", "limits", "tables")

CONSTRAINTS = Registry(__name__, "CONSTRAINT", Definition, skip=_OTHERS)
"""The constraints of this folder, one file each, in the order of their terms."""


__all__ = ["CONSTRAINTS", "Constraint", "Definition", "Measurement", "Prediction"]
