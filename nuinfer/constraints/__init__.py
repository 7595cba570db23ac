"""External constraints on (m_Z', g'): one file and one TOML of sourced numbers each, and their registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from nuinfer.constraints import borexino, muon_g2, neff, sn1987a
from nuinfer.constraints.base import Constraint

BUILDERS: Mapping[str, Callable[..., Constraint]] = MappingProxyType(
    {
        "muon_g2": muon_g2.build,
        "borexino": borexino.build,
        "neff": neff.build,
        "sn1987a": sn1987a.build,
    }
)

__all__ = ["BUILDERS", "Constraint"]
