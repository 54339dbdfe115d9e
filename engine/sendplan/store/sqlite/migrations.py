"""The tables of a SQLite store, how an older file reaches them, and the columns of a project's own fields.

The tables are made with sqlite-utils, which is slow to import: it is loaded only when something is really pending,
and that is asked through plain `sqlite3`.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from sendplan.addresses import mailbox
from sendplan.calendar import Calendar
from sendplan.fields import Field, FieldType
from sendplan.ledger import EVERY_CLASS, MOVES, State
from sendplan.problems import Problem
from sendplan.store.records import SECRET as STORE_SECRET
from sendplan.store.records import StoreError
from sendplan.store.sql.candidate_queries import PREFIX
from sendplan.store.sql.database import SET_META, RowSource
from sendplan.store.sql.encoding import ARRIVAL, Codec, column, quoted, stored_fields
from sendplan.store.sql.forgetting import ALIAS, SECRET
from sendplan.store.sqlite.files import WritableFile

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.db import Table

SQL_TYPES: Mapping[FieldType, type] = {
    FieldType.TEXT: str,
    FieldType.INTEGER: int,
    FieldType.DECIMAL: int,
    FieldType.MOMENT: int,
    FieldType.FLAG: int,
    FieldType.LIST: str,
    FieldType.RECORDS: str,
}


def migrate(file: WritableFile, fields: Mapping[str, Field], calendar: Calendar) -> None:
    """Bring the store to the present tables, the project's own fields and the shop's zone; quick when it is there.

    Everything happens in one transaction, so that two first runs do not meet.
    """
    check_version(file)
    wanted = {"fields": layout(fields), "zone": calendar.zone.key}
    if not _pending(file.connection) and wanted == _kept(file.connection):
        return
    with file.transaction() as connection:
        _migrate(connection, fields, calendar, wanted)


def check_version(source: RowSource) -> None:
    """Raises StoreError for a store that a later version of this program has changed."""
    if not source.rows("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'"):
        return
    applied = source.rows("SELECT name FROM _sqlite_migrations WHERE migration_set = 'sendplan'")
    later = {name for (name,) in applied} - {step.__name__ for step in STEPS}
    if later:
        message = f"the store was changed by a later version of sendplan ({', '.join(sorted(later))})"
        raise StoreError(Problem("store-newer", message, None, "update sendplan on this computer"))


def fresh_tables() -> sqlite3.Connection:
    """The tables of a new store, in memory, without the columns of a project's fields."""
    from sqlite_utils import Database

    connection = sqlite3.connect(":memory:", isolation_level=None)
    _apply_steps(Database(connection))
    return connection


def _migrate(
    connection: sqlite3.Connection, fields: Mapping[str, Field], calendar: Calendar, wanted: Mapping[str, str]
) -> None:
    from sqlite_utils import Database

    database = Database(connection)
    _apply_steps(database)
    kept = _kept(connection)
    if kept["zone"] not in ("", wanted["zone"]):
        _change_zone(connection, json.loads(kept["fields"]), calendar, kept["zone"])
    connection.execute("DROP VIEW IF EXISTS orders_readable")
    _fit_columns(database, fields, json.loads(kept["fields"] or "{}"))
    database.create_view("orders_readable", _readable(fields, calendar))
    for name, value in wanted.items():
        connection.execute(SET_META, (name, value))


def _apply_steps(database: Database) -> None:
    from sqlite_utils import Migrations

    migrations = Migrations("sendplan")
    for step in STEPS:
        migrations(name=step.__name__)(step)
    migrations.apply(database)


def _pending(connection: sqlite3.Connection) -> bool:
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "_sqlite_migrations" not in names:
        return True
    query = "SELECT name FROM _sqlite_migrations WHERE migration_set = 'sendplan'"
    return not {step.__name__ for step in STEPS} <= {row[0] for row in connection.execute(query)}


def _kept(connection: sqlite3.Connection) -> dict[str, str]:
    rows = dict(connection.execute("SELECT name, value FROM meta WHERE name IN ('fields', 'zone')"))
    return {name: rows.get(name, "") for name in ("fields", "zone")}


