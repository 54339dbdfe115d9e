"""What somebody names who acts by hand: whom to snooze, until when; a clear word where it cannot be meant."""

from __future__ import annotations

from datetime import date

from sendplan.addresses import address_error, mailbox
from sendplan.ledger import SnoozeSubject
from sendplan.planning.finding import named
from sendplan.planning.lookup import unknown_order
from sendplan.problems import Exit, Problem, UserError
from sendplan.store.protocols import Reader


def order_or_buyer(reader: Reader, what: str) -> tuple[SnoozeSubject, str]:
    """The id of the order with this id or number, or the mailbox of a buyer.

    An order's id comes first, should it look like an address. Raises UserError where nothing or not one order is meant.
    """
    by_id = next(iter(reader.orders_by_id([what])), None)
    if by_id is None and "@" in what:
        if error := address_error(what):
            raise wrong(f"`{what}` is neither an order nor an e-mail address: {error}", "see `sendplan find TEXT`")
        return SnoozeSubject.ADDRESS, mailbox(what)
    orders = [what] if by_id is not None else [each.id for each in named(reader, what)]
    if not orders:
        raise unknown_order(reader, what, "")
    if len(orders) > 1:
        # To hold several is easily meant, to let several go on is not.
        raise wrong(f"`{what}` is the number of {len(orders)} orders: {', '.join(orders)}", "name one by its id")
    return SnoozeSubject.ORDER, orders[0]


def day_ahead(text: str, today: date) -> date:
    """A day (2026-09-01) that has not begun; raises UserError."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise wrong(f"`{text}` is not a valid date", "write 2026-09-01") from None
    if day <= today:
        raise wrong(f"{day} has already begun", "give a later day")
    return day


def wrong(message: str, help_: str) -> UserError:
    """The error for a value that cannot be meant."""
    return UserError(Problem("wrong-value", message, None, help_), Exit.USAGE)
