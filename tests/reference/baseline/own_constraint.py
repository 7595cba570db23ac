"""A constraint of a user: the index of the flux and the logarithm of its strength, as another experiment has them."""

import numpy as np

from nuinfer.constraints.base import Constraint, Measurement


def _predict(gamma, g_prime):
    return gamma + 0.1 * np.log10(g_prime)


def build(charges, mass_range_mev, form="two_sided", mean=2.2, sigma=0.3):
    measurement = Measurement("another", "none", mean=mean, sigma=sigma)
    return Constraint("own", form, measurement, _predict, 2.0, arguments=("gamma", "g_prime"))
