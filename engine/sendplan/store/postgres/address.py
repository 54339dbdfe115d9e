"""The address of a store on a server, with the password that it names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from sendplan.secret import missing_password, read_secret, secret
from sendplan.store.records import StoreError
from sendplan.store_kinds import around_password


def with_password(url: str, folder: Path) -> str:
    """The address with what `${NAME}` or `${file:PATH}` (relative to `folder`) holds in their place.

    Raises StoreError when there is nothing to read.
    """
    parts = around_password(url)
    kept = secret(parts[1], folder) if parts else None
    if parts is None or kept is None:
        return url
    password = read_secret(kept)
    if not password:
        raise StoreError(missing_password("the store", kept))
    before, _, after = parts
    return f"{before}{quote(password, safe='')}{after}"


def first_schema(path: str) -> str:
    """The first name of a search path."""
    return path.split(",")[0].strip().strip('"')
