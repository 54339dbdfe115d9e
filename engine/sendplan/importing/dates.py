"""Dates and times as files write them → moments (docs/mapping.md#dates)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from typing import TypeAlias
from zoneinfo import ZoneInfo

from sendplan.calendar import Calendar
from sendplan.fields import Moment
from sendplan.importing.mistakes import ConversionError

MomentReader: TypeAlias = Callable[[object], Moment | None]
Naive: TypeAlias = date | datetime
"""A date, a local time, or an aware instant."""

ISO, EPOCH, RFC2822 = "iso", "epoch", "rfc2822"
WORDS = (ISO, EPOCH, RFC2822)
"""Formats that have a name of their own."""
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|z|[+-]\d\d(?::?\d\d)?))?)?", re.ASCII
)
_LONGEST = 200
"""Characters of a date; nobody writes a longer one, and names of months would be looked for in all of it."""
_FIRST_YEAR, _LAST_YEAR = 1900, 2999
_MOST_DIGITS = 40
_NO_DAY = re.compile(r"0{4}[-/.]00[-/.]00|00[-/.]00[-/.]0{4}")
_DAY_NUMBER = re.compile(r"[3-6][0-9]{4}(?:\.[0-9]+)?")
"""Days since 30 December 1899, as spreadsheets count them, from 1982 to 2091."""
_TIME = re.compile(r"%[HIMSpcXfzZ]")
_DIRECTIVE = re.compile(r"%(.)")
_KNOWN = frozenset("aAbBcdfHIjmMpSUwWxXyYzZ%GuV")
_MILLISECONDS = Decimal(10) ** 11
"""Twelve digits: seconds of the year 5138, so milliseconds are meant."""
_ZONES = {
    **dict.fromkeys(("UTC", "GMT", "Z", "UT", "WET"), 0),
    **dict.fromkeys(("CET", "MEZ", "WEST", "BST"), 60),
    **dict.fromkeys(("CEST", "MESZ", "EET"), 120),
    "EEST": 180,
    "EST": -300,
    "EDT": -240,
    "CST": -360,
    "CDT": -300,
    "MST": -420,
    "MDT": -360,
    "PST": -480,
    "PDT": -420,
    "AEST": 600,
    "AEDT": 660,
    "JST": 540,
}
"""Names of zones in the texts of shop systems → minutes east of Greenwich."""
GUESSES = (
    *("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%y", "%d.%m.%y %H:%M"),
    *("%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S"),
    *("%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y", "%d-%m-%Y %H:%M:%S"),
    *("%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y%m%d", "%Y%m%d%H%M%S", "%b-%d-%y", "%b-%d-%Y"),
    *("%d %b %Y", "%d %b %Y %H:%M", "%d %b %Y %H:%M:%S", "%b %d, %Y", "%B %d, %Y", "%d. %B %Y", "%d %B %Y"),
    *("%b %d, %Y, %I:%M:%S %p", "%Y-%m-%d %H:%M:%S UTC", "%d-%b-%Y", "%d-%b-%y", "%m-%d-%Y"),
    *("%d.%m.%Y, %H:%M", "%d.%m.%Y, %H:%M:%S", "%d.%m.%Y %H:%M Uhr", "%d.%m.%y %H:%M:%S", "%d-%m-%Y %H:%M"),
    *("%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "%m/%d/%Y, %I:%M %p", "%b %d, %Y %I:%M %p", "%b %d, %Y, %I:%M %p"),
    *("%b-%d-%y %H:%M:%S", "%Y.%m.%d", "%Y.%m.%d %H:%M:%S", "%d. %B %Y %H:%M", "%d %B %Y %H:%M", "%d. %b %Y"),
)
"""Formats to suggest for texts that are not ISO 8601."""


def format_problem(format: str, months: str | None = None) -> tuple[str, str] | None:
    """What is wrong with a format, and what to write instead; None when dates can be read by it."""
    if format in WORDS:
        return None
    letters = set(_DIRECTIVE.findall(format.replace("%%", "")))
    unknown = sorted(letters - _KNOWN)
    if unknown or format.replace("%%", "").endswith("%"):
        return f"`%{unknown[0] if unknown else ''}` is not a part of a date", "such as %d.%m.%Y %H:%M"
    if not letters:
        return f"`{format}` is not a format", f"a strptime format such as %d.%m.%Y, or one of {', '.join(WORDS)}"
    if not letters & set("yYcxG"):
        return "the format has no year", "add %Y, or %y for two digits"
    if not letters & set("cxjV") and not (letters & set("mbB") and "d" in letters):
        return "the format has no day or no month", "add %d, and %m or %b"
    if "p" in letters and "H" in letters:
        return "`%H` counts to 24, so `%p` would be ignored", "write %I for hours with AM and PM"
    if "I" in letters and "p" not in letters:
        return "`%I` counts to 12 and nothing says AM or PM", "write %H, or add %p"
    try:
        datetime.strptime("", format)
    except re.error:
        return "a part of the date appears twice in the format", "each part once, such as %d.%m.%Y %H:%M"
    except ValueError as error:
        if "does not match" not in str(error):
            return f"`{format}` is not a format: {error}", "such as %d.%m.%Y %H:%M"
    return None


def moment_reader(
    calendar: Calendar, formats: Sequence[str] = (ISO,), zone: str | None = None, months: str | None = None
) -> MomentReader:
    """Texts in one of these formats, tried in turn, and dates as they are. Raises ConversionError.

    A time that names no zone is one of `zone`, else of the shop; a date without a time is the shop's day.
    """
    readers = [_reader(each, months) for each in formats]
    clock = calendar if zone is None else _Clock(ZoneInfo(zone))
    help = "write it as 2026-08-11 or 2026-08-11 10:00" if tuple(formats) == (ISO,) else f"such as {formats[0]}"

    def read(raw: object) -> Moment | None:
        if type(raw) is not str:
            if raw is None:
                return None
            if isinstance(raw, date):
                return finished(raw, raw)
            if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal):
                raise ConversionError("is not a date", raw)
        text = raw.strip() if isinstance(raw, str) else _written_out(raw)
        if not text:
            return None
        for each in readers if len(text) <= _LONGEST else ():
            found = each(text)
            if found is not None:
                return finished(found, raw)
        raise ConversionError("is not a date", raw, _unmeant(text) or help)

    def finished(moment: Naive, raw: object) -> Moment:
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise ConversionError(f"is in the year {moment.year}", raw, _says_empty(str(raw)))
        if not isinstance(moment, datetime):
            return moment
        if moment.microsecond:
            moment = moment.replace(microsecond=0)
        if moment.tzinfo is UTC:
            return moment
        return moment.astimezone(UTC) if moment.tzinfo else clock.localize(moment)

    return read


def _unmeant(text: str) -> str:
    """What to do about a text that no export means as it stands; empty for others."""
    if _NO_DAY.match(text):
        return _says_empty(text)
    if _DAY_NUMBER.fullmatch(text):
        day = date(1899, 12, 30) + timedelta(days=int(text[:5]))
        return f"a spreadsheet counts days so: it may be {day}; give the column a date's format before you export"
    return ""


def _says_empty(text: str) -> str:
    return f'if it stands for no date, add empty: ["{text}"]'


def _written_out(number: int | Decimal) -> str:
    """Digits without an exponent; the notation as it is for a number that no date has, which may be endless."""
    if isinstance(number, Decimal) and not (number.is_finite() and abs(number.adjusted()) < _MOST_DIGITS):
        return str(number)
    return format(number, "f")


class _Clock:
    """Another zone's local times."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def localize(self, naive: datetime) -> datetime:
        return naive.replace(tzinfo=self._zone, fold=0).astimezone(UTC)


