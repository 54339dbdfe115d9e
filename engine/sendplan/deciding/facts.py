"""Facts: an order as a decision sees it, with defaults, derived fields and time travel (docs/project.md#orders)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.fields import EVENTS, OPEN_AMOUNT, Value, catalogue
from sendplan.project.settings import Settings

_INSTEAD = {name: each.instead for name, each in catalogue().items() if each.instead and name != "portal"}
"""Field → what it is made of when absent; the portal is told by the account."""

_HIDDEN_WITH = {
    event: tuple(name for name, each in catalogue().items() if each.hidden_with == event) for event in EVENTS
}


@dataclass(frozen=True, slots=True)
class Facts:
    """One order's fields, complete with defaults; a missing field is absent."""

    id: str
    account: str
    version: int
    values: Mapping[str, Value]


def facts_of(
    stored: Mapping[str, Value], settings: Settings, *, version: int, hide_after: datetime | None
) -> Facts | None:
    """The order as it looked at `hide_after` (UTC), or as it is when that is None; None while it did not exist yet."""
    values = {**settings.constants, **stored}
    if hide_after is not None:
        if _starts_after(values, "ordered", settings.calendar, hide_after):
            return None
        _hide_later_events(values, settings.calendar, hide_after)
    name = settings.account_names.get(str(values["account"]))
    # What is derived from the account's name keeps its value when the account is renamed.
    _apply_defaults(values, settings.accounts[name].portal if name is not None else None)
    _derive(values)
    if name is not None:
        values["account"] = name
    return Facts(str(values["id"]), str(values["account"]), version, values)


def _hide_later_events(values: dict[str, Value], calendar: Calendar, clock: datetime) -> None:
    for name in EVENTS:
        if _starts_after(values, name, calendar, clock):
            for hidden in (name, *_HIDDEN_WITH.get(name, ())):
                values.pop(hidden, None)


def _starts_after(values: Mapping[str, Value], name: str, calendar: Calendar, clock: datetime) -> bool:
    moment = values.get(name)
    return isinstance(moment, date) and calendar.instant(moment) > clock


def _apply_defaults(values: dict[str, Value], portal: str | None) -> None:
    for name, instead in _INSTEAD.items():
        if name not in values and all(each in values for each in instead):
            values[name] = values[instead[0]] if len(instead) == 1 else " ".join(str(values[each]) for each in instead)
    if portal is not None:
        values.setdefault("portal", portal)


def _derive(values: dict[str, Value]) -> None:
    for name, derive in DERIVED.items():
        value = derive(*(values.get(each) for each in catalogue()[name].derived_from))
        if value is not None:
            values[name] = Decimal(value)


def _open_amount(total: Any, paid: Any, paid_amount: Any, credited: Any) -> Any:
    if paid is not None:
        return 0
    if total is None:
        return None
    return max(total - (paid_amount or 0) - (credited or 0), 0)


DERIVED: Mapping[str, Callable[..., Any]] = {OPEN_AMOUNT.name: _open_amount}
"""Derived field → its value from those that it is `derived_from`, None being missing.

Amounts may be decimals, or whole numbers of one small unit as a store keeps them: both go by this one table."""
