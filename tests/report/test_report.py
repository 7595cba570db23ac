"""The page about a run: complete, well formed, self-contained, and there in whatever state the run is."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from nominal import FIXED

import nuinfer
from nuinfer import plotting
from nuinfer.cli import main
from nuinfer.errors import ConfigError, RunFolderError
from nuinfer.plotting import Kind, style
from nuinfer.report import figures, tables, write_report
from nuinfer.report import page as report_page

ALL_KINDS = plotting.KINDS
VOID = {"meta", "link", "img", "source", "br"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails on tags that do not match."""

    def __init__(self, path):
        super().__init__()
        self.open, self.tags, self.parts = [], [], []
        self.source = Path(path).read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.parts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.parts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A real run that ends before it has converged; profile limits, which take seconds, have tests of their own."""
    out = tmp_path_factory.mktemp("runs") / "short"
    analysis = nuinfer.load("hese7", FIXED)
    with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "nuinfer.inference.sampling.fit.complete_summary",
            lambda run, _, meanwhile: (meanwhile([].append), run.summary())[1],
        )
        nuinfer.fit(
            analysis, out, ensembles=2, walkers=16, max_steps=120, seed=3, executor=pool, progress=False,
            command="nuinfer fit hese7 --out 'a & b'",
        )  # fmt: skip
    return out


@pytest.fixture(autouse=True)
def _one_kind(monkeypatch):
    """One figure that is drawn at once is enough for the page as a whole."""
    monkeypatch.setattr(plotting, "KINDS", {"acceptance": ALL_KINDS["acceptance"]})


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def nothing_drawn(monkeypatch):
    monkeypatch.setattr(plotting, "KINDS", {})


def show(monkeypatch, *kinds):
    """A page of these figures alone."""
    named = {kind.name: kind for kind in kinds}
    monkeypatch.setattr(plotting, "KINDS", named)
    monkeypatch.setitem(vars(plotting.FIGURES), "shipped", named)


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def unfinished(folder, **status):
    """What a kill in the middle leaves."""
    (folder / "summary.json").unlink()
    (folder / "posterior.nc").unlink()
    edit(folder / "run.json", complete=False, steps=0)
    edit(folder / "status.json", **{"state": "sampling", "updated": "2026-01-01T00:00:00+00:00"} | status)


@pytest.fixture(scope="module")
def page_file(finished, tmp_path_factory):
    """The page with two figures; drawn once."""
    out = tmp_path_factory.mktemp("page") / "page.html"
    kinds = plotting.KINDS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plotting, "KINDS", {kind: kinds[kind] for kind in ("counts", "acceptance")})
        return write_report(finished, out)


@pytest.fixture(scope="module")
def page(page_file):
    return Page(page_file)


def test_page_is_well_formed_and_loads_nothing(page):
    """Matching tags, unique ids, links that lead somewhere, and no resource from outside."""
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "href", "poster", "data", "action"):
            address = attributes.get(name, "")
            assert address.startswith(("data:", "#")) or tag == "a" or not address, (tag, name, address[:40])
    for link in page.all("a"):
        target = link["href"]
        assert target.startswith("https://") or target[1:] in ids
    css = re.search(r"<style>(.*)</style>", page.source, re.DOTALL)[1]
    assert "url(" not in css
    assert "@import" not in css
    assert page.all("script") == [{}]
    script = page.source.partition("<script>")[2].partition("</script>")[0]
    assert script == (Path(report_page.__file__).parent / "page.js").read_text()
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert page.all("html") == [{"lang": "en"}]
    policies = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert policies == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-" + allowed + "'"
    ]


def test_page_says_everything(page, finished):
    """What was run, verdict, parameters and limits, provenance, references, how to reproduce."""
    record, summary = (json.loads((finished / name).read_text()) for name in ("run.json", "summary.json"))
    assert "Not converged: preliminary numbers" in page.text[:400]
    assert "nuinfer fit hese7 --out 'a & b'" in page.text
    assert "IceCube HESE, 7.5 years" in page.text
    for name, entry in summary["parameters"].items():
        assert name in page.text
        assert f"{entry['ess']:.0f}" in page.text
    for constraint in ("muon_g2", "borexino", "neff", "sn1987a"):
        assert constraint in page.text
    assert "2.99 ± 0.17" in page.text  # N_eff of Planck 2018
    assert "Constraints that were off: trident, neutrino_mass." in page.text
    for name, digest in record["checksums"].items():
        assert name in page.text
        assert digest in page.text
    for value in (record["config_hash"], record["versions"]["numpy"], record["host"]["platform"], str(record["seed"])):
        assert value in page.text
    assert record["commit"] in page.text  # blank outside of a checkout
    listed = "".join(page.text.partition("should cite them.")[2].partition("BibTeX")[0].split())
    for reference in record["references"]:  # each citation once, with what it is cited for
        assert reference.split(",")[0].rpartition(": ")[2].replace(" ", "") in listed
    assert listed.count("KamadaandYu,Phys.Rev.D92(2015)113004") == listed.count("1504.00711") == 1
    assert "(mediatorvector;muon_g2,prediction;borexino,prediction;sn1987a,prediction)" in listed
    assert "nuinfer fit config.resolved.toml --seed 3 --ensembles 2 --out repeated" in page.text
    assert (finished / "config.resolved.toml").read_text().split()[0] in page.text
    assert "preset or file hese7" in page.text


def test_limits_are_those_of_the_summary(run, nothing_drawn):
    """Both limits, in the sampled coordinate and as a coupling, with the edge of the prior."""
    summary = json.loads((run / "summary.json").read_text())
    limit = {"side": "upper", "value": -4.383, "prior_floor": -6.0, "profile": -4.086}
    summary["parameters"]["log10_g_prime"]["limit95"] = limit
    (run / "summary.json").write_text(json.dumps(summary))
    text = Page(write_report(run)).text
    assert "g ′ log10_g_prime < 4.14 × 10⁻⁵ < 8.20 × 10⁻⁵ 1.00 × 10⁻⁶" in text
    assert "Nothing calls for a mediator, g′ < 4.14 × 10 −5 (credible 95 %), < 8.2 × 10 −5 by profile" in text


def test_the_sentence_has_symbols_where_it_begins_with_one(run, nothing_drawn):
    """Two-sided: mass and coupling with their units."""
    summary = json.loads((run / "summary.json").read_text())
    for name, ends in (("log10_m_zprime_mev", [0.9, 1.0]), ("log10_g_prime", [-4.0, -3.5])):
        entry = summary["parameters"][name]
        entry |= {"median": ends[0], "hpd68": ends, "unconstrained": False}
        entry.pop("limit95", None)
    (run / "summary.json").write_text(json.dumps(summary))
    text = Page(write_report(run)).text
    assert "m Z ′ [MeV] = 7.94 (7.94 to 10), g ′ = 0.0001 (0.0001 to 0.000316), credible 68 % (HPD)" in text


def test_what_the_limit_hangs_on_has_the_resampled_limits_beside(run, nothing_drawn, monkeypatch):
    """95 of 100 draws of log10 g' lie at or below the limit of the posterior that was sampled without a constraint."""
    summary = json.loads((run / "summary.json").read_text())
    case = {"case": "without neff", "changed": {}, "profile": 1.4e-4, "credible": None, "credible_by": "needs a fit"}
    summary["g_prime_upper95"] = [{**case, "pareto_k": 0.82}]
    (run / "summary.json").write_text(json.dumps(summary))
    draws = np.full((1, 100, 1, len(summary["parameters"])), -5.0)
    draws[0, 94:, 0, list(summary["parameters"]).index("log10_g_prime")] = -3.0
    short = SimpleNamespace(samples=draws)
    monkeypatch.setattr(report_page, "resampled", lambda *_: {"neff": short})
    text = Page(write_report(run)).text
    assert "analysis profile 95 % CL credible 95 % resampled credible one by" in text
    assert "without Δ N eff neff 1.40 × 10⁻⁴ – 0.001 needs a fit, Pareto k 0.82" in text


