"""The same rules as plain functions in Python, asked of every order and its messages: no index, no engine."""

from __future__ import annotations

import sqlite3
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeAlias

from moments import NOW_MS, TODAY, ZONE, hours_ago


class Order(NamedTuple):
    """What the rules read of a row, moments and amounts as the store keeps them."""

    id: str
    account: str
    payment_method: str
    email: str | None
    name: str | None
    street: str
    postcode: str
    country: str
    items: int
    total: int
    paid_amount: int | None
    credited: int | None
    ordered: int
    payment_due: int | None
    checkout_completed: int | None
    paid: int | None
    shipped: int | None
    delivered: int | None
    seller_feedback: int | None
    buyer_feedback: int | None
    cancelled: int | None
    returned: int | None
    parked: int
    disputed: int
    consent: int
    loyalty: str | None


COLUMNS = ", ".join(Order._fields)
Sent: TypeAlias = Mapping[tuple[str, str], tuple[str, int, int | None]]
"""(rule, step) → (state, at, next attempt)."""


def keys(path: Path) -> list[str]:
    """The keys of what leaves now, sorted."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    suppressed = {address for (address,) in connection.execute("SELECT address FROM suppressions")}
    orders = connection.execute(f"SELECT {COLUMNS} FROM orders ORDER BY id")
    ledger = histories(connection)
    at, sent = next(ledger, ("", {}))
    found: list[str] = []
    for order in map(Order._make, orders):
        while at and at < order.id:
            at, sent = next(ledger, ("", {}))
        found += messages(order, sent if at == order.id else {}, suppressed)
    connection.close()
    return sorted(found)


def histories(
    connection: sqlite3.Connection, where: str = "", parameters: tuple[str, ...] = ()
) -> Iterator[tuple[str, Sent]]:
    """The ledger order by order."""
    query = f"SELECT order_id, rule, step, state, at, next_attempt FROM messages {where} ORDER BY order_id"
    for order, rows in groupby(connection.execute(query, parameters), key=lambda row: row[0]):
        yield order, {(rule, step): rest for _, rule, step, *rest in rows}


def messages(order: Order, sent: Sent, suppressed: set[str]) -> Iterator[str]:
    """The keys of one order's messages."""
    if order.email is None or order.email.lower() in suppressed or order.parked or order.disputed:
        return
    for rule, due in RULES.items():
        if is_open(sent.get((rule, ""))) and due(order):
            yield f"{order.id}/{rule}"
    step = dunning(order, sent)
    if step and is_open(sent.get(("dunning", step))):
        yield f"{order.id}/dunning/{step}"


def is_open(record: tuple[str, int, int | None] | None) -> bool:
    """Whether nothing was sent yet, or the server asked to try again about now."""
    return record is None or (record[0] == "deferred" and (record[2] or 0) <= NOW_MS)


def shipped_notice(order: Order) -> bool:
    if order.account == "amazon-de" or order.cancelled or not order.shipped or order.shipped > NOW_MS + 1:
        return False
    return order.shipped > hours_ago(96)


def checkout_reminder(order: Order) -> bool:
    if not order.account.startswith("ebay") or order.checkout_completed or order.paid or order.cancelled:
        return False
    due = day(order.ordered) + timedelta(days=3)
    return due <= TODAY < due + timedelta(days=14)


def feedback_reminder(order: Order) -> bool:
    if not order.account.startswith("ebay") or order.buyer_feedback or order.cancelled or order.returned:
        return False
    if not order.consent or not order.shipped or not order.seller_feedback:
        return False
    wait = 10 if order.account == "ebay-fr" else 7
    due = day(max(order.shipped, order.seller_feedback)) + timedelta(days=wait)
    return due <= TODAY < due + timedelta(days=14)


def review_request(order: Order) -> bool:
    if order.account == "amazon-de" or order.items >= 4 or order.name is None or order.returned or order.cancelled:
        return False
    if not order.delivered:
        return False
    due = day(order.delivered) + timedelta(days=10)
    return due <= TODAY < due + timedelta(days=10)


def island_delay(order: Order) -> bool:
    if order.shipped or order.cancelled or not (order.paid or order.payment_method == "invoice"):
        return False
    due = day(order.ordered) + timedelta(days=1)
    return due <= TODAY < due + timedelta(days=5) and on_island(order.country, order.postcode, order.street)


def on_island(country: str, postcode: str, street: str) -> bool:
    if country != "DE":
        return False
    code = postcode.replace(" ", "")
    return code in ("25859", "26465") or "25980" <= code <= "25999" or "packstation" in street.lower().split()


def customs_note(order: Order) -> bool:
    if order.country not in ("CH", "NO", "GB") or order.cancelled or not order.shipped:
        return False
    due = day(order.shipped)
    for _ in range(2):
        due += timedelta(days={4: 3, 5: 2}.get(due.weekday(), 1))
    return due <= TODAY < due + timedelta(days=10)


def reorder(order: Order) -> bool:
    if order.loyalty is None or order.items >= 10 or order.cancelled or order.returned or not order.shipped:
        return False
    if not order.consent or order.account == "amazon-de":
        return False
    due = months_later(day(order.shipped), 3)
    return due <= TODAY < due + timedelta(days=30)


def dunning(order: Order, sent: Sent) -> str | None:
    """The step that is due."""
    if order.cancelled or order.returned or order.paid:
        return None
    if order.total - (order.paid_amount or 0) - (order.credited or 0) < 10_000:
        return None
    steps = ("second-dunning", "first-dunning", "payment-reminder")
    gone = next((step for step in steps if sent.get(("dunning", step), ("",))[0] == "sent"), None)
    looks_back_to = months_later(TODAY, -3)
    due = day(order.payment_due or order.ordered) + timedelta(days=7)
    if gone is None:
        begins = day(max(order.ordered, order.payment_due or 0)) >= looks_back_to
        return "payment-reminder" if begins and due <= TODAY else None
    due = max(due, day(sent["dunning", gone][1]) + timedelta(days=7 if gone == "payment-reminder" else 10))
    if not looks_back_to <= due <= TODAY:
        return None
    if gone == "payment-reminder":
        return "first-dunning"
    return "second-dunning" if gone == "first-dunning" and order.country == "DE" else None


def day(cell: int) -> date:
    """The local day of a moment as the store keeps it."""
    return datetime.fromtimestamp(cell // 1000, ZONE).date()


def months_later(start: date, months: int) -> date:
    """The same day of another month, or that month's last one."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


RULES = {
    "shipped-notice": shipped_notice,
    "checkout-reminder": checkout_reminder,
    "feedback-reminder": feedback_reminder,
    "review-request": review_request,
    "island-delay": island_delay,
    "customs-note": customs_note,
    "reorder": reorder,
}