def layout(fields: Mapping[str, Field]) -> str:
    """The type of each stored column, as a note in the store."""
    return json.dumps({column(field): field.type.value for field in stored_fields(fields).values()}, sort_keys=True)


def _fit_columns(database: Database, fields: Mapping[str, Field], kept: Mapping[str, str]) -> None:
    """Give every stored field its column; values of a type that a field no longer has cannot be read and are dropped.

    The column of a field that the project no longer names stays, should the field come back.
    """
    for (index,) in database.conn.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall():
        if index.startswith(PREFIX):
            # It may stand in the way of a column; the next import or run makes it again.
            database.conn.execute(f"DROP INDEX {index}")
    orders = cast("Table", database["orders"])
    present = {each.name for each in orders.columns}
    for field in stored_fields(fields).values():
        name = column(field)
        if name in present and kept.get(name, field.type) != field.type:
            database.conn.execute(f"ALTER TABLE orders DROP COLUMN {quoted(name)}")
            database.conn.execute("DELETE FROM imports WHERE field = ?", (field.name,))
            present.remove(name)
        if name not in present:
            orders.add_column(name, SQL_TYPES[field.type])


def _change_zone(connection: sqlite3.Connection, kept: Mapping[str, str], calendar: Calendar, old_zone: str) -> None:
    """A bare date stays that day when the shop moves to another zone: its local start does not."""
    from zoneinfo import ZoneInfo

    codec = Codec(calendar, ZoneInfo(old_zone))
    connection.create_function("rezoned", 1, lambda cell: codec.encode_moment(codec.decode_moment(cell)))
    for name in (name for name, type_ in kept.items() if type_ == FieldType.MOMENT):
        cell = quoted(name)
        connection.execute(f"UPDATE orders SET {cell} = rezoned({cell}) WHERE {cell} % 1000 <> 0")


def _readable(fields: Mapping[str, Field], calendar: Calendar) -> str:
    columns = [
        f"{_readable_cell(field, calendar)} AS {quoted(column(field))}" for field in stored_fields(fields).values()
    ]
    return f"SELECT {', '.join([*columns, 'version'])} FROM orders"


def _readable_cell(field: Field, calendar: Calendar) -> str:
    cell = quoted(column(field))
    if field.type is FieldType.MOMENT:
        # SQL knows no time zones, but a day's local start lies within an hour of what the zone's standard time says.
        # Six hours later it is that day for certain.
        winter = calendar.zone.utcoffset(datetime(2026, 1, 1)) or timedelta()
        shift = int(winter.total_seconds()) + 6 * 3600
        day = f"date({cell} / 1000 + {shift}, 'unixepoch')"
        instant = f"strftime('%Y-%m-%d %H:%M:%SZ', {cell} / 1000, 'unixepoch')"
        return f"CASE WHEN {cell} % 1000 <> 0 THEN {day} ELSE {instant} END"
    if field.type is FieldType.DECIMAL:
        sign = f"CASE WHEN {cell} < 0 THEN '-' ELSE '' END"
        cents = f"printf('%s%d.%02d', {sign}, abs({cell}) / 10000, abs({cell}) % 10000 / 100)"
        exact = f"printf('%s%d.%04d', {sign}, abs({cell}) / 10000, abs({cell}) % 10000)"
        return f"CASE WHEN {cell} % 100 = 0 THEN {cents} WHEN {cell} IS NOT NULL THEN {exact} END"
    return cell


def orders_and_imports(database: Database) -> None:
    """Orders with the columns that never change; the others are added from the catalogue."""
    _create(
        database,
        "orders",
        {"id": str, "account": str, "ordered": int, "version": int},
        pk="id",
        not_null={"account", "ordered", "version"},
    )
    _create(database, "imports", {"account": str, "field": str, "at": int}, pk=("account", "field"), not_null={"at"})
    _create(
        database,
        "import_runs",
        {"id": int, "at": int, "file": str, "inserted": int, "updated": int, "unchanged": int, "bad": int},
        pk="id",
    )


