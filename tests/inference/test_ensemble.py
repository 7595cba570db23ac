"""Moves (statistical, with a negative control), starts, and the unit of work of a fit."""

from __future__ import annotations

import itertools
import pickle
from dataclasses import replace

import emcee
import numpy as np
import pytest
from scipy import stats

from nuinfer.errors import ConfigError, NonFiniteLogProbError, RunFolderError
from nuinfer.inference.runs import run_folder
from nuinfer.inference.runs.record import check_walkers
from nuinfer.inference.runs.run_folder import ChainIdentity
from nuinfer.inference.sampling import ensemble, lockstep
from nuinfer.inference.sampling.ensemble import Work, advance, start_of
from nuinfer.inference.sampling.fit import round_lengths
from nuinfer.inference.sampling.lockstep import moves
from nuinfer.inference.work import files


def identity(analysis, walkers=16):
    return ChainIdentity(analysis.parameter_names, analysis.term_names, analysis.config_hash, walkers, 0)


def prepare(analysis, run, seed=3, ensemble=0, walkers=16):
    folder = run_folder.ensemble_folder(run, ensemble)
    folder.mkdir(parents=True)
    start = start_of(analysis, walkers, seed, ensemble)
    run_folder.write_block(folder, 0, start, identity(analysis, walkers))
    return folder


def work(analysis, run, steps, checkpoint_seconds=30.0, ensemble=0):
    return Work(pickle.dumps(analysis), run, (ensemble,), identity(analysis), steps, checkpoint_seconds)


def stacked(folder, analysis):
    made = run_folder.read_blocks(folder, identity(analysis))[1:]
    return [np.concatenate([getattr(b, name) for b in made]) for name in ("chain", "log_prob", "terms")], made


class OfEmcee(emcee.moves.RedBlueMove):
    """A move of ours as one of emcee."""

    def __init__(self, move):
        super().__init__()
        self.get_proposal = move.get_proposal


def of_emcee(proposals):
    return [(move if isinstance(move, emcee.moves.Move) else OfEmcee(move), weight) for move, weight in proposals]


