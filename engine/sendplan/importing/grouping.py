"""Rows of a table → one record per order, in flat memory however far its rows are apart (docs/mapping.md#groups)."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any, TypeAlias

from sendplan.expressions.elements import ErrorCell, filled
from sendplan.importing.conversion import plain_text
from sendplan.importing.shapes import Group, RawOrder
from sendplan.importing.tables import OddRow

Named: TypeAlias = tuple[int, dict[str, Any], OddRow | None]
"""A row's line, the cells that the mapping reads by column, and what is wrong with the row as a whole."""


def groups(rows: Iterable[Named], key: str, empty: frozenset[str], stray: Callable[[int], None]) -> Iterator[RawOrder]:
    """The rows of each order together, orders in the file's sequence; a row before every order goes to `stray`.

    An empty cell in the column `key` continues the order above.
    """
    # The rows wait in a temporary database, which SQLite keeps on disk when it grows.
    with closing(sqlite3.connect("", isolation_level=None)) as spill:
        spill.execute("CREATE TABLE rows (id TEXT, line INTEGER, cells BLOB)")
        spill.execute("BEGIN")
        spill.executemany("INSERT INTO rows VALUES (?, ?, ?)", _keyed(rows, key, empty, stray))
        ordered = spill.execute(
            "SELECT id, line, cells FROM (SELECT *, min(line) OVER (PARTITION BY id) AS begins FROM rows)"
            " ORDER BY begins, line"
        )
        group, current = Group(empty), None
        for id_, line, cells in ordered:
            if id_ != current and group.rows:
                yield group.lines[0], group
                group = Group(empty)
            current = id_
            group.lines.append(line)
            row, odd = pickle.loads(cells)
            group.rows.append(row)
            group.odd.append(odd)
        if group.rows:
            yield group.lines[0], group


def _keyed(
    rows: Iterable[Named], key: str, empty: frozenset[str], stray: Callable[[int], None]
) -> Iterator[tuple[str, int, bytes]]:
    above: str | None = None
    for line, cells, odd in rows:
        found = filled(cells.get(key), empty)
        if type(found) is ErrorCell:
            # Nobody knows whose row it is, nor whose those below it are.
            above, odd = f"{found} {line}", OddRow(line, None, f'`{key}` = "{found}" {found.what}', found.help)
        else:
            above = above if found is None else plain_text(found)
        if above is None:
            stray(line)
        else:
            yield above, line, pickle.dumps((cells, odd), pickle.HIGHEST_PROTOCOL)
