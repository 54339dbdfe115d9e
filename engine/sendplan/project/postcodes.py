"""Postcodes as buyers type them, and what a region's entry says of them (docs/project.md#regions, M5)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from sendplan.dataclass import dataclass

_SIGNS_IN_USE = (
    "AT A, BE B, DE D, ES E, FR F, HU H, IT I, LU L, MT M, NO N, PT P, SE S, EE EST, FI FIN, LI FL, IE IRL, SI SLO,"
    " RS SRB, BA BIH, ME MNE, RU RUS, SM RSM, VA V, XK RKS, GB UK, GR EL"
)
_SIGNS = dict(pair.split() for pair in _SIGNS_IN_USE.split(","))
"""Country → what stands before its postcodes beside its ISO code: mostly the sign on its cars."""
_HYPHENATED = frozenset({(2, 3), (3, 2), (3, 4), (4, 3), (5, 3), (5, 4)})
"""How many digits stand before and after the hyphen: Poland, Sweden, Japan, Portugal, Brazil, the United States."""
_PREFIX = re.compile(r"([A-Z]{1,3})(?:[ -]+(?=[A-Z0-9])|(?=[0-9]))")
_DASH = re.compile("[\u2010-\u2015\u2212]")


@dataclass(frozen=True, slots=True)
class Postcodes:
    """One code, an inclusive range of codes, or all that begin alike."""

    first: str
    last: str
    """As long as `first`."""
    leading: bool
    """Whether only the leading characters of a postcode are compared: codes of digits, and prefixes."""

    def hold(self, postcode: str) -> bool:
        """Whether a postcode, as `normal_postcode` gives it, is one of these."""
        length = len(self.first)
        if len(postcode) != length and not (self.leading and len(postcode) > length):
            return False
        return self.first <= postcode[:length] <= self.last


def normal_postcode(text: str, country: str) -> str:
    """A postcode in capitals, without blanks, hyphens and the prefix of its own country (ISO alpha-2)."""
    if text.isascii() and text.isdigit():
        return text
    return _plain(_folded(text), (country,))


def parse_postcodes(text: str, countries: Collection[str]) -> Postcodes | None:
    """An entry as it is written for these countries (ISO alpha-2; none: any): `25980`, `25980-25999`, `HS*`.

    None when it is neither, such as a range whose ends differ in length or order.
    """
    whole = _folded(text)
    if whole.endswith("*"):
        stem = _plain(whole[:-1], countries)
        return Postcodes(stem, stem, leading=True) if _is_code(stem) else None
    for hyphen in (found.start() for found in re.finditer("-", whole)):
        first, last = _plain(whole[:hyphen], countries), _plain(whole[hyphen + 1 :], countries)
        if len(first) == len(last):
            fits = _is_code(first) and _is_code(last) and first <= last
            return Postcodes(first, last, leading=(first + last).isdigit()) if fits else None
    code = _plain(whole, countries)
    if not _is_code(code) or whole.strip("-") != whole or _is_uneven_range(whole):
        return None
    return Postcodes(code, code, leading=code.isdigit())


def _is_code(text: str) -> bool:
    return text.isascii() and text.isalnum()


def _is_uneven_range(text: str) -> bool:
    """`25980-99` in digits is meant as a range, unless a country writes its codes so."""
    first, hyphen, last = text.partition("-")
    digits = first.isdigit() and last.isdigit()
    return bool(hyphen) and digits and (len(first), len(last)) not in _HYPHENATED


def _folded(text: str) -> str:
    """In capitals, with plain letters, digits and hyphens."""
    return _DASH.sub("-", unicodedata.normalize("NFKC", text)).strip().upper()


def _plain(text: str, countries: Collection[str]) -> str:
    """Without blanks, hyphens and dots, and without the prefix of one of these countries, or (none) of any."""
    found = _PREFIX.match(text)
    if found is not None and _is_prefix(found, countries):
        text = text[found.end() :]
    return "".join(char for char in text if not (char.isspace() or char in "-."))


def _is_prefix(found: re.Match[str], countries: Collection[str]) -> bool:
    if not countries:
        # Where the country is open, `S1 2AB` is a code in Sheffield, but `S-11122` lies in Sweden.
        return found[0].endswith("-") and (len(found[1]) == 2 or found[1] in _SIGNS.values())
    return any(found[1] in (country, _SIGNS.get(country)) for country in countries)
