"""External constraints: one file and one TOML of sourced numbers each, found by listing this folder.

Limit curves and custom constraints, of which an analysis may have several, come from the user's own files (`user`).
"""

from __future__ import annotations

from nuinfer.constraints.base import Constraint, Measurement
from nuinfer.constraints.definition import Definition, Prediction
from nuinfer.registry import Registry

CONSTRAINTS = Registry(__name__, "CONSTRAINT", Definition, skip=("base", "definition", "limits", "tables", "user"))
"""The constraints of this folder, one file each, in the order of their terms."""

__all__ = ["CONSTRAINTS", "Constraint", "Definition", "Measurement", "Prediction"]
