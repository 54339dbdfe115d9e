"""Projects with a filled store, made once and kept in `.benchmarks/`, which `make clean` removes."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

from figures import say
from moments import NOW
from orders import COLUMNS, Shop

from sendplan.deciding.candidates import indexes
from sendplan.project import project as projects
from sendplan.project.project import Project
from sendplan.store import open_store
from sendplan.store.sql.encoding import encode_instant, stored_fields

ROOT = Path(__file__).parents[3]
CACHE = ROOT / ".benchmarks" / "planning"
SHOP = Path(__file__).parent / "shop"


def load(folder: Path) -> Project:
    """The project, which has no problems."""
    project, problems = projects.load(folder)
    assert project is not None, problems[:3]
    assert not problems, problems[:3]
    return project


def path_of(project: Project) -> Path:
    """The store's file."""
    return project.settings.folder / "var" / "shop.db"


def shop(orders: int, years: int) -> Project:
    """The benchmark's shop with so many orders in so many years."""
    folder = CACHE / f"{orders}-{years}"
    made_by = folder / "made-by"
    if not made_by.is_file() or made_by.read_text(encoding="utf-8") != _sources():
        say(f"{orders:,} orders over {years} years are being made")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(SHOP, folder)
        fill(load(folder), orders, 365 * years)
        made_by.write_text(_sources(), encoding="utf-8")
    project = load(folder)
    index(project)
    return project


def _sources() -> str:
    """A hash of everything that says what the stores hold."""
    here = Path(__file__).parent
    files = [*(here / name for name in ("moments.py", "orders.py", "stores.py")), *sorted(SHOP.rglob("*.*"))]
    return hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()


def index(project: Project) -> None:
    """Bring the store up to date and have the indexes of the project's rules, as `sendplan import` does in the end."""
    settings = project.settings
    store = open_store(settings.store, settings.folder, settings.fields, settings.calendar)
    store.ensure_indexes(indexes(project, NOW))
    store.close()


def fill(project: Project, orders: int, days: int) -> None:
    """Write orders and ledger straight into the tables of the project's store, and make the indexes."""
    settings = project.settings
    open_store(settings.store, settings.folder, settings.fields, settings.calendar).close()
    connection = sqlite3.connect(path_of(project), isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    # Each row would leave a line in the history of moves, which no plan looks at.
    trigger = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'messages'"
    triggers = connection.execute(trigger).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    order = f"INSERT INTO orders ({COLUMNS}) VALUES (?{', ?' * COLUMNS.count(',')})"
    message = (
        "INSERT INTO messages (order_id, rule, step, state, at, next_attempt, attempts, reply, queue_id, sender,"
        " recipients, token, actor, wall) VALUES (?, ?, ?, ?, ?, ?, 1, '', '', 'main', 1, '', '', 0)"
    )
    for rows, messages in Shop(orders, days, settings.calendar).blocks():
        connection.executemany(order, rows)
        connection.executemany(message, messages)
    for _, sql in triggers:
        connection.execute(sql)
    imported = encode_instant(NOW - timedelta(hours=3))
    carried = [(name, field, imported) for name in settings.accounts for field in stored_fields(settings.fields)]
    connection.executemany("INSERT INTO imports VALUES (?, ?, ?)", carried)
    suppressed = [(f"buyer{number}@example.net", imported, "") for number in range(0, 250_007, 500)]
    connection.executemany("INSERT INTO suppressions (address, at, reason) VALUES (?, ?, ?)", suppressed)
    connection.execute("COMMIT")
    connection.close()
    index(project)
