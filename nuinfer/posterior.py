"""The posterior: prior, Poisson likelihood and constraints as named terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuinfer.constraints.base import Constraint
from nuinfer.errors import NonFiniteLogProbError, PhysicsDomainError
from nuinfer.forward import ForwardModel, physical_point
from nuinfer.likelihood import poisson_log_terms
from nuinfer.parameters import ParameterSpace
from nuinfer.typing import ArrayLike, FloatArray

SUM_NU_MASSES_EV = "sum_nu_masses_ev"  # a value of every point, made of the masses
_FROM_LOGARITHMS = {"m_zprime_mev", "g_prime"}  # values that may overflow where theta is finite


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
        External constraints, functions of (m_Z', g') or of other named values.
    """

    space: ParameterSpace
    model: ForwardModel
    constraints: tuple[Constraint, ...]

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of the terms, in the order in which they are evaluated."""
        return ("prior", *(c.name for c in self.constraints), "poisson")

    def point(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Named physical values at theta; infinite where they overflow."""
        with np.errstate(all="ignore"):
            return physical_point(self.space.unpack(theta))

    def expected_counts(self, theta: ArrayLike) -> FloatArray:
        """Expected counts, shape (*batch, topology, bin).

        Raises
        ------
        PhysicsDomainError
            If they are not finite.
        """
        x = self.space.check(theta)
        counts = self._counts(x, self.point(x))
        bad = ~np.all(np.isfinite(counts), axis=(-2, -1))
        if bad.any():
            at = dict(zip(self.space.names, x[bad][0].tolist(), strict=True))
            raise PhysicsDomainError(f"the expected counts are not finite at {at}")
        return counts

    def _counts(self, theta: FloatArray, point: dict[str, FloatArray]) -> FloatArray:
        """Expected counts, NaN where a value is not finite: the model never sees such a point."""
        finite = np.asarray(np.isfinite(theta).all(axis=-1))
        for name in _FROM_LOGARITHMS & point.keys():
            finite = finite & np.isfinite(point[name])
        if not finite.all():
            point = {name: np.where(finite, values, 1.0) for name, values in point.items()}
        with np.errstate(all="ignore"):  # what comes of it is checked
            counts = np.asarray(self.model.expected_counts(point))
        return counts if finite.all() else np.where(finite[..., None, None], counts, np.nan)

    def poisson_terms(self, theta: ArrayLike) -> FloatArray:
        """Poisson log-probability per bin, shape (*batch, topology, bin); NaN where the counts make no sense."""
        x = self.space.check(theta)
        return self._poisson_terms(x, self.point(x))

    def _poisson_terms(self, theta: FloatArray, point: dict[str, FloatArray]) -> FloatArray:
        with np.errstate(all="ignore"):
            return poisson_log_terms(self.model.dataset.observed, self._counts(theta, point))

    def _poisson(self, theta: FloatArray, point: dict[str, FloatArray]) -> FloatArray:
        with np.errstate(all="ignore"):
            return np.asarray(self._poisson_terms(theta, point).sum(axis=(-2, -1)))

    def constraint_term(self, constraint: Constraint, point: dict[str, FloatArray]) -> FloatArray:
        """Term of one constraint; its Standard Model value where there is no Z'."""
        with np.errstate(all="ignore"):  # what comes of it is checked
            return constraint.log_term_of(self.observable(constraint, point))

    def observable(self, constraint: Constraint, point: dict[str, FloatArray]) -> FloatArray:
        """What a constraint predicts; its Standard Model value where there is no Z'."""
        if self.model.propagation is None:
            return np.asarray(constraint.standard_model)
        return constraint.predict(*(np.asarray(self._argument(name, point), float) for name in constraint.arguments))

    def _argument(self, name: str, point: dict[str, FloatArray]) -> FloatArray:
        if name != SUM_NU_MASSES_EV:
            return point[name]
        masses = self.model.masses_ev(point)
        return np.asarray(3.0 * masses.mean(axis=-1))  # one mass stands for three if they are degenerate

    def log_terms(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Every term at theta, inside the prior or not; each of shape (*batch,).

        Raises
        ------
        NonFiniteLogProbError
            If a term is NaN or +inf.
        """
        x = self.space.check(theta)
        point = self.point(x)
        terms = {"prior": self.space.log_prior(x)}
        terms |= {c.name: self.constraint_term(c, point) for c in self.constraints}
        terms["poisson"] = self._poisson(x, point)
        terms = {name: np.broadcast_to(term, x.shape[:-1]).copy() for name, term in terms.items()}
        for name, term in terms.items():
            self._refuse_nonfinite(x, term, name)
        return terms

    def log_exclusion(self, theta: ArrayLike) -> FloatArray:
        """0 where no exclusion applies, else -inf; shape (*batch,)."""
        x = self.space.check(theta)
        point = self.point(x)
        total = np.zeros(x.shape[:-1])
        for constraint in self.constraints:
            if constraint.is_exclusion:
                total = total + self.constraint_term(constraint, point)
                self._refuse_nonfinite(x, np.broadcast_to(total, x.shape[:-1]), constraint.name)
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
        rows = np.flatnonzero(terms[:, 0] > -np.inf)
        point = self.point(x[rows])
        for column, constraint in enumerate(self.constraints, start=1):
            terms[rows, column] = self.constraint_term(constraint, point)
        allowed = np.all(terms[rows, :-1] > -np.inf, axis=-1)
        rows = rows[allowed]
        if rows.size:
            point = {name: values[allowed] if values.ndim else values for name, values in point.items()}
            terms[rows, -1] = self._poisson(x[rows], point)
        if not np.all(terms < np.inf):  # NaN included
            for column, name in enumerate(self.term_names):
                self._refuse_nonfinite(x, terms[:, column], name)
        with np.errstate(over="ignore"):
            return terms.sum(axis=-1), terms

    def log_prob(self, theta: ArrayLike) -> FloatArray:
        """Sum of all terms, shape (*batch,)."""
        x = self.space.check(theta)
        return self.evaluate(x.reshape(-1, x.shape[-1]))[0].reshape(x.shape[:-1])

    def _refuse_nonfinite(self, theta: FloatArray, term: FloatArray, name: str) -> None:
        bad = np.isnan(term) | (term == np.inf)
        if bad.any():
            vector = theta[bad][0]
            raise NonFiniteLogProbError(name, dict(zip(self.space.names, vector.tolist(), strict=True)))
