"""Pions of both charges, as from proton-proton collisions, and their muons."""

from nuinfer.physics.sources import Source

CITATION = "Learned and Pakvasa, Astropart. Phys. 3 (1995) 267, hep-ph/9405296"
SOURCE = Source("pp", "pion decay (pp)", CITATION, species=((1.0, 2.0, 0.0), (1.0, 2.0, 0.0)), order=1)