def _reader(format: str, months: str | None) -> Callable[[str], Naive | None]:
    """None for a text that is not written so."""
    match format:
        case "iso":
            return _iso
        case "epoch":
            return _epoch
        case "rfc2822":
            return _rfc2822
    return _strptime(format, months)


def _iso(text: str) -> Naive | None:
    if len(text) == 10 and text[4] == text[7] == "-" and text.isascii():
        try:
            return date(int(text[:4]), int(text[5:7]), int(text[8:]))
        except ValueError:
            return None
    if len(text) >= 16 and text[4] == text[7] == "-" and text[10] in "T " and text[13] == ":" and text.isascii():
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass  # a blank before the offset, a small z
    if not _ISO.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").upper().replace(" Z", "Z"))
    except ValueError:
        return None


def _epoch(text: str) -> Naive | None:
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        return None
    if not seconds.is_finite() or seconds < 0:
        return None
    seconds = seconds / 1000 if seconds >= _MILLISECONDS else seconds
    return datetime.fromtimestamp(int(seconds), UTC) if seconds < _MILLISECONDS else None


def _rfc2822(text: str) -> Naive | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None


def _strptime(format: str, months: str | None) -> Callable[[str], Naive | None]:
    named = re.search(r"%[bBaA]", format) is not None
    with_time = _TIME.search(format.replace("%%", "")) is not None
    zoned = "%Z" in format.replace("%%", "")
    plain = format.replace("%Z", "%z") if zoned else format

    def read(text: str) -> Naive | None:
        for candidate in _translated(text, months) if named and months else (text,):
            found = _parsed(_with_offset(candidate) if zoned else candidate, plain)
            if found is not None:
                return found if with_time else found.date()
        return None

    return read


