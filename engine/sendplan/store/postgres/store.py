"""A store on a server: what happens for every few mails takes one round trip, however far away the server is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence

from sendplan.calendar import Calendar
from sendplan.fields import Field
from sendplan.ledger import State, message_digest
from sendplan.store.claims import ClaimResult, ClaimStatus, Exchange, Intent, Settlement
from sendplan.store.postgres.dialect import POSTGRES
from sendplan.store.postgres.server import Server
from sendplan.store.sql.database import Lock, Statement
from sendplan.store.sql.encoding import encode_instant
from sendplan.store.sql.ledger import ASKED, INTENT_COLUMNS, LEASED_PLAN, OVER_DEFERRED, ROW, standing
from sendplan.store.sql.reader import DAY, EXECUTIONS, MINUTE
from sendplan.store.sql.store import SqlStore

_CLOCK = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"

_OK = ClaimResult(ClaimStatus.OK)


class ServerStore(SqlStore):
    """Leases and limits run by the server's clock, unless another one is given."""

    def __init__(
        self, server: Server, fields: Mapping[str, Field], calendar: Calendar, clock: Callable[[], float]
    ) -> None:
        self._clock_given = clock is not time.time
        super().__init__(server, fields, calendar, clock if self._clock_given else self._server_clock)

    def _server_clock(self) -> float:
        [(milliseconds,)] = self._database.rows(f"SELECT {_CLOCK}")
        return float(milliseconds) / 1000

    def _timed(self, sql: str, **parameters: object) -> Statement:
        if self._clock_given:
            return super()._timed(sql, **parameters)
        return Statement(sql.replace(":wall", _CLOCK), parameters)

    def exchange(self, outcomes: Sequence[Settlement], intents: Sequence[Intent]) -> Exchange:
        """Only what nothing stands against is claimed; of the rest nothing is said yet."""
        settling = [self._settling(each) for each in outcomes]
        claiming = [self._claiming(intents)] if intents else []
        told = self._database.at_once(Lock.LEDGER, [*settling, *claiming, Statement(_HIGH_WATER)])
        places = {place for (place,) in told[-2].rows} if claiming else set()
        [(reached,)] = told[-1].rows
        return Exchange(tuple(_OK if place in places else None for place in range(len(intents))), reached)

    def _claiming(self, intents: Sequence[Intent]) -> Statement:
        asked = [
            [
                *self._asked(each),
                each.version,
                each.recipients,
                encode_instant(each.at),
                message_digest(self._secret, each.order, each.key),
                each.limits.per_minute or None,
                each.limits.per_day or None,
            ]
            for each in intents
        ]
        return self._timed(_CLAIMING, asked=json.dumps(asked))


_HIGH_WATER = (
    "SELECT coalesce((SELECT max(id) FROM message_log), 0)"
    f" + coalesce((SELECT CAST(value AS bigint) FROM meta WHERE name = '{EXECUTIONS}'), 0)"
)

_NUMBERS = ("version", "recipients", "at", "digest", "per_minute", "per_day")


def _used(window: int) -> str:
    return (
        "(SELECT coalesce(sum(recipients), 0) FROM message_log AS l WHERE after = 'sending' AND l.sender = s.sender"
        f" AND wall > :wall - {window})"
    )


_CROWDED = (
    "SELECT sender FROM (SELECT sender, sum(CAST(recipients AS bigint)) AS more, min(CAST(per_minute AS bigint)) AS"
    " per_minute, min(CAST(per_day AS bigint)) AS per_day FROM asked GROUP BY sender) AS s WHERE"
    f" CASE WHEN per_minute IS NULL THEN false ELSE more + {_used(MINUTE)} > per_minute END"
    f" OR CASE WHEN per_day IS NULL THEN false ELSE more + {_used(DAY)} > per_day END"
)
"""Senders whose limits do not allow all that was asked for at once: which of it they do is another question."""

_FIRST = (
    "NOT EXISTS (SELECT 1 FROM asked AS e WHERE e.number < asked.number"
    " AND (e.order_id, e.rule, e.step) = (asked.order_id, asked.rule, asked.step))"
)

_CLAIMING = (
    f"WITH asked AS MATERIALIZED ({POSTGRES.rows(':asked', (*ASKED, *_NUMBERS))}),"
    f" free AS MATERIALIZED (SELECT asked.*, {LEASED_PLAN} AS plan FROM asked WHERE {_FIRST}"
    f" AND NOT EXISTS (SELECT 1 {ROW} AND NOT (m.state = '{State.DEFERRED}'"
    " AND coalesce(m.next_attempt, 0) <= CAST(asked.at AS bigint)))"
    " AND (SELECT version FROM orders WHERE id = asked.order_id) = CAST(asked.version AS bigint)"
    f" AND NOT ({' OR '.join(standing(POSTGRES))}) AND asked.sender NOT IN ({_CROWDED})),"
    f" claimed AS (INSERT INTO messages ({INTENT_COLUMNS})"
    f" SELECT order_id, rule, step, '{State.SENDING}', CAST(at AS bigint), 1, NULL, '', '', sender,"
    " CAST(recipients AS bigint), token, plan, :wall, NULL, digest, mailbox FROM free WHERE plan IS NOT NULL"
    f" {OVER_DEFERRED} RETURNING order_id, rule, step)"
    " SELECT number - 1 FROM free JOIN claimed USING (order_id, rule, step)"
)
"""Writes the intents that nothing stands against, and answers which these are."""
