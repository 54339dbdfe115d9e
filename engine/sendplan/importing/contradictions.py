"""Values that were read, and yet other rows of their column prove that they mean other ones (docs/mapping.md#told)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sendplan.expressions.elements import elements
from sendplan.fields import FieldType
from sendplan.importing.bad_rows import AlikeRows
from sendplan.importing.conversion import Notation
from sendplan.importing.dates import formats_of, moment_reader, say_formats
from sendplan.importing.mapping import ColumnSource, FieldSource
from sendplan.importing.mistakes import ConversionError, shown
from sendplan.importing.numbers import notation_of, number_reader, say_notation, uneven_fractions
from sendplan.importing.opened_file import OpenedFile
from sendplan.importing.refused_orders import RefusedOrders
from sendplan.importing.shapes import Group, RawOrder
from sendplan.problems import Problem, Severity
from sendplan.store.protocols import ImportRun

_BATCH = 2_000
_SAMPLES = 200
"""Texts that were read, kept to see whether what is proposed for the bad ones would read them too."""


@dataclass(slots=True)
class _Doubt:
    """One column that has bad rows: how these are written, and which of the others that would read differently."""

    source: FieldSource
    path: tuple[str, ...]
    alike: AlikeRows
    proof: str = ""
    """A text that can only be written in the other way."""
    remedy: str = ""
    others: tuple[Callable[[object], Any], ...] = ()
    lines: list[int] = field(default_factory=list)
    example: str = ""
    _known: dict[str, bool] = field(default_factory=dict)

    def look(self, batch: Sequence[RawOrder], raws: Sequence[object]) -> list[int]:
        """Positions of the records with a value in doubt; of several rows each counts."""
        found = []
        for position, ((line, record), raw) in enumerate(zip(batch, raws, strict=True)):
            given = [row.get(self.path[0]) for row in record.rows] if isinstance(record, Group) else elements(raw)
            text = next((each.strip() for each in given if isinstance(each, str) and self._doubts(each.strip())), None)
            if text is not None:
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
        value = _read(self.source.convert, text)
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
        value = _read(self.source.convert, self.example)
        message = (
            f"`{'.'.join(self.path)}` = {shown(self.example)} ({lines} {where}) was read as {value}, "
            f"but {shown(self.proof)} in this column is written another way"
        )
        help_ = f"their orders get no mail until that is clear; {self.remedy}"
        return Problem("import-suspicious", message, opened.file.span(self.lines[0], 1), help_, Severity.WARNING)


def contradictions(opened: OpenedFile, refused: RefusedOrders, run: ImportRun) -> Iterator[Problem]:
    """Read the file once more where a column has bad numbers or dates, and hold the orders of values in doubt."""
    doubts = list(_doubts(opened))
    if not doubts:
        return
    names = {opened.mapping.match or "id"}
    naming = tuple(each for each in opened.mapping.sources or () if each.field.name in names)
    sources = (*naming, *(each.source for each in doubts))
    again = OpenedFile(opened.file, replace(opened.mapping, sources=sources, needs=()), opened.settings)
    orders = RefusedOrders(again, run)
    records = again.records(lambda record, passed_over: None)
    while batch := list(islice(records, _BATCH)):
        for each in doubts:
            found = each.look(batch, again.shape.raws(each.path, batch))
            if not found:
                continue
            for position, ids in zip(found, orders.orders_of([batch[at] for at in found]), strict=True):
                refused.hold(ids, batch[position][0])
    yield from (each.problem(opened) for each in doubts if each.lines)


def _doubts(opened: OpenedFile) -> Iterator[_Doubt]:
    for (name, what), alike in opened.bad.kinds.items():
        reader = opened.reader_of(name)
        path = None if reader is None else _path(reader.source, alike.listed[0].column)
        if reader is None or path is None:
            continue
        doubt = _Doubt(reader.source, path, alike)
        if what == "is not a number":
            _number(doubt, reader.source.notation)
            yield doubt
        elif what == "is not a date" and _date(doubt, reader.source.notation, opened):
            yield doubt
    for reader in opened.readers:
        source = reader.source
        if source.field.type is FieldType.DECIMAL and source.notation.thousands is None:
            path, mark = _path(source, source.label), source.notation.decimal
            uneven = uneven_fractions(reader.remembered, mark)
            if path is not None and uneven is not None:
                other = "," if mark == "." else "."
                remedy = f'correct it; if it is meant so, say how thousands are written, such as thousands: "{other}"'
                others = (number_reader(other, mark),)
                yield _Doubt(source, path, AlikeRows(), proof=uneven, remedy=remedy, others=others)


def _path(source: FieldSource, column: str | None) -> tuple[str, ...] | None:
    """Where the column that a field reads is found; of an expression the one that is named."""
    if isinstance(source.source, ColumnSource):
        return None if source.source.base else source.source.path
    return next((path for paths in source.needs for path in paths if ".".join(path) == column), None)


def _number(doubt: _Doubt, notation: Notation) -> None:
    for text in doubt.alike.texts:
        found = notation_of([text])
        if found is not None and found[0] != notation.decimal:
            doubt.proof, doubt.remedy = text, say_notation(found[0], notation.decimal)
            doubt.others = (number_reader(found[0], notation.decimal),)
            return


def _date(doubt: _Doubt, notation: Notation, opened: OpenedFile) -> bool:
    for text in doubt.alike.texts:
        found = [each for each in formats_of([text], notation.months) if each not in notation.dates]
        if found:
            doubt.proof, doubt.remedy = text, say_formats(found, ())
            calendar = opened.settings.calendar
            doubt.others = tuple(moment_reader(calendar, (each,), notation.zone, notation.months) for each in found)
            return True
    return False


def _read(read: Callable[[object], Any], text: str) -> Any:
    try:
        return read(text)
    except ConversionError:
        return None
