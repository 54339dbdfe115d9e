"""An export into SQLite with nothing but the standard library: `contender_exports.py FILE STORE`.

Every order with its lines as JSON; a grouped CSV in a dict of rows, a JSON document whole.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path


def main(file: Path, store: Path) -> None:
    """One row an order, one transaction."""
    connection = sqlite3.connect(store)
    connection.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, email, ordered, total, items, lines, paid)")
    read = _nested if file.suffix == ".json" else _grouped
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)", read(file))
    connection.commit()


def _grouped(file: Path) -> Iterator[tuple[object, ...]]:
    orders: dict[str, list[dict[str, str]]] = {}
    with file.open(encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened):
            orders.setdefault(row["Name"], []).append(row)
    for name, rows in orders.items():
        first, items = rows[0], sum(int(row["Lineitem quantity"]) for row in rows)
        lines = json.dumps([[row["Lineitem name"], row["Lineitem quantity"], row["Lineitem price"]] for row in rows])
        yield name, first["Email"], first["Created at"], first["Total"], items, lines, first["Paid at"]


def _nested(file: Path) -> Iterator[tuple[object, ...]]:
    with file.open(encoding="utf-8") as opened:
        for each in json.load(opened)["data"]["orders"]:
            items, lines = sum(line["quantity"] for line in each["line_items"]), json.dumps(each["line_items"])
            yield each["id"], each["billing"]["email"], each["created"], each["total"], items, lines, each["paid"]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
