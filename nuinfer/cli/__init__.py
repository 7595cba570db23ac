"""The command line, ``nuinfer COMMAND``: one module per command, found by its name.

A module is a command if it has ``run``; ``add_options`` adds its arguments, and its docstring is its help: a sentence,
and below it examples. One that
does not sample as ``[sampler]`` says names in ``SAMPLER`` the keys of that table that it uses; one that computes a few
points, and writes nothing before it has, says so in ``BRIEF``.
Arguments in, calls of the public API, answers out; nothing is computed here. Heavy libraries are imported by the
command that needs them, so that ``nuinfer --help`` answers at once.
"""

import argparse
import contextlib
import io
import logging
import os
import pkgutil
import re
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from signal import SIGINT
from types import ModuleType
from typing import Any, NoReturn

import nuinfer
from nuinfer import __version__
from nuinfer.cli.command import BAD_INPUT, BUG, OK, SIGNALLED, add_loudness, say_sentence, warn_of_idle
from nuinfer.errors import LOG, NonFiniteLogProbError, NuinferError, nearest
from nuinfer.registry import imported, place_of_failure

EXAMPLES = "examples:"
LONGEST = 1600
"""Letters of a message, at most."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done (a fit: converged), 1 our bug, 2 bad input, 3 not converged, 130 interrupted (143 by SIGTERM).
    """
    _open_streams()
    warned, usual = _show_notices(), LOG.level
    try:
        arguments = build_parser().parse_args(argv)
        LOG.setLevel(arguments.loudness)
        if arguments.sampler is not None:
            warn_of_idle(arguments.set, arguments.sampler)
        code = _answered(arguments, warned) if argv is None and arguments.brief else int(arguments.run(arguments))
        sys.stdout.flush()
        for text in dict.fromkeys(warned):
            say_sentence(f"{nuinfer.__name__}: {text}", stderr=True)
    except NuinferError as error:
        LOG.debug("what led to it", exc_info=error)
        sys.stderr.write("nuinfer: error: " + _shortened(" ".join(str(error).split())) + "\n")
        return BUG if isinstance(error, NonFiniteLogProbError) else BAD_INPUT
    except KeyboardInterrupt as error:
        kept = "what is on disk is kept, --resume continues it"
        sys.stderr.write(f"nuinfer: interrupted; {kept}\n")
        return SIGNALLED + next(iter(error.args), SIGINT)
    except BrokenPipeError:  # the reader of our output, `head` for example, has left
        sys.stderr.close()
        return OK
    except OSError as error:  # nothing else has a word for it: a full disk behind the standard output, for example
        sys.stderr.write(f"nuinfer: error: {error}\n")
        with contextlib.suppress(OSError, ValueError):
            _end_output()
        return BAD_INPUT
    except (Exception, SystemExit) as error:
        place = place_of_failure(error)
        if place is None:
            raise
        sys.stderr.write(f"nuinfer: error: {place} failed: {type(error).__name__}: {error}\n")
        return BAD_INPUT
    finally:
        LOG.setLevel(usual)
    return code


def _answered(arguments: argparse.Namespace, warned: list[str]) -> int:
    """Exit code of a command that computes a few points: plain Python has done so before a compiler is done.

    Where something is not compiled the command begins again without a compiler, in a process of its own; if that
    fails, on what Python takes for an error and compiled code for NaN, it is compiled after all.
    """
    compiled = imported("nuinfer.compiled")
    try:
        with compiled.nothing_compiled():
            return int(arguments.run(arguments))
    except compiled.Uncompiled:
        LOG.debug("not compiled yet, so that this is computed in plain Python")
    plain = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONWARNINGS": "ignore::RuntimeWarning"}
    again = [sys.executable, *sys.orig_argv[1:]]
    with contextlib.suppress(OSError):
        done = subprocess.run(again, env=plain, stderr=subprocess.PIPE, check=False)  # noqa: S603 - what the user has run
        if done.returncode in (OK, BAD_INPUT):
            warned.clear()  # it has said so
            sys.stderr.write(done.stderr.decode(errors="replace"))
            return done.returncode
    return int(arguments.run(arguments))


def _end_output() -> None:
    """Close a standard output that cannot be written to, or Python tries again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout.close()


class Parser(argparse.ArgumentParser):
    """One whose refusals are as short as ours."""

    def error(self, message: str) -> NoReturn:
        """Print usage and what is wrong, what may have been meant, and leave."""
        if unknown := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message, re.DOTALL):
            message += nearest(unknown[1], re.findall(r"[\w-]+", unknown[2]))
        super().error(_shortened(message))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # argparse overloads it
        """Refuse what is not known here, where its command is."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{nearest(unknown[0], self._option_string_actions)}")
        return found, unknown


class Helped(argparse.HelpFormatter):
    """Help whose examples stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith(EXAMPLES) else super()._fill_text(text, width, indent)


def _shortened(text: str) -> str:
    """A message with its middle left out where what it quotes is longer than anybody reads."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


def _open_streams() -> None:
    """Let what is printed go somewhere, whatever the terminal: nowhere if it is closed, with ? for what it lacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open to the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _show_notices() -> list[str]:
    """What the package says of itself, that it compiles for example, goes to standard error.

    Warnings are collected, to be shown when a command is done: bad input is one line.
    """
    warned = list[str]()

    def show(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            warned.append(record.getMessage())
        return record.levelno < logging.WARNING

    LOG.handlers = [known for known in LOG.handlers if known.get_name() != __name__]  # which may have a closed stream
    if not LOG.handlers:
        shown = logging.StreamHandler()
        shown.set_name(__name__)
        shown.addFilter(show)
        shown.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        LOG.addHandler(shown)
    return warned


def commands() -> dict[str, ModuleType]:
    """Every command by its name, in alphabetical order."""
    modules = {each.name: imported(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)}
    return {name: module for name, module in modules.items() if hasattr(module, "run")}


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = Parser(prog="nuinfer", description="Light mediators from IceCube starting events.")
    parser.add_argument("--version", action="version", version=f"nuinfer {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, module in commands().items():
        sentence, _, examples = str(module.__doc__).partition("\n\n")
        text = sentence[0].lower() + sentence[1:].removesuffix(".")
        epilog = f"{EXAMPLES}\n{textwrap.indent(examples.rstrip(), '  ')}"
        subparser = subparsers.add_parser(name, help=text, description=text, epilog=epilog, formatter_class=Helped)
        module.add_options(subparser)
        add_loudness(subparser)
        said = {"sampler": getattr(module, "SAMPLER", None), "brief": getattr(module, "BRIEF", False)}
        subparser.set_defaults(run=module.run, **said)
    return parser
