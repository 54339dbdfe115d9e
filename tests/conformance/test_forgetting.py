"""Forgetting, in every kind of store: the order is gone, its mails stay known under an alias."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from stores import KEY, NOW, Stores, intend, lease, order, put, settle

from sendplan.ledger import State
from sendplan.store import Store, StoreError
from sendplan.store.records import Imported


def test_a_forgotten_order_is_passed_over(store: Store) -> None:
    """Its later rows change nothing and are counted; other orders of the file are taken."""
    put(store, order("E1"), order("E2"))
    assert set(store.forget(["E1"], at=NOW)) == {"E1"}
    assert put(store, order("E1", total=None), order("E2", total=None), order("E3")) == Imported(1, 0, 1, 1)
    assert [each.id for each in store.orders()] == ["E2", "E3"]


def test_its_mails_are_counted_under_an_alias(store: Store) -> None:
    """The ledger keeps what was sent, and drops what waited, without the order's id or a reply."""
    put(store, order("E1"))
    token = lease(store)
    intend(store, token)
    settle(store, token, State.SENT, reply="250 ok, Mia")
    before = store.high_water()
    [alias] = store.forget(["E1"], at=NOW).values()
    assert store.histories(["E1"]) == {}
    record = store.histories([alias])[alias].records[KEY]
    assert (record.state, record.reply, record.queue_id) == (State.SENT, "", "")
    assert {move.reply for move in store.moves(alias, KEY)} == {""}
    assert store.moves("E1", KEY) == ()
    assert store.high_water() >= before


def test_a_mail_on_its_way_is_not_forgotten(store: Store) -> None:
    """While the server's answer is awaited nothing of the order changes."""
    put(store, order("E1"))
    intend(store, lease(store))
    with pytest.raises(StoreError):
        store.forget(["E1"], at=NOW)
    assert [each.id for each in store.orders()] == ["E1"]
    assert store.histories(["E1"])["E1"].records[KEY].state is State.SENDING


def test_what_waits_for_a_person_is_dropped(store: Store) -> None:
    """Nobody could settle it any more."""
    put(store, order("E1"))
    token = lease(store)
    intend(store, token)
    settle(store, token, State.UNCERTAIN)
    [alias] = store.forget(["E1"], at=NOW).values()
    assert store.histories([alias])[alias].records[KEY].state is State.DROPPED


def test_suppressions_return_with_a_new_order(store: Store) -> None:
    """An address is in no list, and on it again when an order brings it, whatever its spelling."""
    store.suppress("Mia@example.com", at=NOW, klass="marketing")
    put(store, order("E1", email="mia@example.com"))
    store.forget(["E1"], ["mia@example.com"], at=NOW)
    assert store.suppressions() == ()
    put(store, order("E2", email="MIA@example.com"))
    assert [(each.address, each.klass) for each in store.suppressions()] == [("mia@example.com", "marketing")]


def test_old_orders_are_found_by_their_day(store: Store) -> None:
    """Those placed before a moment, however they give their day."""
    put(store, order("E1", ordered=datetime(2020, 1, 1, tzinfo=UTC)), order("E2"))
    assert store.ordered_before(datetime(2021, 1, 1, tzinfo=UTC)) == ("E1",)


def test_aliases_are_the_stores_own(stores: Stores) -> None:
    """The same order has the same alias in this store, at any later time."""
    store = stores.store()
    put(store, order("E1"))
    first = store.forget(["E1"], at=NOW)
    assert stores.store().forget(["E1"], at=NOW) == first
    store.purge()
    assert store.counts()["orders"] == 0
