"""Where addresses lie, each kind of address asked once (`project/regions.py` is the authority)."""

from __future__ import annotations

from collections.abc import Sequence

from sendplan.project.regions import ADDRESS_FIELDS, Located, Region, locate, word_in


class AddressRegions:
    """The regions of one project."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self._regions = regions
        self._words = tuple(
            {word: None for region in regions for each in region.entries or () for word in each.street_words}
        )
        self._reads: dict[str | None, tuple[bool, bool]] = {}
        self._found: dict[tuple[str | None, str | None, str | None], Located] = {}

    def locate(self, country: str | None, postcode: str | None, street: str | None) -> Located:
        """The region of an address, None being what it lacks."""
        if country not in self._reads:
            self._reads[country] = self._read(country)
        by_postcode, by_street = self._reads[country]
        if not by_street:
            street = None
        elif street is not None and word_in(street, self._words) is None:
            street = ""
        place = (country, postcode if by_postcode else None, street)
        if place not in self._found:
            cells = zip(ADDRESS_FIELDS, place, strict=True)
            self._found[place] = locate(self._regions, {name: cell for name, cell in cells if cell is not None})
        return self._found[place]

    def _read(self, country: str | None) -> tuple[bool, bool]:
        """Whether postcode and street matter in a country."""
        entries = [entry for region in self._regions for entry in region.entries or ()]
        here = [each for each in entries if country is not None and (not each.countries or country in each.countries)]
        return any(each.postcodes for each in here), any(each.street_words for each in here)
