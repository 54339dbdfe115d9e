"""What a column's values are: dates, numbers, countries, addresses of mail, ids (docs/mapping.md#draft)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.importing.conversion import FALSE, TRUE
from sendplan.importing.countries import alpha2
from sendplan.importing.dates import EPOCH, ISO, RFC2822, formats_of, is_iso
from sendplan.importing.drafting.columns import SampleColumn
from sendplan.importing.drafting.vocabulary import VEHICLES
from sendplan.importing.mistakes import ConversionError
from sendplan.importing.numbers import NOTATIONS, number_reader

MONTH_LANGUAGES = (None, "de", "fr", "es", "it", "nl")
"""Whose names of months are tried."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z]{2,4})?")
_DIGITS = re.compile(r"1\d{9}|1\d{12}|20\d{6}|20\d{12}")
"""Seconds, milliseconds, and dates without anything between their parts."""


def fits(kind: str, column: SampleColumn) -> bool:
    """Whether a column's values may be of a kind; a column without any may be everything."""
    values = column.filled
    return not values or _KINDS[kind](values)


def _moments(values: list[Any]) -> bool:
    texts = {str(each).strip() for each in values if not isinstance(each, date)}
    return not texts or dates_of(texts) is not None


@dataclass(frozen=True, slots=True)
class Dates:
    """How the dates of a file are written."""

    formats: tuple[str, ...]
    months: str | None = None
    """The language of month names."""
    unsure: tuple[str, ...] = ()
    """Another format that would read them as other days."""


def dates_of(texts: Iterable[str]) -> Dates | None:
    """The formats of all these texts, one for each shape; None when one of them is no date."""
    shapes: dict[str, list[str]] = {}
    for text in texts:
        shapes.setdefault(re.sub(r"[^\W\d_]+", "a", re.sub(r"\d", "9", text)), []).append(text)
    formats: dict[str, None] = {}
    months: str | None = None
    unsure: tuple[str, ...] = ()
    for shape, alike in shapes.items():
        if all(map(is_iso, alike)):
            formats[ISO] = None
            continue
        if shape.replace(".", "").isdigit() and shape.count(".") != 2 and not all(map(_DIGITS.fullmatch, alike)):
            return None
        found = _formats(alike, "a" in shape)
        if found is None:
            return None
        formats[found.formats[0]] = None
        months, unsure = found.months or months, found.unsure or unsure
    return Dates(tuple(formats), months, unsure)


def _formats(texts: list[str], named: bool) -> Dates | None:
    """Day before month where both are possible, as most of the world writes."""
    for months in MONTH_LANGUAGES if named else (None,):
        found = sorted(formats_of(texts, months), key=lambda each: (each in (RFC2822, EPOCH), each.startswith("%m")))
        if found:
            other = tuple(each for each in found[1:] if each not in (RFC2822, EPOCH))
            return Dates((found[0],), months, other)
    return None


def _numbers(values: list[Any]) -> bool:
    texts = {each for each in values if isinstance(each, str)}
    if any(isinstance(each, date | bool) for each in values):
        return False
    return any(all(_number(each, *notation) is not None for each in texts) for notation in NOTATIONS)


def _number(text: str, decimal: str, thousands: str | None) -> Decimal | None:
    try:
        return number_reader(decimal, thousands)(text)
    except ConversionError:
        return None


def amount(value: Any) -> Decimal | None:
    """What a value is worth, in whatever notation; None when it is no number."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    text = str(value)
    return next((found for each in NOTATIONS if (found := _number(text, *each)) is not None), None)


def _most(test: Callable[[Any], object]) -> Callable[[list[Any]], bool]:
    return lambda values: sum(bool(test(each)) for each in values) * 5 >= len(values) * 4


def _is_id(value: Any) -> bool:
    text = str(value).strip()
    return any(each.isdigit() for each in text) and "@" not in text and not isinstance(value, date)


def _is_person(value: Any) -> bool:
    text = str(value)
    return any(each.isalpha() for each in text) and "@" not in text and not text[:1].isdigit()


_KINDS: Mapping[str, Callable[[list[Any]], bool]] = {
    "moment": _moments,
    "number": _numbers,
    "whole": lambda values: (
        _numbers(values) and all((found := amount(v)) is not None and found % 1 == 0 for v in values)
    ),
    "flag": lambda values: all(str(each).strip().casefold() in {*TRUE, *FALSE} for each in values),
    "email": lambda values: sum("@" in str(each) for each in values) * 2 >= len(values),
    "country": _most(lambda each: alpha2(str(each)) or str(each).strip() in VEHICLES),
    "language": _most(lambda each: _LANGUAGE.fullmatch(str(each).strip())),
    "currency": _most(lambda each: re.fullmatch(r"[A-Za-z]{3}", str(each).strip())),
    "id": lambda values: sum(map(_is_id, values)) * 5 >= len(values) * 3,
    "person": _most(_is_person),
    "text": lambda values: not any(isinstance(each, date) for each in values),
}

KIND_OF: Mapping[str, str] = {
    **dict.fromkeys(("ordered", "payment_due", "paid", "shipped", "delivered", "cancelled", "returned"), "moment"),
    **dict.fromkeys(("total", "paid_amount", "credited", "shipping_cost", "open_amount", "line_price"), "number"),
    **dict.fromkeys(("items", "line_quantity"), "whole"),
    **dict.fromkeys(("parked", "disputed", "consent", "paid_flag"), "flag"),
    **dict.fromkeys(("id", "number", "customer"), "id"),
    **dict.fromkeys(("name", "first_name", "last_name", "city"), "person"),
    **{name: name for name in ("email", "country", "language", "currency")},
}
"""Field → the kind of its values; `text` for all others."""
