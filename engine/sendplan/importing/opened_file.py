"""A file of orders, opened: its table or tree, its records, and a reader for each field (docs/mapping.md#files)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import Any, TypeAlias

from sendplan.dataclass import dataclass
from sendplan.importing.bad_rows import BadRow, BadRows, RowCode
from sendplan.importing.files import OrderFile
from sendplan.importing.grouping import Named, groups
from sendplan.importing.mapping import FieldSource, FileMapping
from sendplan.importing.needed_columns import NeededColumns
from sendplan.importing.selecting import LeaveOut, Selection
from sendplan.importing.shapes import Groups, RawOrder, Rows, Shape, Trees
from sendplan.importing.tables import OddRow, Table
from sendplan.importing.values import FieldReader
from sendplan.project.settings import Settings

Encoder: TypeAlias = Callable[[str], Callable[[Any], Any] | None]
"""A field's name → how the store keeps its values; None for those kept as they are."""


@dataclass(slots=True)
class OpenedFile:
    """A file and everything that reads it. Its records come from `records`; the rest is known once these began."""

    file: OrderFile
    mapping: FileMapping
    settings: Settings
    bad: BadRows = field(default_factory=BadRows)
    table: Table | None = None
    shape: Shape = field(init=False)
    selection: Selection = field(init=False)
    needed: NeededColumns = field(init=False)
    readers: list[FieldReader] = field(default_factory=list)
    read_through: bool = False
    """Whether its end was reached."""
    encoded: bool = False
    """Whether values are read as the store keeps them."""

    def __post_init__(self) -> None:
        self.selection = Selection(self.mapping, self.bad)
        self.needed = NeededColumns(self.file, self.mapping, self.settings)

    @property
    def rows(self) -> int:
        """Rows, or with `group` orders, read so far."""
        return self.selection.kept + self.selection.passed_over + self.bad.lines

    @property
    def fields(self) -> frozenset[str]:
        """What the file carries, beside what names the order."""
        return frozenset(each.source.field.name for each in self.readers) - {"id", "account", self.mapping.match}

    def reader_of(self, field: str) -> FieldReader | None:
        """What reads a field; None when nothing does."""
        return next((each for each in self.readers if each.source.field.name == field), None)

    def records(self, leave_out: LeaveOut, encoder: Encoder | None = None) -> Iterator[RawOrder]:
        """The records that are kept, in the file's own form; the others are told to `leave_out`.

        With an `encoder`, values are read as a store keeps them where nothing else is asked of them (`encoded`).
        """
        self.selection.leave_out = leave_out
        if self.file.format in ("csv", "xlsx"):
            yield from self._table_records(encoder)
            return
        from sendplan.importing.json_trees import json_line_records, json_records
        from sendplan.importing.xml_trees import xml_records

        self._shaped(Trees(self.settings.calendar), encoder)
        self.needed.await_all()
        read = {"json": json_records, "jsonl": json_line_records, "xml": xml_records}[self.file.format]
        yield from self.selection.records(read(self.file, self.mapping.orders))

    def _table_records(self, encoder: Encoder | None) -> Iterator[RawOrder]:
        self.table = table = Table(self.file, self.mapping.table)
        self.selection.shape = Rows({}, self.settings.calendar)
        rows = table.start()
        self.needed.check(table)
        if self.mapping.group is None:
            used = {name: index for name, index in table.positions.items() if self._is_used(name)}
            self._shaped(Rows(used, self.settings.calendar), encoder)
            yield from self.selection.records(rows)
            return
        self._shaped(Groups(frozenset(table.positions), self.settings.calendar), encoder)
        grouped = groups(self._named(rows, table), self.mapping.group, self.mapping.empty, self._stray)
        yield from self.selection.groups(grouped)

    def _shaped(self, shape: Shape, encoder: Encoder | None) -> None:
        self.shape = self.selection.shape = shape
        texts = self.file.format == "csv" and self.mapping.group is None
        # With nothing else to be asked of a value, each text becomes at once what the store keeps of it.
        simple = texts and self.mapping.match is None and not self.mapping.asks_rows
        encode = encoder if simple and encoder is not None else _as_it_is
        self.encoded = simple and encoder is not None
        self.readers = [
            FieldReader(each, shape, self.mapping.empty, texts, encode(each.field.name))
            for each in self.mapping.sources or ()
            if self._may_read(each)
        ]

    def _may_read(self, source: FieldSource) -> bool:
        """Whether a field is read at all: an optional one is not when the file has nothing of what it names."""
        if not source.optional or self.table is None:
            return True
        paths: Sequence[Any] = [path for paths in source.needs for path in paths] or [source.source.path]  # type: ignore[union-attr]
        return any(self.shape.has(path[0]) for path in paths)

    def _is_used(self, name: str) -> bool:
        return name in self.mapping.columns or self.mapping.own_names

    def _named(self, rows: Iterator[tuple[int, list[Any]] | OddRow], table: Table) -> Iterator[Named]:
        """The cells that the mapping reads, by column."""
        used = [(name, index) for name, index in table.positions.items() if self._is_used(name)]
        for row in rows:
            odd = row if isinstance(row, OddRow) else None
            if odd is not None and odd.cells is None:
                self.bad.note(odd.line, [BadRow(odd.line, odd.message, odd.help, code=RowCode.CELLS)])
                continue
            line, cells = (odd.line, odd.cells or []) if odd is not None else row  # type: ignore[misc]
            yield line, {name: cells[index] for name, index in used}, odd

    def _stray(self, line: int) -> None:
        message = f"`{self.mapping.group}` is empty, and no order stands above"
        self.bad.note(line, [BadRow(line, message, code=RowCode.GROUP)])


def _as_it_is(field: str) -> None:
    return None
