"""The shop's calendar: months, business days, clock changes, windows and schedules (docs/language.md#dates)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sendplan.calendar import Calendar
from sendplan.cron import cron_error, firings
from sendplan.fields import Moment
from sendplan.holiday_tables import holidays_error, public_holidays
from sendplan.problems import UserError
from sendplan.units import Duration, Unit
from sendplan.windows import Window, closing, is_open, joined_hours, next_opening, openings

BERLIN = Calendar(ZoneInfo("Europe/Berlin"), "DE", "NW", ((date(2026, 12, 24), date(2027, 1, 3)),))
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
"""The days of the clock changes: 02:00 becomes 03:00, and 03:00 becomes 02:00."""


def berlin(text: str, fold: int = 0) -> datetime:
    """A local time as an instant; `fold` 1 is the second of two."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN.zone, fold=fold).astimezone(UTC)


def added(moment: Moment, text: str, sign: int = 1) -> Moment:
    duration = Duration.parse(text)
    assert duration is not None
    return BERLIN.add(moment, duration, sign)


# --- durations ---


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("7 days", Duration(7, Unit.DAYS)),
        ("1 day", Duration(1, Unit.DAYS)),
        (" 36  hours ", Duration(36, Unit.HOURS)),
        ("2 business days", Duration(2, Unit.BUSINESS_DAYS)),
        ("0 minutes", Duration(0, Unit.MINUTES)),
        ("3 Months", None),
        ("7days", None),
        ("-7 days", None),
        ("1.5 days", None),
        ("days", None),
    ],
)
def test_reading_durations(text: str, duration: Duration | None) -> None:
    """A duration is a whole number and a unit, singular or plural."""
    assert Duration.parse(text) == duration


def test_durations_print_as_people_write_them() -> None:
    """One day, two days."""
    assert [str(Duration(n, Unit.BUSINESS_DAYS)) for n in (1, 2)] == ["1 business day", "2 business days"]


# --- adding ---


@pytest.mark.parametrize(
    ("start", "text", "end"),
    [
        ((2026, 1, 31), "1 month", (2026, 2, 28)),
        ((2028, 1, 31), "1 month", (2028, 2, 29)),
        ((2026, 1, 31), "2 months", (2026, 3, 31)),
        ((2026, 11, 30), "3 months", (2027, 2, 28)),
        ((2026, 12, 15), "1 month", (2027, 1, 15)),
        ((2028, 2, 29), "12 months", (2029, 2, 28)),
        ((2026, 12, 31), "1 day", (2027, 1, 1)),
        ((2026, 2, 28), "1 week", (2026, 3, 7)),
        ((2026, 3, 28), "2 days", (2026, 3, 30)),
    ],
)
def test_adding_days_weeks_and_months(start: tuple[int, int, int], text: str, end: tuple[int, int, int]) -> None:
    """They count on the calendar; a month that is too short ends the sum on its last day."""
    assert added(date(*start), text) == date(*end)


@pytest.mark.parametrize(
    ("start", "text", "end"),
    [
        ((2026, 3, 31), "1 month", (2026, 2, 28)),
        ((2026, 1, 15), "1 month", (2025, 12, 15)),
        ((2026, 3, 1), "1 day", (2026, 2, 28)),
        ((2026, 8, 10), "1 business day", (2026, 8, 7)),
    ],
)
def test_going_back(start: tuple[int, int, int], text: str, end: tuple[int, int, int]) -> None:
    """The same backwards."""
    assert added(date(*start), text, -1) == date(*end)


@pytest.mark.parametrize(
    ("start", "amount", "end"),
    [
        ("2026-08-21", 1, "2026-08-24"),  # Friday → Monday
        ("2026-08-22", 1, "2026-08-24"),  # Saturday → Monday
        ("2026-08-23", 1, "2026-08-24"),  # Sunday → Monday
        ("2026-08-22", 5, "2026-08-28"),
        ("2026-04-02", 1, "2026-04-07"),  # over Easter
        ("2026-06-03", 1, "2026-06-05"),  # Corpus Christi, in North Rhine-Westphalia
        ("2026-12-23", 1, "2027-01-04"),  # the shop is closed
        ("2026-08-22", 0, "2026-08-22"),
    ],
)
def test_business_days(start: str, amount: int, end: str) -> None:
    """Working days after the anchor's day, without weekends, public holidays and the shop's closed days."""
    assert added(date.fromisoformat(start), f"{amount} business days") == date.fromisoformat(end)


