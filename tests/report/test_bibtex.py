"""BibTeX of citations: every work once, with what its citation says of it."""

import re

import pytest

import nuinfer
from nuinfer.report.bibtex import IDENTIFIER, bibtex


def entries(text):
    """Key, kind and fields of each entry."""
    found = {}
    for kind, key, body in re.findall(r"^@(\w+)\{([^,]+),\n(.*?)\n\}$", text, re.DOTALL | re.MULTILINE):
        assert key not in found
        found[key] = {"kind": kind, **dict(re.findall(r"(\w+) = \{(.*)\},?$", body, re.MULTILINE))}
    assert text.count("@") == len(found)
    return found


@pytest.mark.parametrize(
    ("citation", "expected"),
    [  # as INSPIRE has them, but for titles and first names
        (
            "Hirata et al., Phys. Rev. Lett. 58 (1987) 1490; Bionta et al. (IMB), Phys. Rev. Lett. 58 (1987) 1494",
            {
                "Hirata1987": {"author": "Hirata and others", "volume": "58", "pages": "1490", "kind": "article"},
                "Bionta1987": {"author": "Bionta and others", "journal": "Phys. Rev. Lett.", "pages": "1494"},
            },
        ),
        (
            "Brown et al. (BNL E821), hep-ex/0102017, as used by Kamada and Yu, arXiv:1504.00711, Sec. IV B",
            {
                "Brown2001": {"author": "Brown and others", "eprint": "hep-ex/0102017", "kind": "misc"},
                "Kamada2015": {"author": "Kamada and Yu", "eprint": "1504.00711", "kind": "misc"},
            },
        ),
        (
            "Escudero, JCAP 02 (2019) 007, arXiv:1812.05605, and JCAP 05 (2020) 048, arXiv:2001.04466",
            {
                "Escudero2019": {"author": "Escudero", "eprint": "1812.05605"},
                "Escudero2020": {"author": "Escudero", "journal": "JCAP", "volume": "05", "eprint": "2001.04466"},
            },
        ),
        (
            "IceCube Collaboration, Phys. Rev. D 104 (2021) 022002, arXiv:2011.03545, data doi:10.21234/4EQJ-BB17",
            {
                "IceCube2021": {"author": "{IceCube Collaboration}", "pages": "022002", "eprint": "2011.03545"},
                "IceCubedata": {"author": "{IceCube Collaboration}", "doi": "10.21234/4EQJ-BB17", "note": "data"},
            },
        ),
        ("my own 100 % {talk}", {}),
    ],
)
def test_works_of_a_citation(citation, expected):
    found = entries(bibtex([citation, citation]))
    assert found.keys() == expected.keys()
    for key, fields in expected.items():
        assert fields.items() <= found[key].items()


@pytest.mark.parametrize("preset", ["hese7", "mese11", "paper", "hese12_nutau_scalar"])
def test_every_identifier_of_a_preset_is_in_one_entry(preset):
    """And no brace is open."""
    references = nuinfer.load(preset).references()
    text = bibtex(references)
    numbers = {match["arxiv"] or match["old"] or match["doi"] for match in IDENTIFIER.finditer(" ".join(references))}
    assert len(numbers) > 5
    found = entries(text)
    for number in numbers:
        assert sum(number in (entry.get("eprint"), entry.get("doi")) for entry in found.values()) == 1
    assert text.count("{") == text.count("}")
