"""The dispatcher's half of a store: intents, outcomes, and a person's moves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any

from sendplan.addresses import mailbox
from sendplan.ledger import EVERY_CLASS, MOVES, MessageKey, SnoozeSubject, State, message_digest, person_may
from sendplan.project.settings import TRANSACTIONAL
from sendplan.store.claims import ClaimResult, ClaimStatus, Exchange, Intent, Settlement
from sendplan.store.records import SECRET
from sendplan.store.sql.database import Dialect, Lock, Statement, Transaction
from sendplan.store.sql.encoding import encode_instant
from sendplan.store.sql.plan_leases import SqlPlanLeases
from sendplan.store.sql.reader import LEASES, RECENT
from sendplan.store.sql.sender_limits import Quotas

_KEY = "order_id = ? AND rule = ? AND step = ?"
_ORIGINS = {
    to: ", ".join(f"'{state}'" for state in (State.SENDING, State.UNCERTAIN) if to in MOVES[state]) for to in State
}
"""State → from which an outcome may bring a message there, as SQL."""


class SqlLedger(SqlPlanLeases):
    """Reads and hands out plans as its bases do, and moves messages."""

    @cached_property
    def _guards(self) -> str:
        return _guards(self._database.dialect)

    @cached_property
    def _secret(self) -> str:
        return self.meta(SECRET) or ""

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is changed within becomes durable at once, or not at all."""
        with self._database.transaction(Lock.LEDGER):
            yield

    def claim(self, intents: Sequence[Intent]) -> tuple[ClaimResult, ...]:
        with self._database.transaction(Lock.LEDGER) as connection:
            wall = self._wall()
            quotas = Quotas(connection, wall)
            taken: set[tuple[str, MessageKey]] = set()
            answers, rows = [], []
            asked = json.dumps([self._asked(each) for each in intents])
            for intent, (plan, *guards) in zip(
                intents, connection.execute(self._guards, {"asked": asked, "wall": wall}), strict=True
            ):
                message = (intent.order, intent.key)
                answer = _answer(intent, plan, guards, quotas, taken=message in taken)
                answers.append(answer)
                if answer.status is ClaimStatus.OK:
                    taken.add(message)
                    quotas.grant(intent.sender, intent.recipients)
                    sender = (intent.sender, intent.recipients, intent.token)
                    named = (message_digest(self._secret, intent.order, intent.key), mailbox(intent.address))
                    rows.append((intent.order, *intent.key, encode_instant(intent.at), *sender, plan, wall, *named))
            connection.executemany(
                f"INSERT INTO messages ({INTENT_COLUMNS})"
                " VALUES (?, ?, ?, 'sending', ?, 1, NULL, '', '', ?, ?, ?, ?, ?, NULL, ?, ?)"
                f" {OVER_DEFERRED}",
                rows,
            )
            return tuple(answers)

    def _asked(self, intent: Intent) -> list[object]:
        """An intent's `ASKED`."""
        today = self._calendar.day(intent.at).isoformat()
        about = (intent.token, intent.order, *intent.key, intent.sender, mailbox(intent.address), intent.klass)
        return [*about, sorted(intent.classes), today]

    def settle(self, outcomes: Sequence[Settlement]) -> tuple[bool, ...]:
        told = self._database.at_once(Lock.LEDGER, [self._settling(each) for each in outcomes])
        return tuple(each.rowcount == 1 for each in told)

    def _settling(self, outcome: Settlement) -> Statement:
        return self._timed(
            "UPDATE messages SET state = :state, at = :at, reply = :reply, queue_id = :queue_id,"
            " next_attempt = :again, wall = :wall, attempts = attempts - :uncharged, repeat_from = NULL"
            " WHERE order_id = :order AND rule = :rule AND step = :step AND token = :token"
            f" AND state IN ({_ORIGINS[outcome.to]})",
            state=outcome.to.value,
            at=encode_instant(outcome.at),
            reply=outcome.reply,
            queue_id=outcome.queue_id,
            again=encode_instant(outcome.next_attempt) if outcome.next_attempt else None,
            uncharged=0 if outcome.charged else 1,
            order=outcome.order,
            rule=outcome.key[0],
            step=outcome.key[1],
            token=outcome.token,
        )

    def exchange(self, outcomes: Sequence[Settlement], intents: Sequence[Intent]) -> Exchange:
        with self.together():
            if outcomes:
                self.settle(outcomes)
            return Exchange(self.claim(intents) if intents else (), self.high_water())

    def refuse(
        self,
        order: str,
        key: MessageKey,
        to: State,
        *,
        token: str,
        sender: str,
        at: datetime,
        reply: str,
        next_attempt: datetime | None = None,
    ) -> bool:
        attempt = encode_instant(next_attempt) if next_attempt else None
        with self._database.transaction(Lock.LEDGER) as connection:
            changed = connection.execute(
                "INSERT INTO messages (order_id, rule, step, state, at, attempts, next_attempt, reply, queue_id,"
                " sender, recipients, token, actor, wall, repeat_from)"
                " VALUES (:order, :rule, :step, :state, :at, 1, :next, :reply, '', :sender, 0, :token,"
                f" coalesce((SELECT plan FROM {LEASES} AS lease WHERE token = :token), ''), :wall, NULL)"
                " ON CONFLICT (order_id, rule, step) DO UPDATE SET state = excluded.state, at = excluded.at,"
                " attempts = messages.attempts + 1, next_attempt = excluded.next_attempt, reply = excluded.reply,"
                " sender = excluded.sender, recipients = 0, token = excluded.token, actor = excluded.actor,"
                " wall = excluded.wall, repeat_from = NULL"
                " WHERE messages.state = 'deferred' AND coalesce(messages.next_attempt, 0) <= excluded.at",
                {
                    "order": order,
                    "rule": key[0],
                    "step": key[1],
                    "state": to.value,
                    "at": encode_instant(at),
                    "next": attempt,
                    "reply": reply,
                    "sender": sender,
                    "token": token,
                    "wall": self._wall(),
                },
            )
            return changed.rowcount == 1

    def move(self, order: str, key: MessageKey, to: State | None, *, at: datetime, reply: str = "") -> bool:
        with self._database.transaction() as connection:
            wall = self._wall()
            columns = "state, repeat_from, reply"
            row = connection.execute(f"SELECT {columns} FROM messages WHERE {_KEY}", (order, *key)).fetchone()
            present = State(row[0]) if row else None
            too_early = to is None and row is not None and (row[1] or 0) > wall
            if too_early or not person_may(present, to):
                return False
            if present is State.FAILED and to is None:
                _lift_suppression(connection, order, row[2])
            if row is None:
                connection.execute(
                    "INSERT INTO messages (order_id, rule, step, state, at, attempts, reply, queue_id, sender,"
                    " recipients, token, actor, wall) VALUES (?, ?, ?, ?, ?, 0, ?, '', '', 0, '', 'person', ?)",
                    (order, *key, to, encode_instant(at), reply, wall),
                )
                return True
            # Not yet the state: the history takes time, note and actor of an opened row from the row itself.
            connection.execute(
                f"UPDATE messages SET at = ?, reply = ?, actor = 'person', wall = ?, next_attempt = NULL WHERE {_KEY}",
                (encode_instant(at), reply, wall, order, *key),
            )
            if to is None:
                connection.execute(f"DELETE FROM messages WHERE {_KEY}", (order, *key))
            else:
                connection.execute(f"UPDATE messages SET state = ? WHERE {_KEY}", (to.value, order, *key))
            return True

    def trust_addresses_again(self, sender: str) -> int:
        with self._database.transaction() as connection:
            return sum(_lift_suppression(connection, *each) for each in self._failures("sender", sender, RECENT))