def test_holidays_depend_on_the_place() -> None:
    """Corpus Christi is a holiday in North Rhine-Westphalia and a working day in Berlin."""
    assert not BERLIN.is_working_day(date(2026, 6, 4))
    assert Calendar(BERLIN.zone, "DE", "BE").is_working_day(date(2026, 6, 4))


def test_days_of_an_instant_are_the_shops() -> None:
    """Half past eleven at night in Berlin is still the same day, whatever UTC says."""
    assert added(berlin("2026-08-13T23:30"), "1 day") == date(2026, 8, 14)
    assert added(berlin("2026-08-14T00:30"), "1 day") == date(2026, 8, 15)


def test_hours_are_exact() -> None:
    """Over a clock change 24 hours are 24 hours, and a bare date counts from its local start."""
    assert added(SPRING, "24 hours") == berlin("2026-03-30T01:00")
    assert added(AUTUMN, "24 hours") == berlin("2026-10-25T23:00")
    assert added(berlin("2026-10-25T02:30"), "60 minutes") == berlin("2026-10-25T02:30", fold=1)


def test_beyond_the_years() -> None:
    """A sum beyond the year 9999 is an error, not another date."""
    for text in ("120000 months", "4000000 days", "90000000 hours"):
        with pytest.raises(OverflowError):
            added(date(2026, 1, 1), text)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 400))
def test_months_never_skip_one(day: date, amount: int) -> None:
    """The sum lies in the month that many months later, on the same day or the month's last one."""
    sum_ = added(day, f"{amount} months")
    assert (sum_.year * 12 + sum_.month) - (day.year * 12 + day.month) == amount
    assert sum_.day == day.day or (sum_.day < day.day and (sum_ + timedelta(days=1)).day == 1)


@given(st.dates(date(2026, 1, 1), date(2028, 1, 1)), st.integers(1, 30))
def test_business_days_count_every_working_day(day: date, amount: int) -> None:
    """Between the anchor and the sum lie exactly that many working days, the sum being the last."""
    sum_ = added(day, f"{amount} business days")
    between = [day + timedelta(days=n) for n in range(1, (BERLIN.day(sum_) - day).days + 1)]
    assert sum(map(BERLIN.is_working_day, between)) == amount
    assert BERLIN.is_working_day(BERLIN.day(sum_))


# --- local times ---


def test_a_time_that_occurs_twice_is_the_first() -> None:
    """In the autumn night half past two comes twice; the first one counts."""
    assert BERLIN.localize(datetime(2026, 10, 25, 2, 30)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_time_that_does_not_exist_moves_forward() -> None:
    """In the spring night half past two becomes half past three."""
    assert BERLIN.localize(datetime(2026, 3, 29, 2, 30)) == berlin("2026-03-29T03:30")


def test_a_day_without_midnight_begins_later() -> None:
    """Where the clock change skips midnight, the day begins at one."""
    santiago = Calendar(ZoneInfo("America/Santiago"), "CL")
    assert santiago.text(santiago.instant(date(2026, 9, 6))) == "2026-09-06T01:00:00-03:00"
    assert santiago.day(santiago.instant(date(2026, 9, 6))) == date(2026, 9, 6)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-08-22", berlin("2026-08-22T00:00")),
        ("2026-08-22T12:00", berlin("2026-08-22T12:00")),
        ("2026-08-22 12:00:30", berlin("2026-08-22T12:00:30")),
        ("2026-08-22T12:00Z", datetime(2026, 8, 22, 12, tzinfo=UTC)),
        ("2026-08-22T12:00-05:00", datetime(2026, 8, 22, 17, tzinfo=UTC)),
        ("22.08.2026", None),
        ("2026-02-30", None),
        ("0001-01-01", None),
        ("", None),
    ],
)
def test_reading_times(text: str, instant: datetime | None) -> None:
    """ISO 8601, in the shop's zone where no offset is given; a bare date is its local start."""
    assert BERLIN.parse(text) == instant


