"""The tables of a PostgreSQL store: the same as a SQLite file has, made from what such a file would be today.

A file's own history of changes is kept in `store/sqlite/migrations.py` alone. Here a table, a column or an index that
is missing is added; what fills or changes rows that are already there needs a step of its own below.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from zoneinfo import ZoneInfo

from sendplan.calendar import Calendar
from sendplan.fields import Field, FieldType
from sendplan.ledger import MOVES, State
from sendplan.problems import Problem
from sendplan.store.postgres.server import Server
from sendplan.store.records import StoreError
from sendplan.store.sql.candidate_queries import index_names
from sendplan.store.sql.database import SET_META, Transaction
from sendplan.store.sql.encoding import Codec, column, quoted, stored_fields
from sendplan.store.sql.forgetting import ALIAS
from sendplan.store.sqlite.migrations import LASTING, SQL_TYPES, STEPS, fresh_tables, layout

_STEPS = "steps"
"""The note of the changes that the tables have."""

_TYPES = {"TEXT": 'text COLLATE "C"', "INTEGER": "bigint"}
"""A column's type by SQLite's; texts in the order of their code points, as everywhere in a plan."""

_LASTING = ("id", "rule", "step", "at", "before", "after")
"""What of the history never changes."""

_MARKED = frozenset({"sqlite_sequence", "_sqlite_migrations"})


def check_version(server: Server) -> None:
    """Raises StoreError for a store that a later version of this program has changed."""
    later = _applied(server) - {step.__name__ for step in STEPS}
    if later:
        message = f"the store was changed by a later version of sendplan ({', '.join(sorted(later))})"
        raise StoreError(Problem("store-newer", message, None, "update sendplan on this computer"))


def migrate(server: Server, fields: Mapping[str, Field], calendar: Calendar) -> None:
    """Bring the store to the present tables, the project's own fields and the shop's zone; quick when it is there.

    Everything happens in one transaction, so that two first runs do not meet.
    """
    check_version(server)
    wanted = {"fields": layout(fields), "zone": calendar.zone.key}
    if {step.__name__ for step in STEPS} == _applied(server) and wanted == _kept(server):
        return
    with server.transaction() as transaction:
        transaction.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(server.schema)}")
        new = not server.columns("meta")
        _fit_tables(server, transaction)
        if new:
            for statement in _ledger_statements():
                transaction.execute(statement)
        kept = _kept(server)
        if kept["zone"] not in ("", wanted["zone"]):
            _change_zone(transaction, json.loads(kept["fields"]), calendar, kept["zone"])
        transaction.execute("DROP VIEW IF EXISTS orders_readable")
        _fit_columns(server, transaction, fields, json.loads(kept["fields"] or "{}"))
        transaction.execute(f"CREATE VIEW orders_readable AS {_readable(fields, calendar)}")
        for name, value in {**wanted, _STEPS: json.dumps([step.__name__ for step in STEPS])}.items():
            transaction.execute(SET_META, (name, value))


def _applied(server: Server) -> set[str]:
    rows = server.rows("SELECT value FROM meta WHERE name = ?", (_STEPS,)) if server.columns("meta") else []
    return set(json.loads(rows[0][0])) if rows else set()


def _kept(server: Server) -> dict[str, str]:
    found = server.rows("SELECT name, value FROM meta WHERE name IN ('fields', 'zone')") if _applied(server) else []
    rows = {str(name): str(value) for name, value in found}
    return {name: rows.get(name, "") for name in ("fields", "zone")}


def _fit_tables(server: Server, transaction: Transaction) -> None:
    with closing(fresh_tables()) as model:
        tables = [name for (name,) in model.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in (each for each in tables if each not in _MARKED):
            columns = _columns(model, table)
            present = server.columns(table)
            if not present:
                keys = [quoted(name) for name, _ in _keys(model, table)]
                parts = [*(f"{quoted(name)} {what}" for name, what in columns.items())]
                if "id" not in columns or "GENERATED" not in columns["id"]:
                    parts.append("rowid bigint GENERATED ALWAYS AS IDENTITY UNIQUE")
                parts.append(f"PRIMARY KEY ({', '.join(keys)})")
                transaction.execute(f"CREATE TABLE {table} ({', '.join(parts)})")
            for name in (columns.keys() - present) if present else ():
                transaction.execute(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {columns[name]}")
        indexes = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql > '' AND tbl_name NOT LIKE '%sqlite%'"
        for (statement,) in model.execute(indexes):
            transaction.execute(_portable(statement))
        # A new file has an identity and secrets of its own.
        notes = model.execute("SELECT name, value FROM meta").fetchall()
        transaction.executemany("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", notes)


def _columns(model: sqlite3.Connection, table: str) -> dict[str, str]:
    """Name → type, default and whether it may be missing."""
    keys = _keys(model, table)
    counted = keys == [("id", "INTEGER")]
    found: dict[str, str] = {}
    for _, name, type_, required, default, _ in model.execute(f"PRAGMA table_info({quoted(table)})"):
        what = _TYPES[type_]
        if required:
            what += " NOT NULL"
        if default is not None:
            what += f" DEFAULT {default}"
        if counted and name == "id":
            what += " GENERATED BY DEFAULT AS IDENTITY"
        found[name] = what
    return found


def _keys(model: sqlite3.Connection, table: str) -> list[tuple[str, str]]:
    """Name and type of the columns of the primary key, in its order."""
    rows = [row for row in model.execute(f"PRAGMA table_info({quoted(table)})") if row[5]]
    return [(row[1], row[2]) for row in sorted(rows, key=lambda row: int(row[5]))]


def _portable(statement: str) -> str:
    """The statement of an index, as every database takes it."""
    names = re.sub(r"\[(\w+)\]", r'"\1"', statement)
    return re.sub(r"^CREATE INDEX (?!IF NOT EXISTS)", "CREATE INDEX IF NOT EXISTS ", names)


def _fit_columns(
    server: Server, transaction: Transaction, fields: Mapping[str, Field], kept: Mapping[str, str]
) -> None:
    """Give every stored field its column; values of a type that a field no longer has are dropped."""
    for index in sorted(index_names(server.indexes())):
        transaction.execute(f"DROP INDEX {index}")
    present = set(server.columns("orders"))
    for field in stored_fields(fields).values():
        name = column(field)
        if name in present and kept.get(name, field.type) != field.type:
            transaction.execute(f"ALTER TABLE orders DROP COLUMN {quoted(name)}")
            transaction.execute("DELETE FROM imports WHERE field = ?", (field.name,))
            present.remove(name)
        if name not in present:
            type_ = _TYPES["TEXT" if SQL_TYPES[field.type] is str else "INTEGER"]
            transaction.execute(f"ALTER TABLE orders ADD COLUMN {quoted(name)} {type_}")


def _change_zone(transaction: Transaction, kept: Mapping[str, str], calendar: Calendar, old_zone: str) -> None:
    """A bare date stays that day when the shop moves to another zone: its local start does not."""
    codec = Codec(calendar, ZoneInfo(old_zone))
    for name in (name for name, type_ in kept.items() if type_ == FieldType.MOMENT):
        cell = quoted(name)
        days = transaction.execute(f"SELECT DISTINCT {cell} FROM orders WHERE {cell} % 1000 <> 0").fetchall()
        moved = {day: codec.encode_moment(codec.decode_moment(day)) for (day,) in days}
        if not moved:
            continue
        choice = " ".join(f"WHEN {old} THEN {new}" for old, new in moved.items())
        transaction.execute(f"UPDATE orders SET {cell} = CASE {cell} {choice} END WHERE {cell} % 1000 <> 0")


def _readable(fields: Mapping[str, Field], calendar: Calendar) -> str:
    columns = [
        f"{_readable_cell(field, calendar)} AS {quoted(column(field))}" for field in stored_fields(fields).values()
    ]
    return f"SELECT {', '.join([*columns, 'version'])} FROM orders"


def _readable_cell(field: Field, calendar: Calendar) -> str:
    cell = quoted(column(field))
    if field.type is FieldType.MOMENT:
        day = f"to_char(to_timestamp({cell} / 1000) AT TIME ZONE '{calendar.zone.key}', 'YYYY-MM-DD')"
        instant = f"""to_char(to_timestamp({cell} / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')"""
        return f"CASE WHEN {cell} % 1000 <> 0 THEN {day} ELSE {instant} END"
    if field.type is FieldType.DECIMAL:
        amount = f"CAST({cell} AS numeric) / 10000"
        cents, exact = (f"CAST(CAST({amount} AS numeric(20, {places})) AS text)" for places in (2, 4))
        return f"CASE WHEN {cell} % 100 = 0 THEN {cents} ELSE {exact} END"
    return cell


def _ledger_statements() -> Iterator[str]:
    """The triggers that allow only the legal moves, and write the history."""
    illegal = {
        "INSERT": ("INSERT", f"NEW.state NOT IN ({_states(MOVES[None])})"),
        "UPDATE": ("UPDATE OF state", f"OLD.state || '>' || NEW.state NOT IN ({_pairs()})"),
        "DELETE": ("DELETE", f"OLD.state NOT IN ({_states(each for each in State if None in MOVES[each])})"),
    }
    yield _refusing("refuse_illegal_move", "illegal move of a message")
    for name, (event, condition) in illegal.items():
        yield (
            f"CREATE TRIGGER messages_{name.lower()}_legal BEFORE {event} ON messages"
            f" FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse_illegal_move()"
        )
    for name, (event, _) in illegal.items():
        row = "OLD" if name == "DELETE" else "NEW"
        before = "NULL" if name == "INSERT" else "OLD.state"
        after = "NULL" if name == "DELETE" else "NEW.state"
        copied = ", ".join(f"{row}.{each}" for each in ("reply", "actor", "sender", "recipients", "wall"))
        yield (
            f"CREATE FUNCTION log_{name.lower()}() RETURNS trigger language plpgsql AS $$ BEGIN"
            " INSERT INTO message_log"
            " (order_id, rule, step, at, before, after, reply, actor, sender, recipients, wall)"
            f" VALUES ({row}.order_id, {row}.rule, {row}.step, {row}.at, {before}, {after}, {copied});"
            " RETURN NULL; END $$"
        )
        yield (
            f"CREATE TRIGGER messages_{name.lower()}_logged AFTER {event} ON messages"
            f" FOR EACH ROW EXECUTE FUNCTION log_{name.lower()}()"
        )
    yield _refusing("refuse_rewriting", "the history of messages is append-only")
    # Only whom it concerns may be taken out of the history, for who is forgotten.
    kept = " AND ".join(f"NEW.{each} IS NOT DISTINCT FROM OLD.{each}" for each in _LASTING)
    forgotten = f"(NEW.order_id LIKE '{ALIAS}%' AND NEW.reply = '' AND {kept})"
    yield (
        "CREATE TRIGGER message_log_update_refused BEFORE UPDATE ON message_log"
        f" FOR EACH ROW WHEN (NOT {forgotten}) EXECUTE FUNCTION refuse_rewriting()"
    )
    yield (
        "CREATE TRIGGER message_log_delete_refused BEFORE DELETE ON message_log"
        " FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
    )
    yield _refusing("refuse_denial", "what people did is append-only")
    for table, lasting in LASTING.items():
        same = " AND ".join(f"NEW.{each} = OLD.{each}" for each in lasting)
        for event, condition in (("UPDATE", f" WHEN (NOT ({same}))"), ("DELETE", "")):
            yield (
                f"CREATE TRIGGER {table}_{event.lower()}_refused BEFORE {event} ON {table}"
                f" FOR EACH ROW{condition} EXECUTE FUNCTION refuse_denial()"
            )


def _refusing(name: str, message: str) -> str:
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger language plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )


def _states(states: Iterable[State | None]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(filter(None, states)))


def _pairs() -> str:
    moves = ((before, after) for before, targets in MOVES.items() if before for after in targets if after)
    return ", ".join(sorted(f"'{before}>{after}'" for before, after in moves))
