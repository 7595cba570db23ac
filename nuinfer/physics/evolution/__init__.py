"""How the sources evolve with redshift: one file per law, each with the constant ``LAW``.

A user's own law is such a file, named in the configuration: ``model.evolution = "laws/mine.py"``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.registry import Registry
from nuinfer.typing import ArrayLike, FloatArray

LogDensity = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""(ln W, d ln W/dx) at x = ln(1+z) of shape (n,); W(z) is the comoving emissivity, in any unit."""


@dataclass(frozen=True)
class Law:
    """An evolution law.

    Parameters
    ----------
    name, label : str
        Name in the configuration, and what figures and tables print.
    citation : str or None
        What has to be cited; None for a definition that rests on no publication.
    log_density : LogDensity or None
        Comoving emissivity; None puts every source at one redshift.
    order : int
        Place in lists.
    regeneration_intervals : int
        Intervals of the tables of absorbed flux with which every bin is right to 1e-5; more if it has a corner.

    Examples
    --------
    >>> LAWS.shipped["sfr"].density([0.0, 1.0]).round(2).tolist()
    [1.0, 9.85]
    """

    name: str
    label: str
    citation: str | None
    log_density: LogDensity | None
    order: int = 0
    regeneration_intervals: int = 40

    def density(self, redshift: ArrayLike) -> FloatArray:
        """W(z), shape of `redshift`; nothing for a law without density."""
        if self.log_density is None:
            return np.zeros(np.shape(redshift))
        x = np.log1p(np.asarray(redshift, float))
        return np.exp(self.log_density(x.ravel())[0]).reshape(x.shape)


LAWS = Registry("nuinfer.physics.evolution", "LAW", Law, error=PhysicsDomainError)
"""The laws of this folder and of users' files."""


def smoothly_joined(x: FloatArray, slopes: FloatArray, offsets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Power laws of 1+z joined as in arXiv:0804.4008, [sum_k (e^{offset_k + slope_k x})^eta]^(1/eta) with eta = -10.

    Parameters
    ----------
    x : ndarray, shape (n,)
        ln(1+z).
    slopes, offsets : ndarray, shape (power law,)
        Of the logarithm of each power law.

    Returns
    -------
    tuple of ndarray, shape (n,)
        Logarithm and its slope.
    """
    eta = -10.0
    terms = np.exp(eta * (slopes[:, None] * x + offsets[:, None]))
    total = terms.sum(axis=0)
    return np.log(total) / eta, (slopes[:, None] * terms).sum(axis=0) / total