def test_figures_are_vector_images_with_text_beside_them(page):
    """SVG with its size, a caption and alternative text."""
    images = page.all("img")
    assert len(images) == 2
    for image in images:
        assert len(image["alt"]) > 20
        assert int(image["width"]) > 0
        assert ET.fromstring(svg(image["src"])).tag.endswith("svg")  # noqa: S314 - our own
        assert "<path" in svg(image["src"])
    assert len(page.all("figcaption")) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1400])
def test_page_in_a_browser(browser, page_file, width, scheme):
    """No message, no request but for the page, every figure inside the window, nothing wider, text that can be read."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, permissions=["clipboard-read"]
    )
    view = context.new_page()
    messages, requests = [], []
    view.on("console", lambda message: messages.append(message.text))
    view.on("pageerror", lambda error: messages.append(str(error)))
    view.on("request", lambda request: requests.append(request.url))
    view.goto(page_file.as_uri())
    assert not messages
    assert {url for url in requests if not url.startswith("data:")} == {page_file.as_uri()}
    images = view.query_selector_all("figure img")
    assert len(images) == 2
    for image in images:
        assert image.is_visible()
        assert image.evaluate("one => one.complete && one.naturalWidth > 0")
        box = image.bounding_box()
        assert box["width"] > 300
        assert box["height"] > 100
        assert box["x"] >= 0.0
        assert box["x"] + box["width"] <= width
        assert (image.evaluate("one => getComputedStyle(one).filter") != "none") == (scheme == "dark")
    tables = [
        box for box in view.query_selector_all(".table .scroll") if box.evaluate("b => b.scrollWidth > b.clientWidth")
    ]
    assert bool(tables) == (width == 380)
    for box in tables:  # a hint as long as there is more to the right
        view.wait_for_function("box => box.classList.contains('more')", arg=box)
        box.evaluate("box => { box.scrollLeft = box.scrollWidth; }")
        view.wait_for_function("box => !box.classList.contains('more')", arg=box)
    view.click("#repeat > button.copy")
    view.wait_for_selector("#repeat > button.copy:text-is('Copied')")
    assert view.evaluate("navigator.clipboard.readText()") == view.text_content("#repeat > pre.copy")
    view.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert view.evaluate("document.documentElement.scrollWidth") <= width
    assert (luminance(view, "body", "backgroundColor") < 0.1) == (scheme == "dark")
    for text, behind in (
        ("body", "body"), ("figcaption", "body"), ("main a", "body"), ("pre", "pre"), (".headline", ".state"),
        (".state", ".state"), ("thead th", "thead th"),
    ):  # fmt: skip
        one, two = luminance(view, text, "color"), luminance(view, behind, "backgroundColor")
        assert (max(one, two) + 0.05) / (min(one, two) + 0.05) > 4.5, text  # WCAG 2.1, level AA
    context.close()


@pytest.mark.slow
def test_every_figure_in_a_browser(browser, run, monkeypatch):
    """All kinds of figures on one page: each is visible on a phone and on a screen, or the page says why it is not."""
    monkeypatch.setattr(plotting, "KINDS", ALL_KINDS)
    path = write_report(run)
    assert path.stat().st_size < 10e6
    for width in (380, 1400):
        view = browser.new_page(viewport={"width": width, "height": 800})
        view.goto(path.as_uri())
        shown = {figure.get_attribute("id").removeprefix("figure-") for figure in view.query_selector_all("figure")}
        of_runs = [kind for kind in ALL_KINDS.values() if kind.of == "run"]
        assert len(shown) + len(view.query_selector_all("#undrawn li")) == len(of_runs)
        assert shown >= {"corner", "region", "counts"}
        for image in view.query_selector_all("figure img"):
            assert image.evaluate("one => one.complete && one.naturalWidth > 0")
            box = image.evaluate_handle("one => one.closest('.scroll')").as_element().bounding_box()
            assert box["width"] > 300
            assert 0.0 <= box["x"] <= box["x"] + box["width"] <= width
        view.close()


def luminance(view, selector, key):
    """Relative luminance of a colour of the first element (WCAG 2.1)."""
    colour = view.eval_on_selector(selector, f"one => getComputedStyle(one).{key}")
    red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", colour)[:3])
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def svg(uri):
    kind, content = uri.split(",", 1)
    assert kind == "data:image/svg+xml"
    return unquote(content)


def test_converged_run_says_so(run, nothing_drawn):
    """No warning where there is nothing to warn of."""
    edit(run / "summary.json", converged=True, warnings=[])
    page = Page(write_report(run))
    assert "Converged" in page.text[:100]
    assert {"class": "state good", "id": "verdict", "role": "status"} in page.all("div")
    assert "preliminary" not in page.text.partition("What was run")[0]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, "seems to have been killed: its last sign of life is of 2026-01-01T00:00:00+00:00"),
        ({"state": "interrupted"}, "was interrupted on 2026-01-01"),
        ({"state": "failed"}, "was stopped by an error on 2026-01-01"),
        ({"updated": "9999-01-01T00:00:00+00:00", "steps": 7, "target_steps": 9}, "is at work: step 7 of 9"),
    ],
)
def test_unfinished_run_says_so_at_the_top(run, nothing_drawn, status, expected):
    """In every state of a run without a summary the page is written, from the chains."""
    unfinished(run, **status)
    page = Page(write_report(run))
    top = page.text.partition("What was run")[0]
    assert "Not finished" in top
    assert expected in top
    assert "--resume" in top
    assert "Sampled parameters" in page.text
    assert "ended not yet" in page.text


def test_unfinished_run_has_its_figures(run):
    """Preliminary ones, from what is on disk."""
    unfinished(run)
    assert len(Page(write_report(run)).all("img")) == 1


def test_run_that_ended_on_a_nan_names_the_term(run, nothing_drawn):
    """The page is where people look first."""
    unfinished(run, state="failed")
    (run / "nonfinite.json").write_text(json.dumps({"term": "neff", "point": {"gamma": 2.5}}))
    assert "The term 'neff' of the log-probability is not a number at gamma = 2.5." in Page(write_report(run)).text


def test_run_without_a_step_has_a_page(run):
    """Only the starts are on disk: what was run can be shown, nothing else."""
    unfinished(run)
    for block in run.glob("chains/*/0*.npz"):
        if block.stem != "000000":
            block.unlink()
    (run / "status.json").unlink()
    page = Page(write_report(run))
    assert "Nothing has been sampled yet" in page.text[:200]
    assert "External constraints" in page.text
    assert "Sampled parameters" not in page.text


@pytest.mark.parametrize("steps", [1, 5])
def test_run_with_hardly_a_step_has_a_page(run, steps):
    """Too few draws for figures: the page says so."""
    unfinished(run)
    for block in run.glob("chains/*/0*.npz"):
        if block.stem == "000001":
            shorten(block, steps)
        elif block.stem != "000000":
            block.unlink()
    page = Page(write_report(run))
    assert "Not finished" in page.text[:200]
    assert ("two steps at least" in page.text.partition("Not drawn")[2]) == (steps == 1)
    assert len(page.all("img")) == (steps > 1)


def shorten(path, steps):
    with np.load(path) as archive:
        content = dict(archive)
    for name in ("chain", "log_prob", "terms"):
        content[name] = content[name][:steps]
    np.savez(path, **content)


def test_figure_that_cannot_be_drawn_is_listed(run, monkeypatch):
    """Whether it says why or falls over, it does not cost the page."""

    def refuses(run, *others, width_in):
        raise ConfigError("figure 'one': this run has none")

    def breaks(run, *others, width_in):
        raise ValueError("<b>math</b>")

    show(monkeypatch, Kind("one", "", refuses), Kind("trace_two", "", breaks))
    page = Page(write_report(run))
    assert "One : figure 'one': this run has none" in page.text
    assert "Trace two : ValueError: <b>math</b>" in page.text
    assert not page.all("img")
    assert not page.all("b")


def test_dense_artists_become_images(monkeypatch, run):
    """A cloud of points does not make a page of many megabytes; few points stay vector."""

    def cloud(run, *others, width_in, points=10_000):
        figure = style.new_figure(width_in, width_in)
        x, y = np.random.default_rng(1).normal(size=(2, points))
        axes = figure.add_subplot()
        axes.scatter(x, y)
        axes.plot(x, y, ".")
        return figure

    def few(run, *others, width_in):
        return cloud(run, width_in=width_in, points=50)

    show(monkeypatch, Kind("cloud", "", cloud, marked=False), Kind("few", "", few, marked=False))
    dense, sparse = figures.draw_all(run)
    assert len(dense.uri) < 1e6
    assert "<image" in svg(dense.uri)
    assert "<image" not in svg(sparse.uri)


def test_diagnostics_have_their_own_heading(run, monkeypatch):
    """Kinds say themselves which they are."""

    def empty(run, *others, width_in):
        return style.new_figure(width_in, width_in)

    show(monkeypatch, Kind("steps", "", empty, diagnostic=True), Kind("whatever", "", empty))
    headings = re.findall(
        r"<h3>(\w+)</h3>\n<div class=\"columns\">\n<figure id=\"figure-(\w+)\"", Page(write_report(run)).source
    )
    assert headings == [("Posterior", "whatever"), ("Diagnostics", "steps")]


@pytest.mark.parametrize("name", ["<script>alert(1)<", "a\"b'c&d", "$x_%{"])
def test_names_are_text(finished, tmp_path, nothing_drawn, name):
    """What users call a folder or type in a command is shown, never interpreted."""
    folder = shutil.copytree(finished, tmp_path / name)
    edit(folder / "run.json", command=f"nuinfer fit {name} --set </pre><img src=x>", analysis=name)
    (folder / "log.txt").write_text("</pre><script>alert(2)</script>")
    page = Page(write_report(folder))
    assert page.all("script") == [{}]  # our own
    assert not page.all("img")
    assert name in page.text
    assert name in page.text.partition("command")[2]


def test_page_is_written_whole_or_not_at_all(run, tmp_path, nothing_drawn, capsys):
    """One line, exit code 2, and nothing left: foreign folders, damaged files, a place where nothing can be written."""
    assert main(["report", str(run), "--out", str(tmp_path / "deep" / "page.html")]) == 0
    assert (tmp_path / "deep" / "page.html").stat().st_size > 5000
    assert not (run / "report.html").exists()
    (tmp_path / "foreign").mkdir()
    broken = shutil.copytree(run, tmp_path / "broken")
    unfinished(broken)
    block = sorted(broken.glob("chains/*/0*.npz"))[-1]
    block.write_bytes(block.read_bytes()[:100])
    damaged = shutil.copytree(run, tmp_path / "damaged")
    (damaged / "summary.json").write_text('{"converged": true}')
    configless = shutil.copytree(run, tmp_path / "configless")
    (configless / "config.resolved.toml").unlink()
    blocked = shutil.copytree(run, tmp_path / "blocked")
    (blocked / "report.html").mkdir()
    capsys.readouterr()
    for folder, expected in (
        (tmp_path / "absent", "not a run folder"),
        (tmp_path / "foreign", "not a run folder"),
        (broken, block.name),
        (damaged, "summary.json: damaged"),
        (configless, "config.resolved.toml"),
        (blocked, "report.html: is a folder"),
    ):
        assert main(["report", str(folder)]) == 2
        error = capsys.readouterr().err
        assert expected in error
        assert error.count("\n") == 1
        assert not (folder / "report.html").is_file()
        assert not list(tmp_path.rglob(".*.tmp"))


def test_changed_analysis_is_pointed_out(run, nothing_drawn):
    """A run made with other data than those that are here now."""
    record = json.loads((run / "run.json").read_text())
    assert "rebuilt here" not in Page(write_report(run)).text
    checksums = record["checksums"] | {"events.csv": "0" * 64}
    for block in run.glob("chains/*/0*.npz"):
        with np.load(block) as archive:
            content = dict(archive) | {"config_hash": np.array("other")}
        np.savez(block, **content)
    edit(run / "run.json", config_hash="other", checksums=checksums)
    text = Page(write_report(run)).text
    assert "not the one that was sampled (data files that differ: events.csv)" in text.partition("What was run")[0]


def latex_tables(page):
    return [text for text in page.parts if text.startswith(r"\begin{table}")]


def test_tables_are_latex(page, tmp_path):
    """As many cells as columns in every row, braces and dollars balanced, specials escaped, mathematics that parses."""
    from matplotlib.mathtext import MathTextParser

    found = latex_tables(page)
    assert len(found) >= 3
    for text in found:
        columns = len(re.sub(r"p\{.*?\}", "p", re.search(r"\{tabular\}\{(.*)\}", text)[1]).replace("\\linewidth}", ""))
        for line in text.splitlines():
            if line.endswith(r"\\"):
                cells = re.split(r"(?<!\\)&", line.removesuffix(r"\\"))
                assert len(cells) == columns
                for cell in cells:
                    assert balanced(cell), cell
        for formula in re.findall(r"(?<!\\)\$.*?(?<!\\)\$", text):
            MathTextParser("path").parse(formula)
        assert not re.search(r"(?<!\\)[%#_](?![^$]*\$)", re.sub(r"\\label\{.*?\}", "", re.sub(r"\$.*?\$", "", text)))


def balanced(latex):
    bare = re.sub(r"\\.", "", latex)
    return bare.count("$") % 2 == 0 and bare.count("{") == bare.count("}")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_tables_compile(page, tmp_path):
    """The tables of the page in a bare document, and one with every special character."""
    nasty = tables.words("50 % of a_b^2 & {c} ~ #1 < $3 > \\d ≤ 2 ± 1")
    table = tables.Table("a_b & c", ("x", "y"), ((nasty, tables.number(-1.5e-9)),), "nasty")
    body = "\n".join([*latex_tables(page), table.latex])
    (tmp_path / "t.tex").write_text(f"\\documentclass{{article}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_record_names_everything_used(finished):
    """Data, mixing, cosmology, evolution, mediator, measurements, predictions and software."""
    text = "\n".join(json.loads((finished / "run.json").read_text())["references"])
    for expected in (
        "2011.03545", "2410.05380", "1807.06209", "0804.4008", "1504.00711", "2505.21476", "1707.09279",
        "neff, prediction", "sn1987a, prediction", "emcee", "arviz-stats", "numpy", "scipy",
    ):  # fmt: skip
        assert expected in text


def test_data_beside_a_figure_are_cited():
    """Published fluxes are not part of a run, but of a page that shows them."""
    spectrum, corner = ALL_KINDS["spectrum"], ALL_KINDS["corner"]
    assert "2111.10299" in figures.data_references([figures.Drawing(spectrum)])[0]
    assert figures.data_references([figures.Drawing(spectrum, problem="none"), figures.Drawing(corner)]) == []


def test_report_of_a_folder_that_is_none(tmp_path):
    with pytest.raises(RunFolderError, match="not a run folder"):
        write_report(tmp_path)


def test_exports_from_the_command_line(run, tmp_path, capsys):
    """Each format goes beside the run unless it is told otherwise, and says where; labels are those of the analysis."""
    (run / "posterior.nc").unlink()
    for what, expected in (("getdist", "getdist/run"), ("netcdf", "posterior.nc"), ("cobaya", "cobaya.yaml")):
        assert main(["export", str(run), "--format", what]) == 0
        assert capsys.readouterr().out == f"wrote {run / expected}\n"
    names = (run / "getdist" / "run.paramnames").read_text().splitlines()
    assert names[1] == "log10_g_prime\t\\log_{10} g'"
    assert names[-1].startswith("log10_e_res_gev*\t")
    ranges = dict(line.split(" ", 1) for line in (run / "getdist" / "run.ranges").read_text().splitlines())
    assert ranges["gamma"] == "1.5 4"
    assert ranges["g_prime"] == "1e-06 0.00316227766"  # those of its logarithm
    assert "log10_e_res_gev" not in ranges
    assert (run / "posterior.nc").stat().st_size > 10_000
    assert str((run / "config.resolved.toml").resolve()) in (run / "cobaya.yaml").read_text()
    assert main(["export", "hese7", "--format", "cobaya", "--out", str(tmp_path / "new" / "in.yaml")]) == 0
    assert "likelihood('hese7', [])" in (tmp_path / "new" / "in.yaml").read_text()


def test_exports_that_are_refused(run, tmp_path, capsys):
    """One line that says what is allowed, exit code 2, nothing written."""
    simulated = shutil.copytree(run, tmp_path / "simulated")
    edit(simulated / "run.json", simulated_counts=[[1.0]])
    for arguments, expected in (
        (["hese7", "--format", "getdist"], "not a run folder"),
        (["nowhere", "--format", "cobaya"], "neither a preset"),
        ([str(run), "--format", "cobaya", "--set", "model.source=pp"], "only with --format cobaya and a preset"),
        ([str(run), "--format", "netcdf", "--set", "model.source=pp"], "only with --format cobaya and a preset"),
        ([str(simulated), "--format", "cobaya"], "its counts were simulated"),
    ):
        assert main(["export", *arguments]) == 2
        error = capsys.readouterr().err
        assert expected in error
        assert error.count("\n") == 1
    assert not list(tmp_path.rglob("cobaya.yaml"))
    assert not list(tmp_path.rglob("getdist"))
