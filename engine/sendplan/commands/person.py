"""The person at the terminal."""

from __future__ import annotations

from sendplan.operating.by_hand import Person, user_name
from sendplan.store.protocols import Store


def person(store: Store) -> Person:
    """The person at the terminal, at work on a store."""
    return Person(user_name(), store)
