"""What the statements need of a database: rows, one durable change at a time, and the few words that differ."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias

TableRow: TypeAlias = tuple[Any, ...]
"""A row as the database gives it: texts, whole numbers, None."""

Parameters: TypeAlias = Sequence[object] | Mapping[str, object]
"""For `?` (or `?1`, `?2` … by their place), or by name for `:name`."""

SET_META = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
"""Keeps a note under a name."""


class Statement(NamedTuple):
    """One statement with its parameters."""

    sql: str
    parameters: Parameters = ()


class Told(NamedTuple):
    """What a statement gave, read to the end."""

    rows: list[TableRow]
    rowcount: int
    """How many rows it changed."""


class NewRows(NamedTuple):
    """Rows to be put into a table together; no two of one key where a conflict changes a row."""

    table: str
    columns: Sequence[str]
    """Quoted names."""
    rows: Iterable[TableRow]
    on_conflict: str = ""
    """What is done where a row of the same key is there, in SQL."""
    fixed: Mapping[str, int] = MappingProxyType({})
    """Further columns that have one value in all of these rows."""


class Lock(Enum):
    """What a change waits for, and what waits for it; a file knows one writer at a time whatever is asked."""

    ALL = auto()
    """Every other change: what it has read stays so until its commit."""
    LEDGER = auto()
    """Every change of messages and leases, and of what intents ask for; not an import that is still under way."""
    IMPORT = auto()
    """Every change by a person or an import; mails only wait for its commit."""
    ROWS = auto()
    """Only changes of the same rows, which guard themselves."""


class Answer(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def fetchone(self) -> Any:
        """The next row; None after the last."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Transaction(Protocol):
    """Runs the statements of one change."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Answer:
        """Run one statement; `parameters` are `Parameters`."""

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Answer:
        """Run one statement for each row of parameters; `rowcount` is that of all."""


class Dialect(Protocol):
    """The words in which databases differ."""

    differs: str
    """Between two values that may be NULL: they are not the same."""
    like: str
    """A pattern that takes ASCII letters for the same in either case."""
    by_key: str
    """Behind a table's columns: its rows are in its primary key, and nowhere else."""

    def among(self, column: str, parameter: str, *, numbers: bool = False) -> str:
        """Whether a column is in the list, of texts or of whole numbers, that one parameter holds as JSON."""

    def rows(self, parameter: str, columns: Sequence[str]) -> str:
        """A query for the rows of one parameter, a JSON list of lists of texts, with their place as `number`.

        What is no text there, such as a list, comes as its JSON.
        """

    def latest(self, columns: Sequence[str]) -> str:
        """The greatest of several columns; NULL where one of them is."""

    def last(self, columns: Sequence[str]) -> str:
        """The greatest of those of several columns that are not NULL; NULL or 0 where all are."""

    def contains(self, column: str, text: str) -> str:
        """Whether a column contains a lower-case text, whatever the case of its ASCII letters."""

    def not_digits(self, column: str, length: int) -> str:
        """Whether something else than a digit is among a column's first characters."""

    def lines(self, text: str) -> str:
        """The texts of all rows as lines of one; NULL without rows."""

    def free_rows(self, table: str) -> str:
        """What makes a query pass over the rows of this table that another change holds."""

    def by_index(self, name: str) -> str:
        """What makes the database use this index; empty where it chooses by itself."""

    @property
    def row_by_row(self) -> str:
        """What ends a query that is to be asked for each row anew, instead of once for all that it could be asked."""


class RowSource(Protocol):
    """Where rows come from: a database that is only read, or a writer's own."""

    @property
    def dialect(self) -> Dialect:
        """How this database says it."""

    def rows(self, sql: str, parameters: Parameters = ()) -> list[TableRow]:
        """All rows of a query; raises StoreError."""

    def numbers(self, sql: str, parameters: Parameters = ()) -> array[int]:
        """All rows of a query for one whole number, packed; raises StoreError."""

    def columns(self, table: str) -> frozenset[str]:
        """The columns of a table; none when there is no such table."""

    def indexes(self) -> frozenset[str]:
        """The names of all indexes."""

    def close(self) -> None:
        """Release it."""


class Database(RowSource, Protocol):
    """A writer's database."""

    @property
    def shared(self) -> bool:
        """Whether several hosts may work on it."""

    def owns_tables(self) -> bool:
        """Whether this login may change the tables themselves, and make their indexes."""

    def transaction(self, lock: Lock = Lock.ALL) -> AbstractContextManager[Transaction]:
        """One durable change: committed at the end, undone by an exception.

        Within another one it is a part of that. Raises StoreError when nothing of it was changed.
        """

    def at_once(self, lock: Lock, statements: Sequence[Statement]) -> list[Told]:
        """These statements as one durable change, as far as possible without waiting in between.

        None of them can depend on what another one gave. Raises StoreError when nothing was changed.
        """

    def put(self, transaction: Transaction, new: NewRows) -> int:
        """Insert many rows together; how many were inserted, or changed by what is done on a conflict."""

    def unguarded(self) -> AbstractContextManager[None]:
        """Within a transaction, rows of any state may come, and leave no trace in the history."""

    def continue_numbers(self, transaction: Transaction, table: str) -> None:
        """Let new rows of a table with numbers follow those that are there."""

    def erasing(self) -> AbstractContextManager[Transaction]:
        """One durable change of which nothing that it deletes stays readable in the database's files."""

    def purge(self) -> None:
        """Leave nothing readable of what was deleted or changed at any time before; takes long for a large store."""
