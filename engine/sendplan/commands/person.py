"""Who acts on the command line."""

from __future__ import annotations

from sendplan.operating.by_hand import Person
from sendplan.store.protocols import Store


def who() -> str:
    """The name of the person at the terminal, as the machine knows it."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def person(store: Store) -> Person:
    """The person at the terminal, at work on a store."""
    return Person(who(), store)
