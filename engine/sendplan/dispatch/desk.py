"""One worker's hand on the ledger: intents, outcomes and refusals, each durable before anything else happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from sendplan.dispatch.journal import Journal, Settlement
from sendplan.dispatch.model import Verdict
from sendplan.dispatch.retries import next_attempt
from sendplan.ledger import MessageKey, State
from sendplan.plan import Entry
from sendplan.replies import Reply
from sendplan.settings import Sender
from sendplan.store.base import Intent, Store

if TYPE_CHECKING:
    from sendplan.message import Message

FAILURES_IN_A_ROW = 5
"""Refusals with the same code after which a rule is paused."""


class Refusals:
    """How often each rule was refused with the same code in a row; shared by all workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[str, int]] = {}

    def accepted(self, rule: str) -> None:
        """A message of this rule was taken."""
        with self._lock:
            self._runs.pop(rule, None)

    def refused(self, rule: str, reply: Reply) -> bool:
        """A message of this rule failed; whether the rule is to be paused now."""
        code = f"{reply.code} {reply.enhanced}"
        with self._lock:
            last, count = self._runs.get(rule, (code, 0))
            count = count + 1 if last == code else 1
            self._runs[rule] = (code, count % FAILURES_IN_A_ROW)
            return count == FAILURES_IN_A_ROW


class Desk:
    """Belongs to one thread, as its store does; `turn` lets one commit of this process at a time wait for the disk."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        token: str,
        clock: Callable[[], datetime],
        turn: threading.Lock,
        refusals: Refusals,
    ) -> None:
        self.store = store
        self._journal = journal
        self._token = token
        self.clock = clock
        self._turn = turn
        self._refusals = refusals

    def intend(self, entry: Entry, verdict: Verdict, sender: Sender, message: Message) -> Intent:
        """The intent, immediately before the dot."""
        with self._turn:
            return self.store.intend(
                *identity(entry),
                version=verdict.version,
                token=self._token,
                sender=sender.name,
                address=verdict.address,
                recipients=recipients_of(message),
                limits=sender.limits,
                at=self.clock(),
            )

    def settle(
        self,
        entry: Entry,
        to: State,
        reply: str,
        *,
        queue_id: str = "",
        next_attempt: datetime | None = None,
        charged: bool = True,
    ) -> bool:
        """The outcome of an intent, in the journal first."""
        order, key = identity(entry)
        settlement = Settlement(
            order, key, self._token, to, self.clock(), reply, queue_id, next_attempt, charged=charged
        )
        self._journal.write(settlement)
        with self._turn:
            return settlement.apply(self.store)

    def accepted(self, entry: Entry, reply: Reply, queue_id: str) -> None:
        """The message was sent."""
        self.settle(entry, State.SENT, str(reply), queue_id=queue_id)
        self._refusals.accepted(entry.rule)

    def postpone(self, entry: Entry, verdict: Verdict, reply: Reply, *, intended: bool) -> datetime | None:
        """The server said later: when the next attempt is, or None when that is too late and the message has failed."""
        order, key = identity(entry)
        at = self.clock()
        attempts, first = self._attempts(order, key, at, intended=intended)
        again = next_attempt(entry.key, attempts, at=at, first=first, expires_at=verdict.expires_at)
        state = State.FAILED if again is None else State.DEFERRED
        self._record(entry, state, str(reply), again, intended=intended)
        return again

    def fail(self, entry: Entry, reply: Reply, *, intended: bool) -> None:
        """The server said never."""
        self._record(entry, State.FAILED, str(reply), None, intended=intended)
        if self._refusals.refused(entry.rule, reply):
            with self._turn:
                reason = f"{FAILURES_IN_A_ROW} messages in a row were refused: {reply}"
                self.store.pause(entry.rule, at=self.clock(), reason=reason)

    def fail_address(self, entry: Entry, verdict: Verdict, reply: Reply) -> None:
        """The address does not exist: it gets no mail any more."""
        self._record(entry, State.FAILED, str(reply), None, intended=False)
        with self._turn:
            self.store.suppress(verdict.address, at=self.clock(), reason=str(reply))

    def release(self, entry: Entry, reply: str, *, again: datetime | None = None) -> None:
        """Certainly not sent although intended, for the host's or the account's sake: may leave again, uncharged."""
        self.settle(entry, State.DEFERRED, reply, next_attempt=again or self.clock(), charged=False)

    def _record(self, entry: Entry, to: State, reply: str, again: datetime | None, *, intended: bool) -> None:
        if intended:
            self.settle(entry, to, reply, next_attempt=again)
            return
        with self._turn:
            self.store.refuse(
                *identity(entry),
                to,
                token=self._token,
                sender=entry.sender or "",
                at=self.clock(),
                reply=reply,
                next_attempt=again,
            )

    def _attempts(self, order: str, key: MessageKey, at: datetime, *, intended: bool) -> tuple[int, datetime]:
        """How many attempts there were with this one, and when the first was."""
        history = self.store.histories([order]).get(order)
        record = history.records.get(key) if history else None
        first = at
        for move in self.store.moves(order, key):
            first = at if move.after is None else min(first, move.at)
        attempts = record.attempts if record else 0
        return (attempts if intended else attempts + 1), first


def identity(entry: Entry) -> tuple[str, MessageKey]:
    """(order, ledger key) of an entry."""
    assert entry.order is not None
    return entry.order, (entry.rule, entry.step or "")


def recipients_of(message: Message) -> int:
    """What a message counts towards its sender's limits: its recipients, the copy included."""
    return len(message.recipients) + (message.copy is not None)
