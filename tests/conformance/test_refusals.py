"""Refusals before the end of a message, and attempts that are not charged to it: over every kind of store."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from stores import KEY, NOW, intend, lease, order, put, settle

from sendplan.ledger import Record, State
from sendplan.scopes import Scope
from sendplan.store import Store
from sendplan.store.claims import ClaimStatus


@pytest.fixture
def token(store: Store) -> str:
    put(store, order("E1"))
    return lease(store)


def refuse(store: Store, token: str, to: State, at: datetime = NOW, next_attempt: datetime | None = None) -> bool:
    return store.refuse("E1", KEY, to, token=token, sender="main", at=at, reply="450 later", next_attempt=next_attempt)


def record(store: Store) -> Record:
    return store.histories(["E1"])["E1"].records[KEY]


def test_a_refused_message_needs_no_intent(store: Store, token: str) -> None:
    """A refusal before the end of the message is written down at once, with its next attempt."""
    later = NOW + timedelta(minutes=5)
    assert refuse(store, token, State.DEFERRED, next_attempt=later)
    assert (record(store).state, record(store).attempts, record(store).next_attempt) == (State.DEFERRED, 1, later)


def test_every_refusal_is_an_attempt(store: Store, token: str) -> None:
    """A message that is refused again and finally fails counts its attempts, and its history shows each."""
    later = NOW + timedelta(minutes=5)
    refuse(store, token, State.DEFERRED, next_attempt=later)
    assert refuse(store, token, State.FAILED, at=later)
    assert (record(store).state, record(store).attempts) == (State.FAILED, 2)
    assert [move.after for move in store.moves("E1", KEY)] == [State.DEFERRED, State.FAILED]


def test_a_refusal_before_its_time_changes_nothing(store: Store, token: str) -> None:
    """A message whose next attempt is to come was dealt with by somebody else."""
    refuse(store, token, State.DEFERRED, next_attempt=NOW + timedelta(minutes=5))
    assert not refuse(store, token, State.FAILED)
    assert record(store).state is State.DEFERRED


@pytest.mark.parametrize("state", [State.SENDING, State.SENT, State.UNCERTAIN, State.FAILED])
def test_a_refusal_never_overwrites_an_outcome(store: Store, token: str, state: State) -> None:
    """A message in flight or settled is not touched by somebody else's refusal."""
    intend(store, token)
    if state is not State.SENDING:
        settle(store, token, state)
    assert not refuse(store, token, State.DEFERRED, next_attempt=NOW)
    assert record(store).state is state


def test_a_refusal_uses_up_no_limit(store: Store, token: str) -> None:
    """What was refused before its end was not sent and leaves the sender's limits alone."""
    refuse(store, token, State.DEFERRED, next_attempt=NOW)
    assert intend(store, token).status is ClaimStatus.OK


def test_an_uncharged_attempt_does_not_count(store: Store, token: str) -> None:
    """An attempt that failed for the server's sake is not counted against the message."""
    intend(store, token)
    assert settle(store, token, State.DEFERRED, reply="421", next_attempt=NOW, charged=False)
    assert record(store).attempts == 0


UNKNOWN = "550 5.1.1 User unknown"


def fail(store: Store, token: str, order_id: str, reply: str = UNKNOWN, sender: str = "main") -> None:
    """A buyer whose address the server does not know: failed and suppressed."""
    put(store, order(order_id, email=f"{order_id}@Example.com"))
    assert store.refuse(order_id, KEY, State.FAILED, token=token, sender=sender, at=NOW, reply=reply)
    store.suppress(f"{order_id}@example.com", at=NOW, reason=reply)


def suppressed(store: Store) -> list[str]:
    return [each.address for each in store.suppressions()]


def test_a_senders_refusals_are_those_since_it_last_sent(store: Store, token: str) -> None:
    """Refusals count until a mail is sent, and again from the end of a report on the sender."""
    fail(store, token, "A")
    put(store, order("E1"))
    intend(store, token)
    settle(store, token, State.SENT)
    fail(store, token, "B")
    fail(store, token, "C", "554 no")
    fail(store, token, "D", sender="other")
    assert store.sender_refusals("main", 5) == ("554 no", UNKNOWN)
    assert store.sender_refusals("main", 1) == ("554 no",)
    store.report_sender("main", Scope.ADDRESS, UNKNOWN)
    store.clear_sender("main")
    assert store.sender_refusals("main", 5) == ()
    assert store.sender_refusals("other", 5) == (UNKNOWN,)


def test_addresses_are_trusted_again(store: Store, token: str) -> None:
    """Suppressions that a sender's latest refusals made are lifted; those by hand and of other senders stay."""
    fail(store, token, "A")
    fail(store, token, "B")
    fail(store, token, "C", sender="other")
    store.unsuppress("b@example.com")
    store.suppress("b@example.com", at=NOW, reason="by hand")
    assert store.trust_addresses_again("main") == 1
    assert suppressed(store) == ["b@example.com", "c@example.com"]


def test_opening_a_message_lifts_the_suppression_that_it_needs(store: Store, token: str) -> None:
    """A message that failed for its address may go again when a person opens it."""
    for order_id in ("A", "B", "C"):
        fail(store, token, order_id)
    store.unsuppress("b@example.com")
    store.suppress("b@example.com", at=NOW, reason="by hand")
    assert store.move("A", KEY, None, at=NOW)
    assert store.move("B", KEY, None, at=NOW)
    assert store.move("C", KEY, State.DROPPED, at=NOW)
    assert suppressed(store) == ["b@example.com", "c@example.com"]
