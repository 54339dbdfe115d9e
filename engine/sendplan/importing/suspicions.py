"""What is allowed in a file and yet hardly meant (docs/mapping.md#told)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.importing.mapping import ConstantSource, FieldSource, importable
from sendplan.importing.opened_file import OpenedFile
from sendplan.importing.shapes import ABSENT, RawOrder
from sendplan.problems import Problem, Severity, did_you_mean

_LOOKED_AT = 1_000
"""Orders of JSON and XML whose keys are noted."""
_COLUMNS_TOLD = 20
"""Columns without a field that are told one by one."""


@dataclass(slots=True)
class Suspicions:
    """Counts on the way through a file."""

    refused: int = 0
    """Kept rows that turned out bad."""
    filled: set[str] = field(default_factory=set)
    """Fields that some order has."""
    keys: dict[str, None] = field(default_factory=dict)
    """First names in orders of JSON and XML."""
    seen: int = 0
    stored: int = 0

    def see(self, batch: Sequence[RawOrder]) -> None:
        """Note the first names of some records."""
        for _, record in batch[: _LOOKED_AT - self.seen]:
            self.keys |= dict.fromkeys(record)
            self.seen += 1

    def count(self, columns: Mapping[str, Sequence[Any]], length: int) -> None:
        """Note which fields have values."""
        self.stored += length
        for name, values in columns.items():
            if name not in self.filled and values.count(None) + values.count(ABSENT) < len(values):
                self.filled.add(name)

    def told(
        self, sources: Sequence[FieldSource], kept: int, passed_over: int, continuing: int
    ) -> Iterator[tuple[str, str]]:
        """What is suspicious, and what to look at."""
        if passed_over > kept:
            total = kept + passed_over
            yield f"`only` passed over {passed_over:,} of {total:,}", "look whether it says what is meant"
        if continuing:
            help = "an empty cell there makes a comparison unknown, which keeps the row; a false one drops it"
            yield f"`only` passed over {continuing:,} rows that continue an order which is kept", help
        names = [each.field.name for each in sources if not isinstance(each.source, ConstantSource)]
        never = [name for name in names if name not in self.filled]
        if never and self.stored:
            listed = ", ".join(f"`{name}`" for name in never)
            yield f"no order of the file has {listed}", "look whether the right column is read"


def unused_columns(opened: OpenedFile, seen: Suspicions) -> tuple[str, ...]:
    """Columns, or first keys of orders, that no field reads."""
    names = opened.table.header if opened.table is not None else tuple(seen.keys)
    used = importable(opened.settings).keys() if opened.mapping.own_names else opened.mapping.columns
    return tuple(dict.fromkeys(name for name in names if name and name not in used))


def warnings(opened: OpenedFile, seen: Suspicions) -> Iterator[Problem]:
    """Everything suspicious about a file, to be told once it was read."""
    line = opened.table.header_line if opened.table is not None else 1
    if opened.read_through and not opened.rows:
        yield _without_orders(opened, line)
        return
    if opened.mapping.own_names:
        yield from _unknown_columns(opened, seen, line)
        return
    selection, match = opened.selection, opened.mapping.match
    # What finds a stored order is not stored again.
    quiet = {*opened.mapping.shipped, *((match, "account") if match is not None else ())}
    quiet |= {name for name, *_ in opened.bad.kinds}  # Its values were there, and are told.
    mapped = [s for s in (each.source for each in opened.readers) if not s.optional and s.field.name not in quiet]
    for message, help in seen.told(mapped, selection.kept, selection.passed_over, selection.continuing):
        yield Problem("import-suspicious", message, opened.file.span(line, 1), help, Severity.WARNING)


def _without_orders(opened: OpenedFile, line: int) -> Problem:
    """A file of no orders at all: a quiet day, or an export that broke off."""
    what = "a header and nothing below it" if opened.table is not None else "no orders"
    listed = opened.mapping.accounts
    if listed is None:
        effect = "it renews nothing, as its mapping names no `accounts` for which it would be complete"
    else:
        effect = f"all that it could tell counts as fresh for {', '.join(listed)}"
    help = f"{effect}; look whether the export is whole"
    return Problem("import-suspicious", f"the file has {what}", opened.file.span(line, 1), help, Severity.WARNING)


def _unknown_columns(opened: OpenedFile, seen: Suspicions, line: int) -> Iterator[Problem]:
    fields = importable(opened.settings)
    unused = unused_columns(opened, seen)
    for name in unused[:_COLUMNS_TOLD]:
        help = did_you_mean(name, fields)
        known = help if help.startswith("did") else "it is ignored; a mapping can say which field it belongs to"
        problem = opened.file.header_problem(line, f"there is no field called `{name}`", known)
        yield replace(problem, code="unknown-column", severity=Severity.WARNING)
    if len(unused) > _COLUMNS_TOLD:
        more = f"{len(unused) - _COLUMNS_TOLD:,} more columns belong to no field"
        help = "a mapping can say which column is which field"
        yield Problem("unknown-column", more, opened.file.span(line, 1), help, Severity.WARNING)
