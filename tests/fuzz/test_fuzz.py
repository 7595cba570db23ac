"""The fuzzers find nothing: a few attempts of each with fixed seeds; `make fuzz N=10000` makes more."""

from __future__ import annotations

import configs
import datasets
import disks
import folders
import harness
import kills
import pytest


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Small runs, that attempts copy."""
    return folders.prepare(tmp_path_factory.mktemp("given"))


@pytest.mark.parametrize("fuzzer", [configs, datasets])
def test_bad_input_is_one_line(fuzzer, tmp_path):
    """No traceback, no hang, no memory, no foreign file, no number that is none."""
    found = harness.attack(fuzzer.FUZZER, range(25), tmp_path)
    assert found.faults == []
    assert {"refused", "done"} <= set(found.ends)


def test_run_folders_of_others_are_read_right_or_not_at_all(runs, tmp_path):
    found = harness.attack(folders.FUZZER, range(60), tmp_path, given=runs)
    assert found.faults == []
    assert {"refused", "done"} <= set(found.ends)


def test_full_disks_leave_nothing_half_written(runs, tmp_path):
    found = harness.attack(disks.FUZZER, range(5), tmp_path, given=runs)
    assert found.faults == []
    assert "refused" in found.ends


@pytest.mark.slow
def test_what_is_killed_goes_on(runs, tmp_path):
    assert harness.attack(kills.FUZZER, range(5), tmp_path, given=runs).faults == []


def test_faults_are_seen(tmp_path):
    """Negative control: attempts that raise, hang, fill the memory, and answer with what is no number."""
    seen = []
    for action in (lambda: 1 // 0, lambda: len(bytearray(3 * harness.BYTES)), lambda: harness.OK):
        with harness.limited():
            seen.append(harness.faults_of(harness.trapped(action)))
    assert [bool(faults) for faults in seen] == [True, True, False]
    assert harness.faults_of(harness.Outcome(0, '{"a": NaN}', "", ""), is_json=True) == ["no JSON: NaN in JSON"]
    assert harness.faults_of(harness.Outcome(2, "", "nuinfer: error: a\nb\n", "")) != []
    before = harness.inventory(tmp_path)
    (tmp_path / "new").touch()
    assert harness.inventory(tmp_path) != before
