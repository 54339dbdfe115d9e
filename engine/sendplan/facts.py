"""Facts: an order as a decision sees it, with defaults, derived fields and time travel (LANGUAGE §1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sendplan.calendar import Calendar
from sendplan.fields import EVENTS, FieldType, Value, catalogue
from sendplan.fields import Field as CatalogueField


@dataclass(frozen=True, slots=True)
class Facts:
    """One order's fields, complete with defaults; a missing field is absent."""

    id: str
    account: str
    version: int
    values: Mapping[str, Value]


def facts_of(
    stored_values: Mapping[str, Value],
    *,
    version: int,
    portal: str | None,
    fields: Mapping[str, CatalogueField],
    calendar: Calendar,
    hide_after: datetime | None,
) -> Facts | None:
    """The order as it looked at `hide_after`, or as it is when that is None; None while it did not exist yet.

    `portal` is the account's, for an order that names none.
    """
    values = dict(stored_values)
    if hide_after is not None:
        if calendar.instant(_moment(values["ordered"])) > hide_after:
            return None
        _hide_later_events(values, calendar, hide_after)
    _apply_defaults(values, portal, fields)
    _derive(values)
    return Facts(str(values["id"]), str(values["account"]), version, values)


def _hide_later_events(values: dict[str, Value], calendar: Calendar, clock: datetime) -> None:
    for name in EVENTS:
        if name in values and calendar.instant(_moment(values[name])) > clock:
            del values[name]
            if name == "paid":
                values.pop("paid_amount", None)


def _apply_defaults(values: dict[str, Value], portal: str | None, fields: Mapping[str, CatalogueField]) -> None:
    if portal is not None:
        values.setdefault("portal", portal)
    values.setdefault("number", values["id"])
    if "email" in values:
        values.setdefault("customer", f"{values['account']} {values['email']}")
    if "country" in values:
        values.setdefault("billing_country", values["country"])
    values.setdefault("payment_due", values["ordered"])
    values.setdefault("tags", ())
    for name, field in fields.items():
        if field.type is FieldType.FLAG:
            values.setdefault(name, False)


def _derive(values: dict[str, Value]) -> None:
    if "paid" in values and "paid_amount" not in values:
        values["open_amount"] = Decimal(0)
    elif "total" in values:
        settled = _decimal(values.get("paid_amount")) + _decimal(values.get("credited"))
        values["open_amount"] = max(_decimal(values["total"]) - settled, Decimal(0))


def _decimal(value: Value | None) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(0)


def _moment(value: Value) -> datetime:
    assert isinstance(value, datetime) or hasattr(value, "toordinal")
    return value  # type: ignore[return-value]


__all__ = ["Facts", "catalogue", "facts_of"]
