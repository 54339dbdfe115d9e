"""Windows: they open at times, and no message expires while one is shut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise

from sendplan.calendar import Calendar
from sendplan.cron import firings, last_firing
from sendplan.expressions import Node
from sendplan.expressions.nodes import Add, Extreme
from sendplan.lint.branches import branches
from sendplan.lint.subject import Subject, Variant, warning
from sendplan.problems import Problem
from sendplan.project.rules import Rule, Step
from sendplan.project.settings import Settings
from sendplan.units import Duration
from sendplan.windows import Window, closing, last_minute, next_opening, openings

_FIRST, _YEAR_LATER, _LAST = date(2024, 1, 1), date(2025, 2, 1), date(2028, 1, 1)
"""The days that are looked at: fixed ones, four years where holidays matter, so that `check` always says the same."""


def closed_windows(subject: Subject) -> Iterator[Problem]:
    """A window that never opens, such as on 30 February, or never while the project's schedule runs."""
    calendar = subject.project.settings.calendar
    for name, window in subject.project.settings.windows.items():
        if next_opening(calendar, window, calendar.instant(_FIRST)) is None:
            message = f"window `{name}` never opens"
            help_ = "in a cron expression day and weekday must both match; use days that exist"
        elif subject.project.settings.schedule is not None and not any(_shut(subject.project.settings, name)):
            message = f"no run of `schedule` falls into window `{name}`"
            help_ = "let the schedule run while the window is open, or open the window when it runs"
        else:
            continue
        yield warning("window-never-opens", message, subject.settings_key("windows", name), help_)


def short_expiries(subject: Subject) -> Iterator[Problem]:
    """A message that is due while its window is shut, and expires before it opens."""
    settings = subject.project.settings
    gaps = cache(lambda window: list(_shut(settings, window)))

    @cache
    def lost(window: str | None, expires: Duration, dates: bool) -> tuple[datetime, datetime] | None:
        return next((each for each in gaps(window) if _is_lost(settings.calendar, each, expires, dates)), None)

    for variant, rule in subject.rules():
        for position, step in enumerate(rule.steps):
            if step.expires is None or (step.window is None and settings.schedule is None):
                continue
            gap = lost(step.window, step.expires, _counts_dates(variant, rule, position))
            if gap is not None:
                yield _warning(subject, rule, step, gap)


def _warning(subject: Subject, rule: Rule, step: Step, gap: tuple[datetime, datetime]) -> Problem:
    calendar = subject.project.settings.calendar
    shut, opens = (calendar.local(each).strftime("%a %Y-%m-%d %H:%M") for each in gap)
    if subject.project.settings.schedule is None:
        what, help_ = f"window `{step.window}` is shut", "open the window more often"
    else:
        into = f" falls into window `{step.window}`" if step.window else ""
        what, help_ = f"no run of `schedule`{into}", "run more often"
    message = f"{what} for longer than {step.expires}, for example from {shut} to {opens}"
    help_ = f"what is due in between never leaves: let it expire later, or {help_}"
    return warning("expires-short", message, subject.step_span(rule, step, "expires"), help_)


def _shut(settings: Settings, name: str | None) -> Iterator[tuple[datetime, datetime]]:
    """The stretches in which nothing leaves: a window is shut, or the project's schedule does not run while it is open.

    Without a window, those in which the schedule does not run.
    """
    schedule = settings.schedule
    if name is None:
        return _gaps(settings.calendar, Window("", cron=schedule))
    gaps = _gaps(settings.calendar, settings.windows[name])
    return gaps if schedule is None else _between_runs(settings.calendar, gaps, schedule)


def _between_runs(
    calendar: Calendar, gaps: Iterable[tuple[datetime, datetime]], schedule: str
) -> Iterator[tuple[datetime, datetime]]:
    """The same gaps, from the last run before each to the first one after it."""
    last_run: datetime | None = None
    for (_, opens), (shut, _) in pairwise(gaps):
        first = next(firings(calendar, schedule, opens, shut - timedelta(minutes=1)), None)
        if first is None:
            continue
        if last_run is not None:
            yield last_run + timedelta(minutes=1), first
        last_run = last_firing(calendar, schedule, shut)


def _gaps(calendar: Calendar, window: Window) -> Iterator[tuple[datetime, datetime]]:
    """The stretches in which the window is shut: within the first day that it opens on, and between two such days."""
    closed = calendar.closed if window.holidays_closed else ()
    first = min((_FIRST, *(start - timedelta(days=30) for start, _ in closed)))
    last = max((_LAST if window.holidays_closed else _YEAR_LATER, *(end + timedelta(days=30) for _, end in closed)))
    opening = next_opening(calendar, window, calendar.instant(first))
    if opening is not None:
        yield from _pauses(calendar, window, opening)
    while opening is not None and calendar.day(opening) < last:
        day = calendar.day(opening)
        shut = last_minute(calendar, window, day)
        opening = next_opening(calendar, window, max(shut, calendar.instant(day + timedelta(days=1))))
        if opening is not None:
            yield shut, opening


def _pauses(calendar: Calendar, window: Window, opening: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Where the window is shut between its hours of one day, such as over lunch."""
    evening = last_minute(calendar, window, calendar.day(opening))
    for later in openings(calendar, window, opening + timedelta(minutes=1), evening):
        yield closing(calendar, window, opening), later
        opening = later


def _is_lost(calendar: Calendar, gap: tuple[datetime, datetime], expires: Duration, dates: bool) -> bool:
    shut, opens = gap
    due: date = shut
    if dates:
        # A date counts from its local start: the first one that is due while the window is shut.
        day = calendar.day(shut)
        due = day if calendar.instant(day) >= shut else day + timedelta(days=1)
    if calendar.instant(due) >= opens:
        return False
    try:
        return calendar.instant(calendar.add(due, expires)) <= opens
    except OverflowError:  # it expires beyond the calendar
        return False


def _counts_dates(variant: Variant, rule: Rule, position: int) -> bool:
    """Whether a step is always due on a date, never at a time of day."""
    after = rule.steps[position].after
    if position > 0 and after is not None:
        return not after.exact
    return all(_is_date(variant, each) for each in branches(rule.due.root))


def _is_date(variant: Variant, node: Node) -> bool:
    match node:
        case Extreme(arguments=arguments):
            return all(_is_date(variant, each.value) for each in arguments)
        case Add(right=right):
            duration = _duration(variant, right)
            return duration is not None and not duration.exact
    return False


def _duration(variant: Variant, node: Node) -> Duration | None:
    value = getattr(node, "value", None) or variant.params.get(getattr(node, "name", ""))
    return value if isinstance(value, Duration) else None
