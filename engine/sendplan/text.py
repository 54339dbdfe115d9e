"""Text as people read it: numbers with their noun, and text from outside made safe to show."""

from __future__ import annotations

import re

_HALVES = r"\ud800-\udfff"
_CONTROL = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069{_HALVES}]")
_INSTANT = re.compile(r"\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)\b")
_UNSEEN = re.compile(rf"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff{_HALVES}]+")


def counted(number: int, noun: str) -> str:
    """`1 order`, `12,410 orders`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def clean(text: str) -> str:
    """Text from outside without characters that could move the cursor, colour the terminal or turn the line around.

    Half a character, which no terminal takes, goes with them.
    """
    return _CONTROL.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Text from outside as one line for a log: also what takes no room and ends of lines become blanks."""
    return _UNSEEN.sub(" ", text).strip()


def readable(text: str) -> str:
    """A sentence for a person: instants in it as `2026-09-07 09:00`, on the clock that they name."""
    return _INSTANT.sub(r"\1 \2", text)


def minute(moment: str | None) -> str:
    """A moment for reading: without seconds and offset; a date stays as it is."""
    return (moment or "")[:16].replace("T", " ")
