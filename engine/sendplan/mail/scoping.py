"""What a refusal concerns: the host, the login, the sender, the account or this one message.

Servers use one code for different things, so phase, codes and text decide together
(docs/sending.md#replies-by-what-they-concern).
"""

from __future__ import annotations

import re

from sendplan.mail.replies import Phase, Reply
from sendplan.scopes import Scope


def scope(phase: Phase, reply: Reply) -> Scope:
    """What a refusal in this phase concerns.

    421 concerns the host whatever else it says, since the server is closing the connection (RFC 5321 §3.8), but for a
    server that says how much it had of us.
    """
    if reply.code == 421:
        return Scope.ACCOUNT_RATE if _says(_RATE, reply) and not _says(_CONNECTIONS, reply) else Scope.HOST
    if phase in _CONNECTING:
        return Scope.ACCOUNT_RATE if phase is Phase.GREETING and _starts(reply, 4, 7) else Scope.HOST
    if _says(_HOST, reply):
        return Scope.HOST
    if _is_login(phase, reply):
        return Scope.LOGIN
    if _is_sender_for_certain(phase, reply):
        return Scope.SENDER
    if _is_quota(reply):
        return Scope.ACCOUNT_QUOTA
    if _is_rate(phase, reply):
        return Scope.ACCOUNT_RATE
    if phase is Phase.RECIPIENT and _is_address(reply):
        return Scope.ADDRESS
    if _is_sender(phase, reply):
        return Scope.SENDER
    if phase in _BEFORE_BUYER and not _is_about_content(reply):
        # Nothing was said of any buyer yet.
        return Scope.HOST
    return Scope.MESSAGE_LATER if severity(reply) == 4 else Scope.MESSAGE_FAILED


def severity(reply: Reply) -> int:
    """4 for now, 5 for good; the enhanced code decides where it disagrees with the basic one."""
    return reply.enhanced[0] if reply.enhanced and reply.enhanced[0] in (4, 5) else reply.code // 100


_CONNECTING = frozenset({Phase.RESOLVE, Phase.CONNECT, Phase.GREETING, Phase.TLS})
_BEFORE_BUYER = frozenset({Phase.EHLO, Phase.LOGIN, Phase.SENDER})


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


def _says(words: re.Pattern[str], reply: Reply) -> bool:
    return words.search(reply.text) is not None


def _starts(reply: Reply, *codes: int) -> bool:
    return reply.enhanced is not None and reply.enhanced[: len(codes)] == codes


_HOST = _words(r"\bclient host\b.*\b(?:rejected|blocked)", r"\bblocked using\b")
"""Our network is not welcome; many servers say so only at the first recipient."""

# --- login

_LOGIN_CODES = frozenset({530, 534, 535, 538})
_LOGIN_DETAILS = frozenset({3, 8, 9, 30, 57, 139})
"""Details of 5.7: login wrong (8), too weak (9), switched off (30, 139), absent (3, 57)."""


_LOGIN = _words(
    r"\bnot logged in\b", r"\bauthentication (?:is )?required\b", r"\bmust (?:first )?(?:authenticate|log ?in)\b"
)


def _is_login(phase: Phase, reply: Reply) -> bool:
    if severity(reply) != 5:
        return False
    if _says(_LOGIN, reply) and not _says(_RECIPIENT, reply):
        return True
    details = _starts(reply, 5, 7) and reply.enhanced is not None and reply.enhanced[2] in _LOGIN_DETAILS
    return details or reply.code in _LOGIN_CODES or phase is Phase.LOGIN


# --- the sender's settings: the From address, the name in EHLO

_SENDER_DETAILS = frozenset({(5, 1, 7), (5, 1, 8), (5, 7, 60)})
_SENDER_FOR_CERTAIN = _words(
    r"\bsend ?as ?denied",
    r"(?:allowed|permissions?|permitted|rights?) to send (?:as|on behalf)",
    r"not owned by",
    r"not verified",
    r"bad outbound sender",
    r"sender (?:e-?mail |mail )?(?:address )?(?:was |is |verify |verification )?(?:rejected|refused|failed|unknown)",
    r"(?:helo|ehlo)\b.*(?:rejected|refused|invalid|denied)",
    r"(?:rejected|refused|invalid|bad|denied).*\b(?:helo|ehlo)\b",
)
_SENDER = _words(r"\bsender\b", r"\bfrom address\b")
_RECIPIENT = _words(r"\brecipient", r"\bmailbox owner", r"\bgroup\b")
"""A refusal that a buyer's side makes may name the sender too."""
_EHLO_CODES = frozenset({501, 504})


