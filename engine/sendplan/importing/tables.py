"""CSV and XLSX → rows of cells: where the table begins, its columns, what a whole row is (docs/mapping.md#tables)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeAlias

from sendplan.dataclass import dataclass
from sendplan.expressions.elements import ErrorCell
from sendplan.importing.files import OrderFile
from sendplan.importing.numbers import from_float
from sendplan.importing.unreadable_cells import unreadable_cells
from sendplan.problems import UserError, did_you_mean

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

Cells: TypeAlias = list[Any]
_LONGEST_CELL = 16 * 1024 * 1024
_AT_ONCE = 1_000
"""Rows that are read at once."""
_SEPARATOR_LINE = re.compile(r"\ufeff?[\"']?sep=(.)[\"']?[,;\t]*\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TableLayout:
    """What a mapping says about a table."""

    delimiter: str | None = None
    """`,` when None, a tab in files called `.tsv`."""
    quotes: bool = True
    sheet: str | None = None
    header: tuple[str, ...] = ()
    """Columns that the header's line has; the first line that is not blank when empty."""


@dataclass(frozen=True, slots=True)
class OddRow:
    """A row that is not whole: `message` says why, and its cells are there as far as they go."""

    line: int
    cells: Cells | None
    message: str
    help: str = ""


@dataclass(slots=True)
class Table:
    """The rows below a header. What is wrong with the file itself raises UserError."""

    file: OrderFile
    layout: TableLayout
    header: tuple[str, ...] = ()
    header_line: int = 1
    delimiter: str = ","
    positions: dict[str, int] = field(default_factory=dict)
    """Column → where its cells are; of a name that appears twice, the first."""
    repeated: frozenset[str] = frozenset()

    def rows(self) -> Iterator[tuple[int, Cells] | OddRow]:
        """Every row that is not blank, with its line, as wide as the header. The header is read with the first one."""
        width = needed = 0
        texts = self.file.format == "csv"
        for block in self._blocks():
            if texts and self.header and block.is_plain(width):
                yield from zip(block.starts, block.rows, strict=True)
                continue
            for start, end, cells in zip(block.starts, block.ends, block.rows, strict=True):
                if not self.header:
                    if self._is_header(cells):
                        self._take_header(cells, start)
                        width, needed = len(self.header), self._width()
                elif len(cells) == width:
                    if not _blank(cells):
                        yield start, cells
                elif not _blank(cells):
                    yield self._fitted(start, end, cells, width, needed)
            if block.error is not None:
                yield self._unreadable(block.error_start, block.error_end, block.error)
        if not self.header:
            raise UserError(self.no_header())

    def lines(self) -> Iterator[Cells]:
        """Every line as cells, from the first one on, also above the header; what cannot be read is left out."""
        return (cells for block in self._blocks() for cells in block.rows)

    def start(self) -> Iterator[tuple[int, Cells] | OddRow]:
        """The rows, after the header has been read."""
        rows = self.rows()
        first = next(rows, None)
        return rows if first is None else chain([first], rows)

    # --- the header ---

    def _is_header(self, cells: Cells) -> bool:
        names = {_title(each) for each in cells}
        return names.issuperset(self.layout.header) if self.layout.header else not _blank(cells)

    def _take_header(self, cells: Cells, line: int) -> None:
        # A file that was put together of several may have a byte order mark more.
        self.header = tuple(_title(each).lstrip("\ufeff") for each in cells)
        if any("\x00" in each for each in self.header):
            help = "name it in the mapping, such as encoding: utf-16-le, or export as UTF-8"
            raise UserError(self.file.problem(line, "the header has zero bytes: the file is in another encoding", help))
        self.header_line = line
        twice = set()
        for index, name in enumerate(self.header):
            if name and name in self.positions:
                twice.add(name)
            elif name:
                self.positions[name] = index
        self.repeated = frozenset(twice)
        if len([name for name in self.header if name]) == 1 and self.file.format == "csv":
            self._refuse_single_column()

    def _refuse_single_column(self) -> None:
        name = next(name for name in self.header if name)
        other = next((each for each in ";\t|," if each in name and each != self.delimiter), None)
        if other:
            written = "tab" if other == "\t" else f'"{other}"'
            help = f"set the delimiter in a mapping: delimiter: {written}"
            raise UserError(self.file.header_problem(self.header_line, "the header has only one column", help))

    def _width(self) -> int:
        """Cells that a row must have: what stands behind the last named column may be left out."""
        return max((index + 1 for index, name in enumerate(self.header) if name), default=0)

    def no_header(self) -> Any:
        """The problem of a file without a header."""
        if self.layout.header:
            names = ", ".join(f"`{name}`" for name in self.layout.header)
            return self.file.problem(1, f"no line has the columns {names}", "see `header` in the mapping")
        return self.file.problem(1, "the file has no header", "the first line must give the columns' names")

    def suggestion(self, name: str) -> str:
        """The columns that may have been meant."""
        return did_you_mean(name, [each for each in self.header if each])

    # --- rows ---

    def _fitted(self, start: int, end: int, cells: Cells, width: int, needed: int) -> tuple[int, Cells] | OddRow:
        if len(cells) > width and _blank(cells[width:]):
            return start, cells[:width]
        if needed <= len(cells) < width:
            return start, cells + [""] * (width - len(cells))
        lines = "" if end == start else f", over lines {start} to {end}"
        message = f"has {len(cells)} cells, the header has {width}{lines}"
        padded = cells[:width] + [""] * (width - len(cells))
        return OddRow(start, padded, message, "put quotes around a cell with a delimiter in it")

    def _unreadable(self, start: int, end: int, error: csv.Error) -> OddRow:
        if "unexpected end" in str(error):
            raise UserError(self.file.problem(start, "a quote that begins in this row is never closed")) from error
        if "field limit" in str(error):
            message = f"a cell of this row is longer than {_LONGEST_CELL // 1024 // 1024} MB"
            help = "probably a quote in it is never closed"
            raise UserError(self.file.problem(start, message, help)) from error
        lines = "" if end == start else f"; it reaches from line {start} to {end}, so a quote may not be closed"
        return OddRow(start, None, f"cannot be read: {error}{lines}", 'write a quote inside quotes as ""')

    def _blocks(self) -> Iterator[_Block]:
        return _xlsx(self.file, self.layout) if self.file.format == "xlsx" else self._csv()

    def _csv(self) -> Iterator[_Block]:
        csv.field_size_limit(_LONGEST_CELL)
        with closing(self.file.open_text()) as text:
            first = text.readline()
            separator = _SEPARATOR_LINE.fullmatch(first)
            by_ending = "\t" if self.file.ending in (".tsv", ".tab") else ","
            self.delimiter = separator[1] if separator else self.layout.delimiter or by_ending
            lines = text if separator else chain([first], text)
            skipped = 1 if separator else 0
            quotes = self.layout.quotes
            reader = csv.reader(
                lines,
                delimiter=self.delimiter,
                strict=quotes,
                quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
            )
            start = skipped + 1
            while True:
                rows: list[Cells] = []
                failure: Exception | None = None
                try:
                    rows.extend(islice(reader, _AT_ONCE))
                except Exception as error:
                    failure = error
                end = reader.line_num + skipped
                if rows or failure is not None:
                    yield _block(rows, start, end, failure if isinstance(failure, csv.Error) else None)
                if failure is not None and not isinstance(failure, csv.Error):
                    raise failure
                if not rows and failure is None:
                    return
                start = end + 1


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows that were read at once, with the lines on which each starts and ends."""

    rows: list[Cells]
    starts: Sequence[int]
    ends: Sequence[int]
    error: csv.Error | None = None
    """What is wrong with the row behind them."""
    error_start: int = 0
    error_end: int = 0

    def is_plain(self, width: int) -> bool:
        """Whether each row, of nothing but texts, is certainly whole and not blank."""
        if self.error is not None or set(map(len, self.rows)) != {width}:
            return False
        firsts = [cells[0] for cells in self.rows]
        return all(firsts) and not any(map(str.isspace, firsts))


def _block(rows: list[Cells], start: int, end: int, error: csv.Error | None) -> _Block:
    """Rows of a CSV that begin on a line; the last of them, or what is wrong, ends on another."""
    if error is None and end - start + 1 == len(rows):
        lines = range(start, end + 1)
        return _Block(rows, lines, lines)
    starts, ends = [], []
    for cells in rows:
        starts.append(start)
        # A row goes over as many more lines as there are line ends in its cells.
        start += sum(each.count("\n") + each.count("\r") - each.count("\r\n") for each in cells)
        ends.append(start)
        start += 1
    return _Block(rows, starts, ends, error, start, end)


def _title(cell: Any) -> str:
    """A column's name; a sheet's number 2026 is `2026`."""
    return format(cell.normalize(), "f") if isinstance(cell, Decimal) else str(cell).strip()


def _blank(cells: Sequence[Any]) -> bool:
    return not any(each is not None and (type(each) is not str or each.strip()) for each in cells)


def workbook(file: OrderFile) -> CalamineWorkbook:
    """An XLSX file, opened. Raises UserError."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with closing(file.open()) as opened:
            return CalamineWorkbook.from_filelike(opened)
    except (CalamineError, OSError) as error:
        raise UserError(file.problem(1, f"the file is not a workbook: {error}", "save it as .xlsx")) from error


