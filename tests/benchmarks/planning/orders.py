"""Orders and ledgers as shops have them: nearly everything is paid, shipped and mailed; the newest wait for a mail.

An order is the same in every store of the same daily rate, however long the history: it is drawn from its distance to
the newest one. The shop planned every working day at noon, the last time on Friday.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import TypeAlias

from moments import NOW_MS, TODAY, midnight

from sendplan.calendar import Calendar
from sendplan.units import Duration, Unit

COLUMNS = (
    "id, account, version, status, payment_method, tags, email, name, street, postcode, city, country, items, total,"
    " paid_amount, shipping_cost, currency, ordered, payment_due, checkout_completed, paid, shipped, delivered,"
    " seller_feedback, buyer_feedback, cancelled, returned, parked, disputed, consent, loyalty"
)
Row: TypeAlias = tuple[str | int | None, ...]
"""The cells of `COLUMNS`."""
Message: TypeAlias = tuple[str, str, str, str, int, int | None]
"""(order, rule, step, state, at, next attempt) of a ledger row."""

BLOCK = 1000
"""Orders drawn from one seed."""
ACCOUNTS = ("ebay-de",) * 5 + ("ebay-fr",) * 2 + ("amazon-de",) * 7 + ("shop-de",) * 4 + ("shop-eu",) * 2
HOME = (
    ("DE", "20095", "Hamburg", "Steinweg 3"),
    ("DE", "50667", "Köln", "Am Hof 12"),
    ("DE", "01067", "Dresden", "Wallstraße 8"),
)
ISLANDS = (
    ("DE", "25980", "Sylt", "Dünenweg 1"),
    ("DE", "26465", "Langeoog", "Hafen 2"),
    ("DE", "53111", "Bonn", "Packstation 117"),
)
ABROAD = {
    "ebay-fr": (("FR", "69002", "Lyon", "3 rue Neuve"), ("BE", "1000", "Bruxelles", "5 rue Haute")),
    "shop-eu": (
        ("CH", "8001", "Zürich", "Rennweg 7"),
        ("NO", "0150", "Oslo", "Storgata 2"),
        ("AT", "1010", "Wien", "Graben 1"),
        ("GB", "E1 6AN", "London", "1 Main Street"),
    ),
}
HOUR = 3_600_000
TWO_WORKING_DAYS, THREE_MONTHS = Duration(2, Unit.BUSINESS_DAYS), Duration(3, Unit.MONTHS)


@dataclass(slots=True)
class Order:
    """What became of an order; events are days of the history, None: never."""

    number: int
    account: str
    address: tuple[str, str, str, str]
    """Country, postcode, city, street."""
    email: str | None
    ordered: int
    invoice: bool
    due: int | None
    paid: int | None
    cancelled: int | None
    consent: bool
    loyalty: str | None
    items: int
    time: int
    """Of everything that happens on a day, in milliseconds."""
    shipped: int | None = None
    delivered: int | None = None
    feedback: int | None = None
    answer: int | None = None
    returned: int | None = None
    messages: list[Message] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Later orders have greater ids."""
        return f"E-{100_000_000 - self.number}"

    @property
    def ebay(self) -> bool:
        return self.account.startswith("ebay")


