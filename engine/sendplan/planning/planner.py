"""Orders + rules + now → the send plan. Reads the store, writes nothing, and cannot send.

See docs/architecture.md#rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice

from sendplan.dataclass import dataclass
from sendplan.deciding.candidates import CandidateSearch, searches
from sendplan.deciding.decide import decide
from sendplan.deciding.decision import Decision, Situation
from sendplan.deciding.facts import Facts, facts_of
from sendplan.deciding.missed import missed_at
from sendplan.deciding.timing import MISSED_FOR
from sendplan.deciding.waits_on_unknown import waits_on
from sendplan.fields import catalogue
from sendplan.ledger import History, MessageKey, Standing
from sendplan.plan import WOULD_LEAVE, Entry, Missed, Plan, Reason, Status, key_of
from sendplan.planning.compiled.rule import ListedMessage
from sendplan.planning.compiled.search import CompiledSearch, Disagreement, compiled_search, said_of_disagreement
from sendplan.planning.entries import entry_of
from sendplan.project.project import Project
from sendplan.project.rules import Rule
from sendplan.project.settings import Settings
from sendplan.store.protocols import OrderSource
from sendplan.store.records import StoredOrder
from sendplan.text import counted

_CHUNK = 500
"""Orders whose ledger rows are read at once."""

_ROWS = 5_000
"""Orders that are decided on at once by a compiled rule."""

_NO_HISTORY = History()

_DEFAULTED = frozenset(
    name for name, each in catalogue().items() if each.instead or (each.always and each.default is None)
)
"""Fields whose value tells of the order even when no import carries them."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The time that a command goes by."""

    now: datetime
    """UTC."""
    replay: bool = False
    """Whether events after `now` are hidden: the clock was set back (docs/project.md#orders)."""


@dataclass(frozen=True, slots=True)
class OrderDecisions:
    """One order with the decision of every rule."""

    facts: Facts
    history: History
    decisions: tuple[Decision, ...]
    stored_at: datetime | None = None
    """When the order first came (UTC); None: for as long as one knows."""

    @property
    def order(self) -> str:
        """The order's id."""
        return self.facts.id


def standing_of(source: OrderSource, settings: Settings) -> Standing:
    """What the source says of all orders at once."""
    return Standing(by_present_account(source.imported(), settings), source.overrides())


def by_present_account(
    imported: Mapping[str, Mapping[str, datetime]], settings: Settings
) -> Mapping[str, Mapping[str, datetime]]:
    """By the present names of accounts: an earlier name stands for the account."""
    found: dict[str, dict[str, datetime]] = {}
    for stored, fields in imported.items():
        latest = found.setdefault(settings.present_account(stored), {})
        latest |= {name: max(at, latest.get(name, at)) for name, at in fields.items()}
    return found


def decide_orders(
    project: Project,
    source: OrderSource,
    clock: Clock,
    *,
    rules: Collection[str] | None = None,
    account: str | None = None,
    orders: Iterable[StoredOrder] | None = None,
) -> Iterator[OrderDecisions]:
    """Every order (or these) with its decisions, by id; `rules` and `account` narrow what is looked at."""
    standing = standing_of(source, project.settings)
    stream = iter(source.orders() if orders is None else orders)
    while chunk := list(islice(stream, _CHUNK)):
        histories = source.histories([order.id for order in chunk])
        for order in chunk:
            if account is not None and project.settings.present_account(order.account) != account:
                continue
            history = histories.get(order.id, _NO_HISTORY)
            decided = decide_order(project, order, history, standing, clock, rules=rules)
            if decided is not None:
                yield decided


def planned(
    project: Project,
    source: OrderSource,
    clock: Clock,
    *,
    rules: Collection[str] | None = None,
    account: str | None = None,
    interpreted: Collection[str] = (),
) -> Iterator[OrderDecisions | Planned]:
    """Everything that a plan lists or warns of, without looking at orders that it says nothing about.

    Rule by rule, each with the candidates that the store narrows down to; an order may come again with another rule.
    What a compiled rule can decide comes as `Planned`, all else as the interpreter's decisions, and all of the rules
    that are `interpreted`. Raises Disagreement when a rule must be.
    """
    standing = standing_of(source, project.settings)
    hide_after = clock.now if clock.replay else None
    for search in searches(project, clock.now, hide_after, source.accounts(), rules=rules, account=account):
        interpreter = _Interpreter(project, source, clock, search, standing, rules)
        yield from interpreter.candidates() if search.rule in interpreted else _compiled(interpreter)


@dataclass(frozen=True, slots=True)
class Planned:
    """A message that a plan lists, decided by a compiled rule."""

    search: CompiledSearch
    listed: ListedMessage

    @property
    def order(self) -> str:
        """The order's id."""
        return str(self.listed.cells[0])

    @property
    def reason(self) -> Reason:
        """Why it leaves or not."""
        return self.listed.kind.reason

    @property
    def key(self) -> str:
        """`ORDER/RULE` or `ORDER/RULE/STEP`."""
        return key_of(self.listed.cells[0], self.search.rule.rule.id, self.listed.kind.step.id)

    def entry(self, *, show_addresses: bool = False) -> Entry:
        """The line of the plan."""
        return self.search.entry(self.listed, show_addresses=show_addresses)


