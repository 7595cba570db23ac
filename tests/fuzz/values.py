"""Values that have broken something somewhere, and changes of texts and bytes."""

from __future__ import annotations

import random
import string

LONG = "x" * 5000
NASTY = (
    "{}", "[]", "[[]]", "{a = 1}", "{a = {b = {c = 1}}}", "[1, 2, 3]", "[{a = 1}]", '["a"]', "true", "false", '""',
    '" "', "nan", "inf", "-inf", "0", "-0.0", "-1", "1", "3", "0.5", "1e200", "-1e200", "1e-200", "1e308", "1e-320",
    "1e400", "9" * 5000, "-" + "9" * 400, "[" * 2000, "[" * 60 + "]" * 60, "[" * 5000 + "]" * 5000, "1979-05-27",
    "07:32:00", '"~nouser"', "~nouser", "~nouser/x.py", '"~"', f'"{LONG}"', LONG, LONG + ".py", "/dev/null",
    "/dev/zero", "FOLDER", "FOLDER/pipe", "FOLDER/folder", "FOLDER/folder.py", "./pipe", "pipe", "folder", "no.py",
    "/", ".", "..", "1_0", "0x10", "\u0661\u0662", '"\u0000"', '"\\u0000"', "\ud7ff", "[0, 1, -1]", "[1e200, 1, 1]",
    "[1e-200, 0, 0]", "[0, 0, 0]", "[[1, 0, 0], [0, 1, 0], [0, 0, 1]]", "[[[0, 1], 0, 0], [0, 1, 0], [0, 0, 1]]",
    "[nan, 0, 0]", "'''", '"""', "= 1", "10000000000", "100000000", "2147483648", "18446744073709551616", "1e12",
    "sfr", "pp", "paper", "hese7", "off",
)  # fmt: skip


def bent(rng: random.Random, text: str) -> str:
    """A text with some letters changed, left out, doubled or moved."""
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        if not text:
            return text
        at, to = sorted((rng.randrange(len(text)), rng.randrange(len(text))))
        match rng.randrange(6):
            case 0:
                text = text[:at] + rng.choice(string.printable + "é€\u0000\ufeff") + text[at + 1 :]
            case 1:
                text = text[:at] + text[at + 1 :]
            case 2:
                text = text[: at + 20] + text[at:]
            case 3:
                text = text[:at]
            case 4 if to - at < 400:
                text = text[:at] + text[to:]
            case _:
                text = text[:at] + rng.choice("[]{}=\"'.,\n#") + text[at:]
    return text


def flipped(rng: random.Random, content: bytes, most: int = 4) -> bytes:
    """Bytes with some bits flipped."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, most) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)