INTENT_COLUMNS = (
    "order_id, rule, step, state, at, attempts, next_attempt, reply, queue_id, sender, recipients, token, actor, wall,"
    " repeat_from, digest, address"
)
"""Those of a message that is intended."""

OVER_DEFERRED = (
    "ON CONFLICT (order_id, rule, step) DO UPDATE SET state = excluded.state, at = excluded.at,"
    " attempts = messages.attempts + 1, next_attempt = NULL, reply = '', queue_id = '',"
    " sender = excluded.sender, recipients = excluded.recipients, token = excluded.token,"
    " actor = excluded.actor, wall = excluded.wall, repeat_from = NULL, digest = excluded.digest,"
    " address = excluded.address"
)
"""An intent for a message that was put off takes its row."""

ASKED = ("token", "order_id", "rule", "step", "sender", "mailbox", "class", "classes", "today")
"""What the guards have to know of an intent."""

LEASED_PLAN = f"(SELECT plan FROM {LEASES} AS lease WHERE lease.token = asked.token AND lease_until > :wall)"
"""The plan of an intent's lease; NULL when it has ended."""

ROW = "FROM messages AS m WHERE m.order_id = asked.order_id AND m.rule = asked.rule AND m.step = asked.step"
"""An intent's message, where the ledger has one."""