def operator_and_meta(database: Database) -> None:
    """What people decided, and what the project notes in its store."""
    _create(database, "suppressions", {"address": str, "at": int, "reason": str}, pk="address", not_null={"at"})
    _create(database, "pauses", {"name": str, "at": int, "reason": str}, pk="name", not_null={"at"})
    _create(database, "meta", {"name": str, "value": str}, pk="name", not_null={"value"})
    database.conn.execute("INSERT INTO meta VALUES ('identity', ?)", (secrets.token_hex(16),))


def plans(database: Database) -> None:
    """Plans that were handed to the dispatcher, with their leases."""
    columns = {"id": str, "json": str, "state": str, "created": int, "owner": str, "token": str, "lease_until": int}
    counts = {"sent": int, "failed": int, "uncertain": int}
    _create(database, "plans", {**columns, **counts}, pk="id", not_null={"json", "state", "created", *counts})
    # Every intent asks for the lease, which stands behind the whole plan in its row.
    cast("Table", database["plans"]).create_index(["token", "lease_until"])


def messages(database: Database) -> None:
    """The ledger: one row per message, its history, and the triggers that allow only the legal moves."""
    columns = {"order_id": str, "rule": str, "step": str, "state": str, "at": int, "attempts": int}
    reply = {"next_attempt": int, "reply": str, "queue_id": str}
    sending = {"sender": str, "recipients": int, "token": str, "actor": str, "wall": int, "repeat_from": int}
    optional = {"next_attempt", "repeat_from"}
    everything = {**columns, **reply, **sending}
    _create(database, "messages", everything, pk=("order_id", "rule", "step"), not_null=everything.keys() - optional)
    log = {"id": int, "order_id": str, "rule": str, "step": str, "at": int, "before": str, "after": str}
    _create(
        database,
        "message_log",
        {**log, "reply": str, "actor": str, "sender": str, "recipients": int, "wall": int},
        pk="id",
    )
    cast("Table", database["message_log"]).create_index(["order_id", "rule", "step"])
    for statement in _ledger_statements():
        database.conn.execute(statement)


def sender_reports(database: Database) -> None:
    """Why senders cannot send."""
    columns = {"sender": str, "scope": str, "reply": str, "since": int, "tried_at": int}
    _create(database, "sender_reports", columns, pk="sender", not_null=columns)


def told_by_status(database: Database) -> None:
    """What runs left open, what imports refused, and which pauses nobody asked for."""
    for table, added in (
        ("plans", "left_open TEXT NOT NULL DEFAULT '[]'"),
        ("plans", "copies_refused TEXT NOT NULL DEFAULT '[]'"),
        ("import_runs", "source TEXT NOT NULL DEFAULT ''"),
        ("import_runs", "stored INTEGER NOT NULL DEFAULT 1"),
        ("import_runs", "refused TEXT NOT NULL DEFAULT '[]'"),
        ("pauses", "automatic INTEGER NOT NULL DEFAULT 0"),
    ):
        database.conn.execute(f"ALTER TABLE {table} ADD COLUMN {added}")


