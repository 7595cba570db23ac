"""Write one self-contained HTML page about a run, finished or not.

nuinfer report chains/hese7
"""

from nuinfer.cli.command import Arguments, Parser, add, say_written


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "folder", metavar="RUN", help="a run folder")
    add(parser, "--trust")
    add(parser, "--out", metavar="FILE", help="the page (default: RUN/report.html)")


def run(arguments: Arguments) -> int:
    """Write the page and name it."""
    from nuinfer.report import write_report

    path = write_report(arguments.folder, arguments.out, trust=arguments.trust)
    return say_written(path)
