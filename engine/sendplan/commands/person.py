"""The person at the terminal."""

from __future__ import annotations

from sendplan.operating.by_hand import Operator, user_name
from sendplan.store.protocols import Store


def person(store: Store) -> Operator:
    """The person at the terminal, at work on a store."""
    return Operator(user_name(), store)
