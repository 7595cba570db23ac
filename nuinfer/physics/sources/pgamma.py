"""Positive pions, as from the Delta resonance of protons on photons, and their muons."""

from nuinfer.physics.sources import Source

CITATION = "Anchordoqui, Goldberg, Halzen, Weiler, Phys. Lett. B 621 (2005) 18, hep-ph/0410003"
SOURCE = Source("pgamma", "pion decay (p-gamma)", CITATION, species=((1.0, 1.0, 0.0), (0.0, 1.0, 0.0)), order=2)
