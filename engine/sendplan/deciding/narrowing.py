"""Rule → where in the store its candidates lie: every order that a plan could list is among them, few others are.

Cost follows what is due, not what is stored (docs/architecture.md#rules). The interpreter decides on each candidate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.deciding.region_bounds import in_regions, unknown_region
from sendplan.deciding.timing import MISSED_FOR, earliest_day
from sendplan.expressions.bounds import (
    ALWAYS,
    NEVER,
    Absent,
    AllOf,
    AnyOf,
    Balance,
    Bound,
    Compared,
    Constant,
    Last,
    Latest,
    Listed,
    Never,
    Operand,
    Present,
    all_of,
    any_of,
    conjuncts,
    parts_of,
)
from sendplan.expressions.inverse import before_adding
from sendplan.expressions.nodes import Add, And, Conditional, Literal, Node, ParamValue, walk
from sendplan.expressions.pushdown import OPEN_BALANCE, Pushdown
from sendplan.fields import EVENTS, FieldType
from sendplan.ledger import ANY_STEP, MessageKey
from sendplan.project.rules import Rule, Step
from sendplan.project.settings import Settings
from sendplan.units import Duration

FAR = 100 * 366
"""Days beyond which a duration may lead out of the years 1 to 9999; who knows what `closed` holds."""
_DAY_AND_CLOCK_CHANGE = timedelta(hours=28)
"""A local day is not longer."""
_SOON = frozenset({"checkout_completed", "paid", "shipped", "delivered"})
"""Events that nearly every order reaches: few orders lack one."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index on orders that a narrowing wants; the store creates it when it imports, never when it plans."""

    key: tuple[Operand, ...]
    only: Bound = ALWAYS
    """The orders in it; its constants are whole numbers, so that they stand in the index itself."""


@dataclass(frozen=True, slots=True)
class Previous:
    """One of these messages has been sent, at an instant that is bound so."""

    keys: tuple[MessageKey, ...]
    at: tuple[tuple[str, datetime], ...]
    """Operators `< <= > >=`, each with an instant (UTC)."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Orders among which are all that one message of a rule may be listed for."""

    orders: Bound
    unsettled: tuple[MessageKey, ...]
    """Of these keys the ledger has no row, or a deferred one."""
    previous: Previous | None = None
    index: Index | None = None


BY_ACCOUNT = Index(("account", "ordered"))
"""Serves every lookback, and tells which accounts have orders."""
_LAST_EVENT = Last(EVENTS)
BY_LAST_EVENT = Index((_LAST_EVENT,))
"""Serves plans under a clock that was set back: which orders have changed since."""


def narrowings(
    rule: Rule,
    settings: Settings,
    accounts: frozenset[str],
    params: Mapping[str, ParamValue],
    now: datetime,
    hide_after: datetime | None = None,
) -> tuple[Narrowing, ...]:
    """Where the rule's candidates among these accounts' orders lie; none when it is off or all accounts skip it.

    The accounts share `params`. `hide_after` (UTC) is the clock that was set back, after which events are hidden.
    """
    known = [settings.accounts[name] for name in sorted(accounts)]
    asked = frozenset(each.name for each in known if not each.closed and rule.id not in each.skip)
    if not rule.enabled or not asked:
        return ()

    def found(hidden: datetime | None) -> Iterator[Narrowing]:
        for narrower in (_Narrower, _UndecidedNarrower):
            yield from narrower(rule, settings, asked, params, now, hidden).narrowings()

    if hide_after is None:
        return tuple(found(None))
    # Most orders looked then as they do now; only those of which something has happened since did not.
    placed, changed = Compared("ordered", "<=", hide_after), Compared(_LAST_EVENT, ">", hide_after)
    return (
        *(replace(each, orders=all_of((placed, each.orders))) for each in found(None)),
        *(replace(each, orders=all_of((changed, each.orders)), index=BY_LAST_EVENT) for each in found(hide_after)),
    )


def everything(accounts: Iterable[str]) -> Narrowing:
    """All orders of these accounts, also ones that the project does not know."""
    return Narrowing(Listed("account", frozenset(accounts)), ())


