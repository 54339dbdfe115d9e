"""The address of a store on a server, with the password and the schema that it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sendplan.secret import missing_password, read_secret, secret
from sendplan.store.records import StoreError
from sendplan.store_kinds import around_password

_SEARCH_PATH = re.compile(r"(?:-c\s*|--)search_path=(\S+)")


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


def without_schema(url: str) -> tuple[str, str | None]:
    """The address without the `search_path` among its options, and the schema that it names.

    A pooler refuses options of a connection, or, told to ignore them, would hand out another project's tables.
    Raises psycopg.Error for what is no address.
    """
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    parsed: dict[str, Any] = conninfo_to_dict(url)
    options = str(parsed.get("options") or "")
    named = _SEARCH_PATH.search(options)
    if named is None:
        return url, None
    rest = _SEARCH_PATH.sub("", options).strip()
    return make_conninfo(**{**parsed, "options": rest or None}), first_schema(named[1])


def first_schema(path: str) -> str:
    """The first name of a search path."""
    return path.split(",")[0].strip().strip('"')
