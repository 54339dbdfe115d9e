"""Which records of a file are orders: `only`, and rows that are not whole (docs/mapping.md#the-whole-file)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from typing import TypeAlias

from sendplan.dataclass import dataclass
from sendplan.expressions.elements import BadValue
from sendplan.expressions.evaluate import Meaning
from sendplan.importing.bad_rows import BadRow, BadRows, RowCode
from sendplan.importing.mapping import FileMapping
from sendplan.importing.shapes import Group, RawOrder, Shape
from sendplan.importing.tables import OddRow

LeaveOut: TypeAlias = Callable[[RawOrder, bool], None]
"""Told of each record that is not kept, and whether `only` passed it over; else it is bad."""


@dataclass(slots=True)
class Selection:
    """Passes on the records that are kept, and counts the others."""

    mapping: FileMapping
    bad: BadRows
    shape: Shape = field(init=False)
    leave_out: LeaveOut = field(init=False)
    passed_over: int = 0
    continuing: int = 0
    """Rows that `only` passed over although they continue an order that is kept."""
    kept: int = 0

    def records(self, records: Iterable[RawOrder | OddRow]) -> Iterator[RawOrder]:
        """The records for which `only` is true; a row that is not whole is bad unless it is passed over."""
        only = self.mapping.only
        for each in records:
            if isinstance(each, OddRow):
                self._odd(each, only)
            elif only is None or self._asked(only, each):
                self.kept += 1
                yield each

    def groups(self, records: Iterable[RawOrder]) -> Iterator[RawOrder]:
        """The same for orders of several rows: first rows for which `only` is false are passed over, then orders."""
        for line, group in records:
            kept = self._rows(group)
            if kept is None:
                continue
            odd = next((each for each in kept.odd if each is not None), None)
            if odd is not None:
                self.bad.note(line, [BadRow(odd.line, odd.message, odd.help, code=RowCode.CELLS)])
                self.leave_out((line, kept), False)
                continue
            self.kept += 1
            yield kept.lines[0], kept

    def _rows(self, group: Group) -> Group | None:
        """The group with the rows that are kept; None when the order itself is passed over, or cannot be told."""
        only = self.mapping.only
        if only is None:
            return group
        dropped = []
        if not self.mapping.only_reads_every_row and len(group.rows) > 1:
            for position in range(len(group.rows)):
                row = group.without(each for each in range(len(group.rows)) if each != position)
                answer = self._answer(only, (row.lines[0], row))
                if answer is None:
                    return None
                if answer is False:
                    dropped.append(position)
        if len(dropped) == len(group.rows):
            self._pass_over((group.lines[0], group))
            return None
        kept = group.without(dropped) if dropped else group
        answer = self._answer(only, (kept.lines[0], kept))
        if answer is None:
            return None
        if answer is not True:
            self._pass_over((kept.lines[0], kept))
            return None
        self.continuing += len(dropped)
        return kept

    def _odd(self, odd: OddRow, only: Meaning | None) -> None:
        record = None if odd.cells is None else (odd.line, odd.cells)
        if only is not None and record is not None and not self._asked(only, record):
            return
        self.bad.note(odd.line, [BadRow(odd.line, odd.message, odd.help, code=RowCode.CELLS)])
        if record is not None:
            # Its cells may have slipped, but an order that is held in vain costs less than a reminder after payment.
            self.leave_out(record, False)

    def _asked(self, only: Meaning, record: RawOrder) -> bool:
        answer = self._answer(only, record)
        if answer is not None and answer is not True:
            self._pass_over(record)
        return answer is True

    def _pass_over(self, record: RawOrder) -> None:
        self.passed_over += 1
        self.leave_out(record, True)

    def _answer(self, only: Meaning, record: RawOrder) -> object | None:
        """What `only` says of a record; None when it cannot be told, and the record is bad."""
        try:
            return only(self.shape.environment(record))
        except BadValue as error:
            mistake = BadRow(
                record[0], help=error.unsaid, column=error.label, label=error.label, what=error.what, raw=error.raw
            )
            self.bad.note(record[0], [mistake])
            self.leave_out(record, False)
            return None
