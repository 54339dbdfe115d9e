"""The catalogue of order fields: what an expression may name, and the values that each type takes.

See docs/project.md#orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import TypeAlias

from sendplan import resources
from sendplan.dataclass import dataclass

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
    instead: tuple[str, ...] = ()
    """The fields that it is made of when it is absent and they are there."""
    default: Value | None = None
    """What it holds when no import carried it, where that is the same for all orders."""
    always: bool = False
    """Whether every order has a value."""
    event: bool = False
    """A moment that time travel hides while it lies after the clock (docs/project.md#orders)."""
    hidden_with: str = ""
    """The event with which time travel hides it."""
    personal: bool = False
    """Never among a plan's facts."""


OPEN_AMOUNT = Field("open_amount", FieldType.DECIMAL, derived_from=("total", "paid", "paid_amount", "credited"))


@cache
def catalogue() -> Mapping[str, Field]:
    """The built-in fields, stored and derived, by name, in the order of `schemas/order.schema.json` that lists them."""
    schema = resources.schema("order")
    required = frozenset(schema["required"])
    fields: dict[str, Field] = {}
    for name, each in schema["properties"].items():
        instead, default = tuple(each.get("x-instead", ())), each.get("default")
        made = bool(instead) and required.issuperset(instead)
        fields[name] = Field(
            name,
            FieldType(each["x-type"]),
            instead=instead,
            default=tuple(default) if isinstance(default, list) else default,
            always=name in required or default is not None or made,
            event="x-event" in each,
            hidden_with=each.get("x-hidden-with", ""),
            personal="x-personal" in each,
        )
    return {**fields, OPEN_AMOUNT.name: OPEN_AMOUNT}


EVENTS = tuple(name for name, each in catalogue().items() if each.event)
"""The moments that time travel hides while they lie after the clock (docs/project.md#orders)."""

PERSONAL = frozenset(name for name, each in catalogue().items() if each.personal)
"""Fields that never enter a plan's facts."""


def with_own(own: Mapping[str, FieldType]) -> Mapping[str, Field]:
    """The catalogue together with a project's own fields; their flags are false when absent, as all flags are."""
    fields = {name: Field(name, type_, own=True) for name, type_ in own.items()}
    flags = {
        name: replace(each, default=False, always=True) for name, each in fields.items() if each.type is FieldType.FLAG
    }
    return {**catalogue(), **fields, **flags}


def decimal_text(value: Decimal) -> str:
    """An exact amount as people write it, with at least two decimals: `55.94`, `94.00`, `0.1234`."""
    text = format(value.normalize(), "f")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"
