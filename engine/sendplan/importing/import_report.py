"""What came of an import: counts, bad rows, warnings, and a dry run's orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from sendplan.dataclass import dataclass
from sendplan.fields import Value
from sendplan.importing.bad_rows import RowCode
from sendplan.problems import Problem
from sendplan.store.records import StoredOrder


@dataclass(frozen=True, slots=True)
class Preview:
    """What a dry run would do with one order."""

    line: int
    values: Mapping[str, Value]
    """The order as it would be stored."""
    before: StoredOrder | None
    """As it is now; None for a new one."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or a dry run would do."""

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    bad: int = 0
    nameless: int = 0
    """Bad rows that name no order which could be held for them."""
    passed_over: int = 0
    """Rows, or with `group` orders, for which `only` was not true."""
    problems: tuple[Problem, ...] = ()
    """Bad rows, or what kept the whole file out."""
    warnings: tuple[Problem, ...] = ()
    stored: bool = False
    """False when nothing of the file was taken."""
    previews: tuple[Preview, ...] = ()
    """Of a dry run, the orders, as many as were asked for."""
    unused: tuple[str, ...] = ()
    """Columns, or first keys of orders, that no field reads."""
    data_from: datetime | None = None
    """How old its data is (UTC); None when it renews nothing."""
    carried: frozenset[str] = frozenset()
    """Fields that it brought, beside `id` and `account`."""
    accounts: frozenset[str] = frozenset()
    """For which it brought them."""
    refused: Mapping[int, tuple[RowCode, ...]] = field(default_factory=dict)
    """Line of a bad row → what is wrong with it, of the first ones."""
