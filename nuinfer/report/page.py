"""The page itself: content, figures and template become one file."""

import re
from functools import cache
from os import PathLike
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from nuinfer import __version__
from nuinfer.errors import RunFolderError
from nuinfer.inference.runs import run_folder
from nuinfer.inference.runs.run import Run, open_run
from nuinfer.inference.work import files
from nuinfer.inference.work.progress import now
from nuinfer.named import Named
from nuinfer.report import content
from nuinfer.report.figures import data_references, draw_all, resampled

_IDENTIFIER = re.compile(
    r"arXiv:(?P<arxiv>\d{4}\.\d{4,5})|doi:(?P<doi>10\.\d{4,9}/[\w.()/-]*\w)|(?P<old>(?:astro-ph|hep-ex|hep-ph)/\d{7})"
)


def write_report(folder: str | PathLike[str], out: str | PathLike[str] | None = None, *, trust: bool = False) -> Path:
    """Write the page of a run, whole or not at all.

    Parameters
    ----------
    folder : path
        The run folder, in any state.
    out : path, optional
        The file, by default ``report.html`` in the folder.
    trust : bool
        See `nuinfer.open_run`.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    RunFolderError
        If it is not a run folder, something in it is damaged, or the file cannot be written.
    """
    run = open_run(folder, trust=trust)
    path = run.folder / "report.html" if out is None else Path(out)
    if path.is_dir():
        raise RunFolderError(f"{path}: is a folder, not the name of a file")
    page = render(run)
    files.make_folder(path.parent)
    files.write_atomic(path, page.encode())
    return path


def render(run: Run) -> str:
    """The page as HTML.

    Parameters
    ----------
    run : Run
        A run whose analysis is a `nuinfer.analysis.Analysis`.

    Raises
    ------
    RunFolderError
        As `write_report`.
    """
    summary = content.read_summary(run)
    drawings, known = draw_all(run) if summary else [], run.readable
    analysis = None if isinstance(known, Named) else known
    references = run.record.get("references", []) if analysis is None else content.references(run, analysis)
    return _template().render(
        run=run,
        analysis=analysis,
        known=known,
        summary=summary,
        content=content,
        drawings=drawings,
        left_out=resampled(run, drawings),
        references=[*references, *data_references(drawings)],
        configuration=_text(run.folder / run_folder.CONFIG_RESOLVED),
        log="\n".join(_text(run.folder / files.LOG, missing="").splitlines()[-200:]),
        version=__version__,
        made=now(),
    )


def _text(path: Path, missing: str | None = None) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if missing is not None and isinstance(error, FileNotFoundError):
            return missing
        raise RunFolderError(f"{path}: cannot be read ({error})") from error


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.loader = PackageLoader("nuinfer", "report")
    environment.filters["linked"] = linked
    return environment.get_template("page.html")


def linked(reference: str) -> Markup:
    """A reference with its arXiv numbers and DOIs as links, everything else escaped.

    Examples
    --------
    >>> str(linked("A & B, arXiv:1504.00711"))
    'A &amp; B, <a href="https://arxiv.org/abs/1504.00711">arXiv:1504.00711</a>'
    """
    parts, end = [], 0
    for match in _IDENTIFIER.finditer(reference):
        number = match["arxiv"] or match["old"]
        address = f"https://arxiv.org/abs/{number}" if number else f"https://doi.org/{match['doi']}"
        link = Markup('<a href="{}">{}</a>').format(address, match[0])
        parts += [escape(reference[end : match.start()]), link]
        end = match.end()
    return Markup("").join([*parts, escape(reference[end:])])
