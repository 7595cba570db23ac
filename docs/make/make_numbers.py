"""Make docs/numbers.json, the numbers that the pages quote, and put them into the pages.

python docs/make/make_numbers.py [SECTION ...]     all sections, hours; or those named
python docs/make/make_numbers.py --pages           only put what is known into the pages
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from typing import Any

import pages

import nuinfer

WORK = pages.ROOT / "chains" / "numbers"
DIGITS = 7


def rounded(value: Any) -> Any:
    """The same with fewer digits, equal on every machine."""
    if isinstance(value, dict):
        return {str(key): rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def main() -> None:
    """Make, write, fill in."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(pages.sections()))
    parser.add_argument("--pages", action="store_true", help="make nothing, fill in what is known")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(pages.sections()):
        parser.error(f"not a section: {', '.join(sorted(unknown))}; there are {', '.join(pages.sections())}")
    for name in [] if arguments.pages else arguments.sections or pages.sections():
        module, begin = importlib.import_module(f"results.{name}"), time.perf_counter()
        values = module.make(WORK / name)
        entry = {
            "about": (module.__doc__ or "").partition("\n")[0],
            "command": f"make numbers SECTIONS={name}",
            "version": nuinfer.__version__,
            "values": rounded(values),
        }
        known = {**pages.numbers(), name: entry}
        pages.NUMBERS.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
        print(f"{name}: made in {(time.perf_counter() - begin) / 60.0:.1f} minutes")
    known = pages.numbers()
    for page in pages.pages():
        old = page.read_text()
        try:
            new = pages.filled(old, known)
        except (KeyError, ValueError) as error:
            print(f"{page.relative_to(pages.ROOT)}: left as it is, {error.args[0]}")
            continue
        if new != old:
            page.write_text(new)
            print(f"wrote {page.relative_to(pages.ROOT)}")


if __name__ == "__main__":
    main()
