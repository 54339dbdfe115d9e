"""The moment of the plan, and the days before it as a store keeps them: UTC milliseconds of the local start."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

NOW = datetime(2035, 8, 27, 10, 0, tzinfo=UTC)
"""Monday noon in Berlin, and so far away that `--now` hides no event: a plan goes by it as by the real clock."""
ZONE = ZoneInfo("Europe/Berlin")
TODAY = NOW.astimezone(ZONE).date()
NOW_MS = int(NOW.timestamp()) * 1000


def midnight(day: date) -> int:
    """The local start of a day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()) * 1000


def hours_ago(hours: int) -> int:
    """An instant before now."""
    return NOW_MS - hours * 3_600_000


def days_ago(days: int) -> int:
    """The local start of a day before today, or of one after it."""
    return midnight(TODAY - timedelta(days=days))


def after_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def after_working_days(day: date, days: int) -> date:
    """Working days later; no holiday lies in these weeks."""
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day


def due_within(due: Callable[[date], date], expires: int) -> tuple[int, int]:
    """Where a moment lies whose `due` date has come and did so less than `expires` days ago: from, and before."""
    days = [TODAY - timedelta(days=each) for each in range(250)]
    found = [day for day in days if due(day) <= TODAY < due(day) + timedelta(days=expires)]
    return midnight(found[-1]), midnight(found[0] + timedelta(days=1))


def days_after(days: int) -> Callable[[date], date]:
    """A due date so many days after a moment."""
    return lambda day: day + timedelta(days=days)
