"""The page itself: content, figures and template become one file."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from os import PathLike
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from nuinfer import __version__
from nuinfer.errors import LOG, RunFolderError
from nuinfer.inference.runs import run_folder
from nuinfer.inference.runs.run import Run, open_run
from nuinfer.inference.work import files
from nuinfer.inference.work.progress import now
from nuinfer.named import Named
from nuinfer.provenance import commit
from nuinfer.reading import content_of
from nuinfer.report import content
from nuinfer.report.bibtex import IDENTIFIER, bibtex
from nuinfer.report.figures import data_references, draw_all, resampled


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
    configuration, known, log = _text(run.folder / run_folder.CONFIG_RESOLVED), run.readable, run.folder / files.LOG
    if summary:
        LOG.info("drawing the figures")
    drawings = draw_all(run) if summary else []
    analysis = None if isinstance(known, Named) else known
    whole = analysis.dataset.references if analysis else ()
    cited = content.merged([*content.references(run, known), *data_references(drawings)], whole)
    script = Markup((Path(__file__).parent / "page.js").read_text(encoding="utf-8"))  # noqa: S704 - ours as it is
    return _template().render(
        run=run,
        analysis=analysis,
        known=known,
        summary=summary,
        content=content,
        drawings=drawings,
        left_out=resampled(run, drawings),
        references=numbered(cited),
        bibtex=bibtex(cited),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        configuration=configuration,
        log="\n".join(_text(log).splitlines()[-200:]) if log.exists() else "",
        version=__version__,
        commit=commit(),
        made=now(),
    )


def _text(path: Path) -> str:
    with files.refusing(path, "read"):
        return content_of(path).decode(errors="replace")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.loader = PackageLoader("nuinfer", "report")
    return environment.get_template("page.html")


def numbered(cited: Mapping[str, Iterable[str]]) -> list[Markup]:
    """Citations, each with what it is cited for; arXiv numbers and DOIs are links, to each other where one has its own.

    Examples
    --------
    >>> for line in numbered({"A & B, arXiv:1504.00711": ["one", "two"], "C, as used by A & B, arXiv:1504.00711": []}):
    ...     print(line)
    A &amp; B, <a href="https://arxiv.org/abs/1504.00711">arXiv:1504.00711</a> <span class="for">(one; two)</span>
    C, as used by A &amp; B, <a href="#reference-1">[1]</a>
    """
    own: dict[str, int] = {}
    for n, citation in enumerate(cited, 1):  # the first one of a citation is its own, the others as long as nobody's is
        if first := IDENTIFIER.search(citation):
            own.setdefault(first[0], n)
    lines = []
    for n, (citation, whats) in enumerate(cited.items(), 1):
        line, end = Markup(""), 0
        for match in IDENTIFIER.finditer(citation):
            line += citation[end : match.start()]
            end = match.end()
            at, number = own.setdefault(match[0], n), match["arxiv"] or match["old"]
            address = f"https://arxiv.org/abs/{number}" if number else f"https://doi.org/{match['doi']}"
            link = (address, match[0]) if at == n else (f"#reference-{at}", f"[{at}]")
            line += Markup('<a href="{}">{}</a>').format(*link)
        line += citation[end:]
        lines.append(line + Markup(' <span class="for">({})</span>').format("; ".join(whats)) if whats else line)
    return lines
