"""How functions are compiled."""

from __future__ import annotations

import functools
import os
import pickle
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from nuinfer import compiled
from nuinfer.compiled import elementwise, inner, plain

numba = pytest.importorskip("numba")
caching = pytest.importorskip("numba.core.caching")


def test_a_change_of_any_source_makes_the_cached_functions_stale(monkeypatch, tmp_path):
    """A compiled function holds what it calls from other files; numba itself looks at the function's own file alone."""
    script = tmp_path / "mine.py"
    script.write_text("from nuinfer.compiled import compiled\n\n\n@compiled\ndef twice(x):\n    return 2.0 * x\n")
    count = "sum(mine.twice.stats.cache_hits.values())"
    hits = []
    for change in ("pass", "pass", "c._fingerprint = lambda: 'other'"):
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import nuinfer.compiled as c; {change}; import mine"
        command = [sys.executable, "-c", f"{code}; mine.twice(1.0); print({count})"]
        hits.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert hits == [0, 1, 0]


@pytest.mark.parametrize("gone", ["nuinfer.not_any_more Thing", "nuinfer.compiled NotAnyMore"])
def test_a_cache_that_names_a_type_which_is_gone_counts_for_nothing(monkeypatch, tmp_path, gone):
    """As after an update in place: numba reads the types before it sees that the cache is stale."""
    cache = compiled.compiled(_fill)._cache._cache_file
    monkeypatch.setattr(cache, "_index_path", str(tmp_path / "index"))
    named = "c" + "".join(f"{part}\n" for part in gone.split()) + "."  # a pickle of that name
    (tmp_path / "index").write_bytes(pickle.dumps(numba.__version__) + named.encode())
    with pytest.raises((ImportError, AttributeError)):
        type(cache)._load_index(cache)
    assert cache.load("key") is None


def test_the_fingerprint_follows_every_source(monkeypatch, tmp_path):
    (tmp_path / "physics").mkdir()
    for name in ("compiled.py", "physics/one.py"):
        (tmp_path / name).write_text("a = 1\n")
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    unwrapped = compiled._fingerprint.__wrapped__
    before = unwrapped()
    (tmp_path / "physics" / "one.py").write_text("a = 2\n")
    assert unwrapped() != before


def test_a_part_chooses_by_the_type_of_its_first_argument():
    from compiled_parts import Left, Right, area

    double = numba.njit(lambda shape: 2.0 * area(shape))
    assert (double(Left(2.0)), double(Right(2.0))) == (4.0, 8.0)
    assert area(Right(2.0)) == 4.0


def test_plain_formulas_serve_arrays():
    double = inner(lambda x: 2.0 * x)
    assert double(3.0) == 6.0
    np.testing.assert_array_equal(plain(double)(np.arange(3.0)), [0.0, 2.0, 4.0])
    assert elementwise(functools.partial(_fill), (1.0, [2.0, 3.0])).tolist() == [3.0, 4.0]


def _fill(x, y, out):
    out[:] = x + y


def test_without_a_place_for_the_cache_it_lies_beside_temporary_files(tmp_path, monkeypatch):
    """Package and home are read-only: a folder that nobody else can write to, for the workers too."""

    def refused(_):
        raise OSError(30, "Read-only file system")

    for name, each in vars(caching).items():
        if name.lstrip("_") in ("InTreeCacheLocator", "UserWideCacheLocator"):
            monkeypatch.setattr(each, "ensure_cache_path", refused)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    compiled._cached_elsewhere.cache_clear()
    doubled = compiled.compiled(lane_free)
    assert doubled(2.0) == 4.0
    (folder,) = tmp_path.iterdir()
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)
    assert folder.stat().st_mode & 0o077 == 0
    assert list(folder.rglob("*.nbi"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    compiled._cached_elsewhere.cache_clear()
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    assert compiled.compiled(lane_free)(2.0) == 4.0  # in no cache
    compiled._cached_elsewhere.cache_clear()


def lane_free(x):
    return 2.0 * x


def test_a_cache_that_is_full_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    doubled = compiled.compiled(lane_free)
    monkeypatch.setattr(caching.IndexDataCacheFile, "_open_for_write", full)
    assert doubled(2.0) == 4.0


def full(*_):
    raise OSError(28, "No space left on device")
