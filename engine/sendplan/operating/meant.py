"""What somebody names who acts by hand: whom to snooze, what to pause; a clear word where it cannot be meant."""

from __future__ import annotations

from datetime import date

from sendplan.addresses import address_error, mailbox
from sendplan.ledger import SnoozeSubject
from sendplan.operating.by_hand import EVERYTHING
from sendplan.planning.finding import named
from sendplan.planning.lookup import unknown_order
from sendplan.problems import unknown_name, wrong_value
from sendplan.project.project import Project
from sendplan.project.settings import Settings
from sendplan.store.protocols import Reader


def order_or_buyer(reader: Reader, what: str) -> tuple[SnoozeSubject, str]:
    """The id of the order with this id or number, or the mailbox of a buyer.

    An order's id comes first, should it look like an address. Raises UserError where nothing or not one order is meant.
    """
    by_id = next(iter(reader.orders_by_id([what])), None)
    if by_id is None and "@" in what:
        if error := address_error(what):
            message = f"`{what}` is neither an order nor an e-mail address: {error}"
            raise wrong_value(message, "see `sendplan find TEXT`")
        return SnoozeSubject.ADDRESS, mailbox(what)
    orders = [what] if by_id is not None else [each.id for each in named(reader, what)]
    if not orders:
        raise unknown_order(reader, what, "")
    if len(orders) > 1:
        # To hold several is easily meant, to let several go on is not.
        raise wrong_value(f"`{what}` is the number of {len(orders)} orders: {', '.join(orders)}", "name one by its id")
    return SnoozeSubject.ORDER, orders[0]


def day_ahead(text: str, today: date) -> date:
    """A day (2026-09-01) that has not begun; raises UserError."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise wrong_value(f"`{text}` is not a valid date", "write 2026-09-01") from None
    if day <= today:
        raise wrong_value(f"{day} has already begun", "give a later day")
    return day


def pausable(project: Project, name: str | None) -> str:
    """The name of a sender or rule, `EVERYTHING` for none; raises UserError for an unknown one."""
    known = {*project.settings.senders, *(rule.id for rule in project.rules), *(rule.id for rule in project.broken)}
    if name is None or name == EVERYTHING:
        return EVERYTHING
    if name not in known:
        raise unknown_name(f"there is no sender or rule `{name}`", name, known)
    return name


def known_sender(settings: Settings, name: str | None) -> str:
    """A sender's name, by default the first one's; raises UserError for an unknown one."""
    if name is None:
        return next(iter(settings.senders))
    if name not in settings.senders:
        raise unknown_name(f"there is no sender `{name}`", name, settings.senders)
    return name


def known_class(settings: Settings, name: str) -> str:
    """A class's name; raises UserError for an unknown one."""
    if name not in settings.classes:
        raise unknown_name(f"there is no class `{name}`", name, settings.classes)
    return name
