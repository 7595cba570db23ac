"""Sum of the neutrino masses from cosmology: a term that depends on the masses, not on (m_Z', g').

A published upper limit M at 95 % becomes a half-normal likelihood of the sum, ``exp(-(sum/sigma)^2/2)`` with
``sigma = M/1.96``, which has 95 % of its area below M. It is written as the normal density of a measured sum of zero;
the half-normal is twice that, a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nuinfer.confidence import INTERVAL
from nuinfer.constraints.definition import Definition, Oscillation, Prediction


def _prediction(numbers: Mapping[str, Any], _oscillation: Oscillation) -> Prediction:
    """The sum of the masses itself, in eV, which the Standard Model's neutrinos have too (`Constraint.averaged`)."""
    measured = {"mean": 0.0, "sigma": numbers["limit95"] / INTERVAL.sigmas(0.95), "positive": True}
    return Prediction(np.positive, standard_model=0.0, arguments=("sum_nu_masses_ev",), measured=measured)


CONSTRAINT = Definition(
    name="neutrino_mass",
    order=6,
    label="sum of the masses",
    colour="#8C8C8C",
    measurement="planck2018",
    prediction=_prediction,
    prediction_reference=None,
    charges="any",
    mediators=("vector", "scalar"),
    forms=("exclusion", "one_sided"),
    forms_because="cosmology gives an upper limit",
)
