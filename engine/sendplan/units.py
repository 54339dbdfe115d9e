"""Units of time, each described once, and durations in them (docs/language.md#dates)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import NamedTuple

from sendplan.dataclass import dataclass


class Unit(StrEnum):
    """The units that a duration may have, by their plural."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    BUSINESS_DAYS = "business days"
    WEEKS = "weeks"
    MONTHS = "months"
    QUARTERS = "quarters"
    YEARS = "years"


class Counting(Enum):
    """What is counted when a duration is added to a moment; all but minutes count on the calendar and give a date."""

    MINUTES = "exact minutes"
    DAYS = "days"
    BUSINESS_DAYS = "working days"
    MONTHS = "months"


class UnitFacts(NamedTuple):
    """What there is to know of a unit."""

    singular: str
    counts: Counting
    size: int
    """How many of what is counted make one unit."""


UNITS: Mapping[Unit, UnitFacts] = {
    Unit.MINUTES: UnitFacts("minute", Counting.MINUTES, 1),
    Unit.HOURS: UnitFacts("hour", Counting.MINUTES, 60),
    Unit.DAYS: UnitFacts("day", Counting.DAYS, 1),
    Unit.BUSINESS_DAYS: UnitFacts("business day", Counting.BUSINESS_DAYS, 1),
    Unit.WEEKS: UnitFacts("week", Counting.DAYS, 7),
    Unit.MONTHS: UnitFacts("month", Counting.MONTHS, 1),
    Unit.QUARTERS: UnitFacts("quarter", Counting.MONTHS, 3),
    Unit.YEARS: UnitFacts("year", Counting.MONTHS, 12),
}
"""The one place that describes the units; grammar, calendar, schemas, messages and pages follow it."""

_DAYS_LONG: Mapping[Counting, tuple[float, float, float]] = {
    Counting.MINUTES: (1 / 1440, 1 / 1440, 0),
    Counting.DAYS: (1, 1, 0),
    Counting.BUSINESS_DAYS: (1, 4, 0),
    Counting.MONTHS: (30.4, 30.5, 3),
}
"""Days in one of what is counted, at least and at most in the long run, and by how many a number may differ from it."""

UNIT_WORDS = {unit.value: unit for unit in Unit} | {facts.singular: unit for unit, facts in UNITS.items()}
"""Every spelling of a unit, plural and singular."""

UNITS_HELP = f"the units are {', '.join(Unit)}"
"""What to say when a word is not a unit."""

PATTERN = rf"[0-9]+ +({'|'.join(facts.singular for facts in UNITS.values())})s?"
"""A duration as the schemas describe it."""

SIZES = {"kB": 1_000, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
"""Units of data, in bytes."""

_DURATION = re.compile(r"(\d{1,40})\s+([a-z]+(?: [a-z]+)?)")


@dataclass(frozen=True, slots=True)
class Duration:
    """An amount of one unit, such as `7 days`."""

    amount: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Duration | None:
        """The duration written as `7 days` or `2 business days`; None when the text is none."""
        match = _DURATION.fullmatch(text.strip())
        unit = UNIT_WORDS.get(match[2]) if match else None
        return cls(int(match[1]), unit) if match and unit else None

    @property
    def counts(self) -> Counting:
        """What is counted when it is added to a moment."""
        return UNITS[self.unit].counts

    @property
    def number(self) -> int:
        """How many of what is counted it is long."""
        return self.amount * UNITS[self.unit].size

    @property
    def exact(self) -> bool:
        """Whether adding it gives an instant (else a date)."""
        return self.counts is Counting.MINUTES

    @property
    def least_days(self) -> float:
        """About how many days it is long, at least."""
        least, _, slack = _DAYS_LONG[self.counts]
        return max(0.0, self.number * least - slack)

    @property
    def most_days(self) -> float:
        """About how many days it is long, at most."""
        _, most, slack = _DAYS_LONG[self.counts]
        return self.number * most + slack

    def __str__(self) -> str:
        return f"{self.amount} {UNITS[self.unit].singular if self.amount == 1 else self.unit.value}"


def parse_size(text: str) -> int:
    """Bytes in `10 MB`, which the schema has let through."""
    number, unit = text.split()
    return int(number) * SIZES[unit]


def size_text(size: int) -> str:
    """A number of bytes for people: `1.2 MB`, `340 kB`, `90 bytes`."""
    if size >= SIZES["MB"]:
        return f"{size / SIZES['MB']:.1f} MB"
    return f"{size / SIZES['kB']:.0f} kB" if size >= SIZES["kB"] else f"{size} bytes"
