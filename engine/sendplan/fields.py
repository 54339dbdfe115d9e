"""The catalogue of order fields: what an expression may name, and the values that each type takes (LANGUAGE §1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import TypeAlias

from sendplan import resources

Moment: TypeAlias = date | datetime
"""A bare date (that local day of the shop) or an instant (aware, UTC)."""

Value: TypeAlias = str | int | Decimal | bool | date | datetime | tuple[str, ...] | tuple[Mapping[str, object], ...]
"""What a field holds; a missing field is absent from its mapping, never None."""


class FieldType(StrEnum):
    """The types of order fields; `records` is for templates only."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MOMENT = "moment"
    FLAG = "flag"
    LIST = "list"
    RECORDS = "records"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the order record."""

    name: str
    type: FieldType
    own: bool = False
    """Added by the project under `fields:`."""
    derived_from: tuple[str, ...] = ()
    """For a derived field, the stored fields that it reads."""


EVENTS = (
    "checkout_completed",
    "paid",
    "shipped",
    "delivered",
    "seller_feedback",
    "buyer_feedback",
    "cancelled",
    "returned",
)
"""The moments that time travel hides while they lie after the clock (LANGUAGE §1)."""

PERSONAL = frozenset({"name", "email", "street"})
"""Fields that never enter a plan's facts."""

OPEN_AMOUNT = Field("open_amount", FieldType.DECIMAL, derived_from=("total", "paid", "paid_amount", "credited"))


@cache
def catalogue() -> Mapping[str, Field]:
    """The built-in fields, stored and derived, by name, in the schema's order."""
    properties = resources.schema("order")["properties"]
    stored = {name: Field(name, FieldType(each["x-type"])) for name, each in properties.items()}
    return {**stored, OPEN_AMOUNT.name: OPEN_AMOUNT}


def with_own(own: Mapping[str, FieldType]) -> Mapping[str, Field]:
    """The catalogue together with a project's own fields."""
    return {**catalogue(), **{name: Field(name, type_, own=True) for name, type_ in own.items()}}


def decimal_text(value: Decimal) -> str:
    """An exact amount as people write it, with at least two decimals: `55.94`, `94.00`, `0.1234`."""
    text = format(value.normalize(), "f")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"
