"""One order through the runs of a simulation, looked at only in those in which a decision can have changed.

Rules that read each other's messages are walked together, by the interpreter. Any other rule is walked by itself, in
its compiled form as far as that decides (docs/architecture.md#compiled-rules).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.deciding.candidates import alike, ledger_keys
from sendplan.deciding.decision import Decision
from sendplan.expressions import stored_fields
from sendplan.fields import EVENTS
from sendplan.ledger import History, Overrides, Standing
from sendplan.plan import Reason, key_of
from sendplan.planning.compiled.cells import Unusual, cells_of
from sendplan.planning.compiled.rule import Clocks, CompiledRule, ListedMessage
from sendplan.planning.compiled.rule_code import ASK
from sendplan.planning.compiled.search import Disagreement, compiled_rule
from sendplan.planning.planner import Clock, decide_order
from sendplan.project.project import Project
from sendplan.project.regions import ADDRESS_FIELDS
from sendplan.project.rules import Rule
from sendplan.project.settings import Settings
from sendplan.store.records import StoredOrder
from sendplan.store.sql.encoding import Cell, Codec, encode_instant


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
class Start:
    """One order with its ledger as they stood when the simulation begins."""

    order: StoredOrder
    history: History


class _Look(NamedTuple):
    """What one run finds."""

    sends: Sequence[Send] = ()
    again: int | None = None
    """The next run in which time alone may make it something else; None when none does."""
    wrong: Collection[str] = ()
    """The rules that could not be decided."""


_NOTHING = _Look()
_Looking: TypeAlias = Callable[[History, int], _Look]
"""What one order looks like with this ledger in this run."""


@dataclass(frozen=True, slots=True)
class _Runs:
    moments: Sequence[datetime]
    cells: Sequence[int]
    calendar: Calendar

    def first_from(self, moment: date) -> int:
        """The first run that does not lie before a moment."""
        return bisect_left(self.moments, self.calendar.instant(moment))

    def first_from_cell(self, moment: int) -> int:
        """The same of a moment as a store keeps it."""
        return bisect_left(self.cells, moment - moment % 1000)


class Walks:
    """Walks orders through runs (UTC, ascending); raises Disagreement when the interpreter has to decide on a rule."""

    def __init__(
        self, project: Project, runs: Sequence[datetime], overrides: Overrides, interpreted: Collection[str] = ()
    ) -> None:
        self.errors: Counter[str] = Counter()
        """Rule → orders that could not be decided."""
        self._project = project
        self._doubted = frozenset(interpreted)
        self._runs = _Runs(runs, [encode_instant(run) for run in runs], project.settings.calendar)
        self._codec = Codec(project.settings.calendar)
        fields = [name for name, each in project.settings.fields.items() if not each.derived_from]
        fresh = dict.fromkeys(fields, runs[-1]) if runs else {}
        self._standing = Standing(dict.fromkeys(project.settings.accounts, fresh), overrides)
        self._parts = self._by_account() if runs else {}
        self._all = self._interpreted(None)
        columns = {name for parts in self._parts.values() for each in parts for name in each.columns}
        self._columns = [project.settings.fields[name] for name in sorted(columns)]

    def sends(self, start: Start) -> Iterator[Send]:
        """What one order gets; what one run sends is in the ledger by the next."""
        account = self._project.settings.present_account(start.order.account)
        cells = self._cells(start.order)
        for part in self._parts.get(account, (self._all,)):
            yield from self._walk(start, part, part.about(start, cells))

    def _walk(self, start: Start, part: _Part, look: _Looking) -> Iterator[Send]:
        order, history = start.order, part.ledger_of(start.history)
        events = sorted(map(self._runs.first_from, part.appearances(order)))
        run, end = self._runs.first_from(order.values["ordered"]), len(self._runs.moments)  # type: ignore[arg-type]
        wrong: set[str] = set()
        while run < end:
            found = look(history, run)
            if found.sends:
                yield from found.sends
                keys = [(each.rule, each.step or "") for each in found.sends]
                history = history.with_sent(order.id, keys, self._runs.moments[run])
            wrong.update(found.wrong)
            next_event = bisect_right(events, run)
            later = events[next_event] if next_event < len(events) else end
            run = later if found.again is None else min(later, found.again)
        self.errors.update(wrong)

    def _cells(self, order: StoredOrder) -> dict[str, Cell] | None:
        """What a SQL store would keep of an order; None when it would not keep it exactly."""
        try:
            cells = cells_of(order.values, self._columns, self._codec)
        except Unusual:
            return None
        return {field.name: cell for field, cell in zip(self._columns, cells, strict=True)}

    def _by_account(self) -> dict[str, list[_Part]]:
        project = self._project
        settings = project.settings
        parts: dict[str, list[_Part]] = {name: [] for name in settings.accounts}
        by_id = {name: {rule.id: rule for rule in project.rules_for(name)} for name in settings.accounts}
        for ids in _together(chain(*(rules.values() for rules in by_id.values()))):
            first = min(ids)
            if len(ids) > 1 or any(rule.sent_keys() for name in by_id if (rule := by_id[name].get(first))):
                for found in parts.values():
                    found.append(self._interpreted(ids))
                continue
            for rule, accounts in alike(project, {name: rules[first] for name, rules in by_id.items()}):
                known = (settings.accounts[each] for each in accounts)
                asked = [each.name for each in known if not each.closed and rule.id not in each.skip]
                if rule.enabled and rule.steps and asked:
                    part = self._alone(rule, accounts)
                    for name in asked:
                        parts[name].append(part)
        return parts

    def _interpreted(self, ids: frozenset[str] | None) -> _Part:
        return _Part(self._project, self._runs, self._standing, ids)

    def _alone(self, rule: Rule, accounts: frozenset[str]) -> _Part:
        """A rule that reads no other's messages."""
        compiled = None
        if rule.id not in self._doubted:
            last = self._runs.moments[-1]
            compiled = compiled_rule(
                self._project, rule.id, accounts, self._standing, last, hidden=True, only_sends=True
            )
        if compiled is None:
            return self._interpreted(frozenset({rule.id}))
        return _CompiledPart(self._project, self._runs, self._standing, compiled)