def standing(dialect: Dialect) -> tuple[str, str, str]:
    """Whether an intent's mail is paused, snoozed, suppressed."""
    return (
        "EXISTS (SELECT 1 FROM pauses WHERE name IN (asked.rule, asked.sender, '*'))",
        "EXISTS (SELECT 1 FROM snoozes AS s WHERE s.rule IN ('', asked.rule) AND until > asked.today"
        f" AND (subject = '{SnoozeSubject.ORDER}' AND name = asked.order_id"
        f" OR subject = '{SnoozeSubject.ADDRESS}' AND name = asked.mailbox))",
        "EXISTS (SELECT 1 FROM suppressions AS s WHERE address = asked.mailbox"
        f" AND (s.class IN ('{EVERY_CLASS}', asked.class) OR asked.class <> '{TRANSACTIONAL}'"
        f" AND NOT {dialect.among('s.class', 'asked.classes')}))",
    )


def _guards(dialect: Dialect) -> str:
    """All that intents ask for, in one query and their order: plan under a live lease, the message's row, the order."""
    return (
        f"WITH asked AS MATERIALIZED ({dialect.rows(':asked', ASKED)})"
        f" SELECT {LEASED_PLAN}, (SELECT state {ROW}), (SELECT next_attempt {ROW}),"
        f" (SELECT version FROM orders WHERE id = asked.order_id), {', '.join(standing(dialect))}"
        " FROM asked ORDER BY number"
    )


def _lift_suppression(connection: Transaction, order: str, reply: str) -> bool:
    """Lift the suppression of an order's buyer, but only the one that this reply made."""
    row = connection.execute("SELECT email FROM orders WHERE id = ?", (order,)).fetchone()
    if row is None or row[0] is None:
        return False
    sql = "DELETE FROM suppressions WHERE address = ? AND reason = ?"
    return connection.execute(sql, (mailbox(row[0]), reply)).rowcount > 0


def _answer(intent: Intent, plan: str | None, guards: Sequence[Any], quotas: Quotas, *, taken: bool) -> ClaimResult:
    """What an intent is told, from its row of `_guards`; `taken` by one before it in the group."""
    if plan is None:
        return ClaimResult(ClaimStatus.LEASE_LOST)
    refusal = _refusal(*guards, taken=taken, version=intent.version, at=encode_instant(intent.at))
    if refusal is not None:
        return ClaimResult(refusal)
    wait = quotas.wait(intent.sender, intent.recipients, intent.limits)
    return ClaimResult(ClaimStatus.QUOTA, wait) if wait > 0 else ClaimResult(ClaimStatus.OK)


def _refusal(
    state: str | None,
    next_attempt: int | None,
    present: int | None,
    paused: bool,
    snoozed: bool,
    suppressed: bool,
    *,
    taken: bool,
    version: int,
    at: int,
) -> ClaimStatus | None:
    """What stands against an intent, from the rest of its row of `_guards`."""
    if taken or (state is not None and (state != State.DEFERRED or (next_attempt or 0) > at)):
        return ClaimStatus.TAKEN
    if present != version:
        return ClaimStatus.CHANGED
    if paused:
        return ClaimStatus.PAUSED
    if snoozed:
        return ClaimStatus.SNOOZED
    return ClaimStatus.SUPPRESSED if suppressed else None