def _is_sender_for_certain(phase: Phase, reply: Reply) -> bool:
    if phase is Phase.EHLO and reply.code in _EHLO_CODES:
        return True
    if _says(_GREYLIST, reply):
        return False
    return reply.enhanced in _SENDER_DETAILS or _says(_SENDER_FOR_CERTAIN, reply)


def _is_sender(phase: Phase, reply: Reply) -> bool:
    """Refused before any buyer was named, or by a code that servers use for it when the text says so."""
    if severity(reply) != 5:
        return False
    if phase is Phase.SENDER:
        return not _is_about_content(reply)
    if reply.enhanced in ((5, 1, 0), (5, 2, 252)):
        return True
    telling = reply.code == 553 or reply.enhanced in (None, (5, 7, 0), (5, 7, 1), (5, 2, 0))
    return telling and _says(_SENDER, reply) and not _says(_RECIPIENT, reply)


def _is_about_content(reply: Reply) -> bool:
    """The message is too large or of a kind that the server cannot carry, which MAIL already tells (RFC 1870, 6531)."""
    detail = reply.enhanced[1:] if reply.enhanced else (0, 0)
    return reply.code in (552, 555) or detail == (3, 4) or detail[0] == 6


# --- how much and how fast

_LIMIT = _words(r"\blimit", r"\bquota", r"\btenant\b.*\bexceeded")
_QUOTA = _words(
    r"submission ?quota ?exceeded",
    r"quota (?:was |is |has been )?exceeded",
    r"exceeded .{0,40}\bquota",
    r"\b(?:hourly|daily|monthly|sending)\b.{0,40}\b(?:limit|quota)",
)
_NOT_OUR_QUOTA = _words(r"\bmailbox", r"\bover quota", r"\buser is full", r"\bsize\b", r"\bstorage\b")
_RATE = _words(
    r"\btoo (?:many|much|fast)\b",
    r"throttl",
    r"\brate\b",
    r"\brate.?limit",
    r"try again later.*connections",
    r"connections.*try again later",
    r"TSS04",
    r"server busy",
)
_RATE_FOR_GOOD = _words(
    r"\btoo (?:many|much) (?:messages|mails?|e-?mails?|connections)\b", r"throttl", r"\brate.?limit", r"\bsending rate"
)
_CONNECTIONS = _words(r"\bconnections?\b")
_GREYLIST = _words(r"gr[ae]y.?list")
_TOO_MANY_OTHERS = _words(r"\btoo many (?:recipients|hops)")
_RATE_CODES = frozenset({432, 454})


def _is_quota(reply: Reply) -> bool:
    detail = reply.enhanced[1:] if reply.enhanced else (0, 0)
    if detail in ((4, 5), (1, 90)):
        return True
    if detail == (2, 2) or _says(_NOT_OUR_QUOTA, reply):
        return False
    by_code = detail[0] == 7 or (detail[0] == 2 and 250 <= detail[1] <= 259)
    return _says(_QUOTA, reply) or (severity(reply) == 5 and by_code and _says(_LIMIT, reply))


def _is_rate(phase: Phase, reply: Reply) -> bool:
    if _says(_GREYLIST, reply) or _says(_TOO_MANY_OTHERS, reply):
        return False
    if severity(reply) == 5:
        return _says(_RATE_FOR_GOOD, reply)
    if phase is Phase.LOGIN or reply.code in _RATE_CODES:
        return True
    if phase in _BEFORE_BUYER:
        return _starts(reply, 4, 7) or _says(_RATE, reply)
    return not _starts(reply, 4, 2) and _says(_RATE, reply)  # 4.2: how the buyer's own mailbox is.


# --- the buyer's address

_ADDRESS_DETAILS = frozenset({1, 2, 3, 6, 10})
_ADDRESS = _words(
    r"(?:user|recipient|mailbox|address|account)(?: address)? (?:is |was )?(?:unknown|not found|does ?n[o']t exist)",
    r"unknown (?:user|recipient|mailbox|local part)",
    r"no such (?:user|recipient|mailbox|address|person)",
    r"(?:user|recipient|mailbox|address|account) does not exist",
    r"unrouteable address",
    r"invalid (?:recipient|mailbox)",
)


def _is_address(reply: Reply) -> bool:
    if _starts(reply, 5, 1) and reply.enhanced is not None and reply.enhanced[2] in _ADDRESS_DETAILS:
        return True
    return reply.code in (550, 551, 553) and reply.enhanced in (None, (5, 0, 0), (5, 1, 0)) and _says(_ADDRESS, reply)
