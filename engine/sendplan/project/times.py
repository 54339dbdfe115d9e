"""Days, weekdays and hours as they are written in settings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from sendplan.calendar import WEEKDAYS

_HOURS = re.compile(r"(\d{2}):(\d{2})\s*-\s*(\d{2}):(\d{2})")
_DAY = 24 * 60


def days(text: str) -> tuple[date, date] | None:
    """`2026-12-24/2027-01-03`, or one day, both ends included; None when it is neither."""
    first, _, last = text.partition("/")
    try:
        found = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
    except ValueError:
        return None
    return found if found[0] <= found[1] else None


def weekdays(written: str | Iterable[str]) -> frozenset[int] | None:
    """`mon-fri`, `mon, wed`, or a list of those; Monday is 0. None when one of them is not a weekday."""
    found: set[int] = set()
    texts = [written] if isinstance(written, str) else written
    for part in (piece for text in texts for piece in text.lower().split(",")):
        first, _, last = part.strip().partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
            return None
        start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        found |= {day % 7 for day in range(start, (end if end >= start else end + 7) + 1)}
    return frozenset(found)


def hours_of_day(text: str) -> tuple[int, int] | None:
    """`08:00-18:00` in minutes; `22:00-06:00` ends beyond 24 hours. None when these are no times of day."""
    match = _HOURS.fullmatch(text.strip())
    if match is None or int(match[2]) > 59 or int(match[4]) > 59:
        return None
    opens, closes = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if opens >= _DAY or closes > _DAY or opens == closes:
        return None
    return opens, closes if closes > opens else closes + _DAY
