"""A real order → a scenario of what it gets, without anything that tells who the buyer is.

See docs/commands.md#sendplan-test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from sendplan.addresses import address_error
from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.deciding.decision import Decision
from sendplan.fields import FieldType, Value, decimal_text
from sendplan.ledger import History, Standing, State
from sendplan.plan import Reason
from sendplan.planning.planner import Clock, OrderDecisions, decide_order
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.project import Project
from sendplan.project.regions import Region, word_in
from sendplan.store.memory import MemoryOrders
from sendplan.store.protocols import OrderSource
from sendplan.store.records import StoredOrder

NOON = time(12)
"""When each day is replayed; a window that opens at another time is looked at then, too."""

_WIDTH = 110
_REPLACED = {"name": "Alex Example", "street": "Example Street 1", "city": "Example City", "customer": "C1"}
_PLAIN = re.compile(r"[A-Za-z][\w./@-]*(?: [\w./@-]+)*|-?\d+(?:\.\d+)?")
"""Texts that YAML reads as they are, also between braces."""
_WORDS_OF_YAML = frozenset({"true", "false", "null"})


def scenario_from_order(project: Project, source: OrderSource, order: str, now: datetime) -> str:
    """The YAML of a scenario that replays an order day by day until `now` (UTC) and expects what is sent then.

    The buyer's name, address and customer id are replaced, order lines and what no rule reads are left out; what
    decides on the region stays. Raises UserError when there is no such order, or it was ordered after `now`.
    """
    stored = next(iter(source.orders_by_id([order])), None)
    if stored is None:
        raise _unusable(f"there is no order `{order}`", "give the id of an order that was imported")
    account = project.settings.present_account(stored.account)
    stored = replace(stored, account=account, values={**stored.values, "account": account})
    if account not in project.settings.accounts:
        message = f"account `{stored.account}` of order `{order}` is not in sendplan.yaml"
        raise _unusable(message, "add it under `accounts:`")
    calendar = project.settings.calendar
    if _ordered(stored, calendar) > now:
        message = f"order `{order}` was ordered after {calendar.text(now)}"
        raise _unusable(message, "give a later time with --now")
    values = _without_person(project, stored)
    orders = MemoryOrders()
    orders.put(stored.id, stored.account, values)
    replay = _Replay(project, stored.id, stored.account, orders)
    lines = [
        "# yaml-language-server: $schema=../../schemas/scenario.schema.json",
        f"scenario: {_scalar(f'What order {order} gets')}",
        "description: Written from a real order; give it a title that says what it shows, and keep what matters.",
        "orders:",
        *_flow("  - ", _order_items(stored, values, calendar)),
        "steps:",
    ]
    for moment, decided in replay.moments(_ordered(stored, calendar), now):
        sent = replay.send(moment, decided)
        if sent:
            lines += _step(moment, calendar, sent, order)
        elif moment == now:
            lines += _last_step(moment, calendar, decided, order)
    return "\n".join((*lines, ""))


def _unusable(message: str, help_: str) -> UserError:
    return UserError(Problem("unknown-order", message, None, help_), Exit.USAGE)


def _ordered(stored: StoredOrder, calendar: Calendar) -> datetime:
    ordered = stored.values["ordered"]
    assert isinstance(ordered, date)
    return calendar.instant(ordered)


# --- the order ---


def _without_person(project: Project, stored: StoredOrder) -> dict[str, Value]:
    """The fields that decisions may read, with made-up values in place of personal ones."""
    settings = project.settings
    read = {name for rule in project.rules for name in rule.reads}
    read |= {name for hold in settings.holds for name in hold.when.fields()}
    if any(entry.postcodes for region in settings.regions for entry in region.entries or ()):
        read.add("postcode")
    values: dict[str, Value] = {}
    for name, value in stored.values.items():
        field = settings.fields.get(name)
        if field is None or field.type is FieldType.RECORDS:
            continue
        if (field.own or name == "postcode") and name not in read:
            continue
        values[name] = _REPLACED.get(name, value)
    if "email" in values:
        valid = address_error(str(values["email"])) is None
        values["email"] = "buyer@example.com" if valid else "no-address"
    if "street" in values:
        values["street"] = _street(settings.regions, str(stored.values["street"]))
    return values


def _street(regions: tuple[Region, ...], street: str) -> str:
    """A made-up street with the words that regions look for in the real one."""
    words = [word for region in regions for entry in region.entries or () for word in entry.street_words]
    kept = [word for word in dict.fromkeys(words) if word_in(street, (word,))]
    return " ".join((*kept, "1")) if kept else _REPLACED["street"]


def _order_items(stored: StoredOrder, values: Mapping[str, Value], calendar: Calendar) -> Iterator[str]:
    for name, value in {"id": stored.id, "account": stored.account, **values}.items():
        if value is not False and value != ():  # as when it is absent
            yield f"{name}: {_value(value, calendar)}"


# --- the replay ---


@dataclass(slots=True)
class _Replay:
    """One order on a virtual clock, as `scenarios` plays it."""

    project: Project
    order: str
    account: str
    orders: MemoryOrders

    def moments(self, ordered: datetime, now: datetime) -> Iterator[tuple[datetime, OrderDecisions]]:
        """Every noon from the order to `now`, every opening that a message waits for, and `now`, with the decisions."""
        calendar = self.project.settings.calendar
        moment = min(_noon(calendar, ordered), now)
        while True:
            decided = self._decide(moment)
            yield moment, decided
            if moment == now:
                return
            waiting = [each.send_at for each in decided.decisions if each.reason is Reason.OUTSIDE_WINDOW]
            openings = [each for each in waiting if each is not None and each > moment]
            moment = min(_noon(calendar, moment + timedelta(seconds=1)), now, *openings)

    def send(self, moment: datetime, decided: OrderDecisions) -> list[Decision]:
        """What is sent at a moment: each message is decided again right before it, and counts from then on."""
        sent = []
        for decision in decided.decisions:
            if decision.reason is Reason.SEND:
                again = self._decide(moment, recheck=True)
                if any(each.rule is decision.rule and each.reason is Reason.SEND for each in again.decisions):
                    self.orders.settle(self.order, decision.key, State.SENT, moment)
                sent.append(decision)
        return sent

    def _decide(self, moment: datetime, *, recheck: bool = False) -> OrderDecisions:
        names = [name for name, field in self.project.settings.fields.items() if not field.derived_from]
        self.orders.carry(self.account, names, moment)
        stored = next(self.orders.orders_by_id([self.order]))
        history = self.orders.histories([self.order]).get(self.order, History())
        standing = Standing(self.orders.imported())
        clock = Clock(moment, replay=True)
        decided = decide_order(self.project, stored, history, standing, clock, recheck=recheck)
        assert decided is not None, "no moment lies before the order"
        return decided


def _noon(calendar: Calendar, moment: datetime) -> datetime:
    """The first noon (UTC) that is not before a moment."""
    day = calendar.day(moment)
    noon = calendar.localize(datetime.combine(day, NOON))
    return noon if noon >= moment else calendar.localize(datetime.combine(day + timedelta(days=1), NOON))


# --- YAML ---


def _step(moment: datetime, calendar: Calendar, sent: Iterable[Decision], order: str) -> Iterator[str]:
    yield f"  - at: {_value(moment, calendar)}"
    yield "    expect:"
    for decision in sent:
        step = f", step: {decision.step.id}" if decision.step is not None and decision.step.id else ""
        yield f"      - {{order: {_scalar(order)}, rule: {decision.rule.id}{step}}}"


def _last_step(moment: datetime, calendar: Calendar, decided: OrderDecisions, order: str) -> Iterator[str]:
    yield f"  - at: {_value(moment, calendar)}"
    yield "    expect: none"
    yield "    because:"
    yield from _flow(f"      {_scalar(order)}: ", (f"{each.rule.id}: {each.reason}" for each in decided.decisions))


def _flow(prefix: str, items: Iterable[str]) -> Iterator[str]:
    """`{a: 1, b: 2}` behind a prefix, on as many lines as it takes."""
    line, first = f"{prefix}{{", True
    for item in items:
        if not first:
            line += ","
            if len(line) + len(item) > _WIDTH:
                yield line
                line = " " * (len(prefix) + 1)
        line += item if first or line.isspace() else f" {item}"
        first = False
    yield f"{line}}}"


def _value(value: Value, calendar: Calendar) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return decimal_text(value)
        case datetime():
            return _moment(value, calendar)
        case tuple():
            return f"[{', '.join(_scalar(str(each)) for each in value)}]"
        case date():
            return value.isoformat()
        case _:
            return _scalar(str(value))


def _moment(moment: datetime, calendar: Calendar) -> str:
    """Shop time as people write it; in a repeated hour with the offset."""
    local = calendar.local(moment).replace(tzinfo=None)
    if calendar.localize(local) != moment:
        return calendar.text(moment)
    return local.isoformat(" ", timespec="seconds" if local.second else "minutes")


def _scalar(text: str) -> str:
    """A text in YAML, quoted where it could be read as something else."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    return json.dumps(text, ensure_ascii=False)
