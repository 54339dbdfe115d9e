"""Values that were read, and yet other rows of their column prove that they mean other ones (docs/mapping.md#told)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from itertools import islice
from typing import Any

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.expressions.elements import elements, scalar
from sendplan.fields import Field, FieldType
from sendplan.importing.bad_rows import AlikeRows
from sendplan.importing.conversion import Notation, converter
from sendplan.importing.dates import formats_of, moment_reader, say_formats
from sendplan.importing.mapping import ColumnSource, FieldSource
from sendplan.importing.mistakes import ConversionError, shown
from sendplan.importing.numbers import Fractions, notation_of, number_reader, say_notation
from sendplan.importing.opened_file import OpenedFile
from sendplan.importing.refused_orders import RefusedOrders
from sendplan.importing.shapes import Group, RawOrder
from sendplan.problems import Problem, Severity
from sendplan.store.protocols import ImportRun

_BATCH = 2_000
_AMOUNT = Field("", FieldType.DECIMAL, own=True)
_SAMPLES = 200
"""Texts that were read, kept to see whether what is proposed for the bad ones would read them too."""


@dataclass(slots=True)
class _Doubt:
    """One column in which some texts, read as the mapping says, are another value than the rest of it proves."""

    path: tuple[str, ...]
    read: Callable[[object], Any]
    """As the mapping reads it."""
    others: tuple[Callable[[object], Any], ...]
    """The other ways."""
    proof: str
    """A text that can only be written in the other way."""
    remedy: str
    alike: AlikeRows = field(default_factory=AlikeRows)
    lines: list[int] = field(default_factory=list)
    example: str = ""
    _known: dict[str, bool] = field(default_factory=dict)

    def look(self, batch: Sequence[RawOrder], raws: Sequence[object]) -> list[int]:
        """Positions of the records with a value in doubt; of several rows each counts."""
        found = []
        for position, (record, raw) in enumerate(zip(batch, raws, strict=True)):
            text = next((each for each in _texts(record, self.path, raw) if self._doubts(each)), None)
            if text is not None:
                line = record[0]
                self.example = self.example or text
                self.lines.append(line)
                found.append(position)
        return found

    def _doubts(self, text: str) -> bool:
        """Whether a text is a value as the mapping reads it, and another one as the proof is written."""
        if text not in self._known:
            if len(self._known) >= _BATCH:
                self._known.clear()
            self._known[text] = self._differs(text)
        return self._known[text]

    def _differs(self, text: str) -> bool:
        value = _read(self.read, text)
        if value is None:
            return False
        if len(self.alike.good) < _SAMPLES:
            self.alike.good[text] = None
        found = [_read(each, text) for each in self.others]
        return any(each is not None and each != value for each in found)

    def problem(self, opened: OpenedFile) -> Problem:
        """What to tell of the values in doubt."""
        where = ", ".join(map(str, self.lines[:3])) + (", …" if len(self.lines) > 3 else "")
        lines = "line" if len(self.lines) == 1 else "lines"
        value = _read(self.read, self.example)
        message = (
            f"`{'.'.join(self.path)}` = {shown(self.example)} ({lines} {where}) was read as {value}, "
            f"but {shown(self.proof)} in this column is written another way"
        )
        help_ = f"their orders get no mail until that is clear; {self.remedy}"
        return Problem("import-suspicious", message, opened.file.span(self.lines[0], 1), help_, Severity.WARNING)


def contradictions(opened: OpenedFile, refused: RefusedOrders, run: ImportRun) -> Iterator[Problem]:
    """Read the file once more where a column may hold other values, and hold the orders of those in doubt."""
    doubts = list(_unlike_the_bad(opened))
    proven = {each.path for each in doubts if each.proof}
    for path, fractions in _fractions(opened).items():
        if path in proven:
            continue
        if fractions.uneven:
            doubts.append(_uneven(path, fractions, opened.settings.calendar))
        elif fractions.doubtful and not fractions.other:
            yield _all_alike(opened, path, fractions)
    if not doubts:
        return
    names = {opened.mapping.match or "id"}
    naming = tuple(each for each in opened.mapping.sources or () if each.field.name in names)
    again = _again(opened, naming)
    orders = RefusedOrders(again, run)
    for batch in _batches(again):
        for each in doubts:
            found = each.look(batch, again.shape.raws(each.path, batch))
            if not found:
                continue
            for position, ids in zip(found, orders.orders_of([batch[at] for at in found]), strict=True):
                refused.hold(ids, batch[position][0])
    yield from (each.problem(opened) for each in doubts if each.lines)


def _again(opened: OpenedFile, sources: tuple[FieldSource, ...]) -> OpenedFile:
    """The file, to be read once more, with nothing that is asked of its columns."""
    return OpenedFile(opened.file, replace(opened.mapping, sources=sources, needs=()), opened.settings)


def _batches(again: OpenedFile) -> Iterator[list[RawOrder]]:
    records = again.records(lambda record, passed_over: None)
    while batch := list(islice(records, _BATCH)):
        yield batch


def _texts(record: RawOrder, path: tuple[str, ...], raw: object) -> Iterator[str]:
    """The texts that a record has in a column, `raw` or in several rows."""
    rows = record[1]
    given = [row.get(path[0]) for row in rows.rows] if isinstance(rows, Group) else elements(raw)
    return (text.strip() for each in given if isinstance(text := scalar(each), str))


# --- texts that can only be written in another way ---


def _unlike_the_bad(opened: OpenedFile) -> Iterator[_Doubt]:
    for (name, column, what), alike in opened.bad.kinds.items():
        reader = opened.reader_of(name)
        path = None if reader is None else _path(reader.source, column)
        if reader is None or path is None:
            continue
        notation = reader.source.notation
        if what == "is not a number":
            yield _number(path, notation, alike, opened.settings.calendar)
        elif what == "is not a date" and (doubt := _date(path, notation, alike, opened.settings.calendar)):
            yield doubt


def _path(source: FieldSource, column: str) -> tuple[str, ...] | None:
    """Where the column that a field reads is found; of an expression the one that is named."""
    paths = _paths(source)
    named = paths if isinstance(source.source, ColumnSource) else [each for each in paths if ".".join(each) == column]
    return next(iter(named), None)


def _paths(source: FieldSource) -> list[tuple[str, ...]]:
    """Where everything is found that a field reads."""
    if isinstance(source.source, ColumnSource) and not source.source.base and not source.needs:
        return [source.source.path]
    return [path for paths in source.needs for path in paths]


def _number(path: tuple[str, ...], notation: Notation, alike: AlikeRows, calendar: Calendar) -> _Doubt:
    read = converter(_AMOUNT, calendar, notation)
    for text in alike.texts:
        found = notation_of([text])
        if found is not None and found[0] != notation.decimal:
            remedy, others = say_notation(found[0], notation.decimal), (number_reader(found[0], notation.decimal),)
            return _Doubt(path, read, others, text, remedy, alike)
    return _Doubt(path, read, (), "", "", alike)  # what the good ones look like is told beside the bad ones


def _date(path: tuple[str, ...], notation: Notation, alike: AlikeRows, calendar: Calendar) -> _Doubt | None:
    def reader(*formats: str) -> Callable[[object], Any]:
        return moment_reader(calendar, formats, notation.zone, notation.months)

    for text in alike.texts:
        found = [each for each in formats_of([text], notation.months) if each not in notation.dates]
        if found:
            return _Doubt(path, reader(*notation.dates), tuple(map(reader, found)), text, say_formats(found, ()), alike)
    return None


# --- three decimals, which may be thousands ---


def _fractions(opened: OpenedFile) -> dict[tuple[str, ...], Fractions]:
    """How the columns of amounts are written of which one has three decimals."""
    readers = [each for reader in opened.readers for each in (reader, *reader.parts) if each.has_thirds]
    found = {path: Fractions(each.source.notation.decimal) for each in readers for path in _paths(each.source)}
    if found:
        again = _again(opened, ())
        for batch in _batches(again):
            for path, fractions in found.items():
                for record, raw in zip(batch, again.shape.raws(path, batch), strict=True):
                    for text in _texts(record, path, raw):
                        fractions.note(text)
    return found


def _uneven(path: tuple[str, ...], fractions: Fractions, calendar: Calendar) -> _Doubt:
    mark = fractions.mark
    other = "," if mark == "." else "."
    remedy = f'correct it; if it is meant so, say how thousands are written, such as thousands: "{other}"'
    read = converter(_AMOUNT, calendar, Notation(decimal=mark))
    return _Doubt(path, read, (number_reader(other, mark),), fractions.other, remedy)


def _all_alike(opened: OpenedFile, path: tuple[str, ...], fractions: Fractions) -> Problem:
    mark = fractions.mark
    other = "," if mark == "." else "."
    message = f"every fraction in `{'.'.join(path)}` has three decimals, such as {fractions.thousands}"
    help = f'if these are thousands, add decimal: "{other}" and thousands: "{mark}"'
    line = opened.table.header_line if opened.table is not None else 1
    return Problem("import-suspicious", message, opened.file.span(line, 1), help, Severity.WARNING)


def _read(read: Callable[[object], Any], text: str) -> Any:
    try:
        return read(text)
    except ConversionError:
        return None