def _parsed(text: str, format: str) -> datetime | None:
    try:
        return datetime.strptime(text, format)
    except ValueError:
        return None


def _with_offset(text: str) -> str:
    """A zone's name as its offset; an unknown name stays, so that the text does not fit."""

    def offset(found: re.Match[str]) -> str:
        minutes = _ZONES.get(found[0].upper())
        if minutes is None:
            return found[0]
        sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
        return f"{sign}{minutes // 60:02}{minutes % 60:02}"

    return re.sub(r"[A-Za-z]+", offset, text)


def _translated(text: str, months: str) -> tuple[str, ...]:
    """The text with names of months and days in English, short and long, with and without a dot behind them."""
    names = _names(months)
    forms = [
        re.sub(pattern, partial(_english, names, long), text)
        for long in (False, True)
        for pattern in (r"[^\W\d_]+\.?", r"[^\W\d_]+")
    ]
    return tuple(dict.fromkeys(forms))


def _english(names: Mapping[str, tuple[str, str]], long: bool, found: re.Match[str]) -> str:
    return names.get(found[0].casefold().rstrip("."), (found[0],) * 2)[long]


@cache
def _names(language: str) -> Mapping[str, tuple[str, str]]:
    """Every spelling of a month or day in a language → its short and its long English name."""
    from babel import Locale

    here, english = Locale.parse(language.replace("-", "_")), Locale("en")
    found: dict[str, tuple[str, str]] = {}
    for ours, theirs in ((here.days, english.days), (here.months, english.months)):
        for context in ("format", "stand-alone"):
            for width in ("abbreviated", "wide"):
                for number, name in ours[context][width].items():
                    short, long = theirs["format"]["abbreviated"][number], theirs["format"]["wide"][number]
                    found[str(name).casefold().rstrip(".")] = (str(short), str(long))
    return {**_FURTHER.get(here.language, {}), **found}


_FURTHER: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "de": {
        "jan": ("Jan", "January"),
        "jänner": ("Jan", "January"),
        "mär": ("Mar", "March"),
        "mrz": ("Mar", "March"),
        "apr": ("Apr", "April"),
        "jun": ("Jun", "June"),
        "jul": ("Jul", "July"),
        "sep": ("Sep", "September"),
    }
}
"""Spellings beside those of the locale data."""


def known_language(language: str) -> bool:
    """Whether the names of months are known in it."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(language.replace("-", "_")) is not None
    except (ValueError, TypeError, UnknownLocaleError):
        return False


def formats_of(texts: Sequence[str], months: str | None = None) -> list[str]:
    """The formats by which all these texts are dates; more than one when day and month cannot be told apart."""
    fitting = []
    for format in (RFC2822, EPOCH, *GUESSES):
        read = _reader(format, months)
        found = [read(text) for text in texts]
        if found and all(each is not None and each.year in range(1990, 2100) for each in found):
            fitting.append(format)
    return fitting


def is_iso(text: str) -> bool:
    """Whether a text is a date or time of ISO 8601."""
    return _iso(text) is not None


def say_formats(fitting: Sequence[str], present: Sequence[str]) -> str:
    """The line of a mapping for a format that was found."""
    if len(fitting) > 1:
        return f"it looks like `{'` or `'.join(fitting)}`: add the right one under `dates`"
    listed = [*fitting, *(each for each in present if each != ISO or len(present) > 1)]
    return f"it looks like `{fitting[0]}`: add dates: [{', '.join(_quoted(each) for each in listed)}]"


def _quoted(format: str) -> str:
    return format if format in WORDS else f'"{format}"'
