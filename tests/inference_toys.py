"""Toy analyses with known posteriors, importable by worker processes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
from scipy import stats

from nuinfer.detector.response import Expected
from nuinfer.errors import NonFiniteLogProbError
from nuinfer.likelihood import COUNTING
from nuinfer.observed import DataSets
from nuinfer.parameters import Parameter, ParameterSpace
from nuinfer.priors import Uniform


@dataclass(frozen=True)
class ToySampler:
    ensembles: int = 2
    walkers: int = 16
    target_ess: float = 500
    max_steps: int = 3000
    seed: int = 7
    checkpoint_seconds: float = 30.0


@dataclass(frozen=True)
class Toy:
    """Unit Gaussian in a box [-bound, bound]^n_dim, with an optional defect."""

    absorbs = False
    n_dim: int = 3
    bound: float = 10.0
    sampler: ToySampler = field(default_factory=ToySampler)
    config_hash: str = "toy"
    threshold: float = 2.0  # of the config, which is what a resume compares
    defect: str = ""
    seconds_per_call: float = 0.0
    config_input: str = "# as written\n"
    constraints: tuple = ()
    mediator = "vector"
    spelled = staticmethod(str)

    @property
    def parameter_names(self):
        return tuple(f"x{k}" for k in range(self.n_dim))

    @property
    def parameter_labels(self):
        return {name: f"${name}$" for name in self.parameter_names}

    @property
    def derived_labels(self):
        return {"radius": "$r$"}

    @property
    def term_names(self):
        return ("prior", "data")

    @property
    def prior_bounds(self):
        return np.tile([-self.bound, self.bound], (self.n_dim, 1))

    @property
    def observed_counts(self):
        return np.array([[1.0, 2.0], [3.0, 4.0]])

    @property
    def topologies(self):
        return tuple(f"row{k}" for k in range(len(self.observed_counts)))

    @property
    def density(self):
        return COUNTING

    @property
    def dataset(self):
        low = np.arange(float(self.observed_counts.shape[1]))
        return SimpleNamespace(kind="counts", bins_gev=np.stack([low, low + 1.0], axis=-1))

    @property
    def checksums(self):
        return {"toy.csv": "0"}

    def config_toml(self):
        return f'[model]\nthreshold = {self.threshold}\nname = "toy"\n[sampler]\nseed = {self.sampler.seed}\n'

    def references(self):
        return ["a toy"]

    @property
    def own(self):
        return self.data_sets([(self.observed_counts, {})])

    def data_sets(self, drawn):
        return DataSets(np.array([counts for counts, _ in drawn], float), np.empty((len(drawn), 0)))

    def evaluate(self, theta, data=None, of=None):  # noqa: ARG002 - the interface of Analysis
        if self.seconds_per_call:
            time.sleep(self.seconds_per_call)
        inside = np.all(np.abs(theta) < self.bound, axis=1)
        prior = np.where(inside, -self.n_dim * np.log(2 * self.bound), -np.inf)
        poisson = self.log_likelihood(theta)
        if self.defect == "nan" and np.any(inside & (theta[:, 0] > 4.5)):
            worst = int(np.argmax(np.where(inside, theta[:, 0], -np.inf)))
            raise NonFiniteLogProbError("data", dict(zip(self.parameter_names, theta[worst].tolist(), strict=True)))
        if self.defect == "excluded":
            poisson = np.full(len(theta), -np.inf)
        return prior + poisson, np.column_stack([prior, poisson]), self.expected_counts(theta)[:, None]

    @property
    def space(self):
        names = self.parameter_names
        return ParameterSpace(tuple(Parameter(name, name, Uniform(-self.bound, self.bound)) for name in names))

    def log_likelihood(self, theta):
        return -0.5 * np.sum(theta**2, axis=1)

    def sample_prior(self, n, rng):
        return rng.uniform(-self.bound, self.bound, (n, self.n_dim))

    def into_prior(self, theta, held=()):  # noqa: ARG002 - the interface of Analysis
        return theta

    def derived(self, theta):
        return {"radius": np.sqrt(np.sum(theta**2, axis=-1))}

    def log_exclusion(self, theta):
        return np.zeros(np.shape(theta)[:-1])

    def expected_counts(self, theta):
        return np.broadcast_to(self.observed_counts, (*np.shape(theta)[:-1], 2, 2))

    def predict(self, at=None):
        at = at or dict.fromkeys(self.parameter_names, 0.0)
        return {"all": self.expected_counts([at[name] for name in self.parameter_names])}

    def expected(self, theta):
        counts = self.expected_counts(theta)
        return Expected(counts[..., None, :, :], np.zeros_like(counts))

    def expected_at(self, at=None):
        counts = self.predict(at)["all"]
        return Expected(counts[None], np.zeros_like(counts))

    def drawn(self, theta, rng):
        return rng.poisson(self.expected_counts(theta)).astype(float)

    def data_terms(self, theta):
        return np.broadcast_to(-0.5 * np.sum(theta**2, axis=-1)[..., None, None], (*theta.shape[:-1], 2, 2))


@dataclass(frozen=True)
class Bimodal(Toy):
    """Two modes of equal weight, thin in different directions, so that hardly a jump from one lands in the other.

    Ensembles keep the weights of the modes that they start with.
    """

    def log_likelihood(self, theta):
        thin = np.arange(self.n_dim) < self.n_dim // 2
        widths = np.where(thin, 0.003, 0.3), np.where(thin, 0.3, 0.003)
        pulls = [(theta - centre) / width for centre, width in zip((-5.0, 5.0), widths, strict=True)]
        return np.logaddexp(*(-0.5 * np.sum(pull**2, axis=1) for pull in pulls))


@dataclass(frozen=True)
class Plateau(Toy):
    """The likelihood is flat in x0 below 0 and falls above: a one-sided limit."""

    def log_likelihood(self, theta):
        return -0.5 * np.sum(theta[:, 1:] ** 2, axis=1) - 0.5 * np.maximum(theta[:, 0], 0.0) ** 2


def slow():
    """A toy with a block every few steps and rounds that end at a cap, for tests that kill it."""
    settings = ToySampler(target_ess=1e9, max_steps=450, checkpoint_seconds=0.1)
    return Toy(sampler=settings, seconds_per_call=0.001)


@dataclass(frozen=True)
class Counting(Toy):
    """Poisson counts around 40 + 6 x_k in bin k, with a flat prior on x within 3: nearly Gaussian."""

    bound: float = 3.0
    counts: tuple = ()

    @property
    def observed_counts(self):
        return np.array([self.counts or (40.0,) * self.n_dim])

    def with_observed(self, counts, measured=None):  # noqa: ARG002 - the interface of Analysis
        return replace(self, counts=tuple(np.ravel(counts).tolist()))

    def expected_counts(self, theta):
        return 40.0 + 6.0 * np.asarray(theta)[..., None, :]

    def log_likelihood(self, theta):
        mean = np.maximum(self.expected_counts(theta)[..., 0, :], 1e-9)
        return np.sum(self.observed_counts[0] * np.log(mean) - mean, axis=-1)


@dataclass(frozen=True)
class OneBin(Toy):
    """Poisson counts with mean g' + 3 in one bin; the coupling between 0.001 and 30 is all there is, at any mass."""

    observed: float = 0.0
    name: str = "toy"
    measured: tuple = ()
    mass_range_mev: tuple = (1.0, 100.0)
    background: float = 3.0

    @property
    def config(self):
        return SimpleNamespace(model=SimpleNamespace(absorption=True))

    @property
    def parameter_names(self):
        return ("log10_g_prime",)

    @property
    def prior_bounds(self):
        return np.array([[-3.0, np.log10(30.0)]])

    @property
    def space(self):
        return ParameterSpace((Parameter("log10_g_prime", "g", Uniform(*self.prior_bounds[0])),))

    @property
    def observed_counts(self):
        return np.array([[self.observed]])

    def with_overrides(self, overrides):  # noqa: ARG002 - the mass means nothing here
        return self

    def point(self, at):
        return {f"log10_{name}": float(np.log10(value)) for name, value in at.items()}

    def predict(self, at=None):
        return {"all": self.expected_counts([(at or {"log10_g_prime": 0.0})["log10_g_prime"]])}

    def expected_counts(self, theta):
        return (10.0 ** np.asarray(theta)[..., 0] + self.background)[..., None, None]

    def sample_prior(self, n, rng):
        return rng.uniform(*self.prior_bounds[0], (n, 1))

    def evaluate(self, theta, data=None, of=0):
        counts = (self.own if data is None else data).counts[of, 0, 0]
        low, high = self.prior_bounds[0]
        prior = np.where((theta[:, 0] >= low) & (theta[:, 0] <= high), -np.log(high - low), -np.inf)
        poisson = stats.poisson.logpmf(counts, self.expected_counts(theta)[:, 0, 0])
        return prior + poisson, np.column_stack([prior, poisson]), self.expected_counts(theta)[:, None]
