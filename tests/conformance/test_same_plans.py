"""A plan is the same, byte for byte, whether its orders are in a file or on a PostgreSQL server."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

from postgresql import fresh_schema, postgres_url
from random_projects import FIELDS, Maker, World
from world_files import write

from sendplan.deciding.candidates import indexes
from sendplan.planning.planner import make_plan
from sendplan.store import copy_store, open_reader, open_store

__all__ = ["fresh_schema", "postgres_url"]

WORLDS = (*range(6), 28, 58, 77, 84, 104, 200, 217, 314)
"""Seeds of random worlds; in those from 28 on some mail is due."""
LETTERS = ("", "ß", "Ä", "é", "z", "Z", "京", "\U0001f600", "\uffff")
"""Ids begin with them: code points, UTF-16 and languages order them differently."""


def rename(path: Path, chance: Random) -> None:
    """Give orders ids beyond ASCII, wherever they are named."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for (id_,) in connection.execute("SELECT id FROM orders").fetchall():
            new = chance.choice(LETTERS) + id_
            connection.execute("UPDATE orders SET id = ? WHERE id = ?", (new, id_))
            for table, column in (("messages", "order_id"), ("refused_rows", "order_id"), ("snoozes", "name")):
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, id_))


def limited(world: World, number: int) -> World:
    """Every other plan with a mail is over `limits.per_run`, and refused."""
    allowed = (None, 0)[number % 2]
    return replace(world, project=replace(world.project, settings=replace(world.project.settings, per_run=allowed)))


def test_plans_are_the_same_on_every_store(tmp_path: Path, fresh_schema: str) -> None:
    """Random rules, orders and ledgers, ids beyond ASCII and refused plans among them, with and without indexes."""
    seen: Counter[str] = Counter()
    for number, seed in enumerate(WORLDS):
        chance = Random(seed)
        world = limited(Maker(chance).world(), number)
        calendar = world.project.settings.calendar
        url, server = f"sqlite:///{seed}.db", fresh_schema.replace("shop_", f"world_{seed}_")
        open_store(url, tmp_path, FIELDS, calendar).close()
        with closing(sqlite3.connect(tmp_path / f"{seed}.db")) as connection:
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            connection.commit()
        write(world, tmp_path / f"{seed}.db", indexed=number % 3 == 0)
        rename(tmp_path / f"{seed}.db", chance)
        copy_store(url, tmp_path, server, FIELDS, calendar)
        if number % 3 == 0:
            with closing(open_store(server, tmp_path, FIELDS, calendar)) as store:
                store.ensure_indexes(indexes(world.project, world.clock.now))
        plans = []
        for each in (url, server):
            with closing(open_reader(each, tmp_path, FIELDS, calendar)) as reader:
                plans.append(make_plan(world.project, reader, world.clock))
        assert plans[0].to_bytes() == plans[1].to_bytes(), seed
        seen["plans"] += bool(plans[0].entries)
        seen["refused"] += bool(plans[0].refused)
        seen["beyond ASCII"] += any(not (entry.order or "").isascii() for entry in plans[0].entries)
    assert min(seen["plans"], seen["refused"], seen["beyond ASCII"]) >= 2, seen
