"""Beta decay of neutrons, as from photodisintegrated nuclei."""

from nuinfer.physics.sources import Source

CITATION = "Anchordoqui, Goldberg, Halzen, Weiler, Phys. Lett. B 593 (2004) 42, astro-ph/0311002"
SOURCE = Source("neutron", "neutron decay", CITATION, species=((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)), order=5)
