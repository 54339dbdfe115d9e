"""What a file or a scenario writes → the value of a field, exactly, or an error that says what to write instead.

One place for every reader: a CSV's texts, typed values of JSON and XLSX (numbers as `Decimal`), a scenario's scalars.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache, partial
from typing import TypeAlias, assert_never

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.fields import Field, FieldType, Value
from sendplan.importing.dates import ISO, moment_reader
from sendplan.importing.mistakes import ConversionError
from sendplan.importing.numbers import NumberReader, number_reader
from sendplan.problems import did_you_mean
from sendplan.project.languages import canonical

__all__ = ["ConversionError", "Converter", "Notation", "convert", "converter", "plain_text"]

Converter: TypeAlias = Callable[[object], Value | None]
"""From what stands there to the value; None for an empty one. Raises ConversionError."""


@dataclass(frozen=True, slots=True)
class Notation:
    """How a file or column writes its values (docs/mapping.md)."""

    dates: tuple[str, ...] = (ISO,)
    """Formats that are tried in turn."""
    zone: str | None = None
    """Of times that name none; the shop's when None."""
    months: str | None = None
    """The language of month names; English when None."""
    decimal: str = "."
    thousands: str | None = None
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()


def convert(field: Field, raw: object, calendar: Calendar) -> Value | None:
    """One value in the usual notation; None for an empty one. Raises ConversionError."""
    return converter(field, calendar)(raw)


def converter(field: Field, calendar: Calendar, notation: Notation | None = None) -> Converter:
    """The conversion of one field, prepared for a whole column.

    A notation is a file's, whose e-mail addresses must look like some; a scenario may try what has no address.
    """
    if notation is not None and field.name == "email" and not field.own:
        return _email
    notation = notation or Notation()
    match field.type:
        case FieldType.INTEGER:
            return _integer(number_reader(notation.decimal, notation.thousands))
        case FieldType.DECIMAL:
            amount = _amount(number_reader(notation.decimal, notation.thousands))
            return _not_negative(amount) if field.name in NEVER_NEGATIVE else amount
        case FieldType.MOMENT:
            return moment_reader(calendar, notation.dates, notation.zone, notation.months)
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


NEVER_NEGATIVE = ("credited", "paid_amount")

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_ALL_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_INVISIBLE = dict.fromkeys((0xAD, *range(0x200B, 0x2010), 0x2060, 0xFEFF))
"""Characters without width, as copied from web pages: with one of them an id would be another order."""
_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});")


def _text(raw: object) -> str | None:
    """The characters as they are, those of HTML decoded; a text of blanks is empty."""
    text = raw if type(raw) is str else plain_text(raw)
    if not text or text.isspace():
        return None
    if "&" in text:
        # Web shops export `Caf&eacute;`, and mails escape what they show themselves.
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if not text.isprintable() and (found := _CONTROLS.search(text)):
        raise ConversionError(f"contains the control character U+{ord(found.group()):04X}", help="remove it")
    return text


def _word(raw: object) -> str | None:
    """A text on one line without blanks around it, such as an id or an address."""
    text = (raw if type(raw) is str else plain_text(raw)).strip()
    if not text.isprintable():
        text = text.translate(_INVISIBLE).strip()
    if not text.isprintable() and (found := _ALL_CONTROLS.search(text)):
        raise ConversionError(f"contains the control character U+{ord(found.group()):04X}", help="remove it")
    return text or None


def plain_text(raw: object) -> str:
    """What stands there as text: a whole number without `.0`, another as it is written."""
    if isinstance(raw, str):
        return raw
    if raw is None:
        return ""
    if isinstance(raw, bool) or not isinstance(raw, int | Decimal):
        raise ConversionError("is not a text", raw)
    if isinstance(raw, Decimal) and not (raw.is_finite() and abs(raw.adjusted()) < 40):
        raise ConversionError("is too large", raw)
    return str(int(raw)) if raw == int(raw) else format(raw, "f")


_SPREADSHEET = re.compile(r"[0-9]+\.0+|[0-9]+(?:[.,][0-9]+)?[eE]\+[0-9]+")


def _id(raw: object) -> str | None:
    word = _word(raw)
    if word is not None and isinstance(raw, str) and _SPREADSHEET.fullmatch(word):
        help = "a spreadsheet made a number of the id: export the file again, with this column as text"
        raise ConversionError("is not an id", raw, help)
    return word


_NOBODY = re.compile(r"[\W\d_]{1,20}|n/?a|no|none|null|nil|unknown|unbekannt|keine?|leer|empty", re.IGNORECASE)


def _email(raw: object) -> str | None:
    address = _word(raw)
    if address is not None and "@" not in address:
        # Any other text may be somebody's name, which no log is to hold.
        help = (
            f'if it means "no address", add empty: ["{address}"] to the mapping' if _NOBODY.fullmatch(address) else ""
        )
        raise ConversionError("is not an e-mail address", raw, help)
    return address


def _country(raw: object) -> str | None:
    name = _word(raw)
    return None if name is None else _country_code(name)


@lru_cache(maxsize=4096)
def _country_code(name: str) -> str:
    from sendplan.importing.countries import alpha2

    country = alpha2(name) if len(name) <= _LONGEST_NAME else None
    if country is None:
        raise ConversionError("names no country", name, partial(_country_help, name[:_LONGEST_NAME]))
    return country