def _ledger_statements() -> Iterable[str]:
    yield "CREATE INDEX messages_open ON messages (state, at) WHERE state <> 'sent'"
    yield "CREATE INDEX transmissions ON message_log (sender, wall, recipients) WHERE after = 'sending'"
    guards = {
        "INSERT": ("INSERT", f"NEW.state NOT IN ({_states(MOVES[None])})"),
        "UPDATE": ("UPDATE OF state", f"OLD.state || '>' || NEW.state NOT IN ({_pairs()})"),
        "DELETE": ("DELETE", f"OLD.state NOT IN ({_states(each for each in State if None in MOVES[each])})"),
    }
    for name, (event, illegal) in guards.items():
        yield (
            f"CREATE TRIGGER messages_{name.lower()}_legal BEFORE {event} ON messages WHEN {illegal}"
            " BEGIN SELECT RAISE(ABORT, 'illegal move of a message'); END"
        )
    for name, (event, _) in guards.items():
        row = "OLD" if name == "DELETE" else "NEW"
        before = "NULL" if name == "INSERT" else "OLD.state"
        after = "NULL" if name == "DELETE" else "NEW.state"
        copied = ", ".join(f"{row}.{each}" for each in ("reply", "actor", "sender", "recipients", "wall"))
        yield (
            f"CREATE TRIGGER messages_{name.lower()}_logged AFTER {event} ON messages BEGIN"
            " INSERT INTO message_log"
            " (order_id, rule, step, at, before, after, reply, actor, sender, recipients, wall)"
            f" VALUES ({row}.order_id, {row}.rule, {row}.step, {row}.at, {before}, {after}, {copied}); END"
        )
    for event in ("UPDATE", "DELETE"):
        yield (
            f"CREATE TRIGGER message_log_{event.lower()}_refused BEFORE {event} ON message_log"
            " BEGIN SELECT RAISE(ABORT, 'the history of messages is append-only'); END"
        )


def suppressed_mailboxes(database: Database) -> None:
    """Suppressed addresses in the one spelling that all of a mailbox share."""
    for address, at, reason in database.conn.execute("SELECT address, at, reason FROM suppressions").fetchall():
        if mailbox(address) != address:
            database.conn.execute("DELETE FROM suppressions WHERE address = ?", (address,))
            row = (mailbox(address), at, reason)
            database.conn.execute("INSERT OR IGNORE INTO suppressions (address, at, reason) VALUES (?, ?, ?)", row)


def rule_runs(database: Database) -> None:
    """When each order first came, and when each rule was first in a run: what expired later was missed.

    Orders that are there already have been for as long as one knows; so were the rules whose messages are known.
    """
    cast("Table", database["orders"]).add_column(ARRIVAL, int)
    _create(database, "rule_runs", {"rule": str, "at": int}, pk="rule", not_null={"at"})
    known = "SELECT rule, min(at) FROM message_log GROUP BY rule"
    database.conn.execute(f"INSERT INTO rule_runs {known}")


def snoozes(database: Database) -> None:
    """What a person put off until a day."""
    columns = {"subject": str, "name": str, "rule": str, "until": str, "at": int, "reason": str}
    _create(database, "snoozes", columns, pk=("subject", "name", "rule"), not_null=columns)


def suppressed_classes(database: Database) -> None:
    """Suppressions of one class; all that were there are for all mail."""
    table = cast("Table", database["suppressions"])
    table.add_column("class", str, not_null_default=EVERY_CLASS)
    table.transform(pk=("address", "class"))


def refused_rows(database: Database) -> None:
    """Orders whose data may be wrong since an import refused a row of theirs."""
    columns = {"order_id": str, "file": str, "line": int, "fields": str}
    _create(database, "refused_rows", columns, pk="order_id", not_null=("file", "line", "fields"))


def days_of_mail(database: Database) -> None:
    """What left on a day is found without a look at all that ever left."""
    database.conn.execute("CREATE INDEX messages_sent ON messages (at) WHERE state = 'sent'")


def forgotten(database: Database) -> None:
    """What was sent to people who were forgotten, known by a hash alone; the history may lose whom it concerns."""
    columns = {"alias": str, "kind": str, "class": str, "at": int}
    _create(database, "forgotten", columns, pk=("alias", "kind", "class"), not_null=columns)
    database.conn.execute("INSERT INTO meta VALUES (?, ?)", (SECRET, secrets.token_hex(32)))
    kept = " AND ".join(f"NEW.{each} IS OLD.{each}" for each in ("id", "rule", "step", "at", "before", "after"))
    database.conn.execute("DROP TRIGGER message_log_update_refused")
    database.conn.execute(
        "CREATE TRIGGER message_log_update_refused BEFORE UPDATE ON message_log"
        f" WHEN NOT (NEW.order_id LIKE '{ALIAS}%' AND NEW.reply = '' AND {kept})"
        " BEGIN SELECT RAISE(ABORT, 'the history of messages is append-only'); END"
    )


