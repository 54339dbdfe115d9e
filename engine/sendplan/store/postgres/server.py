"""One connection to a PostgreSQL server: rows, changes that are durable when they return, and errors in plain words."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sendplan.problems import Problem
from sendplan.store.postgres.address import first_schema, without_schema
from sendplan.store.postgres.dialect import POSTGRES, PostgresDialect, native
from sendplan.store.records import StoreError
from sendplan.store.sql.database import Lock, NewRows, Parameters, Statement, TableRow, Told, Transaction

if TYPE_CHECKING:
    import psycopg

SCHEMA = "sendplan"
"""Where the tables are when the address names no `search_path`."""

CONNECT_SECONDS = 10
"""How long one server may take to answer; the next one of the address is tried then."""

LOCK_MILLISECONDS = 60_000
"""How long a change waits for another one, such as a long import."""

COMMIT_SECONDS = 30.0
"""How long a commit may take: no statement's own limit ends the wait for a second server."""

_SETTINGS = (
    f"SET lock_timeout TO {LOCK_MILLISECONDS}; SET timezone TO 'UTC';"
    # Compiling a statement takes longer than finding the few rows that it is for.
    " SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = 'jit'"
)
"""Of each connection."""

_BEGIN = b"BEGIN ISOLATION LEVEL READ COMMITTED"
"""Whatever the server's own setting: what is read once a lock is there must be as it is then."""

_BATCH = 5_000

_ORDERS, _LEDGER = " orders", ""
_BEFORE: Mapping[Lock, tuple[str, ...]] = {
    Lock.ALL: (_ORDERS, _LEDGER),
    Lock.LEDGER: (_LEDGER,),
    Lock.IMPORT: (_ORDERS,),
    Lock.ROWS: (),
}
_AT_COMMIT: Mapping[Lock, tuple[str, ...]] = {Lock.IMPORT: (_LEDGER,)}
"""The locks that a change takes when it begins, and those before its commit."""