class _Narrower:
    def __init__(
        self,
        rule: Rule,
        settings: Settings,
        accounts: frozenset[str],
        params: Mapping[str, ParamValue],
        now: datetime,
        hide_after: datetime | None,
    ) -> None:
        self.rule = rule
        self.settings = settings
        self.calendar = settings.calendar
        self.now = now
        self.since = now - MISSED_FOR
        known = [settings.accounts[name] for name in sorted(accounts)]
        stored = {name: (each.name, each.portal) for each in known for name in each.names}
        self.accounts = frozenset(stored)
        """As stored orders name them."""
        self.pushdown = Pushdown(settings.fields, self.calendar, params, stored, hide_after)

    def narrowings(self) -> Iterator[Narrowing]:
        for position, step in enumerate(self.rule.steps):
            try:
                found = tuple(self._of_step(position, step))
            except OverflowError:
                # The decision says `error` then, for orders that no date tells apart.
                found = (Narrowing(self._asked(), step.keys),)
            yield from (each for each in found if not isinstance(each.orders, Never))

    def _of_step(self, position: int, step: Step) -> Iterator[Narrowing]:
        if self._far(step):
            # Nor does any date, not even that of a lookback.
            yield Narrowing(self._asked(), step.keys, None, BY_ACCOUNT)
            return
        if position == 0:
            yield from self._first(step)
        if self.rule.ladder:
            yield from self._later(self._before(step), step)

    def _first(self, step: Step) -> Iterator[Narrowing]:
        """What may begin: the rule's own due date, its lookback, its first day."""
        due = self.pushdown.compared(self.rule.due.root, "<=", self.now)
        fresh = self._lasts(step)
        begins = self._begins()
        for allowed, unclear in self._variants(step):
            common = all_of((self._asked(), allowed, due, fresh))
            index = self._first_index(step, allowed, fresh, unclear)
            if index is not None:
                yield Narrowing(all_of((common, any_of(bound for bound, _ in begins))), step.keys, None, index)
                continue
            for bound, by in begins:
                yield Narrowing(all_of((common, bound)), step.keys, None, by)

    def _later(self, before: tuple[MessageKey, ...], step: Step) -> Iterator[Narrowing]:
        """What goes on: due as it is now, and not before the last message and the step's distance from it."""
        due = self.rule.due.root
        common = all_of((self._asked(), self.pushdown.compared(due, "<=", self.now)))
        by_due = all_of((self._lasts(step), self._recent(due)))
        sent = (self._sent_bound(step, "<=", self.now),) if step.after is not None else ()
        recently = (*sent, *self._sent_lately(step)) if step.after is not None else ()
        for allowed, unclear in self._variants(step):
            asked, index = all_of((common, allowed)), unclear or self._open_index(allowed)
            yield Narrowing(all_of((asked, by_due)), step.keys, Previous(before, sent), index)
            if recently != sent:
                # One of both is the later: the due date, or the day that is counted from the last message.
                yield Narrowing(asked, step.keys, Previous(self._any_step(), recently), index)

    def _before(self, step: Step) -> tuple[MessageKey, ...]:
        """Of these one went out when the step is next: the active step before it, or what is switched off or gone."""
        written = self.rule.written
        here = next(n for n, each in enumerate(written) if each.id == step.id)
        active = {each.id for each in self.rule.steps}
        start = max((n for n in range(here) if written[n].id in active), default=None)
        keys = tuple(key for each in written[start or 0 : here] for key in each.keys)
        return keys if start is not None else (*keys, *self._any_step())

    def _any_step(self) -> tuple[MessageKey, ...]:
        taken_over = (key for step in self.rule.written for key in step.keys if key[0] not in self.rule.ids)
        return (*((id_, ANY_STEP) for id_ in self.rule.ids), *taken_over)

    # --- conditions ---

    def _asked(self) -> Bound:
        hide_after = self.pushdown.hide_after
        placed = ALWAYS if hide_after is None else Compared("ordered", "<=", hide_after)
        return all_of((Listed("account", self.accounts), placed))

    def _begins(self) -> tuple[tuple[Bound, Index | None], ...]:
        """Each way in which an order may begin, with the index that finds it."""
        rule, calendar = self.rule, self.calendar
        placed = ALWAYS if rule.orders_from is None else Compared("ordered", ">=", calendar.instant(rule.orders_from))
        if rule.lookback is None:
            return ((placed, None if rule.orders_from is None else BY_ACCOUNT),)
        start = self._lookback_start(rule.lookback)
        fields = self.settings.fields
        read = sorted(name for name in rule.due.fields() - {"ordered"} if fields[name].type is FieldType.MOMENT)
        return tuple(
            (all_of((placed, Compared(name, ">=", start))), BY_ACCOUNT if name == "ordered" else Index((name,)))
            for name in ("ordered", *read)
        )

    def _lookback_start(self, lookback: Duration) -> datetime:
        return self.calendar.instant(earliest_day(self.calendar, lookback, self.since))

    def _recent(self, due: Node) -> Bound:
        """The due date is not further back than the rule looks, nor was a few days ago."""
        lookback = self.rule.lookback
        return ALWAYS if lookback is None else self.pushdown.compared(due, ">=", self._lookback_start(lookback))

    def _lasts(self, step: Step) -> Bound:
        """What is due by `due` has not expired, or only a few days ago."""
        if step.expires is None:
            return ALWAYS
        due = self.rule.due.root
        end = Add(due.start, due.end, due, Literal(due.start, due.end, step.expires), 1)
        return self.pushdown.compared(end, ">=", self._ends_after(step.expires))

    def _ends_after(self, expires: Duration) -> datetime:
        """Of a calendar unit it is the end's day that is compared, and the end lies somewhere in it."""
        return self.since if expires.exact else self.since - _DAY_AND_CLOCK_CHANGE

    def _variants(self, step: Step) -> Iterator[tuple[Bound, Index | None]]:
        """Trigger, region, class and address: all of them met; or none shut out, and one unknown, with its index."""
        conditions, unclear = self._conditions_of(step), unknown_region(self.settings.regions, step.regions)
        allowed = in_regions(self.settings.regions, step.regions)
        met = all_of((*map(self.pushdown.true, conditions), allowed, Present("email")))
        yield met, None
        unknown = any_of((*map(self.pushdown.unknown, conditions), unclear))
        index = Index(("ordered",), unknown) if _is_lasting(unknown, self.pushdown) else None
        yield all_of((self._not_shut_out(step), unknown)), index

    def _conditions_of(self, step: Step) -> list[Node]:
        requires = self.settings.classes[step.klass].requires
        return [each.root for each in step.triggers] + ([] if requires is None else [requires.root])

    def _not_shut_out(self, step: Step) -> Bound:
        """Trigger, region and class are met or unknown, and there is an address."""
        regions = self.settings.regions
        parts = [part for each in self._conditions_of(step) for part in _conjunct_nodes(each)]
        somewhere = any_of((in_regions(regions, step.regions), unknown_region(regions, step.regions)))
        return all_of((*map(self.pushdown.not_false, parts), somewhere, Present("email")))

    def _sent_lately(self, step: Step) -> Iterator[tuple[str, datetime]]:
        """The bounds on the last message for which what is counted from it is neither expired nor too old."""
        if step.expires is not None:
            limit = self._ends_after(step.expires)
            bound = before_adding(self.calendar, ">=", limit, step.expires, 1)
            yield self._sent_bound(step, *bound)
        if self.rule.lookback is not None:
            yield self._sent_bound(step, ">=", self._lookback_start(self.rule.lookback))

    def _sent_bound(self, step: Step, operator: str, limit: datetime) -> tuple[str, datetime]:
        """The bound on when the last message went out, from one on what is counted from it."""
        assert step.after is not None
        return before_adding(self.calendar, operator, limit, step.after, 1)

    def _far(self, step: Step) -> bool:
        """Whether some date may lie beyond the calendar: the decision is an error then, whatever else is so."""
        if not 1000 < self.now.year < 9000:
            return True
        requires = self.settings.classes[step.klass].requires
        holds = [hold.when for hold in self.settings.holds]
        asked = [self.rule.due, *step.triggers, *([requires] if requires else []), *holds]
        nodes = [node for expression in asked for node in walk(expression.root)]
        durations = [self.pushdown.duration(node) for node in nodes] + [step.expires, step.after]
        return sum(each.most_days for each in durations if each is not None) > FAR

    # --- indexes ---

    def _first_index(self, step: Step, allowed: Bound, fresh: Bound, unclear: Index | None) -> Index | None:
        """By the due date where that is narrower than the lookback, and only the open orders where they are few."""
        operand = self._due_operand(step, fresh)
        if operand is None:
            return unclear or self._open_index(allowed)
        return self._open_index(allowed, operand) or (BY_ACCOUNT if operand == "ordered" else Index((operand,)))

    def _due_operand(self, step: Step, fresh: Bound) -> str | Latest | None:
        """What bounds the due date from below."""
        lookback, expires = self.rule.lookback, step.expires
        if expires is None or (lookback is not None and lookback.most_days < expires.most_days):
            return None
        for part in conjuncts(fresh):
            if isinstance(part, Compared) and part.operator in (">", ">=") and isinstance(part.operand, str | Latest):
                return part.operand
        return None

    def _open_index(self, allowed: Bound, operand: str | Latest = "ordered") -> Index | None:
        """Only the orders that have not come to where nearly all come, such as unpaid ones.

        Of their other conditions only those stand in the index that keep old orders out: alike rules share it then.
        """
        parts = [part for part in conjuncts(allowed) if self._is_awaited(part) or _is_rare(part)]
        return Index((operand,), all_of(parts)) if any(map(_is_rare, parts)) else None

    def _is_awaited(self, part: Bound) -> bool:
        """Whether it is an event that has not come."""
        return isinstance(part, Absent) and self.settings.fields[part.column].event


