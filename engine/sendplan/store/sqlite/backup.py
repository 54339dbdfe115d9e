"""A consistent copy of a SQLite store while others write to it, in one file that says what it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sendplan.output_file import replaced
from sendplan.problems import Exit, Problem, UserError
from sendplan.store.records import StoreError
from sendplan.store.sqlite.files import broken, unreadable

BACKUP_ID = 0x73656E64
"""The `application_id` in the header of a backup (SQLite file format, §1.3.14); a store in use has none."""

_HEADER = 100


def back_up(store: Path, target: Path) -> None:
    """Copy the store as it is at one moment; raises UserError where something else is in the place of `target`."""
    if not store.exists():
        raise StoreError(
            Problem("store-unreadable", f"there is no store {store} yet", help="`sendplan import` makes it")
        )
    if target.exists() and target.samefile(store):
        message = f"`{target}` is the store itself"
        raise UserError(Problem("output-exists", message, help="name another file for its backup"), Exit.USAGE)
    with replaced(target, is_backup, "backup") as fresh:
        try:
            source = sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)
        except sqlite3.Error as error:
            raise unreadable(store, error) from error
        with closing(source), closing(sqlite3.connect(fresh, isolation_level=None)) as copy:
            try:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # One file, without a log beside it.
                copy.execute(f"PRAGMA application_id = {BACKUP_ID}")
            except sqlite3.Error as error:
                raise broken(store, error) from error


def is_backup(path: Path) -> bool:
    """Whether a file was made by `back_up` and is not in use as a store."""
    with path.open("rb") as file:
        header = file.read(_HEADER)
    in_use = path.with_name(path.name + "-wal").exists()
    return header.startswith(b"SQLite format 3\0") and header[68:72] == BACKUP_ID.to_bytes(4, "big") and not in_use
