"""Money, dates and country names in the message's language (docs/templates.md#what-a-template-sees)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, get_currency_precision
from babel.units import UnknownUnitError, format_unit

from sendplan.dataclass import dataclass
from sendplan.templates.values import Country, Money, View
from sendplan.units import UNITS, Duration

DATE_FORMATS = ("short", "medium", "long", "full")


class PrintError(Exception):
    """A template printed something that has no text; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Localiser:
    """Turns values into text for one message."""

    language: str
    """BCP 47; an unknown region prints as the language does, an unknown language like English."""
    currency: str | None = None
    """ISO 4217 code of the order; without one, money prints as a number with at least two decimals."""

    def text(self, value: object) -> str:
        """How a value prints by itself. A moment prints as its day; money with its currency."""
        match value:
            case bool():
                return "true" if value else "false"
            case Country():
                return self.country(value)
            case str():
                return str(value)
            case Money():
                return self.money(value)
            case Decimal():
                return str(format_decimal(value, locale=_locale(self.language), decimal_quantization=False))
            case float():
                return self.text(Decimal(repr(value)))
            case int():
                return str(value)
            case date():
                return self.date(value)
            case Duration():
                return self.duration(value)
            case View():
                raise PrintError(f"`{value.label}` is a record: print one of its fields, as in `{value.label}.name`")
            case list() | tuple():
                return self.list(value)
            case _:
                raise PrintError(f"a value of type {type(value).__name__} cannot be printed")

    def money(self, value: object) -> str:
        """An amount with the order's currency: an amount of the order exactly, a computed one to the cent."""
        amount = _number(value)
        if not isinstance(value, Money):
            places = max(2, get_currency_precision((self.currency or "").upper()))
            amount = amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        return _money(amount, self.currency, self.language)

    def date(self, value: object, form: str = "long") -> str:
        """The day of a moment; `form` is one of `short`, `medium`, `long`, `full`."""
        if not isinstance(value, date):
            raise PrintError("`date` formats a moment such as `order.shipped`")
        if form not in DATE_FORMATS:
            raise PrintError(f"`{form}` is not a date format, write one of {', '.join(DATE_FORMATS)}")
        return _date(date(value.year, value.month, value.day), form, self.language)

    def datetime(self, value: object, form: str = "long") -> str:
        """The day and the time of an instant on the shop's clock; a bare date prints as its day."""
        day = self.date(value, form)
        if not isinstance(value, datetime):
            return day
        return f"{day}, {format_time(value.timetz(), format='short', locale=_locale(self.language))}"

    def country(self, value: object) -> str:
        """The name of a country by its ISO 3166-1 code; a code without a name stays as it is."""
        if not isinstance(value, str):
            raise PrintError("`country` names a country by its code, such as `order.country`")
        return str(_locale(self.language).territories.get(str(value).upper(), str(value)))

    def duration(self, value: Duration) -> str:
        """`7 Tage`; business days, for which no translation is at hand, print as they are written."""
        name = f"duration-{UNITS[value.unit].singular}"
        try:
            return str(format_unit(value.amount, name, locale=_locale(self.language)))
        except UnknownUnitError:
            return str(value)

    def list(self, values: Sequence[object]) -> str:
        """`a, b und c`."""
        if any(isinstance(value, View) for value in values):
            raise PrintError("a list of records cannot be printed: go through it with `{% for … in … %}`")
        return str(format_list([self.text(value) for value in values], locale=_locale(self.language)))


def is_known(language: str) -> bool:
    """Whether money and dates can be printed in this language."""
    try:
        Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True


@lru_cache(maxsize=1024)
def _date(day: date, form: str, language: str) -> str:
    return str(format_date(day, format=form, locale=_locale(language)))


@lru_cache(maxsize=1024)
def _money(amount: Decimal, currency: str | None, language: str) -> str:
    """With every decimal that it has, and at least the currency's."""
    locale = _locale(language)
    if currency is None:
        return str(format_decimal(amount, format="#,##0.00", locale=locale, decimal_quantization=False))
    code = currency.upper()
    # The dinar's para are not coined any more, yet whoever owes 1234.56 owes them: never one decimal, as in 1234.5.
    whole = amount == round(amount, get_currency_precision(code))
    return str(format_currency(amount, code, locale=locale, currency_digits=whole, decimal_quantization=False))


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    while language and not is_known(language):
        language = language.rpartition("-")[0]
    return Locale.parse(language or "en", sep="-")


def _number(value: object) -> Decimal:
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    raise PrintError("`money` formats a number such as `order.total`")
