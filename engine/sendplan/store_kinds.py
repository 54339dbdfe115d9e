"""The kinds of stores that a project may name, by how their address begins (docs/project.md)."""

from __future__ import annotations

from enum import StrEnum


class StoreKind(StrEnum):
    """Each kind by the beginning of its address."""

    SQLITE = "sqlite:///"
    POSTGRESQL = "postgresql://"


HELP = f"write `{StoreKind.SQLITE}var/shop.db`, or `{StoreKind.POSTGRESQL}user@host/database`"
"""What to write when an address is of no kind."""


def store_kind(url: str) -> StoreKind | None:
    """The kind of store at an address; None when there is no such kind, or nothing follows its beginning."""
    return next((kind for kind in StoreKind if url.startswith(kind) and url != kind), None)
