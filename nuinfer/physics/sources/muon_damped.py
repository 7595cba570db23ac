"""Pions of both charges whose muons are cooled before they decay."""

from nuinfer.physics.sources import Source

CITATION = "Kashti and Waxman, Phys. Rev. Lett. 95 (2005) 181101, astro-ph/0507599"
SOURCE = Source("muon_damped", "muon-damped (pp)", CITATION, species=((0.0, 1.0, 0.0), (0.0, 1.0, 0.0)), order=3)
