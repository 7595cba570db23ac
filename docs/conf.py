"""The site: `make docs` builds it into docs/_build/html, without a warning and without the network."""

from __future__ import annotations

import logging
import os
import re
import sys
import tomllib
import zlib
from html import escape
from importlib.metadata import version as installed
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from docutils.nodes import SkipNode, math, math_block
from matplotlib import rc_context
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image
from pygments.lexers.special import TextLexer

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "make"))
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("MPLBACKEND", None)  # notebooks show what pyplot draws
os.environ["COLUMNS"] = "96"  # what commands print in the tutorials
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

project = "nuinfer"
author = "The nuinfer developers"
copyright = "2026, the nuinfer developers"  # noqa: A001 - as Sphinx calls it
release = version = installed("nuinfer")

extensions = [
    *("myst_nb", "sphinx_copybutton", "sphinx_design"),
    *("sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "sphinx.ext.intersphinx"),
]
exclude_patterns = ["_build", "make", "figures", "**.ipynb_checkpoints"]
templates_path = ["_templates"]
suppress_warnings = ["autosummary.import_cycle"]

html_theme = "furo"
html_title = f"nuinfer {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "drawn"
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / ".jupyter_cache")
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"  # types stand in the docstrings
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_aliases = {
    "ndarray": "numpy.ndarray",
    "array_like": "numpy.ndarray",
    "Generator": "numpy.random.Generator",
    "Analysis": "nuinfer.Analysis",
    "Run": "nuinfer.Run",
}
default_role = "py:obj"
copybutton_exclude = ".linenos, .gp, .go"


def inventories() -> dict[str, tuple[str, str]]:
    """What intersphinx reads, made from `inventories.toml`: no address is asked while the site is built."""
    folder = HERE / "_build" / "inventories"
    folder.mkdir(parents=True, exist_ok=True)
    known = {}
    for name, there in tomllib.loads((HERE / "inventories.toml").read_text()).items():
        head = f"# Sphinx inventory version 2\n# Project: {name}\n# Version: \n# The rest is compressed with zlib.\n"
        lines = "".join(
            f"{thing} {role} 1 {address} -\n"
            for role, things in there.items()
            if role != "site"
            for thing, address in things.items()
        )
        path = folder / f"{name}.inv"
        path.write_bytes(head.encode() + zlib.compress(lines.encode()))
        known[name] = (there["site"], str(path))
    return known


intersphinx_mapping = inventories()

SHELL = '''"""`%%bash` of the tutorials: what the commands print, at once and without colours."""
import os, subprocess
from IPython import get_ipython

def bash(_line, cell):
    env = {key: value for key, value in os.environ.items() if "COLOR" not in key}
    done = subprocess.run(["bash", "-ec", cell], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout, end="")
    done.check_returncode()

get_ipython().register_magic_function(bash, "cell")
'''
ipython = HERE / "_build" / "ipython"
(ipython / "profile_default" / "startup").mkdir(parents=True, exist_ok=True)
(ipython / "profile_default" / "startup" / "shell.py").write_text(SHELL)
(ipython / "profile_default" / "ipython_kernel_config.py").write_text("get_config().IPKernelApp.log_level = 40\n")
logging.getLogger("traitlets").setLevel(logging.WARNING)  # of the notebooks, that they are run
os.environ["IPYTHONDIR"] = str(ipython)

INCLUDED = re.compile(r"```\{include\} (\S+)\n```")
ELSEWHERE = {
    r"\]\(docs/": "](",
    r"\]\((\.\./)+data/README.md": "](data-sets.md",
    r"\]\((\.\./)+CONTRIBUTING.md": "](contributing.md",
}
"""Links as they are in the repository, and as they are on the site."""

FROM = """
```{{admonition}} Where the numbers come from
`make numbers SECTIONS="{}"` makes the numbers of this page again and puts them in.
```
"""


def as_on_the_site(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Say where a page's numbers come from, and lead links to files outside of docs/ to their pages."""
    from pages import PLACE, QUOTED, TABLE, phrases

    text = INCLUDED.sub(lambda found: (HERE / found[1]).read_text(), source[0])
    quoted = {path.split(".")[0] for phrase in phrases(text) for path, _ in PLACE.findall(phrase)}
    if made := sorted(quoted | {found[1] for found in TABLE.finditer(text)}):
        text = QUOTED.sub("", text) + FROM.format(" ".join(made))
    for there, here in ELSEWHERE.items():
        text = re.sub(there, here, text)
    source[0] = text


def as_written(_app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Leave stars and bars alone, as in (*batch, n_dim) and |U|^2: they are no emphasis and no substitution."""
    for k, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[k] = re.sub(r"(\*(?=batch)|\|)", r"\\\1", line)


def show_math(self: HTML5Translator, node: math | math_block) -> None:
    """A formula as a picture of matplotlib's, in the colour of the text: no script draws it, and no font is fetched."""
    formula, made = " ".join(node.astext().split()), StringIO()
    formula = formula.replace(r"\frac", r"\dfrac") if isinstance(node, math_block) else formula
    size = FontProperties(size=13 if isinstance(node, math_block) else 11, math_fontfamily="stix")
    with rc_context({"svg.hashsalt": formula, "savefig.facecolor": "none"}):
        depth = math_to_image(f"${formula}$", made, prop=size, format="svg", color="#010203")
    drawn = made.getvalue()
    drawn = drawn[drawn.index("<svg") :].replace("#010203", "currentColor")
    facts = f'role="img" aria-label="{escape(formula)}" style="vertical-align: {-depth:.1f}pt"'
    drawn = drawn.replace("<svg", f"<svg {facts}", 1)
    self.body.append(f'<div class="math">{drawn}</div>' if isinstance(node, math_block) else drawn)
    raise SkipNode


def setup(app: Sphinx) -> None:
    """Add what is our own to Sphinx."""
    app.connect("source-read", as_on_the_site)
    app.connect("autodoc-process-docstring", as_written, priority=900)
    app.add_lexer("csv", TextLexer)
    app.add_html_math_renderer("drawn", (show_math, None), (show_math, None))