def _xlsx(file: OrderFile, layout: TableLayout) -> Iterator[_Block]:
    opened = workbook(file)
    names = opened.sheet_names
    name = layout.sheet or (names[0] if names else "")
    if name not in names:
        raise UserError(file.problem(1, f"the workbook has no sheet `{name}`", did_you_mean(name, names)))
    rows = _sheet_rows(_sheet(file, opened, name), dict(unreadable_cells(file, name)))
    while block := list(islice(rows, _AT_ONCE)):
        lines = [line for line, _ in block]
        yield _Block([cells for _, cells in block], lines, lines)


def _sheet_rows(sheet: CalamineSheet, unreadable: dict[int, Mapping[int, ErrorCell]]) -> Iterator[tuple[int, Cells]]:
    """The rows with their lines, cells without a value among the others."""
    first = sheet.start[0] + 1 if sheet.start else 1
    left = [""] * (sheet.start[1] if sheet.start else 0)
    for line, cells in enumerate(sheet.iter_rows(), first):
        row = left + [_typed(each) for each in cells]
        yield line, _with(row, unreadable.pop(line)) if line in unreadable else row
    for line in sorted(unreadable):  # the reader leaves out rows that show nothing
        yield line, _with([""] * (len(left) + sheet.width), unreadable[line])


