"""The fuzzers find nothing: a few attempts of each with fixed seeds; `make fuzz N=10000` makes more."""

from __future__ import annotations

import configs
import datasets
import disks
import folders
import harness
import kills
import pytest


@pytest.mark.parametrize(("fuzzer", "attempts"), [(configs, 60), (datasets, 60), (folders, 30), (disks, 5)])
def test_nothing_is_found(fuzzer, attempts, tmp_path):
    """No traceback, no hang, no memory, no foreign file, no number that is none."""
    found = harness.attack(fuzzer.FUZZER, range(attempts), tmp_path)
    assert found.faults == []
    assert len(found.ends) > 1  # some are refused, others are not


@pytest.mark.slow
def test_nothing_is_found_after_kills(tmp_path):
    assert harness.attack(kills.FUZZER, range(5), tmp_path).faults == []


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
