"""A store moves to another place, of its own kind or another, and nothing works on the old one any more."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from stores import CALENDAR, KEY, MINIMUM, NOW, Stores, intend, lease, order, put, settle

from sendplan.ledger import Snooze, SnoozeSubject, State
from sendplan.problems import UserError
from sendplan.scopes import Scope
from sendplan.store import Store, copy_store
from sendplan.store.protocols import Reader
from sendplan.store.records import Act
from sendplan.store.sql import copying


@pytest.fixture(params=["there", "back"])
def target(request: pytest.FixtureRequest, stores: Stores, tmp_path: Path) -> Stores:
    """A place of the same kind, and a file."""
    return stores.elsewhere("copied") if request.param == "there" else Stores("sqlite:///var/other.db", tmp_path)


def filled(stores: Stores) -> Store:
    store = stores.store()
    ids = [f"Ä{number}" for number in range(7)]
    put(store, *(order(each, email=f"{each}@example.com", total=Decimal("12.3456"), loyalty="☃") for each in ids))
    put(store, order(ids[0], email="new@example.com"), order(ids[1], paid=datetime(2026, 8, 12, tzinfo=UTC).date()))
    token = lease(store)
    for each, state in zip(ids, (State.SENT, State.FAILED, State.UNCERTAIN, State.DEFERRED), strict=False):
        intend(store, token, each, version=next(store.orders_by_id([each])).version)
        assert settle(store, token, state, each, next_attempt=NOW if state is State.DEFERRED else None)
    assert store.move(ids[1], KEY, None, at=NOW, reply="once more")
    assert store.finish_plan(token, state="finished", sent=1, failed=1, uncertain=1)
    store.suppress("buyer@example.com", at=NOW, reason="asked", klass="marketing")
    store.pause("main", at=NOW, reason="holiday")
    store.snooze(Snooze(SnoozeSubject.ORDER, ids[2], NOW.date(), NOW, "", "later"))
    store.report_sender("main", Scope.LOGIN, "535 no")
    store.note_run(["feedback-reminder"], NOW)
    store.note_act(Act(NOW, "mia", "pause", "main"))
    store.forget([ids[6]], at=NOW)
    store.resume("main")
    return store


def everything(store: Reader) -> list[object]:
    """All that can be asked of a store."""
    orders = list(store.orders())
    return [
        orders,
        store.histories(each.id for each in orders),
        [store.moves(each.id, KEY) for each in orders],
        store.overrides(),
        store.imported(),
        store.first_runs(),
        store.counts(),
        store.import_records(),
        store.plan_records(),
        store.sender_reports(),
        store.acts(10),
        [store.meta(name) for name in ("identity", "secret", "zone", "fields")],
        store.high_water(),
    ]


def copied(stores: Stores, target: Stores) -> copying.Copied:
    return copy_store(stores.url, stores.folder, target.url, stores.fields, CALENDAR)


def test_a_copy_is_the_same_store_and_goes_on(stores: Stores, target: Stores) -> None:
    """Orders, ledger, history, marks of people and secrets are the same; new history follows what is there."""
    store = filled(stores)
    before = everything(store)
    done = copied(stores, target)
    assert done.rows["orders"] == 6
    assert not done.dropped
    there = target.store()
    assert everything(there) == before
    high_water = there.high_water()
    assert intend(there, lease(there, "second"), "Ä5").status == "ok"
    assert there.high_water() > high_water + 1
    assert put(there, {"id": "Ä6", **MINIMUM}).forgotten == 1


def test_nothing_works_on_a_store_that_was_left(stores: Stores, target: Stores) -> None:
    """Neither a new command nor one that had the store open goes on with it."""
    store = filled(stores)
    copied(stores, target)
    with pytest.raises(UserError, match="was left for"):
        stores.store()
    with pytest.raises(UserError, match="was left for"):
        lease(store, "second")
    with pytest.raises(UserError, match="was left for"):
        put(store, order("E9"))


def test_an_interrupted_copy_goes_on(stores: Stores, target: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was copied before an interruption is not copied again; meanwhile nothing is sent from either."""
    store = filled(stores)
    before = everything(store)
    monkeypatch.setattr(copying, "CHUNK", 2)

    def interrupt(rows: int) -> None:
        if rows > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_store(stores.url, stores.folder, target.url, stores.fields, CALENDAR, interrupt)
    assert target.reader().meta(copying.COPYING)
    copied(stores, target)
    assert everything(target.store()) == before


def test_a_copy_needs_an_empty_place_and_nobody_at_work(stores: Stores, target: Stores) -> None:
    """A store that holds something is not overwritten, and one that sends is not left."""
    put(target.store(), order("E1"))
    store = stores.store()
    put(store, order("E1"))
    with pytest.raises(UserError, match="already holds a store"):
        copied(stores, target)
    lease(store, seconds=1e9)
    with pytest.raises(UserError, match="somebody is sending"):
        copied(stores, stores.elsewhere("third"))
