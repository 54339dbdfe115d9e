"""Cron expressions: what is wrong with one, the minutes that it names, and when a schedule fires on a shop's calendar.

The only user of croniter. See docs/project.md#classes-windows-holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from sendplan.calendar import Calendar

_MINUTE = timedelta(minutes=1)


def cron_error(cron: str) -> str | None:
    """What is wrong with a cron expression, or None: five fields, without croniter's random `R` and hashed `H`."""
    from croniter import croniter

    fields = cron.split()
    if len(fields) != 5:
        return f"a cron expression has five fields (minute hour day month weekday), this one has {len(fields)}"
    # Values such as `R` would mean another minute in each process.
    if any(re.search(r"(?<![a-z])[rh](?![a-z])", each.lower()) for each in fields):
        return "`R` and `H` stand for random values; write fixed ones"
    if not croniter.is_valid(cron):
        return "not a cron expression"
    return None


def cron_minutes(cron: str, after: datetime) -> Iterator[datetime]:
    """The local minutes (naive) that a cron expression names, later than `after`; both day fields must match."""
    from croniter import CroniterBadDateError, croniter

    # Naive local time: croniter's own zone handling fires twice in the repeated autumn hour.
    schedule = croniter(cron, after, ret_type=datetime, day_or=False)
    try:
        while True:
            yield schedule.get_next(datetime)
    except CroniterBadDateError:  # an impossible date such as 30 February
        return


@lru_cache(maxsize=64)
def _days_of(cron: str) -> tuple[frozenset[int | str], ...] | None:
    """Days of the month, months and days of the week that it names; None where which they are depends on the month."""
    from croniter import croniter

    fields, nth = croniter.expand(cron)
    days = tuple(map(frozenset, fields[2:]))
    return None if nth or any(each & {"l"} for each in days) else days


@lru_cache(maxsize=65536)
def cron_names_day(cron: str, day: date) -> bool:
    """Whether a cron expression names minutes on a day; both day fields must match."""
    named = _days_of(cron)
    if named is not None:
        # croniter counts the days of the week from Sunday.
        of_day = (day.day, day.month, day.isoweekday() % 7)
        return all("*" in values or value in values for values, value in zip(named, of_day, strict=True))
    midnight = datetime.combine(day, time.min)
    return next(cron_minutes(" ".join(("0 0", *cron.split()[2:])), midnight - _MINUTE), None) == midnight


def firings(calendar: Calendar, cron: str, first: datetime, last: datetime) -> Iterator[datetime]:
    """The instants (UTC) between two instants, both included, when a schedule fires: once in a repeated hour."""
    previous: datetime | None = None
    start = calendar.local(first).replace(second=0, microsecond=0, tzinfo=None) - timedelta(minutes=1)
    for naive in cron_minutes(cron, start):
        firing = calendar.localize(naive)
        if firing > last:
            return
        if firing >= first and (previous is None or firing > previous):
            previous = firing
            yield firing


def last_firing(calendar: Calendar, cron: str, before: datetime) -> datetime | None:
    """The latest instant (UTC) earlier than `before` when a schedule fires; None when it never did."""
    from croniter import CroniterBadDateError, croniter

    naive = calendar.local(before).replace(tzinfo=None)
    try:
        return calendar.localize(croniter(cron, naive, ret_type=datetime, day_or=False).get_prev(datetime))
    except CroniterBadDateError:
        return None
