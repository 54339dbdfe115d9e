"""Orders as people know them, with what each rule says of them: for `find` and `explain`, the API and the board."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from sendplan.addresses import masked
from sendplan.calendar import Calendar
from sendplan.deciding.decision import Decision
from sendplan.deciding.facts import Facts
from sendplan.plan import Reason
from sendplan.planning.entries import fact_json
from sendplan.planning.explain import message_of
from sendplan.planning.planner import Clock, OrderDecisions, decide_orders
from sendplan.project.project import Project
from sendplan.project.rules import BrokenRule
from sendplan.store.protocols import Reader
from sendplan.store.records import StoredOrder
from sendplan.store.search import Search
from sendplan.text import readable

MOST = 20
"""How many orders a search gives."""
_SIMILAR = 5


def find(project: Project, reader: Reader, text: str, clock: Clock, *, limit: int = MOST) -> tuple[OrderDecisions, ...]:
    """The orders that a text finds, at most `limit`, each with the decision of every rule at the clock's time.

    An id, number, name, e-mail address or customer, or parts of them; those that it names in full come first. Orders
    that were not placed yet are left out.
    """
    return tuple(decide_orders(project, reader, clock, orders=reader.find(text, limit)))


def ids_found(reader: Reader, text: str) -> frozenset[str]:
    """The ids of all orders that a text finds."""
    return frozenset(order.id for order in reader.find(text, sys.maxsize))


def named(reader: Reader, text: str) -> tuple[StoredOrder, ...]:
    """The order with this id, else those with this number or e-mail address, at most `MOST`, by id."""
    with_id = tuple(reader.orders_by_id([text]))
    search = Search.of(text)
    return with_id or tuple(each for each in reader.find(text, MOST) if search.names(each.values))


def similar(reader: Reader, text: str) -> tuple[str, ...]:
    """The ids of a few orders that a text finds, to suggest in place of one that is not there."""
    return tuple(order.id for order in reader.find(text, _SIMILAR))


def title(facts: Facts, calendar: Calendar, *, show_addresses: bool = False) -> str:
    """The order as people know it: `E-2044, number 1001, Eva Hartmann, e…@example.com, ordered 2026-08-11`."""
    values = facts.values
    parts = [facts.id]
    if values["number"] != facts.id:
        parts.append(f"number {values['number']}")
    parts += [str(values["name"])] if "name" in values else []
    if "email" in values:
        parts.append(str(values["email"]) if show_addresses else masked(str(values["email"])))
    return ", ".join([*parts, f"account {facts.account}", f"ordered {fact_json(values['ordered'], calendar)}"])


def rule_lines(decisions: Iterable[Decision], broken: Iterable[BrokenRule]) -> list[str]:
    """A line for each rule: its message, the reason and why, one below the other."""
    rows = [(each.id, Reason.ERROR.value, f"{each.problem.span}: {each.problem.message}") for each in broken]
    rows += [(message_of(each), each.reason.value, readable(each.why)) for each in decisions]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return [f"  {message:<{widths[0]}}   {reason:<{widths[1]}}   {why}".rstrip() for message, reason, why in rows]


def found_json(decided: OrderDecisions, calendar: Calendar, *, show_addresses: bool = False) -> dict[str, Any]:
    """An order with a line for each rule, for machines."""
    values = decided.facts.values
    email = str(values["email"]) if "email" in values else None
    return {
        "order": decided.facts.id,
        "number": values["number"],
        "name": values.get("name"),
        "to": email if show_addresses or email is None else masked(email),
        "account": decided.facts.account,
        "ordered": fact_json(values["ordered"], calendar),
        "decisions": [
            {
                "rule": each.rule.id,
                "step": each.step.id or None if each.step else None,
                "reason": each.reason.value,
                "status": each.status.value if each.status else None,
                "why": each.why,
            }
            for each in decided.decisions
        ],
    }
