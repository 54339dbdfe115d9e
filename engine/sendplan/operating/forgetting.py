"""A person, or what is old, is forgotten: who that is, what is known of them, and its end (docs/privacy.md#forget)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sendplan.addresses import mailbox
from sendplan.dataclass import dataclass
from sendplan.deciding.facts import facts_of
from sendplan.fields import Value
from sendplan.ledger import Snooze, State
from sendplan.plan import key_of
from sendplan.planning.entries import fact_json
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.settings import Settings
from sendplan.store import Reader, Store, journal
from sendplan.store.adoption import JOURNALS
from sendplan.store.records import StoredOrder, Suppression

_TELLING = ("number", "customer", "email", "name", "street")
"""Fields that tell who somebody is wherever they are named."""


@dataclass(frozen=True, slots=True)
class DataSubject:
    """What the store knows of somebody."""

    orders: tuple[StoredOrder, ...]
    suppressions: tuple[Suppression, ...]
    snoozes: tuple[Snooze, ...]
    addresses: frozenset[str]
    """As `addresses.mailbox` spells them; those that nobody else's order has."""

    def __bool__(self) -> bool:
        return bool(self.orders or self.suppressions or self.snoozes)

    @property
    def texts(self) -> frozenset[str]:
        """What tells who it is, as it was written."""
        written = (
            str(order.values[name]).strip() for order in self.orders for name in _TELLING if name in order.values
        )
        return frozenset(text for text in written if text)


def find_person(reader: Reader, settings: Settings, who: str) -> DataSubject:
    """Everything of a buyer, named by e-mail address or customer id; raises UserError for nobody.

    One look at every order.
    """
    address = mailbox(who) if "@" in who else None
    theirs: list[StoredOrder] = []
    others: set[str] = set()
    for order in reader.orders():
        own = mailbox(str(order.values["email"])) if "email" in order.values else None
        if (own is not None and own == address) or _customer(order, settings) == who:
            theirs.append(order)
        elif own is not None:
            others.add(own)
    found = {mailbox(str(order.values["email"])) for order in theirs if "email" in order.values}
    addresses = frozenset(found | ({address} if address else set())) - others
    ids = {order.id for order in theirs}
    person = DataSubject(
        tuple(theirs),
        tuple(each for each in reader.suppressions() if mailbox(each.address) in addresses),
        tuple(each for each in reader.snoozes() if each.name in addresses | ids),
        addresses,
    )
    if not person:
        help_ = "give an e-mail address as an order has it, or the customer's id; `sendplan find` looks for parts"
        raise UserError(Problem("unknown-order", f"nobody is known as `{who}`", None, help_), Exit.USAGE)
    return person


def _customer(order: StoredOrder, settings: Settings) -> Value | None:
    facts = facts_of(order.values, settings, version=order.version, hide_after=None)
    return facts.values.get("customer") if facts is not None else None


def person_json(person: DataSubject, reader: Reader, settings: Settings) -> dict[str, Any]:
    """All that is known of somebody, to be handed to them."""
    calendar = settings.calendar
    histories = reader.histories([order.id for order in person.orders])
    return {
        "orders": [
            {name: fact_json(value, calendar) for name, value in order.values.items()} for order in person.orders
        ],
        "messages": [
            {
                "key": key_of(record.order, record.rule, record.step),
                "state": record.state.value,
                "moves": [
                    {
                        "at": calendar.text(move.at),
                        "to": move.after.value if move.after else None,
                        "reply": move.reply,
                    }
                    for move in reader.moves(record.order, (record.rule, record.step))
                ],
            }
            for history in histories.values()
            for record in history.records.values()
        ],
        "suppressions": [
            {"address": each.address, "class": each.klass, "at": calendar.text(each.at), "reason": each.reason}
            for each in person.suppressions
        ],
        "snoozes": [
            {"what": each.name, "rule": each.rule, "until": str(each.until), "reason": each.reason}
            for each in person.snoozes
        ],
    }


def forget_person(store: Store, settings: Settings, person: DataSubject) -> None:
    """Erase them from the store, its files and the journals beside it; raises StoreError while a mail leaves."""
    ids = [order.id for order in person.orders]
    aliases = store.forget(ids, person.addresses, person.texts, at=_now())
    journal.forget(settings.folder / JOURNALS, aliases)
    store.purge()


def forget_old(store: Store, settings: Settings, now: datetime) -> int:
    """Erase the orders that are older than the settings keep them (`retention`); how many there were."""
    if settings.retention is None:
        return 0
    calendar = settings.calendar
    before = calendar.instant(calendar.add(now, settings.retention, -1))
    gone = 0
    for ids in _chunks(store.ordered_before(before)):
        open_ = [id_ for id_ in ids if not _is_moving(store, id_)]
        journal.forget(settings.folder / JOURNALS, store.forget(open_, at=_now()))
        gone += len(open_)
    return gone


def _is_moving(store: Store, order: str) -> bool:
    """Whether a mail of an order is on its way; a later run forgets it."""
    history = store.histories([order]).get(order)
    return history is not None and any(each.state is State.SENDING for each in history.records.values())


def _chunks(ids: tuple[str, ...], size: int = 1000) -> Iterator[tuple[str, ...]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
