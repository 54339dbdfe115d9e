"""A whole store from one place to another, in parts that survive an interruption.

The store that was copied is left: nothing works on it any more, and the copy keeps its identity. So nothing is sent
from both (docs/hosts.md#from-a-file-to-three-hosts).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.problems import Exit, Problem
from sendplan.store.records import LEFT, StoreError
from sendplan.store.sql.database import SET_META, NewRows, RowSource
from sendplan.store.sql.encoding import quoted
from sendplan.store.sql.forgetting import TABLES
from sendplan.store.sql.store import SqlStore

COPYING = "copying"
"""The target's note of how far the copy has come: until it is gone, the target is no store to send from."""
CHUNK = 5_000
_OWN_NOTES = ("fields", "zone", "steps", COPYING, LEFT)
"""Notes that each store makes of itself."""
_PASSING = frozenset({"meta", "hosts", "lots", "connections"})
"""Tables of which nothing is copied as it is."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied, and compared row by row."""

    rows: dict[str, int]
    """By table."""
    dropped: tuple[str, ...]
    """Columns of fields that the project no longer has."""


def copy(source: SqlStore, target: SqlStore, place: str, progress: Callable[[int], None]) -> Copied:
    """Copy everything, going on where an interrupted copy ended, and leave the source for `place`.

    Raises StoreError when somebody works on the source, when the target holds something else, when the copy differs.
    """
    done = _begin(source, target)
    _leave(source, place)
    tables = sorted(TABLES.keys() - _PASSING)
    copied, dropped, total = dict[str, int](), list[str](), sum(each["rows"] for each in done.values())
    for table in tables:
        columns = source.database.columns(table) & target.database.columns(table) - {"rowid"}
        dropped += sorted(f"{table}.{each}" for each in source.database.columns(table) - columns - {"rowid"})
        names = sorted(columns)
        state = done.setdefault(table, {"last": 0, "rows": 0})
        for rows in _chunks(source.database, table, names, state["last"]):
            state["last"], state["rows"] = rows[-1][0], state["rows"] + len(rows)
            total += len(rows)
            with target.database.transaction() as transaction, target.database.unguarded():
                target.database.put(transaction, NewRows(table, tuple(map(quoted, names)), [row[1:] for row in rows]))
                transaction.execute(SET_META, (COPYING, json.dumps({"from": _identity(source), "tables": done})))
            progress(total)
        copied[table] = state["rows"]
        if _fingerprint(source.database, table, names) != _fingerprint(target.database, table, names):
            raise _wrong(f"the copy of {table} differs from what was copied", "empty the target and copy again")
    _finish(source, target)
    return Copied({table: rows for table, rows in copied.items() if rows}, tuple(dropped))


def _leave(source: SqlStore, place: str) -> None:
    with source.database.transaction() as transaction:
        before = source.meta(LEFT)
        if before not in (None, "", place):
            raise _wrong(f"the store was left for {before}", "copy from there, or continue the copy to that place")
        if source.at_work():
            message = "somebody is sending from the store, or takes part in it"
            raise StoreError(Problem("plan-in-execution", message, help="stop all hosts first"), Exit.REFUSED)
        transaction.execute(SET_META, (LEFT, place))


def _begin(source: SqlStore, target: SqlStore) -> dict[str, dict[str, int]]:
    note = target.meta(COPYING)
    if note:
        begun = json.loads(note)
        if begun["from"] != _identity(source):
            raise _wrong("the target holds an unfinished copy of another store", "name an empty place")
        tables: dict[str, dict[str, int]] = begun["tables"]
        return tables
    if target.high_water() or target.counts()["orders"]:
        raise _wrong("the target already holds a store", "name an empty place, such as a schema of its own")
    target.set_meta(COPYING, json.dumps({"from": _identity(source), "tables": {}}))
    return {}


def _finish(source: SqlStore, target: SqlStore) -> None:
    """The notes come last, the identity among them: from then on the copy is the store."""
    notes = [row for row in source.database.rows("SELECT name, value FROM meta") if row[0] not in _OWN_NOTES]
    with target.database.transaction() as transaction:
        for table in sorted(_NUMBERED):
            target.database.continue_numbers(transaction, table)
        transaction.executemany(SET_META, notes)
        transaction.execute("DELETE FROM meta WHERE name = ?", (COPYING,))


def _identity(source: SqlStore) -> str:
    return source.meta("identity") or ""


def _key(source: RowSource, table: str) -> str:
    return "id" if "rowid" not in source.columns(table) and table in _NUMBERED else "rowid"


_NUMBERED = frozenset({"import_runs", "message_log", "bounces", "approvals", "acts"})
"""Tables whose rows have a number of their own, which is kept."""


def _chunks(source: RowSource, table: str, names: Sequence[str], last: int) -> Iterator[list[tuple[Any, ...]]]:
    """Rows as they came, each with its place before it."""
    key, listed = _key(source, table), ", ".join(map(quoted, names))
    sql = f"SELECT {key}, {listed} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT {CHUNK}"
    while rows := source.rows(sql, (last,)):
        yield rows
        last = rows[-1][0]


def _fingerprint(source: RowSource, table: str, names: Sequence[str]) -> tuple[int, str]:
    """How many rows there are, and a hash over all of them in the order in which they came."""
    count, told = 0, hashlib.sha256()
    for rows in _chunks(source, table, names, 0):
        count += len(rows)
        for row in rows:
            told.update(json.dumps(row[1:]).encode())
    return count, told.hexdigest()


def _wrong(message: str, help_: str) -> StoreError:
    return StoreError(Problem("store-left", message, help=help_), Exit.REFUSED)
