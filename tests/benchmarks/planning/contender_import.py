"""A CSV file into SQLite with nothing but the standard library: `contender_import.py FILE STORE`."""

from __future__ import annotations

import csv
import sqlite3
import sys
from itertools import islice
from pathlib import Path


def main(file: Path, store: Path) -> None:
    """Every cell as text, one transaction."""
    connection = sqlite3.connect(store)
    with file.open(encoding="utf-8", newline="") as opened:
        rows = csv.reader(opened)
        names = next(rows)
        connection.execute(f"CREATE TABLE orders (id TEXT PRIMARY KEY, {', '.join(names[1:])})")
        statement = f"INSERT INTO orders VALUES (?{', ?' * (len(names) - 1)})"
        while chunk := list(islice(rows, 10_000)):
            connection.executemany(statement, chunk)
    connection.commit()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
