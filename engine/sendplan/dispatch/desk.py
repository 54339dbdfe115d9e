"""One worker's hand on the ledger: intents, outcomes and refusals, each durable before anything else happens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from sendplan.dispatch.commits import Commits
from sendplan.dispatch.model import Verdict
from sendplan.dispatch.refusals_in_a_row import IN_A_ROW
from sendplan.dispatch.retries import next_attempt
from sendplan.events import emit
from sendplan.ledger import MessageKey, State
from sendplan.mail.replies import Reply
from sendplan.plan import Entry
from sendplan.project.settings import Sender
from sendplan.store.claims import ClaimResult, Intent, Settlement
from sendplan.store.journal import Journal
from sendplan.store.protocols import Store
from sendplan.store.records import StoreError

if TYPE_CHECKING:
    from sendplan.mail.message import Message


class UnrecordedError(Exception):
    """Neither the journal nor the ledger could take an outcome down: after the run nobody will know it."""


class Desk:
    """Belongs to one thread and reads its `store`; `commits` brings its changes together with those of the others."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        token: str,
        clock: Callable[[], datetime],
        commits: Commits,
        break_off: Callable[[BaseException], None],
    ) -> None:
        """`break_off` is told of an error that is no reason to leave a mail unfinished, but to begin no other."""
        self.store = store
        self.clock = clock
        self._journal = journal
        self._token = token
        self._commits = commits
        self._break_off = break_off

    def intend(self, entry: Entry, verdict: Verdict, sender: Sender, message: Message) -> ClaimResult:
        """The intent, immediately before the dot; durable, and the mark beyond it, when this returns.

        Raises StoreError or OSError when that is not so; the message has not been sent then.
        """
        order, key = identity(entry)
        self._journal.in_flight_again(order, key, self._token, self.clock())

        intent = Intent(
            order,
            key,
            version=verdict.version,
            token=self._token,
            sender=sender.name,
            address=verdict.address,
            klass=verdict.klass,
            classes=verdict.classes,
            recipients=recipients_of(message),
            limits=sender.limits,
            at=self.clock(),
        )
        try:
            return self._commits.claim(intent)
        except OSError:
            self.release(entry, "how far the mails have come could not be noted outside the store")
            raise

    def afterwards(self, act: Callable[[], None]) -> None:
        """Call `act` once everything noted so far is durable: at the next intent of any connection, or `flush`."""
        self._commits.add(then=act)

    def flush(self) -> None:
        """Return once everything noted so far is durable."""
        self._commits.flush()

    def settle(
        self,
        entry: Entry,
        to: State,
        reply: str,
        *,
        queue_id: str = "",
        next_attempt: datetime | None = None,
        charged: bool = True,
    ) -> None:
        """The outcome of an intent: in the journal now, in the ledger with the next commit.

        When the journal fails, in the ledger at once. Raises UnrecordedError when that fails too.
        """
        order, key = identity(entry)
        settlement = Settlement(
            order, key, self._token, to, self.clock(), reply, queue_id, next_attempt, charged=charged
        )
        self._commits.settle(settlement)
        try:
            self._journal.write(settlement)
        except OSError as error:
            self._break_off(error)
            try:
                self._commits.flush()
            except StoreError as failed:
                raise UnrecordedError(f"{to}: {reply}") from failed

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

    def fail_address(self, entry: Entry, verdict: Verdict, reply: Reply) -> None:
        """The address does not exist: it gets no mail any more."""
        self._record(entry, State.FAILED, str(reply), None, intended=False)
        self._commits.add(lambda store: store.suppress(verdict.address, at=self.clock(), reason=str(reply)))

    def pause_rule(self, rule: str, reply: Reply) -> None:
        """So many of its mails were refused in the same way that a person has to look."""
        reason = f"{IN_A_ROW} messages in a row were refused: {reply}"
        emit("rule_paused", logging.ERROR, rule=rule, code=reply.code)
        self._commits.add(lambda store: store.pause(rule, at=self.clock(), reason=reason, automatic=True))

    def trust_addresses_again(self, sender: str) -> None:
        """Take the suppressions back that this sender's latest refusals made."""
        self._commits.add(lambda store: store.trust_addresses_again(sender))

    def release(self, entry: Entry, reply: str, *, again: datetime | None = None) -> None:
        """Certainly not sent although intended, for the host's or the account's sake: may leave again, uncharged."""
        self.settle(entry, State.DEFERRED, reply, next_attempt=again or self.clock(), charged=False)

    def _record(self, entry: Entry, to: State, reply: str, again: datetime | None, *, intended: bool) -> None:
        if intended:
            self.settle(entry, to, reply, next_attempt=again)
            return
        order, key = identity(entry)
        at, sender = self.clock(), entry.sender or ""

        def make(store: Store) -> bool:
            return store.refuse(
                order, key, to, token=self._token, sender=sender, at=at, reply=reply, next_attempt=again
            )

        self._commits.add(make)

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
