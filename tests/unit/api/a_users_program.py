"""A program as a merchant's developer writes it, with types checked strictly; test_typing.py checks and runs it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import sendplan
from sendplan import Entry, Plan, Reason, Status


def due_by_order(plan: Plan, rule: str) -> dict[str, str]:
    """The due dates of one rule's messages that leave now."""
    found: dict[str, str] = {}
    for entry in plan.send:
        if entry.rule == rule and entry.order is not None and entry.due is not None:
            found[entry.order] = entry.due
    return found


def is_parked(entry: Entry) -> bool:
    """Whether a message is held by a hold."""
    return entry.status is Status.HELD and entry.reason is Reason.HELD


def main(folder: str) -> int:
    """Walk through what the API offers."""
    try:
        shop = sendplan.open_project(folder)
    except sendplan.ProblemsError as error:
        for problem in error.problems:
            print(problem.code, problem.message, problem.span.line if problem.span else "")
        return 1
    rows: int = shop.import_orders("fixtures/orders.csv").rows
    plan = shop.plan(now="2026-08-24 12:00", rules=["feedback-reminder", "dunning"])
    same: bool = plan == shop.plan(datetime(2026, 8, 24, 10, tzinfo=UTC), rules=("feedback-reminder", "dunning"))
    parked: list[str] = [entry.key for entry in plan.held if is_parked(entry)]
    reasons: dict[str, str] = {each.rule: each.reason for each in shop.explain("E-2050", plan.now)}
    titles: tuple[str, ...] = tuple(order.title for order in shop.find("hartmann"))
    html: str = shop.preview("E-2050/feedback-reminder").html
    by_rule: dict[str, int] = dict(shop.simulate("2026-08-01", "2026-08-31").volumes.by_rule)
    moved: list[str] = [change.entry.key for change in shop.diff(folder, plan.now).changes]
    passed: bool = all(result.passed for result in shop.test())
    needs_person: bool = shop.status(plan.now).needs_person
    was_paused: bool = not (shop.pause("dunning") and shop.resume("dunning"))
    settled: list[str] = [each.key for each in shop.resolve("E-2050/feedback-reminder", outcome="drop").settled]
    print(was_paused, settled)
    print(rows, same, parked, reasons, titles, len(html), by_rule, moved, passed, needs_person)
    print(due_by_order(plan, "feedback-reminder"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
