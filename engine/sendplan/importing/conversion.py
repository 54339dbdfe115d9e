"""What a file or a scenario writes → the value of a field, exactly, or an error that says what to write instead.

One place for every reader: a CSV's texts, JSON's typed values (numbers as `Decimal`), a scenario's scalars.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias, assert_never

from sendplan.calendar import Calendar
from sendplan.fields import Field, FieldType, Moment, Value
from sendplan.problems import did_you_mean

Converter: TypeAlias = Callable[[object], Value | None]
"""From what stands there to the value; None for an empty one. Raises ConversionError."""


class ConversionError(ValueError):
    """Something that is no value of its field; `help` says what to write instead."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help


@dataclass(frozen=True, slots=True)
class Notation:
    """How a column writes its values where that is not the usual way (LANGUAGE §11)."""

    date: str | None = None
    """A strptime format, shop time."""
    decimal: str = "."
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()


def convert(field: Field, raw: object, calendar: Calendar) -> Value | None:
    """One value in the usual notation; None for an empty one. Raises ConversionError."""
    return converter(field, calendar)(raw)


def converter(field: Field, calendar: Calendar, notation: Notation | None = None) -> Converter:
    """The conversion of one field, prepared for a whole column."""
    notation = notation or Notation()
    match field.type:
        case FieldType.INTEGER:
            return _integer
        case FieldType.DECIMAL:
            return _decimal(notation.decimal)
        case FieldType.MOMENT:
            return _moment(calendar, notation.date)
        case FieldType.FLAG:
            return _flag(notation)
        case FieldType.LIST:
            return _list
        case FieldType.RECORDS:
            return _records
        case FieldType.TEXT:
            return _text if field.own else _CODES.get(field.name, _text)
        case _:
            assert_never(field.type)


_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_ALL_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _text(raw: object) -> str | None:
    """The characters as they are; a text of blanks is empty."""
    text = _characters(raw)
    if not text or text.isspace():
        return None
    if not text.isprintable() and (found := _CONTROLS.search(text)):
        raise ConversionError(f"holds the control character U+{ord(found.group()):04X}", "remove it")
    return text


def _word(raw: object) -> str | None:
    """A text on one line without blanks around it, such as an id or an address."""
    text = _characters(raw).strip()
    if not text.isprintable() and (found := _ALL_CONTROLS.search(text)):
        raise ConversionError(f"holds the control character U+{ord(found.group()):04X}", "remove it")
    return text or None


def _characters(raw: object) -> str:
    if isinstance(raw, str):
        return raw
    if raw is None:
        return ""
    if isinstance(raw, (int, Decimal)) and not isinstance(raw, bool):
        return str(raw)
    raise ConversionError(f"is no text: {_shown(raw)}")


def _country(raw: object) -> str | None:
    name = _word(raw)
    return None if name is None else _country_code(name)


@lru_cache(maxsize=4096)
def _country_code(name: str) -> str:
    from sendplan.importing.countries import alpha2, known_names

    code = alpha2(name)
    if code is None:
        help = did_you_mean(name, known_names())
        raise ConversionError(
            f"names no country: {_shown(name)}",
            help if help.startswith("did") else "write the ISO code, such as DE, or the country's name",
        )
    return code


def _language(raw: object) -> str | None:
    tag = (_word(raw) or "").replace("_", "-")
    if not tag:
        return None
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", tag):
        raise ConversionError(f"is no language tag: {_shown(raw)}", "write it as de or de-AT (BCP 47)")
    first, *others = tag.split("-")
    return "-".join([first.lower(), *(each.upper() if len(each) == 2 else each for each in others)])


def _currency(raw: object) -> str | None:
    code = (_word(raw) or "").upper()
    if code and not re.fullmatch(r"[A-Z]{3}", code):
        raise ConversionError(f"is no currency: {_shown(raw)}", "write its ISO 4217 code, such as EUR")
    return code or None


_CODES: Mapping[str, Converter] = {
    "id": _word,
    "account": _word,
    "email": _word,
    "country": _country,
    "billing_country": _country,
    "language": _language,
    "currency": _currency,
}

_INTEGER = re.compile(r"[+-]?[0-9]+")
_LARGEST_INTEGER = 2**63 - 1
_LARGEST_AMOUNT = Decimal(10) ** 14
_CENTS, _FINEST = Decimal("0.01"), Decimal("0.0001")
"""Two decimals where those are enough, else four: a value looks the same however it was written."""


def _integer(raw: object) -> int | None:
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    if isinstance(raw, str):
        number = Decimal(raw.strip()) if _INTEGER.fullmatch(raw.strip()) else None
    else:
        number = Decimal(raw) if isinstance(raw, (int, Decimal)) and not isinstance(raw, bool) else None
    # The size is compared before `int` writes out every digit of 1e999999999.
    if number is not None and number.copy_abs() > _LARGEST_INTEGER:
        raise ConversionError(f"is too large: {_shown(raw)}")
    if number is None or number != int(number):
        raise ConversionError(f"is no whole number: {_shown(raw)}")
    return int(number)


def _decimal(separator: str) -> Converter:
    written = re.compile(rf"[+-]?(?:[0-9]+(?:{re.escape(separator)}[0-9]*)?|{re.escape(separator)}[0-9]+)")

    def from_text(raw: str) -> Decimal | None:
        text = raw.strip()
        if not text:
            return None
        if not written.fullmatch(text):
            raise ConversionError(f"is no number: {_shown(raw)}", _decimal_help(text, separator))
        return Decimal(text.replace(separator, "."))

    def from_any(raw: object) -> Decimal | None:
        if isinstance(raw, str):
            value = from_text(raw)
        elif raw is None:
            return None
        elif isinstance(raw, (int, Decimal)) and not isinstance(raw, bool):
            value = Decimal(raw)
        else:
            raise ConversionError(f"is no number: {_shown(raw)}")
        if value is None:
            return None
        if not value.is_finite() or value.copy_abs() >= _LARGEST_AMOUNT:
            raise ConversionError(f"is too large: {_shown(raw)}")
        for places in (_CENTS, _FINEST):
            exact = value.quantize(places) + 0
            if exact == value:
                return exact
        raise ConversionError(f"has more than four decimals: {_shown(raw)}")

    return from_any


