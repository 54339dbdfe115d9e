"""XML → records, element by element (docs/mapping.md#xml).

An element is its text, or a record of its children; attributes are `@name`, namespace prefixes are dropped. A document
that declares entities is refused: they are a way to read other files, and to grow without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from xml.parsers import expat

from sendplan.expressions.elements import OWN_TEXT
from sendplan.importing.files import OrderFile
from sendplan.importing.json_trees import Tree
from sendplan.importing.tables import OddRow
from sendplan.problems import UserError

_PIECE = 1 << 16
_DEEPEST = 200


def xml_records(file: OrderFile, path: tuple[str, ...]) -> Iterator[Tree | OddRow]:
    """The elements at `path`, which begins below the root or with it; without a path those below the root.

    A root whose first child is a text is one order itself.
    """
    builder = _Builder(file, path)
    parser = builder.parser(file.encoding)
    try:
        with closing(file.open()) as opened:
            while piece := opened.read(_PIECE):
                parser.Parse(piece, False)
                yield from builder.taken()
            parser.Parse(b"", True)
            yield from builder.taken()
    except expat.ExpatError as error:
        message = f"is not XML: {expat.ErrorString(error.code)}"
        help = "entities such as &eacute; are no part of XML: write the character itself" if error.code == 11 else ""
        raise UserError(file.problem(error.lineno, message, help, error.offset + 1)) from error
    if not builder.found and path:
        where = ".".join(path)
        raise UserError(file.problem(1, f"the file has no `{where}`, where the mapping says the orders are"))


class _Builder:
    """Builds the records of one document while it is parsed."""

    def __init__(self, file: OrderFile, path: tuple[str, ...]) -> None:
        self._file = file
        self._path = list(path)
        self._parser: Any = None
        self._names: list[str] = []
        self._open: list[dict[str, Any]] = []
        """The records of the elements that are open, from an order's own downward; empty outside of orders."""
        self._texts: list[list[str]] = []
        """The texts in each of them, also inside of its children."""
        self._mixed: list[bool] = []
        """Whether a text stands in each of them by itself."""
        self._line = 1
        self._whole = False
        """Without a path: the root is the one order."""
        self._ready: list[Tree | OddRow] = []
        self.found = False

    def parser(self, encoding: str | None) -> Any:
        """A parser that calls this builder."""
        self._parser = parser = expat.ParserCreate(encoding)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        return parser

    def taken(self) -> list[Tree | OddRow]:
        """The orders that have ended since the last call."""
        ready, self._ready = self._ready, []
        return ready

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._names.append(_local(name))
        if len(self._names) > _DEEPEST:
            raise UserError(self._file.problem(self._parser.CurrentLineNumber, "is nested too deeply"))
        if not self._open and not self._begins():
            return
        if not self._open:
            self._line = self._parser.CurrentLineNumber
            self.found = True
        own = {f"@{_local(each)}": value for each, value in attributes.items() if not each.startswith("xmlns")}
        self._open.append(own)
        self._texts.append([])
        self._mixed.append(False)

    def _begins(self) -> bool:
        """Whether the element that has just been opened is an order."""
        if self._path:
            return self._names[1:] == self._path or self._names == self._path
        # The root stays open as a record until its first child shows whether it is an order itself.
        return len(self._names) == 1

    def _end(self, name: str) -> None:
        depth = len(self._names)
        own = self._names.pop()
        if not self._open:
            return
        record, texts = self._open.pop(), self._texts.pop()
        text = "".join(texts).strip()
        if self._mixed.pop() and record:
            record[OWN_TEXT] = text
        value: Any = record or text
        if record and all(each.startswith("@") for each in record):
            record[OWN_TEXT] = text
        if not self._open:
            if self._path or self._whole:
                self._take(value, self._line)
            return
        if not self._path and depth == 2 and not self._whole:
            if isinstance(value, dict) and not all(each.startswith("@") or each == OWN_TEXT for each in value):
                self._take(value, self._parser.CurrentLineNumber)
                return
            self._whole = True
        self._texts[-1] += texts
        _add(self._open[-1], own, value)

    def _text(self, text: str) -> None:
        if self._texts:
            self._texts[-1].append(text)
            self._mixed[-1] |= not text.isspace()

    def _take(self, value: Any, line: int) -> None:
        self._ready.append((line, value) if isinstance(value, dict) else OddRow(line, None, "is not an order"))

    def _entity(self, name: str, *rest: object) -> None:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        message = f"declares the entity `{name}`, which is refused"
        raise UserError(self._file.problem(line, message, "export without a document type", column))


def _add(record: dict[str, Any], name: str, value: Any) -> None:
    """A repeated element is a list."""
    if name not in record:
        record[name] = value
    elif isinstance(record[name], list):
        record[name].append(value)
    else:
        record[name] = [record[name], value]


def _local(name: str) -> str:
    return name.rpartition(":")[2]
