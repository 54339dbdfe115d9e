"""Public holidays, kept in the user's cache folder: to load the library takes longer than most commands.

A table holds for one place, its categories and one version of the library, and nothing but days; whatever is odd about
it, the library is asked (`docs/project.md#the-cache`). The only user of the holidays library.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sendplan import user_cache
from sendplan.problems import Problem, UserError

_LAYOUT = 1
"""Raised when tables are written in another way."""


@lru_cache(maxsize=256)
def public_holidays(country: str, subdivision: str | None, categories: tuple[str, ...], year: int) -> frozenset[date]:
    """The holidays of a country (ISO alpha-2) and subdivision in one year, of these categories.

    Raises UserError when they are unknown.
    """
    place = (country, subdivision, categories)
    kept = _read(place)
    if kept is not None and str(year) in kept:
        return kept[str(year)]

    import holidays

    try:
        known = frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year, categories=categories))
    except (NotImplementedError, ValueError):
        _, message = holidays_error(*place) or ("", f"no holidays are known for {year}")
        raise UserError(Problem("wrong-value", message, None, "correct `shop` in sendplan.yaml")) from None
    _keep(place, {**(kept or {}), str(year): known})
    return known


def holidays_error(country: str, subdivision: str | None, categories: tuple[str, ...]) -> tuple[str, str] | None:
    """Why the holidays of a place are unknown, behind the key of `shop` that is to blame: or None."""
    place = (country, subdivision, categories)
    if _read(place) is not None:
        return None  # A table is only kept of a place that is known.

    import holidays

    try:
        supported = frozenset(holidays.country_holidays(country, subdiv=subdivision).supported_categories)
    except NotImplementedError:
        # Only now, since listing them imports every country's calendar.
        places = holidays.list_supported_countries()
        if country not in places:
            return "country", f"no public holidays are known for country `{country}`"
        return "subdivision", f"`{subdivision}` is not a subdivision of {country}; known: {', '.join(places[country])}"
    unknown = [each for each in categories if each not in supported]
    if unknown:
        known = ", ".join(f"`{each}`" for each in sorted(supported))
        return "holidays", f"{country} has no holidays of the category `{unknown[0]}`; known: {known}"
    _keep(place, {})
    return None


_Place = tuple[str, str | None, tuple[str, ...]]
_Years = Mapping[str, frozenset[date]]


def _title(place: _Place) -> list[Any] | None:
    """What a table holds for; None when the library does not say its version."""
    country, subdivision, categories = place
    version = _version()
    return None if version is None else [_LAYOUT, version, country, subdivision, list(categories)]


@lru_cache(maxsize=1)
def _version() -> str | None:
    """The library's version with its place, found without loading it."""
    found = find_spec("holidays")
    if found is None or found.origin is None:
        return None
    with suppress(OSError):
        said = Path(found.origin).with_name("version.py").read_bytes()
        return hashlib.sha256(repr((found.origin, sys.version_info[:2])).encode() + said).hexdigest()
    return None


def _file(title: list[Any]) -> str:
    return f"holidays-{hashlib.sha256(json.dumps(title).encode()).hexdigest()[:32]}.json"


def _read(place: _Place) -> _Years | None:
    """The table of a place as far as it is kept; None without one that can be trusted."""
    title = _title(place)
    if title is None:
        return None
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        table = json.loads(user_cache.read_own(_file(title)))
        if table["of"] == title:
            return {year: frozenset(map(date.fromisoformat, days)) for year, days in table["years"].items()}
    return None


def _keep(place: _Place, years: _Years) -> None:
    title = _title(place)
    if title is not None:
        days = {year: sorted(each.isoformat() for each in years[year]) for year in sorted(years)}
        user_cache.keep(_file(title), json.dumps({"of": title, "years": days}).encode())
