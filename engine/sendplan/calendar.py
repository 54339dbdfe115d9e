"""The shop's calendar: its zone, months, business days and public holidays.

The only module that converts between dates and instants.
"""

from __future__ import annotations

import calendar as months
from dataclasses import field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo

from sendplan.dataclass import dataclass
from sendplan.fields import Moment
from sendplan.holiday_tables import public_holidays
from sendplan.units import Counting, Duration

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_BUSINESS_DAYS = 100_000


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
