"""What several hosts share while they send a plan together, on every kind of store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from stores import NOW, Stores, intend, lease, order, plan, put, settle

from sendplan.ledger import State
from sendplan.store import Store
from sendplan.store.claims import ClaimStatus
from sendplan.store.hosts import Lot

LOTS = (Lot(0, "main", ("E1/a", "E1/b")), Lot(1, "main", ("E2/a",)), Lot(2, "other", ("E3/a",)))


@pytest.fixture
def token(store: Store) -> str:
    """The lease of who began a plan that others may take part in."""
    put(store, order("E1"), order("E2"), order("E3"))
    token = lease(store)
    store.share_plan(token, LOTS)
    return token


def joined(store: Store, seconds: float = 60) -> str:
    token = store.join("host-2 7 boot", seconds, plan("first").id)
    assert token is not None
    return token


def test_each_part_of_a_plan_is_in_one_hand(store: Store, token: str) -> None:
    """Parts are handed out in the plan's order, each once, by sender."""
    helper = joined(store)
    assert [store.take_lot(each, "main") for each in (token, helper, token)] == [LOTS[0], LOTS[1], None]
    assert store.take_lot(helper, "other") == LOTS[2]


def test_a_part_of_a_host_that_vanished_is_free_once_its_messages_are_known(
    stores: Stores, store: Store, token: str
) -> None:
    """What it had on its way becomes uncertain first; only then another host takes the rest."""
    helper = joined(store, seconds=30)
    assert store.take_lot(helper, "main") == LOTS[0]
    assert intend(store, helper).status is ClaimStatus.OK
    stores.seconds += 31
    assert store.take_lot(token, "main") == LOTS[1]
    assert store.take_lot(token, "main") is None
    assert [each.order for each in store.recover(NOW)] == ["E1"]
    assert store.take_lot(token, "main") == LOTS[0]
    assert intend(store, helper, "E2").status is ClaimStatus.LEASE_LOST
    assert settle(store, helper, State.SENT), "its late word still counts"


def test_only_an_open_plan_is_joined(store: Store, token: str) -> None:
    """Nobody takes part in a plan that has ended, or in one without anything left."""
    [found] = store.open_plans()
    assert (found.id, found.sending_at) == (plan("first").id, None)
    assert store.finish_plan(token, state="finished", sent=0, failed=0, uncertain=0)
    assert store.open_plans() == ()
    assert store.join("host-2 7 boot", 60, plan("first").id) is None


def test_a_plan_keeps_the_time_that_it_was_given(store: Store) -> None:
    """All hosts go by the time that somebody gave the plan."""
    store.share_plan(lease(store), LOTS, NOW)
    assert [each.sending_at for each in store.open_plans()] == [NOW]


def test_hosts_know_how_far_a_plan_has_come(store: Store, token: str) -> None:
    """What is free, what others have in hand, and what came of what they ended."""
    helper = joined(store)
    store.take_lot(helper, "main")
    store.take_lot(helper, "other")
    here, there = store.progress(token), store.progress(helper)
    assert (set(here.free), here.held, here.others, here.led) == ({"main"}, True, True, False)
    assert (set(there.free), there.held, there.others, there.led) == ({"main"}, False, True, True)
    assert store.end_lot(helper, 0, '["done"]')
    assert not store.end_lot(token, 2, "[]")
    assert store.ended_lots(token) == ('["done"]',)
    assert store.ended_lots(helper) == ()
    store.leave(helper)
    after = store.progress(token)
    assert (set(after.free), after.held, after.others) == ({"main", "other"}, False, False)


def test_connections_are_shared_out_over_all_hosts(stores: Stores, store: Store, token: str) -> None:
    """All hosts together never have more than the limit; a newcomer gets its share once others have closed theirs."""
    assert store.hold_connections(token, "main", 3, 0) == 3
    helper = joined(store)
    assert store.hold_connections(helper, "main", 3, 0) == 0
    assert store.hold_connections(token, "main", 3, 3) in (1, 2)
    assert store.hold_connections(helper, "main", 3, 0) == 0, "the others have not closed any yet"
    mine = store.hold_connections(token, "main", 3, 1)
    assert mine + store.hold_connections(helper, "main", 3, 0) == 3
    store.let_connections_go(token, "main")
    assert store.hold_connections(helper, "main", 3, 0) == 3
    stores.seconds += 90
    assert store.hold_connections(lease(store, "second"), "main", 3, 0) == 3, "a host that vanished holds none"


def test_a_helper_ends_a_plan_whose_beginner_vanished(stores: Stores, store: Store, token: str) -> None:
    """Who is left notes what came of the plan, and only then."""
    helper = joined(store, seconds=600)
    outcome = {"state": "finished", "sent": 3, "failed": 0, "uncertain": 0}
    assert not store.finish_plan(helper, **outcome)  # type: ignore[arg-type]
    stores.seconds += 61
    assert store.finish_plan(helper, **outcome)  # type: ignore[arg-type]
    [record] = store.plan_records()
    assert (record.state, record.sent) == ("finished", 3)
    assert not store.renew_lease(token, 60)


def test_a_moment_of_the_schedule_is_taken_on_once(store: Store) -> None:
    """The first host plans at a firing; the second, and one that wakes late, do not."""
    assert store.take_firing(NOW)
    assert not store.take_firing(NOW)
    assert not store.take_firing(NOW - timedelta(hours=1))
    assert store.take_firing(NOW + timedelta(minutes=10))


def test_status_knows_who_is_at_work_and_how_fast(stores: Stores, store: Store, token: str) -> None:
    """Hosts with their plans and connections, and what each sender has sent lately."""
    now = datetime.fromtimestamp(stores.seconds, UTC)
    store.join("host-3 8 boot", 60)
    store.hold_connections(token, "main", 2, 0)
    assert intend(store, token, recipients=2).status is ClaimStatus.OK
    hosts = store.hosts_at_work(now)
    assert [(each.owner, each.plan, dict(each.connections)) for each in hosts] == [
        ("host-1", plan("first").id, {"main": 2}),
        ("host-3 8 boot", "", {}),
    ]
    assert {sender: (each.minute, each.day) for sender, each in store.rates(now).items()} == {"main": (2, 2)}
    assert store.hosts_at_work(now + timedelta(seconds=61)) == ()
    later = store.rates(now + timedelta(minutes=2))
    assert (later["main"].minute, later["main"].day) == (0, 2)