@dataclass(frozen=True, slots=True)
class _Interpreter:
    """Decides on the candidates of one search."""

    project: Project
    source: OrderSource
    clock: Clock
    search: CandidateSearch
    standing: Standing
    rules: Collection[str] | None

    def candidates(self) -> Iterator[OrderDecisions]:
        """All of them."""
        return self._decided(self.source.candidates(self.search.narrowings, self.search.fields))

    def orders(self, ids: Collection[str]) -> Iterator[OrderDecisions]:
        """Some of them."""
        return self._decided(self.source.orders_by_id(ids))

    def entries(self, ids: Collection[str]) -> dict[str, Entry]:
        """What the plan lists of some of them, by order."""
        return {
            each.facts.id: entry_of(self.project, each.facts, decision)
            for each in self.orders(ids)
            for decision in each.decisions
            if decision.status is not None
        }

    def _decided(self, orders: Iterable[StoredOrder]) -> Iterator[OrderDecisions]:
        stream, search = iter(orders), self.search
        while chunk := list(islice(stream, _CHUNK)):
            histories = self.source.histories([order.id for order in chunk], search.ledger)
            for order in chunk:
                if self.project.settings.present_account(order.account) not in search.accounts:
                    continue
                history = histories.get(order.id, _NO_HISTORY)
                decided = decide_order(
                    self.project,
                    order,
                    history,
                    self.standing,
                    self.clock,
                    rules=search.decided,
                    planned=self.rules,
                )
                if decided is not None:
                    yield replace(decided, decisions=tuple(filter(search.speaks_of, decided.decisions)))


def _compiled(interpreter: _Interpreter) -> Iterator[OrderDecisions | Planned]:
    """The candidates of one search, decided on cells as far as that is possible."""
    search, source = interpreter.search, interpreter.source
    clock, standing = interpreter.clock, interpreter.standing
    compiled = compiled_search(interpreter.project, search, standing, clock.now, hidden=clock.replay)
    rows = None if compiled is None else source.cells(search.narrowings, compiled.columns, search.ledger or ())
    if compiled is None or rows is None:
        yield from interpreter.candidates()
        return
    asked: list[str] = []
    while chunk := list(islice(rows, _ROWS)):
        listed, unclear = compiled.decide(chunk)
        compiled.compare(listed, interpreter.entries)
        yield from (Planned(compiled, each) for each in listed)
        asked += unclear
        if len(asked) >= _ROWS:
            yield from interpreter.orders(asked)
            asked.clear()
    yield from interpreter.orders(asked)


def decide_order(
    project: Project,
    order: StoredOrder,
    history: History,
    standing: Standing,
    clock: Clock,
    *,
    rules: Collection[str] | None = None,
    planned: Collection[str] | None = None,
    recheck: bool = False,
) -> OrderDecisions | None:
    """One order's decisions, each rule after those whose `sent(…)` it reads; None while the order does not exist yet.

    What this plan sends counts as sent at `now`. What it does not send although it is due, because its rule is not
    `planned`, makes its reader wait. So does everything that has not gone out yet under `recheck`, right before a mail.
    """
    settings = project.settings
    hide_after = clock.now if clock.replay else None
    facts = facts_of(order.values, settings, version=order.version, hide_after=hide_after)
    if facts is None:
        return None
    outcomes: dict[MessageKey, Reason] = dict(project.broken_outcomes)
    imported = standing.imported.get(facts.account, {})
    situation = Situation(clock.now, facts, history, imported, standing.overrides, outcomes)
    decisions = []
    for rule in project.rules_for(facts.account):
        if rules is not None and rule.id not in rules:
            continue
        decision = decide(rule, settings, situation)
        stays = recheck or (planned is not None and rule.id not in planned)
        not_gone_yet = stays and decision.reason is Reason.SEND
        outcomes[decision.key] = Reason.IN_FLIGHT if not_gone_yet else decision.reason
        decisions.append(decision)
    # Under a clock that was set back, an order counts as there since it was placed.
    return OrderDecisions(facts, history, tuple(decisions), None if clock.replay else order.stored_at)


