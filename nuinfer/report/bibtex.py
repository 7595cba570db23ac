"""BibTeX entries of what a run cites: authors, journal and identifiers, as far as its references have them."""

import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

IDENTIFIER = re.compile(
    r"arXiv:(?P<arxiv>\d{4}\.\d{4,5})|doi:(?P<doi>10\.\d{4,9}/[\w.()/-]*\w)|(?P<old>(?:astro-ph|hep-ex|hep-ph)/\d{7})"
)
HEAD = "% From the references of the run, which hold no titles; INSPIRE completes an entry by its eprint or doi."

_JOURNAL = r"(?P<journal>[A-Z][\w.]*(?: [A-Z][\w.-]*)*)(?: (?P<volume>\w+))? \((?P<year>\d{4})\) (?P<pages>\w+)"
_TOKEN = re.compile(f"{_JOURNAL}|{IDENTIFIER.pattern}")
_CONNECTED = re.compile(r".*(?:: |\b(?:as \w+ by|(?<!White )in|of|from|against the) |, and )")
_NAME = r"(?:[A-Z]?[a-z]{1,3} )?[^\W\d_a-z][\w-]+(?: [A-Z][\w-]+)?"
_AUTHORS = re.compile(rf"({_NAME}(?:(?:, | and ){_NAME})*( et al\.)?)(?: \([^)]*\))?(?:$|,| \d)")

Entry = dict[str, str]


def bibtex(citations: Iterable[str]) -> str:
    """Entries of every work that is named in citations, each once.

    Parameters
    ----------
    citations : iterable of str
        Works with authors, journal, volume, year and page, arXiv numbers and DOIs, with words between them.

    Examples
    --------
    >>> print(bibtex(["Kamada and Yu, Phys. Rev. D 92 (2015) 113004, arXiv:1504.00711"]).split(chr(10), 1)[1])
    @article{Kamada2015,
      author = {Kamada and Yu},
      journal = {Phys. Rev. D},
      volume = {92},
      year = {2015},
      pages = {113004},
      eprint = {1504.00711},
      archiveprefix = {arXiv}
    }
    """
    found: list[Entry] = []
    for work in (work for citation in citations for part in citation.split("; ") for work in _works(part)):
        same = next((known for known in found if _is_same(known, work)), None)
        if same is None:
            found.append(work)
        else:
            same.update(work | same)
    keys: dict[str, Entry] = {}
    for work in found:
        first = re.split(r", | and | et al", work.get("author", work.get("eprint", work.get("doi", "work"))))[0]
        plain = unicodedata.normalize("NFKD", first).encode("ascii", "ignore").decode()
        key = plain.replace(" Collaboration", "") + work.get("year", work.get("note", "")) * ("author" in work)
        key = re.sub(r"[^\w.-]", "", key)
        names = (key + letter for letter in ("", *string.ascii_lowercase, *map(str, range(len(found)))))
        keys[next(name for name in names if name not in keys)] = work
    return "\n".join([HEAD, *(_entry(key, work) for key, work in keys.items())])


def _works(part: str) -> Iterator[Entry]:
    """What a part of a citation names; where it has no authors of its own they are those before."""
    work: Entry = {}
    author, end = "", 0
    for token in _TOKEN.finditer(part):
        between = part[end : token.start()]
        end = token.end()
        if not (work and between == ", " and token["journal"] is None):
            if work:
                yield work
            head = _CONNECTED.sub("", between.rstrip(", ") + " ").strip(", ")
            named, kind = _AUTHORS.match(head), {"note": head} if head in ("data", "code") else {}
            author = named[1] if named else author * (not head or bool(kind))
            work = {"author": author, **kind} if author else {"title": re.sub(r"[{}\\%]", "", head)} if head else {}
            year = re.search(r"\b(?:19|20)\d\d\b", head)
            work |= {"year": year[0]} if year else {}
        fields = {key: value for key, value in token.groupdict().items() if value}
        if eprint := fields.pop("arxiv", "") or fields.pop("old", ""):
            fields |= {"eprint": eprint, "archiveprefix": "arXiv"}
            work.setdefault("year", _year_of(eprint))
        work |= fields
    if work:
        yield work


def _year_of(eprint: str) -> str:
    """The year of an arXiv number, old or new.

    Examples
    --------
    >>> _year_of("1504.00711"), _year_of("hep-ph/9405296")
    ('2015', '1994')
    """
    two = eprint.rpartition("/")[2][:2]
    return f"19{two}" if two > "90" else f"20{two}"


def _is_same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    if any(one.get(key, "") == other.get(key) for key in ("eprint", "doi")):
        return True
    return "journal" in one and all(one.get(key) == other.get(key) for key in ("journal", "volume", "pages"))


_ORDER = ("author", "title", "journal", "volume", "year", "pages", "eprint", "archiveprefix", "doi", "note")


def _entry(key: str, work: Mapping[str, str]) -> str:
    """One entry; BibTeX parts authors with "and", and knows "others"."""
    shown = dict(work)
    if "author" in shown:
        names = re.split(r", | and ", shown["author"].replace(" et al.", ", others"))
        shown["author"] = " and ".join(f"{{{name}}}" if " " in name else name for name in names)
    lines = [f"  {field} = {{{shown[field]}}}" for field in _ORDER if field in shown]
    return f"@{'article' if 'journal' in shown else 'misc'}{{{key},\n" + ",\n".join(lines) + "\n}"
