"""Who executes a plan: a lease that is taken, renewed and given back, and what a lease that ended left in flight.

See docs/sending.md.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from datetime import datetime

from sendplan.calendar import Calendar
from sendplan.fields import Field
from sendplan.ledger import Record
from sendplan.plan import Plan
from sendplan.problems import Exit, Problem
from sendplan.store.records import LEFT, REPEAT_AFTER_LEASE, LeftOpen, PlanRecord, StoreError
from sendplan.store.sql.database import Database, Lock, Statement, Transaction
from sendplan.store.sql.encoding import encode_instant
from sendplan.store.sql.reader import (
    EXECUTIONS,
    LEASES,
    PLAN_COLUMNS,
    RECORD_COLUMNS,
    SqlReader,
    plan_record,
    record_of,
)

_LEASE_ENDED = (
    f"NOT EXISTS (SELECT 1 FROM {LEASES} AS lease WHERE lease.token = messages.token AND lease_until > :wall)"
)
_VANISHED = "whoever sent it vanished before the server's reply was recorded"


class SqlPlanLeases(SqlReader):
    """Reads as `SqlReader`, and hands plans to one execution at a time."""

    def __init__(
        self, database: Database, fields: Mapping[str, Field], calendar: Calendar, clock: Callable[[], float]
    ) -> None:
        """`clock` gives the real time in seconds since 1970, for leases and limits."""
        super().__init__(database, fields, calendar)
        self._database = database
        self._clock = clock

    def start_plan(self, plan: Plan, owner: str, lease_seconds: float) -> str | PlanRecord:
        with self._database.transaction(Lock.LEDGER) as connection:
            wall = self._wall()
            self.refuse_left()
            held = connection.execute(f"SELECT {PLAN_COLUMNS}, token FROM plans WHERE id = ?", (plan.id,)).fetchone()
            if held:
                *columns, old_token = held
                if columns[1] == "finished" or (columns[-1] or 0) > wall:
                    return plan_record(tuple(columns))
                # Before the old lease is forgotten: its end decides when a person may repeat what it left in flight.
                self._recover(connection, wall // 1000 * 1000, wall, old_token)
            token = secrets.token_hex(12)
            connection.execute(
                "INSERT INTO plans (id, json, state, created, owner, token, lease_until, sent, failed, uncertain)"
                " VALUES (:id, :json, 'executing', :wall, :owner, :token, :until, 0, 0, 0)"
                " ON CONFLICT (id) DO UPDATE SET"
                " state = 'executing', owner = :owner, token = :token, lease_until = :until",
                {
                    "id": plan.id,
                    "json": json.dumps(plan.to_json(), ensure_ascii=False),
                    "wall": wall,
                    "owner": owner,
                    "token": token,
                    "until": wall + round(lease_seconds * 1000),
                },
            )
            connection.execute(
                "INSERT INTO meta (name, value) VALUES (?, '1') ON CONFLICT (name)"
                " DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT)",
                (EXECUTIONS,),
            )
            return token

    def renew_lease(self, token: str, lease_seconds: float) -> bool:
        sql = "UPDATE {} SET lease_until = :wall + :more WHERE token = :token AND lease_until > :wall"
        more = round(lease_seconds * 1000)
        renewing = [self._timed(sql.format(each), token=token, more=more) for each in ("plans", "hosts")]
        return any(each.rowcount == 1 for each in self._database.at_once(Lock.LEDGER, renewing))

    def finish_plan(
        self,
        token: str,
        *,
        state: str,
        sent: int,
        failed: int,
        uncertain: int,
        left_open: Sequence[LeftOpen] = (),
        copies_refused: Sequence[str] = (),
    ) -> bool:
        texts = (json.dumps(list(map(astuple, left_open))), json.dumps(list(copies_refused)))
        with self._database.transaction(Lock.LEDGER) as connection:
            wall = self._wall()
            changed = connection.execute(
                "UPDATE plans SET state = ?, sent = sent + ?, failed = failed + ?, uncertain = uncertain + ?,"
                " left_open = ?, copies_refused = ?, lease_until = NULL"
                " WHERE token = ? AND lease_until IS NOT NULL OR state = 'executing' AND coalesce(lease_until, 0) <= ?"
                " AND id = (SELECT plan FROM hosts WHERE token = ? AND lease_until > ?)",
                (state, sent, failed, uncertain, *texts, token, wall, token, wall),
            ).rowcount
            connection.execute(
                f"DELETE FROM lots WHERE plan = (SELECT plan FROM {LEASES} AS lease WHERE token = ?)"
                " AND plan IN (SELECT id FROM plans WHERE state <> 'executing')",
                (token,),
            )
            return changed == 1

    def recover(self, at: datetime) -> tuple[Record, ...]:
        with self._database.transaction(Lock.LEDGER) as connection:
            return self._recover(connection, encode_instant(at), self._wall(), None)

    def _recover(self, connection: Transaction, at: int, wall: int, token: str | None) -> tuple[Record, ...]:
        """Recover the rows of one lease, or of all that have ended."""
        lease_end = f"(SELECT lease_until FROM {LEASES} AS lease WHERE lease.token = messages.token)"
        rows = connection.execute(
            f"UPDATE messages SET state = 'uncertain', at = :at, reply = :reply, wall = :wall,"
            f" repeat_from = coalesce({lease_end}, :wall) + :patience"
            f" WHERE state = 'sending' AND {_LEASE_ENDED} AND token = coalesce(:token, token)"
            f" RETURNING {RECORD_COLUMNS}",
            {
                "at": at,
                "reply": _VANISHED,
                "wall": wall,
                "patience": round(REPEAT_AFTER_LEASE * 1000),
                "token": token,
            },
        ).fetchall()
        return tuple(map(record_of, rows))

    def refuse_left(self) -> None:
        """Raises StoreError for a store that was copied to another place."""
        if place := self.meta(LEFT):
            help_ = f"write `store: {place}` in sendplan.yaml"
            raise StoreError(Problem("store-left", f"this store was left for {place}", help=help_), Exit.REFUSED)

    def _wall(self) -> int:
        return int(self._clock() * 1000)

    def _timed(self, sql: str, **parameters: object) -> Statement:
        """A statement with the store's real clock, in milliseconds, as `:wall`."""
        return Statement(sql, {**parameters, "wall": self._wall()})
