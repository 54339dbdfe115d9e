"""Cells of a workbook that show no value: errors, and formulas without a result (docs/mapping.md#tables).

The reader of workbooks gives both as empty, and an empty cell clears a field: in `paid` that would remind who paid.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import IO, Any
from xml.parsers import expat

from sendplan.expressions.elements import ErrorCell
from sendplan.importing.files import OrderFile
from sendplan.problems import UserError

_PIECE = 1 << 16
_LONGEST_FORMULA = 40
_SUSPECT = re.compile(rb"""\bt\s*=\s*["']e["']|<(?:\w+:)?f[\s>/]""")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_NOT_XLSX = "save it as .xlsx"


def unreadable_cells(file: OrderFile, sheet: str) -> Mapping[int, Mapping[int, ErrorCell]]:
    """Line → position in the row → what stands there. Raises UserError for a file that is no .xlsx workbook."""
    try:
        with closing(file.open()) as opened, zipfile.ZipFile(opened) as parts:
            path, recalculated = _part(parts, sheet)
            if not _has_suspects(parts, path):
                return {}
            found: dict[int, dict[int, ErrorCell]] = {}
            with parts.open(path) as content:
                for line, position, cell in _Cells(recalculated).read(content):
                    found.setdefault(line, {})[position] = cell
            return found
    except (zipfile.BadZipFile, KeyError, expat.ExpatError, NotImplementedError, RuntimeError) as error:
        raise UserError(file.problem(1, f"the file is not a workbook: {error}", _NOT_XLSX)) from error


def _part(parts: zipfile.ZipFile, sheet: str) -> tuple[str, bool]:
    """Where a sheet's cells are, and whether results of formulas are only known once a spreadsheet opened the file."""
    ids: dict[str, str] = {}
    recalculated = False
    for name, attributes in _elements(parts, "xl/workbook.xml"):
        if name == "sheet":
            ids[attributes.get("name", "")] = attributes.get("id", "")
        elif name == "calcPr":
            recalculated = attributes.get("fullCalcOnLoad") in ("1", "true")
    targets = {
        attributes.get("Id"): attributes.get("Target", "")
        for name, attributes in _elements(parts, "xl/_rels/workbook.xml.rels")
        if name == "Relationship"
    }
    return posixpath.normpath(posixpath.join("/xl", targets[ids[sheet]])).lstrip("/"), recalculated


def _elements(parts: zipfile.ZipFile, path: str) -> list[tuple[str, Mapping[str, str]]]:
    """Every element of a part with its attributes, all names without their namespace."""
    found: list[tuple[str, Mapping[str, str]]] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        found.append((_local(name), {_local(each): value for each, value in attributes.items()}))

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.Parse(parts.read(path), True)
    return found


def _has_suspects(parts: zipfile.ZipFile, path: str) -> bool:
    """Whether there are errors or formulas at all; most exports have none, and this is fast to see."""
    with parts.open(path) as content:
        before = b""
        while piece := content.read(_PIECE):
            if _SUSPECT.search(before + piece):
                return True
            before = piece[-64:]
    return False


class _Cells:
    """Reads the cells of a sheet for those without a value."""

    def __init__(self, recalculated: bool) -> None:
        self._recalculated = recalculated
        self._line = self._position = 0
        self._kind = ""
        self._texts: dict[str, str] = {}
        """Of the cell at hand: the texts of its formula and its value."""
        self._open = ""
        self._found: list[tuple[int, int, ErrorCell]] = []
        self._known: dict[ErrorCell, ErrorCell] = {}

    def read(self, content: IO[bytes]) -> Iterator[tuple[int, int, ErrorCell]]:
        """Line, position in the row, and what stands there."""
        parser: Any = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        while piece := content.read(_PIECE):
            parser.Parse(piece, False)
            yield from self._found
            self._found.clear()

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        match _local(name):
            case "row":
                self._line = int(attributes.get("r", self._line + 1))
                self._position = -1
            case "c":
                place = _REFERENCE.fullmatch(attributes.get("r", ""))
                self._position = _number(place[1]) if place else self._position + 1
                self._kind = attributes.get("t", "n")
                self._texts = {}
            case "f" | "v" | "is" as part:
                self._open = part
                self._texts.setdefault(part, "")

    def _text(self, text: str) -> None:
        if self._open:
            self._texts[self._open] += text

    def _end(self, name: str) -> None:
        match _local(name):
            case "f" | "v" | "is":
                self._open = ""
            case "c" if (cell := self._cell()) is not None:
                self._found.append((self._line, self._position, self._known.setdefault(cell, cell)))

    def _cell(self) -> ErrorCell | None:
        value = self._texts.get("v")
        if self._kind == "e":
            help_ = "correct the cell or leave it empty, or name the error under `empty:` in the mapping"
            return ErrorCell(value or "", "is an error of the spreadsheet", help_)
        # An empty text is a result, too.
        is_stored = bool(value) or "is" in self._texts or (self._kind == "str" and value is not None)
        if "f" not in self._texts or (is_stored and not self._recalculated):
            return None
        help_ = "open the file in a spreadsheet program, such as Excel or LibreOffice, and save it"
        return ErrorCell(f"={self._texts['f']}"[:_LONGEST_FORMULA], "is a formula without its result", help_)


def _number(letters: str) -> int:
    """Column A is 0."""
    number = 0
    for each in letters:
        number = number * 26 + ord(each) - 64
    return number - 1


def _local(name: str) -> str:
    return name.rpartition(":")[2]
