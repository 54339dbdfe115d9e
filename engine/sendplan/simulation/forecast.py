"""A simulation over a project's store, ready to be read: for `simulate`, the API and the board."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Any

from sendplan.calendar import Calendar
from sendplan.comparing.revisions import broken_there
from sendplan.cron import cron_error, firings
from sendplan.dataclass import dataclass
from sendplan.fields import Moment
from sendplan.planning.compiled.search import Disagreement, said_of_disagreement
from sendplan.planning.planner import never_carried
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.project import Project
from sendplan.simulation.simulate import Simulation, closed_windows, simulate, starts_of, usual_runs
from sendplan.simulation.volumes import ComparedVolumes, Periods, Row, Volumes, message_rows, periods, volumes
from sendplan.simulation.walks import Send
from sendplan.store import Reader, open_reader
from sendplan.store.records import overrides_of
from sendplan.text import counted, minute

_NAMED = 5
"""Runs over the limit that a warning names."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """The time between two moments, both included; a day lasts until its end."""

    first: Moment
    last: Moment
    begin: datetime
    """UTC, like `end`."""
    end: datetime


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a project's rules send over a time, beside what another rule set sends where there is one."""

    project: Project
    span: TimeSpan
    simulation: Simulation
    other: Simulation | None
    other_name: str
    rhythm: str
    """When there is a run, for people."""
    warnings: tuple[str, ...]

    @property
    def sends(self) -> tuple[Send, ...]:
        """Every message, in the order in which they leave."""
        return self.simulation.sends

    @property
    def volumes(self) -> Volumes:
        """How many messages there are by rule, day and region."""
        return volumes(self.sends, self._calendar)

    @property
    def compared(self) -> ComparedVolumes:
        """The same, with the other rule set's."""
        other = volumes(self.other.sends, self._calendar) if self.other is not None else None
        return ComparedVolumes(self.volumes, other, self.other_name)

    @property
    def periods(self) -> Periods:
        """The days, put together where they are many."""
        return periods(self._calendar.day(self.span.begin), self._calendar.day(self.span.end))

    def message_rows(self) -> list[Row]:
        """Every rule in use with its steps, and its numbers."""
        rules = (rule for rule in self.project.rules if rule.enabled)
        return message_rows(self.compared, {rule.id: [step.id for step in rule.steps if step.id] for rule in rules})

    @property
    def title(self) -> str:
        """The shop and the time."""
        first, last = self._calendar.text(self.span.first), self._calendar.text(self.span.last)
        return f"{self.project.settings.shop.name}: simulation from {first} to {last}"

    @property
    def subtitle(self) -> str:
        """How many runs and messages there were."""
        runs, messages = counted(len(self.simulation.runs), "run"), counted(len(self.sends), "message")
        return f"{runs} ({self.rhythm}), {self.project.settings.shop.timezone}: {messages}"

    def to_json(self) -> dict[str, Any]:
        """The JSON of docs/commands.md#sendplan-simulate; another rule set's numbers have a key of their own."""
        text = self._calendar.text
        data = {"from": text(self.span.first), "to": text(self.span.last), **_sends_json(self.sends, self._calendar)}
        if self.other is None:
            return data
        other = {"revision": self.other_name, **_sends_json(self.other.sends, self._calendar)}
        return {**data, "rules_from": other}

    def to_html(self) -> str:
        """A page with a chart, whole in itself."""
        from sendplan.simulation.simulation_page import page

        return page(self.title, self.subtitle, self.compared, self.periods, self.message_rows(), self.warnings)

    @property
    def _calendar(self) -> Calendar:
        return self.project.settings.calendar


def forecast(
    project: Project,
    first: str,
    last: str,
    *,
    every: str | None = None,
    before: Project | None = None,
    name: str = "",
    progress: Callable[[int], None] = lambda done: None,
) -> Forecast:
    """Play the project's rules over its store's orders from `first` to `last`, days or times (ISO 8601, shop's zone).

    `every` is a cron expression on the shop's clock in place of the usual runs. `before`, called `name`, is another
    rule set to compare with, over the same orders. `progress` hears how many orders have been played. Raises UserError
    for a wrong time or rhythm, and when no run falls into the time.
    """
    span = time_span(first, last, project.settings.calendar)
    rule_sets = [project] if before is None else [project, before]
    runs = _runs(every, rule_sets, span)
    with closing(_reader(project, project)) as reader:
        done, doubted = _simulated(project, reader, runs, span, progress)
        warnings = [*doubted, *_warnings(project, reader, done)]
        walked = reader.counts().get("orders", 0)
    other = None
    if before is not None:
        with closing(_reader(before, project)) as reader:
            other, doubted = _simulated(before, reader, runs, span, lambda done: progress(walked + done))
        warnings += [*doubted, *broken_there(before, name)]
    rhythm = every or project.settings.schedule or "daily at 06:00 and when a window opens"
    return Forecast(project, span, done, other, name, rhythm, tuple(warnings))


