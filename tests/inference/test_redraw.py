"""Drawing mass and coupling anew: proposals from known densities, and islands that nothing else connects."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import nuinfer
from nuinfer.constants import COORDINATES
from nuinfer.inference.sampling import lockstep
from nuinfer.inference.sampling.redraw import Redraw, Student, redraw_of

UNEVEN = Redraw(
    np.array([2, 0]),
    (np.array([0.0, 1.0, 3.0]), np.array([-1.0, -0.5, 0.5, 1.0])),
    np.array([[0.1, 0.2, 0.3], [0.25, 0.05, 0.1]]),
)
NARROW, PLACES, SHARES = 0.004, np.array([[0.1, 0.2], [0.8, 0.7]]), np.array([0.8, 0.2])
N_DIM = 4


def of_islands(coords):
    """Log density of two narrow islands in the first two coordinates, times a normal density in the others."""
    apart = np.sum((coords[:, None, :2] - PLACES) ** 2, axis=-1) / NARROW**2
    return np.log(np.exp(-0.5 * apart) @ SHARES + 1e-300) - 0.5 * np.sum(coords[:, 2:] ** 2, axis=-1)


class Islands:
    """An analysis whose constraints know the islands, with a likelihood that turns their weights round."""

    parameter_names = (*COORDINATES, "a", "b")
    term_names = ("prior", "data")

    def prior_transform(self, cube):
        return np.concatenate([cube[..., :2], 8.0 * cube[..., 2:] - 4.0], axis=-1)

    def log_constraints(self, theta):
        apart = np.sum((theta[:, None, :2] - PLACES) ** 2, axis=-1) / NARROW**2
        return np.log(np.exp(-0.5 * apart) @ SHARES[::-1] + 1e-300)

    def evaluate(self, theta):
        found = np.where(np.all((theta[:, :2] > 0.0) & (theta[:, :2] < 1.0), axis=1), of_islands(theta), -np.inf)
        return found, np.stack([np.zeros(len(found)), found], axis=-1)


def share_of_the_first(moves, steps=600):
    """Share of the walkers in the first island, all of which start in the second, by ensemble."""
    ensembles = []
    for seed in range(8):
        random = np.random.RandomState(seed)
        coords = random.standard_normal((32, N_DIM)) * [NARROW, NARROW, 1.0, 1.0]
        coords[:, :2] += PLACES[1]
        ensembles.append(lockstep.Walkers(coords, *Islands().evaluate(coords), random))
    kept = []
    for step in range(steps):
        lockstep.step(ensembles, Islands(), moves)
        if step >= steps // 4:
            kept.append([np.mean(one.coords[:, 0] < 0.5) for one in ensembles])
    return np.mean(kept, axis=0)


def test_islands_get_their_weights_statistical():
    shares = share_of_the_first(lockstep.moves(Islands()))
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert error < 0.02
    assert abs(np.mean(shares) - SHARES[0]) < 4.0 * error


def test_nothing_else_finds_the_other_island_negative_control():
    assert np.all(share_of_the_first(lockstep.moves(Islands())[:-1]) == 0.0)


def test_proposals_have_the_density_that_is_quoted():
    """Shares of cells against their weights, evenness within one, and the factor of every walker."""
    random, walkers = np.random.RandomState(1), np.tile([0.2, 5.0, 2.0], (40_000, 1))
    proposed, factors = UNEVEN.get_proposal(walkers, None, random)
    np.testing.assert_array_equal(proposed[:, 1], walkers[:, 1])
    counts, *_ = np.histogram2d(proposed[:, 2], proposed[:, 0], bins=UNEVEN.edges)
    np.testing.assert_allclose(counts / len(walkers), UNEVEN.weight, atol=0.01)
    inside = (proposed[:, 2] > 1.0) & (proposed[:, 0] > 0.5)
    assert np.mean(proposed[inside, 2]) == pytest.approx(2.0, abs=0.03)
    here, volumes = 0.05 / (2.0 * 1.0), np.outer([1.0, 2.0], [0.5, 1.0, 0.5])
    places = np.digitize(proposed[:, 2], [1.0]), np.digitize(proposed[:, 0], [-0.5, 0.5])
    np.testing.assert_allclose(factors, np.log(here * volumes[places] / UNEVEN.weight[places]), rtol=1e-12)


def test_the_density_is_normalised_and_nothing_is_proposed_from_outside():
    x, y = (np.linspace(low, high, 601)[:-1] + (high - low) / 1200 for low, high in ((0.0, 3.0), (-1.0, 1.0)))
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    assert np.exp(UNEVEN.log_density(points)).mean() * 6.0 == pytest.approx(1.0, abs=1e-3)
    outside = np.array([[3.5, 0.0, -0.1], [0.0, 0.0, 4.0]])
    assert np.all(UNEVEN.get_proposal(outside, None, np.random.RandomState(2))[1] == -np.inf)


def columns_of_students(analysis):
    return [column for move, _ in lockstep.moves(analysis) if isinstance(move, Student) for column in move.columns]


def test_what_is_sampled_decides_what_is_drawn():
    both, one = nuinfer.load("hese7"), nuinfer.load("hese7", ["parameters.log10_m_zprime_mev.value=1.0"])
    names = both.parameter_names
    assert [names[k] for k in redraw_of(both).columns] == list(COORDINATES)
    assert [one.parameter_names[k] for k in redraw_of(one).columns] == [COORDINATES[1]]
    standard = nuinfer.load("hese7", ["model.absorption=false"])
    assert redraw_of(standard) is None
    assert columns_of_students(standard) == list(range(len(standard.parameter_names)))
    assert [len(columns_of_students(each)) for each in (both, one)] == [len(names) - 2, len(names) - 2]
    plane = SimpleNamespace(
        parameter_names=COORDINATES, prior_transform=np.asarray, log_constraints=lambda x: np.zeros(len(x))
    )
    assert not columns_of_students(plane)


def test_cells_of_a_normal_prior_are_as_probable_as_each_other():
    normal = {"parameters.log10_g_prime": {"prior": "normal", "mean": -4.0, "sigma": 0.5, "low": -6.0, "high": -2.0}}
    redraw = redraw_of(nuinfer.load("hese7_icecube", normal))
    edges = redraw.edges[1]
    expected = stats.truncnorm(-4.0, 4.0, -4.0, 0.5).ppf(np.linspace(0.0, 1.0, len(edges)))
    np.testing.assert_allclose(edges, expected, atol=1e-9)
    assert redraw.weight.sum() == pytest.approx(1.0)


def test_constraints_that_are_nowhere_allowed_leave_the_prior():
    nowhere = SimpleNamespace(
        parameter_names=COORDINATES, prior_transform=np.asarray, log_constraints=lambda x: np.full(len(x), -np.inf)
    )
    weight = redraw_of(nowhere).weight
    np.testing.assert_allclose(weight, 1.0 / weight.size)


# What the other walkers predict ---------------------------------------------------------------------------------------


def test_students_proposals_have_the_density_that_is_quoted_independent_computation():
    """Factors against scipy's density, with the scale of a textbook; distances of draws against Fisher's F."""
    random, d, n = np.random.RandomState(3), 3, 9
    others = [random.standard_normal((5, d + 1)) * [1.0, 5.0, 0.2, 1.0], random.standard_normal((4, d + 1))]
    columns, known = np.array([0, 2, 3]), np.concatenate(others)[:, [0, 2, 3]]
    walkers = np.tile([0.5, -7.0, 0.3, 2.0], (20_000, 1))
    proposed, factors = Student(columns).get_proposal(walkers, others, random)
    assert np.all(proposed[:, 1] == -7.0)
    scale = np.cov(known.T) * (n - 1) * (n + 1) / (n * (n - d))
    predicted = stats.multivariate_t(known.mean(axis=0), scale, n - d)
    expected = predicted.logpdf(walkers[0, columns]) - predicted.logpdf(proposed[:, columns])
    np.testing.assert_allclose(factors, expected, atol=1e-6)
    off = proposed[:, columns] - known.mean(axis=0)
    distance = np.einsum("ni,ij,nj->n", off, np.linalg.inv(scale), off) / d
    assert stats.kstest(distance, stats.f(d, n - d).cdf).pvalue > 1e-3


def mean_of_exponentials(move, steps=400):
    """Mean of three standard exponentials and its error; ensembles start from exact draws."""

    class Exponentials:
        parameter_names, term_names = ("a", "b", "c"), ("all",)

        def evaluate(self, theta):
            found = np.where(np.all(theta > 0.0, axis=1), -np.sum(theta, axis=1), -np.inf)
            return found, found[:, None]

    found, ensembles = [], []
    for seed in range(40):
        random = np.random.RandomState(seed)
        coords = random.standard_exponential((16, 3))
        ensembles.append(lockstep.Walkers(coords, *Exponentials().evaluate(coords), random))
    for _ in range(steps):
        lockstep.step(ensembles, Exponentials(), [(move, 1.0)])
        found.append([one.coords.mean() for one in ensembles])
    means = np.mean(found, axis=0)
    return means.mean(), np.std(means, ddof=1) / np.sqrt(len(means))


def test_student_leaves_a_skew_posterior_with_an_edge_invariant_statistical():
    mean, error = mean_of_exponentials(Student(np.arange(3)))
    assert error < 0.01
    assert abs(mean - 1.0) < 3.0 * error


def test_without_its_factors_student_does_not_negative_control():
    class Wrong(Student):
        def get_proposal(self, *given):
            return super().get_proposal(*given)[0], 0.0

    mean, error = mean_of_exponentials(Wrong(np.arange(3)))
    assert abs(mean - 1.0) > 10.0 * error


def test_student_bears_others_that_are_few_or_all_at_one_place():
    random, walkers = np.random.RandomState(1), np.random.RandomState(2).standard_normal((6, 8))
    few = Student(np.arange(8)).get_proposal(walkers, [walkers[:3] + 1.0], random)
    assert all(np.all(np.isfinite(each)) for each in few)
    proposed, factors = Student(np.arange(8)).get_proposal(walkers, [np.ones((6, 8))], random)
    np.testing.assert_array_equal(proposed, walkers)
    np.testing.assert_array_equal(factors, 0.0)