def test_writing_times() -> None:
    """A bare date stays one, an instant carries the shop's offset, also in both halves of the repeated hour."""
    assert BERLIN.text(date(2026, 8, 22)) == "2026-08-22"
    assert BERLIN.text(datetime(2026, 8, 22, 10, tzinfo=UTC)) == "2026-08-22T12:00:00+02:00"
    assert BERLIN.text(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == "2026-10-25T02:30:00+02:00"
    assert BERLIN.text(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == "2026-10-25T02:30:00+01:00"


@pytest.mark.parametrize(
    ("calendar", "day", "later"),
    [
        (Calendar(ZoneInfo("Asia/Jerusalem"), "IL", weekend=frozenset({4, 5})), date(2026, 7, 9), date(2026, 7, 12)),
        (Calendar(ZoneInfo("Asia/Dubai"), "AE", weekend=frozenset({5, 6})), date(2026, 7, 9), date(2026, 7, 10)),
        (Calendar(ZoneInfo("Asia/Kathmandu"), "NP", weekend=frozenset({5})), date(2026, 7, 10), date(2026, 7, 12)),
        (Calendar(ZoneInfo("Europe/Berlin"), "DE", weekend=frozenset()), date(2026, 7, 10), date(2026, 7, 11)),
        (Calendar(ZoneInfo("Europe/Berlin"), "DE", "BY"), date(2028, 8, 14), date(2028, 8, 15)),
        (
            Calendar(ZoneInfo("Europe/Berlin"), "DE", "BY", holidays=("public", "catholic")),
            date(2028, 8, 14),
            date(2028, 8, 16),
        ),
        (Calendar(ZoneInfo("Europe/Berlin"), "DE", "Augsburg"), date(2028, 8, 7), date(2028, 8, 9)),
    ],
)
def test_a_business_day_of_the_place(calendar: Calendar, day: date, later: date) -> None:
    """The weekend and the holidays are the shop's: Thursday + 1 in Tel Aviv is Sunday, Assumption is in Munich."""
    assert calendar.add(day, Duration(1, Unit.BUSINESS_DAYS)) == later


# --- windows ---

OFFICE = Window("office", frozenset(range(5)), ((8 * 60, 18 * 60),), holidays_closed=True)


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-08-21T07:59", "2026-08-21T08:00"),
        ("2026-08-21T08:00", "2026-08-21T08:00"),
        ("2026-08-21T17:59:59", "2026-08-21T17:59:59"),
        ("2026-08-21T18:00", "2026-08-24T08:00"),
        ("2026-08-22T12:00", "2026-08-24T08:00"),
        ("2026-06-03T18:00", "2026-06-05T08:00"),
        ("2026-12-23T19:00", "2027-01-04T08:00"),
    ],
)
def test_office_hours(now: str, opening: str) -> None:
    """Open from the first minute to before the last, on its weekdays, not on holidays and closed days."""
    assert next_opening(BERLIN, OFFICE, berlin(now)) == berlin(opening)


def test_holidays_count_only_when_closed() -> None:
    """Without `holidays: closed` the window opens on a public holiday."""
    always = Window("always", frozenset(range(5)), ((8 * 60, 18 * 60),))
    assert next_opening(BERLIN, always, berlin("2026-06-04T09:00")) == berlin("2026-06-04T09:00")


SHIFTS = Window("shifts", frozenset(range(6)), ((8 * 60, 12 * 60), (13 * 60, 18 * 60)))
NIGHT = Window("night", frozenset(range(5)), ((22 * 60, 30 * 60),), holidays_closed=True)


@pytest.mark.parametrize(
    ("window", "now", "opening"),
    [
        (SHIFTS, "2026-08-21T11:59", "2026-08-21T11:59"),
        (SHIFTS, "2026-08-21T12:00", "2026-08-21T13:00"),
        (SHIFTS, "2026-08-21T13:00", "2026-08-21T13:00"),
        (SHIFTS, "2026-08-22T18:00", "2026-08-24T08:00"),
        (NIGHT, "2026-08-21T21:59", "2026-08-21T22:00"),
        (NIGHT, "2026-08-22T05:59", "2026-08-22T05:59"),
        (NIGHT, "2026-08-22T06:00", "2026-08-24T22:00"),
        (NIGHT, "2026-08-24T03:00", "2026-08-24T22:00"),
        (NIGHT, "2026-06-04T03:00", "2026-06-04T03:00"),
        (NIGHT, "2026-06-04T22:00", "2026-06-05T22:00"),
        (NIGHT, "2026-03-29T02:00", "2026-03-30T22:00"),
    ],
)
def test_shifts_and_nights(window: Window, now: str, opening: str) -> None:
    """A window closes over lunch; a night belongs to the day it begins on, its weekday and its holidays."""
    assert next_opening(BERLIN, window, berlin(now)) == berlin(opening)


