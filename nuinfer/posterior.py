"""The posterior: prior, Poisson likelihood and constraints as named terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuinfer.constraints.base import Constraint
from nuinfer.errors import NonFiniteLogProbError
from nuinfer.forward import ForwardModel, physical_point
from nuinfer.likelihood import poisson_log_terms
from nuinfer.parameters import ParameterSpace
from nuinfer.typing import ArrayLike, FloatArray


@dataclass(frozen=True)
class Posterior:
    """Log-probability of a point as a sum of named terms.

    Parameters
    ----------
    space : ParameterSpace
        Parameters and priors.
    model : ForwardModel
        Expected counts.
    constraints : tuple of Constraint
        External constraints, functions of (m_Z', g').
    """

    space: ParameterSpace
    model: ForwardModel
    constraints: tuple[Constraint, ...]

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of the terms, in the order in which they are evaluated."""
        return ("prior", *(c.name for c in self.constraints), "poisson")

    def point(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Named physical values at theta."""
        return physical_point(self.space.unpack(theta))

    def expected_counts(self, theta: ArrayLike) -> FloatArray:
        """Expected counts, shape (*batch, topology, bin)."""
        batch = self.space.check(theta).shape[:-1]
        counts = self.model.expected_counts(self.point(theta))
        return np.broadcast_to(counts, (*batch, *counts.shape[-2:])).copy()

    def poisson_terms(self, theta: ArrayLike) -> FloatArray:
        """Poisson log-probability per bin, shape (*batch, topology, bin)."""
        return poisson_log_terms(self.model.dataset.observed, self.expected_counts(theta))

    def constraint_term(self, constraint: Constraint, point: dict[str, FloatArray]) -> FloatArray:
        """Term of one constraint; its Standard Model value where there is no Z'."""
        if self.model.propagation is None:
            return constraint.log_term_of(constraint.standard_model)
        return constraint.log_term(point["m_zprime_mev"], point["g_prime"])

    def log_terms(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Every term at theta, inside the prior or not; each of shape (*batch,)."""
        x = self.space.check(theta)
        point = self.point(x)
        terms = {"prior": self.space.log_prior(x)}
        terms |= {c.name: self.constraint_term(c, point) for c in self.constraints}
        terms["poisson"] = self.poisson_terms(x).sum(axis=(-2, -1))
        return {name: np.broadcast_to(term, x.shape[:-1]).copy() for name, term in terms.items()}

    def log_exclusion(self, theta: ArrayLike) -> FloatArray:
        """0 where no exclusion applies, else -inf; shape (*batch,)."""
        x = self.space.check(theta)
        point = self.point(x)
        total = np.zeros(x.shape[:-1])
        for constraint in self.constraints:
            if constraint.is_exclusion:
                total = total + self.constraint_term(constraint, point)
        return total

    def evaluate(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log-probability and terms of a batch, stopping early where a point is already impossible.

        Parameters
        ----------
        theta : ndarray, shape (n, n_dim)

        Returns
        -------
        log_prob : ndarray, shape (n,)
            -inf outside the prior or an exclusion.
        terms : ndarray, shape (n, n_term)
            In the order of `term_names`; -inf for terms that were not evaluated.

        Raises
        ------
        NonFiniteLogProbError
            If a term is NaN or +inf; it names the term and holds the point.
        """
        x = self.space.check(theta)
        terms = np.full((len(x), len(self.term_names)), -np.inf)
        terms[:, 0] = self.space.log_prior(x)
        self._refuse_nonfinite(x, terms[:, 0], "prior")
        rows = np.flatnonzero(terms[:, 0] > -np.inf)
        point = self.point(x[rows])
        for column, constraint in enumerate(self.constraints, start=1):
            terms[rows, column] = self.constraint_term(constraint, point)
            self._refuse_nonfinite(x, terms[:, column], constraint.name)
        rows = np.flatnonzero(np.all(terms[:, :-1] > -np.inf, axis=-1))
        if rows.size:
            terms[rows, -1] = self.poisson_terms(x[rows]).sum(axis=(-2, -1))
            self._refuse_nonfinite(x, terms[:, -1], "poisson")
        return terms.sum(axis=-1), terms

    def log_prob(self, theta: ArrayLike) -> FloatArray:
        """Sum of all terms, shape (*batch,)."""
        x = self.space.check(theta)
        return self.evaluate(x.reshape(-1, x.shape[-1]))[0].reshape(x.shape[:-1])

    def _refuse_nonfinite(self, theta: FloatArray, term: FloatArray, name: str) -> None:
        bad = np.isnan(term) | (term == np.inf)
        if bad.any():
            vector = theta[np.argmax(bad)]
            raise NonFiniteLogProbError(name, dict(zip(self.space.names, vector.tolist(), strict=True)))
