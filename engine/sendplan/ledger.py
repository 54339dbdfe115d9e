"""What happened to each message: states and legal moves, keyed by (rule, step, order) (docs/sending.md#states)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TypeAlias

from sendplan.dataclass import dataclass

MessageKey: TypeAlias = tuple[str, str]
"""(rule id, step id) within one order; the step id is empty for a rule without a ladder."""

ANY_STEP = "*"
"""As a step id of an earlier message's key: whatever the rule sent, with a ladder or without."""


class State(StrEnum):
    """States of a ledger row; no row means not sent."""

    SENDING = "sending"
    """The durable intent, written immediately before the end of the message."""
    SENT = "sent"
    DEFERRED = "deferred"
    """The server said later; `next_attempt` says when."""
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    """The connection died after the end of the message: nobody knows (RFC 1047)."""
    DROPPED = "dropped"
    """A person decided that it shall never leave."""


SETTLED = frozenset({State.SENT, State.UNCERTAIN, State.FAILED, State.DROPPED})
"""The states that settle a key: no plan sends it again on its own."""

MOVES: Mapping[State | None, frozenset[State | None]] = {
    None: frozenset({State.SENDING, State.DEFERRED, State.FAILED, State.SENT, State.DROPPED}),
    State.SENDING: frozenset({State.SENT, State.DEFERRED, State.FAILED, State.UNCERTAIN}),
    State.DEFERRED: frozenset({State.SENDING, State.DEFERRED, State.SENT, State.FAILED, State.DROPPED, None}),
    State.UNCERTAIN: frozenset({State.SENT, State.DEFERRED, State.FAILED, State.DROPPED, None}),
    State.FAILED: frozenset({State.SENT, State.DROPPED, None}),
    State.SENT: frozenset(),
    State.DROPPED: frozenset({State.SENT, None}),
}
"""The legal moves; None is the absent row. `None → sent | dropped` are a person's, through `resolve`. `None →
deferred | failed` and `deferred → deferred` are refusals before the end of the message, which need no intent;
`uncertain → deferred | failed` is a late reply that reaches the one who sent it."""


def person_may(present: State | None, to: State | None) -> bool:
    """Whether `resolve` may move a message so: to `sent`, `dropped` or open again, and never while it is in flight."""
    return present is not State.SENDING and to in MOVES[present] and to in (State.SENT, State.DROPPED, None)


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the ledger."""

    rule: str
    step: str
    """Empty for a rule without a ladder."""
    order: str
    state: State
    at: datetime
    """When it entered this state (UTC); for `sent`, when the message really went out."""
    attempts: int = 0
    next_attempt: datetime | None = None
    reply: str = ""
    """The server's last reply, or a person's note."""
    queue_id: str = ""
    """The receiving server's name for the message, when its reply told one."""
    sender: str = ""
    """Name of the sender that carried it; empty when a person recorded it."""
    token: str = ""
    """The lease under which it was last sent."""
    repeat_from: datetime | None = None
    """A message whose executor vanished may be opened again only from then (UTC, the real clock): a late reply may
    still arrive (docs/sending.md#what-to-do-with-an-uncertain-message)."""


@dataclass(frozen=True, slots=True)
class Move:
    """One line of a message's history: a row's move from state to state, None being the absent row."""

    at: datetime
    before: State | None
    after: State | None
    reply: str
    actor: str
    """The plan that sent it, or `person`."""


@dataclass(frozen=True, slots=True)
class RefusedData:
    """A row of an order that an import refused: what the store knows of the order may be wrong since."""

    file: str
    line: int
    fields: frozenset[str]
    """What the file carries and no stored row has brought since; the order gets no mail until none is left."""


