"""How a store keeps values: moments as UTC milliseconds, money as scaled integers, lists and records as JSON text.

Plain comparisons on the integers order moments and money correctly, on every database (docs/architecture.md#rules).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from sendplan.calendar import Calendar
from sendplan.fields import Field, FieldType, Moment, Value

Cell: TypeAlias = str | int | None
"""What stands in a column."""

SCALE = 10_000
"""Money is kept in ten-thousandths; more than four decimals are refused at import."""

ARRIVAL = "first.import"
"""The column of `orders` that says when each one first came; no field's name has a dot."""

INTERNAL = frozenset({"version"})
"""Columns of `orders` that are no fields; a project may still call a field of its own so."""


def stored_fields(fields: Mapping[str, Field]) -> dict[str, Field]:
    """The fields that have a column: all but the derived ones."""
    return {name: field for name, field in fields.items() if not field.derived_from}


def column(field: Field) -> str:
    """The name of a field's column in `orders`; the dot cannot occur in a field's name, so nothing clashes."""
    return f"own.{field.name}" if field.own and field.name in INTERNAL else field.name


def quoted(name: str) -> str:
    """A column name as it stands in SQL."""
    return f'"{name}"'


def encode_instant(instant: datetime) -> int:
    """UTC milliseconds since 1970 of an aware datetime, whole seconds only: the last three digits mark bare dates."""
    return math.floor(instant.timestamp()) * 1000


def decode_instant(cell: int) -> datetime:
    """The aware UTC datetime of `encode_instant`."""
    return datetime.fromtimestamp(cell // 1000, UTC)


def decode_optional_instant(cell: int | None) -> datetime | None:
    """`decode_instant`, None staying None."""
    return None if cell is None else decode_instant(cell)


def encode_decimal(value: Decimal) -> int:
    """The amount in ten-thousandths; exact, or `ValueError` for a fifth decimal."""
    scaled = value * SCALE
    if scaled != int(scaled):
        raise ValueError(f"{value} has more than four decimals")
    return int(scaled)


def decode_decimal(cell: int) -> Decimal:
    """The amount back, with two decimals where those are enough."""
    return Decimal(cell).scaleb(-4) if cell % 100 else Decimal(cell // 100).scaleb(-2)


class Codec:
    """Encoders and decoders per field type, for one shop's time zone."""

    def __init__(self, calendar: Calendar, zone: ZoneInfo | None = None) -> None:
        """`zone`: the one in which the store's bare dates were written, when that is not the calendar's."""
        self._zone = zone or calendar.zone
        self._local_start = lru_cache(maxsize=4096)(lambda day: encode_instant(calendar.instant(day)) + 1)
        self.decode_moment: Callable[[int], Moment] = lru_cache(maxsize=4096)(self._decode_moment)

    def encode_moment(self, moment: Moment) -> int:
        """UTC milliseconds; a bare date is its local start plus one, so it sorts there and is still recognised."""
        return encode_instant(moment) if isinstance(moment, datetime) else self._local_start(moment)

    def _decode_moment(self, cell: int) -> Moment:
        if cell % 1000 == 0:
            return decode_instant(cell)
        return datetime.fromtimestamp(cell // 1000, self._zone).date()

    def encoder(self, type_: FieldType) -> Callable[[Any], Cell] | None:
        """The function from value to cell; None where the value is kept as it is."""
        encoders: Mapping[FieldType, Callable[[Any], Cell]] = {
            FieldType.DECIMAL: encode_decimal,
            FieldType.MOMENT: self.encode_moment,
            FieldType.FLAG: int,
            FieldType.LIST: _encode_json,
            FieldType.RECORDS: _encode_json,
        }
        return encoders.get(type_)

    def decoder(self, type_: FieldType) -> Callable[[Any], Value] | None:
        """The function from cell to value; None where the cell is the value."""
        decoders: Mapping[FieldType, Callable[[Any], Value]] = {
            FieldType.DECIMAL: decode_decimal,
            FieldType.MOMENT: self.decode_moment,
            FieldType.FLAG: bool,
            FieldType.LIST: _decode_list,
            FieldType.RECORDS: _decode_records,
        }
        return decoders.get(type_)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"no JSON form for {value!r}")


_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


def _decode_list(cell: str) -> tuple[str, ...]:
    return tuple(json.loads(cell))


def _decode_records(cell: str) -> tuple[Mapping[str, object], ...]:
    return tuple(
        {name: Decimal(value) if name == "price" and value else value for name, value in record.items()}
        for record in json.loads(cell)
    )
