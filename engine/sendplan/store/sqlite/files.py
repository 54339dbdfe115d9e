"""The two ways to open a SQLite file: for writing, durably, and for reading, without leaving a trace."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

from sendplan.problems import Problem
from sendplan.store.records import StoreError
from sendplan.store.sql.database import Lock, NewRows, Parameters, Statement, TableRow, Told, Transaction
from sendplan.store.sqlite.dialect import SQLITE, SqliteDialect

_Mark: TypeAlias = tuple[int, int, int]
_Found = TypeVar("_Found")


# The driver asks None for a way to adapt it, in vain and at length, each time it is bound: half of what binding costs.
sqlite3.register_adapter(type(None), lambda none: None)

BUSY_SECONDS = 60
"""How long a writer waits for another, such as a long import."""


class _Sqlite(ABC):
    """What both ways share."""

    @property
    def dialect(self) -> SqliteDialect:
        return SQLITE

    @abstractmethod
    def rows(self, sql: str, parameters: Parameters = ()) -> list[TableRow]: ...

    def columns(self, table: str) -> frozenset[str]:
        return frozenset(name for (name,) in self.rows("SELECT name FROM pragma_table_info(?)", (table,)))

    def indexes(self) -> frozenset[str]:
        return frozenset(name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'index'"))


class WritableFile(_Sqlite):
    """A writer's connection: write-ahead log, every commit flushed to the disk.

    See docs/sending.md#what-happens-to-one-message.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; a new one, with buyers' addresses to be, is its owner's alone. Raises StoreError."""
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(path)
            self.connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as error:
            raise unreadable(path, error) from error
        try:
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            self.close()
            raise unreadable(path, error) from error

    @property
    def shared(self) -> bool:
        return False

    def owns_tables(self) -> bool:
        """Whoever may write the file may."""
        return True

    def rows(self, sql: str, parameters: Parameters = ()) -> list[TableRow]:
        """All rows of a query; raises StoreError."""
        with self._own_errors():
            return self.connection.execute(sql, parameters).fetchall()

    def numbers(self, sql: str, parameters: Parameters = ()) -> array[int]:
        """All rows of a query for one whole number, packed; raises StoreError."""
        with self._own_errors():
            return _packed(self.connection.execute(sql, parameters))

    @contextmanager
    def transaction(self, lock: Lock = Lock.ALL) -> Iterator[sqlite3.Connection]:
        """One durable change: committed at the end, undone by an exception. Waits for other writers at its start.

        Within another one it is a part of that. Raises StoreError when nothing of it was changed.
        """
        if self.connection.in_transaction:
            yield self.connection
            return
        with self._own_errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # A full disk may have ended it already.
                    self.connection.execute("ROLLBACK")
                raise

    def at_once(self, lock: Lock, statements: Sequence[Statement]) -> list[Told]:
        """These statements as one durable change; raises StoreError when nothing was changed."""
        with self.transaction(lock) as connection:
            answers = (connection.execute(sql, parameters) for sql, parameters in statements)
            return [Told(each.fetchall(), each.rowcount) for each in answers]

    def put(self, transaction: Transaction, new: NewRows) -> int:
        """Insert rows; how many were inserted, or changed by what is done on a conflict."""
        names = ", ".join((*new.columns, *new.fixed))
        values = ", ".join((*("?" for _ in new.columns), *map(str, new.fixed.values())))
        insert = f"INSERT INTO {new.table} ({names}) VALUES ({values}) {new.on_conflict}"
        return transaction.executemany(insert, new.rows).rowcount

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        """Within a transaction, rows of any state may come, and leave no trace in the history."""
        triggers = self.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        for name, _ in triggers:
            self.connection.execute(f"DROP TRIGGER {name}")
        yield
        for _, statement in triggers:
            self.connection.execute(statement)

    def continue_numbers(self, transaction: Transaction, table: str) -> None:
        """New rows follow the greatest number by themselves."""

    @contextmanager
    def erasing(self) -> Iterator[sqlite3.Connection]:
        """One durable change that overwrites with zeros what it deletes, in the write-ahead log too."""
        with self._own_errors():
            self.connection.execute("PRAGMA secure_delete = ON")
            try:
                with self.transaction() as connection:
                    yield connection
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self.connection.execute("PRAGMA secure_delete = OFF")

    def purge(self) -> None:
        """Write the whole file anew. Raises StoreError."""
        with self._own_errors():
            self.connection.execute("VACUUM")
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise broken(self._path, error) from error

    def close(self) -> None:
        """Release the file."""
        self.connection.close()