def time_span(first: str, last: str, calendar: Calendar) -> TimeSpan:
    """The time between two days or times, as people write them; raises UserError."""
    begin, end = _moment(first, calendar), _moment(last, calendar)
    until = calendar.instant(end)
    if not isinstance(end, datetime):
        until = calendar.instant(end + timedelta(days=1)) - timedelta(seconds=1)
    if until < calendar.instant(begin):
        raise _wrong(f"the end, {last}, is before the beginning, {first}", "name the earlier time first")
    return TimeSpan(begin, end, calendar.instant(begin), until)


def _moment(text: str, calendar: Calendar) -> Moment:
    instant = calendar.parse(text)
    if instant is None:
        raise _wrong(f"`{text}` is not a valid date", "write 2026-08-22, or 2026-08-22T12:00")
    return date.fromisoformat(text) if len(text) <= 10 else instant


def _runs(every: str | None, projects: Sequence[Project], span: TimeSpan) -> list[datetime]:
    wrong = cron_error(every) if every is not None else None
    if wrong is not None:
        raise _wrong(f"`{every}` is not a rhythm: {wrong}", 'write "0 6 * * *" for every day at six')
    if every is None:
        runs = usual_runs(projects, span.begin, span.end)
    else:
        runs = list(firings(projects[0].settings.calendar, every, span.begin, span.end))
    if not runs:
        raise _wrong("no run falls between the beginning and the end", "choose other times, or another rhythm")
    return runs


def _wrong(message: str, help_: str) -> UserError:
    return UserError(Problem("wrong-value", message, None, help_), Exit.USAGE)


def _reader(rules: Project, at: Project) -> Reader:
    """The store of one project for the rules of another, which differs in nothing but its rules."""
    return open_reader(at.settings.store, at.settings.folder, rules.settings.fields, rules.settings.calendar)


def _simulated(
    rules: Project, reader: Reader, runs: Sequence[datetime], span: TimeSpan, progress: Callable[[int], None]
) -> tuple[Simulation, list[str]]:
    """The simulation, and what to be warned of that has to do with how it was made."""
    # What people decide on the first day counts from its beginning: a forecast from today knows what is decided.
    calendar = rules.settings.calendar
    decided = calendar.instant(calendar.day(span.begin) + timedelta(days=1))
    overrides = overrides_of(
        (each for each in reader.suppressions() if each.at < decided),
        (each for each in reader.snoozes() if each.at < decided),
    )
    doubted: set[str] = set()
    while True:
        starts = starts_of(reader, span.begin)
        try:
            done = simulate(rules, starts, runs, overrides=overrides, interpreted=doubted, progress=progress)
        except Disagreement as found:
            doubted.add(found.rule)
        else:
            return done, list(map(said_of_disagreement, sorted(doubted)))


def _warnings(project: Project, reader: Reader, done: Simulation) -> Iterator[str]:
    settings = project.settings
    if not reader.counts().get("orders"):
        yield "there are no orders in the store yet: run `sendplan import FILE`"
    yield from never_carried(project, reader.imported())
    for window, rules in closed_windows(project, done.runs).items():
        yield (
            f"no run falls into window {window}, so {' and '.join(rules)} sends nothing here; "
            "choose other runs with --every"
        )
    refused = done.refused(settings.per_run)
    if refused:
        shown = [f"{minute(settings.calendar.text(run))} ({count:,})" for run, count in refused]
        more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
        yield (
            f"`limits.per_run` ({settings.per_run:,}) would have stopped the run of {', '.join(shown[:_NAMED])}{more} "
            "until somebody approves it; its messages count as sent here"
        )
    for rule, count in done.errors.items():
        yield f"{rule}: {count:,} orders could not be decided; `sendplan explain ORDER` says why"


def _sends_json(sends: Sequence[Send], calendar: Calendar) -> dict[str, Any]:
    numbers = volumes(sends, calendar)
    return {
        "sends": [_send_json(send, calendar) for send in sends],
        "volumes": {
            "by_rule": numbers.by_rule,
            "by_day": {str(day): count for day, count in numbers.by_day.items()},
            "by_region": numbers.by_region,
        },
    }


def _send_json(send: Send, calendar: Calendar) -> dict[str, Any]:
    return {
        "at": calendar.text(send.at),
        "key": send.key,
        "rule": send.rule,
        "step": send.step,
        "order": send.order,
        "region": send.region,
    }