@dataclass(frozen=True, slots=True)
class History:
    """The ledger's rows of one order, and what imports could not take of it."""

    records: Mapping[MessageKey, Record] = field(default_factory=dict)
    refused: RefusedData | None = None

    def find(self, keys: tuple[MessageKey, ...]) -> Record | None:
        """The row that speaks for a message with these keys: its own, then those of earlier messages (`formerly`).

        One that was sent speaks before all others, the latest of several; then one that may have been.
        """
        if not self.records:
            return None
        found = [record for key in keys for record in self._under(key)]
        sent = [record for record in found if record.state is State.SENT]
        if sent:
            return max(sent, key=lambda record: record.at)
        doubtful = (record for state in _IN_DOUBT for record in found if record.state is state)
        return next(doubtful, found[0] if found else None)

    def _under(self, key: MessageKey) -> Iterator[Record]:
        if key[1] != ANY_STEP:
            return iter((self.records[key],) if key in self.records else ())
        return (record for record in self.records.values() if record.rule == key[0])

    def with_sent(self, order: str, keys: Iterable[MessageKey], at: datetime) -> History:
        """The history in which these messages of the order went out at an instant (UTC), too."""
        return replace(self, records={**self.records, **{key: Record(*key, order, State.SENT, at) for key in keys}})


_IN_DOUBT = (State.SENDING, State.UNCERTAIN)
"""The message may have gone out."""


def message_digest(secret: str, order: str, key: MessageKey) -> str:
    """32 hexadecimal digits that stand for a message in its `Message-ID` and envelope sender, at every attempt.

    Only the store's `secret` can make them: whoever knows the order and the address cannot make up a bounce.
    """
    named = "/".join(filter(None, (order, *key)))
    return hmac.new(secret.encode(), b"message\0" + named.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]


class BounceKind(StrEnum):
    """What a bounce says of an address."""

    HARD = "hard"
    """Nobody can be reached there."""
    SOFT = "soft"
    """This mail did not get there; another may."""


@dataclass(frozen=True, slots=True)
class Mailed:
    """A message that was handed to a server, as a bounce finds it."""

    order: str
    key: MessageKey
    address: str
    """Where it went, as `addresses.mailbox` spells it."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail server reported that a message which had been sent did not arrive."""

    order: str
    key: MessageKey
    kind: BounceKind
    at: datetime
    """When the report was read (UTC)."""
    address: str
    diagnosis: str
    """What the server said, with addresses masked."""
    status: str = ""
    """RFC 3463, `5.1.1`; empty when the report has none."""


EVERY_CLASS = ""
"""As a class: all mail to the address is suppressed."""


class SnoozeSubject(StrEnum):
    """What a person snoozes."""

    ORDER = "order"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Snooze:
    """Messages that a person put off until a day (docs/commands.md#sendplan-snooze)."""

    subject: SnoozeSubject
    name: str
    """The order's id, or the address as `addresses.mailbox` spells it."""
    until: date
    """The shop's day with whose beginning it ends."""
    at: datetime
    """Since when (UTC)."""
    rule: str = ""
    """Only this rule's messages; empty for all."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What people decided outside the rules: read when planning and again before each mail."""

    suppressed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Address as `addresses.mailbox` spells it → the classes of mail that it does not get, `EVERY_CLASS` for all, each
    with the reason."""
    snoozes: Mapping[tuple[SnoozeSubject, str], tuple[Snooze, ...]] = field(default_factory=dict)
    """By subject and its name."""
    paused: frozenset[str] = frozenset()
    """Names of paused senders and rules; `*` is everything."""
    orders_from: datetime | None = None
    """When the store was adopted (UTC): only orders from then on get mail."""

    def snoozed(self, order: str, address: str, rules: Collection[str]) -> Iterator[Snooze]:
        """The snoozes of an order or its buyer (`addresses.mailbox`) for any of the rules, also those that are over."""
        for subject in ((SnoozeSubject.ORDER, order), (SnoozeSubject.ADDRESS, address)):
            yield from (each for each in self.snoozes.get(subject, ()) if not each.rule or each.rule in rules)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands for all orders at once: when their data last came, and what people decided."""

    imported: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    """Account → field → when an import last carried it (UTC)."""
    overrides: Overrides = field(default_factory=Overrides)
