"""Replay or forecast: the planner's own decisions at every run of a virtual clock (docs/commands.md#sendplan-simulate).

Orders do not influence each other, so each one is walked through the runs by itself, and looked at only in those runs
in which one of its decisions can have changed. Memory holds the sends, never the orders.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, islice

from sendplan.cron import firings
from sendplan.deciding.decision import Decision
from sendplan.expressions import stored_fields
from sendplan.fields import EVENTS
from sendplan.ledger import History, MessageKey, Overrides, Record, Standing, State
from sendplan.plan import Reason, key_of
from sendplan.planning.planner import Clock, OrderDecisions, decide_order
from sendplan.project.project import Project
from sendplan.project.rules import Rule
from sendplan.store.protocols import Reader
from sendplan.store.records import StoredOrder
from sendplan.windows import next_opening, openings

_DAILY = "0 6 * * *"
"""On the shop's clock."""

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Send:
    """One message that left in the simulation."""

    at: datetime
    """The run's time, UTC."""
    rule: str
    step: str | None
    order: str
    region: str | None

    @property
    def key(self) -> str:
        """`ORDER/RULE` or `ORDER/RULE/STEP`."""
        return key_of(self.order, self.rule, self.step)

    def sort_key(self) -> tuple[datetime, str, str, str]:
        """By time, then as plans sort."""
        return (self.at, self.rule, self.step or "", self.order)


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a rule set sends between two moments."""

    runs: tuple[datetime, ...]
    """UTC, ascending."""
    sends: tuple[Send, ...]
    """In the order in which they leave."""
    errors: Mapping[str, int]
    """Rule → orders that could not be decided."""

    def refused(self, limit: int | None) -> list[tuple[datetime, int]]:
        """The runs, with their sends, that `limits.per_run` would have stopped until a person approves."""
        per_run = Counter(send.at for send in self.sends)
        return [(run, count) for run, count in sorted(per_run.items()) if limit is not None and count > limit]


@dataclass(frozen=True, slots=True)
class Start:
    """One order with its ledger as they stood when the simulation begins."""

    order: StoredOrder
    history: History


def simulate(
    project: Project,
    starts: Iterable[Start],
    runs: Sequence[datetime],
    *,
    overrides: Overrides = Overrides(),  # noqa: B008 - it is frozen
    progress: Callable[[int], None] = lambda done: None,
) -> Simulation:
    """Every send of these orders at these runs (UTC, ascending); what one run sends is in the ledger by the next.

    Data counts as just imported; `overrides` say what is suppressed, snoozed or paused all the while.
    """
    walker = _Walker(project, runs, overrides)
    sends: list[Send] = []
    for number, start in enumerate(starts, start=1):
        sends += walker.walk(start)
        progress(number)
    return Simulation(tuple(runs), tuple(sorted(sends, key=Send.sort_key)), dict(walker.errors))


def usual_runs(projects: Sequence[Project], first: datetime, last: datetime) -> list[datetime]:
    """When there are runs between two instants (UTC), both included, for rule sets of one shop, the first its own.

    By its `schedule`; without one daily at 06:00 and at each opening of a window that any of these rules asks for.
    """
    settings = projects[0].settings
    if settings.schedule is not None:
        return list(firings(settings.calendar, settings.schedule, first, last))
    runs = set(firings(settings.calendar, _DAILY, first, last))
    for project in projects:
        for window in _windows_used(project):
            runs.update(openings(project.settings.calendar, project.settings.windows[window], first, last))
    return sorted(runs)


def starts_of(reader: Reader, at: datetime) -> Iterator[Start]:
    """The store's orders, each with its ledger as it stood at `at` (UTC)."""
    orders = iter(reader.orders())
    while chunk := list(islice(orders, _CHUNK)):
        histories = reader.histories([order.id for order in chunk])
        for order in chunk:
            yield Start(order, _history_at(reader, order.id, histories.get(order.id, History()), at))


def _history_at(reader: Reader, order: str, history: History, at: datetime) -> History:
    records = {key: _record_at(reader, order, key, record, at) for key, record in history.records.items()}
    return History({key: record for key, record in records.items() if record is not None})


def _record_at(reader: Reader, order: str, key: MessageKey, record: Record, at: datetime) -> Record | None:
    """The row as it stood; what was in flight just then counts as it ended, else it would stand still for ever."""
    if record.at < at:
        return record
    last = max((move for move in reader.moves(order, key) if move.at < at), key=lambda move: move.at, default=None)
    if last is None or last.after is None:
        return None
    return record if last.after is State.SENDING else Record(*key, order, last.after, last.at)


