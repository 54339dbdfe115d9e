"""Which orders may lie in a region, as bounds that a store can ask for (docs/project.md#regions)."""

from __future__ import annotations

from sendplan.expressions.bounds import (
    ALWAYS,
    NEVER,
    Absent,
    Bound,
    Compared,
    Contains,
    Listed,
    NotDigits,
    Present,
    all_of,
    any_of,
)
from sendplan.project.postcodes import Postcodes
from sendplan.project.regions import Region, RegionEntry


def unknown_region(regions: tuple[Region, ...], allowed: frozenset[str] | None) -> Bound:
    """Met by every address whose region is unknown, where that matters."""
    if allowed is None or allowed >= {region.name for region in regions}:
        return NEVER
    entries = [entry for region in regions for entry in region.entries or ()]
    read = {
        "country": True,
        "postcode": any(entry.postcodes for entry in entries),
        "street": any(entry.street_words for entry in entries),
    }
    return any_of(Absent(name) for name, is_read in read.items() if is_read)


def in_regions(regions: tuple[Region, ...], allowed: frozenset[str] | None) -> Bound:
    """Met by every address in one of these regions."""
    if allowed is None or allowed >= {region.name for region in regions}:
        return ALWAYS  # an unknown region passes, too
    parts: list[Bound] = []
    elsewhere: frozenset[str] = frozenset()
    """Countries of which no address comes so far down the list."""
    for region in regions:
        entries = region.entries if region.entries is not None else (RegionEntry(),)
        if region.name in allowed:
            parts += (_at(entry, elsewhere) for entry in entries)
        for entry in entries:
            if entry.countries and not entry.postcodes and not entry.street_words:
                elsewhere |= entry.countries
    return any_of(parts)


def _at(entry: RegionEntry, elsewhere: frozenset[str]) -> Bound:
    if entry.countries:
        countries = entry.countries - elsewhere
        country: Bound = Listed("country", countries) if countries else NEVER
    else:
        country = Listed("country", elsewhere, negated=True) if elsewhere else Present("country")
    return all_of((country, _in_postcodes(entry.postcodes), _in_streets(entry.street_words)))


def _in_postcodes(listed: tuple[Postcodes, ...]) -> Bound:
    """As written in digits; one with other characters in front may still be listed without them."""
    if not all((each.first + each.last).isdigit() for each in listed):
        return Present("postcode")  # letters may be written small
    plain = [
        all_of((Compared("postcode", ">=", each.first), Compared("postcode", "<", each.last + _LAST_CHARACTER)))
        for each in listed
    ]
    odd = [NotDigits("postcode", length) for length in sorted({len(each.first) for each in listed})]
    return any_of((*plain, *odd)) if listed else ALWAYS


_LAST_CHARACTER = "\U0010ffff"


FOLDED = (
    "\u00df\u0130\u0149\u017f\u01f0\u1e96\u1e97\u1e98\u1e99\u1e9a\u1e9e\u212a\ufb00\ufb01\ufb02\ufb03\ufb04\ufb05\ufb06"
)
"""The other characters that are ASCII letters, or hold some, when case is ignored."""


def _in_streets(words: tuple[str, ...]) -> Bound:
    """Holding a word in ASCII letters, or a character that may stand for some of them."""
    folded = [word.casefold() for word in words]
    if not all(word.isascii() for word in folded):
        return Present("street")
    letters = {char: "".join(filter(str.isascii, char.casefold())) for char in FOLDED}
    odd = [char for char in FOLDED if any(letters[char] in word for word in folded)]
    return any_of(Contains("street", each) for each in (*folded, *odd)) if words else ALWAYS
