"""Address → region: lists of postcodes, streets and countries; the first match wins (docs/project.md#regions, M5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sendplan.dataclass import dataclass
from sendplan.fields import Value
from sendplan.project.postcodes import Postcodes, normal_postcode

ADDRESS_FIELDS = ("country", "postcode", "street")


@dataclass(frozen=True, slots=True)
class RegionEntry:
    """One alternative of a region; every key that is given must match."""

    countries: frozenset[str] = frozenset()
    postcodes: tuple[Postcodes, ...] = ()
    street_words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """A named set of addresses; `entries` is None for `any`."""

    name: str
    entries: tuple[RegionEntry, ...] | None


@dataclass(frozen=True, slots=True)
class Located:
    """Where an address lies."""

    region: str | None
    """None when no region matches or it is unknown."""
    missing: str | None = None
    """The absent field that makes the region unknown."""
    why: str = ""


def locate(regions: Sequence[Region], address: Mapping[str, Value]) -> Located:
    """The first region that matches the address.

    Without a country, or without a field that an otherwise matching earlier entry reads, the region is unknown.
    """
    if "country" not in address:
        return Located(None, "country", "the country is missing")
    for region in regions:
        if region.entries is None:
            return Located(region.name, why=f"{region.name}: any address")
        for entry in region.entries:
            matched = _match(entry, address)
            if isinstance(matched, Located):
                return matched
            if matched is not None:
                return Located(region.name, why=f"{region.name}: {matched}")
    return Located(None, why="no region matches this address")


def _match(entry: RegionEntry, address: Mapping[str, Value]) -> str | Located | None:
    """What matched; or Located(unknown) when only a missing field stands between this entry and a match; or None."""
    said: list[str] = []
    missing: str | None = None
    if entry.countries:
        if address["country"] not in entry.countries:
            return None
        said.append(f"country {address['country']}")
    if entry.postcodes:
        if "postcode" not in address:
            missing = "postcode"
        else:
            postcode = normal_postcode(str(address["postcode"]), str(address["country"]))
            if not any(each.hold(postcode) for each in entry.postcodes):
                return None
            said.append(f"postcode {postcode}")
    if entry.street_words:
        if "street" not in address:
            missing = missing or "street"
        else:
            word = word_in(str(address["street"]), entry.street_words)
            if word is None:
                return None
            said.append(f"street has {word}")
    if missing is not None:
        return Located(None, missing, f"the {missing} is missing")
    return " and ".join(said) or "any address"


def word_in(street: str, words: Sequence[str]) -> str | None:
    """The first of the words that the street has as a whole word, ignoring case."""
    folded = street.casefold()
    for word in words:
        plain = word.casefold()
        if plain in folded and re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", folded):
            return word
    return None
