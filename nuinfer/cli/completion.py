"""Print what completes commands, options and names of presets in a shell.

nuinfer completion bash > ~/.local/share/bash-completion/completions/nuinfer
nuinfer completion zsh > ~/.zfunc/_nuinfer  # a folder of $fpath
nuinfer completion fish > ~/.config/fish/completions/nuinfer.fish
"""

import argparse

from nuinfer.cli.command import OK, Arguments, Parser, say
from nuinfer.registry import imported

SHELLS = ("bash", "zsh", "fish", "tcsh")


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=SHELLS, help="which shell")


def run(arguments: Arguments) -> int:
    """Print the script."""
    from nuinfer.cli import build_parser
    from nuinfer.config import presets

    shtab, parser = imported("shtab"), build_parser()
    names = f'_nuinfer_given() {{ compgen -W "{" ".join(presets())}" -- "$1"; compgen -f -- "$1"; }}\n'
    (every,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for action in (action for command in every.choices.values() for action in command._actions):
        metavar = str(action.metavar)
        if any(word in metavar.split("|") for word in ("FILE", "RUN", "DIR", "PATH")):
            given = {"bash": "_nuinfer_given"} if "PRESET" in metavar else {}
            action.complete = {**shtab.FILE, **given}
    say(shtab.complete(parser, shell=arguments.shell, preamble={"bash": names}))
    return OK
