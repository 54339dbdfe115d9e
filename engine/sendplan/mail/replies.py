"""SMTP replies as values, safe to show."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from sendplan.addresses import mask_all
from sendplan.dataclass import dataclass
from sendplan.text import one_line

EnhancedCode: TypeAlias = tuple[int, int, int]
"""class, subject, detail of RFC 3463: (5, 1, 1) is "no such mailbox"."""


class Phase(StrEnum):
    """How far an SMTP session had come."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    TLS = "tls"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    BODY = "body"
    DOT = "dot"
    RESULT = "result"
    """The reply to the end of the message."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete reply of a server; its text is one line without control characters, addresses in it masked."""

    code: int
    text: str = ""
    enhanced: EnhancedCode | None = None

    @property
    def positive(self) -> bool:
        """Whether the server agreed (2yz)."""
        return 200 <= self.code < 300

    def __str__(self) -> str:
        status = ".".join(map(str, self.enhanced)) if self.enhanced else ""
        return " ".join(part for part in (str(self.code), status, self.text) if part)


_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
_TEXT_LIMIT = 400


@lru_cache(maxsize=256)  # A server says the same about most mails.
def parse(code: int, text: bytes) -> Reply:
    """The reply from its basic code and the text of its lines, joined by newlines.

    The enhanced status code (RFC 2034) leads each line of the text; the first one counts.
    """
    lines = [mask_all(one_line(line)) for line in text.decode("utf-8", "replace").split("\n")]
    found = _ENHANCED.match(lines[0])
    enhanced = None
    if found:
        enhanced = (int(found[1]), int(found[2]), int(found[3]))
        lines = [line.removeprefix(found[0]).strip() for line in lines]
    return Reply(code, " ".join(line for line in lines if line)[:_TEXT_LIMIT], enhanced)


def read(text: str) -> Reply | None:
    """A reply that was written as text, read back; None for anything else."""
    found = re.match(r"([2-5]\d\d) ?(.*)", text)
    return parse(int(found[1]), found[2].encode()) if found else None


def code_of(text: str) -> str:
    """Basic and enhanced code of a reply that was written as text."""
    found = re.match(r"\d{3}(?: \d+\.\d+\.\d+)?", text)
    return found[0] if found else ""
