"""A file → its first orders, and how it is written: encoding, delimiter, header, where its orders are."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from xml.parsers import expat
from zlib import error as ZlibError  # noqa: N812 - its own name is `error`

from sendplan.importing.drafting.columns import Sample, SampleColumn, tree_columns, words
from sendplan.importing.drafting.vocabulary import FIELDS
from sendplan.importing.files import OrderFile
from sendplan.importing.json_trees import json_line_records, json_records
from sendplan.importing.tables import OddRow, Table, TableLayout, workbook
from sendplan.importing.xml_trees import xml_records
from sendplan.problems import Problem, UserError

ORDERS = 500
"""Orders, or rows, that are looked at."""
_LOOKED_AT = 1 << 20
"""Bytes by which the encoding is told."""
_HEADER_WITHIN = 40
_DELIMITERS = (",", ";", "\t", "|")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]')
_VALUE = re.compile(r"[\s\d.,:/+%€$£-]*\d[\s\d.,:/+%€$£-]*|\S+@\S+|#\d+|\d{4}-\d\d-\d\d.*")
_KNOWN = frozenset(phrase for phrases in FIELDS.values() for phrase in phrases)


def sample_of(path: Path, name: str) -> Sample:
    """Look at a file. Raises UserError when it cannot be read, or holds no orders."""
    file = OrderFile(path, name)
    try:
        file = replace(file, encoding=_encoding(file))
        return _looked_at(file)
    except UnicodeDecodeError as error:
        raise UserError(file.undecodable(error)) from None
    except (OSError, EOFError) as error:
        raise UserError(file.unreadable(error)) from None
    except ZlibError as error:
        raise UserError(file.unreadable(EOFError(str(error)))) from None


def _looked_at(file: OrderFile) -> Sample:
    sample = Sample()
    if file.encoding:
        sample.options["encoding"] = file.encoding
        if file.encoding == "cp1252":
            sample.guesses["encoding"] = "not UTF-8, so probably that of Windows; look at the umlauts and accents"
    format_ = file.format if file.ending else _told_by_content(file)
    file = replace(file, declared=format_)
    sample.options = {"format": format_, **sample.options}
    if format_ in ("csv", "xlsx"):
        _read_table(file, sample)
    else:
        _read_trees(file, sample)
    return sample


def _encoding(file: OrderFile) -> str | None:
    """None where none need be named: UTF-8, or told by a byte order mark."""
    if file.format == "xlsx":
        return None
    with closing(file.open()) as opened:
        start = opened.read(_LOOKED_AT)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or not start:
        return None
    if start[:200].count(0) > len(start[:200]) // 4:
        return "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may be cut where the look ends.
        return None if error.start > len(start) - 4 and len(start) == _LOOKED_AT else "cp1252"
    return None


def _told_by_content(file: OrderFile) -> str:
    with closing(file.open()) as opened:
        start = opened.read(4096).lstrip(b"\xef\xbb\xbf \r\n\t")
    if start.startswith(b"<"):
        return "xml"
    return "json" if start.startswith((b"{", b"[")) else "csv"


# --- tables ---


def _read_table(file: OrderFile, sample: Sample) -> None:
    sample.table = True
    layout = TableLayout(sheet=_sheet(file, sample)) if file.format == "xlsx" else _csv_layout(file, sample)
    header, preamble = _header(_first_rows(file, layout))
    if not header:
        raise UserError(Problem("import-file", f"`{file.name}` has no line that looks like the names of columns"))
    if preamble:
        known = [each for each in header if each.strip() and header.count(each) == 1]
        sample.options["header"] = sorted(known, key=lambda each: -(words(each) in _KNOWN))[:2]
        layout = TableLayout(layout.delimiter, layout.quotes, layout.sheet, tuple(sample.options["header"]))
    table = Table(file, layout)
    for row in islice(table.rows(), ORDERS):
        cells = row.cells or [] if isinstance(row, OddRow) else row[1]
        sample.rows.append({each: cells[at] for each, at in table.positions.items() if at < len(cells)})
    sample.columns = [
        SampleColumn((each,), [[row[each]] if _says(row.get(each)) else [] for row in sample.rows])
        for each in table.positions
        if each not in table.repeated
    ]


def _says(cell: Any) -> bool:
    return cell is not None and str(cell).strip() != ""


def _sheet(file: OrderFile, sample: Sample) -> str | None:
    """The first sheet that has a table."""
    opened = workbook(file)
    filled = [name for name in opened.sheet_names if opened.get_sheet_by_name(name).height > 1]
    if not filled or filled[0] == opened.sheet_names[0]:
        return None
    sample.options["sheet"] = filled[0]
    return filled[0]


def _csv_layout(file: OrderFile, sample: Sample) -> TableLayout:
    """The delimiter that cuts most lines into the same number of cells, and whether quotes are quotes."""
    with closing(file.open_text()) as text:
        lines = list(islice(text, 200))
    if lines and re.match(r"\ufeff?[\"']?sep=", lines[0], re.IGNORECASE):
        return TableLayout()
    delimiter = max(_DELIMITERS, key=lambda each: _evenness(lines, each, quotes=True))
    quotes = delimiter != "\t" or _readable(lines, delimiter)
    usual = "\t" if file.ending in (".tsv", ".tab") else ","
    if delimiter != usual:
        sample.options["delimiter"] = "tab" if delimiter == "\t" else delimiter
    if not quotes:
        sample.options["quotes"] = "none"
        sample.guesses["quotes"] = "a quote stands inside a cell, so quotes are characters like others"
    return TableLayout(delimiter, quotes)


def _evenness(lines: list[str], delimiter: str, quotes: bool) -> int:
    widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    often = max(set(widths), key=lambda width: (width > 1, widths.count(width), width), default=1)
    return widths.count(often) * (often - 1)


def _readable(lines: list[str], delimiter: str) -> bool:
    try:
        for _ in csv.reader(lines, delimiter=delimiter, strict=True):
            pass
    except csv.Error as error:
        return "unexpected end" in str(error) and len(lines) == 200
    return True


def _first_rows(file: OrderFile, layout: TableLayout) -> list[list[str]]:
    """The first lines as cells, those above the header too."""
    whole = Table(file, TableLayout(layout.delimiter, layout.quotes, layout.sheet, ()))
    return [[str(each).strip() for each in row] for row in islice(whole.lines(), _HEADER_WITHIN)]


def _header(rows: list[list[str]]) -> tuple[list[str], bool]:
    """The line that names the columns, and whether it has to be told: something stands above it."""
    best: tuple[float, int] = (0, -1)
    widest = max((sum(map(bool, row)) for row in rows), default=0)
    for index, row in enumerate(rows):
        names = [each for each in row if each]
        if len(names) < min(2, widest) or any(_VALUE.fullmatch(each) for each in names):
            continue
        score = sum(words(each) in _KNOWN for each in names) * 2 + len(names) / max(widest, 1) - index / 100
        best = max(best, (score, index), key=lambda each: each[0])
    if best[1] < 0:
        return [], False
    above = any(any(row) for row in rows[: best[1]])
    return rows[best[1]], above


# --- trees ---


def _read_trees(file: OrderFile, sample: Sample) -> None:
    read = {"json": json_records, "jsonl": json_line_records, "xml": xml_records}[file.format]
    path = _way_to_orders(file)
    if path:
        sample.options["orders"] = ".".join(path)
    for record in islice(read(file, path), ORDERS):
        if not isinstance(record, OddRow):
            sample.orders.append(record[1])
    if not sample.orders:
        raise UserError(Problem("import-file", f"`{file.name}` has no orders to look at"))
    sample.columns = tree_columns(sample.orders)


def _way_to_orders(file: OrderFile) -> tuple[str, ...]:
    """The keys that lead to the list of orders; none where the file, or each line, is it."""
    if file.format == "xml":
        root = next(xml_records(file, (_root(file),)))
    elif file.format == "jsonl":
        root = next(iter(json_line_records(file, ())), (1, {}))
    else:
        root = _start_of_json(file)
    record = None if isinstance(root, OddRow) else root[1]
    found = list(_lists(record, (), lists=file.format != "jsonl")) if isinstance(record, dict) else []
    return max(found, key=lambda each: each[0])[1] if found else ()


def _start_of_json(file: OrderFile) -> Any:
    """The document as far as it was looked at: whatever is open at the end of the look is closed there."""
    import json

    with closing(file.open_text()) as text:
        start = text.read(_LOOKED_AT).lstrip("\ufeff \r\n\t")
    if start.startswith("["):
        return 1, {}
    open_: list[str] = []
    cuts = [(len(start), "")]
    for token in _JSON_TOKEN.finditer(start):
        if token[0] in "{[":
            open_.append("}" if token[0] == "{" else "]")
        elif token[0] in "}]":
            del open_[-1:]
        elif token[0] == ",":
            cuts.append((token.start(), "".join(reversed(open_))))
    for end, closed in (cuts[0], *reversed(cuts[-50:])):
        try:
            return 1, json.loads(start[:end] + closed)
        except ValueError:
            continue
    raise UserError(file.problem(1, "is not JSON"))


def _lists(record: dict[str, Any], path: tuple[str, ...], lists: bool) -> Iterator[tuple[float, tuple[str, ...]]]:
    """Everything that may be the orders, with how much it looks like them; lists inside of lists are an order's own."""
    yield _likeness(record) - len(path) / 10, path
    for key, value in record.items():
        if "." in key:
            continue
        if isinstance(value, dict):
            yield from _lists(value, (*path, key), lists)
        elif lists and isinstance(value, list) and value and isinstance(value[0], dict):
            yield _likeness(value[0]) + 0.5 - len(path) / 10, (*path, key)


_TELLING = ("id", "ordered", "total", "currency", "shipped", "paid", "email", "status")
_ORDER_WORDS = frozenset(phrase for name in _TELLING for phrase in FIELDS[name])


def _likeness(record: dict[str, Any]) -> float:
    """How many of the keys are those of an order; parts that are records or lists count a little."""
    known = sum(words(key) in _ORDER_WORDS for key in record)
    return known + sum(isinstance(each, dict | list) for each in record.values()) / 4


def _root(file: OrderFile) -> str:
    """The name of a document's first element; empty where there is none, which reading the file tells."""
    names: list[str] = []
    parser = expat.ParserCreate(file.encoding)
    parser.StartElementHandler = lambda name, attributes: names.append(name)
    with closing(file.open()) as opened, suppress(expat.ExpatError):
        while not names and (piece := opened.read(4096)):
            parser.Parse(piece, False)
    return names[0].rpartition(":")[2] if names else ""
