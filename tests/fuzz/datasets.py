"""Data sets of one's own, tables of limits and Python files: what lies in them, not what they are called."""

from __future__ import annotations

import io
import os
import random
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import numpy as np
import values

from nuinfer import datafiles

SHIPPED = ("hese3", "hese7", "mese11", "hese4")
CURVE = "m_zprime_mev,g_prime\n0.5,1e-3\n10,2e-3\n400,3e-2\n"
CODE = (
    "def build(charges, mass_range_mev, **options):\n"
    "    from nuinfer.constraints.base import Constraint, Measurement\n"
    "    m = Measurement('m', 'me', mean=0.0, sigma=1.0)\n"
    "    return Constraint('mine', 'two_sided', m, lambda mass, g: g * 0.0, 0.0, 0.95)\n"
)


def prepare(folder: Path) -> dict[str, Path]:
    """Copies of shipped data, from which attempts are made."""
    for name in SHIPPED:
        shutil.copytree(datafiles.data_root() / name, folder / name, ignore=shutil.ignore_patterns("*.py", "*.md"))
    return {name: folder / name for name in SHIPPED}


def attempt(given: dict[str, Path], rng: random.Random, folder: Path) -> harness.Attempt:
    """One file changed, its checksum made anew or not."""
    if rng.random() < 0.2:
        return _constraint(rng, folder)
    name = rng.choice(SHIPPED)
    shutil.copytree(given[name], folder / "mine")
    paths = sorted((folder / "mine").iterdir())
    path = rng.choice(paths)
    change: Callable[[random.Random, Path], str] = rng.choice((_bytes, *CHANGES.get(path.suffix, (_bytes,))))
    what = f"{name}/{path.name}: {change(rng, path)}"
    manifest = folder / "mine" / datafiles.MANIFEST
    if path != manifest and rng.random() < 0.9:
        listed = datafiles.DataFolder.open(manifest.parent).files
        if path.name in listed and path.is_file():
            datafiles.seal(manifest.parent, {path.name: (listed[path.name]["source"], "none")}, keep=True)
    before = harness.inventory(folder)
    outcome = harness.called("predict", "hese7_icecube" if name != "mese11" else "mese11", "--json",
                             "--set", f"data.dataset={folder}/mine", *_threshold(name))  # fmt: skip
    faults = harness.faults_of(outcome, is_json=True)
    if harness.inventory(folder) != before:
        faults.append("files were touched")
    return harness.Attempt(what, harness.ended(outcome), faults)


def _threshold(name: str) -> tuple[str, ...]:
    return () if name == "mese11" else ("--set", "parameters.energy_scale.value=1")


def _constraint(rng: random.Random, folder: Path) -> harness.Attempt:
    """A table of a limit, or a Python file."""
    if rng.random() < 0.6:
        text, key = CURVE if rng.random() < 0.5 else values.bent(rng, CURVE), "limit_curve"
        cells = text.split(",")
        if rng.random() < 0.5 and len(cells) > 1:
            cells[rng.randrange(len(cells))] = rng.choice(values.NASTY)
            text = ",".join(cells)
        content, ending = text.encode(errors="replace"), "table=mine.csv"
        extra = [
            "--set",
            f"constraints.{key}.mine.reference=me",
            "--set",
            f"constraints.{key}.mine.confidence_level=0.9",
        ]
        name = "mine.csv"
    else:
        content, ending, key, extra, name = (
            values.bent(rng, CODE).encode(errors="replace"),
            "file=mine.py",
            "custom",
            [],
            "mine.py",
        )
    if rng.random() < 0.1:
        content = values.flipped(rng, content)
    if rng.random() < 0.03:
        os.mkfifo(folder / name)
    else:
        (folder / name).write_bytes(content)
    outcome = harness.called("predict", "hese7", "--json", "--set", f"constraints.{key}.mine.{ending}", *extra)
    return harness.Attempt(
        f"{name}: {content[:200]!r}", harness.ended(outcome), harness.faults_of(outcome, is_json=True)
    )


# Changes --------------------------------------------------------------------------------------------------------------


def _bytes(rng: random.Random, path: Path) -> str:
    content = path.read_bytes()
    match rng.randrange(6):
        case 0:
            path.write_bytes(content[: rng.randrange(len(content))])
            return "cut off"
        case 1:
            path.unlink()
            return "missing"
        case 2:
            path.unlink()
            rng.choice((path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to(path)))()
            return "no file"
        case 3:
            path.write_bytes(rng.randbytes(rng.choice((0, 1, 100))))
            return "noise"
        case _:
            path.write_bytes(values.flipped(rng, content))
            return "bits flipped"


def _text(rng: random.Random, path: Path) -> str:
    path.write_bytes(values.bent(rng, path.read_text()).encode(errors="replace"))
    return "text bent"


