"""Flavours of the source as parameters, neutrinos and antineutrinos alike."""

from nuinfer.parameters import Definition
from nuinfer.physics.sources import Source, free_fractions
from nuinfer.priors import SimplexShare

FRACTIONS = tuple(
    Definition(name, label, "", f"fraction of {flavour} at the source", (0.0, 1.0), SimplexShare(1.0, 2))
    for name, label, flavour in (("f_e", r"$f_e$", "nu_e + nubar_e"), ("f_mu", r"$f_\mu$", "nu_mu + nubar_mu"))
)

SOURCE = Source("free", "free flavours", citation=None, species=free_fractions, parameters=FRACTIONS, order=6)
