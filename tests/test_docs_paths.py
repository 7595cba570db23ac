"""Every file and every name of the package that the documentation mentions exists."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md")), *ROOT.glob("docs/**/*.md")]
FOLDERS = "nuinfer|tests|docs|data|scripts|benchmarks"
INSIDE = "cli|config|constraints|detector|export|inference|physics|plotting|presets|report|transport"  # of nuinfer
PATH = re.compile(rf"(?<![\w./-])((?:{FOLDERS}|{INSIDE})/[\w./*-]*\w)")
LINK = re.compile(r"\]\(([^)#:]+?)(?:#[^)]*)?\)")
FILE = re.compile(r"`([a-z_0-9]+\.py)`")
MADE = "docs/_build/"  # by `make docs`
NAME = re.compile(r"(?<![\w./-])nuinfer(?:\.[A-Za-z_]\w*)+(?!\w*/)")
IMPORT = re.compile(r"^from (nuinfer[\w.]*) import ([\w, ]+)$", re.MULTILINE)


def is_there(path: str) -> bool:
    """Whether a path exists; of one with a placeholder, NAME.py, the folder."""
    while re.search(r"(^|/)[A-Z]{2,}[^/]*$", path) and not path.endswith(".md"):
        path = path.rpartition("/")[0]
    return any(any(base.glob(path)) for base in (ROOT, ROOT / "nuinfer"))


def can_be_had(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for k in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(parts[:k]))
        except ImportError:
            continue
        for attribute in parts[k:]:
            if not hasattr(thing, attribute):
                return attribute in getattr(thing, "__dataclass_fields__", {})
            thing = getattr(thing, attribute)
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_mentions_exists(page: Path) -> None:
    text = page.read_text()
    names = {*NAME.findall(text)} | {f"{m}.{n.strip()}" for m, ns in IMPORT.findall(text) for n in ns.split(",")}
    wrong = [name for name in sorted(names) if not can_be_had(name) and not name.endswith((".toml", ".py"))]
    wrong += [path for path in sorted({*PATH.findall(text)}) if not is_there(path) and not path.startswith(MADE)]
    files = {path.name for folder in FOLDERS.split("|") for path in (ROOT / folder).rglob("*.py")}
    examples = {"mine.py", *re.findall(r"^# (\w+\.py)", text, re.MULTILINE)}
    wrong += sorted({*FILE.findall(text)} - files - examples)
    wrong += [link for link in sorted({*LINK.findall(text)}) if not (page.parent / link).exists()]
    assert not wrong


def test_what_is_gone_is_seen() -> None:
    """Negative control."""
    assert not is_there("nuinfer/kernel.py")
    assert is_there("nuinfer/physics/evolution/NAME.py")
    assert not is_there("nuinfer/laws/NAME.py")
    assert not can_be_had("nuinfer.kernel")
    assert not can_be_had("nuinfer.physics.mixing.NUFIT10")
    assert can_be_had("nuinfer.physics.mixing.Mixing.pmns")
