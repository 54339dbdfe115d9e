"""A person's word on messages, one or many at once (docs/sending.md#what-to-do-with-an-uncertain-message)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from sendplan.dataclass import dataclass
from sendplan.ledger import MessageKey, Record, State
from sendplan.plan import Plan, key_of
from sendplan.store.protocols import Reader, Store


class Verb(StrEnum):
    """What a person says of a message."""

    SENT = "sent"
    RETRY = "retry"
    DROP = "drop"

    @property
    def state(self) -> State | None:
        """The ledger's state that it leads to; None opens the message again."""
        match self:
            case Verb.SENT:
                return State.SENT
            case Verb.RETRY:
                return None
            case Verb.DROP:
                return State.DROPPED
            case _:
                assert_never(self)


@dataclass(frozen=True, slots=True)
class Selected:
    """Which of the messages that wait for a person are meant; what is None does not narrow."""

    states: frozenset[State] = frozenset({State.FAILED, State.UNCERTAIN})
    orders: frozenset[str] | None = None
    sender: str | None = None
    rule: str | None = None

    def means(self, record: Record) -> bool:
        """Whether a row of the ledger is among them."""
        return (
            (self.orders is None or record.order in self.orders)
            and (self.sender is None or record.sender == self.sender)
            and (self.rule is None or record.rule == self.rule)
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """One message that a person spoke of."""

    order: str
    message: MessageKey
    done: bool
    present: Record | None = None
    """The ledger's row that did not allow it."""

    @property
    def key(self) -> str:
        """`ORDER/RULE` or `ORDER/RULE/STEP`."""
        return key_of(self.order, self.message[0], self.message[1] or None)

    @property
    def why(self) -> str:
        """What the message is, when it could not be settled so."""
        return self.present.state.value if self.present is not None else "not sent"


def waiting(reader: Reader, chosen: Selected) -> tuple[tuple[str, MessageKey], ...]:
    """The messages that wait for a person and are meant, oldest first."""
    records: Iterable[Record] = reader.records(chosen.states)
    return tuple((each.order, (each.rule, each.step)) for each in records if chosen.means(each))


def missed(plan: Plan, chosen: Selected) -> tuple[tuple[str, MessageKey], ...]:
    """The messages that a plan tells as missed and that are meant, whatever `chosen.states` says: they have no row."""
    return tuple(
        (each.order, (each.rule, each.step or ""))
        for each in plan.missed
        if (chosen.sender is None or each.sender == chosen.sender) and (chosen.rule is None or each.rule == chosen.rule)
    )


def settle(
    store: Store, messages: Collection[tuple[str, MessageKey]], outcome: Verb, *, at: datetime
) -> tuple[Settled, ...]:
    """Settle each message that its state allows, all in one transaction; `at` is when it was sent (UTC).

    Opening a failed message again lifts the suppression that its refusal made.
    """
    with store.together():
        return tuple(_settled(store, messages, outcome, at))


def _settled(
    store: Store, messages: Collection[tuple[str, MessageKey]], outcome: Verb, at: datetime
) -> Iterator[Settled]:
    for order, message in messages:
        if store.move(order, message, outcome.state, at=at, reply=f"resolved by a person: {outcome}"):
            yield Settled(order, message, done=True)
        else:
            history = store.histories([order]).get(order)
            yield Settled(order, message, False, history.find((message,)) if history is not None else None)
