"""The rows of CSV, JSON and JSON lines files, with their places; a file of any size is read in flat memory.

JSON numbers become `Decimal` from their characters, never floats. A JSON document is held whole, the others are not.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from sendplan.importing.mapping import FileMapping
from sendplan.problems import Problem, Span, UserError

Header: TypeAlias = tuple[str, ...]
Row: TypeAlias = tuple[int, list[Any]]
"""A number of its own and its cells. The number is its line; in a JSON document its place in the list, from 1."""

LONGEST_LINE = 1_000
"""A longer line is not shown to people."""

_FORMATS = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class BadRow:
    """Why one row was left out."""

    number: int
    message: str
    help: str = ""
    column: str | None = None
    """The column whose cell is to blame."""


class RowFile:
    """One file of rows. What is wrong with the file itself raises UserError; a bad row goes to `bad`."""

    def __init__(self, path: Path, mapping: FileMapping) -> None:
        self.path = path
        self.format = mapping.format or _FORMATS.get(path.suffix.lower(), "csv")
        self.header: Header = ()
        """CSV: the columns, once reading has begun."""
        self.bad: list[BadRow] = []
        """Rows that could not be read since the list was last emptied."""
        self._lines: list[int] = []
        """JSON document: the line of each order."""
        self._delimiter = mapping.delimiter
        self._encoding = mapping.encoding if self.format == "csv" else "utf-8-sig"

    def rows(self) -> Iterator[tuple[Header, Row]]:
        """Each row with the names of its cells; rows of one kind share one header."""
        readers = {"csv": self._csv, "json": self._json, "jsonl": self._json_lines}
        try:
            yield from readers[self.format]()
        except UnicodeDecodeError as error:
            raise UserError(self._undecodable(error)) from error
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise UserError(Problem("file-unreadable", f"`{self.path}` cannot be read: {why}")) from error

    def spans(self, bad: Iterable[BadRow]) -> list[Span]:
        """The places of bad rows, read again from the file."""
        listed = list(bad)
        texts = self._texts({self.line(each.number) for each in listed})
        return [self._span(each, texts) for each in listed]

    def line(self, number: int) -> int:
        """The line on which a row starts."""
        return self._lines[number - 1] if self._lines else number

    def problem(self, line: int, message: str, help: str = "", column: int = 1) -> Problem:
        """A problem of the file itself."""
        text = self._texts({line}).get(line, "")
        return Problem("import-file", message, Span(str(self.path), line, column, column + 1, text), help)

    def _csv(self) -> Iterator[tuple[Header, Row]]:
        with self.path.open(encoding=self._encoding, newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter, strict=True)
            self.header = self._read_header(reader)
            width = len(self.header)
            start = reader.line_num + 1
            while True:
                try:
                    for cells in reader:
                        if len(cells) == width:
                            yield self.header, (start, cells)
                        elif cells:
                            message = f"has {len(cells)} cells, the header has {width}"
                            self.bad.append(BadRow(start, message, "put quotes around a cell with a delimiter in it"))
                        start = reader.line_num + 1
                    return
                except csv.Error as error:
                    if "unexpected end" in str(error) or "field limit" in str(error):
                        raise UserError(self.problem(start, "a quote in this row is never closed")) from error
                    self.bad.append(BadRow(start, f"cannot be read: {error}", 'write a quote inside quotes as ""'))
                    start = reader.line_num + 1

    def _read_header(self, reader: Iterator[list[str]]) -> Header:
        try:
            header = tuple(name.strip() for name in next(reader, []))
        except csv.Error as error:
            raise UserError(self.problem(1, f"the header cannot be read: {error}")) from error
        if not any(header):
            raise UserError(self.problem(1, "the file has no header", "the first line names the columns"))
        double = next((name for name in header if name and header.count(name) > 1), None)
        if double:
            raise UserError(self.problem(1, f"the column `{double}` is there twice"))
        other = next((each for each in ";\t|," if len(header) == 1 and each in header[0]), None)
        if other:
            written = "\\t" if other == "\t" else other
            help = f'name the delimiter in a mapping: delimiter: "{written}"'
            raise UserError(self.problem(1, "the header is one single column", help))
        return header

    def _json_lines(self) -> Iterator[tuple[Header, Row]]:
        with self.path.open(encoding=self._encoding) as file:
            for line, text in enumerate(file, start=1):
                if not text.strip():
                    continue
                try:
                    record = _DECODER.decode(text.strip())
                except (ValueError, RecursionError) as error:
                    self.bad.append(BadRow(line, f"is no JSON: {_reason(error)}"))
                    continue
                yield from self._record(line, record)

    def _json(self) -> Iterator[tuple[Header, Row]]:
        text = self.path.read_text(encoding=self._encoding)
        begin = re.match(r"\s*\[", text) or re.search(r'"orders"\s*:\s*\[', text)
        if begin is None:
            raise UserError(self.problem(1, "holds no list of orders", 'write [{…}, …] or {"orders": [{…}, …]}'))
        position, line, counted = begin.end(), 1, 0
        while (position := _next(text, position)) < len(text) and text[position] != "]":
            line, counted = line + text.count("\n", counted, position), position
            try:
                record, position = _DECODER.raw_decode(text, position)
            except (ValueError, RecursionError) as error:
                raise UserError(self._no_json(error, line)) from error
            self._lines.append(line)
            yield from self._record(len(self._lines), record)
            position = _next(text, position)
            if text[position : position + 1] not in (",", "]"):
                line += text.count("\n", counted, position)
                raise UserError(self.problem(line, "is no JSON: a comma or `]` is missing here"))
            position += text[position] == ","
        if position >= len(text):
            raise UserError(self.problem(line, "is no JSON: the list is never closed"))

    def _record(self, number: int, record: object) -> Iterator[tuple[Header, Row]]:
        if isinstance(record, dict):
            yield tuple(record), (number, list(record.values()))
        else:
            self.bad.append(BadRow(number, "is no order", "write an object: {…}"))

    def _no_json(self, error: Exception, line: int) -> Problem:
        if isinstance(error, json.JSONDecodeError):
            return self.problem(error.lineno, f"is no JSON: {_reason(error)}", column=error.colno)
        return self.problem(line, f"is no JSON: {_reason(error)}")

    def _texts(self, lines: set[int]) -> dict[int, str]:
        if not lines:
            return {}
        last = max(lines)
        texts = {}
        try:
            newline = "" if self.format == "csv" else None
            with self.path.open(encoding=self._encoding, errors="replace", newline=newline) as file:
                for number, text in enumerate(file, start=1):
                    if number in lines and len(text) <= LONGEST_LINE:
                        texts[number] = text.rstrip("\r\n")
                    if number >= last:
                        break
        except OSError:
            return {}
        return texts

    def _span(self, bad: BadRow, texts: Mapping[int, str]) -> Span:
        line = self.line(bad.number)
        text = texts.get(line, "")
        start, end = 0, len(text)
        if bad.column is not None and self.format != "csv":
            found = text.find(json.dumps(bad.column, ensure_ascii=False))
            start = max(found, 0)
        elif bad.column in self.header:
            start, end = _cell(text, self._delimiter, self.header.index(bad.column)) or (start, end)
        return Span(str(self.path), line, start + 1, max(end, start + 1) + 1, text)

    def _undecodable(self, error: UnicodeDecodeError) -> Problem:
        help = "name the file's encoding in a mapping, such as encoding: cp1252"
        with self.path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                try:
                    raw.decode(self._encoding)
                except UnicodeDecodeError as found:
                    column = len(raw[: found.start].decode(self._encoding, errors="replace")) + 1
                    return self.problem(number, f"is not {found.encoding} from here on", help, column)
        return self.problem(1, f"the file is not {error.encoding}", help)


def _cell(text: str, delimiter: str, index: int) -> tuple[int, int] | None:
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


def _next(text: str, position: int) -> int:
    """The position of the next character that is no blank."""
    found = _BLANKS.match(text, position)
    return found.end() if found else position


_BLANKS = re.compile(r"[ \t\r\n]*")


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.lower()} at character {error.pos + 1}" if error.lineno == 1 else error.msg.lower()
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