class _Part:
    """Rules that are walked together, by the interpreter."""

    columns: Collection[str] = ()
    """The stored fields whose cells are looked at."""

    def __init__(self, project: Project, runs: _Runs, standing: Standing, ids: frozenset[str] | None) -> None:
        """None: all rules."""
        self.project, self.runs, self.standing, self.ids = project, runs, standing, ids
        every = chain(project.rules, *project.by_account.values())
        self.events = _events_read(project.settings, (rule for rule in every if ids is None or rule.id in ids))

    def about(self, start: Start, cells: dict[str, Cell] | None) -> _Looking:
        """How one order is looked at."""
        return partial(self._interpret, start.order)

    def ledger_of(self, history: History) -> History:
        """What of an order's ledger the rules read."""
        return history

    def appearances(self, order: StoredOrder) -> Iterator[date]:
        """When what time travel hides comes to light: apart from sends, the only way in which an order changes."""
        for name in self.events:
            moment = order.values.get(name)
            if isinstance(moment, date):
                yield moment

    def _interpret(self, order: StoredOrder, history: History, run: int) -> _Look:
        clock = Clock(self.runs.moments[run], replay=True)
        decided = decide_order(self.project, order, history, self.standing, clock, rules=self.ids)
        if decided is None:
            return _NOTHING
        sends = [_send(decision, clock.now) for decision in decided.decisions if decision.reason is Reason.SEND]
        looks = [look for decision in decided.decisions for look in self._next_looks(decision, run)]
        wrong = {each.rule.id for each in decided.decisions if each.reason is Reason.ERROR}
        return _Look(sends, min(looks, default=None), wrong)

    def _next_looks(self, decision: Decision, run: int) -> Iterator[int]:
        """The next run in which this decision may be another, so that the message leaves or nobody waits for it."""
        if decision.reason is Reason.SEND:
            yield run + 1
        elif (until := _news_at(decision)) is not None:
            yield self.runs.first_from(until)


