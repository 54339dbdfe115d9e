"""One connection to a PostgreSQL server: rows, changes that are durable when they return, and errors in plain words."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from sendplan.problems import Problem
from sendplan.store.postgres.dialect import POSTGRES, PostgresDialect, native
from sendplan.store.protocols import StoreError
from sendplan.store.sql.database import Parameters, TableRow

if TYPE_CHECKING:
    import psycopg

SCHEMA = "sendplan"
"""Where the tables are when the address names no `search_path`."""

CONNECT_SECONDS = 10
"""How long one server may take to answer; the next one of the address is tried then."""

LOCK_MILLISECONDS = 60_000
"""How long a change waits for another one, such as a long import."""

_BATCH = 5_000


class ServerTransaction:
    """A `Transaction` (`store/sql/database.py`) over a cursor."""

    def __init__(self, cursor: psycopg.RawCursor[TableRow]) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def execute(self, sql: str, parameters: Parameters = (), /) -> ServerTransaction:
        text, values = native(sql, parameters)
        self._cursor.execute(text.encode(), values or None)
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Changed:
        """Sent ahead in batches, without waiting for the answer to each."""
        text, _ = native(sql, ())
        changed = 0
        rows = iter(parameters)
        while batch := list(islice(rows, _BATCH)):
            self._cursor.executemany(text.encode(), batch)
            changed += max(self._cursor.rowcount, 0)
        return Changed(changed)

    def fetchone(self) -> TableRow | None:
        return self._cursor.fetchone()

    def fetchall(self) -> list[TableRow]:
        return self._cursor.fetchall()

    def __iter__(self) -> Iterator[TableRow]:
        return iter(self._cursor.fetchall())


class Changed:
    """How many rows a statement changed."""

    def __init__(self, rowcount: int) -> None:
        self.rowcount = rowcount

    def fetchone(self) -> None:
        return None

    def fetchall(self) -> list[TableRow]:
        return []

    def __iter__(self) -> Iterator[TableRow]:
        return iter(())


class Server:
    """A `Database` (`store/sql/database.py`)."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """Connect; raises StoreError when no server of the address takes the login."""
        try:
            import psycopg
        except ImportError:
            help_ = "run `pip install 'sendplan[postgres]'`"
            raise StoreError(Problem("store-unreadable", "PostgreSQL needs its driver", None, help_)) from None
        self._psycopg = psycopg
        self._notices: list[str] = []
        try:
            self.connection: psycopg.Connection[TableRow] = psycopg.connect(
                url, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="sendplan", prepare_threshold=2
            )
        except psycopg.Error as error:
            raise unreadable(error) from error
        self._cursor: psycopg.RawCursor[TableRow] = psycopg.RawCursor(self.connection)
        self.connection.add_notice_handler(lambda notice: self._notices.append(str(notice.message_primary)))
        with self._own_errors():
            self._set_up()
            if read_only:
                self._cursor.execute(b"SET default_transaction_read_only TO on")

    def _set_up(self) -> None:
        (path,) = self._cursor.execute(b"SHOW search_path").fetchone() or ("",)
        self.schema = SCHEMA if path == '"$user", public' else str(path).split(",")[0].strip().strip('"')
        self._cursor.execute(f'SET search_path TO "{self.schema}"'.encode())
        self._cursor.execute(f"SET lock_timeout TO {LOCK_MILLISECONDS}".encode())
        self._cursor.execute(b"SET timezone TO 'UTC'")
        # What a commit confirmed must be on the disk, whatever the server's own setting.
        (commits,) = self._cursor.execute(b"SHOW synchronous_commit").fetchone() or ("on",)
        if commits == "off":
            self._cursor.execute(b"SET synchronous_commit TO on")

    @property
    def dialect(self) -> PostgresDialect:
        return POSTGRES

    def rows(self, sql: str, parameters: Parameters = ()) -> list[TableRow]:
        """All rows of a query; raises StoreError."""
        with self._own_errors():
            text, values = native(sql, parameters)
            return self._cursor.execute(text.encode(), values or None).fetchall()

    def numbers(self, sql: str, parameters: Parameters = ()) -> array[int]:
        """All rows of a query for one whole number, packed; raises StoreError."""
        with self._own_errors():
            text, values = native(sql, parameters)
            found = array("q")
            cursor = self._psycopg.RawCursor(self.connection)
            for (number,) in cursor.stream(text.encode(), values or None):
                found.append(number)
            return found

    def columns(self, table: str) -> frozenset[str]:
        query = (
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(quote_ident(?)) AND attnum > 0"
            " AND NOT attisdropped"
        )
        return frozenset(name for (name,) in self.rows(query, (table,)))

    def indexes(self) -> frozenset[str]:
        query = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
        return frozenset(name for (name,) in self.rows(query))

    @contextmanager
    def transaction(self) -> Iterator[ServerTransaction]:
        """One durable change: committed at the end, undone by an exception. Changes wait for each other.

        Within another one it is a part of that. Raises StoreError when nothing of it was changed, and also when the
        server did not confirm without a word that all of it is safe: a commit that was waiting for a second server
        may return with a notice, and be gone when that one takes over (PostgreSQL, "Synchronous Replication").
        """
        if self.connection.info.transaction_status != self._psycopg.pq.TransactionStatus.IDLE:
            yield ServerTransaction(self._cursor)
            return
        with self._own_errors():
            self._cursor.execute(b"BEGIN")
            try:
                # One writer at a time, as in a file: what a guard has read stays so until the commit.
                self._cursor.execute(f"SELECT pg_advisory_xact_lock(hashtextextended('{self.schema}', 0))".encode())
                yield ServerTransaction(self._cursor)
                self._commit()
            except BaseException:
                with suppress(self._psycopg.Error):
                    self.connection.rollback()
                raise

    @contextmanager
    def erasing(self) -> Iterator[ServerTransaction]:
        """One durable change after which the tables' files hold nothing of what it deleted; logs and backups may."""
        with self.transaction() as transaction:
            yield transaction
        self.purge()

    def purge(self) -> None:
        """Write all tables anew. Raises StoreError."""
        tables = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
        with self._own_errors():
            for (table,) in tables:
                self._cursor.execute(f'VACUUM FULL "{table}"'.encode())

    def _commit(self) -> None:
        self._notices.clear()
        self._cursor.execute(b"COMMIT")
        if self._notices:
            message = f"the server did not confirm that a change is safe: {'; '.join(self._notices)}"
            help_ = "see that its second server is at work"
            raise StoreError(Problem("store-broken", message, None, help_))
        if self._cursor.statusmessage != "COMMIT":
            raise StoreError(Problem("store-broken", "the server undid a change instead of keeping it"))

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except self._psycopg.Error as error:
            raise broken(error) from error

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def __del__(self) -> None:
        # Whoever only read lets it go, in whichever thread; without a connection there was nothing to end.
        if hasattr(self, "connection"):
            self.close()


def unreadable(error: Exception) -> StoreError:
    """The user's error for a server that cannot be reached or does not take the login; without the password."""
    help_ = "check `store:` in sendplan.yaml, and that the server runs"
    return StoreError(Problem("store-unreadable", f"cannot reach the store: {_said(error)}", help=help_))


def broken(error: psycopg.Error) -> StoreError:
    """The user's error for a server that fails while it is in use."""
    from psycopg import errors

    if isinstance(error, errors.LockNotAvailable | errors.SerializationFailure | errors.DeadlockDetected):
        return StoreError(Problem("store-busy", "the store is being written to all the time", help="try again later"))
    help_ = "see that the server runs, that its disk has room, and that this login may write"
    return StoreError(Problem("store-broken", f"the store cannot be used: {_said(error)}", help=help_))


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
