"""Positive pions, as from the Delta resonance of protons on photons, and their muons."""

from nuinfer.physics.sources import Source

SOURCE = Source(
    name="pgamma",
    label="pion decay (p-gamma)",
    citation="Anchordoqui, Goldberg, Halzen, Weiler, Phys. Lett. B 621 (2005) 18, hep-ph/0410003",
    species=((1.0, 1.0, 0.0), (0.0, 1.0, 0.0)),
    order=2,
)
