"""The page itself: content, figures and template become one file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from nuinfer import __version__
from nuinfer.errors import RunFolderError
from nuinfer.inference.runs import run_folder
from nuinfer.inference.runs.run import Run, open_run
from nuinfer.inference.work import files
from nuinfer.inference.work.progress import now
from nuinfer.report import content
from nuinfer.report.figures import Drawing, data_references, draw_all
from nuinfer.report.state import read_summary, state_of

if TYPE_CHECKING:
    from jinja2 import Template

REPORT = "report.html"
LOG_LINES = 200
_IDENTIFIER = re.compile(
    r"arXiv:(?P<arxiv>\d{4}\.\d{4,5})|doi:(?P<doi>10\.\d{4,9}/[\w.()/-]*\w)|(?P<old>(?:astro-ph|hep-ex|hep-ph)/\d{7})"
)


def write_report(folder: str | PathLike[str], out: str | PathLike[str] | None = None) -> Path:
    """Write the page of a run, whole or not at all.

    Parameters
    ----------
    folder : path
        The run folder, in any state.
    out : path, optional
        The file, by default ``report.html`` in the folder.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    RunFolderError
        If it is not a run folder, something in it is damaged, or the file cannot be written.
    ConfigError, DataIntegrityError
        If the analysis of the run cannot be rebuilt.
    """
    run = open_run(folder)
    path = run.folder / REPORT if out is None else Path(out)
    if path.is_dir():
        raise RunFolderError(f"{path}: is a folder, not the name of a file")
    page = render(run).encode()
    files.make_folder(path.parent)
    files.write_atomic(path, page)
    return path


def render(run: Run) -> str:
    """The page as HTML.

    Parameters
    ----------
    run : Run
        A run whose analysis is a `nuinfer.analysis.Analysis`.

    Raises
    ------
    RunFolderError, ConfigError, DataIntegrityError
        As `write_report`.
    """
    analysis: Any = run.analysis
    summary = read_summary(run)
    tables = []
    drawings: list[Drawing] = []
    if summary is not None:
        results = (
            content.parameter_table(analysis, summary),
            content.limit_table(analysis, summary),
            content.derived_table(run, analysis),
        )
        tables = [table for table in results if table]
        drawings = draw_all(run)
    configuration = _text(run.folder / run_folder.CONFIG_RESOLVED)
    return _template().render(
        run=run,
        name=run.folder.resolve().name,
        state=state_of(run, summary),
        changed=content.changed_since(run, analysis),
        setting=content.setting(run, analysis),
        model=content.model_keys(analysis),
        approximations=analysis.dataset.approximations,
        tables=tables,
        constraints=content.constraint_table(analysis),
        priors=content.prior_table(analysis),
        unused=content.unused_constraints(analysis),
        figures=_grouped(drawings),
        undrawn=[drawing for drawing in drawings if drawing.problem],
        provenance=content.provenance(run),
        checksums=run.record.get("checksums", {}),
        references=[*content.references(run, analysis), *data_references(drawings)],
        repeat=content.how_to_repeat(run),
        configuration=configuration,
        log="\n".join(_text(run.folder / files.LOG, missing="").splitlines()[-LOG_LINES:]),
        style=Markup(_resource("page.css")),  # noqa: S704 - ours
        version=__version__,
        made=now(),
    )


def _grouped(drawings: list[Drawing]) -> Mapping[str, list[Drawing]]:
    groups: dict[str, list[Drawing]] = {"Posterior": [], "Diagnostics": []}
    for drawing in drawings:
        if not drawing.problem:
            groups["Diagnostics" if drawing.kind.diagnostic else "Posterior"].append(drawing)
    return {title: group for title, group in groups.items() if group}


def _text(path: Path, missing: str | None = None) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if missing is not None and isinstance(error, FileNotFoundError):
            return missing
        raise RunFolderError(f"{path}: cannot be read ({error})") from error


def _resource(name: str) -> str:
    return (resources.files("nuinfer.report") / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["linked"] = linked
    return environment.from_string(_resource("page.html"))


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
