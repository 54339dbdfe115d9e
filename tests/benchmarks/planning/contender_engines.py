"""Rule engines on some orders: prints the seconds, then the keys. `contender_engines.py zen|rule|json STORE FIRST`.

Run with the Python of the benchmark's own environment. The engines know no months, working days, postcodes or ledgers:
each order comes with what they need of these, and for dates with the limits worked out before.
"""

from __future__ import annotations

import ast
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import contender_loop
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

Order = dict[str, Any]
Deciding = Callable[[Order], Iterator[str]]
"""The messages that an order's own fields ask for."""


def due(moment: str, after: Callable[[date], date], expires: int) -> str:
    first, end = due_within(after, expires)
    return f"{moment} != null and {moment} >= {first} and {moment} < {end}"


def looked(days: int) -> int:
    """The start of the day so long before the one that dunning looks back to."""
    return midnight(after_months(TODAY, -3) - timedelta(days=days))


def due_after(sent: str, days: int) -> str:
    """The payment is still due, and the last message was sent so many days ago; neither lies too far back."""
    return (
        f"payable < {days_ago(6)} and {sent} != null and {sent} < {days_ago(days - 1)}"
        f" and (payable >= {looked(7)} or {sent} >= {looked(days)})"
    )


KEPT = "cancelled == null and returned == null"
EBAY = 'account in ["ebay-de", "ebay-fr"]'
MARKETING = 'consent == 1 and account != "amazon-de"'
OPEN = f"paid == null and balance >= 10000 and {KEPT}"
MAILABLE = "email != null and suppressed == 0 and parked == 0 and disputed == 0"
FEEDBACK = f"{EBAY} and buyer_feedback == null and {MARKETING} and {KEPT}"
MESSAGES = {
    "shipped-notice": 'cancelled == null and account != "amazon-de" and shipped != null'
    f" and shipped <= {NOW_MS + 1} and shipped > {hours_ago(96)}",
    "checkout-reminder": f"{EBAY} and checkout_completed == null and paid == null and cancelled == null"
    f" and {due('ordered', days_after(3), 14)}",
    "feedback-reminder": f'{FEEDBACK} and ((account == "ebay-de" and {due("both", days_after(7), 14)})'
    f' or (account == "ebay-fr" and {due("both", days_after(10), 14)}))',
    "review-request": f'account != "amazon-de" and items < 4 and name != null and {KEPT}'
    f" and {due('delivered', days_after(10), 10)}",
    "dunning/payment-reminder": f"{OPEN} and (ordered >= {looked(0)} or payable >= {looked(0)})"
    f" and payable < {days_ago(6)}",
    "dunning/first-dunning": f"{OPEN} and {due_after('reminded', 7)}",
    "dunning/second-dunning": f'{OPEN} and country == "DE" and {due_after("dunned", 10)}',
    "island-delay": 'shipped == null and cancelled == null and (paid != null or payment_method == "invoice")'
    f" and island == 1 and {due('ordered', days_after(1), 5)}",
    "customs-note": 'country in ["CH", "NO", "GB"] and cancelled == null'
    f" and {due('shipped', lambda day: after_working_days(day, 2), 10)}",
    "reorder": f"loyalty != null and items < 10 and {MARKETING} and {KEPT}"
    f" and {due('shipped', lambda day: after_months(day, 3), 30)}",
}
"""Conditions in the words that two of the engines share."""


def main(engine: str, store: Path, first: str) -> tuple[float, list[str]]:
    """Seconds and keys of the orders from `first` on."""
    connection = sqlite3.connect(f"{store.as_uri()}?mode=ro&immutable=1", uri=True)
    suppressed = {address for (address,) in connection.execute("SELECT address FROM suppressions")}
    deciding = {"zen": zen_engine, "rule": rule_engine, "json": json_logic}[engine]()
    start = time.perf_counter()
    found = []
    ledger = dict(contender_loop.histories(connection, "WHERE order_id >= ?", (first,)))
    names = contender_loop.Order._fields
    for row in connection.execute(f"SELECT {contender_loop.COLUMNS} FROM orders WHERE id >= ?", (first,)):
        order = dict(zip(names, row, strict=True))
        sent = ledger.get(order["id"], {})
        complete(order, sent, suppressed)
        for message in deciding(order):
            rule, _, step = message.partition("/")
            if contender_loop.is_open(sent.get((rule, step))):
                found.append(f"{order['id']}/{message}")
    return time.perf_counter() - start, sorted(found)


def complete(order: Order, sent: contender_loop.Sent, suppressed: set[str]) -> None:
    """What the conditions read beside the columns."""
    email, shipped, feedback = order["email"], order["shipped"], order["seller_feedback"]
    order["suppressed"] = int(email is not None and email.lower() in suppressed)
    order["both"] = None if shipped is None or feedback is None else max(shipped, feedback)
    order["balance"] = order["total"] - (order["paid_amount"] or 0) - (order["credited"] or 0)
    order["payable"] = order["payment_due"] or order["ordered"]
    order["island"] = int(contender_loop.on_island(order["country"], order["postcode"], order["street"]))
    for name, step in (("reminded", "payment-reminder"), ("dunned", "first-dunning")):
        record = sent.get(("dunning", step))
        order[name] = record[1] if record and record[0] == "sent" else None


def zen_engine() -> Deciding:
    """One compiled expression for all messages: an order is handed over once, which is the fastest way."""
    import zen  # type: ignore[import-not-found]

    answers = ", ".join(f"({condition})" for condition in MESSAGES.values())
    compiled = zen.compile_expression(f"({MAILABLE}) ? [{answers}] : []")
    names = tuple(MESSAGES)
    return lambda order: (name for name, answer in zip(names, compiled.evaluate(order), strict=False) if answer)


def rule_engine() -> Deciding:
    """One rule for each message, and one before them."""
    import rule_engine  # type: ignore[import-not-found]

    before = rule_engine.Rule(MAILABLE)
    rules = {name: rule_engine.Rule(condition) for name, condition in MESSAGES.items()}
    return lambda order: (name for name, rule in rules.items() if before.matches(order) and rule.matches(order))


def json_logic() -> Deciding:
    """One rule for each message, and one before them."""
    from json_logic import jsonLogic  # type: ignore[import-not-found]

    before = as_json_logic(MAILABLE)
    rules = {name: as_json_logic(condition) for name, condition in MESSAGES.items()}
    return lambda order: (name for name, rule in rules.items() if jsonLogic(before, order) and jsonLogic(rule, order))


_WORDS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in"}


def as_json_logic(condition: str) -> Any:
    """The same condition in JsonLogic."""

    def turned(node: ast.expr) -> Any:
        match node:
            case ast.BoolOp(op=op, values=values):
                return {"and" if isinstance(op, ast.And) else "or": [turned(value) for value in values]}
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return {_WORDS[type(op)]: [turned(left), turned(right)]}
            case ast.List(elts=items):
                return [turned(item) for item in items]
            case ast.Name(id=name):
                return None if name == "null" else {"var": name}
            case ast.Constant(value=value):
                return value
        raise AssertionError(ast.dump(node))

    return turned(ast.parse(condition, mode="eval").body)


if __name__ == "__main__":
    seconds, keys = main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    print(seconds)
    print(json.dumps(keys))
