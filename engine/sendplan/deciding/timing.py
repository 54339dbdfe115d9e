"""The moments at which time alone changes an answer of a decision; `Check.until` is made of them.

All instants are UTC. Everything raises OverflowError beyond the years 1 to 9999.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sendplan.calendar import Calendar
from sendplan.units import Duration
from sendplan.windows import Window, closing, next_opening

MISSED_FOR = timedelta(days=7)
"""How long people are told of a message that was missed."""

_BEFORE_THE_END = (timedelta(days=1), timedelta(days=7), timedelta(days=31))
"""How far before a message expires its last chance is looked for; farther back, one change of the window at a time."""


def earliest_day(calendar: Calendar, lookback: Duration, now: datetime) -> date:
    """The first day whose orders a rule that looks back so may begin for at `now`."""
    today, tomorrow = calendar.day(now), calendar.day(now) + timedelta(days=1)
    # A clock that is set back at midnight brings the end of a day again: what has begun stays so.
    begun = tomorrow if calendar.instant(tomorrow) <= now else today
    return calendar.day(calendar.add(begun, lookback, -1))


def lookback_ends(calendar: Calendar, lookback: Duration, day: date) -> datetime:
    """The first instant at which orders of this day are too old."""
    last = calendar.day(calendar.add(day, lookback))
    # Months are clamped and nobody works on holidays, so several days may look back to the same one.
    while earliest_day(calendar, lookback, calendar.instant(last)) <= day:
        last += timedelta(days=1)
    return calendar.instant(last)


def window_changes(calendar: Calendar, window: Window, now: datetime) -> datetime | None:
    """When a window opens or closes next, or may; None when it never opens again."""
    opening = next_opening(calendar, window, now)
    return closing(calendar, window, now) if opening == now else opening


def last_chance(calendar: Calendar, window: Window, now: datetime, end: datetime) -> datetime:
    """An instant after `now` until which the window opens once more before `end`, as it does at `now`.

    It is near the end, not the very last: whoever waits for it looks again then.
    """
    for before in _BEFORE_THE_END:
        opening = next_opening(calendar, window, max(now, end - before))
        if opening is not None and now < opening < end:
            return opening
    return min(end, window_changes(calendar, window, now) or now + _BEFORE_THE_END[0])
