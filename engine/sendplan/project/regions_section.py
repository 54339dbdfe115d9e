"""The section `regions` of sendplan.yaml: where an order goes to (docs/project.md#regions)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sendplan.project.postcodes import parse_postcodes
from sendplan.project.regions import Region, RegionEntry
from sendplan.project.shop_section import Note
from sendplan.reading.source import KeyPath


def region(name: str, given: Any, note: Note) -> Region:
    """A region; a postcode that is none is noted, and left out."""
    if given == "any":
        return Region(name, None)
    return Region(name, tuple(_entry((number,), each, note) for number, each in enumerate(given)))


def _entry(path: KeyPath, given: Mapping[str, Any], note: Note) -> RegionEntry:
    postcodes = []
    countries = frozenset(_listed(given.get("country")))
    for number, text in enumerate(_listed(given.get("postcode"))):
        parsed = parse_postcodes(text, countries)
        if parsed is None:
            place = (*path, "postcode", number) if isinstance(given["postcode"], list) else (*path, "postcode")
            help_ = (
                "write one postcode, a range whose ends have the same length, the lower one first: `25980-25999`, "
                'or a beginning: `"95*"`'
            )
            note("wrong-value", place, f"`{text}` is not a postcode or a range of postcodes", help_)
        else:
            postcodes.append(parsed)
    return RegionEntry(countries, tuple(postcodes), tuple(_listed(given.get("street_has"))))


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
