"""Values that were read, and yet other rows of their column prove that they mean other ones (docs/mapping.md#told)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sendplan.importing.bad_rows import AlikeRows
from sendplan.importing.conversion import Notation
from sendplan.importing.dates import formats_of, moment_reader, say_formats
from sendplan.importing.mapping import ColumnSource, FieldSource
from sendplan.importing.mistakes import ConversionError, shown
from sendplan.importing.numbers import notation_of, number_reader, say_notation
from sendplan.importing.opened_file import OpenedFile
from sendplan.importing.refused_orders import RefusedOrders
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

    def doubts(self, raw: object) -> bool:
        """Whether a text is a value as the mapping reads it, and another one as the proof is written."""
        if not isinstance(raw, str):
            return False
        text = raw.strip()
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
            f"`{self.source.label}` = {shown(self.example)} ({lines} {where}) was read as {value}, "
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
            raws = again.shape.raws(each.path, batch)
            found = [position for position, raw in enumerate(raws) if each.doubts(raw)]
            if not found:
                continue
            each.example = each.example or str(raws[found[0]]).strip()
            each.lines += [batch[position][0] for position in found]
            for position, ids in zip(found, orders.orders_of([batch[at] for at in found]), strict=True):
                refused.hold(ids, batch[position][0])
    yield from (each.problem(opened) for each in doubts if each.lines)


def _doubts(opened: OpenedFile) -> Iterator[_Doubt]:
    for (name, what), alike in opened.bad.kinds.items():
        reader = opened.reader_of(name)
        if reader is None or not isinstance(reader.source.source, ColumnSource) or reader.source.source.base:
            continue
        doubt = _Doubt(reader.source, reader.source.source.path, alike)
        if what == "is not a number":
            _number(doubt, reader.source.notation)
            yield doubt
        elif what == "is not a date" and _date(doubt, reader.source.notation, opened):
            yield doubt


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
