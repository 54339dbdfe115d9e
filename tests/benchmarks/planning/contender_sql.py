"""The same rules as an expert of SQL writes them for this table: one statement per message, indexes made beforehand."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from moments import (
    NOW_MS,
    TODAY,
    after_months,
    after_working_days,
    days_after,
    days_ago,
    due_within,
    hours_ago,
    midnight,
)

EBAY = "account IN ('ebay-de', 'ebay-fr')"
OPEN = (
    "paid IS NULL AND total - coalesce(paid_amount, 0) - coalesce(credited, 0) >= 10000"
    " AND cancelled IS NULL AND returned IS NULL"
)
KEPT = "cancelled IS NULL AND returned IS NULL"
ISLAND = (
    "country = 'DE' AND (postcode IN ('25859', '26465') OR postcode BETWEEN '25980' AND '25999'"
    " OR street LIKE '%Packstation%')"
)
PAYMENT_DUE = "coalesce(payment_due, ordered)"
LOOKED = after_months(TODAY, -3)
LOOKS_BACK_TO = midnight(LOOKED)
INDEXES = {
    "shipped": ("shipped", "cancelled IS NULL"),
    "checkout": ("ordered", f"{EBAY} AND checkout_completed IS NULL AND paid IS NULL AND cancelled IS NULL"),
    "feedback": ("max(shipped, seller_feedback)", f"{EBAY} AND consent = 1 AND buyer_feedback IS NULL AND {KEPT}"),
    "delivered": ("delivered", f"account <> 'amazon-de' AND items < 4 AND name IS NOT NULL AND {KEPT}"),
    "open": ("ordered", OPEN),
    "waiting": ("ordered", "shipped IS NULL AND cancelled IS NULL"),
    "customs": ("shipped", "country IN ('CH', 'NO', 'GB') AND cancelled IS NULL"),
    "loyal": ("shipped", f"loyalty IS NOT NULL AND consent = 1 AND account <> 'amazon-de' AND items < 10 AND {KEPT}"),
}
"""Expression and condition of each index."""


def prepare(store: Path, copy: Path) -> None:
    """A copy of the store with the expert's own indexes instead of sendplan's."""
    shutil.copyfile(store, copy)
    connection = sqlite3.connect(copy)
    ours = "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'narrow%'"
    for (name,) in connection.execute(ours).fetchall():
        connection.execute(f"DROP INDEX {name}")
    for name, (key, condition) in INDEXES.items():
        connection.execute(f"CREATE INDEX expert_{name} ON orders ({key}) WHERE {condition}")
    connection.commit()
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def keys(path: Path) -> list[str]:
    """The keys of what leaves now, sorted."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    found = [key for statement in statements() for (key,) in connection.execute(statement)]
    connection.close()
    return sorted(found)


def statements() -> list[str]:
    """One for each message, two where accounts wait for different times."""
    both = "max(shipped, seller_feedback)"
    return [
        _statement(
            "shipped-notice",
            "shipped",
            f"account <> 'amazon-de' AND shipped > {hours_ago(96)} AND shipped <= {NOW_MS + 1}",
        ),
        _statement("checkout-reminder", "checkout", _due("ordered", days_after(3), 14)),
        _statement("feedback-reminder", "feedback", f"account = 'ebay-de' AND {_due(both, days_after(7), 14)}"),
        _statement("feedback-reminder", "feedback", f"account = 'ebay-fr' AND {_due(both, days_after(10), 14)}"),
        _statement("review-request", "delivered", _due("delivered", days_after(10), 10)),
        _statement(
            "dunning/payment-reminder",
            "open",
            f"max(ordered, coalesce(payment_due, ordered)) >= {LOOKS_BACK_TO} AND {PAYMENT_DUE} < {days_ago(6)}",
        ),
        _statement("dunning/first-dunning", "open", _sent("payment-reminder", 7)),
        _statement("dunning/second-dunning", "open", f"country = 'DE' AND {_sent('first-dunning', 10)}"),
        _statement(
            "island-delay",
            "waiting",
            f"{_due('ordered', days_after(1), 5)} AND {ISLAND} AND (paid IS NOT NULL OR payment_method = 'invoice')",
        ),
        _statement("customs-note", "customs", _due("shipped", lambda day: after_working_days(day, 2), 10)),
        _statement("reorder", "loyal", _due("shipped", lambda day: after_months(day, 3), 30)),
    ]


def _statement(message: str, index: str, condition: str) -> str:
    rule, _, step = message.partition("/")
    return (
        f"SELECT id || '/{message}' FROM orders INDEXED BY expert_{index} WHERE {INDEXES[index][1]} AND {condition}"
        " AND parked IS NOT 1 AND disputed IS NOT 1 AND email IS NOT NULL"
        " AND lower(email) NOT IN (SELECT address FROM suppressions)"
        f" AND NOT EXISTS (SELECT 1 FROM messages WHERE order_id = orders.id AND rule = '{rule}' AND step = '{step}'"
        f" AND (state <> 'deferred' OR next_attempt > {NOW_MS}))"
    )


def _due(moment: str, due: Callable[[date], date], expires: int) -> str:
    first, after = due_within(due, expires)
    return f"{moment} >= {first} AND {moment} < {after}"


def _sent(step: str, after: int) -> str:
    """The payment is still due, and the last message was sent so many days ago; neither lies too far back."""
    recent = f"{PAYMENT_DUE} >= {_days_before(LOOKED, 7)} OR at >= {_days_before(LOOKED, after)}"
    return (
        f"{PAYMENT_DUE} < {days_ago(6)} AND EXISTS (SELECT 1 FROM messages WHERE order_id = orders.id"
        f" AND rule = 'dunning' AND step = '{step}' AND state = 'sent' AND at < {days_ago(after - 1)} AND ({recent}))"
    )


def _days_before(day: date, days: int) -> int:
    return midnight(day - timedelta(days=days))
