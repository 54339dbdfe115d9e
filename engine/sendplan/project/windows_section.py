"""The section `windows` of sendplan.yaml: when messages may leave (docs/project.md#settings)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sendplan.cron import cron_error
from sendplan.project.shop_section import Note
from sendplan.project.times import hours_of_day, weekdays
from sendplan.windows import Window, joined_hours


def window(name: str, given: Mapping[str, Any], note: Note) -> Window:
    """A window; what is wrong in it is noted, and left out."""
    if "cron" in given:
        wrong = cron_error(given["cron"])
        if wrong is not None:
            note("wrong-value", ("cron",), wrong, "write `* 9-17 * * mon-fri`")
        return Window(name, cron=given["cron"])
    days = weekdays(given.get("days", "mon-sun"))
    if days is None:
        note("wrong-value", ("days",), f"`{given['days']}` are not valid weekdays", "write `mon-fri` or `mon, wed`")
    closed = given.get("holidays") == "closed"
    return Window(name, days or frozenset(range(7)), _hours(given, note), holidays_closed=closed)


def _hours(given: Mapping[str, Any], note: Note) -> tuple[tuple[int, int], ...]:
    written = given.get("hours", "00:00-24:00")
    several = isinstance(written, list)
    hours: list[tuple[int, int]] = []
    for number, text in enumerate(written if several else [written]):
        parsed = hours_of_day(text)
        if parsed is None:
            place = ("hours", number) if several else ("hours",)
            help_ = "write `08:00-18:00`, the end is not included; `22:00-06:00` ends on the next day"
            note("wrong-value", place, f"`{text}` are not valid opening hours", help_)
        else:
            hours.append(parsed)
    return joined_hours(hours)
