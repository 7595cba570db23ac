"""What is known of the parameters of a run without its model."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nuinfer.parameters import PARAMETERS
from nuinfer.typing import ArrayLike, FloatArray


@dataclass(frozen=True)
class Named:
    """Names and ends of parameters: what chains need, in place of an analysis that cannot be built.

    Parameters
    ----------
    parameter_names : tuple of str
        In column order.
    prior_bounds : ndarray, shape (n_dim, 2)
        Support of the priors.
    config_hash : str
        Of what was sampled.
    """

    parameter_names: tuple[str, ...]
    prior_bounds: FloatArray
    config_hash: str
    absorbs: ClassVar[bool] = False  # as far as is known
    truth: ClassVar[tuple[tuple[str, float], ...]] = ()

    @property
    def parameter_labels(self) -> dict[str, str]:
        """LaTeX labels, where this version has the parameter; else its name."""
        known = {name: definition.label for name, definition in PARAMETERS.items()}
        return {name: known.get(name, name.replace("_", r"\_")) for name in self.parameter_names}

    @property
    def derived_labels(self) -> dict[str, str]:
        """Nothing is derived."""
        return {}

    def sample_prior(self, n: int, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - as of an analysis
        """No draws, shape (0, n_dim)."""
        return np.empty((0, len(self.parameter_names)))

    def derived(self, theta: ArrayLike) -> dict[str, FloatArray]:  # noqa: ARG002 - as of an analysis
        """Nothing is derived."""
        return {}

    def spelled(self, text: str) -> str:
        """A text as it is."""
        return text