class _Walker:
    def __init__(self, project: Project, runs: Sequence[datetime], overrides: Overrides) -> None:
        self.project = project
        self.calendar = project.settings.calendar
        self.runs = runs
        fields = [name for name, each in project.settings.fields.items() if not each.derived_from]
        last = runs[-1] if runs else None
        fresh = dict.fromkeys(fields, last) if last is not None else {}
        imported = dict.fromkeys(project.settings.accounts, fresh)
        self.standing = Standing(imported, overrides)
        self.events = _events_read(project)
        self.errors: Counter[str] = Counter()

    def walk(self, start: Start) -> Iterator[Send]:
        """One order's sends; between two runs that are looked at, no decision changes in a way that counts."""
        order, history = start.order, start.history
        events = sorted({self._run_from(moment) for moment in self._appearances(order)})
        wrong: set[str] = set()
        run: int | None = self._run_from(order.values["ordered"])  # type: ignore[arg-type]
        while run is not None and run < len(self.runs):
            decided = self._decide(order, history, self.runs[run])
            sends = [] if decided is None else [each for each in decided.decisions if each.reason is Reason.SEND]
            for decision in sends:
                yield self._send(decision, self.runs[run])
            if sends:
                history = history.with_sent(order.id, [each.key for each in sends], self.runs[run])
            if decided is None:
                run = None
                continue
            wrong |= {each.rule.id for each in decided.decisions if each.reason is Reason.ERROR}
            later = [each for each in events if each > run]
            for decision in decided.decisions:
                later += self._next_looks(decision, run)
            run = min(later, default=None)
        self.errors.update(wrong)

    def _decide(self, order: StoredOrder, history: History, now: datetime) -> OrderDecisions | None:
        return decide_order(self.project, order, history, self.standing, Clock(now, replay=True))

    def _send(self, decision: Decision, at: datetime) -> Send:
        step = decision.step.id or None if decision.step else None
        return Send(at, decision.rule.id, step, decision.situation.facts.id, decision.region)

    def _appearances(self, order: StoredOrder) -> Iterator[date]:
        """When what time travel hides comes to light: apart from sends, the only way in which an order changes."""
        for name in self.events:
            moment = order.values.get(name)
            if isinstance(moment, date):
                yield moment

    def _next_looks(self, decision: Decision, run: int) -> Iterator[int]:
        """The next run in which this decision may be another, so that the message leaves or nobody waits for it."""
        if decision.reason is Reason.SEND:
            yield run + 1
        elif (until := _news_at(decision)) is not None:
            yield self._run_from(until)

    def _run_from(self, moment: date) -> int:
        """The first run that does not lie before a moment."""
        return bisect_left(self.runs, self.calendar.instant(moment))


def _news_at(decision: Decision) -> datetime | None:
    """When time alone may next change what a decision means for the order's messages (UTC).

    What is stopped for good stays so, whichever question says it first.
    """
    stopped = decision.status is None and not any(check.until for check in decision.checks if not check.passed)
    return None if stopped else decision.until


def _is_open(project: Project, window: str, run: datetime) -> bool:
    settings = project.settings
    return next_opening(settings.calendar, settings.windows[window], run) == run


def closed_windows(project: Project, runs: Sequence[datetime]) -> dict[str, list[str]]:
    """The windows that none of the runs falls into, each with the rules in use that ask for it."""
    asked = _windows_used(project)
    closed = (window for window in asked if not any(_is_open(project, window, run) for run in runs))
    return {window: sorted(asked[window]) for window in closed}


def _windows_used(project: Project) -> Mapping[str, frozenset[str]]:
    """The windows that rules in use ask for, each with these rules."""
    asked: dict[str, frozenset[str]] = {}
    for rule in project.rules:
        for step in rule.steps if rule.enabled else ():
            if step.window is not None:
                asked[step.window] = asked.get(step.window, frozenset()) | {rule.id}
    return asked


def _all_rules(project: Project) -> Iterator[Rule]:
    return chain(project.rules, *project.by_account.values())


def _events_read(project: Project) -> tuple[str, ...]:
    """The event moments that a condition or a due date reads; or with which such a field comes to light."""
    settings = project.settings
    held = frozenset[str]().union(*(hold.when.fields() for hold in settings.holds))
    read = stored_fields(held, settings.fields).union(*(rule.reads for rule in _all_rules(project)))
    appear = read | {settings.fields[name].hidden_with for name in read}
    return tuple(name for name in EVENTS if name in appear)
