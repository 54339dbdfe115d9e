"""How long a sender's limits make the next mail wait, counted in the ledger over all processes."""

from __future__ import annotations

from sendplan.project.settings import Limits
from sendplan.store.sql.database import Transaction

MINUTE = 60_000
DAY = 86_400_000
"""Windows of the senders' limits, in milliseconds."""


def quota_wait(connection: Transaction, sender: str, recipients: int, limits: Limits, wall: int) -> float:
    """Seconds until the sender's limits allow so many more recipients; 0 when they do now."""
    windows = ((limits.per_minute, MINUTE), (limits.per_day, DAY))
    return max(
        (_wait(connection, sender, recipients, limit, each, wall) for limit, each in windows if limit), default=0.0
    )


def _wait(connection: Transaction, sender: str, recipients: int, limit: int, window: int, wall: int) -> float:
    inside = "FROM message_log WHERE after = 'sending' AND sender = ? AND wall > ?"
    used = connection.execute(
        f"SELECT CAST(coalesce(sum(recipients), 0) AS BIGINT) {inside}", (sender, wall - window)
    ).fetchone()[0]
    # A message with more recipients than the limit knows would wait for ever; it may have an empty window.
    excess = used + min(recipients, limit) - limit
    if excess <= 0:
        return 0.0
    for sent, freed in connection.execute(f"SELECT wall, recipients {inside} ORDER BY wall", (sender, wall - window)):
        excess -= freed
        if excess <= 0:
            return float(sent + window - wall) / 1000
    return window / 1000