_LIVELY: Mapping[str, int] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server behind a network that was cut is noticed within half a minute."""


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

            from sendplan.store.postgres.connecting import PatientConnection
        except ImportError:
            help_ = "run `pip install 'sendplan[postgres]'`"
            raise StoreError(Problem("store-unreadable", "PostgreSQL needs its driver", None, help_)) from None
        self._psycopg = psycopg
        self._notices: list[str] = []
        self._within = False
        """Whether a transaction is open."""
        try:
            address, named = without_schema(url)
            self.connection = PatientConnection.connect(
                address,
                autocommit=True,
                application_name="sendplan",
                prepare_threshold=2,
                **_LIVELY,  # type: ignore[arg-type]
            )
        except psycopg.Error as error:
            raise unreadable(error) from error
        self._cursor: psycopg.RawCursor[TableRow] = psycopg.RawCursor(self.connection)
        self.connection.add_notice_handler(lambda notice: self._notices.append(str(notice.message_primary)))
        with self._own_errors():
            self.schema = named or self._usual_schema()
            self._set_up()
            if read_only:
                self._cursor.execute(b"SET default_transaction_read_only TO on")

    def _usual_schema(self) -> str:
        """Ours, unless the server has another one for this role or database."""
        (path,) = self._cursor.execute(b"SHOW search_path").fetchone() or ("",)
        return SCHEMA if path == '"$user", public' else first_schema(str(path))

    def _set_up(self) -> None:
        self._cursor.execute(f'SET search_path TO "{self.schema}"; {_SETTINGS}'.encode())
        # What a commit confirmed must be on the disk, whatever the server's own setting.
        (commits,) = self._cursor.execute(b"SHOW synchronous_commit").fetchone() or ("on",)
        if commits == "off":
            self._cursor.execute(b"SET synchronous_commit TO on")

    @property
    def dialect(self) -> PostgresDialect:
        return POSTGRES

    @property
    def shared(self) -> bool:
        return True

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

    def owns_tables(self) -> bool:
        """Whether this login is, or belongs to, the role that made the tables."""
        query = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('orders')"
        return self.rows(query) == [(True,)]

    @contextmanager
    def transaction(self, lock: Lock = Lock.ALL) -> Iterator[ServerTransaction]:
        """One durable change: committed at the end, undone by an exception. Changes wait for each other by `lock`.

        Within another one it is a part of that. Raises StoreError when nothing of it was changed, and also when the
        server did not confirm without a word that all of it is safe: a commit that was waiting for a second server
        may return with a notice, and be gone when that one takes over (PostgreSQL, "Synchronous Replication").
        """
        if self._within:
            yield ServerTransaction(self._cursor)
            return
        with self._own_errors():
            self._cursor.execute(b"; ".join([_BEGIN, *map(self._locking, _BEFORE[lock])]))
            self._within = True
            try:
                yield ServerTransaction(self._cursor)
                for each in _AT_COMMIT.get(lock, ()):
                    self._cursor.execute(self._locking(each))
                self._commit()
            except BaseException:
                with suppress(self._psycopg.Error):
                    self.connection.rollback()
                raise
            finally:
                self._within = False

    def at_once(self, lock: Lock, statements: Sequence[Statement]) -> list[Told]:
        """These statements as one durable change, sent without waiting for the answer to each: one round trip.

        So the locks are held for as long as the server works, however far away it is. Raises StoreError as
        `transaction` does.
        """
        written = [native(*each) for each in statements]
        if self._within:
            with self._own_errors():
                return [_told(self._cursor.execute(sql.encode(), values or None)) for sql, values in written]
        locks = [self._locking(each) for each in (*_BEFORE[lock], *_AT_COMMIT.get(lock, ()))]
        asked = [(_BEGIN, ()), *((each, ()) for each in locks), *((sql.encode(), values) for sql, values in written)]
        with self._own_errors():
            self._notices.clear()
            try:
                with self.connection.answering_within(LOCK_MILLISECONDS / 1000 + COMMIT_SECONDS):
                    answers = self._pipelined([*asked, (b"COMMIT", ())])
                self._check_commit(answers[-1].statusmessage)
                return [_told(each) for each in answers[-1 - len(written) : -1]]
            except BaseException:
                with suppress(self._psycopg.Error):
                    self.connection.rollback()
                raise

    def put(self, transaction: Transaction, new: NewRows) -> int:
        """Insert rows within the transaction, by COPY: one statement takes the keys that are there into account."""
        names, values = ", ".join(new.columns), ", ".join(("*", *map(str, new.fixed.values())))
        # One for each set of columns: every table that a transaction makes takes a lock until its end.
        passing = f"put_{crc32(f'{new.table} {names}'.encode()):08x}"
        like = f"SELECT {names} FROM {new.table} LIMIT 0"
        transaction.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {passing} ON COMMIT DELETE ROWS AS {like}; TRUNCATE {passing}"
        )
        with self._cursor.copy(f"COPY {passing} FROM STDIN".encode()) as copy:
            for row in new.rows:
                copy.write_row(row)
        into = ", ".join((*new.columns, *new.fixed))
        insert = f"INSERT INTO {new.table} ({into}) SELECT {values} FROM {passing} {new.on_conflict}"
        return transaction.execute(insert).rowcount

    def _pipelined(self, asked: Sequence[tuple[bytes, Sequence[object]]]) -> list[psycopg.RawCursor[TableRow]]:
        answers: list[psycopg.RawCursor[TableRow]] = []
        with self.connection.pipeline():
            for text, values in asked:
                answers.append(self._psycopg.RawCursor(self.connection))
                answers[-1].execute(text, values or None)
        return answers

    def _locking(self, name: str) -> bytes:
        """One writer at a time, as in a file; every change that waits for both locks takes them in the same order."""
        return f"SELECT pg_advisory_xact_lock(hashtextextended('{self.schema}{name}', 0))".encode()

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        """Within a transaction, rows of any state may come, and leave no trace in the history; for the owner alone."""
        tables = self.rows(
            "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal AND relnamespace = to_regnamespace(?)",
            (f'"{self.schema}"',),
        )
        with self._own_errors():
            for (table,) in tables:
                self._cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER'.encode())
            yield
            for (table,) in tables:
                self._cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER'.encode())

    def continue_numbers(self, transaction: Transaction, table: str) -> None:
        """Let new rows of a table with numbers follow those that are there."""
        transaction.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 0) + 1, false) FROM {table}"
        )

    @contextmanager
    def erasing(self) -> Iterator[ServerTransaction]:
        """One durable change after which the tables' files hold nothing of what it deleted; logs and backups may."""
        self._check_owner()
        with self.transaction() as transaction:
            yield transaction
        self.purge()

    def purge(self) -> None:
        """Write all tables anew. Raises StoreError."""
        self._check_owner()
        tables = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
        with self._own_errors():
            for (table,) in tables:
                self._cursor.execute(f'VACUUM FULL "{table}"'.encode())

    def _check_owner(self) -> None:
        # The server only warns of a table that is left as it is.
        if not self.owns_tables():
            message = "this login does not own the store's tables, and cannot remove from their files what it deletes"
            help_ = "forget with the login that owns them"
            raise StoreError(Problem("store-unreadable", message, None, help_))

    def _commit(self) -> None:
        self._notices.clear()
        with self.connection.answering_within(COMMIT_SECONDS):
            self._cursor.execute(b"COMMIT")
        self._check_commit(self._cursor.statusmessage)

    def _check_commit(self, confirmed: str | None) -> None:
        if self._notices:
            message = f"the server did not confirm that a change is safe: {'; '.join(self._notices)}"
            help_ = "see that its second server is at work"
            raise StoreError(Problem("store-broken", message, None, help_))
        if confirmed != "COMMIT":
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


def _told(cursor: psycopg.RawCursor[TableRow]) -> Told:
    return Told(cursor.fetchall() if cursor.description else [], cursor.rowcount)


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
    if isinstance(error, errors.DuplicatePreparedStatement | errors.InvalidSqlStatementName):
        help_ = "put the pooler before the server into session mode: what is set in a session must stay there"
    return StoreError(Problem("store-broken", f"the store cannot be used: {_said(error)}", help=help_))


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
