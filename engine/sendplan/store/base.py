"""What every store can do; one conformance suite runs over each of them.

Planning only calls the reading half, which has no side effects. Moments cross this border as aware UTC datetimes or
bare dates, money as `Decimal`; how a store keeps them is its own business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sendplan.fields import Value
from sendplan.ledger import History, MessageKey, Record, State
from sendplan.plan import Plan


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order as it was imported: no defaults, no derived fields; an absent field is not in `values`."""

    id: str
    account: str
    version: int
    """Raised by every import that touches the order."""
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A plan that was handed to the dispatcher."""

    id: str
    state: str
    """`executing`, `interrupted` or `finished`."""
    created: datetime
    sent: int = 0
    failed: int = 0
    uncertain: int = 0


@dataclass(frozen=True, slots=True)
class Imported:
    """The outcome of one import into the store."""

    inserted: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Operator:
    """What people decided outside the rules: read when planning and again before each mail."""

    suppressed: frozenset[str] = field(default_factory=frozenset)
    """Addresses, lower case."""
    paused: frozenset[str] = field(default_factory=frozenset)
    """Names of paused senders and rules; `*` is everything."""


class Reader(Protocol):
    """The reading half: everything that planning needs."""

    def orders(self) -> Iterator[StoredOrder]:
        """Every order, by id."""

    def orders_by_id(self, ids: Iterable[str]) -> Iterator[StoredOrder]:
        """These orders, by id; unknown ids are left out."""

    def histories(self, ids: Iterable[str]) -> Mapping[str, History]:
        """The ledger's rows of these orders; an order without rows is absent."""

    def imported(self) -> Mapping[str, Mapping[str, datetime]]:
        """account → field → when an import last carried it (UTC)."""

    def operator(self) -> Operator:
        """Suppressed addresses and pauses."""

    def records(self, states: Iterable[State]) -> Iterator[Record]:
        """Ledger rows in these states, oldest first."""

    def counts(self) -> Mapping[str, int]:
        """Number of orders (`orders`) and of ledger rows by state."""

    def plan_records(self, limit: int = 10) -> tuple[PlanRecord, ...]:
        """The latest executed plans, newest first."""


class Store(Reader, Protocol):
    """The writing half: `import`, `resolve` and the dispatcher."""

    def import_orders(
        self, rows: Iterable[tuple[str, Mapping[str, Value | None]]], carried: Mapping[str, Iterable[str]], at: datetime
    ) -> Imported:
        """Upsert (id, fields) rows in one transaction; None clears a field, an absent one stays as it is.

        `carried` says which fields this import carried for which account, for freshness.
        """

    def move(self, order: str, key: MessageKey, to: State | None, *, at: datetime, reply: str = "") -> bool:
        """A person's move of a message (`resolve`); False when the ledger's present state does not allow it."""

    def close(self) -> None:
        """Release the connection."""
