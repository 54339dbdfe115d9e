"""The shop's calendar: its zone, months, business days, public holidays, and windows of allowed minutes.

The only module that converts between dates and instants, and the only user of croniter.
"""

from __future__ import annotations

import calendar as months
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo

from sendplan.fields import Moment
from sendplan.holiday_tables import public_holidays
from sendplan.units import Counting, Duration

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_BUSINESS_DAYS = 100_000
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


@dataclass(frozen=True, slots=True)
class Calendar:
    """Calendar arithmetic in one shop's time zone."""

    zone: ZoneInfo
    country: str
    subdivision: str | None = None
    closed: tuple[tuple[date, date], ...] = field(default=())
    """Ranges of days, both ends included, that count like public holidays."""
    weekend: frozenset[int] = frozenset({5, 6})
    """The days of the week without business, Monday is 0; never all seven."""
    holidays: tuple[str, ...] = ("public",)
    """Which of the country's holidays count, as the holidays library groups them."""

    def localize(self, naive: datetime) -> datetime:
        """The instant (UTC) of a local time; the first of two, and moved forward when it does not exist."""
        return naive.replace(tzinfo=self.zone, fold=0).astimezone(UTC)

    def instant(self, moment: Moment) -> datetime:
        """The instant (UTC) itself, or the local start of a bare date."""
        if isinstance(moment, datetime):
            return moment
        return _start(self.zone, moment)

    def local(self, moment: datetime) -> datetime:
        """An instant on the shop's clock, with its offset."""
        return moment.astimezone(self.zone)

    def day(self, moment: Moment) -> date:
        """The local day on which a moment lies."""
        return self.local(moment).date() if isinstance(moment, datetime) else moment

    def add(self, moment: Moment, duration: Duration, sign: int = 1) -> Moment:
        """`moment` plus (or, with sign -1, minus) a duration: an instant for exact units, else a date.

        See docs/language.md#dates.

        Raises OverflowError beyond the years 1 to 9999, and beyond 100,000 business days, which are counted one by one.
        """
        number = sign * duration.number
        match duration.counts:
            case Counting.MINUTES:
                return self.instant(moment) + timedelta(minutes=number)
            case Counting.DAYS:
                return self.day(moment) + timedelta(days=number)
            case Counting.MONTHS:
                return _add_months(self.day(moment), number)
            case Counting.BUSINESS_DAYS:
                return self._add_business_days(self.day(moment), number)
            case _:
                assert_never(duration.counts)

    def after(self, moment: Moment, duration: Duration) -> datetime:
        """The instant (UTC) at which a length of time is over that begins at `moment`.

        Of calendar units it is the same local time on the day that the unit gives; after a bare date its local start.
        Raises OverflowError beyond the years 1 to 9999.
        """
        end = self.add(moment, duration)
        if isinstance(moment, datetime) and not isinstance(end, datetime):
            return self.localize(datetime.combine(end, self.local(moment).time()))
        return self.instant(end)

    def text(self, moment: Moment) -> str:
        """ISO 8601: a bare date stays one, an instant carries the shop's offset."""
        return self.local(moment).isoformat(timespec="seconds") if isinstance(moment, datetime) else moment.isoformat()

    def parse(self, text: str) -> datetime | None:
        """ISO 8601 → UTC: without an offset the shop's time, a bare date its local start; None when it is neither."""
        try:
            if len(text) <= 10:
                return self.instant(date.fromisoformat(text))
            given = datetime.fromisoformat(text)
            return given.astimezone(UTC) if given.tzinfo else self.localize(given)
        except (ValueError, OverflowError):
            return None

    def is_working_day(self, day: date) -> bool:
        """Not on a weekend, a public holiday or a closed day."""
        return day.weekday() not in self.weekend and not self.is_holiday(day)

    def is_holiday(self, day: date) -> bool:
        """A holiday of the shop's country and subdivision that counts, or one of its closed days."""
        if any(first <= day <= last for first, last in self.closed):
            return True
        return day in public_holidays(self.country, self.subdivision, self.holidays, day.year)

    def _add_business_days(self, day: date, amount: int) -> date:
        if abs(amount) > _MOST_BUSINESS_DAYS:
            raise OverflowError(f"more than {_MOST_BUSINESS_DAYS:,} business days")
        step = timedelta(days=1 if amount > 0 else -1)
        for _ in range(abs(amount)):
            day += step
            while not self.is_working_day(day):
                day += step
        return day

    def is_open(self, window: Window, now: datetime) -> bool:
        """Whether mail may leave at an instant (UTC)."""
        return next(self._hours_open(window, self.local(now)), None) is not None

    @lru_cache(maxsize=1024)  # noqa: B019 -- every order of a plan asks the same; calendars live as long as the process
    def next_opening(self, window: Window, now: datetime) -> datetime | None:
        """`now` (UTC) when the window is open, else its next opening; None when it never opens again."""
        if self.is_open(window, now):
            return now
        soon = next((each for each in self._minutes_of_change(now) if self.is_open(window, each)), None)
        return soon or next((each for each in self._beginnings(window, now) if each > now), None)

    def openings(self, window: Window, first: datetime, last: datetime) -> Iterator[datetime]:
        """The instants (UTC) between two instants, both included, at which a shut window opens."""
        opening = self.next_opening(window, first)
        while opening is not None and opening <= last:
            if not self.is_open(window, opening - _MINUTE):
                yield opening
            opening = self.next_opening(window, self.closing(window, opening))

    @lru_cache(maxsize=1024)  # noqa: B019 -- as above
    def closing(self, window: Window, now: datetime) -> datetime:
        """When a window that is open at `now` (UTC) closes next; when it is open for more than a week, later than that.

        It is open until then in any case.
        """
        soon = next((each for each in self._minutes_of_change(now) if not self.is_open(window, each)), None)
        if soon is not None:
            return soon
        end = now
        while end <= now + _WEEK and (ends := list(self._hours_open(window, self.local(end)))):
            end = self.localize(max(ends))
            while not self.is_open(window, end - _MINUTE):
                end -= _MINUTE  # the clock change skips the last minutes
        return end

    def last_minute(self, window: Window, day: date) -> datetime:
        """The end (UTC) of the last hours that a window opens on a day."""
        return self.localize(datetime.combine(day, time.min) + timedelta(minutes=_hours(window)[-1][1]))

    def _minutes_of_change(self, now: datetime) -> Iterator[datetime]:
        """Each minute of the next hours when the clock changes about now: windows may open and close twice, or late."""
        if self.local(now - _CLOCK_CHANGE).utcoffset() != self.local(now + _CLOCK_CHANGE).utcoffset():
            minute = now.replace(second=0, microsecond=0)
            for number in range(1, _CLOCK_CHANGE // _MINUTE):
                yield minute + number * _MINUTE

    def _beginnings(self, window: Window, now: datetime) -> Iterator[datetime]:
        """The first open minute of all hours from the local day of `now` on, in order."""
        today = self.day(now)
        for day in (today + timedelta(days=ahead) for ahead in range(_DAYS_AHEAD)):
            for opens, _ in _hours(window) if self._opens_on(window, day) else ():
                naive = datetime.combine(day, time.min) + timedelta(minutes=opens)
                opening = self.localize(naive)
                while self.local(opening - _MINUTE).replace(tzinfo=None) >= naive:
                    opening -= _MINUTE  # the clock change skips the minute: right after it
                if self.is_open(window, opening):
                    yield opening

    def _hours_open(self, window: Window, local: datetime) -> Iterator[datetime]:
        """The ends (naive) of the hours that a local time lies in; those before midnight belong to that day."""
        minute = local.hour * 60 + local.minute
        for day, passed in ((local.date(), minute), (local.date() - timedelta(days=1), minute + 24 * 60)):
            for opens, closes in _hours(window):
                if opens <= passed < closes and self._opens_on(window, day):
                    yield datetime.combine(day, time.min) + timedelta(minutes=closes)

    def _opens_on(self, window: Window, day: date) -> bool:
        if window.cron is not None:
            return cron_names_day(window.cron, day)
        return day.weekday() in window.days and not (window.holidays_closed and self.is_holiday(day))

    def firings(self, cron: str, first: datetime, last: datetime) -> Iterator[datetime]:
        """The instants (UTC) between two instants, both included, when a schedule fires: once in a repeated hour."""
        previous: datetime | None = None
        start = self.local(first).replace(second=0, microsecond=0, tzinfo=None) - timedelta(minutes=1)
        for naive in cron_minutes(cron, start):
            firing = self.localize(naive)
            if firing > last:
                return
            if firing >= first and (previous is None or firing > previous):
                previous = firing
                yield firing

    def last_firing(self, cron: str, before: datetime) -> datetime | None:
        """The latest instant (UTC) earlier than `before` when a schedule fires; None when it never did."""
        from croniter import CroniterBadDateError, croniter

        naive = self.local(before).replace(tzinfo=None)
        try:
            return self.localize(croniter(cron, naive, ret_type=datetime, day_or=False).get_prev(datetime))
        except CroniterBadDateError:
            return None


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


@lru_cache(maxsize=65536)
def cron_names_day(cron: str, day: date) -> bool:
    """Whether a cron expression names minutes on a day; both day fields must match."""
    midnight = datetime.combine(day, time.min)
    return next(cron_minutes(" ".join(("0 0", *cron.split()[2:])), midnight - _MINUTE), None) == midnight


@lru_cache(maxsize=64)
def _hours_of_cron(cron: str) -> tuple[tuple[int, int], ...]:
    from croniter import croniter

    minutes, hours = (
        list(range(whole)) if named == ["*"] else list(map(int, named))
        for named, whole in zip(croniter.expand(cron)[0], (60, 24), strict=False)
    )
    starts = (60 * hour + minute for hour in hours for minute in minutes)
    return joined_hours((start, start + 1) for start in starts)


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


@lru_cache(maxsize=65536)
def _start(zone: ZoneInfo, day: date) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


@lru_cache(maxsize=4096)
def _add_months(day: date, amount: int) -> date:
    index = day.year * 12 + day.month - 1 + amount
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:
        raise OverflowError("date value out of range")
    return date(year, month + 1, min(day.day, months.monthrange(year, month + 1)[1]))
