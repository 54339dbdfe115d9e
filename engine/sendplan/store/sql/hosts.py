"""What several hosts share while they send a plan together: parts of the plan, connections, and who does what.

Safety does not rest on any of this but on the intents in the ledger: it only keeps hosts out of each other's way.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime

from sendplan.store.hosts import Lot, OpenPlan, PlanProgress
from sendplan.store.sql.database import SET_META, Database, Lock, Statement
from sendplan.store.sql.encoding import decode_optional_instant, encode_instant
from sendplan.store.sql.ledger import SqlLedger
from sendplan.store.sql.reader import LEASES

FIRING = "firing"
"""The note of the latest moment of the schedule that a host has taken on."""


def _live(token: str) -> str:
    """Whether a lease has not ended."""
    return f"EXISTS (SELECT 1 FROM {LEASES} AS lease WHERE lease.token = {token} AND lease_until > :wall)"


_FREE = (
    f"l.results IS NULL AND (l.token = '' OR NOT {_live('l.token')} AND NOT EXISTS"
    " (SELECT 1 FROM messages AS m WHERE m.state = 'sending' AND m.token = l.token))"
)
"""Nobody has this part in hand, and of no message in it one who vanished has left open what came of it."""


_SHARE = (
    "SELECT CASE WHEN share <= :limit - taken THEN share WHEN taken <= :limit THEN :limit - taken ELSE 0 END AS may"
    " FROM (SELECT taken, CASE WHEN even + extra > 1 THEN even + extra ELSE 1 END AS share FROM"
    " (SELECT taken, :limit / parties AS even, CASE WHEN before < :limit % parties THEN 1 ELSE 0 END AS extra FROM"
    " (SELECT count(*) + 1 AS parties, CAST(coalesce(sum(held), 0) AS BIGINT) AS taken,"
    " count(CASE WHEN token < :token THEN 1 END) AS before"
    f" FROM connections AS c WHERE sender = :sender AND token <> :token AND {_live('c.token')}) AS others"
    ") AS parts) AS shares"
)
"""How many connections a host may have: as many as the others, and at least one, while the others leave any."""


class SqlHosts(SqlLedger):
    """The ledger, and what hosts share."""

    @property
    def database(self) -> Database:
        """What it is kept in."""
        return self._database

    def at_work(self) -> bool:
        """Whether anybody sends from it, or waits to."""
        sql = f"SELECT 1 FROM {LEASES} AS lease WHERE lease_until > ? LIMIT 1"
        return bool(self._database.rows(sql, (self._wall(),)))

    @property
    def shared(self) -> bool:
        return self._database.shared

    def real_time(self) -> float:
        return self._clock()

    def share_plan(self, token: str, lots: Sequence[Lot], sending_at: datetime | None = None) -> None:
        with self._database.transaction(Lock.LEDGER) as connection:
            wall = self._wall()
            [plan] = connection.execute("SELECT id FROM plans WHERE token = ?", (token,)).fetchone()
            sql = "SELECT 1 FROM hosts WHERE plan = ? AND lease_until > ?"
            if connection.execute(sql, (plan, wall)).fetchone() is None:
                connection.execute("DELETE FROM lots WHERE plan = ?", (plan,))
            connection.executemany(
                "INSERT INTO lots (plan, number, sender, keys, token) VALUES (?, ?, ?, ?, '') ON CONFLICT DO NOTHING",
                [(plan, lot.number, lot.sender, json.dumps(lot.keys, ensure_ascii=False)) for lot in lots],
            )
            moment = None if sending_at is None else encode_instant(sending_at)
            connection.execute("UPDATE plans SET sending_at = ? WHERE id = ?", (moment, plan))
            # What hosts that vanished have left; a lease that ended long ago is none that anybody asks for.
            connection.execute(
                "DELETE FROM hosts WHERE lease_until < ? AND token NOT IN"
                " (SELECT token FROM messages WHERE state = 'sending')",
                (wall - 86_400_000,),
            )
            connection.execute(f"DELETE FROM connections AS c WHERE NOT {_live('c.token')}", {"wall": wall})

    def open_plans(self) -> tuple[OpenPlan, ...]:
        sql = (
            "SELECT id, sending_at FROM plans AS p WHERE state = 'executing'"
            " AND (lease_until > :wall OR EXISTS (SELECT 1 FROM hosts WHERE plan = p.id AND lease_until > :wall))"
            " AND EXISTS (SELECT 1 FROM lots AS l WHERE plan = p.id AND results IS NULL) ORDER BY created, id"
        )
        rows = self._database.rows(sql, {"wall": self._wall()})
        return tuple(OpenPlan(id_, decode_optional_instant(moment)) for id_, moment in rows)

    def join(self, owner: str, lease_seconds: float, plan: str = "") -> str | None:
        with self._database.transaction(Lock.LEDGER) as connection:
            if plan and plan not in {each.id for each in self.open_plans()}:
                return None
            token = secrets.token_hex(12)
            connection.execute(
                "INSERT INTO hosts (token, owner, plan, lease_until) VALUES (?, ?, ?, ?)",
                (token, owner, plan, self._wall() + round(lease_seconds * 1000)),
            )
            return token

    def leave(self, token: str) -> None:
        with self._database.transaction(Lock.LEDGER) as connection:
            connection.execute("UPDATE lots SET token = '' WHERE token = ? AND results IS NULL", (token,))
            connection.execute("DELETE FROM connections WHERE token = ?", (token,))
            # What it had on its way is settled when its lease ends, so as long the lease is kept.
            connection.execute(
                "DELETE FROM hosts WHERE token = ? AND NOT EXISTS"
                " (SELECT 1 FROM messages WHERE state = 'sending' AND token = ?)",
                (token, token),
            )

    def take_lot(self, token: str, sender: str) -> Lot | None:
        taking = self._timed(
            "UPDATE lots SET token = :token WHERE (plan, number) IN (SELECT l.plan, l.number FROM lots AS l"
            f" WHERE l.plan = (SELECT plan FROM {LEASES} AS mine WHERE mine.token = :token AND lease_until > :wall)"
            f" AND EXISTS (SELECT 1 FROM plans AS p WHERE p.id = l.plan AND p.state = 'executing')"
            f" AND l.sender = :sender AND {_FREE} ORDER BY l.number LIMIT 1{self._database.dialect.free_rows('l')})"
            " RETURNING number, keys",
            token=token,
            sender=sender,
        )
        [taken] = self._database.at_once(Lock.ROWS, [taking])
        return next((Lot(number, sender, tuple(json.loads(keys))) for number, keys in taken.rows), None)

    def end_lot(self, token: str, number: int, results: str) -> bool:
        sql = "UPDATE lots SET results = ? WHERE number = ? AND token = ? AND results IS NULL"
        [ended] = self._database.at_once(Lock.ROWS, [Statement(sql, (results, number, token))])
        return ended.rowcount == 1

    def ended_lots(self, token: str) -> tuple[str, ...]:
        sql = (
            f"SELECT results FROM lots WHERE plan = (SELECT plan FROM {LEASES} AS lease WHERE token = ?)"
            " AND token <> ? AND results IS NOT NULL ORDER BY number"
        )
        return tuple(results for (results,) in self._database.rows(sql, (token, token)))

    def progress(self, token: str) -> PlanProgress:
        mine = f"(SELECT plan FROM {LEASES} AS mine WHERE mine.token = :token)"
        plans, lots, others = self._database.at_once(
            Lock.ROWS,
            [
                self._timed(
                    f"SELECT state, token, coalesce(lease_until, 0) > :wall FROM plans WHERE id = {mine}", token=token
                ),
                self._timed(
                    f"SELECT sender, CAST(min(CASE WHEN {_FREE} THEN 0 ELSE 1 END) AS BIGINT),"
                    " CAST(max(CASE WHEN token IN ('', :token) OR " + _FREE + " THEN 0 ELSE 1 END) AS BIGINT)"
                    f" FROM lots AS l WHERE plan = {mine} AND results IS NULL GROUP BY sender",
                    token=token,
                ),
                self._timed(
                    f"SELECT 1 FROM {LEASES} AS lease WHERE token <> :token AND plan IN ('', {mine})"
                    " AND lease_until > :wall LIMIT 1",
                    token=token,
                ),
            ],
        )
        state, leader, led = plans.rows[0] if plans.rows else ("", "", False)
        return PlanProgress(
            executing=state == "executing",
            led=bool(led) and leader != token,
            free=frozenset(sender for sender, busy, _ in lots.rows if not busy),
            held=any(held for _, _, held in lots.rows),
            others=bool(others.rows),
        )

    def hold_connections(self, token: str, sender: str, limit: int, open_now: int) -> int:
        asked = {"token": token, "sender": sender, "limit": limit}
        share, _ = self._database.at_once(
            Lock.LEDGER,
            [
                self._timed(f"SELECT may FROM ({_SHARE}) AS share", **asked),
                self._timed(
                    "INSERT INTO connections (sender, token, held)"
                    " SELECT :sender, :token, CASE WHEN may > :open THEN may ELSE CAST(:open AS BIGINT) END"
                    f" FROM ({_SHARE}) AS share WHERE true"
                    " ON CONFLICT (sender, token) DO UPDATE SET held = excluded.held",
                    **asked,
                    open=open_now,
                ),
            ],
        )
        [(may,)] = share.rows
        return int(may)

    def let_connections_go(self, token: str, sender: str) -> None:
        sql = "DELETE FROM connections WHERE token = ? AND sender = ?"
        self._database.at_once(Lock.ROWS, [Statement(sql, (token, sender))])

    def take_firing(self, moment: datetime) -> bool:
        with self._database.transaction() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (FIRING,)).fetchone()
            if row is not None and int(row[0]) >= encode_instant(moment):
                return False
            connection.execute(SET_META, (FIRING, str(encode_instant(moment))))
            return True
