"""`shop:` in sendplan.yaml → who sends, and the shop's calendar (docs/project.md#settings)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sendplan.calendar import WEEKDAYS, Calendar
from sendplan.holiday_tables import holidays_error
from sendplan.problems import did_you_mean
from sendplan.project.settings import Shop
from sendplan.project.times import days, weekdays
from sendplan.reading.source import KeyPath

Note: TypeAlias = Callable[[str, KeyPath, str, str], None]
"""Notes a problem: its code, the key below the section, the message, the help."""

_WEEKEND = ("sat", "sun")
_HOLIDAYS = ("public",)
_LINK = re.compile(r"https://[^/\s]+.*|mailto:\S+@\S+")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")


def shop_and_calendar(data: Mapping[str, Any] | None, note: Note) -> tuple[Shop | None, Calendar | None]:
    """The shop and its calendar; None for what cannot be read, which is noted."""
    if data is None:
        return None, None
    return _shop(data, note), _calendar(data, note)


def check_holidays(data: Mapping[str, Any] | None, note: Note, *, needed: bool) -> None:
    """Whether the place's holidays are known, when they are `needed` or the shop names any."""
    if data is None or not (needed or "subdivision" in data or "holidays" in data):
        return
    wrong = holidays_error(data["country"], data.get("subdivision"), tuple(data.get("holidays", _HOLIDAYS)))
    if wrong is not None:
        key, message = wrong
        help_ = "name some of these" if key == "holidays" else "give the ISO 3166 codes of the shop's place"
        note("wrong-value", (key,), message, help_)


def _shop(data: Mapping[str, Any], note: Note) -> Shop:
    links = _texts(data.get("unsubscribe"))
    for number, link in enumerate(links):
        place = ("unsubscribe", number) if isinstance(data["unsubscribe"], list) else ("unsubscribe",)
        if not _LINK.fullmatch(link):
            help_ = "write `https://shop.example.com/u/{token}` or `mailto:unsubscribe@example.com`"
            note("wrong-value", place, "neither an https nor a mailto address", help_)
        for other in sorted({*_PLACEHOLDER.findall(link)} - {"{token}"}):
            note("wrong-value", place, f"`{other}` is nothing that a link can have", "write `{token}`")
    bank = data.get("bank", {})
    if "iban" in bank and not _is_iban(bank["iban"]):
        help_ = "look it up on a bank statement: its check digits do not fit, or its length"
        note("wrong-value", ("bank", "iban"), f"`{bank['iban']}` is not a valid IBAN", help_)
    return Shop(
        name=data["name"],
        timezone=data["timezone"],
        country=data["country"],
        branding=bool(data.get("branding", False)),
        unsubscribe=links,
        logo=data.get("logo"),
        bank=bank,
        imprint=_texts(data.get("imprint")),
    )


def _texts(value: str | list[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _is_iban(text: str) -> bool:
    """Whether the check digits of an international bank account number fit (ISO 13616)."""
    plain = "".join(text.split()).upper()
    if not _IBAN.fullmatch(plain):
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def _calendar(data: Mapping[str, Any], note: Note) -> Calendar | None:
    closed = []
    for number, text in enumerate(data.get("closed", [])):
        found = days(text)
        if found is None:
            help_ = "write `2026-12-24/2027-01-03` or one day `2026-12-24`"
            note("wrong-value", ("closed", number), f"`{text}` is neither a day nor a range of days", help_)
        else:
            closed.append(found)
    weekend = _weekend(data, note)
    try:
        zone = ZoneInfo(data["timezone"])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        from zoneinfo import available_timezones

        help_ = did_you_mean(data["timezone"], available_timezones())[:200]
        note("wrong-value", ("timezone",), f"there is no time zone `{data['timezone']}`", help_)
        return None
    holidays = tuple(data.get("holidays", _HOLIDAYS))
    return Calendar(zone, data["country"], data.get("subdivision"), tuple(closed), weekend, holidays)


def _weekend(data: Mapping[str, Any], note: Note) -> frozenset[int]:
    written = data.get("weekend", _WEEKEND)
    found = weekdays(written)
    if found is None or len(found) == len(WEEKDAYS):
        what = ", ".join([written] if isinstance(written, str) else written)
        message = "a week without a working day" if found else f"`{what}` are not days of the week"
        note("wrong-value", ("weekend",), message, "write `[sat, sun]` or `[fri, sat]`")
        return frozenset()
    return found
