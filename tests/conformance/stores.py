"""What the suite needs to talk to a store of any kind: a place to open it in, and short ways to fill it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sendplan.calendar import Calendar
from sendplan.fields import Field, FieldType, Value, with_own
from sendplan.ledger import MessageKey, State
from sendplan.plan import Plan
from sendplan.project.settings import Limits
from sendplan.store import Reader, Store, open_reader, open_store
from sendplan.store.claims import ClaimResult, Intent, Settlement
from sendplan.store.records import Imported

NOW = datetime(2026, 8, 24, 10, 0, tzinfo=UTC)
CALENDAR = Calendar(ZoneInfo("Europe/Berlin"), "DE")
OWN = {"loyalty": FieldType.TEXT, "warranty_ends": FieldType.MOMENT, "weight": FieldType.DECIMAL}
MINIMUM: Mapping[str, Value] = {"account": "ebay-de", "ordered": datetime(2026, 8, 11, 8, 0, tzinfo=UTC)}


@dataclass
class Stores:
    """One kind of store in one place: opens readers and writers on it, all by one virtual real-time clock."""

    url: str
    folder: Path
    fields: Mapping[str, Field] = field(default_factory=lambda: with_own(OWN))
    seconds: float = 1_787_565_600.0
    """The real time by which leases and limits run."""
    opened: list[Reader] = field(default_factory=list)

    def elsewhere(self, name: str) -> Stores:
        """Another place of the same kind."""
        return Stores(self.url.replace("shop.db", f"{name}.db").replace("%3Dshop_", f"%3D{name}_"), self.folder)

    def reader(self, fields: Mapping[str, Field] | None = None, calendar: Calendar = CALENDAR) -> Reader:
        reader = open_reader(self.url, self.folder, fields or self.fields, calendar)
        self.opened.append(reader)
        return reader

    def store(self, fields: Mapping[str, Field] | None = None, calendar: Calendar = CALENDAR) -> Store:
        store = open_store(self.url, self.folder, fields or self.fields, calendar, clock=lambda: self.seconds)
        self.opened.append(store)
        return store


def put(store: Store, *orders: Mapping[str, Value | None], at: datetime = NOW) -> Imported:
    """Import these orders, each with the fields it names, all of which count as carried."""
    with store.importing("orders.csv", at) as run:
        for line, order in enumerate(orders, start=2):
            assert not run.upsert(tuple(order), [(line, tuple(order.values()))])
        run.carried({name for order in orders for name in order}, None)
        return run.finish(0)


def order(id_: str = "E1", **values: Value | None) -> dict[str, Value | None]:
    """An order with what every order has."""
    return {"id": id_, **MINIMUM, **values}


def plan(name: str = "first") -> Plan:
    """An empty plan with an id of its own."""
    return Plan(now="2026-08-24T12:00:00+02:00", timezone="Europe/Berlin", digest=name, entries=()).identified()


KEY: MessageKey = ("feedback-reminder", "")


def lease(store: Store, name: str = "first", seconds: float = 60) -> str:
    """The token of a fresh lease on a plan."""
    token = store.start_plan(plan(name), "host-1", seconds)
    assert isinstance(token, str)
    return token


def intend(store: Store, token: str, order_id: str = "E1", key: MessageKey = KEY, **changed: object) -> ClaimResult:
    """An intent that nothing speaks against, but for what is changed."""
    arguments: dict[str, object] = {
        "version": 1,
        "token": token,
        "sender": "main",
        "address": "buyer@example.com",
        "klass": "transactional",
        "classes": ["transactional", "marketing", "service"],
        "recipients": 1,
        "limits": Limits(),
        "at": NOW,
    }
    [answer] = store.claim([Intent(order_id, key, **{**arguments, **changed})])  # type: ignore[arg-type]
    return answer


def settle(store: Store, token: str, to: State, order_id: str = "E1", **changed: object) -> bool:
    """The outcome of such an intent."""
    arguments: dict[str, object] = {"at": NOW, "reply": "250 ok", **changed}
    [done] = store.settle([Settlement(order_id, KEY, token, to, **arguments)])  # type: ignore[arg-type]
    return done
