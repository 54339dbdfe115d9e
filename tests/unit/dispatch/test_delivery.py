"""Orders read for several mails at once, and what is read for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import cast

import pytest

from sendplan.dispatch import delivery
from sendplan.ledger import State
from sendplan.plan import Entry, Plan, Reason, Status
from sendplan.store import Store
from sendplan.store.memory import MemoryOrders
from sendplan.store.records import StoredOrder

NOW = datetime(2026, 8, 24, 10, 0, tzinfo=UTC)


class Counted(MemoryOrders):
    """Counts how often it is asked for orders."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def orders_by_id(self, ids: Iterable[str]) -> Iterator[StoredOrder]:
        self.asked += 1
        return super().orders_by_id(ids)


def entry(order: str, rule: str = "reminder") -> Entry:
    return Entry(f"{order}/{rule}", Status.SEND, Reason.SEND, "due", rule, None, order)


def reading(*entries: Entry) -> tuple[delivery._Orders, Counted, Store]:
    """The orders of a plan with these entries, and the store that they are in."""
    store = Counted()
    for each in entries:
        store.put(each.order or "", "web", {})
    plan = Plan(now=NOW.isoformat(), timezone="UTC", digest="", entries=entries)
    return delivery._Orders(plan), store, cast("Store", store)


def test_orders_are_read_for_several_mails_at_once() -> None:
    """A long plan asks the store once for many of its orders, and each mail gets its own."""
    entries = [entry(f"E{number}") for number in range(40)]
    orders, counted, store = reading(*entries)
    found = [orders.now(store, each)[0] for each in entries]
    assert [order.id for order in found if order] == [each.order for each in entries]
    assert counted.asked == 3


def test_the_later_mail_of_an_order_sees_what_became_of_the_earlier() -> None:
    """An order with two mails in the plan is read for each of them, between other orders too."""
    first, second, others = entry("A", "first"), entry("A", "second"), [entry("B"), entry("C")]
    orders, counted, store = reading(first, *others, second)
    assert orders.now(store, first)[1].records == {}
    counted.settle("A", ("first", ""), State.SENT, NOW)
    assert orders.now(store, others[0])[0] is not None
    assert list(orders.now(store, second)[1].records) == [("first", "")]


def test_what_was_read_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the server takes long over each mail, its order is read anew right before."""
    entries = [entry("A"), entry("B")]
    orders, counted, store = reading(*entries)
    orders.now(store, entries[0])
    counted.put("B", "web", {"name": "changed"})
    monkeypatch.setattr(delivery, "STANDING_SECONDS", -1.0)
    order, _ = orders.now(store, entries[1])
    assert order is not None
    assert order.values == {"name": "changed"}


def test_a_message_that_is_tried_again_is_read_again() -> None:
    """What was read for one try is not used for the next."""
    orders, counted, store = reading(entry("A"))
    orders.now(store, entry("A"))
    counted.put("A", "web", {"name": "changed"})
    order, _ = orders.now(store, entry("A"))
    assert order is not None
    assert order.values == {"name": "changed"}