def gaussian_variance(move_mixture, seed, n_dim=8, walkers=40, steps=400, ensembles=20):
    """Variance of a unit Gaussian and its Monte-Carlo error, from ensembles that start from exact draws."""
    estimates = []
    for child in np.random.SeedSequence(seed).spawn(ensembles):
        random = np.random.RandomState(np.random.MT19937(child))
        start = emcee.State(random.standard_normal((walkers, n_dim)), random_state=random.get_state())
        sampler = emcee.EnsembleSampler(
            walkers, n_dim, lambda x: -0.5 * np.sum(x**2, axis=1), moves=of_emcee(move_mixture), vectorize=True
        )
        sampler.run_mcmc(start, steps)
        estimates.append(np.mean(sampler.get_chain(discard=steps // 4) ** 2))
    return np.mean(estimates), np.std(estimates, ddof=1) / np.sqrt(ensembles)


def test_moves_leave_a_gaussian_invariant_statistical(toys):
    variance, error = gaussian_variance(moves(toys.Toy(n_dim=8)), seed=5)
    assert error < 0.01
    assert abs(variance - 1.0) < 3.0 * error


def test_moves_released_snooker_fails_the_same_test_negative_control(toys):
    mixture = [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)]
    variance, error = gaussian_variance(mixture, seed=5)
    assert error < 0.01
    assert variance < 1.0 - 3.0 * error
    assert not any(isinstance(move, emcee.moves.DESnookerMove) for move, _ in moves(toys.Toy()))


def test_starts_are_finite_reproducible_wide_and_lie_in_different_regions(toys):
    analysis = toys.Toy(n_dim=3, bound=10.0)
    prior, cells, low, high = starts = [start_of(analysis, 200, 3, k) for k in range(4)]
    np.testing.assert_array_equal(prior.chain, start_of(analysis, 200, 3, 0).chain)
    for start in starts:
        assert start.next_step == 0
        assert np.all(np.isfinite(start.log_prob))
        assert 1.0 < np.std(start.chain[..., 1:]) < 10.0 / np.sqrt(3.0)  # posterior < starts < prior
    for one, other in itertools.combinations(starts, 2):
        assert not np.any(np.isin(one.chain, other.chain))
        assert not np.array_equal(one.random_state[1], other.random_state[1])
    assert np.max(low.chain[..., 0]) < 1.0  # the median of the draws, which is near 0
    assert np.min(high.chain[..., 0]) > -1.0
    for start in (prior, cells):
        assert 0.3 < np.mean(start.chain[..., 0] > 0.0) < 0.7


@pytest.mark.parametrize("brought", [True, False])
def test_walkers_are_brought_to_a_posterior_that_no_draw_of_the_prior_is_near(toys, monkeypatch, brought):
    """A box 2e4 times as wide as the posterior in four dimensions; without the stages no walker starts in it."""
    if not brought:
        monkeypatch.setattr(ensemble, "COLD", 0.0)
    analysis = toys.Toy(n_dim=4, bound=1e4)
    chains = np.concatenate([start_of(analysis, 64, 3, k).chain[0] for k in range(4)])
    inside = np.mean(np.sum(chains**2, axis=1) < stats.chi2.ppf(0.95, 4))
    assert abs(inside - 0.95) < 0.1 if brought else inside == 0.0
    if brought:
        assert np.std(chains, axis=0) == pytest.approx(np.ones(4), abs=0.3)


def test_the_plateau_is_that_of_the_coupling(toys, monkeypatch):
    monkeypatch.setattr(toys.Toy, "parameter_names", ("gamma", "log10_g_prime", "phi_total"))
    low, high = (start_of(toys.Toy(config_hash="named"), 100, 3, k).chain[0] for k in (2, 3))
    assert np.max(low[:, 1]) < np.min(high[:, 1]) + 1.5
    assert abs(np.mean(low[:, 0])) < 1.5


def test_no_start_names_the_term_and_an_example(toys):
    with pytest.raises(ConfigError, match=r"no start: 0 of 16000 prior draws.*'data'.*16000 draws.*x0=.*x2=") as caught:
        start_of(toys.Toy(defect="excluded"), 16, 3, 0)
    assert "\n" not in str(caught.value)


def test_chain_does_not_depend_on_block_boundaries_or_restarts(toys, tmp_path):
    analysis = toys.Toy()
    whole = prepare(analysis, tmp_path / "whole")
    assert advance(work(analysis, tmp_path / "whole", 60)) == 60
    cut = prepare(analysis, tmp_path / "cut")
    advance(work(analysis, tmp_path / "cut", 7))
    advance(work(analysis, tmp_path / "cut", 31, checkpoint_seconds=0.0))  # a block per step
    assert advance(work(analysis, tmp_path / "cut", 60)) == 60
    (one, few), (many, more) = stacked(whole, analysis), stacked(cut, analysis)
    assert (len(few), len(more)) == (1, 26)
    for a, b in zip(one, many, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one[1], one[2].sum(axis=-1))  # terms belong to their points
    np.testing.assert_array_equal(one[1], analysis.evaluate(one[0].reshape(-1, 3))[0].reshape(60, 16))
    assert few[0].accepted.sum() == sum(b.accepted.sum() for b in more)
    advance(work(analysis, tmp_path / "cut", 60))  # nothing to do
    assert len(run_folder.block_indices(cut)) == 27


def test_ensembles_in_lockstep_are_those_of_emcee_alone_independent_computation(toys, tmp_path):
    analysis = toys.Toy(bound=3.0)  # some proposals lie outside
    folders = [prepare(analysis, tmp_path, ensemble=k) for k in range(3)]
    alone = prepare(analysis, tmp_path / "alone", ensemble=1)
    advance(replace(work(analysis, tmp_path, 20), ensembles=(2,)))  # the others catch up with it
    advance(replace(work(analysis, tmp_path, 50), ensembles=(0, 1, 2)))
    advance(work(analysis, tmp_path / "alone", 50, ensemble=1))
    for folder in folders:
        start = run_folder.read_block(folder / "000000.npz", identity(analysis))
        sampler = emcee.EnsembleSampler(
            16, 3, lambda x: np.column_stack(analysis.evaluate(x)[:2]), moves=of_emcee(moves(analysis)), vectorize=True
        )
        state = emcee.State(start.chain[-1], start.log_prob[-1], start.terms[-1], start.random_state, copy=True)
        sampler.run_mcmc(state, 50, skip_initial_state_check=True)
        (chain, log_prob, terms), made = stacked(folder, analysis)
        np.testing.assert_array_equal(chain, sampler.get_chain())
        np.testing.assert_array_equal(log_prob, sampler.get_log_prob())
        np.testing.assert_array_equal(terms, sampler.get_blobs())
        assert sum(block.accepted.sum() for block in made) == sampler.backend.accepted.sum()
    np.testing.assert_array_equal(stacked(alone, analysis)[0][0], stacked(folders[1], analysis)[0][0])


def test_a_step_leaves_the_moves_alone(toys):
    """Threads share them, and `DEMove.setup` has a moment in which its scale is None."""
    analysis = toys.Toy()
    proposals = moves(analysis)
    before = [dict(vars(move)) for move, _ in proposals]
    coords = np.random.default_rng(1).standard_normal((16, 3))
    log_prob, terms, _ = analysis.evaluate(coords)
    walkers = lockstep.Walkers(coords, log_prob, terms, np.random.RandomState(1))
    for _ in range(5):
        lockstep.step([walkers], analysis, proposals)
    assert [vars(move) for move, _ in proposals] == before


def test_one_term_only(toys, tmp_path, monkeypatch):
    # emcee squeezes a single blob: the shape of the terms must survive
    monkeypatch.setattr(toys.Toy, "term_names", ("all",))
    full = toys.Toy.evaluate
    monkeypatch.setattr(toys.Toy, "evaluate", lambda self, x: (full(self, x)[0], full(self, x)[0][:, None]))
    analysis = toys.Toy(config_hash="one term")
    folder = prepare(analysis, tmp_path)
    advance(work(analysis, tmp_path, 5))
    (_, log_prob, terms), _ = stacked(folder, analysis)
    np.testing.assert_array_equal(terms[..., 0], log_prob)


def test_not_a_number_ends_at_the_step_before(toys, tmp_path, capfd):
    analysis = toys.Toy(defect="nan", bound=2.4)  # the defect lies outside the prior box: the start is fine
    folder = prepare(analysis, tmp_path)
    broken = replace(analysis, bound=10.0)
    with pytest.raises(NonFiniteLogProbError, match=r"'data'.*x0="):
        advance(work(broken, tmp_path, 2000))
    (chain, _, _), made = stacked(folder, analysis)
    assert len(chain) == made[-1].next_step > 0
    assert np.all(chain[..., 0] <= 4.5)
    assert capfd.readouterr() == ("", "")  # emcee prints a traceback by itself if it is let
    with pytest.raises(NonFiniteLogProbError):
        advance(work(broken, tmp_path, 2000))  # the same step again
    assert stacked(folder, analysis)[1][-1].next_step == len(chain)


def test_tolerated_points_are_rejected_and_remembered(toys, tmp_path):
    """The chain is that of a posterior that vanishes there, and does not depend on interruptions."""
    healthy = prepare(replace(toys.Toy(), bound=4.5), tmp_path / "healthy")
    broken = replace(toys.Toy(defect="nan", bound=10.0))
    for name in ("whole", "cut"):
        folder = run_folder.ensemble_folder(tmp_path / name, 0)
        folder.mkdir(parents=True)
        (folder / "000000.npz").write_bytes((healthy / "000000.npz").read_bytes())
    tolerant = replace(work(broken, tmp_path / "whole", 300), tolerated=10_000)
    advance(tolerant)
    for steps in (100, 300):
        advance(replace(tolerant, run=tmp_path / "cut", steps=steps, checkpoint_seconds=0.0))
    whole, cut = (run_folder.ensemble_folder(tmp_path / name, 0) for name in ("whole", "cut"))
    (chain, log_prob, _), _ = stacked(whole, broken)
    np.testing.assert_array_equal(chain, stacked(cut, broken)[0][0])
    assert np.all(np.isfinite(log_prob))
    assert np.max(chain[..., 0]) <= 4.5
    rejected = run_folder.read_rejected(whole)
    assert rejected == run_folder.read_rejected(cut)
    assert 0 < len(rejected) < 100
    assert all(one["term"] == "data" and one["point"]["x0"] > 4.5 for one in rejected)
    few = replace(tolerant, run=tmp_path / "cut", tolerated=len(rejected), steps=5000)
    with pytest.raises(NonFiniteLogProbError, match="'data'"):
        advance(few)
    assert len(run_folder.read_rejected(cut)) == len(rejected)


def test_stop_file_ends_the_work_at_a_block(toys, tmp_path):
    analysis = toys.Toy(seconds_per_call=0.01)
    folder = prepare(analysis, tmp_path)
    (tmp_path / run_folder.STOP).touch()
    steps = advance(work(analysis, tmp_path, 100_000))
    assert 0 < steps < 1000
    assert len(stacked(folder, analysis)[0][0]) == steps


def test_two_workers_cannot_share_an_ensemble(toys, tmp_path):
    analysis = toys.Toy()
    folder = prepare(analysis, tmp_path)
    with files.locked(folder / files.LOCK), pytest.raises(RunFolderError, match="in use by another process"):
        advance(work(analysis, tmp_path, 5))


@pytest.mark.parametrize(("walkers", "n_dim"), [(15, 3), (4, 1), (16, 9)])
def test_too_few_or_odd_walkers_are_refused(walkers, n_dim):
    with pytest.raises(ConfigError, match=f"walkers: {walkers} is not allowed"):
        check_walkers(walkers, n_dim)


def test_rounds_grow_and_end_at_the_cap():
    lengths = list(round_lengths(10_000))
    assert lengths[-1] == 10_000
    assert len(lengths) < 20
    assert all(a < b <= 1.31 * a for a, b in itertools.pairwise(lengths))
    assert list(round_lengths(50)) == [50]
