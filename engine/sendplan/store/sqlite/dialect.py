"""How SQLite says what databases say differently."""

from __future__ import annotations

from collections.abc import Sequence


class SqliteDialect:
    """A `Dialect` (`store/sql/database.py`)."""

    differs = "IS NOT"
    like = "LIKE"
    by_key = " WITHOUT ROWID"

    def among(self, column: str, parameter: str, *, numbers: bool = False) -> str:
        return f"{column} IN (SELECT value FROM json_each({parameter}))"

    def rows(self, parameter: str, columns: Sequence[str]) -> str:
        values = (f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(columns))
        return f"SELECT key AS number, {', '.join(values)} FROM json_each({parameter})"

    def latest(self, columns: Sequence[str]) -> str:
        return f"max({', '.join(columns)})"

    def last(self, columns: Sequence[str]) -> str:
        return f"max(0, {', '.join(f'coalesce({each}, 0)' for each in columns)})"

    def contains(self, column: str, text: str) -> str:
        return f"instr(lower({column}), {text}) > 0"

    def not_digits(self, column: str, length: int) -> str:
        return f"substr({column}, 1, {length}) GLOB '*[^0-9]*'"

    def lines(self, text: str) -> str:
        return f"group_concat({text}, char(10))"

    def free_rows(self, table: str) -> str:
        return ""

    def by_index(self, name: str) -> str:
        return f" INDEXED BY {name}"

    @property
    def row_by_row(self) -> str:
        return ""


SQLITE = SqliteDialect()