def test_openings() -> None:
    """A window opens at each of its hours, not where one stretch goes on over midnight."""
    first, last = berlin("2026-08-21T00:00"), berlin("2026-08-24T23:59")
    days = [f"2026-08-{day}T{hour}:00" for day in (21, 22, 24) for hour in ("08", "13")]
    assert list(openings(BERLIN, SHIFTS, first, last)) == [berlin(each) for each in days]
    nights = [berlin("2026-08-21T22:00"), berlin("2026-08-24T22:00")]
    assert list(openings(BERLIN, NIGHT, first, last)) == nights
    weekdays = Window("weekdays", frozenset(range(5)))
    assert list(openings(BERLIN, weekdays, first, last)) == [berlin("2026-08-24T00:00")]
    assert list(openings(BERLIN, Window("always"), first, last)) == []
    cron = Window("cron", cron="0,1,5 9 * * mon")
    assert list(openings(BERLIN, cron, first, last)) == [berlin("2026-08-24T09:00"), berlin("2026-08-24T09:05")]


def test_a_window_over_the_clock_changes() -> None:
    """An hour that does not exist opens no window; one that comes twice is open twice."""
    night = Window("night", hours=((2 * 60, 3 * 60),))
    assert next_opening(BERLIN, night, berlin("2026-03-29T01:30")) == berlin("2026-03-30T02:00")
    assert next_opening(BERLIN, night, berlin("2026-03-29T03:30")) == berlin("2026-03-30T02:00")
    for fold in (0, 1):
        assert next_opening(BERLIN, night, berlin("2026-10-25T02:59", fold)) == berlin("2026-10-25T02:59", fold)
    assert next_opening(BERLIN, night, berlin("2026-10-25T03:00")) == berlin("2026-10-26T02:00")


def test_a_window_that_begins_or_ends_in_a_clock_change() -> None:
    """One that begins in the hour that does not exist opens right after it; one that ends in the repeated hour opens
    again when that repeats."""
    late = Window("late", hours=((2 * 60 + 30, 5 * 60),))
    for now in ("2026-03-28T06:00", "2026-03-29T01:00"):
        assert next_opening(BERLIN, late, berlin(now)) == berlin("2026-03-29T03:00")
    early = Window("early", hours=((60, 2 * 60 + 30),))
    assert next_opening(BERLIN, early, berlin("2026-10-25T02:40")) == berlin("2026-10-25T02:00", fold=1)


@pytest.mark.parametrize(
    ("cron", "now", "opening"),
    [
        ("* 9 1-7 * mon", "2026-08-01T00:00", "2026-08-03T09:00"),
        ("* 9 1-7 * mon", "2026-08-03T09:59", "2026-08-03T09:59"),
        ("* 9 1-7 * mon", "2026-08-03T10:00", "2026-09-07T09:00"),
        ("*/15 9-10 * * *", "2026-08-03T09:01", "2026-08-03T09:15"),
        ("30 2 * * *", "2026-03-29T01:00", "2026-03-30T02:30"),
        ("0 12 * * sun", "2026-08-03T12:00", "2026-08-09T12:00"),
        ("0 12 29 2 *", "2026-03-01T00:00", "2028-02-29T12:00"),
    ],
)
def test_cron_is_the_set_of_its_minutes(cron: str, now: str, opening: str) -> None:
    """The window is open in each minute that the expression names; both day fields must match."""
    assert next_opening(BERLIN, Window("cron", cron=cron), berlin(now)) == berlin(opening)


