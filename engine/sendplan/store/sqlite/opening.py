"""Opening a SQLite store: for reading, or for writing and brought up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from sendplan.calendar import Calendar
from sendplan.fields import Field
from sendplan.store.sql.reader import SqlReader
from sendplan.store.sql.store import SqlStore
from sendplan.store.sqlite.files import ReadOnlyFile, WritableFile, unreadable
from sendplan.store.sqlite.migrations import check_version, migrate


def open_file_reader(path: Path, fields: Mapping[str, Field], calendar: Calendar) -> SqlReader:
    """The store as it is. Raises StoreError for a file that is no store, or one of a later version."""
    file = ReadOnlyFile(path)
    check_version(file)
    return SqlReader(file, fields, calendar)


def open_file(path: Path, fields: Mapping[str, Field], calendar: Calendar, clock: Callable[[], float]) -> SqlStore:
    """Open the file and bring it up to date.

    Raises StoreError when it is no store or cannot be written.
    """
    file = WritableFile(path)
    try:
        migrate(file, fields, calendar)
        if file.rows("PRAGMA application_id") != [(0,)]:
            file.connection.execute("PRAGMA application_id = 0")  # A backup that was put back is one no more.
        return SqlStore(file, fields, calendar, clock)
    except BaseException as error:
        file.close()
        if isinstance(error, sqlite3.Error):
            raise unreadable(path, error) from error
        raise
