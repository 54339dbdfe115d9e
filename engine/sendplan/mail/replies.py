"""SMTP replies as values, and what a refusal concerns: the host, the account or this one message (DISPATCH)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from sendplan.addresses import mask_all
from sendplan.scopes import Scope

EnhancedCode: TypeAlias = tuple[int, int, int]
"""class, subject, detail of RFC 3463: (5, 1, 1) is "no such mailbox"."""


class Phase(StrEnum):
    """How far an SMTP session had come."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    GREETING = "greeting"
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
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_TEXT_LIMIT = 400


@lru_cache(maxsize=256)  # A server says the same about most mails.
def parse(code: int, text: bytes) -> Reply:
    """The reply from its basic code and the text of its lines, joined by newlines.

    The enhanced status code (RFC 2034) leads each line of the text; the first one counts.
    """
    lines = [mask_all(clean(line)) for line in text.decode("utf-8", "replace").split("\n")]
    found = _ENHANCED.match(lines[0])
    enhanced = None
    if found:
        enhanced = (int(found[1]), int(found[2]), int(found[3]))
        lines = [line.removeprefix(found[0]).strip() for line in lines]
    return Reply(code, " ".join(line for line in lines if line)[:_TEXT_LIMIT], enhanced)


def code_of(text: str) -> str:
    """Basic and enhanced code of a reply that was written as text."""
    found = re.match(r"\d{3}(?: \d+\.\d+\.\d+)?", text)
    return found[0] if found else ""


def clean(text: str) -> str:
    """Foreign text made safe for a log or a terminal: control and direction characters become blanks."""
    return _UNPRINTABLE.sub(" ", text).strip()


_CONNECTING = frozenset({Phase.RESOLVE, Phase.CONNECT, Phase.GREETING, Phase.TLS})
_LOGIN_CODES = frozenset({530, 534, 535, 538})
_LOGIN_DETAILS = frozenset({3, 8, 9, 30, 57, 139})
"""Details of 5.7: login wrong (8), too weak (9), switched off (30, 139), absent (3, 57)."""
_RATE_CODES = frozenset({432, 454})
_SENDER_DETAILS = frozenset({7, 8})
"""Details of 5.1 about the sender's address; Postfix answers with them at RCPT, so they say nothing of the buyer."""


def scope(phase: Phase, reply: Reply) -> Scope:
    """What a refusal concerns (DISPATCH, "Replies by scope"); the enhanced code decides where the basic one disagrees.

    421 always concerns the host: the server is closing the connection, whatever else it says (RFC 5321 §3.8).
    """
    if reply.code == 421 or phase in _CONNECTING:
        return Scope.HOST
    if _is_login(phase, reply):
        return Scope.LOGIN
    if _is_quota(reply):
        return Scope.ACCOUNT_QUOTA
    if _is_rate(phase, reply):
        return Scope.ACCOUNT_RATE
    if _is_address(phase, reply):
        return Scope.ADDRESS
    return Scope.MESSAGE_LATER if _severity(reply) == 4 else Scope.MESSAGE_FAILED


def _severity(reply: Reply) -> int:
    return reply.enhanced[0] if reply.enhanced and reply.enhanced[0] in (4, 5) else reply.code // 100


def _is_login(phase: Phase, reply: Reply) -> bool:
    if reply.enhanced and reply.enhanced[:2] == (5, 7) and reply.enhanced[2] in _LOGIN_DETAILS:
        return True
    if reply.code in _LOGIN_CODES and _severity(reply) == 5:
        return True
    return phase is Phase.LOGIN and _severity(reply) == 5


def _is_quota(reply: Reply) -> bool:
    match reply.enhanced:
        case (5, 4, 5):
            return True
        case (5, 7, 1):
            return re.search(r"\blimit", reply.text, re.IGNORECASE) is not None
        case (5, 2, detail):
            return (detail == 0 and reply.code == 554) or 250 <= detail <= 259
    return False


def _is_rate(phase: Phase, reply: Reply) -> bool:
    if reply.enhanced and reply.enhanced[:2] == (4, 7):
        return True
    return _severity(reply) == 4 and (reply.code in _RATE_CODES or phase is Phase.LOGIN)


def _is_address(phase: Phase, reply: Reply) -> bool:
    if phase is not Phase.RECIPIENT or reply.enhanced is None:
        return False
    return reply.enhanced[:2] == (5, 1) and reply.enhanced[2] not in _SENDER_DETAILS
