"""What a record of a file is: a table's row, the rows of one order, or a tree; and how columns and paths read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.expressions.elements import filled
from sendplan.expressions.evaluate import Environment
from sendplan.importing.tables import OddRow

ABSENT = object()
"""A column or path that the record does not have, which leaves the field as it was."""

RawOrder: TypeAlias = tuple[int, Any]
"""The line on which it begins, and a row's cells, a group of rows, or a record."""


class Shape(Protocol):
    """How the records of one file are read."""

    def has(self, name: str) -> bool:
        """Whether a column of this name may be there."""

    def raws(self, path: tuple[str, ...], batch: Sequence[RawOrder]) -> Sequence[object]:
        """What stands at the path in each record, or ABSENT."""

    def environment(self, record: RawOrder) -> Environment:
        """The record as expressions see it."""


def _environment(values: Any, rows: Sequence[Mapping[str, Any]], calendar: Calendar) -> Environment:
    return Environment(values, calendar, {}, lambda sent: None, rows=rows)


@dataclass(slots=True)
class Rows:
    """Each row is one order."""

    positions: Mapping[str, int]
    calendar: Calendar
    _batch: Sequence[RawOrder] = ()
    _columns: Sequence[Sequence[object]] = ()
    """The latest batch, and its cells column by column."""

    def has(self, name: str) -> bool:
        return name in self.positions

    def raws(self, path: tuple[str, ...], batch: Sequence[RawOrder]) -> Sequence[object]:
        index = self.positions.get(path[0])
        if index is None:
            return [ABSENT] * len(batch)
        if batch is not self._batch:
            self._batch, self._columns = batch, list(zip(*(cells for _, cells in batch), strict=True))
        return self._columns[index]

    def environment(self, record: RawOrder) -> Environment:
        cells = record[1]
        values = {name: cells[index] for name, index in self.positions.items()}
        return _environment(values, (values,), self.calendar)


class Group:
    """The rows of one order; a column is its first filled cell."""

    __slots__ = ("_empty", "_found", "lines", "odd", "rows")

    def __init__(self, empty: frozenset[str]) -> None:
        self.lines: list[int] = []
        self.rows: list[dict[str, Any]] = []
        self.odd: list[OddRow | None] = []
        """What is wrong with each row as a whole."""
        self._empty = empty
        self._found: dict[str, object] = {}

    def without(self, dropped: Iterable[int]) -> Group:
        """The group without the rows at these positions."""
        kept, gone = Group(self._empty), set(dropped)
        for position, (line, row, odd) in enumerate(zip(self.lines, self.rows, self.odd, strict=True)):
            if position not in gone:
                kept.lines.append(line)
                kept.rows.append(row)
                kept.odd.append(odd)
        return kept

    def line_of(self, column: str | None, raw: object) -> int:
        """The line of the row that has this in the column; the first one's when none has."""
        rows = zip(self.lines, self.rows, strict=True)
        text = raw.strip() if isinstance(raw, str) else raw
        found = (line for line, row in rows if column and filled(row.get(column)) == text)
        return next(found, self.lines[0])

    def get(self, name: str, default: object = None) -> object:
        """The first filled cell of a column."""
        if name not in self._found:
            cells = (row[name] for row in self.rows if name in row)
            self._found[name] = next((each for each in cells if filled(each, self._empty) is not None), default)
        return self._found[name]


@dataclass(frozen=True, slots=True)
class Groups:
    """Several rows may be one order."""

    columns: frozenset[str]
    calendar: Calendar

    def has(self, name: str) -> bool:
        return name in self.columns

    def raws(self, path: tuple[str, ...], batch: Sequence[RawOrder]) -> Sequence[object]:
        name = path[0]
        return [group.get(name) if name in self.columns else ABSENT for _, group in batch]

    def environment(self, record: RawOrder) -> Environment:
        group = record[1]
        return _environment(group, group.rows, self.calendar)


@dataclass(frozen=True, slots=True)
class Trees:
    """Each record is one order, with records and lists inside."""

    calendar: Calendar

    def has(self, name: str) -> bool:
        return True

    def raws(self, path: tuple[str, ...], batch: Sequence[RawOrder]) -> Sequence[object]:
        return [walked(record, path) for _, record in batch]

    def environment(self, record: RawOrder) -> Environment:
        return _environment(record[1], (), self.calendar)


def walked(value: object, path: Iterable[str]) -> object:
    """What a path leads to; through lists one flat list. ABSENT where a record lacks the next name."""
    for position, name in enumerate(steps := tuple(path)):
        if type(value) is dict:
            if name not in value:
                return ABSENT
            value = value[name]
        elif type(value) is list:
            found = [walked(each, steps[position:]) for each in value]
            if value and all(each is ABSENT for each in found):
                return ABSENT
            flat: list[object] = []
            for each in found:
                if type(each) is list:
                    flat += each
                elif each is not ABSENT:
                    flat.append(each)
            return flat
        else:
            # Nothing is missing in `null` or in an empty element; a text has no parts.
            return None if filled(value) is None else ABSENT
    return value
