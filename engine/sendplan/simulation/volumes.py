"""How much a simulation sends: by rule, day and region, and over periods that fit on a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.simulation.walks import Send

UNKNOWN = "unknown"
"""The region of an order whose region is not known."""

_MOST_DAYS = 31
_MOST_WEEKS = 60


@dataclass(frozen=True, slots=True)
class Volumes:
    """Numbers of messages; what has none is absent."""

    by_rule: Mapping[str, int]
    by_message: Mapping[str, int]
    """`RULE`, or in a ladder `RULE/STEP`."""
    by_day: Mapping[date, int]
    """The shop's days."""
    by_region: Mapping[str, int]
    by_day_and_rule: Mapping[tuple[date, str], int]

    @property
    def total(self) -> int:
        """All messages."""
        return sum(self.by_rule.values())


class PeriodLength(StrEnum):
    """Lengths of a period."""

    DAY = "Day"
    WEEK = "Week from"
    MONTH = "Month from"


@dataclass(frozen=True, slots=True)
class Periods:
    """The days of a simulation, put together where they are many."""

    span: PeriodLength
    starts: tuple[date, ...]
    """The first day of each period."""
    last: date

    def totals(self, by_day: Mapping[date, int]) -> list[int]:
        """The messages of each period."""
        ends = (*self.starts[1:], self.last + timedelta(days=1))
        return [
            sum(count for day, count in by_day.items() if start <= day < end)
            for start, end in zip(self.starts, ends, strict=True)
        ]


def volumes(sends: Iterable[Send], calendar: Calendar) -> Volumes:
    """Count the messages."""
    rules: Counter[str] = Counter()
    messages: Counter[str] = Counter()
    regions: Counter[str] = Counter()
    days: Counter[tuple[date, str]] = Counter()
    for send in sends:
        rules[send.rule] += 1
        messages["/".join(part for part in (send.rule, send.step) if part)] += 1
        regions[send.region or UNKNOWN] += 1
        days[calendar.day(send.at), send.rule] += 1
    by_day: Counter[date] = Counter()
    for (day, _), count in days.items():
        by_day[day] += count
    return Volumes(_sorted(rules), _sorted(messages), dict(sorted(by_day.items())), _sorted(regions), days)


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def periods(first: date, last: date) -> Periods:
    """Days while they are few, else weeks from Monday, else months; the first and last may be cut short."""
    days: Sequence[date] = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    if len(days) <= _MOST_DAYS:
        return Periods(PeriodLength.DAY, tuple(days), last)
    weekly = len(days) <= _MOST_WEEKS * 7
    starts = tuple(day for day in days if day == first or (day.weekday() == 0 if weekly else day.day == 1))
    return Periods(PeriodLength.WEEK if weekly else PeriodLength.MONTH, starts, last)


@dataclass(frozen=True, slots=True)
class ComparedVolumes:
    """The volumes of the project's rules, and of the rule set that they are compared with."""

    present: Volumes
    other: Volumes | None = None
    other_name: str = ""

    def headings(self) -> tuple[str, ...]:
        """The columns beside a name."""
        return ("Messages",) if self.other is None else ("Messages", f"With {self.other_name}", "Difference")

    def numbers(self, present: int, other: int) -> tuple[str, ...]:
        """One row below `headings`."""
        if self.other is None:
            return (f"{present:,}",)
        return (f"{present:,}", f"{other:,}", f"{present - other:+,}" if present != other else "0")


Row = tuple[str, int, int, bool]
"""A name, its numbers in both rule sets, and whether it is a part of the row above."""


def message_rows(compared: ComparedVolumes, steps: Mapping[str, Sequence[str]]) -> list[Row]:
    """Every rule and, below it, every step of its ladder, also without messages; `steps` names both in their order."""
    present, other = compared.present, compared.other
    old_rules, old_messages = (other.by_rule, other.by_message) if other else ({}, {})
    messages = dict.fromkeys((*present.by_message, *old_messages))
    rows: list[Row] = []
    for rule in sorted({*steps, *present.by_rule, *old_rules}):
        rows.append((rule, present.by_rule.get(rule, 0), old_rules.get(rule, 0), False))
        gone = (message.removeprefix(f"{rule}/") for message in messages if message.startswith(f"{rule}/"))
        for step in dict.fromkeys((*steps.get(rule, ()), *gone)):
            message = f"{rule}/{step}"
            rows.append((step, present.by_message.get(message, 0), old_messages.get(message, 0), True))
    return rows


def region_rows(compared: ComparedVolumes) -> list[Row]:
    """Every region with messages."""
    present = compared.present.by_region
    other: Mapping[str, int] = compared.other.by_region if compared.other else {}
    return [(name, present.get(name, 0), other.get(name, 0), False) for name in sorted({*present, *other})]


def period_rows(compared: ComparedVolumes, periods: Periods) -> list[Row]:
    """Every period, also without messages."""
    present = periods.totals(compared.present.by_day)
    other = periods.totals(compared.other.by_day if compared.other else {})
    return [(str(day), n, old, False) for day, n, old in zip(periods.starts, present, other, strict=True)]
