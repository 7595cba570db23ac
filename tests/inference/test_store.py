"""The folder of a study: killed at any byte it goes on to the same results, and nobody else's folder is touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from nuinfer.errors import RunFolderError
from nuinfer.inference.work import files, progress
from nuinfer.inference.work import store as stores
from nuinfer.inference.work.calls import Call, Inline
from nuinfer.inference.work.files import read_lines
from nuinfer.inference.work.store import Question, address, open_store, read_record, read_results

QUIET = {"executor": Inline(), "progress": False}
QUESTION = Question("survey", {"seed": 1}, {"a": "hash"}, parts=("extra/*.npz",))


def square(x):
    if x == 13:
        raise ValueError(f"{x} is\nunlucky")
    return {"square": x * x + 0.1, "none": None}


def calls(*numbers):
    return [Call(address("square", x), square, (x,), f"number {x}") for x in numbers]


def squared(folder, *numbers, question=QUESTION, **options):
    """Results of the jobs, and how many of them were computed."""
    with open_store(folder, question, **QUIET, **options) as store:
        missing = len(store.missing(calls(*numbers)))
        results = store.do(calls(*numbers), "squares")
        store.finish()
        return results, missing


def test_what_is_there_is_not_done_again(tmp_path):
    first, computed = squared(tmp_path / "s", 1, 2)
    assert computed == 2
    assert first == [{"square": 1.1, "none": None}, {"square": 4.1, "none": None}]
    again, computed = squared(tmp_path / "s", 3, 2, 1)
    assert computed == 1
    assert again[1:] == first[::-1]
    record = read_record(tmp_path / "s", "survey")
    assert record["complete"]
    assert record["seed"] == 1
    assert record["versions"]["numpy"]
    assert json.loads((tmp_path / "s" / "status.json").read_text())["done"] == 3
    for line in (tmp_path / "s" / "results.jsonl").read_text().splitlines():
        assert {"key", "attempts", "result"} <= set(json.loads(line))  # any reader of JSON lines will do


def test_cut_at_every_byte_it_goes_on(tmp_path):
    """Whatever a kill leaves of the results, the whole lines are kept and the rest is done again."""
    expected, _ = squared(tmp_path / "whole", 1, 2, 3)
    content = (tmp_path / "whole" / "results.jsonl").read_bytes()
    ends = [k for k, letter in enumerate(content, start=1) if letter == ord("\n")]
    for length in range(len(content) + 1):
        cut = tmp_path / "cut"
        shutil.copytree(tmp_path / "whole", cut)
        (cut / "results.jsonl").write_bytes(content[:length])
        assert len(read_results(cut)) == sum(end <= length for end in ends)  # while it is being written
        found, computed = squared(cut, 1, 2, 3)
        assert (found, computed) == (expected, sum(end > length for end in ends))
        assert read_results(cut) == read_results(tmp_path / "whole")
        shutil.rmtree(cut)


def test_damage_is_named_and_never_believed(tmp_path):
    squared(tmp_path / "s", 1, 2)
    path = tmp_path / "s" / "results.jsonl"
    path.write_bytes(path.read_bytes().replace(b"1.1", b"1.2"))
    with pytest.raises(RunFolderError, match=r"results.jsonl: line \d is damaged"):
        list(read_lines(path))
    with pytest.raises(RunFolderError, match=r"results.jsonl: line \d is damaged"):
        squared(tmp_path / "s", 1, 2)


def test_a_failure_is_kept_with_its_reason_and_tried_again(tmp_path):
    with open_store(tmp_path, QUESTION, **QUIET) as store:
        store.run(calls(1, 13, 2))
        store.finish(complete=not store.missing(calls(1, 13, 2)))
    assert read_results(tmp_path)[address("square", 13)]["reason"] == "ValueError: 13 is unlucky"
    assert not read_record(tmp_path, "survey")["complete"]
    assert json.loads((tmp_path / "status.json").read_text())["failures"] == ["number 13: ValueError: 13 is unlucky"]
    with pytest.raises(ValueError, match="unlucky"):
        squared(tmp_path, 13, 3)
    assert json.loads((tmp_path / "status.json").read_text())["state"] == "failed"


def test_other_questions_and_other_folders_are_refused(tmp_path):
    squared(tmp_path / "s", 1)
    with pytest.raises(RunFolderError, match=r"already holds a survey; --resume continues it, --force starts over"):
        squared(tmp_path / "s", 1, resume=False)
    with pytest.raises(RunFolderError, match=r"holds another survey, it was made with seed 1 and here it is 2"):
        squared(tmp_path / "s", 1, question=Question("survey", {"seed": 2}))
    with pytest.raises(RunFolderError, match=r"'a' was another configuration there"):
        squared(tmp_path / "s", 1, question=Question("survey", {"seed": 1}, {"a": "other"}))
    more = Question("survey", {"seed": 1}, {"b": "other"})
    assert squared(tmp_path / "s", 1, question=more)[1] == 0
    assert read_record(tmp_path / "s", "survey")["hypotheses"] == {"a": "hash", "b": "other"}
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter.tex").touch()
    for options in ({}, {"force": True}, {"resume": False}):
        with pytest.raises(RunFolderError, match="exists and is not the folder of a survey"):
            squared(thesis, 1, **options)
    assert [path.name for path in thesis.iterdir()] == ["chapter.tex"]
    with pytest.raises(RunFolderError, match="is not the folder of a poll"):
        read_record(tmp_path / "s", "poll")


def test_force_removes_what_is_ours_and_nothing_else(tmp_path):
    squared(tmp_path / "s", 1)
    for name in ("extra/1.npz", "extra/mine.txt", "gone/2.npz", ".mine.tmp", ".results.jsonl.17.tmp", "notes.txt"):
        (tmp_path / "s" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "s" / name).touch()
    with open_store(tmp_path / "s", QUESTION, force=True, progress=False) as store:
        assert len(store.missing(calls(1))) == 1
    left = {str(path.relative_to(tmp_path / "s")) for path in (tmp_path / "s").rglob("*") if path.is_file()}
    foreign = {"extra/mine.txt", "gone/2.npz", ".mine.tmp", "notes.txt"}
    assert left == {"survey.json", "results.jsonl", "lock"} | foreign


def test_force_is_refused_beside_a_record_that_is_not_ours(tmp_path):
    (tmp_path / "survey.json").write_text('{"answers": 12}')
    (tmp_path / "results.jsonl").touch()
    with pytest.raises(RunFolderError, match="of another version of nuinfer"):
        squared(tmp_path, 1, force=True)
    assert {path.name for path in tmp_path.iterdir()} == {"survey.json", "results.jsonl"}


def test_a_folder_of_another_format_is_refused_in_one_line(tmp_path):
    (tmp_path / "survey.json").write_text('{"version": "0.1.0", "complete": true}')
    for attempt in (lambda: squared(tmp_path, 1), lambda: read_record(tmp_path, "survey")):
        with pytest.raises(RunFolderError, match="of another version of nuinfer, which is not read") as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_one_process_at_a_time(tmp_path):
    with (
        open_store(tmp_path, QUESTION, **QUIET),
        pytest.raises(RunFolderError, match="in use by another process"),
    ):
        squared(tmp_path, 1)
    assert squared(tmp_path, 1)[1] == 1


WORK = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
import test_store
test_store.squared(Path({folder!r}), *range({n}))
"""


