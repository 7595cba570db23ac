"""What a beam passes between source and Earth, whichever way it is followed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.crossings import Coherence, Crossings, degenerate_crossings, split_crossings
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.regeneration import daughter_populations, decay_spectrum
from nuinfer.typing import FloatArray


@dataclass(frozen=True)
class Propagation:
    """Everything between source and Earth that does not change from point to point of a fit.

    Parameters
    ----------
    mixing, mediator, cosmology
        Mixing matrix, charges, expansion.
    coherence : {"coherent", "decoherent"}
        Whether phases survive inside a resonance.
    split : bool
        Split masses, one crossing per mass state; else a single crossing of degenerate masses.
    dirac : bool
        Dirac neutrinos at rest, half of whose spin states are inert.
    """

    mixing: Mixing
    mediator: Mediator
    cosmology: Cosmology
    coherence: Coherence
    split: bool
    dirac: bool = False

    @cached_property
    def daughters(self) -> FloatArray:
        """Populations of the mass states among the daughters of one Z', shape (3,)."""
        return daughter_populations(self.mixing, self.mediator)

    @cached_property
    def decay(self) -> FloatArray:
        """Coefficients of the daughters' spectrum by channel, shape (2, 3)."""
        return decay_spectrum(self.mediator)

    @property
    def depth_factor(self) -> float:
        """Depth of a unit entry of R over `optical_depth`, which is that of a vector and of Majorana neutrinos."""
        return self.mediator.depth_over_vector * (0.5 if self.dirac else 1.0)

    @cached_property
    def crossings(self) -> Crossings:
        """Transfer matrices per target."""
        make = split_crossings if self.split else degenerate_crossings
        return make(self.mixing, self.mediator, self.coherence)