class _CompiledPart(_Part):
    """One rule, in its compiled form; where that asks, the interpreter decides."""

    def __init__(self, project: Project, runs: _Runs, standing: Standing, rule: CompiledRule) -> None:
        super().__init__(project, runs, standing, frozenset({rule.rule.id}))
        self.rule, self.columns = rule, tuple(rule.columns)
        self._ledger = frozenset(key[0] for key in ledger_keys(rule.rule))
        self._clocks: dict[int, Clocks | None] = {}
        self._sends: Counter[str] = Counter()
        """Step → messages that left."""

    def about(self, start: Start, cells: dict[str, Cell] | None) -> _Looking:
        order = start.order
        if cells is None:
            return partial(self._interpret, order)
        refused = start.history.refused is not None
        return partial(self._decide, order, (order.id, order.account, None, refused, *map(cells.get, self.columns)))

    def ledger_of(self, history: History) -> History:
        if not history.records:
            return history
        rows = {key: row for key, row in history.records.items() if key[0] in self._ledger}
        return History(rows, history.refused)

    def _decide(self, order: StoredOrder, row: tuple[Any, ...], history: History, run: int) -> _Look:
        clocks = self._clocks_at(run)
        if clocks is None:
            return self._interpret(order, history, run)
        answer = self.rule.decide(row, clocks, history)
        if answer is None:
            return _NOTHING
        if answer is ASK:
            return self._interpret(order, history, run)
        if not isinstance(answer, ListedMessage):
            return _Look((), self.runs.first_from_cell(answer))
        return self._sent(order, history, run, answer)

    def _sent(self, order: StoredOrder, history: History, run: int, listed: ListedMessage) -> _Look:
        rule, step = self.rule.rule, listed.kind.step.id
        address = dict(zip(self.columns, listed.cells[-len(self.columns) :], strict=True))
        located = self.rule.world.places.locate(*(address[name] for name in ADDRESS_FIELDS))
        found = _Look([Send(self.runs.moments[run], rule.id, step or None, order.id, located.region)], run + 1)
        # The interpreter is asked of the first, the second, the fourth, the eighth …
        self._sends[step] += 1
        if self._sends[step].bit_count() == 1 and self._interpret(order, history, run).sends != found.sends:
            raise Disagreement(rule.id)
        return found

    def _clocks_at(self, run: int) -> Clocks | None:
        """None where the interpreter has to decide on all orders."""
        if run not in self._clocks:
            try:
                self._clocks[run] = self.rule.clocks(self.runs.moments[run])
            except (Unusual, OverflowError):
                self._clocks[run] = None
        return self._clocks[run]


def _send(decision: Decision, at: datetime) -> Send:
    step = decision.step.id or None if decision.step else None
    return Send(at, decision.rule.id, step, decision.situation.facts.id, decision.region)


def _news_at(decision: Decision) -> datetime | None:
    """When time alone may next change what a decision means for the order's messages (UTC).

    What is stopped for good stays so, whichever question says it first.
    """
    stopped = decision.status is None and not any(check.until for check in decision.checks if not check.passed)
    return None if stopped else decision.until


def _events_read(settings: Settings, rules: Iterable[Rule]) -> tuple[str, ...]:
    """The event moments that a condition or a due date reads; or with which such a field comes to light."""
    held = frozenset[str]().union(*(hold.when.fields() for hold in settings.holds))
    read = stored_fields(held, settings.fields).union(*(rule.reads for rule in rules))
    appear = read | {settings.fields[name].hidden_with for name in read}
    return tuple(name for name in EVENTS if name in appear)


def _together(rules: Iterable[Rule]) -> list[frozenset[str]]:
    """The ids of rules, those together of which one reads the other's messages."""
    groups: list[frozenset[str]] = []
    for rule in rules:
        linked = frozenset({rule.id, *(key[0] for key in rule.sent_keys())})
        touched = [each for each in groups if each & linked]
        groups = [*(each for each in groups if not each & linked), linked.union(*touched)]
    return groups