@pytest.mark.parametrize("moment", ["lock", "survey.json", "results.jsonl", "status.json"])
def test_killed_while_any_file_is_made_it_goes_on(moment, tmp_path):
    """SIGKILL as soon as a file appears, the first one too: the folder is never one that is refused."""
    folder = tmp_path / "s"
    text = WORK.format(tests=os.path.dirname(__file__), folder=str(folder), n=2000)  # noqa: PTH120
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", text])
    while process.poll() is None and not (folder / moment).exists():
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    results, _ = squared(folder, *range(12))
    assert results == [square(x) for x in range(12)]


@pytest.mark.parametrize("half", [".survey.json.77.tmp", "lock"])
def test_killed_before_the_record_it_starts(half, tmp_path):
    (tmp_path / half).write_text("{")
    assert squared(tmp_path, 1)[1] == 1
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize("written", [None, 7])
def test_a_full_disk_is_one_line_and_loses_nothing(written, tmp_path, monkeypatch):
    """Nothing of a line is written, or its beginning."""
    squared(tmp_path, 1)

    class Full:
        def __init__(self, file):
            self._file, self.name = file, file.name

        def write(self, line):
            if written is None:
                raise OSError(28, "No space left on device")
            return self._file.write(line[:written])

    with open_store(tmp_path, QUESTION, **QUIET) as store:
        monkeypatch.setattr(store, "_file", Full(store._file))
        with pytest.raises(RunFolderError, match=r"results.jsonl: cannot be written \(No space left"):
            store.run(calls(2))
    assert squared(tmp_path, 1, 2)[1] == 1


def test_addresses_differ_with_everything_that_decides():
    assert address("a", 1) != address("a", 2) != address("b", 2)
    assert len(address("a")) == stores.ADDRESS_LENGTH


def test_what_runs_code_when_read_lies_where_nobody_else_can_write(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = files.private_folder("checkpoints")
    assert folder == tmp_path / "nuinfer" / "checkpoints"
    assert folder.stat().st_mode & 0o077 == 0
    signed = files.signature("a text")
    assert signed == files.signature("a text") != files.signature("another")
    assert (tmp_path / "nuinfer" / "keys" / "key").stat().st_mode & 0o077 == 0
    folder.chmod(0o777)
    assert files.private_folder("checkpoints") is None
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "nuinfer" / "keys" / "key"))  # no folder
    assert files.signature("a text") is None


@pytest.mark.skipif(os.name == "nt", reason="makes links and pipes")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe"])
def test_nothing_is_appended_through_a_link_or_to_a_pipe(kind, tmp_path):
    """A log, a lock or a list of results that somebody has put there leads nowhere."""
    foreign, path = tmp_path / "foreign.txt", tmp_path / "log.txt"
    foreign.write_text("mine, without an end")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(foreign if kind == "link" else tmp_path / "none")
    with (
        pytest.raises(RunFolderError, match=r"log\.txt: cannot be written"),
        progress.Reporter(path, show=False) as said,
    ):
        said.line("text")
    with pytest.raises(RunFolderError, match="cannot be written"):
        files.open_lines(path)
    with pytest.raises(RunFolderError, match="cannot be written"), files.locked(path):
        pass
    if kind == "pipe":
        with pytest.raises(RunFolderError, match="is not a file"):
            list(files.read_lines(path))
    assert foreign.read_text() == "mine, without an end"
    assert not (tmp_path / "none").exists()
