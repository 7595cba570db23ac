"""Beta decay of neutrons, as from photodisintegrated nuclei."""

from nuinfer.physics.sources import Source

SOURCE = Source(
    name="neutron",
    label="neutron decay",
    citation="Anchordoqui, Goldberg, Halzen, Weiler, Phys. Lett. B 593 (2004) 42, astro-ph/0311002",
    species=((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
    order=5,
)
