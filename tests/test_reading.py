"""Files as others have left them: bounded before they are read, and one line whatever is wrong."""

from __future__ import annotations

import io
import os
import time
import zipfile

import numpy as np
import pytest

from nuinfer import errors, reading
from nuinfer.datafiles import parse_csv


@pytest.mark.parametrize(
    "text",
    [
        "a." * 20_000 + "a = 1",
        f"[{'.'.join('a' * 20_000)}]",
        f"x = {{ {'a . ' * 40}a = 1 }}",
        ".".join(['"q"'] * 40) + " = 1",
        "a = " + "[" * 100_000,
        "a = " + "[" * 5000 + "]" * 5000,
        "a = " + "9" * 5000,
        "\x00",
        "a = 1\na = 2",
    ],
)
def test_toml_is_refused_at_once(text):
    """20,000 parts of a key took a minute and 1.7 GB."""
    start = time.process_time()
    with pytest.raises(ValueError, match="not valid TOML") as refused:
        reading.toml_of(text)
    assert time.process_time() - start < 5.0
    assert len(str(refused.value)) < 300


def test_toml_of_people_is_read():
    assert reading.toml_of("a.b.c = 1.5\n[d.'e.f']\ng = 'v1.2.3.4'")["d"]["e.f"]["g"] == "v1.2.3.4"


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"12345")
    for path, said in (
        (tmp_path / "pipe", "is not a file"),
        (tmp_path, "is not a file"),
        ("/dev/zero", "is not a file"),
        (tmp_path / "large", "is larger than 4 bytes"),
        (tmp_path / ("x" * 5000), "File name too long"),
        ("a\0b", "null"),
    ):
        with pytest.raises(OSError, match=said):
            reading.content_of(path, 4)


def test_links_that_lead_nowhere_have_a_path(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert errors.resolved(tmp_path / "loop").name == "loop"
    with pytest.raises(OSError, match="symbolic links"):
        reading.content_of(tmp_path / "loop")


def archive(*members):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return held.getvalue()


def header(shape, descr="<f8"):
    held = io.BytesIO()
    np.lib.format.write_array_header_1_0(held, {"descr": descr, "fortran_order": False, "shape": shape})
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (archive(("a.npy", header((10,)) + bytes(10**7))), "unpacks to more than"),
        (archive(("a.npy", header((10**18,)))), "not a readable"),
        (archive(("a.npy", b"\x93NUMPY\x01\x00\x14\x00" + b"{'descr': (".ljust(20))), "not a readable"),
        (archive(("a.npy", b"no array")), "not a readable"),
        (b"\x93NUMPY", "File is not a zip file"),
        (b"", "File is not a zip file"),
    ],
)
def test_archives_are_bounded_by_what_they_unpack_to(content, said):
    with pytest.raises(ValueError, match=said):
        reading.arrays_of(content, 10**6)


def test_objects_are_not_unpickled():
    held = io.BytesIO()
    np.savez(held, a=np.array({}, dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        reading.arrays_of(held.getvalue())


def test_no_flipped_bit_of_an_archive_is_read_as_another_number():
    """Every bit of a small archive: refused, or the same numbers."""
    held, numbers = io.BytesIO(), np.array([1.5, -2.0])
    np.savez(held, a=numbers)
    content = held.getvalue()
    read = 0
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            found = reading.arrays_of(bytes(changed))
        except ValueError:
            continue
        read += 1
        assert all(np.array_equal(array, numbers) for array in found.values())
    assert 0 < read < 4 * len(content)  # of names and times in the directory


def test_a_table_with_blanks_and_without_rows():
    assert parse_csv(b"a, b\n", "t")["b"].size == 0
    assert parse_csv(b"a, b\n1, x \n", "t")["b"].tolist() == ["x"]
