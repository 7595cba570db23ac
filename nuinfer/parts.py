"""What an analysis consists of, its data apart: parameters, a model of the counts, and constraints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuinfer.constraints.base import Constraint
from nuinfer.errors import NonFiniteLogProbError
from nuinfer.forward import ForwardModel
from nuinfer.parameters import ParameterSpace
from nuinfer.typing import ArrayLike, BoolArray, FloatArray

SUM_NU_MASSES_EV = "sum_nu_masses_ev"
"""A value of every point that is made of the masses, for constraints."""

Values = dict[str, FloatArray]
"""Named values of points, each of shape (n,)."""


@dataclass(frozen=True)
class Parts:
    """Parameters, the model of the counts, the constraints that are on, and checksums and references of it all."""

    space: ParameterSpace
    model: ForwardModel
    constraints: tuple[Constraint, ...]
    checksums: dict[str, str]
    cited: tuple[str, ...]

    def unpack(self, theta: ArrayLike) -> tuple[FloatArray, Values, FloatArray, BoolArray]:
        """Theta as (n, n_dim), named values, log prior, and whether all values of a point are finite."""
        x = self.space.check(theta).reshape(-1, self.space.n_dim)
        columns, log_prior, finite = self.space.unpack(x)
        return x, self.named(columns), log_prior, finite

    def named(self, columns: FloatArray) -> Values:
        """Named values from `ParameterSpace.unpack`, contiguous, as the compiled functions know them."""
        return dict(zip(self.space.value_names, np.ascontiguousarray(columns), strict=True))

    def counts(self, values: Values, finite: BoolArray) -> FloatArray:
        """Expected counts by component, NaN where a value is not finite: the model never sees such a point."""
        with np.errstate(all="ignore"):
            if finite.all():
                return self.model.components(values)
            counts = self.model.components({name: np.where(finite, value, 1.0) for name, value in values.items()})
        counts[~finite] = np.nan
        return counts

    def observable(self, constraint: Constraint, values: Values) -> FloatArray:
        """What a constraint predicts; its Standard Model value if it needs the mediator and there is none."""
        if self.model.mass_name is None and not values.keys() >= set(constraint.arguments):
            return np.asarray(constraint.standard_model)
        if SUM_NU_MASSES_EV in constraint.arguments:  # one mass stands for three if they are degenerate
            values = {**values, SUM_NU_MASSES_EV: 3.0 * self.model.masses_ev(values).mean(axis=-1)}
        return constraint.predict(*(values[name] for name in constraint.arguments))

    def term(self, constraint: Constraint, values: Values) -> FloatArray:
        """Term of a constraint."""
        return constraint.log_term_of(self.observable(constraint, values))

    def refuse_nonfinite(self, theta: FloatArray, terms: dict[str, FloatArray]) -> None:
        """Refuse terms (n,) at points (n, n_dim) that are NaN or +inf.

        Raises
        ------
        NonFiniteLogProbError
            Naming the first such term, and the point.
        """
        for name, term in terms.items():
            bad = ~(term < np.inf)
            if bad.any():
                raise NonFiniteLogProbError(name, dict(zip(self.space.names, theta[bad][0].tolist(), strict=True)))
