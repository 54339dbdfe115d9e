"""The kinds of stores that a project may name, by how their address begins, and its password (docs/project.md)."""

from __future__ import annotations

import re
from enum import StrEnum


class StoreKind(StrEnum):
    """Each kind by the beginning of its address."""

    SQLITE = "sqlite:///"
    POSTGRESQL = "postgresql://"


HELP = f"write `{StoreKind.SQLITE}var/shop.db`, or `{StoreKind.POSTGRESQL}user@host/database`"
"""What to write when an address is of no kind."""
HELP_PASSWORD = "write `user:${NAME}@` or `user:${file:PATH}@`, or give it by PGPASSWORD or a pass file"
"""What to write in the place of a password."""


def store_kind(url: str) -> StoreKind | None:
    """The kind of store at an address; None when there is no such kind, or nothing follows its beginning."""
    return next((kind for kind in StoreKind if url.startswith(kind) and url != kind), None)


_PASSWORD = re.compile(r"(\w+://[^/@:]*:)(\$\{[^{}]*\}|[^/@]+)(@.*)", re.DOTALL)


def around_password(url: str) -> tuple[str, str, str] | None:
    """What stands before the password of an address, the password as it is written, and what follows; None without."""
    found = _PASSWORD.fullmatch(url)
    return (found[1], found[2], found[3]) if found else None
