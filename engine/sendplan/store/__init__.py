"""Where orders, the ledger and plans are kept: `open_reader` for planning, `open_store` for everything that writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from sendplan.calendar import Calendar
from sendplan.fields import Field
from sendplan.problems import wrong_value
from sendplan.store.protocols import Reader, Store
from sendplan.store.records import StoreError
from sendplan.store_kinds import HELP, StoreKind, store_kind


def open_reader(url: str, folder: Path, fields: Mapping[str, Field], calendar: Calendar) -> Reader:
    """The store at `url` (relative to the project's `folder`) for reading: nothing is created or changed.

    A missing file reads as an empty store. Raises StoreError for a file that is no store.
    """
    kind = _kind(url)
    match kind:
        case StoreKind.SQLITE:
            from sendplan.store.sqlite.opening import open_file_reader

            return open_file_reader(folder / url.removeprefix(kind), fields, calendar)
        case StoreKind.POSTGRESQL:
            from sendplan.store.postgres.opening import open_server_reader

            return open_server_reader(url, folder, fields, calendar)
        case _:
            assert_never(kind)


def open_store(
    url: str,
    folder: Path,
    fields: Mapping[str, Field],
    calendar: Calendar,
    *,
    clock: Callable[[], float] = time.time,
) -> Store:
    """The store at `url` for writing, created or brought up to date as needed.

    `clock` is the real time in seconds since 1970, by which leases and senders' limits run. Raises StoreError for a
    file that is no store or cannot be written.
    """
    store = _opened(url, folder, fields, calendar, clock)
    try:
        store.refuse_left()
    except BaseException:
        store.close()
        raise
    return store


def copy_store(
    url: str,
    folder: Path,
    target: str,
    fields: Mapping[str, Field],
    calendar: Calendar,
    progress: Callable[[int], None] = lambda rows: None,
) -> Copied:
    """Copy the store at `url` to `target`, which is empty or holds a part of this copy, and leave it.

    Raises StoreError for a store that somebody works on, and UserError for an address that is none.
    """
    from sendplan.store.sql.copying import copy

    with (
        closing(_opened(url, folder, fields, calendar, time.time)) as source,
        closing(_opened(target, folder, fields, calendar, time.time)) as copied,
    ):
        return copy(source, copied, target, progress)


def _opened(
    url: str, folder: Path, fields: Mapping[str, Field], calendar: Calendar, clock: Callable[[], float]
) -> SqlStore:
    kind = _kind(url)
    match kind:
        case StoreKind.SQLITE:
            from sendplan.store.sqlite.opening import open_file

            return open_file(folder / url.removeprefix(kind), fields, calendar, clock)
        case StoreKind.POSTGRESQL:
            from sendplan.store.postgres.opening import open_server

            return open_server(url, folder, fields, calendar, clock)
        case _:
            assert_never(kind)


def back_up(url: str, folder: Path, target: Path) -> None:
    """Copy the store at `url` to a file, consistently, while others may write.

    Raises StoreError for a store that cannot be read, and UserError when something else is in the place of `target`.
    """
    kind = _kind(url)
    match kind:
        case StoreKind.SQLITE:
            from sendplan.store.sqlite.backup import back_up

            back_up(folder / url.removeprefix(kind), target)
        case StoreKind.POSTGRESQL:
            message = "a PostgreSQL store is backed up with the server's own tools"
            raise wrong_value(message, "run `pg_dump`, or `pg_basebackup` for the server")
        case _:
            assert_never(kind)


if TYPE_CHECKING:
    from sendplan.store.sql.copying import Copied
    from sendplan.store.sql.store import SqlStore


def _kind(url: str) -> StoreKind:
    kind = store_kind(url)
    if kind is None:
        raise wrong_value(f"unknown kind of store: {url}", HELP)
    return kind


__all__ = ["Reader", "Store", "StoreError", "back_up", "copy_store", "open_reader", "open_store"]
