"""Tables that are shown in HTML and copied to LaTeX: cells know both."""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "\u2212": "$-$",
    "\u2013": "--",
    "\u00b1": r"$\pm$",
    "\u2264": r"$\leq$",
    "\u2032": r"$'$",
} | {character: "\\" + character for character in "&%$#_{}"}


_RAISED = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")


@dataclass(frozen=True)
class Cell:
    """What a table shows, and the LaTeX that shows the same.

    Parameters
    ----------
    text : str
        Plain text; the page escapes it.
    latex : str
        Valid LaTeX.
    code : str
        What configurations call it, shown below it.
    """

    text: str | Markup
    latex: str
    code: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a name for its first column and cells of equal number in every row.

    Parameters
    ----------
    title : str
        What it shows.
    head : tuple of str
        Names of the columns.
    rows : sequence of sequences of Cell
        The rows.
    label : str
        LaTeX label.
    wordy : int
        Columns at the end that hold sentences, not numbers.
    """

    title: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    label: str
    wordy: int = 0

    @property
    def numbers(self) -> int:
        """Columns at the beginning that hold names and numbers."""
        return len(self.head) - self.wordy

    @property
    def latex(self) -> str:
        """The table as LaTeX; it needs no package."""
        layout = "l" + "c" * (self.numbers - 1) + r"p{0.3\linewidth}" * self.wordy
        lines = [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escape_latex(self.title)}}}",
            rf"  \label{{tab:{self.label}}}",
            rf"  \begin{{tabular}}{{{layout}}}",
            r"    \hline",
            "    " + " & ".join(map(escape_latex, self.head)) + r" \\",
            r"    \hline",
            *("    " + " & ".join(cell.latex for cell in row) + r" \\" for row in self.rows),
            r"    \hline",
            r"  \end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines)


def escape_latex(text: str) -> str:
    r"""Text as LaTeX that prints the same.

    Examples
    --------
    >>> print(escape_latex("norm_muon < 50 %"))
    norm\_muon \textless{} 50 \%
    """
    return "".join(_LATEX.get(character, character) for character in text)


def label_in_units(label: str) -> str:
    r"""The label of a logarithm as that of the quantity itself, any other as it is.

    Examples
    --------
    >>> print(label_in_units(r"$\log_{10}(m_{Z'}/\mathrm{MeV})$"), label_in_units(r"$\log_{10} g'$"))
    $m_{Z'}\ [\mathrm{MeV}]$ $g'$
    """
    found = re.fullmatch(r"\$\\log_\{10\} ?\(?(.*?)(?:/(\\mathrm\{\w+\})\))?\$", label)
    return label if found is None else f"${found[1]}" + (f"\\ [{found[2]}]$" if found[2] else "$")


def symbol(label: str, unit: str = "", code: str = "") -> Cell:
    r"""A label with its unit; what is in dollars is set as mathematics.

    Examples
    --------
    >>> print(symbol(r"$m_\mathrm{lightest}\ [\mathrm{eV}]$").text)
    <i>m</i><sub>lightest</sub> [eV]
    >>> print(symbol(r"$\phi_\mathrm{total}$", "1e-18 GeV^-1 cm^-2").latex)
    $\phi_\mathrm{total}$ [$10^{-18}$ GeV$^{-1}$ cm$^{-2}$]
    """
    whole = label.replace("\\_", "_") + (f" [{unit}]" if unit and "[" not in label else "")
    html, latex = Markup(""), ""
    for k, part in enumerate(whole.split("$")):
        html += _mathematics(part) if k % 2 else powers(part).text
        latex += f"${part}$" if k % 2 else powers(part).latex
    return Cell(html, latex, code)


def powers(text: str) -> Cell:
    r"""A text with its powers raised, as units have them.

    Examples
    --------
    >>> powers("1e-18 GeV^-1"), powers("g' from 1e-05").text
    (Cell(text='10⁻¹⁸ GeV⁻¹', latex='$10^{-18}$ GeV$^{-1}$', code=''), "g' from 10⁻⁵")
    """
    ten = re.sub(r"\b1e(-?)0*(?=\d)", r"10^\1", text)
    raised = re.sub(r"\^(-?\d+)", lambda power: power[1].translate(_RAISED), ten)
    parts = enumerate(re.split(r"(\b10|)\^(-?\d+)", ten))
    return Cell(raised, "".join((escape_latex(part), f"${part}", f"^{{{part}}}$")[k % 3] for k, part in parts))


_TOKEN = re.compile(
    r"(?P<level>[_^])(?P<inner>\{[^{}]*\}|\\mathrm\{[^{}]*\}|\\[A-Za-z]+|.)"
    r"|\\mathrm\{(?P<roman>[^{}]*)\}|\\(?P<command>[A-Za-z]+) ?|\\(?P<other>.)|(?P<letter>[A-Za-z])|(?P<sign>.)"
)
_SIGNS = {"'": "\u2032", "-": "\u2212", "{": "", "}": ""}


def _mathematics(latex: str) -> Markup:
    """The few commands of labels as HTML: letters, roman text, indices and powers."""
    html = Markup("")
    for token in _TOKEN.finditer(latex):
        if token["level"]:
            level = {"_": Markup("<sub>{}</sub>"), "^": Markup("<sup>{}</sup>")}[token["level"]]
            html += level.format(_mathematics(token["inner"]))
        elif token["letter"]:
            html += Markup("<i>{}</i>").format(token["letter"])
        elif token["command"]:
            html += _letter(token["command"])
        else:
            html += token["roman"] or token["other"] or _SIGNS.get(token["sign"], token["sign"])
    return html


def _letter(command: str) -> str | Markup:
    """A Greek letter; any other command is its name."""
    case = "CAPITAL" if command[0].isupper() else "SMALL"
    try:
        return Markup("<i>{}</i>").format(unicodedata.lookup(f"GREEK {case} LETTER {command.upper()}"))
    except KeyError:
        return command


def words(text: object) -> Cell:
    """A cell of plain text."""
    return Cell(str(text), escape_latex(str(text)))


def number(value: float | None, scale: float | None = None) -> Cell:
    r"""A number to two digits of `scale`, what it is known to; without one, to three digits.

    Examples
    --------
    >>> number(-5.30412, 0.9).latex, number(0.05182, 0.04).text
    ('$-5.30$', '0.052')
    >>> print(number(4.14e-5).latex, number(None).latex)
    $4.14 \times 10^{-5}$ --
    """
    if value is None or not math.isfinite(value):
        return Cell("\u2013", "--")
    if scale and math.isfinite(scale):
        digits = max(0, 1 - math.floor(math.log10(scale)))
        plain = f"{value:.{digits}f}" if digits <= 6 and abs(value) < 1e4 else f"{value:.3g}"
    else:
        plain = f"{value:.2e}" if 0.0 < abs(value) < 1e-3 else f"{value:.3g}"
    mantissa, _, exponent = plain.removeprefix("-" * (float(plain) == 0.0)).partition("e")
    shown = mantissa.replace("-", "\u2212")
    if not exponent:
        return Cell(shown, f"${mantissa}$")
    power = int(exponent)
    raised = str(power).translate(_RAISED)
    return Cell(f"{shown} \u00d7 10{raised}", rf"${mantissa} \times 10^{{{power}}}$")


def interval(ends: Sequence[float], scale: float | None = None) -> Cell:
    """Two ends of an interval.

    Examples
    --------
    >>> interval([1.0, 2.5], 1.5).text
    '1.0 to 2.5'
    """
    low, high = (number(end, scale) for end in ends)
    return joined(low, high, " to ")


def joined(first: Cell, second: Cell, between: str = " ") -> Cell:
    """Two cells as one."""
    return Cell(first.text + between + second.text, first.latex + escape_latex(between) + second.latex)
