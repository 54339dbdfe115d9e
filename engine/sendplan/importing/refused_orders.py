"""The orders of rows that were not stored, and their marks in the store (docs/mapping.md#refused-rows)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from itertools import islice

from sendplan.dataclass import dataclass
from sendplan.importing.bad_rows import BadRow, RowCode
from sendplan.importing.opened_file import OpenedFile
from sendplan.importing.shapes import RawOrder
from sendplan.importing.values import Mistakes
from sendplan.ledger import RefusedData
from sendplan.store.protocols import ImportRun

BATCH = 2_000
"""So many are looked at, or marked, at once."""


@dataclass(slots=True)
class RefusedOrders:
    """Finds the orders that refused rows speak of, as far as their ids can be read."""

    opened: OpenedFile
    run: ImportRun
    lines: dict[str, int] = field(default_factory=dict)
    """Order → line of the first of its rows that was refused."""
    named: int = 0
    """Refused rows whose orders are known; each other one marks nobody."""
    _left_out: list[tuple[RawOrder, bool]] = field(default_factory=list)
    """Records that were not looked at yet, and whether `only` passed them over."""

    def leave_out(self, record: RawOrder, passed_over: bool) -> None:
        """Remember a record that is not stored."""
        self._left_out.append((record, passed_over))
        if len(self._left_out) >= BATCH:
            self._look()

    def note(self, order: str, line: int) -> None:
        """An order whose row the store refused."""
        self.named += 1
        self.lines.setdefault(order, line)

    def hold(self, orders: Iterable[str], line: int) -> None:
        """Orders of a row that was stored, and of which it is not sure what it says."""
        for order in orders:
            self.lines.setdefault(order, line)

    def mark(self, fields: frozenset[str]) -> None:
        """Mark them all: rows with these fields were refused."""
        self._look()
        for ids in _batched(self.lines, BATCH):
            name = self.opened.file.name
            self.run.mark({id_: RefusedData(name, self.lines[id_], fields) for id_ in ids})

    def _look(self) -> None:
        """Which orders the records are of; a record that `only` hides is bad when its order is stored."""
        left_out, self._left_out = self._left_out, []
        orders = self.orders_of([record for record, _ in left_out])
        hidden = [id_ for (_, passed), ids in zip(left_out, orders, strict=True) if passed for id_ in ids]
        known = self.run.stored(hidden) if hidden else {}
        for (record, passed), ids in zip(left_out, orders, strict=True):
            line = record[0]
            marked = [id_ for id_ in ids if id_ in known] if passed else ids
            if passed and marked:
                self.opened.selection.passed_over -= 1
                message = f"the order `{marked[0]}` is stored, and `only` passes its row over now"
                help = "store what has changed (such as `cancelled`) instead of passing the row over"
                self.opened.bad.note(line, [BadRow(line, message, help, code=RowCode.HIDDEN)])
            self.named += bool(marked)
            for id_ in marked:
                self.lines.setdefault(id_, line)

    def orders_of(self, records: Sequence[RawOrder]) -> list[tuple[str, ...]]:
        """The orders that each record speaks of; none where its id cannot be read."""
        match = self.opened.mapping.match
        reader = self.opened.reader_of(match or "id")
        if reader is None or not records:
            return [() for _ in records]
        mistakes: Mistakes = {}
        asks = self.opened.mapping.asks_rows
        environments = [self.opened.shape.environment(each) for each in records] if asks else []
        texts = reader.column(records, environments, mistakes)
        read = [text if isinstance(text, str) and at not in mistakes else None for at, text in enumerate(texts)]
        if match is None:
            return [() if text is None else (text,) for text in read]
        found = self.run.matching(match, {each for each in read if each is not None})
        return [() if text is None else tuple(id_ for id_, _ in found.get(text, ())) for text in read]


def _batched(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """The ids, so many at once."""
    each = iter(ids)
    while chunk := list(islice(each, size)):
        yield chunk
