"""`paid`, which stops reminders: taken where a column surely says when all was paid, else left out and said.

See docs/mapping.md#draft.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sendplan.importing.conversion import FALSE
from sendplan.importing.drafting.choosing import candidates
from sendplan.importing.drafting.columns import SampleColumn
from sendplan.importing.drafting.draft import Draft
from sendplan.importing.drafting.kinds import amount, fits
from sendplan.importing.drafting.states import order_states, state
from sendplan.importing.drafting.vocabulary import CANCELLED, PAID, UNPAID

_VAGUE = frozenset(("payment", "payments", "zahlungsdatum", "zahldatum", "paiement", "cleared"))
"""In a name, so that the day may be one that is only planned."""


def draft_paid(columns: Sequence[SampleColumn], made: Draft) -> None:
    """The day of full payment, when nothing in the file contradicts it."""
    named = [each for each in made.free(candidates("paid", columns)) if not each.listed]
    named = [each for each in named if not each.filled or fits("moment", each)]
    if not named:
        made.left_out["paid"] = _without_date(columns)
        return
    column = named[0]
    doubt = _doubt(column, columns, made)
    if doubt:
        made.left_out["paid"] = f"`{column.name}` is not taken: {doubt}"
        return
    states = _states(columns)
    if states is None:
        guess = "taken as the day of full payment" if column.filled else "empty in this file, taken by its name alone"
        made.take("paid", column, guess)
        return
    seen = [str(each) for each in dict.fromkeys(states.filled) if state(each) in PAID]
    if not seen:
        made.left_out["paid"] = f"`{column.name}` is not taken: no state of `{states.name}` here means paid"
        return
    listed = ", ".join(f'"{each}"' for each in seen)
    made.say(
        "paid", f"{column.reference} if {states.reference} in [{listed}]", [column], "the states that mean paid in full"
    )


def _without_date(columns: Sequence[SampleColumn]) -> str:
    states, flags = _states(columns), candidates("paid_flag", columns)
    if states is not None:
        return (
            f"no column says when; `{states.name}` has {', '.join(dict.fromkeys(map(str, states.filled)))}: "
            f"write `paid: =seen if {states.reference} in [...]` with those that mean paid in full"
        )
    if flags and flags[0].filled:
        return f"no column says when; write `paid: =seen if {flags[0].reference}` if that means paid in full"
    return "no column surely says when all was paid; without it reminders of payment are held as stale"


def _states(columns: Sequence[SampleColumn]) -> SampleColumn | None:
    return next((each for each in candidates("payment_status", columns) if each.filled and not each.listed), None)


def _doubt(column: SampleColumn, columns: Sequence[SampleColumn], made: Draft) -> str:
    """What speaks against a column of days, in the words of a comment."""
    days = column.first
    if _VAGUE & set(column.words) and column.filled and None not in days:
        return "every order has it, so it may be the day when payment is due"
    if wrong := _beside(days, columns):
        return wrong
    ordered = (
        next((each for each in made.used if each.name == made.fields["ordered"].text), None)
        if "ordered" in made.fields
        else None
    )
    if ordered is not None and _before(days, ordered.first):
        return "some days are before the order's"
    return ""


def _beside(days: Sequence[object], columns: Sequence[SampleColumn]) -> str:
    """Columns by which an order with a day is not paid in full."""
    with_day = [order for order, day in enumerate(days) if day is not None]
    for states, known in ((_states(columns), UNPAID), (order_states(columns), UNPAID - CANCELLED)):
        for order in with_day if states is not None else ():
            value = states.first[order] if states is not None else None
            if value is not None and state(value) in known:
                return f"it has a day where `{states.name if states else ''}` is {value}"
    if (states := _states(columns)) is not None:
        unknown = [str(v) for v in dict.fromkeys(states.filled) if state(v) not in PAID | UNPAID]
        if unknown:
            return f"does {unknown[0]} under `{states.name}` mean paid in full?"
    for flag in (each for each in candidates("paid_flag", columns) if not each.listed and each.filled):
        if any(str(flag.first[order]).strip().casefold() in FALSE for order in with_day):
            return f"it has a day where `{flag.name}` says no"
    for rest in (each for each in candidates("open_amount", columns) if not each.listed):
        if any((amount(rest.first[order]) or 0) > 0 for order in with_day if rest.first[order] is not None):
            return f"it has a day where `{rest.name}` says that something is open"
    return _partly(with_day, columns)


def _partly(with_day: Sequence[int], columns: Sequence[SampleColumn]) -> str:
    """Whether less was paid than the total somewhere."""
    for paid in candidates("paid_amount", columns)[:1]:
        for total in candidates("total", columns)[:1]:
            for order in with_day:
                given, whole = amount(paid.first[order]), amount(total.first[order])
                if given is not None and whole is not None and given < whole:
                    return f"it has a day where `{paid.name}` is less than `{total.name}`"
    return ""


def _before(days: Sequence[object], ordered: Sequence[object]) -> bool:
    """Whether a day is written earlier than the order's, as far as both are written alike."""
    for day, start in zip(days, ordered, strict=True):
        if isinstance(day, str) and isinstance(start, str) and day[:4].isdigit() and start[:4].isdigit():
            if day[:10] < start[:10] and day[4:5] == start[4:5]:
                return True
        elif isinstance(day, date) and isinstance(start, date) and str(day)[:10] < str(start)[:10]:
            return True
    return False