class Shop:
    """The days of a history, and the orders placed on them."""

    def __init__(self, orders: int, days: int, calendar: Calendar) -> None:
        self.orders = orders
        self.per_day = orders / days
        first = TODAY - timedelta(days=days + 2)
        dates = [first + timedelta(days=number) for number in range(days + 60)]
        self.today = dates.index(TODAY)
        self.start = [midnight(day) for day in dates]
        self.run = [midnight(_working_day(day)) + 12 * HOUR for day in dates]
        self.last_run = self.run[self.today] - 3 * 24 * HOUR
        self.after = {
            duration: [(calendar.day(calendar.add(day, duration)) - first).days for day in dates]
            for duration in (TWO_WORKING_DAYS, THREE_MONTHS)
        }

    def blocks(self) -> Iterator[tuple[list[Row], list[Message]]]:
        """All orders, oldest first, with their messages."""
        for block in reversed(range((self.orders + BLOCK - 1) // BLOCK)):
            random = Random(block)
            rows, messages = [], []
            for number in range(block * BLOCK, (block + 1) * BLOCK):
                order = self.order(number, random)
                self.mail(order, random)
                rows.append(self.row(order, random))
                messages.append(order.messages)
            yield rows[::-1], [each for own in reversed(messages) for each in own]

    def order(self, number: int, random: Random) -> Order:
        """The order that has `number` newer ones."""
        chance = random.random
        day = int(self.today + 0.4 - number / self.per_day)
        account = ACCOUNTS[int(chance() * len(ACCOUNTS))]
        addresses = ABROAD.get(account) or (ISLANDS if chance() < 0.03 else HOME)
        invoice = chance() < 0.15
        paid: int | None = day + 3 + int(chance() ** 3 * 70) if invoice else day + int(chance() ** 2 * 3)
        if chance() < 0.015:
            paid = None
        cancelled = day + 1 if chance() < 0.02 else None
        if paid is None and cancelled is None and chance() < 0.97:
            cancelled = day + 75
        order = Order(
            number,
            account,
            addresses[int(chance() * len(addresses))],
            f"buyer{number % 250_007}@example.net" if chance() < 0.995 else None,
            day,
            invoice,
            day + 14 if invoice else None,
            paid,
            cancelled,
            consent=chance() < 0.6,
            loyalty=("gold", "silver")[int(chance() * 2)] if chance() < 0.2 else None,
            items=1 + int(chance() ** 3 * 14),
            time=int((8 + chance() * 10) * HOUR) // 1000 * 1000,
        )
        began = day if invoice else paid
        if began is not None and cancelled != day + 1:
            order.shipped = shipped = began + 1 + int(chance() ** 3 * 9)
            if order.ebay and chance() < 0.9:
                order.feedback = shipped + int(chance() * 6)
            if chance() < 0.96:
                order.delivered = delivered = shipped + 1 + int(chance() * 5)
                if order.ebay and chance() < 0.5:
                    order.answer = delivered + 1 + int(chance() * 20)
                if chance() < 0.04:
                    order.returned = delivered + 3 + int(chance() * 15)
        return order

    # --- messages, about as the rules send them; what is forgotten here is due today ---

    def mail(self, order: Order, random: Random) -> None:
        """Everything that was sent until Friday."""
        day, amazon, country = order.ordered, order.account == "amazon-de", order.address[0]
        if order.shipped is not None:
            shipped = min(order.shipped, self.today)
            if not amazon:
                self.sent(order, random, "shipped-notice", order.shipped, time=order.time)
            if country in ("CH", "NO", "GB"):
                self.sent(order, random, "customs-note", self.after[TWO_WORKING_DAYS][shipped])
            if order.feedback is not None and order.consent:
                asked = max(order.shipped, order.feedback) + (10 if order.account == "ebay-fr" else 7)
                if not _before(order.answer, asked) and not _before(order.returned, asked):
                    self.sent(order, random, "feedback-reminder", asked)
            if order.delivered is not None and not amazon and order.items < 4:
                asked = order.delivered + 10
                if not _before(order.returned, asked):
                    self.sent(order, random, "review-request", asked)
            if order.loyalty and order.consent and not amazon and order.items < 10 and order.returned is None:
                self.sent(order, random, "reorder", self.after[THREE_MONTHS][shipped])
        if order.ebay and not _before(order.paid, day + 3) and not _before(order.cancelled, day + 3):
            self.sent(order, random, "checkout-reminder", day + 3)
        waiting = not _before(order.shipped, day + 1) and (order.invoice or _before(order.paid, day + 1))
        if waiting and order.address in ISLANDS:
            self.sent(order, random, "island-delay", day + 1)
        self.dun(order, random)

    def dun(self, order: Order, random: Random) -> None:
        """Each step some days after the one before."""
        due: int | None = (order.due or order.ordered) + 7
        for step, wait in (("payment-reminder", 7), ("first-dunning", 10), ("second-dunning", 0)):
            if due is None or any(_before(each, due) for each in (order.paid, order.cancelled, order.returned)):
                return
            if step == "second-dunning" and order.address[0] != "DE":
                return
            sent = self.sent(order, random, "dunning", due, step)
            due = None if sent is None else sent + wait

    def sent(self, order: Order, random: Random, rule: str, due: int, step: str = "", time: int = 0) -> int | None:
        """The ledger's row of the run that sent it, and the day of that; None when it did not go out."""
        if order.email is None or due > self.today:
            return None
        at = self.run[due if time <= 12 * HOUR else due + 1]
        # Some were forgotten, and a few of the last run's were put off by the server.
        if at > self.last_run or random.random() < 0.002:
            return None
        deferred = at == self.last_run and random.random() < 0.02
        state, attempt = ("deferred", NOW_MS - HOUR) if deferred else ("sent", None)
        order.messages.append((order.id, rule, step, state, at, attempt))
        return None if deferred else bisect_right(self.start, at) - 1

    # --- cells ---

    def row(self, order: Order, random: Random) -> Row:
        """The order as the store keeps it this Monday."""
        chance = random.random
        age = order.number / self.per_day
        country, postcode, city, street = order.address
        total = (500 + int(chance() ** 2 * 20_000)) * 100
        part = total // 2 if order.paid is None and chance() < 0.1 else None
        parked, disputed = (chance() < 0.01, chance() < 0.01) if age < 60 else (False, False)
        place = self.today + 0.4 - age
        ordered = self.start[order.ordered] + int((place - order.ordered) * 22 * 3600) * 1000
        checkout = self.instant(order, order.ordered) if order.ebay and order.paid is not None else None
        return (
            *(order.id, order.account, 1, "done" if order.shipped else "open"),
            *("invoice" if order.invoice else "paypal", "[]", order.email, f"Buyer {order.number}"),
            *(street, postcode, city, country, order.items, total, part, 49_000, "EUR"),
            *(ordered, None if order.due is None else self.start[order.due] + 1, checkout),
            *(self.date(order.paid), self.instant(order, order.shipped), self.instant(order, order.delivered)),
            *(self.date(order.feedback), self.date(order.answer)),
            *(self.date(order.cancelled), self.date(order.returned)),
            *(int(parked), int(disputed), int(order.consent), order.loyalty),
        )

    def date(self, event: int | None) -> int | None:
        """A bare date; None while it lies ahead."""
        return None if event is None or event >= self.today else self.start[event] + 1

    def instant(self, order: Order, event: int | None) -> int | None:
        """The order's time on a day; None while it lies ahead."""
        return None if event is None or event >= self.today else self.start[event] + order.time


def _before(event: int | None, moment: int) -> bool:
    return event is not None and event <= moment


def _working_day(day: date) -> date:
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day
