"""Which messages a person's word is about, and what came of it (docs/commands.md#sendplan-resolve)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sendplan.dataclass import dataclass
from sendplan.ledger import MessageKey, State
from sendplan.operating.by_hand import Person
from sendplan.operating.meant import known_sender
from sendplan.operating.settling import Selected, Settled, Verb, missed, waiting
from sendplan.planning.finding import named
from sendplan.planning.lookup import known_rules, message_named, unknown_message
from sendplan.planning.planner import Clock, make_plan
from sendplan.problems import Exit, Problem, UserError, wrong_value
from sendplan.project.project import Project
from sendplan.store.protocols import Reader

MISSED = "missed"
"""As the state of messages: they have no row in the ledger."""
STATES = (State.FAILED.value, State.UNCERTAIN.value, MISSED)
_NAME_ONE = "name one message to settle it whatever became of it: ORDER/RULE, or ORDER/RULE/STEP"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of the messages that a person spoke of."""

    settled: tuple[Settled, ...]
    freed: tuple[str, ...]
    """The orders that no refused row holds any more."""

    @property
    def done(self) -> bool:
        """Whether every message could be settled so."""
        return all(each.done for each in self.settled)


def resolve(
    project: Project,
    person: Person,
    names: Sequence[str],
    outcome: Verb,
    *,
    sender: str | None = None,
    rule: str | None = None,
    state: str | None = None,
    clock: Clock,
) -> Resolution:
    """Settle what is named (messages, orders), or all that wait for a person of a sender, a rule, one of `STATES`.

    `clock` says when a message was sent, or missed. Raises UserError for names that mean nothing, when nothing of what
    is named waits for a person, and when the store may have forgotten mails that left.
    """
    if bool(names) is any(each is not None for each in (sender, rule, state)):
        raise wrong_value("messages or orders are named, or chosen by sender, rule or state", "do one of both")
    if state is not None and state not in STATES:
        raise wrong_value(f"`{state}` is not a state that waits for a person", f"write {', '.join(STATES)}")
    if state == MISSED and outcome is Verb.RETRY:
        raise wrong_value("a missed message is too late", "change `expires` or `lookback` of its rule, or `drop` it")
    known_rules(project, (rule,) if rule is not None else ())
    states = Selected().states if state in (None, MISSED) else frozenset({State(state)})
    chosen = Selected(states, None, known_sender(project.settings, sender) if sender is not None else None, rule)
    store = person.store
    found = _named(project, store, names)

    def choose(freed: Collection[str]) -> Iterable[tuple[str, MessageKey]]:
        if state == MISSED:
            # Sent may have been a day on which it was not too late yet.
            looked = clock if outcome is Verb.DROP else Clock(datetime.now(UTC))
            return missed(make_plan(project, store, looked), chosen)
        orders = frozenset(found.orders).difference(freed)
        return [*found.messages, *waiting(store, replace(chosen, orders=orders if names else None))]

    settled, freed = person.settle(project, choose, outcome, at=clock.now, marked=found.orders)
    if names and not settled and not freed:
        problem = Problem("illegal-move", f"nothing of {', '.join(names)} waits for a person", None, _NAME_ONE)
        raise UserError(problem, Exit.REFUSED)
    return Resolution(settled, freed)


@dataclass(frozen=True, slots=True)
class _Named:
    """What the names stand for."""

    messages: tuple[tuple[str, MessageKey], ...]
    orders: tuple[str, ...]


def _named(project: Project, reader: Reader, names: Sequence[str]) -> _Named:
    """The messages and orders that are named; raises UserError with all names that are neither."""
    messages: list[tuple[str, MessageKey]] = []
    orders: list[str] = []
    problems: list[Problem] = []
    for name in names:
        message = message_named(project, reader, name)
        if message is not None:
            messages.append(message)
        elif stored := named(reader, name):
            orders += [each.id for each in stored]
        elif _is_marked(reader, name):
            orders.append(name)
        else:
            problems += unknown_message(project, reader, name).problems
    if problems:
        raise UserError(problems, Exit.USAGE)
    return _Named(tuple(messages), tuple(orders))


def _is_marked(reader: Reader, order: str) -> bool:
    """Whether a row of an order was refused, which may not be stored at all."""
    history = reader.histories([order]).get(order)
    return history is not None and history.refused is not None