def bounces(database: Database) -> None:
    """How a bounce finds its message and the address that it went to; what bounced; the store's secret.

    Messages that were sent before have a `Message-ID` that anybody can work out, so no bounce finds them.
    """
    database.conn.execute("ALTER TABLE messages ADD COLUMN digest TEXT NOT NULL DEFAULT ''")
    database.conn.execute("ALTER TABLE messages ADD COLUMN address TEXT NOT NULL DEFAULT ''")
    database.conn.execute("CREATE INDEX messages_digest ON messages (digest) WHERE digest <> ''")
    columns = {"order_id": str, "rule": str, "step": str, "kind": str, "at": int}
    told = {"address": str, "diagnosis": str, "status": str}
    _create(database, "bounces", {"id": int, **columns, **told}, pk="id", not_null=(*columns, *told))
    cast("Table", database["bounces"]).create_index(["order_id", "rule", "step"])
    _create(database, "mails_read", {"fingerprint": str, "at": int}, pk="fingerprint", not_null=("at",))
    database.conn.execute("INSERT INTO meta VALUES (?, ?)", (STORE_SECRET, secrets.token_hex(32)))


LASTING: Mapping[str, tuple[str, ...]] = {
    "approvals": ("id", "plan", "digest", "at", "who"),
    "acts": ("id", "at", "who", "act"),
}
"""What of the notes on what people did nobody may change; whom they concern may be taken out, when forgotten."""


def approvals(database: Database) -> None:
    """Plans that a person approved, and what people changed by hand: notes that nobody rewrites."""
    columns = {"id": int, "plan": str, "digest": str, "keys": str, "at": int, "who": str}
    _create(database, "approvals", columns, pk="id", not_null=columns)
    columns = {"id": int, "at": int, "who": str, "act": str, "subject": str, "detail": str}
    _create(database, "acts", columns, pk="id", not_null=columns)
    for table, lasting in LASTING.items():
        kept = " AND ".join(f"NEW.{each} IS OLD.{each}" for each in lasting)
        for event, condition in (("UPDATE", f" WHEN NOT ({kept})"), ("DELETE", "")):
            database.conn.execute(
                f"CREATE TRIGGER {table}_{event.lower()}_refused BEFORE {event} ON {table}{condition}"
                " BEGIN SELECT RAISE(ABORT, 'what people did is append-only'); END"
            )


def hosts(database: Database) -> None:
    """Who takes part in sending a plan, the parts in which it is handed out, and the connections that each may open."""
    columns = {"token": str, "owner": str, "plan": str, "lease_until": int}
    _create(database, "hosts", columns, pk="token", not_null=columns)
    columns = {"plan": str, "number": int, "sender": str, "keys": str, "token": str}
    _create(database, "lots", {**columns, "results": str}, pk=("plan", "number"), not_null=columns)
    columns = {"sender": str, "token": str, "held": int}
    _create(database, "connections", columns, pk=("sender", "token"), not_null=columns)
    database.conn.execute("ALTER TABLE plans ADD COLUMN sending_at INTEGER")


def _states(states: Iterable[State | None]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(filter(None, states)))


def _pairs() -> str:
    moves = ((before, after) for before, targets in MOVES.items() if before for after in targets if after)
    return ", ".join(sorted(f"'{before}>{after}'" for before, after in moves))


def _create(
    database: Database,
    name: str,
    columns: Mapping[str, type],
    *,
    pk: str | tuple[str, ...],
    not_null: Iterable[str] = (),
) -> None:
    cast("Table", database[name]).create(dict(columns), pk=pk, not_null=set(not_null), strict=True)


STEPS: tuple[Callable[[Database], None], ...] = (
    orders_and_imports,
    operator_and_meta,
    plans,
    messages,
    sender_reports,
    suppressed_mailboxes,
    told_by_status,
    refused_rows,
    rule_runs,
    snoozes,
    suppressed_classes,
    days_of_mail,
    forgotten,
    bounces,
    approvals,
    hosts,
)
"""Every migration, in order; a released one is never changed, a new one is added below it."""