def make_plan(
    project: Project,
    source: OrderSource,
    clock: Clock,
    *,
    rules: Collection[str] | None = None,
    account: str | None = None,
    orders: Collection[str] | None = None,
    show_addresses: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Plan:
    """The complete plan: what leaves now, later, is held or in error, and what to be warned of.

    `rules`, `account` and `orders` (ids) narrow it; `progress` hears how many orders have been looked at.
    """
    doubted: set[str] = set()
    while True:
        decided = planned(project, source, clock, rules=rules, account=account, interpreted=doubted)
        if orders is not None:
            decided = (each for each in decided if each.order in orders)
        counted = _counting(decided, progress)
        try:
            return plan_from(
                project, source, clock, counted, rules=rules, show_addresses=show_addresses, doubted=doubted
            )
        except Disagreement as found:
            doubted.add(found.rule)


def plan_from(
    project: Project,
    source: OrderSource,
    clock: Clock,
    decided: Iterable[OrderDecisions | Planned],
    *,
    rules: Collection[str] | None = None,
    show_addresses: bool = False,
    doubted: Collection[str] = (),
) -> Plan:
    """The plan that these decisions make; of `doubted` rules the compiled form was found to be wrong."""
    entries = [
        _broken_entry(each.id, str(each.problem.span), each.problem.message)
        for each in project.broken
        if rules is None or each.id in rules
    ]
    first_runs = source.first_runs()
    missed: list[Missed] = []
    unknown: Counter[tuple[str, str]] = Counter()
    suppressed = 0
    for each in decided:
        if isinstance(each, Planned):
            entries.append(each.entry(show_addresses=show_addresses))
            continue
        for decision in each.decisions:
            unknown.update((decision.rule.id, name) for name in waits_on(decision, project.settings))
            missed += _missed(project, decision, first_runs, each.stored_at)
            suppressed += _only_suppressed(decision, project.settings)
            if decision.status is not None:
                entries.append(entry_of(project, each.facts, decision, show_addresses=show_addresses))
    entries.sort(key=Entry.sort_key)
    sends = sum(entry.status is Status.SEND for entry in entries)
    limit = project.settings.per_run
    return Plan(
        now=project.settings.calendar.text(clock.now),
        timezone=project.settings.shop.timezone,
        digest=project.digest,
        entries=tuple(entries),
        refused="per_run" if limit is not None and sends > limit else None,
        warnings=(
            *map(said_of_disagreement, sorted(doubted)),
            *_warnings(project, source, missed, unknown, rules),
        ),
        missed=tuple(sorted(missed, key=lambda each: (each.rule, each.at, each.order, each.step or ""))),
        unknown=dict(sorted(unknown.items())),
        suppressed=suppressed,
        formulas={
            rule.id: formula_of(rule) for rule in project.rules if rule.enabled and (rules is None or rule.id in rules)
        },
    ).identified()


def _missed(
    project: Project, decision: Decision, first_runs: Mapping[str, datetime], stored_at: datetime | None
) -> Iterator[Missed]:
    at = missed_at(decision, project.settings, first_runs, stored_at)
    if at is not None:
        facts, (rule, step) = decision.situation.facts, decision.key
        sender = project.settings.accounts[facts.account].sender
        yield Missed(rule, step or None, facts.id, sender, project.settings.calendar.text(at), decision.why)


def _only_suppressed(decision: Decision, settings: Settings) -> bool:
    """Whether a message would be listed, did its address get mail."""
    if decision.reason is not Reason.SUPPRESSED:
        return False
    situation = decision.situation
    free = replace(situation, overrides=replace(situation.overrides, suppressed={}))
    return decide(decision.rule, settings, free).status in WOULD_LEAVE


def formula_of(rule: Rule) -> str:
    """When the rule's messages are due, as it is written; of a ladder also how its later steps count."""
    due = " ".join(rule.due.text.split())
    waits = [str(step.after) for step in rule.steps if step.after]
    if len(set(waits)) == 1:
        return f"{due}, then every {waits[0]}"
    return ", then ".join((due, *waits))


def _counting(
    decided: Iterable[OrderDecisions | Planned], progress: Callable[[int], None]
) -> Iterator[OrderDecisions | Planned]:
    for number, each in enumerate(decided, start=1):
        yield each
        progress(number)


def _broken_entry(rule: str, place: str, message: str) -> Entry:
    return Entry(
        key=rule, status=Status.ERROR, reason=Reason.ERROR, why=f"{place}: {message}", rule=rule, step=None, order=None
    )


def _warnings(
    project: Project,
    source: OrderSource,
    missed: Iterable[Missed],
    unknown: Mapping[tuple[str, str], int],
    rules: Collection[str] | None,
) -> Iterator[str]:
    if not source.accounts():
        yield "there are no orders in the store yet: run `sendplan import FILE`"
    yield from never_carried(project, source.imported(), rules)
    for rule, count in sorted(Counter(each.rule for each in missed).items()):
        yield f"{rule}: {counted(count, 'message')} missed in the last {MISSED_FOR.days} days; see `sendplan status`"
    for (rule, name), count in sorted(unknown.items()):
        yield f"{rule}: {counted(count, 'order')} {'waits' if count == 1 else 'wait'} because `{name}` is missing"


def never_carried(
    project: Project, imported: Mapping[str, Mapping[str, datetime]], rules: Collection[str] | None = None
) -> Iterator[str]:
    """A sentence for each rule and account whose imports never carried a field that the rule reads."""
    by_name = by_present_account(imported, project.settings)
    for name, account in project.settings.accounts.items():
        carried = by_name.get(name)
        if not carried:
            continue
        for rule in sorted(project.rules_for(name), key=lambda each: each.id):
            if not rule.enabled or rule.id in account.skip or (rules is not None and rule.id not in rules):
                continue
            never = sorted(rule.reads - carried.keys() - _DEFAULTED)
            if never:
                fields = ", ".join(f"`{each}`" for each in never)
                yield f"{rule.id}: no import of account {name} ever carried {fields}"
