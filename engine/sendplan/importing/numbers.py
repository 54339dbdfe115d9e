"""Numbers as files write them → `Decimal`, exactly (docs/mapping.md#numbers)."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

from sendplan.dataclass import dataclass
from sendplan.importing.mistakes import ConversionError

NumberReader: TypeAlias = Callable[[object], Decimal | None]

_SPACES = " \u00a0\u202f\u2009"
_APOSTROPHES = "'\u2019"
_CURRENCY = r"(?:[A-Z]{3}|[A-Z]{0,3}[$€£¥₹₽₺₴₩₪฿₫₦₱₡₲₵₸₼₾]|kr\.?|zł|Kč|Ft|lei|Fr\.)"
"""A currency's sign or ISO 4217 code."""
_AROUND = re.compile(
    rf"(?P<sign>[-+\u2212]?)\s*(?:{_CURRENCY}\s*)?(?P<inner>[-+\u2212]?)\s*(?P<digits>[\d.,].*?)\s*{_CURRENCY}?"
)
_LARGEST = Decimal(10) ** 14
_FLOAT_PLACES = Decimal("1e-10")


def number_reader(decimal: str = ".", thousands: str | None = None) -> NumberReader:
    """Texts in this notation, and numbers as they are; None for blanks. Raises ConversionError."""
    plain = _written(decimal, thousands)
    separators = (
        _SPACES if thousands in tuple(_SPACES) else _APOSTROPHES if thousands in tuple(_APOSTROPHES) else thousands
    )
    without = str.maketrans(dict.fromkeys(separators or ""))

    def read(raw: object) -> Decimal | None:
        if raw is None:
            return None
        if isinstance(raw, str):
            text = raw.strip()
            if not text:
                return None
            digits = _bare(text)
            if digits is None or not plain.fullmatch(digits):
                raise ConversionError("is not a number", raw, f"write it as 1234{decimal}56")
            return checked(Decimal(digits.translate(without).replace(decimal, ".")), raw)
        if isinstance(raw, (int, Decimal)) and not isinstance(raw, bool):
            return checked(Decimal(raw), raw)
        raise ConversionError("is not a number", raw)

    return read


def checked(value: Decimal, raw: object) -> Decimal:
    """A finite number that a store can hold. Raises ConversionError."""
    if not value.is_finite() or value.copy_abs() >= _LARGEST:
        raise ConversionError("is too large", raw)
    return value


def from_float(characters: str) -> Decimal:
    """A float of JSON or XLSX: what lies beyond its tenth decimal is noise of binary arithmetic."""
    value = Decimal(characters)
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= -10:
        return value
    return value.quantize(_FLOAT_PLACES).normalize() if value.adjusted() < 17 else value


def _bare(text: str) -> str | None:
    """The digits with their sign and separators, without blanks and currency around them."""
    if text[0].isdigit() and text[-1].isdigit():
        return text
    found = _AROUND.fullmatch(text)
    if found is None or (found["sign"] and found["inner"]):
        return None
    sign = found["sign"] or found["inner"]
    return ("-" if sign in "-\u2212" and sign else "") + found["digits"]


def _alike(thousands: str | None) -> str:
    """The separator with those that look like it: every kind of blank, every kind of apostrophe."""
    return next((each for each in (_SPACES, _APOSTROPHES) if thousands and thousands in each), thousands or "")


def _written(decimal: str, thousands: str | None) -> re.Pattern[str]:
    point = re.escape(decimal)
    whole = "[0-9]+"
    if thousands is not None:
        mark = f"[{re.escape(_alike(thousands))}]"
        # Groups of two are how India writes lakhs; the last group always has three.
        whole = f"(?:[0-9]+|[0-9]{{1,3}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}})"
    return re.compile(rf"[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)")


NOTATIONS = ((".", None), (",", None), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"))
"""How numbers are written in most of the world: decimal and thousands separator."""


def notation_of(texts: list[str]) -> tuple[str, str | None] | None:
    """The one notation in which all these texts are numbers; None when there is none, or more than one reading."""
    readings: dict[tuple[Decimal | None, ...], tuple[str, str | None]] = {}
    for decimal, thousands in NOTATIONS:
        read = number_reader(decimal, thousands)
        try:
            values = tuple(read(text) for text in texts)
        except ConversionError:
            continue
        readings.setdefault(values, (decimal, thousands))
    return next(iter(readings.values())) if len(readings) == 1 and texts else None


@dataclass(slots=True)
class Fractions:
    """How one column writes its fractions, as far as that tells whether `1.050` may be a thousand and fifty."""

    mark: str
    """What stands before the decimals."""
    thousands: str = ""
    """The first text with three decimals that may be thousands."""
    other: str = ""
    """The first one with another number of decimals."""
    _money: bool = True
    """Whether each of the others has two decimals."""
    _padded: bool = False
    """Whether a fraction ends in a zero, so that decimals are not written as they come (`12.5`)."""
    _fine: bool = False
    """Whether three decimals came that cannot be thousands (`0.050`)."""

    def note(self, text: str) -> None:
        """Take one text of the column into account; what is not a number says nothing."""
        whole, _, fraction = (_bare(text.strip() or "x") or "").partition(self.mark)
        if not re.fullmatch("[0-9]+", fraction):
            return
        self._padded |= fraction.endswith("0")
        if len(fraction) != 3:
            self.other = self.other or text
            self._money &= len(fraction) == 2
        elif re.fullmatch("[+-]?[1-9][0-9]{0,2}", whole):
            self.thousands = self.thousands or text
        else:
            self._fine = True

    @property
    def doubtful(self) -> bool:
        """Whether some of the fractions may be thousands."""
        return bool(self.thousands) and not self._fine

    @property
    def uneven(self) -> bool:
        """Whether other fractions of the column say so, such as `12.50` beside `1.050`."""
        return self.doubtful and bool(self.other) and (self._money or self._padded)


def say_notation(decimal: str, thousands: str | None) -> str:
    """The lines of a mapping for a notation."""
    said = f'decimal: "{decimal}"'
    return f"add {said}" + (f' and thousands: "{thousands}"' if thousands else "")
