"""External constraints: one file and one TOML of sourced numbers each, and their registry.

`limit_curve` and `custom`, of which an analysis may have several, are built from the user's own files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from nuinfer.constraints import borexino, muon_g2, neff, neutrino_mass, sn1987a, trident
from nuinfer.constraints.base import Constraint

BUILDERS: Mapping[str, Callable[..., Constraint]] = MappingProxyType(
    {
        "muon_g2": muon_g2.build,
        "borexino": borexino.build,
        "neff": neff.build,
        "sn1987a": sn1987a.build,
        "trident": trident.build,
        "neutrino_mass": neutrino_mass.build,
    }
)

__all__ = ["BUILDERS", "Constraint"]
