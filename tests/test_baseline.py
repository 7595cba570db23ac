"""The numbers of version 0.1.0, recorded by `baseline_numbers` and `baseline_functions`, are still those of today.

And what it wrote can still be read: the folders in ``reference/folders-0.1.0``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import baseline_functions
import numpy as np
import pytest
from baseline_functions import CALLS
from baseline_numbers import FIRST_EDITION, N_EDGE, VARIANTS, points

import nuinfer
from nuinfer.errors import RunFolderError

FOLDERS = Path(__file__).parent / "reference" / "folders-0.1.0"

EVERY = 20  # of the points inside the prior the default suite takes one in twenty


def same(got, expected, name):
    """To 1e-10 of the larger of 1 and the value, infinite at the same points."""
    np.testing.assert_array_equal(np.isneginf(got), np.isneginf(expected), err_msg=name)
    finite = np.isfinite(expected)
    change = np.abs(got[finite] - expected[finite]) / np.maximum(1.0, np.abs(expected[finite]))
    assert change.max(initial=0.0) <= 1e-10, f"{name}: changed by {change.max():.2e}"


def check(variant, rows):
    with np.load(variant.file) as file:
        stored = dict(file)
    analysis = variant.load()
    assert list(analysis.parameter_names) == stored["names"].tolist()
    theta = points(variant, analysis)
    np.testing.assert_allclose(theta[: len(stored["first"])], stored["first"], rtol=1e-13)
    np.testing.assert_allclose(theta[-N_EDGE:], stored["last"], rtol=1e-13)
    theta[-N_EDGE:] = stored["last"]
    counts = analysis.expected_counts(theta[: len(stored["first"])])
    np.testing.assert_allclose(counts, stored["counts"], rtol=1e-10, atol=1e-13)
    inside = np.isfinite(analysis.log_prior(theta))
    expected = {name.removeprefix("term_"): values for name, values in stored.items() if name.startswith("term_")}
    expected["data"] = expected.pop("poisson")  # as 0.1.0 called it
    assert inside.sum() == len(expected["prior"])
    same(analysis.log_prob(theta[rows]), stored["log_prob"][rows], "log_prob")
    chosen = rows[inside[rows]]
    terms = analysis.log_terms(theta[chosen])
    assert terms.keys() == expected.keys()
    place = np.cumsum(inside) - 1  # of a point among those inside
    for name, values in terms.items():
        same(values, expected[name][place[chosen]], name)


each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)


@each_variant
def test_log_probabilities(variant):
    many = variant.n_points - N_EDGE
    step = 10 * EVERY if "thermal" in variant.name else EVERY
    edges = np.arange(many, variant.n_points, 5 if "thermal" in variant.name else 1)
    check(variant, np.concatenate([np.arange(0, many, step), edges]))


@pytest.mark.slow
@each_variant
def test_all_log_probabilities(variant):
    check(variant, np.arange(variant.n_points))


@pytest.fixture(scope="module")
def results():
    with np.load(baseline_functions.FILE) as file:
        return dict(file)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_functions(call, results):
    expected = results[call.name]
    np.testing.assert_allclose(call.result(), expected, rtol=call.rtol, atol=call.share * np.abs(expected).max())


@pytest.fixture
def folder(tmp_path):
    def copied(name):
        """With the first edition of the 7.5-year sample, of which the folders are."""
        path = shutil.copytree(FOLDERS / name, tmp_path / name)
        for file in path.rglob("*.resolved.toml"):
            file.write_text(file.read_text().replace('"hese7"', f'"{FIRST_EDITION}"'))
        return path

    return copied


def test_an_old_run_is_read(folder):
    run = nuinfer.open_run(folder("fit"))
    samples = run.samples(0, 1)
    assert samples.shape == (2, 60, 20, len(run.parameter_names))
    assert run.samples().size > 0
    assert run.summary()["converged"] is False
    log_prob = run.log_prob(0, 1)
    np.testing.assert_allclose(run.analysis.log_prob(samples), log_prob, rtol=1e-10)
    terms = run.log_terms(0, 1)
    np.testing.assert_allclose(terms["prior"] + terms["data"], log_prob, rtol=1e-12)


def compare_again(path):
    hypotheses = [nuinfer.load("hese7_icecube"), nuinfer.load("hese7_icecube", ["model.absorption=false"])]
    nuinfer.compare(hypotheses, path, resume=True)


@pytest.mark.parametrize(
    ("kind", "attempt"),
    [
        ("campaign", nuinfer.open_campaign),
        ("campaign", lambda path: nuinfer.run_campaign(path / "campaign.toml", path)),
        ("comparison", compare_again),
    ],
    ids=["campaign", "the same campaign", "comparison"],
)
def test_old_studies_are_refused_in_one_line(kind, attempt, folder):
    path = folder({"comparison": "compare"}.get(kind, kind))
    before = {file.name for file in path.iterdir()}
    with pytest.raises(RunFolderError, match=f"{kind} of another version of nuinfer, which is not read") as caught:
        attempt(path)
    assert "\n" not in str(caught.value)
    assert {file.name for file in path.iterdir()} == before
