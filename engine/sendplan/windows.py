"""Windows of allowed minutes: when mail may leave, and when one opens and closes next on a shop's calendar.

docs/project.md#classes-windows-holds
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from sendplan.calendar import Calendar
from sendplan.cron import cron_names_day
from sendplan.dataclass import dataclass

_DAYS_AHEAD = 366 * 3
"""How far a window's next opening is searched; one that opens later counts as never."""
_MINUTE, _WEEK = timedelta(minutes=1), timedelta(weeks=1)
_CLOCK_CHANGE = timedelta(hours=4)
"""Within this time after a minute that the clock change repeats, it comes again (the largest change is two hours)."""


@dataclass(frozen=True, slots=True)
class Window:
    """When mail may leave: weekdays and hours of the shop's clock, or a cron expression as the set of its minutes."""

    name: str
    days: frozenset[int] = frozenset(range(7))
    """Allowed weekdays, Monday is 0."""
    hours: tuple[tuple[int, int], ...] = ((0, 24 * 60),)
    """From and to (not included) in minutes of the allowed day, ascending, apart from each other; what lies past
    midnight, above 24 hours, belongs to the day it begins on."""
    holidays_closed: bool = False
    cron: str | None = None


def is_open(calendar: Calendar, window: Window, now: datetime) -> bool:
    """Whether mail may leave at an instant (UTC)."""
    return next(_hours_open(calendar, window, calendar.local(now)), None) is not None


@lru_cache(maxsize=1024)
def next_opening(calendar: Calendar, window: Window, now: datetime) -> datetime | None:
    """`now` (UTC) when the window is open, else its next opening; None when it never opens again."""
    if is_open(calendar, window, now):
        return now
    soon = next((each for each in _minutes_of_change(calendar, now) if is_open(calendar, window, each)), None)
    return soon or next((each for each in _beginnings(calendar, window, now) if each > now), None)


def openings(calendar: Calendar, window: Window, first: datetime, last: datetime) -> Iterator[datetime]:
    """The instants (UTC) between two instants, both included, at which a shut window opens."""
    opening = next_opening(calendar, window, first)
    while opening is not None and opening <= last:
        if not is_open(calendar, window, opening - _MINUTE):
            yield opening
        opening = next_opening(calendar, window, closing(calendar, window, opening))


@lru_cache(maxsize=1024)
def closing(calendar: Calendar, window: Window, now: datetime) -> datetime:
    """When a window that is open at `now` (UTC) closes next; when it is open for more than a week, later than that.

    It is open until then in any case.
    """
    soon = next((each for each in _minutes_of_change(calendar, now) if not is_open(calendar, window, each)), None)
    if soon is not None:
        return soon
    end = now
    while end <= now + _WEEK and (ends := list(_hours_open(calendar, window, calendar.local(end)))):
        end = calendar.localize(max(ends))
        while not is_open(calendar, window, end - _MINUTE):
            end -= _MINUTE  # the clock change skips the last minutes
    return end


def last_minute(calendar: Calendar, window: Window, day: date) -> datetime:
    """The end (UTC) of the last hours that a window opens on a day."""
    return calendar.localize(datetime.combine(day, time.min) + timedelta(minutes=_hours(window)[-1][1]))


def _minutes_of_change(calendar: Calendar, now: datetime) -> Iterator[datetime]:
    """Each minute of the next hours when the clock changes about now: windows may open and close twice, or late."""
    if calendar.local(now - _CLOCK_CHANGE).utcoffset() != calendar.local(now + _CLOCK_CHANGE).utcoffset():
        minute = now.replace(second=0, microsecond=0)
        for number in range(1, _CLOCK_CHANGE // _MINUTE):
            yield minute + number * _MINUTE


def _beginnings(calendar: Calendar, window: Window, now: datetime) -> Iterator[datetime]:
    """The first open minute of all hours from the local day of `now` on, in order."""
    today = calendar.day(now)
    for day in (today + timedelta(days=ahead) for ahead in range(_DAYS_AHEAD)):
        for opens, _ in _hours(window) if _opens_on(calendar, window, day) else ():
            naive = datetime.combine(day, time.min) + timedelta(minutes=opens)
            opening = calendar.localize(naive)
            while calendar.local(opening - _MINUTE).replace(tzinfo=None) >= naive:
                opening -= _MINUTE  # the clock change skips the minute: right after it
            if is_open(calendar, window, opening):
                yield opening


def _hours_open(calendar: Calendar, window: Window, local: datetime) -> Iterator[datetime]:
    """The ends (naive) of the hours that a local time lies in; those before midnight belong to that day."""
    minute = local.hour * 60 + local.minute
    for day, passed in ((local.date(), minute), (local.date() - timedelta(days=1), minute + 24 * 60)):
        for opens, closes in _hours(window):
            if opens <= passed < closes and _opens_on(calendar, window, day):
                yield datetime.combine(day, time.min) + timedelta(minutes=closes)


def _opens_on(calendar: Calendar, window: Window, day: date) -> bool:
    if window.cron is not None:
        return cron_names_day(window.cron, day)
    return day.weekday() in window.days and not (window.holidays_closed and calendar.is_holiday(day))


def joined_hours(hours: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """From and to in minutes: ascending, those that touch or overlap put together."""
    joined: list[tuple[int, int]] = []
    for opens, closes in sorted(hours):
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], closes))
        else:
            joined.append((opens, closes))
    return tuple(joined)


def _hours(window: Window) -> tuple[tuple[int, int], ...]:
    return window.hours if window.cron is None else _hours_of_cron(window.cron)


@lru_cache(maxsize=64)
def _hours_of_cron(cron: str) -> tuple[tuple[int, int], ...]:
    from croniter import croniter

    minutes, hours = (
        list(range(whole)) if named == ["*"] else list(map(int, named))
        for named, whole in zip(croniter.expand(cron)[0], (60, 24), strict=False)
    )
    starts = (60 * hour + minute for hour in hours for minute in minutes)
    return joined_hours((start, start + 1) for start in starts)
