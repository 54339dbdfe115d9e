"""Public holidays, kept in the user's cache folder: to load the library takes longer than most commands.

A table holds for one place, its categories and one version of the library. It is read only when its folder and file
belong to this user alone, and holds nothing but days; whatever is odd about it, the library is asked
(`docs/project.md#the-cache`). The only user of the holidays library.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sendplan.problems import Problem, UserError

_LAYOUT = 1
"""Raised when tables are written in another way."""
_MOST = 1 << 20
_used = True


def ignore_cache() -> None:
    """Ask the library from now on, whatever is kept (`--no-cache`)."""
    global _used
    _used = False


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


def cache_folder() -> Path:
    """Where this user's tables are kept: in the XDG cache directory."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "sendplan"


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


def _file(title: list[Any]) -> Path:
    return cache_folder() / f"holidays-{hashlib.sha256(json.dumps(title).encode()).hexdigest()[:32]}.json"


def _read(place: _Place) -> _Years | None:
    """The table of a place as far as it is kept; None without one that can be trusted."""
    title = _title(place) if _used else None
    if title is None:
        return None
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        content = _read_own(_file(title))
        table = json.loads(content)
        if table["of"] == title:
            return {year: frozenset(map(date.fromisoformat, days)) for year, days in table["years"].items()}
    return None


def _read_own(path: Path) -> bytes:
    """The content of a file that only this user can have written; raises OSError otherwise."""
    folder = os.stat(path.parent, follow_symlinks=False)
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        one = os.fstat(file)
        private = all(each.st_uid == os.geteuid() and not each.st_mode & 0o077 for each in (folder, one))
        if not private or not stat.S_ISDIR(folder.st_mode) or not stat.S_ISREG(one.st_mode):
            raise PermissionError(path)
        return os.read(file, _MOST)
    finally:
        os.close(file)


def _keep(place: _Place, years: _Years) -> None:
    """Write a table in place of the one before; without a folder for it nothing is kept."""
    title = _title(place) if _used else None
    if title is None:
        return
    days = {year: sorted(each.isoformat() for each in years[year]) for year in sorted(years)}
    path = _file(title)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(file, "w", encoding="utf-8") as opened:
                json.dump({"of": title, "years": days}, opened)
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
