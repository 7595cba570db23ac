"""The numbers of README and docs are those of docs/numbers.json, and what is quickly made again is what it holds."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import pages
import pytest

QUICK = ("paper", "constraints")
KNOWN = pages.numbers()


@pytest.mark.parametrize("page", pages.pages(), ids=lambda page: str(page.relative_to(pages.ROOT)))
def test_a_page_quotes_what_was_made(page: Path) -> None:
    assert pages.filled(page.read_text(), KNOWN) == page.read_text()


def test_every_section_was_made() -> None:
    assert sorted(KNOWN) == pages.sections()


@pytest.mark.parametrize("name", QUICK)
def test_a_section_is_what_the_code_makes(name: str, tmp_path: Path) -> None:
    assert differences(importlib.import_module(f"results.{name}").make(tmp_path), KNOWN[name]["values"]) == []


def differences(made: Any, known: Any, path: str = "") -> list[str]:
    """Paths at which two values are not the same; numbers within the digits that are stored."""
    if isinstance(made, dict) and isinstance(known, dict) and set(made) == set(known):
        return [line for key in made for line in differences(made[key], known[key], f"{path}.{key}")]
    if isinstance(made, list) and isinstance(known, list) and len(made) == len(known):
        return [line for k, one in enumerate(made) for line in differences(one, known[k], f"{path}.{k}")]
    if isinstance(made, float) and isinstance(known, float | int):
        return [] if math.isclose(made, known, rel_tol=1e-5, abs_tol=1e-12) else [f"{path}: {made} {known}"]
    return [] if made == known else [f"{path}: {made} {known}"]


def a_page(number: str) -> str:
    return f"About g' =\n{number}, they say.\n\n<!-- numbers\nAbout g' = {{there.x:.1e}}, they\n-->\n"


def test_a_number_is_put_in_wherever_lines_break() -> None:
    assert pages.filled(a_page("3e4"), {"there": {"values": {"x": 4.2e-5}}}) == a_page("4.2e-5")


def test_a_phrase_that_is_not_in_the_page_is_refused() -> None:
    with pytest.raises(ValueError, match=r"phrase 'About g' = .* is found 0 times"):
        pages.filled(a_page("3e4").replace("they say", "who says"), {"there": {"values": {"x": 4.2e-5}}})


def test_a_number_that_was_not_made_is_refused() -> None:
    with pytest.raises(KeyError, match=r"there\.x; `make numbers`"):
        pages.filled(a_page("3e4"), {"there": {"values": {}}})


def test_a_difference_is_seen() -> None:
    """Negative control."""
    assert differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.001]}) == [".a.1: 2.0 2.001"]
