"""One import into a store: batches of orders in one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sendplan.addresses import mailbox
from sendplan.fields import Field, Value
from sendplan.ledger import RefusedData
from sendplan.store.records import Imported, Refusal, RefusedRow, StoredOrder
from sendplan.store.sql.database import Database, NewRows, Transaction
from sendplan.store.sql.encoding import ARRIVAL, Cell, Codec, column, encode_instant, quoted, stored_fields
from sendplan.store.sql.forgetting import ADDRESS, ORDER, alias_of, secret_of
from sendplan.store.sql.reader import OrderColumns

ImportRow: TypeAlias = tuple[int, tuple[Value | None, ...]]
"""The row's own number, and its values in the order of the names."""

_UNMARKED: tuple[str, frozenset[str]] = ("", frozenset())
REQUIRED = ("account", "ordered")
"""What a new order cannot lack, beside its id."""


class SqlImport:
    """The import that `SqlStore.importing` hands out inside its transaction."""

    def __init__(
        self,
        connection: Transaction,
        database: Database,
        fields: Mapping[str, Field],
        codec: Codec,
        file: str,
        at: datetime,
        wall: int,
        names: Mapping[str, str],
    ) -> None:
        self._connection = connection
        self._database = database
        self._dialect = database.dialect
        self._fields = fields
        self._codec = codec
        self._file = file
        self._at = encode_instant(at)
        self._wall = wall // 1000 * 1000
        self._names = names
        self._accounts: set[str] = set()
        self._taken = self._inserted = self._written = self._passed_over = 0
        any_forgotten = connection.execute("SELECT 1 FROM forgotten LIMIT 1").fetchone()
        self._secret = secret_of(connection) if any_forgotten else None
        self._has_marks = connection.execute("SELECT 1 FROM refused_rows LIMIT 1").fetchone() is not None
        self._was_empty = connection.execute("SELECT 1 FROM orders LIMIT 1").fetchone() is None
        # The ids of this file lie in a temporary table, not in memory: a file may hold millions.
        connection.execute("DROP TABLE IF EXISTS import_seen")
        keyed = database.dialect.by_key
        connection.execute(f"CREATE TEMP TABLE import_seen (id TEXT PRIMARY KEY, number BIGINT){keyed}")
        connection.execute("SAVEPOINT import_began")

    def undo(self) -> None:
        self._connection.execute("ROLLBACK TO import_began")
        self._accounts.clear()
        self._taken = self._inserted = self._written = self._passed_over = 0

    def encoder(self, field: str) -> Callable[[Any], Cell] | None:
        return self._codec.encoder(self._fields[field].type)

    def upsert(
        self, names: tuple[str, ...], rows: Sequence[tuple[int, tuple[Any, ...]]], *, encoded: bool = False
    ) -> tuple[RefusedRow, ...]:
        rows = self._without_forgotten(names, rows)
        accounts = self._known_accounts(names, rows)
        refused = {each.number: each for each in self._refusals(names, rows, accounts)}
        good = (
            [values for number, values in rows if number not in refused] if refused else [values for _, values in rows]
        )
        id_at = names.index("id")
        self._taken += len(good)
        self._inserted += sum(values[id_at] not in accounts for values in good) if accounts else len(good)
        if "account" in names:
            account_at = names.index("account")
            self._accounts |= {str(values[account_at]) for values in good}
        else:
            self._accounts.update(accounts[str(values[id_at])] for values in good)
        if good and any(name not in ("id", "account") for name in names):
            cells: Iterable[tuple[Any, ...]] = good if encoded else self._encoded(names, good)
            put = self._inserted_or_updated if all(name in names for name in REQUIRED) else self._updated
            self._written += put(names, cells)
            self._suppress_again(names, good)
        return tuple(refused.values())

    def stored(self, ids: Iterable[str]) -> Mapping[str, StoredOrder]:
        columns = OrderColumns(list(stored_fields(self._fields).values()), self._codec)
        query = f"SELECT {columns.select} FROM orders WHERE {self._dialect.among('id', '?')}"
        rows = self._connection.execute(query, (json.dumps(list(ids)),))
        return {row[0]: columns.order(row) for row in rows}

    def matching(self, field: str, texts: Iterable[str]) -> Mapping[str, tuple[tuple[str, str], ...]]:
        name = quoted(column(self._fields[field]))
        among = self._dialect.among
        query = f"SELECT {name}, id, account FROM orders WHERE {among(name, '?1')}"
        if field == "number":
            query += f" UNION ALL SELECT id, id, account FROM orders WHERE {name} IS NULL AND {among('id', '?1')}"
        found: dict[str, tuple[tuple[str, str], ...]] = {}
        for text, id_, account in self._connection.execute(query, (json.dumps(list(texts)),)):
            found[text] = (*found.get(text, ()), (id_, account))
        return found

    def carried(self, fields: Iterable[str], accounts: Iterable[str] | None) -> tuple[str, ...]:
        for_accounts = sorted(self._accounts if accounts is None else set(accounts))
        self._connection.executemany(
            "INSERT INTO imports (account, field, at) VALUES (?, ?, ?) ON CONFLICT (account, field) DO UPDATE"
            " SET at = excluded.at WHERE excluded.at > imports.at",
            [(account, field, self._at) for account in for_accounts for field in sorted(set(fields))],
        )
        return tuple(for_accounts)

    def brought(self, ids: Iterable[str], fields: Iterable[str], file: str = "", own: Collection[str] = ()) -> None:
        """Note that rows of a file that carries `fields` were stored: a mark ends when all of its fields came."""
        if not self._has_marks:
            return
        fields = frozenset(fields)
        for order, (marked_by, waiting) in self._waiting(ids).items():
            left = json.dumps(sorted(waiting - (fields if marked_by == file else fields.difference(own))))
            self._connection.execute("UPDATE refused_rows SET fields = ? WHERE order_id = ?", (left, order))
        self._connection.execute("DELETE FROM refused_rows WHERE fields = '[]'")

    def mark(self, refused: Mapping[str, RefusedData]) -> None:
        """Mark these orders: a row of theirs was refused. A mark that is new raises the version."""
        gone = self._forgotten(ORDER, refused)
        refused = {order: each for order, each in refused.items() if order not in gone}
        waiting = self._waiting(refused)
        new = json.dumps([order for order in refused if order not in waiting])
        self._connection.execute(
            f"UPDATE orders SET version = version + 1 WHERE {self._dialect.among('id', '?')}", (new,)
        )
        self._connection.executemany(
            "INSERT INTO refused_rows (order_id, file, line, fields) VALUES (?, ?, ?, ?) ON CONFLICT (order_id)"
            " DO UPDATE SET file = excluded.file, line = excluded.line, fields = excluded.fields",
            [
                (order, each.file, each.line, json.dumps(sorted(each.fields | waiting.get(order, _UNMARKED)[1])))
                for order, each in refused.items()
            ],
        )

    def _waiting(self, ids: Iterable[str]) -> Mapping[str, tuple[str, frozenset[str]]]:
        """order → the file that marked it, and the fields that the mark waits for."""
        query = f"SELECT order_id, file, fields FROM refused_rows WHERE {self._dialect.among('order_id', '?')}"
        rows = self._connection.execute(query, (json.dumps(list(ids)),))
        return {order: (file, frozenset(json.loads(fields))) for order, file, fields in rows}

    def finish(self, bad: int) -> Imported:
        unchanged = self._taken - self._written
        return Imported(self._inserted, self._written - self._inserted, unchanged, self._passed_over)

    def _forgotten(self, kind: str, texts: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """The orders or addresses among these that were forgotten, with the classes of an address's suppressions."""
        if self._secret is None:
            return {}
        by_alias = {alias_of(self._secret, text): text for text in texts}
        sql = f"SELECT alias, class FROM forgotten WHERE kind = ? AND {self._dialect.among('alias', '?')}"
        found: dict[str, tuple[str, ...]] = {}
        for alias, klass in self._connection.execute(sql, (kind, json.dumps(list(by_alias)))):
            found[by_alias[alias]] = (*found.get(by_alias[alias], ()), klass)
        return found

    def _without_forgotten(self, names: tuple[str, ...], rows: Sequence[ImportRow]) -> Sequence[ImportRow]:
        """The rows of orders that nobody asked to forget."""
        id_at = names.index("id")
        gone = self._forgotten(ORDER, (str(values[id_at]) for _, values in rows))
        kept = [row for row in rows if row[1][id_at] not in gone] if gone else rows
        self._passed_over += len(rows) - len(kept)
        return kept

    def _suppress_again(self, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        """A new order of somebody who wanted no mail, and was forgotten since, brings no mail either."""
        if self._secret is None or "email" not in names:
            return
        email_at = names.index("email")
        found = self._forgotten(ADDRESS, {mailbox(str(values[email_at])) for values in rows if values[email_at]})
        sql = "INSERT INTO suppressions (address, at, reason, class) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        reason = "suppressed before it was forgotten"
        again = [(address, self._wall, reason, klass) for address, classes in found.items() for klass in classes]
        self._connection.executemany(sql, again)

    def _known_accounts(self, names: tuple[str, ...], rows: Sequence[ImportRow]) -> dict[str, str]:
        if self._was_empty:
            return {}
        id_at = names.index("id")
        ids = json.dumps([values[id_at] for _, values in rows])
        query = f"SELECT id, account FROM orders WHERE {self._dialect.among('id', '?')}"
        return {id_: self._names.get(account, account) for id_, account in self._connection.execute(query, (ids,))}

    def _refusals(
        self, names: tuple[str, ...], rows: Sequence[ImportRow], accounts: Mapping[str, str]
    ) -> Iterable[RefusedRow]:
        missing = next((each for each in REQUIRED if each not in names), None)
        id_at, account_at = names.index("id"), names.index("account") if "account" in names else None
        first_numbers = self._first_numbers(id_at, rows)
        for number, values in rows:
            id_ = str(values[id_at])
            if first_numbers.get(id_, number) != number:
                yield RefusedRow(number, id_, Refusal.DUPLICATE, str(first_numbers[id_]))
            elif id_ not in accounts:
                if missing:
                    yield RefusedRow(number, id_, Refusal.INCOMPLETE, missing)
            elif account_at is not None and accounts[id_] != values[account_at]:
                yield RefusedRow(number, id_, Refusal.ACCOUNT_CHANGED, accounts[id_])

    def _first_numbers(self, id_at: int, rows: Sequence[ImportRow]) -> dict[str, int]:
        """id → the row that had it first, when some id of this batch is not new; else empty."""
        ids = [(values[id_at], number) for number, values in rows]
        seen = NewRows("import_seen", ("id", "number"), ids, "ON CONFLICT DO NOTHING")
        if self._database.put(self._connection, seen) == len(ids):
            return {}
        query = f"SELECT id, number FROM import_seen WHERE {self._dialect.among('id', '?')}"
        return dict(self._connection.execute(query, (json.dumps([id_ for id_, _ in ids]),)))

    def _encoded(self, names: tuple[str, ...], rows: Sequence[tuple[Value | None, ...]]) -> Iterable[tuple[Cell, ...]]:
        """Column by column, which is faster than cell by cell."""
        columns: list[Sequence[object]] = list(zip(*rows, strict=True))
        for index, name in enumerate(names):
            encode = self.encoder(name)
            if encode and columns[index].count(None) < len(rows):
                columns[index] = [None if value is None else encode(value) for value in columns[index]]
        return zip(*columns, strict=True)

    def _inserted_or_updated(self, names: tuple[str, ...], cells: Iterable[tuple[Cell, ...]]) -> int:
        """Put whole orders into the store; how many of them are new there, or differ from what was."""
        columns = {name: quoted(column(self._fields[name])) for name in names}
        changed, assignments = self._changes({name: f"excluded.{each}" for name, each in columns.items()})
        on_conflict = f"ON CONFLICT (id) DO UPDATE SET {assignments} WHERE {changed}"
        fixed = {"version": 1, quoted(ARRIVAL): self._wall}
        new = NewRows("orders", tuple(columns.values()), cells, on_conflict, fixed)
        return self._database.put(self._connection, new)

    def _updated(self, names: tuple[str, ...], cells: Iterable[tuple[Cell, ...]]) -> int:
        """Change what these fields are of orders that are there; how many of them differ from what was."""
        numbers = {name: f"?{position}" for position, name in enumerate(names, start=1)}
        changed, assignments = self._changes(numbers)
        unused = "" if "account" not in names else f" AND {numbers['account']} IS NOT NULL"
        statement = f"UPDATE orders SET {assignments} WHERE id = {numbers['id']}{unused} AND ({changed})"
        return self._connection.executemany(statement, cells).rowcount

    def _changes(self, source: Mapping[str, str]) -> tuple[str, str]:
        """Whether an order differs from what was, and how it becomes the same; `source`: field → its new value.

        The version goes up only when a value really changes: a decision already taken stays valid when the same
        file comes again, and a daily full export does not rewrite every row.
        """
        columns = {name: quoted(column(self._fields[name])) for name in source if name not in ("id", "account")}
        changed = " OR ".join(f"orders.{each} {self._dialect.differs} {source[name]}" for name, each in columns.items())
        assignments = ", ".join(f"{each} = {source[name]}" for name, each in columns.items())
        return changed, f"{assignments}, version = orders.version + 1"
