"""What came back of messages: over every kind of store."""

from __future__ import annotations

import pytest
from stores import KEY, NOW, intend, lease, order, put, settle

from sendplan.ledger import Bounce, BounceKind, Mailed, State, message_digest
from sendplan.store import Store
from sendplan.store.records import SECRET

BOUNCE = Bounce("E1", KEY, BounceKind.HARD, NOW, "buyer@example.com", "no such user", "5.1.1")


@pytest.fixture
def token(store: Store) -> str:
    put(store, order("E1"))
    return lease(store)


def digest(store: Store) -> str:
    return message_digest(store.meta(SECRET) or "", "E1", KEY)


def test_every_store_has_a_secret_of_its_own(store: Store) -> None:
    """A secret is made with the store, and stays."""
    secret = store.meta(SECRET)
    assert secret
    assert len(secret) >= 32
    assert store.meta(SECRET) == secret


def test_a_message_is_found_by_its_digest(store: Store, token: str) -> None:
    """A message that left, or may have, is found with the address that it went to; one that did not is not."""
    assert store.mailed(digest(store)) is None
    intend(store, token, address="Buyer@Example.com")
    assert store.mailed(digest(store)) == Mailed("E1", KEY, "buyer@example.com")
    settle(store, token, State.SENT)
    assert store.mailed(digest(store)) == Mailed("E1", KEY, "buyer@example.com")
    assert store.mailed("") is None
    assert store.mailed("0" * 32) is None


def test_a_message_that_failed_cannot_bounce(store: Store, token: str) -> None:
    """What was refused while it was sent did not leave."""
    intend(store, token)
    settle(store, token, State.FAILED)
    assert store.mailed(digest(store)) is None


def test_bounces_are_a_part_of_the_story(store: Store, token: str) -> None:
    """Each is kept with its message, in order, and counted by kind; the state stays `sent`."""
    intend(store, token)
    settle(store, token, State.SENT)
    soft = Bounce("E1", KEY, BounceKind.SOFT, NOW, "buyer@example.com", "full", "4.2.2")
    store.note_bounce(soft)
    store.note_bounce(BOUNCE)
    assert store.bounces_of("E1", KEY) == (soft, BOUNCE)
    assert store.bounces_of("E1", ("other", "")) == ()
    assert store.last_bounces(1) == (BOUNCE,)
    assert dict(store.bounce_counts()) == {BounceKind.SOFT: 1, BounceKind.HARD: 1}
    assert store.histories(["E1"])["E1"].records[KEY].state is State.SENT


def test_a_mail_is_noted_once(store: Store) -> None:
    """A mail that was read before is told from a new one."""
    assert store.note_mail("a" * 64, NOW)
    assert not store.note_mail("a" * 64, NOW)
    assert store.note_mail("b" * 64, NOW)


def test_what_is_undone_is_not_noted(store: Store) -> None:
    """A mail whose bounce could not be entered is read again."""

    def enter() -> None:
        with store.together():
            store.note_mail("a" * 64, NOW)
            store.note_bounce(BOUNCE)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        enter()
    assert store.note_mail("a" * 64, NOW)
    assert store.last_bounces(5) == ()
