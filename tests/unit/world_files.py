"""A random world (`random_projects.py`) in the tables of a SQLite store whose triggers are gone."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from random_projects import FIELDS, World

from sendplan.deciding.candidates import indexes
from sendplan.store.sql.candidate_queries import definitions
from sendplan.store.sql.encoding import ARRIVAL, Codec, encode_instant
from sendplan.store.sqlite.dialect import SQLITE


def write(world: World, path: Path, *, indexed: bool) -> None:
    """Put the world's orders, ledger and imports straight into a store's tables."""
    project_settings = world.project.settings
    codec = Codec(project_settings.calendar)
    stored = {name: field for name, field in FIELDS.items() if not field.derived_from}
    encoders = {name: codec.encoder(field.type) or (lambda value: value) for name, field in stored.items()}
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    with connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'zone'", (project_settings.calendar.zone.key,))
        for order, arrival in zip(world.orders, world.arrivals, strict=True):
            cells = {f'"{name}"': encoders[name](value) for name, value in order.items()}
            cells[f'"{ARRIVAL}"'] = encode_instant(arrival) if arrival else None
            marks = ", ".join("?" * len(cells))
            connection.execute(
                f"INSERT INTO orders ({', '.join(cells)}, version) VALUES ({marks}, 1)", tuple(cells.values())
            )
        for record in world.records:
            retry = encode_instant(record.next_attempt) if record.next_attempt else None
            row = (record.order, record.rule, record.step, record.state, encode_instant(record.at), 1, retry)
            connection.execute(
                "INSERT INTO messages (order_id, rule, step, state, at, attempts, next_attempt, reply, queue_id,"
                " sender, recipients, token, actor, wall) VALUES (?, ?, ?, ?, ?, ?, ?, '', '', '', 1, '', '', 0)",
                row,
            )
        for (account, name), at in world.imported.items():
            connection.execute("INSERT INTO imports VALUES (?, ?, ?)", (account, name, encode_instant(at)))
        for address, classes in world.overrides.suppressed.items():
            for klass in classes:
                connection.execute("INSERT INTO suppressions VALUES (?, 0, '', ?)", (address, klass))
        for snoozes in world.overrides.snoozes.values():
            for each in snoozes:
                put_off = (each.subject, each.name, each.rule, each.until.isoformat())
                connection.execute("INSERT INTO snoozes VALUES (?, ?, ?, ?, 0, '')", put_off)
        for name in world.overrides.paused:
            connection.execute("INSERT INTO pauses VALUES (?, 0, '', 0)", (name,))
        if world.overrides.orders_from is not None:
            adopted = ("orders_from", world.overrides.orders_from.isoformat())
            connection.execute("INSERT INTO meta VALUES (?, ?)", adopted)
        for id_, data in world.refused.items():
            refused = (id_, data.file, data.line, json.dumps(sorted(data.fields)))
            connection.execute("INSERT INTO refused_rows (order_id, file, line, fields) VALUES (?, ?, ?, ?)", refused)
        for rule, at in world.first_runs.items():
            connection.execute("INSERT INTO rule_runs VALUES (?, ?)", (rule, encode_instant(at)))
        if indexed:
            for statement in definitions(indexes(world.project, world.clock.now), FIELDS, SQLITE).values():
                connection.execute(statement)
    connection.close()
