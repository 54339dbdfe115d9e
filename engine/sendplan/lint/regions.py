"""Regions: each postcode that is named can be one (docs/project.md#regions)."""

from __future__ import annotations

from collections.abc import Iterator

from sendplan.lint.subject import Subject, warning
from sendplan.problems import Problem
from sendplan.project.postcodes import Postcodes
from sendplan.project.regions import RegionEntry

_SHORTEST = {"CA": 6, "GB": 5, "GG": 5, "IE": 7, "IM": 5, "JE": 5, "MT": 7, "NL": 6}
"""Country → characters of its shortest postcode, without blanks, where postcodes have letters."""


def partial_postcodes(subject: Subject) -> Iterator[Problem]:
    """A district with letters, such as `IV41-IV56`: whole postcodes are compared with it, and none is as short."""
    for region in subject.project.settings.regions:
        for number, entry in enumerate(region.entries or ()):
            for position, each in enumerate(entry.postcodes):
                if _is_partial(each, entry):
                    place = subject.settings_span("regions", region.name, number, "postcode", position)
                    message, help_ = _told(each, region.name)
                    yield warning("postcode-partial", message, place, help_)


def _told(postcodes: Postcodes, region: str) -> tuple[str, str]:
    """What is wrong, and what to write instead."""
    first, last = postcodes.first, postcodes.last
    help_ = f'write what the postcodes begin with: `"{first}*"`'
    if first == last:
        return f"`{first}` is no whole postcode, so none is in the region `{region}` by it", help_
    message = f"`{first}` and `{last}` are no whole postcodes, so none is in the region `{region}` by this range"
    return message, f'{help_} to `"{last}*"`, one for each district'


def _is_partial(postcodes: Postcodes, entry: RegionEntry) -> bool:
    shortest = [_SHORTEST[country] for country in entry.countries or _SHORTEST if country in _SHORTEST]
    return not postcodes.leading and len(postcodes.first) < min(shortest, default=0)
