"""The numbers of the pages come from docs/numbers.json: what a page quotes, and tables, are put in or compared.

A page ends with a comment in which every line is a phrase of the page, with paths into the JSON where its numbers are:

    <!-- numbers
    with 7.5 years (ln B = {sources.hese7.neutron.ln_b:+.1f})
    -->

After the colon stands a format of Python; exponents are shortened (4.2e-05 to 4.2e-5). A phrase is found once in its
page, wherever its lines break. A table stands between <!-- begin SECTION TABLE --> and <!-- end SECTION TABLE -->.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import results

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = ROOT / "docs" / "numbers.json"
QUOTED = re.compile(r"^<!-- numbers\n(.*?)^-->", re.DOTALL | re.MULTILINE)
PLACE = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}")
TABLE = re.compile(r"<!-- begin (\w+) (.+?) -->\n.*?<!-- end \1 \2 -->", re.DOTALL)
OLD = r"([-+]?[\w.,%+-]*\w)"  # what stands where a number is to be


def sections() -> list[str]:
    """Names of the sections of the JSON: one module of `results` makes each."""
    return [module.name for module in pkgutil.iter_modules(results.__path__)]


def numbers() -> dict[str, Any]:
    """What docs/numbers.json holds."""
    return dict(json.loads(NUMBERS.read_text())) if NUMBERS.exists() else {}


def pages() -> list[Path]:
    """Every page that may quote numbers."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def look_up(known: Mapping[str, Any], path: str) -> Any:
    """The value at SECTION.KEY.KEY...; a list takes numbers as keys.

    Raises
    ------
    KeyError
        If there is none.
    """
    section, *keys = path.split(".")
    try:
        value = known[section]["values"]
        for key in keys:
            value = value[int(key) if isinstance(value, list) else key]
    except (KeyError, IndexError, ValueError, TypeError):
        raise KeyError(f"docs/numbers.json has no {path}; `make numbers` makes it") from None
    return value


def shown(value: Any, form: str | None) -> str:
    """A number as the pages print it."""
    text = "none" if value is None else format(value, form or "")
    text = text.removeprefix("-") if re.fullmatch(r"-0\.?0*", text) else text
    return re.sub(r"e([+-])0*(\d)", lambda found: f"e{found[1].strip('+')}{found[2]}", text)


def phrases(text: str) -> Iterator[str]:
    """The phrases that a page declares."""
    for found in QUOTED.finditer(text):
        yield from (line for line in found[1].splitlines() if line.strip())


def filled(text: str, known: Mapping[str, Any]) -> str:
    """A page with the numbers that are known, in phrases and tables.

    Raises
    ------
    KeyError
        If a number is not known.
    ValueError
        If a phrase is not found exactly once.
    """
    for phrase in phrases(text):
        literal = PLACE.split(phrase)[::3]
        values = [shown(look_up(known, path), form) for path, form in PLACE.findall(phrase)]
        spaced = [re.sub(r"(?:\\ )+", r"\\s+", re.escape(part)) for part in literal]
        body = QUOTED.sub(lambda found: " " * len(found[0]), text)
        found = list(re.finditer(OLD.join(spaced), body))
        if len(found) != 1:
            raise ValueError(f"the phrase '{phrase}' is found {len(found)} times")
        for k in reversed(range(len(values))):
            begin, end = found[0].span(k + 1)
            text = text[:begin] + values[k] + text[end:]

    def table(found: re.Match[str]) -> str:
        section, name = found[1], found[2]
        tables = importlib.import_module(f"results.{section}").tables(look_up(known, section))
        return f"<!-- begin {section} {name} -->\n{tables[name]}\n<!-- end {section} {name} -->"

    return TABLE.sub(table, text)
