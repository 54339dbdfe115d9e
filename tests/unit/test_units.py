"""Each unit of time is described in one table, and everything else agrees with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendplan.calendar import Calendar
from sendplan.templates.localise import Localiser
from sendplan.units import PATTERN, UNITS, UNITS_HELP, Duration, Unit

ROOT = Path(__file__).parents[2]
CALENDAR = Calendar(ZoneInfo("Europe/Berlin"), "DE")
ANY_DURATION = re.compile(r"\[0-9\]\+ \+\([a-z |]+\)s\?")
"""A duration in a schema's pattern, whichever units it knows."""


def values_of(data: Any, key: str) -> Iterator[str]:
    """Every value under this key, at any depth."""
    if isinstance(data, dict):
        yield from (value for name, value in data.items() if name == key and isinstance(value, str))
    for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from values_of(each, key)


def schema_texts(key: str) -> list[str]:
    return [
        text
        for path in sorted((ROOT / "schemas").glob("*.schema.json"))
        for text in values_of(json.loads(path.read_text(encoding="utf-8")), key)
    ]


def test_every_unit_is_described() -> None:
    """No unit is known by name alone."""
    assert list(UNITS) == list(Unit)


@pytest.mark.parametrize("unit", Unit)
def test_a_unit_is_written_as_it_is_read(unit: Unit) -> None:
    """Plural and singular mean the same, and a duration prints as people write it."""
    for amount in (1, 2):
        duration = Duration(amount, unit)
        assert Duration.parse(str(duration)) == Duration.parse(f"{amount} {unit.value}") == duration
        assert re.fullmatch(PATTERN, str(duration))
        assert Localiser("en").duration(duration) == str(duration)


def test_schemas_know_all_units() -> None:
    """An editor accepts every unit that the engine reads, and no other, wherever a duration may stand."""
    found = [each for pattern in schema_texts("pattern") for each in ANY_DURATION.findall(pattern)]
    assert len(found) >= 5
    assert set(found) == {PATTERN}


def test_messages_of_schemas_name_all_units() -> None:
    """Whoever writes a unit that is none is told all that there are."""
    told = [text for text in [*schema_texts("errorMessage"), *schema_texts("description")] if "business days" in text]
    assert len(told) >= 5
    assert [text for text in told if ", ".join(Unit) not in text] == []
    assert UNITS_HELP.endswith(", ".join(Unit))


def test_the_page_on_dates_names_all_units() -> None:
    """The table of units in docs/language.md has each unit once."""
    page = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    table = page.partition("| unit | counts | gives |\n|---|---|---|\n")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines() for name in re.findall(r"`([a-z ]+)`", row.split("|")[1])]
    assert sorted(named) == sorted(Unit)


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        (date(2026, 1, 31), Duration(1, Unit.MONTHS), date(2026, 2, 28)),
        (date(2026, 11, 30), Duration(1, Unit.QUARTERS), date(2027, 2, 28)),
        (date(2026, 8, 13), Duration(2, Unit.QUARTERS), date(2027, 2, 13)),
        (date(2028, 2, 29), Duration(1, Unit.YEARS), date(2029, 2, 28)),
        (date(2026, 8, 13), Duration(3, Unit.YEARS), date(2029, 8, 13)),
    ],
)
def test_months_quarters_and_years_keep_to_the_calendar(start: date, duration: Duration, expected: date) -> None:
    """They lead to the same day of a later month, or to its last one."""
    assert CALENDAR.add(start, duration) == expected


@given(
    start=st.dates(date(1950, 1, 1), date(2100, 1, 1)),
    amount=st.integers(0, 40),
    unit=st.sampled_from(Unit),
    sign=st.sampled_from((1, -1)),
)
def test_a_duration_is_as_long_as_it_says(start: date, amount: int, unit: Unit, sign: int) -> None:
    """What lint and the search for candidates take for its length in days is true on every day of the calendar."""
    duration = Duration(amount, unit)
    days = abs(CALENDAR.instant(CALENDAR.add(start, duration, sign)) - CALENDAR.instant(start)) / timedelta(days=1)
    assert duration.least_days - 0.1 <= days <= duration.most_days + (3.1 if unit is Unit.BUSINESS_DAYS else 0.1)