class ReadOnlyFile(_Sqlite):
    """Queries on a store file that may be missing, old, or just being written by another process.

    A file without a write-ahead log beside it is complete, and is opened as immutable: the usual way would create
    the log. Should a writer come meanwhile, its log does not matter to us until it is merged into the file itself;
    then the answer just fetched is thrown away and asked for again, through the log that exists by then.
    """

    _connection: sqlite3.Connection | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: _Mark | None = None
        """The file's state when it was opened as immutable; None when it was opened the usual way."""
        self._open()

    def rows(self, sql: str, parameters: Parameters = ()) -> list[TableRow]:
        """All rows of a query, from one moment; none when there is no file."""
        return self._read(sql, parameters, sqlite3.Cursor.fetchall, [])

    def numbers(self, sql: str, parameters: Parameters = ()) -> array[int]:
        """All rows of a query for one whole number, packed; from one moment, none when there is no file."""
        return self._read(sql, parameters, _packed, array("q"))

    def _read(
        self, sql: str, parameters: Parameters, fetch: Callable[[sqlite3.Cursor], _Found], nothing: _Found
    ) -> _Found:
        for _ in range(20):
            if self._connection is None:
                return nothing
            try:
                rows = fetch(self._connection.execute(sql, parameters))
            except sqlite3.Error as error:
                if self._is_unchanged():
                    raise unreadable(self._path, error) from error
            else:
                if self._is_unchanged():
                    return rows
            self.close()
            self._open()
        raise StoreError(_busy(self._path))

    def close(self) -> None:
        """Release the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        # A reader changes nothing and keeps nobody waiting: whoever is done with it lets it go, in whichever thread.
        self.close()

    def _open(self) -> None:
        mark = _mark_of(self._path)
        if mark is None:
            return
        log = self._path.with_name(self._path.name + "-wal")
        self._mark = None if log.exists() else mark
        mode = "mode=ro" if self._mark is None else "mode=ro&immutable=1"
        try:
            self._connection = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?{mode}", uri=True, timeout=30, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise unreadable(self._path, error) from error

    def _is_unchanged(self) -> bool:
        return self._mark is None or self._mark == _mark_of(self._path)


def _packed(cursor: sqlite3.Cursor) -> array[int]:
    return array("q", (number for (number,) in cursor))


def unreadable(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    """The user's error for a file that is no store or cannot be read."""
    damaged = isinstance(error, sqlite3.Error) and _code(error) in _DAMAGED
    help_ = f"{_PUT_BACK}, or check `store:` in sendplan.yaml" if damaged else "check `store:` in sendplan.yaml"
    return StoreError(Problem("store-unreadable", f"cannot read the store {path}: {error}", help=help_))


def broken(path: Path, error: sqlite3.Error) -> StoreError:
    """The user's error for a store that fails while it is in use."""
    code = _code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(_busy(path))
    if code in _DAMAGED:
        return unreadable(path, error)
    help_ = "see that its disk has room and that this user may write to it and to its folder"
    return StoreError(Problem("store-broken", f"the store {path} cannot be used: {error}", help=help_))


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PUT_BACK = "put a backup in its place, without the -wal and -shm files beside it"


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _create(path: Path) -> None:
    """Make a new file that only its owner may read.

    One that exists must not be opened here: closing it again would drop every lock that SQLite holds on it in this
    process, and another process would take away the log under a writer's hands (SQLite, "How to corrupt", §2.2).
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _busy(path: Path) -> Problem:
    return Problem("store-busy", f"the store {path} is being written to all the time", help="try again later")


def _mark_of(path: Path) -> _Mark | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
