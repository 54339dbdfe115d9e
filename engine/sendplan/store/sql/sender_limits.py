"""How long a sender's limits make the next mail wait, counted in the ledger over all processes."""

from __future__ import annotations

from collections import Counter

from sendplan.project.settings import Limits
from sendplan.store.sql.database import Transaction
from sendplan.store.sql.reader import DAY, MINUTE


class Quotas:
    """What the senders' limits allow within one transaction: what was sent before is counted once."""

    def __init__(self, connection: Transaction, wall: int) -> None:
        """`wall` is the store's real clock in milliseconds."""
        self._connection = connection
        self._wall = wall
        self._used: dict[tuple[str, int], int] = {}
        self._granted: Counter[str] = Counter()

    def wait(self, sender: str, recipients: int, limits: Limits) -> float:
        """Seconds until the sender's limits allow so many more recipients; 0 when they do now."""
        windows = ((limits.per_minute, MINUTE), (limits.per_day, DAY))
        return max((self._wait(sender, recipients, limit, each) for limit, each in windows if limit), default=0.0)

    def grant(self, sender: str, recipients: int) -> None:
        """Count these too; their rows are yet to be written."""
        self._granted[sender] += recipients

    def _wait(self, sender: str, recipients: int, limit: int, window: int) -> float:
        # A message with more recipients than the limit knows would wait for ever; it may have an empty window.
        excess = self._used_in(sender, window) + self._granted[sender] + min(recipients, limit) - limit
        if excess <= 0:
            return 0.0
        begin = self._wall - window
        sent_before = self._connection.execute(f"SELECT wall, recipients {_INSIDE} ORDER BY wall", (sender, begin))
        for sent, freed in sent_before:
            excess -= freed
            if excess <= 0:
                return float(sent - begin) / 1000
        return window / 1000

    def _used_in(self, sender: str, window: int) -> int:
        if (sender, window) not in self._used:
            sql = f"SELECT CAST(coalesce(sum(recipients), 0) AS BIGINT) {_INSIDE}"
            [used] = self._connection.execute(sql, (sender, self._wall - window)).fetchone()
            self._used[sender, window] = used
        return self._used[sender, window]


_INSIDE = "FROM message_log WHERE after = 'sending' AND sender = ? AND wall > ?"
