"""Crash safety of the run folder: whole files or none, damage is named, nobody else's files are touched."""

from __future__ import annotations

import contextlib
import errno
import os

import filelock
import numpy as np
import pytest

from nuinfer.errors import RunFolderError, warn_once
from nuinfer.inference.runs import run_folder
from nuinfer.inference.runs.run_folder import Block, ChainIdentity
from nuinfer.inference.work import files

IDENTITY = ChainIdentity(("a", "b"), ("prior",), "hash", 4, 7)


def block(first_step, rows=3, value=0.5):
    state = np.random.RandomState(1).get_state()
    shape = (rows, 4)
    return Block(
        first_step,
        np.full((*shape, 2), value),
        np.zeros(shape),
        np.zeros((*shape, 1)),
        np.zeros(4, dtype=np.intp),
        state,
    )


@pytest.fixture
def folder(tmp_path):
    for index, first in enumerate((-1, 2, 5)):
        run_folder.write_block(tmp_path, index, block(first), IDENTITY)
    return tmp_path


def test_blocks_come_back_as_they_were(folder):
    back = run_folder.read_blocks(folder, IDENTITY)
    assert [b.first_step for b in back] == [-1, 2, 5]
    again, state = np.random.RandomState(2), np.random.RandomState(1)
    again.set_state(back[-1].random_state)
    np.testing.assert_array_equal(again.standard_normal(5), state.standard_normal(5))
    assert [p.name for p in sorted(folder.iterdir())] == ["000000.npz", "000001.npz", "000002.npz"]


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9, 0.999])
def test_truncated_block_is_named(folder, keep):
    path = folder / "000001.npz"
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(RunFolderError, match=r"000001\.npz: truncated or damaged"):
        run_folder.read_blocks(folder, IDENTITY)


def test_flipped_bytes_are_named(folder):
    path = folder / "000001.npz"
    content = bytearray(path.read_bytes())
    content[200:208] = b"\xff" * 8
    path.write_bytes(bytes(content))
    with pytest.raises(RunFolderError, match=r"000001\.npz"):
        run_folder.read_blocks(folder, IDENTITY)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (ChainIdentity(("a", "b"), ("prior",), "hash", 4, 8), "its seed is 7 and the run's is 8"),
        (ChainIdentity(("b", "a"), ("prior",), "hash", 4, 7), "parameters is"),
        (ChainIdentity(("a", "b"), ("data",), "hash", 4, 7), "terms is"),
        (ChainIdentity(("a", "b"), ("prior",), "other", 4, 7), "configuration hash"),
        (ChainIdentity(("a", "b"), ("prior",), "hash", 6, 7), "shapes"),
    ],
)
def test_foreign_block_is_named(folder, other, what):
    with pytest.raises(RunFolderError, match=rf"000000\.npz: foreign block.*{what}"):
        run_folder.read_blocks(folder, other)


def test_missing_block_is_named(folder):
    (folder / "000001.npz").unlink()
    with pytest.raises(RunFolderError, match=r"000001\.npz: this block is missing"):
        run_folder.read_blocks(folder, IDENTITY)


def test_blocks_that_do_not_follow_are_named(folder):
    run_folder.write_block(folder, 2, block(6), IDENTITY)
    with pytest.raises(RunFolderError, match=r"000002\.npz: foreign block, it starts at step 6 instead of 5"):
        run_folder.read_blocks(folder, IDENTITY)


def test_not_finite_chain_is_damage(folder):
    run_folder.write_block(folder, 2, block(5, value=np.nan), IDENTITY)
    with pytest.raises(RunFolderError, match=r"000002\.npz: damaged"):
        run_folder.read_blocks(folder, IDENTITY)


def test_full_disk_is_one_line_and_leaves_the_blocks_intact(folder, monkeypatch):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFolderError, match=r"000003\.npz: cannot be written \(No space left on device\)") as caught:
        run_folder.write_block(folder, 3, block(8), IDENTITY)
    assert "\n" not in str(caught.value)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_unwritable_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"cannot be made \(Not a directory\)"):
        files.make_folder(tmp_path / "file" / "run")
    with pytest.raises(RunFolderError, match="lock: cannot be written"):  # noqa: SIM117
        with files.locked(tmp_path / "absent" / "lock"):
            pass


def test_lock_is_exclusive_and_released(tmp_path):
    lock = tmp_path / "lock"
    with files.locked(lock), pytest.raises(RunFolderError, match="in use by another process"):
        files.locked(lock).__enter__()
    with files.locked(lock):
        pass


@pytest.mark.parametrize("elsewhere", [True, False])
def test_without_locks_of_the_file_system_it_goes_on_with_another(elsewhere, tmp_path, monkeypatch, caplog):
    """Those of this user's own folder keep other processes of this machine away; without them too it goes on."""
    warn_once.cache_clear()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "run").mkdir()
    lock = filelock.lock_descriptor

    def unsupported(file, **how):
        if elsewhere and os.fstat(file).st_ino in {path.stat().st_ino for path in (tmp_path / "state").rglob("*")}:
            return lock(file, **how)
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(filelock, "lock_descriptor", unsupported)
    refused = pytest.raises(RunFolderError, match="in use by another process")
    with files.locked(tmp_path / "run" / "lock"), refused if elsewhere else contextlib.nullcontext():
        files.locked(tmp_path / "run" / "lock").__enter__()
    with files.locked(tmp_path / "run" / "lock"):
        pass
    assert caplog.text.count("its file system has no locks; see that no other machine writes there meanwhile") == 1


def test_occupied_and_foreign_folders_are_refused(tmp_path):
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter.tex").write_text("years of work")
    for flags in (
        {"resume": False, "force": False},
        {"resume": True, "force": False},
        {"resume": False, "force": True},
    ):
        with pytest.raises(RunFolderError, match="not the folder of a run"):
            run_folder.check_output(foreign, **flags)
    with pytest.raises(RunFolderError, match="not the folder of a run"):
        run_folder.check_output(foreign / "chapter.tex", resume=False, force=True)
    run = tmp_path / "run"
    run.mkdir()
    assert not run_folder.check_output(run, resume=False, force=False)  # empty
    files.write_json(run / "run.json", {"config_hash": "x"})
    with pytest.raises(RunFolderError, match="already holds a run; --resume continues it, --force starts over"):
        run_folder.check_output(run, resume=False, force=False)
    assert run_folder.check_output(run, resume=True, force=False)
    assert not run_folder.check_output(run, resume=False, force=True)


def test_clear_removes_only_what_a_run_has_made(tmp_path):
    for name in ("run.json", "notes.md", "chains/ensemble-0/000000.npz", "figures/corner.pdf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    files.remove(tmp_path, run_folder.CONTENT)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.md"]


def test_json_has_no_nan(tmp_path):
    files.write_json(tmp_path / "a.json", {"x": np.float64("nan"), "y": [np.inf, np.int64(2)], "z": np.array([1.5])})
    assert files.read_json(tmp_path / "a.json") == {"x": None, "y": [None, 2], "z": [1.5]}
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"a\.json: damaged"):
        files.read_json(tmp_path / "a.json")