_LONGEST_NAME = 200
"""Characters of a country's name; nobody writes a longer one."""


def _country_help(name: str) -> str:
    from sendplan.importing.countries import known_names

    help = did_you_mean(name, known_names())
    return help if help.startswith("did") else "write the ISO code, such as DE, or the country's name"


def _postcode(raw: object) -> str | None:
    """Without the apostrophe by which spreadsheets, and shops for their sake, keep a leading zero (`'01067`)."""
    text = _text(raw)
    return text.strip().lstrip("'\u2019").strip() or None if text is not None else None


def _language(raw: object) -> str | None:
    text = _word(raw)
    if not text:
        return None
    tag = canonical(text)
    if tag is None:
        raise ConversionError("is not a language tag", raw, "write it as de or de-AT (BCP 47)")
    return tag


def _currency(raw: object) -> str | None:
    code = (_word(raw) or "").upper()
    if code and not re.fullmatch(r"[A-Z]{3}", code):
        raise ConversionError("is not a currency", raw, "write its ISO 4217 code, such as EUR")
    return code or None


_CODES: Mapping[str, Converter] = {
    "id": _id,
    "account": _word,
    "email": _word,
    "postcode": _postcode,
    "country": _country,
    "billing_country": _country,
    "language": _language,
    "currency": _currency,
}

_LARGEST_INTEGER = 2**63 - 1
_CENTS, _FINEST = Decimal("0.01"), Decimal("0.0001")
"""Two decimals where those are enough, else four: a value looks the same however it was written."""


def _integer(read: NumberReader) -> Converter:
    def from_any(raw: object) -> int | None:
        # A text of digits needs no notation, and may be larger than an amount.
        whole = Decimal(raw) if isinstance(raw, int) and not isinstance(raw, bool) else None
        if isinstance(raw, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,40}\s*", raw):
            whole = Decimal(raw.strip())
        number = whole if whole is not None else read(raw)
        if number is None:
            return None
        if number.copy_abs() > _LARGEST_INTEGER:
            raise ConversionError("is too large", raw)
        if number != number.to_integral_value():
            raise ConversionError("is not a whole number", raw)
        return int(number)

    return from_any


def _amount(read: NumberReader) -> Converter:
    def from_any(raw: object) -> Decimal | None:
        value = read(raw)
        if value is None:
            return None
        for places in (_CENTS, _FINEST):
            exact = value.quantize(places) + 0
            if exact == value:
                return exact
        raise ConversionError("has more than four decimals", raw)

    return from_any


def rounded(value: Decimal) -> Decimal:
    """The result of a calculation: to the cent when it has more decimals than an amount can have."""
    return value if value.is_finite() and value == value.quantize(_FINEST) else value.quantize(_CENTS, ROUND_HALF_EVEN)


def _not_negative(amount: Converter) -> Converter:
    def from_any(raw: object) -> Value | None:
        value = amount(raw)
        if isinstance(value, Decimal) and value < 0:
            raise ConversionError("is negative", raw, "what was credited or paid is written without a minus")
        return value

    return from_any


TRUE = ("true", "yes", "y", "t", "1", "on", "ja", "j", "x")
FALSE = ("false", "no", "n", "f", "0", "off", "nein")


def _flag(notation: Notation) -> Converter:
    """The usual words, and a mapping's own, which win."""
    meanings = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)
    meanings |= dict.fromkeys((each.casefold().strip() for each in notation.true), True)
    meanings |= dict.fromkeys((each.casefold().strip() for each in notation.false), False)

    def from_any(raw: object) -> bool | None:
        if isinstance(raw, bool) or raw is None:
            return raw
        text = plain_text(raw).strip() if isinstance(raw, str | int | Decimal) else "?"
        if text.casefold() in meanings:
            return meanings[text.casefold()]
        if not text:
            return None
        raise ConversionError("is neither true nor false", raw, f'add "true": ["{text}"] or "false": ["{text}"]')

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
    if not isinstance(raw, list | tuple):
        raw = [raw]
    return tuple(item for each in raw if (item := _word(each)))


_LINE: Mapping[str, Converter] = {
    "name": _text,
    "sku": _text,
    "quantity": _integer(number_reader()),
    "price": _amount(number_reader()),
}


def _records(raw: object) -> tuple[Mapping[str, object], ...] | None:
    if isinstance(raw, str):
        raw = _json(raw) if raw.strip() else None
    if raw is None:
        return None
    if not isinstance(raw, list | tuple):
        raise ConversionError("is not a list of order lines", raw)
    return tuple(_record(each) for each in raw)


def _record(raw: object) -> Mapping[str, object]:
    if not isinstance(raw, dict):
        raise ConversionError("holds something that is not an order line", raw)
    record: dict[str, object] = {}
    for name, each in raw.items():
        if name not in _LINE:
            raise ConversionError(
                f"contains an order line with the unknown key `{name}`", help=did_you_mean(name, _LINE)
            )
        try:
            value = _LINE[name](each)
        except ConversionError as error:
            raise ConversionError(f"contains an order line whose {name} {error.message}", help=error.help) from error
        if value is not None:
            record[name] = value
    return record


def _json(text: str) -> object:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ConversionError("is not JSON", text) from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")
