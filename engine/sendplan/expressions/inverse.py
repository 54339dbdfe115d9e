"""Calendar arithmetic on the constant side: where must a moment lie so that the moment plus a duration reaches a limit.

Adding a duration never turns an earlier moment into a later one, so every limit on the sum is a limit on the moment.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sendplan.calendar import Calendar
from sendplan.units import Counting, Duration

_DAY = timedelta(days=1)
_FOLD = timedelta(hours=3)
"""No clock is set back by more."""


def before_adding(
    calendar: Calendar, operator: str, limit: datetime, duration: Duration, sign: int
) -> tuple[str, datetime]:
    """The condition on a moment that `moment + sign * duration OPERATOR limit` implies; OPERATOR orders, UTC.

    Exact but for days on which the clock is set back. Raises OverflowError beyond the years 1 to 9999.
    """
    if duration.exact:
        opposite = calendar.add(limit, duration, -sign)
        assert isinstance(opposite, datetime)
        return operator, opposite
    if operator in ("<", "<="):
        last = _last_day(calendar, operator, limit)
        return "<", _end_of(calendar, _last_that_reaches(calendar, last, duration, sign))
    day = _last_day(calendar, "<" if operator == ">=" else "<=", limit)
    return ">=", calendar.instant(_last_that_reaches(calendar, day, duration, sign) + _DAY)


def _last_day(calendar: Calendar, operator: str, limit: datetime) -> date:
    """The last date whose local start lies before the limit (`<`), or at it (`<=`)."""
    day = calendar.day(limit) + _DAY
    while calendar.instant(day) > limit or (operator == "<" and calendar.instant(day) == limit):
        day -= _DAY
    return day


def _last_that_reaches(calendar: Calendar, last: date, duration: Duration, sign: int) -> date:
    """The last date that, with the duration added, is not after `last`."""
    if duration.counts is Counting.DAYS:
        return calendar.day(calendar.add(last, duration, -sign))
    # Months are clamped and free days skipped, so going back only leads near it.
    day = calendar.day(calendar.add(last, duration, -sign))
    while calendar.day(calendar.add(day, duration, sign)) > last:
        day -= _DAY
    while calendar.day(calendar.add(day + _DAY, duration, sign)) <= last:
        day += _DAY
    return day


def _end_of(calendar: Calendar, day: date) -> datetime:
    """The first instant after a local day; later on days when the clock is set back, which may bring it again."""
    end = calendar.instant(day + _DAY)
    later = end + _FOLD
    return end if calendar.local(end).utcoffset() == calendar.local(later).utcoffset() else later
