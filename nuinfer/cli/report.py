"""``nuinfer report RUN``: one page about a run."""

from nuinfer.cli.command import OK, Arguments, Command, Parser, add, say_written


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "folder", metavar="RUN", help="a run folder")
    add(parser, "--out", metavar="FILE", help="the page (default: RUN/report.html)")


def run(arguments: Arguments) -> int:
    """Write the page and name it."""
    from rich.console import Console

    from nuinfer.report import write_report

    with Console(stderr=True).status("drawing the figures"):  # shown on a terminal only
        path = write_report(arguments.folder, arguments.out)
    say_written(path)
    return OK


COMMAND = Command("write one self-contained HTML page about a run, finished or not", add_options, run)
