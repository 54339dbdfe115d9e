"""Bad rows, told: alike ones are one line with their number, three places and what to change (docs/mapping.md#told)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import field
from enum import StrEnum

from sendplan.addresses import mask_all
from sendplan.dataclass import dataclass
from sendplan.expressions.elements import Help, said
from sendplan.fields import Field, FieldType
from sendplan.importing.conversion import Notation
from sendplan.importing.dates import formats_of, say_formats
from sendplan.importing.files import OrderFile, hidden
from sendplan.importing.mistakes import shown
from sendplan.importing.numbers import notation_of, say_notation
from sendplan.importing.tables import Table, cell_place, column_letters
from sendplan.problems import Problem, Span


class RowCode(StrEnum):
    """What is wrong with a row, for whoever expects it (docs/project.md#scenarios)."""

    NUMBER = "wrong-number"
    DATE = "wrong-date"
    FLAG = "wrong-flag"
    COUNTRY = "wrong-country"
    EMAIL = "wrong-email"
    TONGUE = "wrong-language"
    CURRENCY = "wrong-currency"
    ID = "wrong-id"
    TEXT = "wrong-text"
    LIST = "wrong-list"
    LINES = "wrong-lines"
    ACCOUNT = "wrong-account"
    MISSING = "missing-value"
    EXPRESSION = "wrong-expression"
    """A condition or an expression that this row has no answer to."""
    CELLS = "wrong-cells"
    """The row as a whole: too many or too few cells, or not readable."""
    GROUP = "no-order-above"
    HIDDEN = "passed-over"
    """`only` hides an order that is stored."""
    MATCH = "no-match"
    DUPLICATE = "duplicate-order"
    OTHER_ACCOUNT = "other-account"
    INCOMPLETE = "incomplete-order"


_BY_NAME = {
    "id": RowCode.ID,
    "account": RowCode.ACCOUNT,
    "email": RowCode.EMAIL,
    "language": RowCode.TONGUE,
    "currency": RowCode.CURRENCY,
    "country": RowCode.COUNTRY,
    "billing_country": RowCode.COUNTRY,
}
_BY_TYPE = {
    FieldType.TEXT: RowCode.TEXT,
    FieldType.INTEGER: RowCode.NUMBER,
    FieldType.DECIMAL: RowCode.NUMBER,
    FieldType.MOMENT: RowCode.DATE,
    FieldType.FLAG: RowCode.FLAG,
    FieldType.LIST: RowCode.LIST,
    FieldType.RECORDS: RowCode.LINES,
}

ALIKE = 10
"""So many alike are told one by one."""
CODED = 50_000
"""So many bad rows are kept with their codes."""
SAMPLES = 200
"""Different texts of one kind that are looked at for what to change."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """Why one row was left out; what is wrong with a value is in `what`, else in `message`."""

    line: int
    message: str = ""
    help: Help = ""
    column: str | None = None
    """The column whose cell is to blame."""
    field: Field | None = None
    label: str = ""
    """How the mapping calls what stands in the file."""
    what: str = ""
    raw: object = None
    notation: Notation | None = None
    alike: str = ""
    """The message without what only this row has, when many are told as one."""
    code: RowCode | None = None
    """By the field when None."""

    @property
    def known_as(self) -> RowCode:
        """The code that a test names it by."""
        if self.code is not None or self.field is None:
            return self.code or RowCode.EXPRESSION
        return _BY_NAME.get(self.field.name) or _BY_TYPE[self.field.type]

    @property
    def personal(self) -> bool:
        """Whether the value is one that no log may hold: a name, a street, an e-mail address."""
        return self.field is not None and self.field.personal

    @property
    def shown(self) -> str:
        """The value as people are told it."""
        return "(hidden)" if self.personal else mask_all(shown(self.raw))

    def text(self) -> str:
        """The whole message."""
        if not self.what:
            return self.message
        named = self.field is not None and self.label != self.field.name
        name = f"{self.field.name}: " if named and self.field is not None else ""
        label = f"`{self.label}` " if self.label else ""
        value = f"= {self.shown} " if self.raw is not None else ""
        tried = ""
        if self.what == "is not a date" and self.notation is not None:
            tried = f"; formats tried: {', '.join(self.notation.dates)}"
        return f"{name}{label}{value}{self.what}{tried}"


@dataclass(slots=True)
class AlikeRows:
    """Bad rows that are alike: one field, one column, one thing wrong."""

    count: int = 0
    listed: list[BadRow] = field(default_factory=list)
    texts: dict[str, None] = field(default_factory=dict)
    good: dict[str, None] = field(default_factory=dict)
    """Texts of the same column that were read."""


@dataclass(slots=True)
class BadRows:
    """All bad rows of a file, in bounded memory."""

    lines: int = 0
    """Rows that are bad; one of them may have several mistakes."""
    kinds: dict[tuple[str, str, str], AlikeRows] = field(default_factory=dict)
    """Field, column and what is wrong → the rows that are alike in them."""
    codes: dict[int, tuple[RowCode, ...]] = field(default_factory=dict)
    """Line → what is wrong there, of the first rows."""

    def note(self, line: int, mistakes: Sequence[BadRow]) -> None:
        """One bad row, with everything that is wrong with it."""
        self.lines += 1
        if len(self.codes) < CODED:
            self.codes[line] = tuple(dict.fromkeys(each.known_as for each in mistakes))
        for each in mistakes:
            name = each.field.name if each.field is not None else ""
            wrong = each.what or each.alike or each.message
            kind = self.kinds.setdefault((name, each.column or "", wrong), AlikeRows())
            kind.count += 1
            if len(kind.listed) < ALIKE:
                kind.listed.append(each)
            if isinstance(each.raw, str) and len(kind.texts) < SAMPLES:
                kind.texts[each.raw] = None

    def problems(self, file: OrderFile, table: Table | None, rows: int) -> list[Problem]:
        """What to tell, in the sequence of the file."""
        places = _Places(file, table, [each for kind in self.kinds.values() for each in kind.listed])
        found = [problem for kind in self.kinds.values() for problem in _told(kind, places, rows)]
        return sorted(found, key=lambda each: (each.span.line, each.span.column) if each.span else (0, 0))


def _told(kind: AlikeRows, places: _Places, rows: int) -> Iterator[Problem]:
    if kind.count <= ALIKE:
        for each in kind.listed:
            cell = places.cell(each)
            message = f"cell {cell}: {each.text()}" if cell else each.text()
            yield Problem("bad-row", message, places.span(each), _help(kind, each) or said(each.help))
        return
    first = kind.listed[0]
    cells = [places.cell(each) for each in kind.listed[:3]]
    where = ", ".join(cells if all(cells) else [str(each.line) for each in kind.listed[:3]])
    what = "cells" if all(cells) else "lines"
    example = f", e.g. {first.shown}" if first.raw is not None else ""
    if first.what and first.field is not None:
        message = f"{kind.count:,} of {rows:,} values of `{first.field.name}` {_plural(first.what)}{example}"
    else:
        message = f"{kind.count:,} of {rows:,} rows: {first.alike or first.text()}"
    help = _help(kind, first) or said(first.help)
    yield Problem("bad-row", f"{message} ({what} {where}, …)", places.span(first), help)


def _plural(what: str) -> str:
    words = what.split()
    if words[:2] in (["is", "not"],) and len(words) > 3 and words[2] in ("a", "an"):
        return f"are not {' '.join(words[3:])}s"
    verb, _, rest = what.partition(" ")
    return f"{_VERBS.get(verb, verb)} {rest}"


_VERBS = {"is": "are", "has": "have", "contains": "contain", "names": "name", "holds": "hold"}


def _help(kind: AlikeRows, first: BadRow) -> str:
    """What to change in the mapping so that all of them are read."""
    notation, texts = first.notation or Notation(), list(kind.texts)
    type_ = first.field.type if first.field is not None else None
    if first.what == "is not a number" and type_ in (FieldType.DECIMAL, FieldType.INTEGER):
        found = notation_of([*texts, *kind.good])
        if found and found != (notation.decimal, notation.thousands):
            return say_notation(*found)
        if kind.good and notation_of(texts):
            return f"other rows write {shown(next(iter(kind.good)))}: have the export write all numbers alike"
    if first.what == "is not a date" and type_ is FieldType.MOMENT:
        fitting = formats_of(texts)
        if fitting:
            return say_formats(fitting, notation.dates)
    return ""


class _Places:
    """The places of bad rows, read again from the file."""

    def __init__(self, file: OrderFile, table: Table | None, listed: Sequence[BadRow]) -> None:
        self._file = file
        self._table = table
        wanted = {each.line for each in listed}
        if table is None:
            wanted |= {each.line + ahead for each in listed for ahead in range(_AHEAD)}
        self._texts = file.lines(wanted)

    def cell(self, bad: BadRow) -> str:
        """How a spreadsheet program names the cell, such as D5; empty for other files, and where none is known."""
        index = self._table.positions.get(bad.column or "") if self._table is not None else None
        return f"{column_letters(index)}{bad.line}" if index is not None and self._file.format == "xlsx" else ""

    def span(self, bad: BadRow) -> Span:
        if self._table is not None:
            return self._cell(self._table, bad)
        for line in range(bad.line, bad.line + _AHEAD):
            text = self._texts.get(line, "")
            found = self._member(text, bad)
            if found is not None:
                start, text, end = found
                return self._file.span(line, start, hidden(text, start - 1, end - 1), end)
        text = hidden(self._texts.get(bad.line, ""))
        return self._file.span(bad.line, 1, text, max(len(text), 1) + 1)

    def _member(self, text: str, bad: BadRow) -> tuple[int, str, int] | None:
        """Where a line of JSON or XML names the column and, when it does, the value."""
        name = (bad.column or "").rpartition(".")[2].removeprefix("@")
        if not name:
            return None
        for written in (json.dumps(name, ensure_ascii=False), f"<{name}", f":{name}"):
            at = text.find(written)
            if at >= 0 and (bad.raw is None or not isinstance(bad.raw, str) or bad.raw in text):
                raw = text.find(str(bad.raw), at + len(written)) if bad.raw is not None and not bad.personal else -1
                return at + 1, text, (raw + len(str(bad.raw)) if raw >= 0 else at + len(written)) + 1
        return None

    def _cell(self, table: Table, bad: BadRow) -> Span:
        text = self._texts.get(bad.line, "")
        index = table.positions.get(bad.column or "")
        if index is None:
            return self._file.span(bad.line, 1, hidden(text), max(len(text), 1) + 1)
        if self._file.format == "xlsx":
            return self._file.span(bad.line, index + 1)
        start, end = cell_place(text, table.delimiter, index) or (0, len(text))
        shown = hidden(text) if bad.personal else hidden(text, start, end)
        return self._file.span(bad.line, start + 1, shown, max(end, start + 1) + 1)


_AHEAD = 60
"""Lines of a record that are searched for a value's place."""