def _decimal_help(text: str, separator: str) -> str:
    digits = re.sub(r"[\s'\u2019.,]", "", text)
    if not digits.lstrip("+-").isdigit():
        return "write the digits alone, such as 1234.56"
    if separator == "." and re.fullmatch(r"[+-]?\d*,\d+", text) and not re.fullmatch(r"[+-]?\d{1,3},\d{3}", text):
        return 'for a decimal comma, name it in a mapping: {column: …, decimal: ","}'
    return f"thousands separators are not read, write it as 1234{separator}56"


_DIRECTIVES_OF_TIME = re.compile(r"%[HIMSpcXf]")
_YEARS = range(1900, 3000)


def _moment(calendar: Calendar, format: str | None) -> Converter:
    read = _iso if format is None else _strptime(format)

    @lru_cache(maxsize=8192)
    def from_text(text: str) -> Moment | None:
        if not text:
            return None
        moment = read(text)
        if moment.year not in _YEARS:
            raise ConversionError(f"lies in the year {moment.year}")
        if not isinstance(moment, datetime):
            return moment
        if moment.microsecond:
            moment = moment.replace(microsecond=0)
        return moment.astimezone(UTC) if moment.tzinfo else calendar.localize(moment)

    def from_any(raw: object) -> Moment | None:
        if isinstance(raw, str):
            return from_text(raw.strip())
        if raw is None:
            return None
        raise ConversionError(f"is no date: {_shown(raw)}", _DATE_HELP)

    return from_any


_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|z| ?[+-]\d\d(?::?\d\d)?)?)?", re.ASCII)
_DATE_HELP = "write it as 2026-08-11 or 2026-08-11 10:00"


def _iso(text: str) -> Moment:
    if not _ISO.fullmatch(text):
        help = f'{_DATE_HELP}, or name its format in a mapping: {{column: …, date: "%d.%m.%Y"}}'
        raise ConversionError(f"is no date: {_shown(text)}", help)
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        return datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").upper())
    except ValueError as error:
        raise ConversionError(f"is no date: {_shown(text)} ({error})", _DATE_HELP) from error


def _strptime(format: str) -> Callable[[str], Moment]:
    with_time = _DIRECTIVES_OF_TIME.search(format.replace("%%", "")) is not None

    def read(text: str) -> Moment:
        try:
            moment = datetime.strptime(text, format)
        except ValueError as error:
            raise ConversionError(f"is no date: {_shown(text)}", f"the mapping says it looks like {format}") from error
        return moment if with_time else moment.date()

    return read


_TRUE = ("true", "yes", "y", "1", "on", "ja", "j")
_FALSE = ("false", "no", "n", "0", "off", "nein")


def _flag(notation: Notation) -> Converter:
    usual = not (notation.true or notation.false)
    meanings = dict.fromkeys((each.casefold().strip() for each in (_TRUE if usual else notation.true)), True)
    meanings |= dict.fromkeys((each.casefold().strip() for each in (_FALSE if usual else notation.false)), False)
    help = "write " + " or ".join(("true", "false") if usual else (*notation.true, *notation.false))

    def from_any(raw: object) -> bool | None:
        if isinstance(raw, bool) or raw is None:
            return raw
        text = str(raw).strip() if isinstance(raw, (str, int, Decimal)) else "?"
        if text.casefold() in meanings:
            return meanings[text.casefold()]
        if not text:
            return None
        raise ConversionError(f"is neither true nor false: {_shown(raw)}", help)

    return from_any


def _list(raw: object) -> tuple[str, ...] | None:
    """A JSON list, or a text with semicolons (else commas) between the items."""
    if isinstance(raw, str):
        text = raw.strip()
        if not text:
            return None
        raw = _json(text) if text.startswith("[") else text.split(";" if ";" in text else ",")
    if raw is None:
        return None
    if not isinstance(raw, list):
        raise ConversionError(f"is no list: {_shown(raw)}")
    return tuple(item for each in raw if (item := _word(each)))


_LINE: Mapping[str, Converter] = {
    "name": _text,
    "sku": _text,
    "quantity": _integer,
    "price": _decimal("."),
}


def _records(raw: object) -> tuple[Mapping[str, object], ...] | None:
    if isinstance(raw, str):
        raw = _json(raw) if raw.strip() else None
    if raw is None:
        return None
    if not isinstance(raw, list):
        raise ConversionError(f"is no list of order lines: {_shown(raw)}")
    return tuple(_record(each) for each in raw)


def _record(raw: object) -> Mapping[str, object]:
    if not isinstance(raw, dict):
        raise ConversionError(f"holds something that is no order line: {_shown(raw)}")
    record: dict[str, object] = {}
    for name, each in raw.items():
        if name not in _LINE:
            raise ConversionError(f"holds an order line with the unknown key `{name}`", did_you_mean(name, _LINE))
        try:
            value = _LINE[name](each)
        except ConversionError as error:
            raise ConversionError(f"holds an order line whose {name} {error.message}", error.help) from error
        if value is not None:
            record[name] = value
    return record


def _json(text: str) -> object:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"is no JSON: {_shown(text)}") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _shown(raw: object) -> str:
    text = str(raw)
    return f"`{text if len(text) <= 40 else text[:37] + '…'}`"
