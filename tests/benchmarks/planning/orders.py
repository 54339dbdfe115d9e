"""Orders and ledgers as shops have them: nearly everything is paid, shipped and mailed; the newest wait for a mail.

An order is the same in every store of the same daily rate, however long the history: it is drawn from its distance to
the newest one. The shop planned every working day at noon, the last time on Friday.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import TypeAlias

from moments import NOW_MS, TODAY, midnight

from sendplan.calendar import Calendar, Duration, Unit

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
PLANNED = ("ebay-de",) * 5 + ("ebay-fr",) * 2 + ("amazon-de",) * 7 + ("shop-de",) * 4 + ("shop-eu",) * 2
DE = (("20095", "Hamburg", "Steinweg 3"), ("50667", "Köln", "Am Hof 12"), ("01067", "Dresden", "Wallstraße 8"))
ISLANDS = (("25980", "Sylt", "Dünenweg 1"), ("26465", "Langeoog", "Hafen 2"), ("53111", "Bonn", "Packstation 117"))
ABROAD = {
    "ebay-fr": (("FR", "69002", "Lyon"), ("BE", "1000", "Bruxelles")),
    "shop-eu": (("CH", "8001", "Zürich"), ("NO", "0150", "Oslo"), ("AT", "1010", "Wien"), ("GB", "E1 6AN", "London")),
}
HOUR = 3_600_000


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
            for duration in (Duration(2, Unit.BUSINESS_DAYS), Duration(3, Unit.MONTHS))
        }

    def blocks(self) -> Iterator[tuple[list[Row], list[Message]]]:
        """All orders, oldest first, with their messages."""
        for block in reversed(range((self.orders + BLOCK - 1) // BLOCK)):
            random = Random(block)
            drawn = [self.order(number, random) for number in range(block * BLOCK, (block + 1) * BLOCK)]
            rows, messages = zip(*reversed(drawn), strict=True)
            yield list(rows), [each for order in messages for each in order]

    def order(self, number: int, random: Random) -> tuple[Row, list[Message]]:
        """The order that has `number` newer ones."""
        chance = random.random
        id_ = f"E-{100_000_000 - number}"
        age = number / self.per_day
        place = self.today + 0.4 - age
        day = int(place)
        account = PLANNED[int(chance() * len(PLANNED))]
        ebay = account.startswith("ebay")
        island = False
        if account in ABROAD:
            country, postcode, city = ABROAD[account][int(chance() * len(ABROAD[account]))]
            street = "1 Main Street"
        else:
            island = chance() < 0.03
            postcode, city, street = (ISLANDS if island else DE)[int(chance() * 3)]
            country = "DE"
        invoice = chance() < 0.15

        # When things happen, as days of the history; None: never.
        due = day + 14 if invoice else None
        paid: int | None = day + int(chance() ** 2 * 3)
        if invoice:
            paid = day + 3 + int(chance() ** 3 * 70)
        if chance() < 0.015:
            paid = None
        cancelled = day + 1 if chance() < 0.02 else None
        if paid is None and cancelled is None and chance() < 0.97:
            cancelled = day + 75
        began = day if invoice else paid
        shipped = delivered = feedback = answer = returned = None
        if began is not None and (cancelled is None or cancelled > day + 1):
            shipped = began + 1 + int(chance() ** 3 * 9)
            if chance() < 0.96:
                delivered = shipped + 1 + int(chance() * 5)
                if ebay and chance() < 0.5:
                    answer = delivered + 1 + int(chance() * 20)
                if chance() < 0.04:
                    returned = delivered + 3 + int(chance() * 15)
            if ebay and chance() < 0.9:
                feedback = shipped + int(chance() * 6)
        items = 1 + int(chance() ** 3 * 14)
        total = (500 + int(chance() ** 2 * 20_000)) * 100
        part = total // 2 if paid is None and chance() < 0.1 else None
        loyalty = ("gold", "silver")[int(chance() * 2)] if chance() < 0.2 else None
        consent = chance() < 0.6
        parked, disputed = (chance() < 0.01, chance() < 0.01) if age < 60 else (False, False)
        email = f"buyer{number % 250_007}@example.{'org' if ebay else 'net'}" if chance() < 0.995 else None

        messages: list[Message] = []

        def mail(rule: str, due_day: int, step: str = "", offset: int = 0) -> int | None:
            """The ledger's row of the run that sent it: the day, or None; `offset`: milliseconds within `due_day`."""
            if email is None or due_day > self.today:
                return None
            at = self.run[due_day] if offset <= 12 * HOUR else self.run[due_day + 1]
            if at > self.last_run:
                return None
            # Some were forgotten, and a few of the last run's were put off by the server.
            if chance() < 0.002:
                return None
            deferred = at == self.last_run and chance() < 0.02
            state, attempt = ("deferred", NOW_MS - HOUR) if deferred else ("sent", None)
            messages.append((id_, rule, step, state, at, attempt))
            return None if deferred else bisect_right(self.start, at) - 1

        def before(event: int | None, moment: int) -> bool:
            return event is not None and event <= moment

        hours = int((8 + chance() * 10) * HOUR) // 1000 * 1000
        if shipped is not None:
            if account != "amazon-de":
                mail("shipped-notice", shipped, offset=hours)
            customs = self.after[Duration(2, Unit.BUSINESS_DAYS)][min(shipped, self.today)]
            if country in ("CH", "NO", "GB"):
                mail("customs-note", customs)
            if feedback is not None and ebay and consent:
                asked = max(shipped, feedback) + (10 if account == "ebay-fr" else 7)
                if not before(answer, asked) and not before(returned, asked):
                    mail("feedback-reminder", asked)
            if delivered is not None and account != "amazon-de" and items < 4 and not before(returned, delivered + 10):
                mail("review-request", delivered + 10)
            again = self.after[Duration(3, Unit.MONTHS)][min(shipped, self.today)]
            if loyalty and consent and account != "amazon-de" and items < 10 and returned is None:
                mail("reorder", again)
        if ebay and not before(paid, day + 3) and not before(cancelled, day + 3):
            mail("checkout-reminder", day + 3)
        if island and (shipped is None or shipped > day + 1) and (invoice or before(paid, day + 1)):
            mail("island-delay", day + 1)
        reminded: int | None = (due or day) + 7
        for step, wait in (("payment-reminder", 7), ("first-dunning", 10), ("second-dunning", 0)):
            if reminded is None or before(paid, reminded) or before(cancelled, reminded) or before(returned, reminded):
                break
            if step == "second-dunning" and country != "DE":
                break
            sent = mail("dunning", reminded, step)
            reminded = None if sent is None else sent + wait

        def on(event: int | None) -> int | None:
            """A bare date."""
            return None if event is None or event >= self.today else self.start[event] + 1

        def at(event: int | None) -> int | None:
            """An instant."""
            return None if event is None or event >= self.today else self.start[event] + hours

        row = (
            *(id_, account, 1, "done" if shipped else "open", "invoice" if invoice else "paypal", "[]"),
            *(email, f"Buyer {number}", street, postcode, city, country, items, total, part, 49_000, "EUR"),
            *(self.start[day] + int((place - day) * 22 * 3600) * 1000, on_due(self.start, due)),
            *(at(day) if ebay and paid is not None else None, on(paid), at(shipped), at(delivered)),
            *(on(feedback), on(answer), on(cancelled), on(returned), int(parked), int(disputed), int(consent), loyalty),
        )
        return row, messages


def on_due(start: list[int], due: int | None) -> int | None:
    """The payment's due date, which may lie ahead."""
    return None if due is None else start[due] + 1


def _working_day(day: date) -> date:
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day