def _with(row: Cells, unreadable: Mapping[int, ErrorCell]) -> Cells:
    row += [""] * (max(unreadable) + 1 - len(row))
    for position, cell in unreadable.items():
        row[position] = cell
    return row


def _sheet(file: OrderFile, opened: CalamineWorkbook, name: str) -> CalamineSheet:
    from python_calamine import CalamineError

    try:
        return opened.get_sheet_by_name(name)
    except CalamineError as error:
        raise UserError(file.problem(1, f"the sheet `{name}` cannot be read: {error}", "correct the cell")) from error


def _typed(cell: Any) -> Any:
    """A cell of a sheet: numbers exact, a date at 00:00 a date."""
    if isinstance(cell, bool) or type(cell) is str:
        return cell
    if isinstance(cell, float):
        return from_float(repr(cell))
    if isinstance(cell, datetime):
        return cell.date() if cell.time() == time() else cell.replace(microsecond=0)
    if isinstance(cell, time | timedelta):
        return str(cell)
    return cell if isinstance(cell, int | date) else "" if cell is None else str(cell)


def column_letters(index: int) -> str:
    """How a spreadsheet program names a column: A is the first, AA follows Z."""
    letters = ""
    while index >= 0:
        index, last = divmod(index, 26)
        letters, index = chr(65 + last) + letters, index - 1
    return letters


def cell_place(text: str, delimiter: str, index: int) -> tuple[int, int] | None:
    """Start and end of a cell in a line; None when the line does not show it."""
    start, in_quotes, found = 0, False, 0
    for position, character in enumerate(text + delimiter):
        if character == '"':
            in_quotes = not in_quotes
        elif character == delimiter and not in_quotes:
            if found == index:
                return start, position
            start, found = position + 1, found + 1
    return None
