"""JSON and JSON lines → records, in pieces: the file is never held whole (docs/mapping.md#json).

Numbers become `Decimal` from their characters. The standard library's decoder reads each order; what is around them is
walked by hand, so that every order has its line, a key that appears twice is told, and the end of the file is checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import IO, Any, TypeAlias

from sendplan.importing.files import OrderFile
from sendplan.importing.numbers import from_float
from sendplan.importing.tables import OddRow
from sendplan.problems import Problem, UserError, did_you_mean

Tree: TypeAlias = tuple[int, dict[str, Any]]
"""The line on which a record begins, and the record."""

_PIECE = 1 << 20
"""Characters read at once."""
_LONGEST_TOKEN = 16
"""Characters of `false`, `\\u00fc` and the like, which the end of a piece may cut."""
_BLANKS = re.compile(r"[ \t\r\n]*")


def json_records(file: OrderFile, path: tuple[str, ...]) -> Iterator[Tree | OddRow]:
    """The orders of a JSON file, whose list is at `path`; one order alone is a list of one."""
    with closing(file.open_text()) as text:
        yield from _Walk(file, text).records(path)


def json_line_records(file: OrderFile, path: tuple[str, ...]) -> Iterator[Tree | OddRow]:
    """One order on each line, which lies at `path` in it."""
    with closing(file.open_text()) as text:
        for line, content in enumerate(text, start=1):
            if not content.strip():
                continue
            try:
                record = DECODER.decode(content.strip().removeprefix("\ufeff"))
                for name in path:
                    record = record[name]
            except (KeyError, TypeError):
                yield OddRow(line, None, f"has no `{'.'.join(path)}`", "see `orders` in the mapping")
            except (ValueError, RecursionError) as error:
                yield OddRow(line, None, f"is not JSON: {reason(error)}")
            else:
                yield (line, record) if isinstance(record, dict) else OddRow(line, None, "is not an order", _OBJECT)


_OBJECT = "write an object: {…}"


class _Walk:
    """One walk through a document, with a buffer that holds little more than one order."""

    def __init__(self, file: OrderFile, text: IO[str]) -> None:
        self._file = file
        self._text = text
        self._buffer = ""
        self._position = 0
        self._line = 1
        self._ended = False

    def records(self, path: tuple[str, ...]) -> Iterator[Tree | OddRow]:
        self._peek()
        self._position += self._buffer.startswith("\ufeff", self._position)
        yield from self._at(path, ())
        if self._peek():
            help = "two pages or files in one? import them as files of their own; one order a line is `format: jsonl`"
            raise UserError(self._problem("the JSON has ended, and yet something follows", help))

    def _at(self, path: tuple[str, ...], above: tuple[str, ...]) -> Iterator[Tree | OddRow]:
        """The orders in the value that begins here; `path` leads on, `above` was the way here."""
        first = self._peek()
        if first == "[":
            yield from self._list(path, above)
        elif first == "{" and (path or not above):
            yield from self._object(path, above)
        elif path or not above or first not in "{n":
            value = self._value()
            where = f"`{'.'.join(above)}` is" if above else "the file holds"
            if value is not None:
                raise UserError(
                    self._problem(f"{where} not a list of orders", 'write [{…}, …] or {"orders": [{…}, …]}')
                )
        else:
            line, value = self._line, self._value()
            if value is not None:
                yield line, value

    def _list(self, path: tuple[str, ...], above: tuple[str, ...]) -> Iterator[Tree | OddRow]:
        self._position += 1
        closed = self._peek() == "]"
        while not closed:
            if path:
                yield from self._at(path, above)
            else:
                self._peek()
                line, value = self._line, self._value()
                yield (line, value) if isinstance(value, dict) else OddRow(line, None, "is not an order", _OBJECT)
            closed = self._separator("]")
        self._position += 1

    def _object(self, path: tuple[str, ...], above: tuple[str, ...]) -> Iterator[Tree | OddRow]:
        """Walks to the key that the path names; without a path to `orders`, else the object itself is the one order."""
        line, found = self._line, False
        wanted = path[0] if path else "orders"
        keys: set[str] = set()
        members: dict[str, Any] = {}
        self._position += 1
        closed = self._peek() == "}"
        while not closed:
            key = self._value()
            if not isinstance(key, str):
                raise UserError(self._problem("is not JSON: a key is missing here"))
            if key in keys:
                raise UserError(self._problem(f"the key `{key}` appears twice in one object"))
            keys.add(key)
            if self._peek() != ":":
                raise UserError(self._problem("is not JSON: a `:` is missing here"))
            self._position += 1
            if key == wanted and (path or self._peek() == "["):
                found = True
                yield from self._at(path[1:], (*above, key))
            elif path or found:
                self._value()
            else:
                members[key] = self._value()
            closed = self._separator("}")
        self._position += 1
        if path and not found:
            message = f"the file has no `{'.'.join((*above, wanted))}`, where the mapping says the orders are"
            raise UserError(self._problem(message, did_you_mean(wanted, keys)))
        if members and not found:
            yield line, members

    # --- the buffer ---

    def _peek(self) -> str:
        """The next character that is not blank; empty at the end of the file."""
        while True:
            end = _BLANKS.match(self._buffer, self._position).end()  # type: ignore[union-attr]
            self._line += self._buffer.count("\n", self._position, end)
            self._position = end
            if end < len(self._buffer) or not self._more():
                return self._buffer[end : end + 1]

    def _more(self) -> bool:
        """Read on, forgetting what was passed."""
        piece = "" if self._ended else self._text.read(max(_PIECE, len(self._buffer) - self._position))
        self._ended = not piece
        self._buffer = self._buffer[self._position :] + piece
        self._position = 0
        return bool(piece)

    def _value(self) -> Any:
        if not self._peek():
            raise UserError(self._problem("is not JSON: the file ends too early"))
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._position)
            except RecursionError as error:
                raise UserError(self._problem("is not JSON: it is nested too deeply")) from error
            except ValueError as error:
                if self._ended or self._certain(error):
                    raise UserError(self._not_json(error)) from error
                self._more()
                continue
            if end == len(self._buffer) and not self._ended:
                self._more()  # a number at the end of the buffer may go on
                continue
            self._line += self._buffer.count("\n", self._position, end)
            self._position = end
            return value

    def _certain(self, error: ValueError) -> bool:
        """Whether more of the file would not mend it."""
        if not isinstance(error, json.JSONDecodeError):
            return True
        return not error.msg.startswith("Unterminated string") and error.pos < len(self._buffer) - _LONGEST_TOKEN

    def _separator(self, closing: str) -> bool:
        """Passes a comma; true at the closing bracket."""
        found = self._peek()
        if found == ",":
            self._position += 1
            if self._peek() == closing:
                raise UserError(self._problem("is not JSON: a value is missing after the comma"))
            return False
        if found != closing:
            what = "is never closed" if not found else f"a comma or `{closing}` is missing here"
            raise UserError(self._problem(f"is not JSON: {'the list ' if not found else ''}{what}"))
        return True

    def _problem(self, message: str, help: str = "") -> Problem:
        before = self._buffer.rfind("\n", 0, self._position)
        return self._file.problem(self._line, message, help, max(1, self._position - before))

    def _not_json(self, error: ValueError) -> Problem:
        if not isinstance(error, json.JSONDecodeError):
            return self._problem(str(error) if str(error).startswith("the key") else f"is not JSON: {reason(error)}")
        line = self._line + self._buffer.count("\n", self._position, error.pos)
        column = error.pos - self._buffer.rfind("\n", 0, error.pos)
        return self._file.problem(line, f"is not JSON: {error.msg.lower()}", column=max(1, column))


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key `{double}` appears twice in one object")
    return record


DECODER = json.JSONDecoder(parse_float=from_float, parse_constant=_no_constant, object_pairs_hook=_record)
"""Strict: no key twice, no NaN, floats exact to their tenth decimal."""


def reason(error: Exception) -> str:
    """Why something is not JSON, in a few words."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.lower()} at character {error.pos + 1}" if error.lineno == 1 else error.msg.lower()
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