def test_cron_in_the_repeated_hour() -> None:
    """The minutes of the repeated hour are open both times, each once."""
    window = Window("cron", cron="30 2 * * *")
    first, second = berlin("2026-10-25T02:30"), berlin("2026-10-25T02:30", fold=1)
    assert next_opening(BERLIN, window, first) == first
    assert next_opening(BERLIN, window, first + timedelta(minutes=1)) == second
    assert next_opening(BERLIN, window, second) == second
    assert next_opening(BERLIN, window, second + timedelta(minutes=1)) == berlin("2026-10-26T02:30")


def test_a_minute_is_open_to_its_end() -> None:
    """Within an open minute it is open, whatever the second."""
    now = berlin("2026-08-03T09:00:59")
    assert next_opening(BERLIN, Window("cron", cron="0 9 * * *"), now) == now


def test_a_window_that_never_opens() -> None:
    """The thirtieth of February never comes, and neither does a weekday that is always a holiday."""
    assert next_opening(BERLIN, Window("never", cron="0 9 30 2 *"), berlin("2026-01-01T00:00")) is None
    assert next_opening(BERLIN, Window("never", frozenset()), berlin("2026-01-01T00:00")) is None


@pytest.mark.parametrize(
    ("window", "now", "closes"),
    [
        (OFFICE, "2026-08-21T09:00", "2026-08-21T18:00"),
        (Window("cron", cron="* 9 * * *"), "2026-08-21T09:17", "2026-08-21T10:00"),
        (Window("cron", cron="0,1,5 9 * * *"), "2026-08-21T09:00", "2026-08-21T09:02"),
        (Window("cron", cron="* * * * mon-fri"), "2026-08-21T09:00", "2026-08-22T00:00"),
        (Window("weekdays", frozenset(range(5))), "2026-08-17T09:00", "2026-08-22T00:00"),
        (SHIFTS, "2026-08-21T09:00", "2026-08-21T12:00"),
        (NIGHT, "2026-08-22T01:00", "2026-08-22T06:00"),
        (Window("late", hours=((20 * 60, 26 * 60 + 30),)), "2026-03-28T20:00", "2026-03-29T03:00"),
    ],
)
def test_closing(window: Window, now: str, closes: str) -> None:
    """An open window closes at the first minute that it does not name."""
    assert closing(BERLIN, window, berlin(now)) == berlin(closes)


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("* 9-17 * * mon-fri", None),
        ("0 6 * * thu", None),
        ("0 6 1 mar *", None),
        ("* 9 * *", "a cron expression has five fields (minute hour day month weekday), this one has 4"),
        ("* 9 * * * *", "a cron expression has five fields (minute hour day month weekday), this one has 6"),
        ("@daily", "a cron expression has five fields (minute hour day month weekday), this one has 1"),
        ("R 9 * * *", "`R` and `H` stand for random values; write fixed ones"),
        ("r(0-5) 9 * * *", "`R` and `H` stand for random values; write fixed ones"),
        ("0 H * * *", "`R` and `H` stand for random values; write fixed ones"),
        ("61 9 * * *", "not a cron expression"),
        ("0 9 * * noday", "not a cron expression"),
    ],
)
def test_cron_expressions_are_checked(cron: str, message: str | None) -> None:
    """Five fields with fixed values; six fields and random ones are refused."""
    assert cron_error(cron) == message


CHANGES = st.datetimes(datetime(2026, 3, 27), datetime(2026, 4, 2)) | st.datetimes(
    datetime(2026, 10, 23), datetime(2026, 10, 28)
)


@given(CHANGES)
def test_both_kinds_of_window_agree(naive: datetime) -> None:
    """Hours and the cron expression with the same minutes open at the same instant, clock changes included."""
    now = naive.replace(microsecond=0, tzinfo=UTC)
    hours = Window("hours", frozenset({0, 6}), ((2 * 60, 4 * 60),))
    assert next_opening(BERLIN, hours, now) == next_opening(BERLIN, Window("cron", cron="* 2-3 * * sun,mon"), now)


HOURS = st.builds(
    lambda opens, quarters: (opens * 30, opens * 30 + quarters * 15), st.integers(0, 47), st.integers(1, 47)
)


