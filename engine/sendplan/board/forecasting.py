"""What the rules would send in the days to come: a simulation, played when somebody asks for it."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sendplan.board.board import NOT_LIVE, Board
from sendplan.problems import UserError
from sendplan.simulation.volumes import ComparedVolumes, PeriodLength, Periods, Volumes, period_rows, region_rows

_DAYS = 14
"""How far ahead the form proposes to look."""
_MOST_DAYS = 366
_PATIENCE_SECONDS = 0.2
"""So long a page waits for a forecast; one that takes longer is shown when it is there."""


def forecast(board: Board, request: Request) -> Response:
    """The form, and once it was sent, the chart with its tables."""
    current = board.current
    calendar = current.project.settings.calendar
    today = calendar.day(current.clock().now)
    first, last = (request.query_params.get(name, "").strip() for name in ("from", "to"))
    shown: dict[str, Any] = {
        "first": first or str(today),
        "last": last or str(today + timedelta(days=_DAYS - 1)),
        "done": None,
        "is_played": True,
        "problems": (),
        "too_long": False,
        **NOT_LIVE,
    }
    if not (first and last):
        return board.page(request, "forecast.html", **shown)
    days = [calendar.parse(text[:10]) for text in (first, last)]
    if days[0] and days[1] and days[1] - days[0] > timedelta(days=_MOST_DAYS):
        return board.page(request, "forecast.html", **shown | {"too_long": True})
    latest = current.forecast(first[:10], last[:10], _PATIENCE_SECONDS)
    done = latest.value
    if not latest.is_present or done is None:
        return board.page(request, "forecast.html", **{**shown, **board.live(request), "is_played": False})
    if isinstance(done, UserError):
        return board.page(request, "forecast.html", **shown | {"problems": done.problems})
    compared, periods = done.compared, done.periods
    found = {
        "done": done,
        "compared": compared,
        "periods": periods,
        "rules": done.message_rows(),
        "regions": region_rows(compared),
        "days": period_rows(compared, periods),
    }
    return board.page(request, "forecast.html", **shown | found)


def last_days(board: Board) -> tuple[ComparedVolumes, Periods]:
    """What left in the last days, today with them."""
    calendar = board.current.project.settings.calendar
    today = calendar.day(board.current.clock().now)
    days = [today - timedelta(days=number) for number in reversed(range(_DAYS))]
    sent: dict[tuple[date, str], int] = {}
    with board.current.reader() as reader:
        for day in days:
            counts = reader.sent_by_rule(calendar.instant(day), calendar.instant(day + timedelta(days=1)))
            sent |= {(day, rule): count for rule, count in counts.items()}
    by_rule: Counter[str] = Counter()
    by_day: Counter[date] = Counter()
    for (day, rule), count in sent.items():
        by_rule[rule] += count
        by_day[day] += count
    return ComparedVolumes(Volumes(by_rule, {}, by_day, {}, sent)), Periods(PeriodLength.DAY, tuple(days), today)