class _UndecidedNarrower(_Narrower):
    """Finds what would be listed if one knew which branch of a conditional counts in its due date."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.pushdown = replace(self.pushdown, undecided=True)

    def _variants(self, step: Step) -> Iterator[tuple[Bound, Index | None]]:
        """None is shut out, and the due date hangs on an unknown."""
        asked = [each.condition for each in walk(self.rule.due.root) if isinstance(each, Conditional)]
        unknown = any_of(map(self.pushdown.unknown, asked))
        if not isinstance(unknown, Never):
            yield all_of((self._not_shut_out(step), unknown)), None


def _is_lasting(bound: Bound, pushdown: Pushdown) -> bool:
    """Whether a condition is the same at every time, and made of whole numbers only."""
    return bound not in (ALWAYS, NEVER) and all(_is_plain(part, pushdown) for part in parts_of(bound))


def _is_plain(part: Bound, pushdown: Pushdown) -> bool:
    match part:
        case Present() | Absent() | AllOf() | AnyOf():
            return True
        case Compared(operand=operand, value=value):
            return isinstance(value, bool) or (not isinstance(value, str | datetime) and _is_number(operand, pushdown))
    return False


def _is_number(operand: Operand, pushdown: Pushdown) -> bool:
    if isinstance(operand, str):
        return pushdown.fields[operand].type in (FieldType.INTEGER, FieldType.DECIMAL)
    return isinstance(operand, Balance)


def _is_rare(part: Bound) -> bool:
    match part:
        case Absent(column=column):
            return column in _SOON
        case Compared(operand=operand, operator=operator, value=value):
            return operand == OPEN_BALANCE and operator in (">", ">=") and _is_positive(value)
    return False


def _is_positive(value: Constant) -> bool:
    return not isinstance(value, str | datetime) and value > 0


def _conjunct_nodes(node: Node) -> Iterator[Node]:
    """The parts of a condition that must all be met."""
    for part in node.parts if isinstance(node, And) else ():
        yield from _conjunct_nodes(part)
    if not isinstance(node, And):
        yield node
