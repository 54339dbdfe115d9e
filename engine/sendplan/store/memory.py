"""A store in memory for virtual clocks: what scenarios and simulations plan on. It is read like any other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sendplan.deciding.narrowing import Narrowing
from sendplan.fields import Value
from sendplan.ledger import History, MessageKey, Overrides, Record, RefusedData, State
from sendplan.store.records import StoredOrder


class MemoryOrders:
    """Orders and a ledger that a virtual clock changes between two plans; an `OrderSource` (`store/protocols.py`)."""

    def __init__(self) -> None:
        self._orders: dict[str, StoredOrder] = {}
        self._records: dict[str, dict[MessageKey, Record]] = {}
        self._imported: dict[str, dict[str, datetime]] = {}
        self._refused: dict[str, RefusedData] = {}
        self._first_runs: dict[str, datetime] = {}

    # --- changes ---

    def put(self, id_: str, account: str, values: Mapping[str, Value]) -> None:
        """Set an order, raising its version when it exists."""
        known = self._orders.get(id_)
        self._orders[id_] = StoredOrder(id_, account, known.version + 1 if known else 1, dict(values))

    def record(self, record: Record) -> None:
        """Set a ledger row."""
        self._records.setdefault(record.order, {})[(record.rule, record.step)] = record

    def settle(self, order: str, key: MessageKey, state: State, at: datetime) -> None:
        """Note how a message ended."""
        self.record(Record(key[0], key[1], order, state, at))

    def carry(self, account: str, fields: Iterable[str], at: datetime) -> None:
        """Note that an import carried these fields."""
        self._imported.setdefault(account, {}).update(dict.fromkeys(fields, at))

    def refuse(self, order: str, refused: RefusedData) -> None:
        """Note that an import refused a row of this order."""
        self._refused[order] = refused

    def note_run(self, rules: Iterable[str], at: datetime) -> None:
        """Note that a run decided on these rules."""
        for rule in rules:
            self._first_runs.setdefault(rule, at)

    # --- OrderSource ---

    def orders(self) -> Iterator[StoredOrder]:
        return (self._orders[id_] for id_ in sorted(self._orders))

    def orders_by_id(self, ids: Iterable[str]) -> Iterator[StoredOrder]:
        return (self._orders[id_] for id_ in sorted(set(ids)) if id_ in self._orders)

    def candidates(
        self, narrowings: Sequence[Narrowing], fields: Collection[str] | None = None
    ) -> Iterator[StoredOrder]:
        """Every order."""
        return self.orders()

    def cells(self, narrowings: Sequence[Narrowing], fields: Sequence[str], rules: Collection[str]) -> None:
        """Values are kept as they are."""

    def accounts(self) -> frozenset[str]:
        return frozenset(order.account for order in self._orders.values())

    def histories(self, ids: Iterable[str], rules: Collection[str] | None = None) -> Mapping[str, History]:
        known = self._records.keys() | self._refused.keys()
        return {id_: History(dict(self._records.get(id_, {})), self._refused.get(id_)) for id_ in ids if id_ in known}

    def imported(self) -> Mapping[str, Mapping[str, datetime]]:
        return self._imported

    def overrides(self) -> Overrides:
        """Nobody pauses or suppresses anything here."""
        return Overrides()

    def first_runs(self) -> Mapping[str, datetime]:
        """rule → the time that its first run went by (UTC)."""
        return self._first_runs

    def records(self, states: Iterable[State]) -> Iterator[Record]:
        wanted = frozenset(states)
        found = [each for rows in self._records.values() for each in rows.values() if each.state in wanted]
        return iter(sorted(found, key=lambda record: (record.at, record.order, record.rule, record.step)))

    def counts(self) -> Mapping[str, int]:
        states = [record.state.value for rows in self._records.values() for record in rows.values()]
        return {"orders": len(self._orders), **{state: states.count(state) for state in sorted(set(states))}}
