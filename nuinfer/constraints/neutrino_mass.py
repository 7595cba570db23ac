"""Sum of the neutrino masses from cosmology: a term that depends on the masses, not on (m_Z', g').

A published upper limit M at 95 % becomes a half-normal likelihood of the sum, ``exp(-(sum/sigma)^2/2)`` with
``sigma = M/1.96``, which has 95 % of its area below M. It is written as the normal density of a measured sum of zero;
the half-normal is twice that, a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy import special

from nuinfer.constraints.definition import Definition, Prediction
from nuinfer.typing import FloatArray


def _itself(sum_ev: FloatArray) -> FloatArray:
    return sum_ev


def _prediction(numbers: Mapping[str, Any], _charge: float) -> Prediction:
    """The sum of the masses in eV, which the Standard Model's neutrinos have too (`Constraint.averaged`)."""
    sigma = float(numbers["limit95"]) / float(special.ndtri(0.975))
    return Prediction(
        _itself,
        standard_model=0.0,
        arguments=("sum_nu_masses_ev",),
        measured={"mean": 0.0, "sigma": sigma, "positive": True},
    )


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