def _cell(rng: random.Random, path: Path) -> str:
    rows = path.read_text().splitlines()
    at = rng.randrange(len(rows))
    cells = rows[at].split(",")
    place = rng.randrange(len(cells))
    value = rng.choice((*values.NASTY, "-5", "1e-5", "nan"))
    cells[place] = value
    rows[at] = ",".join(cells)
    path.write_bytes("\n".join(rows).encode(errors="replace"))
    return f"cell {at} {place} is {value[:50]!r}"


def _value(rng: random.Random, path: Path) -> str:
    rows = path.read_text().splitlines()
    at = rng.randrange(len(rows))
    value = rng.choice(values.NASTY)
    rows[at] = f"{rows[at].split(' = ')[0]} = {value}"
    path.write_bytes("\n".join(rows).encode(errors="replace"))
    return f"line {at} is {value[:50]!r}"


def _array(rng: random.Random, path: Path) -> str:
    """An array of another kind."""
    with np.load(path) as archive:
        arrays = dict(archive)
    name = rng.choice(list(arrays))
    other = rng.choice(list(arrays))
    array = arrays[name]
    number = rng.choice((np.nan, np.inf, -np.inf, -1.0, 0.0, 1e300, 1e-320, 1e200))

    def filled() -> Any:
        changed = array.copy()
        if changed.dtype.kind == "f":
            changed.ravel()[rng.randrange(changed.size) : rng.randrange(changed.size)] = number
        return changed

    make = {
        "filled": filled,
        "full": lambda: np.full(array.shape, number),
        "transposed": lambda: array.T,
        "flat": array.ravel,
        "empty": lambda: array[:0],
        "short": lambda: array[:-1],
        "complex": lambda: 1j * np.ones(array.shape),
        "text": lambda: array.astype(str),
        "objects": lambda: np.array([{}, None], dtype=object),
        "scalar": lambda: np.array(number),
        "whole": lambda: np.ones(array.shape, int),
        "true": lambda: np.ones(array.shape, bool),
        "times": lambda: np.zeros(array.shape, "M8[s]"),
        "records": lambda: np.zeros(array.shape, [("a", float)]),
        "reversed": lambda: array[::-1],
        "bytes": lambda: array.astype("S20"),
        "other": lambda: arrays[other],
        "big-endian": lambda: array.astype(array.dtype.newbyteorder(">")),
        "half": lambda: array.astype(np.float16) if array.dtype.kind == "f" else array,
    }
    kind = rng.choice(list(make))
    if rng.random() < 0.1:
        del arrays[name]
        kind = "missing"
    else:
        with np.errstate(all="ignore"):
            arrays[name] = make[kind]()
    np.savez(path, **arrays)
    return f"{name} {kind} {number}"


def _archive(rng: random.Random, path: Path) -> str:
    """An archive that is none, or unpacks to more than it should."""
    match rng.randrange(6):
        case 0:
            np.save(path.with_suffix(".npy"), np.ones(3))
            path.with_suffix(".npy").replace(path)
            return "npy"
        case 1:
            header = io.BytesIO()
            shape = rng.choice(((10**9,), (10**18,), (-1,), (2**31, 2**31), (3 * 10**8,)))
            np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
            _repacked(path, header.getvalue())
            return f"a header that claims {shape}"
        case 2:
            _repacked(path, zeros := bytes(1 << 24), times=rng.choice((1, 20)))
            return f"{len(zeros)} zeros"
        case 3:
            _repacked(
                path, b"\x93NUMPY\x01\x00" + struct.pack("<H", 20) + values.NASTY[rng.randrange(10)].encode().ljust(20)
            )
            return "a header that is nonsense"
        case 4:
            content = bytearray(path.read_bytes())
            at = content.rfind(b"PK\x05\x06")
            content[at + 4 : at + 22] = rng.randbytes(18)
            path.write_bytes(bytes(content))
            return "a directory that is nonsense"
        case _:
            content = bytearray(path.read_bytes())
            first = content.find(b"PK\x01\x02")
            for _ in range(3):
                content[rng.randrange(first, len(content))] ^= 1 << rng.randrange(8)
            path.write_bytes(bytes(content))
            return "bits of the directory flipped"


def _repacked(path: Path, content: bytes, times: int = 1) -> None:
    """An archive with one member exchanged."""
    with np.load(path) as archive:
        name = archive.files[0]
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(f"{name}.npy", "w", force_zip64=True) as member,
    ):
        for _ in range(times):
            member.write(content)


CHANGES = {".csv": (_text, _cell, _cell), ".toml": (_text, _value, _value), ".npz": (_array, _array, _archive)}
FUZZER = harness.Fuzzer("datasets", prepare, attempt)