@given(CHANGES, st.lists(HOURS, min_size=1, max_size=3))
@example(datetime(2026, 10, 25, 1, 0), [(150, 165)])
def test_a_window_opens_as_soon_as_it_is_open(naive: datetime, hours: list[tuple[int, int]]) -> None:
    """No open minute lies before the next opening, and no shut one before the closing."""
    now = naive.replace(second=0, microsecond=0, tzinfo=UTC)
    window = Window("half hours", hours=joined_hours(hours))
    opening = next_opening(BERLIN, window, now)
    assert opening is not None
    closes = closing(BERLIN, window, opening)
    before = (now + timedelta(minutes=n) for n in range((opening - now) // timedelta(minutes=1)))
    during = (opening + timedelta(minutes=n) for n in range((closes - opening) // timedelta(minutes=1)))
    assert not any(is_open(BERLIN, window, each) for each in before)
    assert all(is_open(BERLIN, window, each) for each in during)
    assert is_open(BERLIN, window, closes) is (closes - opening > timedelta(weeks=1))


@pytest.mark.parametrize(
    "days",
    ["* * *", "1,15 */2 mon-fri", "l * *", "* * fri#2", "* * l5", "31 feb *", "* * 7", "*/5 3-4 sun,2"],
)
def test_the_days_of_a_cron_expression(days: str) -> None:
    """A window is open on the days on which a schedule of the same days fires."""
    from sendplan.cron import cron_minutes, cron_names_day

    begin, end = datetime(2027, 12, 1), datetime(2028, 6, 1)
    fires = {each.date() for each in takewhile(lambda each: each < end, cron_minutes(f"0 0 {days}", begin))}
    every = [begin.date() + timedelta(days=n) for n in range(1, (end - begin).days)]
    assert {day for day in every if cron_names_day(f"0 9 {days}", day)} == fires - {begin.date()}


# --- schedules ---


def test_firings() -> None:
    """A schedule fires between two instants, both included."""
    first, last = berlin("2026-08-21T06:00"), berlin("2026-08-23T06:00")
    assert list(firings(BERLIN, "0 6 * * *", first, last)) == [
        berlin("2026-08-21T06:00"),
        berlin("2026-08-22T06:00"),
        berlin("2026-08-23T06:00"),
    ]


def test_a_schedule_fires_once_in_the_repeated_hour() -> None:
    """In the autumn night a job at half past two runs once; in spring it runs when that time would be."""
    day = timedelta(days=1)
    autumn = list(firings(BERLIN, "30 2 * * *", berlin("2026-10-24T12:00"), berlin("2026-10-24T12:00") + 2 * day))
    assert autumn == [berlin("2026-10-25T02:30"), berlin("2026-10-26T02:30")]
    spring = list(firings(BERLIN, "30 2 * * *", berlin("2026-03-28T12:00"), berlin("2026-03-28T12:00") + 2 * day))
    assert spring == [berlin("2026-03-29T03:30"), berlin("2026-03-30T02:30")]


def test_a_schedule_never_goes_back() -> None:
    """Around the clock changes firings only go forward, each once."""
    for start in (berlin("2026-03-28T22:00"), berlin("2026-10-24T22:00")):
        found = list(firings(BERLIN, "*/20 * * * *", start, start + timedelta(hours=10)))
        assert found == sorted(set(found))


# --- holidays ---


def test_public_holidays() -> None:
    """The holidays of a year are known by country and subdivision."""
    assert date(2026, 10, 3) in public_holidays("DE", None, ("public",), 2026)
    assert date(2026, 11, 1) in public_holidays("DE", "NW", ("public",), 2026)
    assert date(2026, 11, 1) not in public_holidays("DE", "BE", ("public",), 2026)


def test_places_without_known_holidays() -> None:
    """A country or subdivision that nobody knows is told before any date is wrong."""
    assert holidays_error("DE", "NW", ("public", "catholic")) is None
    assert holidays_error("DE", None, ("public",)) is None
    for place, told in {
        ("XX", None, "public"): ("country", "no public holidays are known"),
        ("DE", "XX", "public"): ("subdivision", "`XX` is not a subdivision of DE"),
        ("DE", "BY", "jewish"): ("holidays", "DE has no holidays of the category `jewish`; known: `catholic`,"),
    }.items():
        country, subdivision, category = place
        key, message = holidays_error(country, subdivision, (category,)) or ("", "")
        assert (key, message.startswith(told[1])) == (told[0], True)
    with pytest.raises(UserError, match="no public holidays are known for country `XX`"):
        public_holidays("XX", None, ("public",), 2026)
