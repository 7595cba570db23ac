"""What can be set: every key with its value and what else it may be.

nuinfer keys
nuinfer keys mass ordering
"""

import re
from collections.abc import Iterator

from nuinfer.cli.command import OK, Arguments, Parser, add, print_json, say_sentence
from nuinfer.errors import ConfigError

_TABLE = re.compile(r"(?:# )?\[([\w.]+)\]\s*(?:# (.*))?")
_KEY = re.compile(r"(?:# )?(\w+) = ([^#]*?)\s*(?:# (.*))?")
_GOES_ON = re.compile(r"#? {4,}# (.*)")


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    parser.add_argument("words", nargs="*", metavar="WORD", help="only keys with all of these in name or comment")
    add(parser, "--json")


def run(arguments: Arguments) -> int:
    """Print them."""
    from nuinfer.config import read_text

    words = [word.lower() for word in arguments.words]
    found = [one for one in keys_of(read_text("hese7")) if all(word in f"{one[0]} {one[2]}".lower() for word in words)]
    if not found:
        raise ConfigError(f"keys: none has '{' '.join(arguments.words)}'; nuinfer keys prints all")
    if arguments.json:
        return print_json([{"key": key, "value": value, "comment": comment} for key, value, comment in found])
    for key, value, comment in found:
        say_sentence(f"{key} = {value}" + (f"    {comment}" if comment else ""))
    return OK


def keys_of(text: str) -> Iterator[tuple[str, str, str]]:
    """Keys of a commented configuration, those that are commented out too: name, value as written, and comment."""
    table, about, found = "", "", list[tuple[str, str, str]]()
    for line in text.splitlines():
        if match := _TABLE.fullmatch(line):
            table, about = match[1], match[2] or ""
        elif match := _KEY.fullmatch(line):
            comment = " ".join(part for part in (about, match[3]) if part)
            found.append((f"{table}.{match[1]}", match[2], comment))
            about = ""
        elif found and (match := _GOES_ON.fullmatch(line)):
            found[-1] = *found[-1][:2], f"{found[-1][2]} {match[1]}"
    yield from found
