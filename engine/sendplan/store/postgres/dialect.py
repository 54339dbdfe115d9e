"""How PostgreSQL says what databases say differently, and the statements' parameters as it wants them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from sendplan.store.sql.database import Parameters


class PostgresDialect:
    """A `Dialect` (`store/sql/database.py`)."""

    differs = "IS DISTINCT FROM"
    like = "ILIKE"
    by_key = ""

    def among(self, column: str, parameter: str, *, numbers: bool = False) -> str:
        value = "CAST(value AS bigint)" if numbers else "value"
        return f"{column} = ANY(ARRAY(SELECT {value} FROM jsonb_array_elements_text(CAST({parameter} AS jsonb))))"

    def rows(self, parameter: str, columns: Sequence[str]) -> str:
        cells = ", ".join(f'value ->> {place} AS "{name}"' for place, name in enumerate(columns))
        return (
            f"SELECT number, {cells} FROM jsonb_array_elements(CAST({parameter} AS jsonb))"
            " WITH ORDINALITY AS listed (value, number)"
        )

    def latest(self, columns: Sequence[str]) -> str:
        # Its own `greatest` passes over NULL.
        missing = " OR ".join(f"{each} IS NULL" for each in columns)
        return f"(CASE WHEN {missing} THEN NULL ELSE greatest({', '.join(columns)}) END)"

    def last(self, columns: Sequence[str]) -> str:
        return f"greatest({', '.join(columns)})"

    def contains(self, column: str, text: str) -> str:
        return f"strpos(lower({column}), {text}) > 0"

    def not_digits(self, column: str, length: int) -> str:
        return f"substr({column}, 1, {length}) ~ '[^0-9]'"

    def lines(self, text: str) -> str:
        return f"string_agg({text}, chr(10))"

    def free_rows(self, table: str) -> str:
        return f" FOR UPDATE OF {table} SKIP LOCKED"

    def by_index(self, name: str) -> str:
        return ""

    @property
    def row_by_row(self) -> str:
        # Without it the planner may read a whole table into memory, once, to look up a few of its rows.
        return " OFFSET 0"


POSTGRES = PostgresDialect()

_PLACE = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | :: | \?(?P<number>\d*) | (?<![:\w]):(?P<name>[a-z_]+)""", re.VERBOSE
)


@lru_cache(maxsize=512)
def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """The statement with `$1`, `$2` … for its parameters, and the names of these."""
    names: list[str] = []
    count = 0

    def place(found: re.Match[str]) -> str:
        nonlocal count
        if (name := found["name"]) is not None:
            if name not in names:
                names.append(name)
            return f"${names.index(name) + 1}"
        if (number := found["number"]) is not None:
            count += 1
            return f"${number or count}"
        return found[0]

    return _PLACE.sub(place, sql), tuple(names)


def native(sql: str, parameters: Parameters) -> tuple[str, Sequence[object]]:
    """A statement and its parameters, by place."""
    text, names = _numbered(sql)
    if isinstance(parameters, Mapping):
        return text, [parameters[name] for name in names]
    return text, parameters
