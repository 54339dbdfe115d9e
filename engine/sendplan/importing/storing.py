"""A batch of read values → the store: matched, first seen, inserted or updated, or refused by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, TypeAlias, assert_never

from sendplan.dataclass import dataclass
from sendplan.expressions.elements import SEEN
from sendplan.importing.bad_rows import BadRow, RowCode
from sendplan.importing.implausible import Implausible
from sendplan.importing.import_report import Preview
from sendplan.importing.opened_file import OpenedFile
from sendplan.importing.refused_orders import RefusedOrders
from sendplan.importing.shapes import ABSENT, RawOrder
from sendplan.importing.suspicions import Suspicions
from sendplan.importing.values import Mistakes
from sendplan.store.protocols import ImportRun
from sendplan.store.records import Refusal, RefusedRow, StoredOrder

Columns: TypeAlias = dict[str, Sequence[Any]]
"""Field → its values in the records of a batch."""

_COUNTED = 1 << 32
"""Records are told apart by `line * _COUNTED + count`: JSON and XML may have all of them on one line."""


@dataclass(slots=True)
class Storing:
    """Hands batches to the store within one import."""

    opened: OpenedFile
    run: ImportRun
    refused: RefusedOrders
    suspicions: Suspicions
    at: datetime
    """When the import is made (UTC)."""
    dry_run: int | None
    """So many orders are previewed; None: this is no dry run."""
    carried: set[str] = field(default_factory=set)
    """Fields that some record brought."""
    previews: list[Preview] = field(default_factory=list)
    implausible: Implausible = field(init=False)
    _count: int = 0
    """Records so far."""
    together: frozenset[str] = frozenset()
    """Fields that another file writes too, so that an empty cell here clears none of them."""

    def __post_init__(self) -> None:
        self.implausible = Implausible(self.at)

    def store(self, columns: Columns, lines: Sequence[int]) -> None:
        """Store records that have nothing wrong, each at its line."""
        if not lines:
            return
        for name in self.together & columns.keys():
            columns[name] = [ABSENT if value is None else value for value in columns[name]]
        uneven = self.opened.table is None or self.together
        layouts = _layouts(columns, len(lines)) if uneven else [(tuple(columns), None)]
        for names, chosen in layouts:
            values = {name: columns[name] if chosen is None else [columns[name][at] for at in chosen] for name in names}
            self._store_alike(values, lines if chosen is None else [lines[at] for at in chosen])

    def matched(self, columns: Columns, batch: Sequence[RawOrder], mistakes: Mistakes) -> Columns:
        """The columns with the ids of the orders that are found by the mapping's `match`."""
        match = self.opened.mapping.match
        assert match is not None
        accounts = columns.get("account")
        present = self.opened.settings.present_account
        texts = columns[match]
        found = self.run.matching(match, {each for each in texts if isinstance(each, str)})
        ids: list[Any] = []
        for position, text in enumerate(texts):
            allowed = self.opened.mapping.accounts if accounts is None else (accounts[position],)
            named = None if allowed is None else set(map(present, allowed))
            orders = [id_ for id_, account in found.get(text, ()) if named is None or present(account) in named]
            ids.append(orders[0] if len(orders) == 1 else None)
            if len(orders) != 1 and position not in mistakes:
                message = f'no order has `{match}` = "{text}"'
                if orders:
                    message = f'`{match}` = "{text}" belongs to {len(orders)} orders: {", ".join(orders[:3])}'
                mistakes[position] = [BadRow(batch[position][0], message, column=match, code=RowCode.MATCH)]
        return {"id": ids} | {name: each for name, each in columns.items() if name not in (match, "account")}

    def _store_alike(self, columns: Columns, lines: Sequence[int]) -> None:
        """Store records that carry the same fields."""
        names = tuple(columns)
        self.carried.update(names)
        self.suspicions.count(columns, len(lines))
        if self.opened.mapping.asks_rows and any(SEEN in values for values in columns.values()):
            columns = self._first_seen(columns)
        doubtful = self.implausible.look(columns, lines, self.opened.encoded)
        numbered = [line * _COUNTED + at for at, line in enumerate(lines, self._count)]
        self._count += len(lines)
        rows = list(zip(numbered, zip(*columns.values(), strict=True), strict=True))
        before = self._before(columns)
        refused = self.run.upsert(names, rows, encoded=self.opened.encoded)
        for each in refused:
            line = each.number // _COUNTED
            self.opened.bad.note(line, [self._refused(each, line)])
            self.refused.note(each.id, line)
        self.suspicions.refused += len(refused)
        numbers = {each.number for each in refused}
        stored = [id_ for id_, number in zip(columns["id"], numbered, strict=True) if number not in numbers]
        self.run.brought(stored, self.opened.fields, self.opened.file.name, self.together)
        for at in doubtful:
            self.refused.hold((columns["id"][at],), lines[at])
        self._preview(names, rows, before, numbers)

    def _first_seen(self, columns: Columns) -> Columns:
        """`seen` as a moment: what is stored stays; else this import's time, on a new order when it was ordered."""
        stored = self.run.stored(columns["id"])
        made = dict(columns)
        for name, values in columns.items():
            made[name] = [
                self._moment_seen(stored.get(columns["id"][at]), name, columns, at) if value is SEEN else value
                for at, value in enumerate(values)
            ]
        return made

    def _moment_seen(self, stored: StoredOrder | None, name: str, columns: Columns, at: int) -> Any:
        if stored is not None:
            return stored.values.get(name, self.at)
        return columns["ordered"][at] if "ordered" in columns else self.at

    def _refused(self, row: RefusedRow, line: int) -> BadRow:
        match row.refusal:
            case Refusal.DUPLICATE:
                message = f"the order `{row.id}` is on line {int(row.detail) // _COUNTED} already"
                help_ = "keep one of them, or `group` rows that belong together"
                alike, code = "the order is on an earlier line already", RowCode.DUPLICATE
            case Refusal.ACCOUNT_CHANGED:
                message = f"the order `{row.id}` belongs to the account `{row.detail}`"
                help_ = "an order's account cannot change; ids must be unique across all accounts"
                alike, code = f"the order belongs to the account `{row.detail}`", RowCode.OTHER_ACCOUNT
            case Refusal.INCOMPLETE:
                message = f"the order `{row.id}` is new and has no `{row.detail}`"
                help_ = self._completing(row.detail)
                alike, code = f"the order is new and has no `{row.detail}`", RowCode.INCOMPLETE
            case _:
                assert_never(row.refusal)
        return BadRow(line, message, help_, alike=alike, code=code)

    def _completing(self, field: str) -> str:
        """What to write so that new orders have a field that each must have."""
        if field != "account":
            return f"name its column under `fields:` of a mapping: `{field}: COLUMN`"
        accounts = self.opened.settings.accounts
        return (
            "say in a mapping whose orders these are, e.g. `accounts: "
            f"[{next(iter(accounts), '')}]`, beside `extends:` if it comes with sendplan; known: {', '.join(accounts)}"
        )

    def _before(self, columns: Columns) -> Mapping[str, StoredOrder]:
        """Orders that will be previewed, as they are stored now."""
        if self.dry_run is None or len(self.previews) >= self.dry_run:
            return {}
        return self.run.stored(columns["id"][: self.dry_run - len(self.previews)])

    def _preview(
        self, names: tuple[str, ...], rows: Sequence[Any], before: Mapping[str, StoredOrder], refused: set[int]
    ) -> None:
        if self.dry_run is None:
            return
        for number, values in rows[: self.dry_run - len(self.previews)]:
            if number in refused:
                continue
            given = dict(zip(names, values, strict=True))
            stored = before.get(given["id"])
            whole = {**(stored.values if stored else {}), **given}
            self.previews.append(Preview(number // _COUNTED, {k: v for k, v in whole.items() if v is not None}, stored))


def _layouts(columns: Columns, length: int) -> Iterator[tuple[tuple[str, ...], list[int] | None]]:
    """The records by the fields that they carry, as names and positions; None for all of them."""
    lacking = [name for name, values in columns.items() if ABSENT in values]
    if not lacking:
        yield tuple(columns), None
        return
    found: dict[tuple[str, ...], list[int]] = {}
    for at in range(length):
        absent = {name for name in lacking if columns[name][at] is ABSENT}
        found.setdefault(tuple(name for name in columns if name not in absent), []).append(at)
    yield from found.items()
