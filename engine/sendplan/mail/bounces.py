"""A mail to the shop → what it reports: a bounce, a wish to unsubscribe, or nothing of ours (docs/bounces.md).

Bounces follow RFC 3464 or, from servers that have their own words, what flufl.bounce knows. Whether the message that is
named was ours, and went to that address, is for whoever asked to find out.
"""

from __future__ import annotations

import email
import email.policy
import logging
import re
from collections.abc import Iterator
from email.message import Message
from email.utils import parseaddr

from sendplan.addresses import mask_all
from sendplan.dataclass import dataclass
from sendplan.ledger import BounceKind

READ_BYTES = 256 * 1024
"""How much of a mail is read: the report and the original's headers come first."""
_PARTS = 50
"""Parts of a mail that are looked at."""
_REPORTS = 20
"""Recipients of one report that are looked at."""

_LONG_LINE = re.compile(rb"[^\r\n]{998}(?=[^\r\n])")
"""Of a line that is longer than a mail's may be (RFC 5322, section 2.1.1), the part that fits."""

_DIGEST = re.compile(rb"<([0-9a-f]{32})@[^<>\s]{1,255}>")
_VERP = re.compile(r"\+([0-9a-f]{32})@")
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{32,400}(?![A-Za-z0-9_-])")
_STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])")
_ARRIVED = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
_MAILER = re.compile(r"mailer-daemon|postmaster|mail delivery|microsoftexchange[0-9a-f]{20}", re.IGNORECASE)
_AWAY = re.compile(r"x-autoreply|x-autorespond|x-autoreply-from|x-vacation", re.IGNORECASE)
_NAMED = re.compile(r"following address(?:es)?\s+failed:\s+[\"<]?([^\s\"<>@]+@[^\s\"<>:]+)", re.IGNORECASE)
"""How GMX and its sisters name the recipient, which flufl.bounce does not know."""
_FULL = re.compile(r"quota|mailbox (?:is )?full|over ?limit|insufficient (?:system )?storage", re.IGNORECASE)
_REFUSED = re.compile(
    r"spam|blocked|blacklist|block list|reputation|policy|dmarc|dkim|\bspf\b|virus|too (?:large|big)|size limit|"
    r"\bsender\b|\brelay|authenticat|content|\btls\b|\brate\b|timed? ?out",
    re.IGNORECASE,
)
_GONE = re.compile(
    r"unknown|not (?:found|known|listed)|not exist|n't exist|no such|no (?:mailbox|user)|n't have an? |unrout|"
    r"invalid (?:user|recipient|mailbox|address)|not a valid|disabled|inactive|deactivated|discontinued|no longer|"
    r"mailbox unavailable|address rejected|rejected: access denied",
    re.IGNORECASE,
)
_NO_HOST = frozenset({"5.4.4", "5.4.310"})
_UNKNOWN = frozenset({"5.1.0", "5.4.1", "5.5.0", "5.2.1", "5.0.0", "", *_NO_HOST})
"""What servers say of a mailbox or domain that does not exist, and of much else: their words decide."""
_SENDERS_FAULT = frozenset({"5.1.7", "5.1.8", "5.1.9"})


class _Plain(email.policy.Compat32):
    """Headers as text also where their bytes are no ASCII: those who read them know no other kind."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value.encode("ascii", "surrogateescape").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One recipient in a bounce."""

    addresses: tuple[str, ...]
    """What the report calls the recipient, its own name for it and the one that the mail had."""
    kind: BounceKind
    status: str
    diagnosis: str
    """Addresses masked."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a mail to the shop says."""

    failures: tuple[FailedRecipient, ...] = ()
    """Empty for a mail that is not a bounce."""
    digests: tuple[str, ...] = ()
    """Messages that the bounce may be about (`ledger.message_digest`), the most certain first."""
    tokens: tuple[str, ...] = ()
    """What may be a token to unsubscribe, in a mail that is not a bounce."""


def is_mail(raw: bytes) -> bool:
    """Whether a file is a mail at all: it says who sent it, or which server took it (RFC 5322, 3.6)."""
    head = email.message_from_bytes(raw[:READ_BYTES].partition(b"\n\n")[0], policy=_Plain())
    return any(name in head for name in ("From", "Received", "Return-Path"))


def read_mail(raw: bytes) -> Incoming:
    """What the first `READ_BYTES` of a mail say; whatever it holds, nothing is raised."""
    raw = raw[:READ_BYTES]
    try:
        return _read(raw, email.message_from_bytes(raw, policy=_Plain()))
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        # The standard library's parsers raise all of these for mails that somebody made up; RecursionError too.
        return Incoming()


def _read(raw: bytes, mail: Message) -> Incoming:
    author = parseaddr(str(mail.get("From", "")))[1].casefold()
    found = tuple(_reported(mail)) or tuple(_recognised(raw, mail))
    # Nobody writes from a mailbox that cannot be reached, be its owner called Postmaster.
    failures = tuple(each for each in found if author not in map(str.casefold, each.addresses))
    if failures:
        return Incoming(failures, tuple(dict.fromkeys(_digests(raw, mail))))
    if _is_automatic(mail):
        return Incoming()
    wanted = [str(mail.get("Subject", "")), *(str(each) for each in mail.get_all("To", []))]
    return Incoming(tokens=tuple(token for text in wanted for token in _TOKEN.findall("".join(text.splitlines()))))


def _is_automatic(mail: Message) -> bool:
    """A vacation reply and whatever else nobody wrote (RFC 3834)."""
    automatic = str(mail.get("Auto-Submitted", "no")).strip().lower() != "no"
    precedence = str(mail.get("Precedence", "")).strip().lower() in ("auto_reply", "junk")
    return automatic or precedence or any(_AWAY.fullmatch(name) for name in mail)


def _reported(mail: Message) -> Iterator[FailedRecipient]:
    """The recipients of a delivery report (RFC 3464)."""
    if mail.get_content_type() != "multipart/report":
        return
    for part in _parts(mail):
        if part.get_content_type() not in ("message/delivery-status", "message/global-delivery-status"):
            continue
        blocks = part.get_payload()
        for block in blocks[: _REPORTS + 1] if isinstance(blocks, list) else []:
            if not isinstance(block, Message):
                continue
            action = str(block.get("Action", "")).strip().lower()
            names = [_recipient(block.get(name)) for name in ("Final-Recipient", "Original-Recipient")]
            addresses = tuple(dict.fromkeys(each for each in names if each))
            if addresses and action in ("failed", "delayed"):
                status = _first_status(str(block.get("Status", "")))
                diagnosis = _one_line(str(block.get("Diagnostic-Code", "")).partition(";")[2])
                # Exim writes no code for an address that it cannot route itself, and says so in the text alone.
                diagnosis = diagnosis or _said_of(addresses[0], _text(mail))
                found = _first_status(diagnosis)
                exact = found if found and status in ("", "5.0.0", "4.0.0") else status
                kind = BounceKind.SOFT if action == "delayed" else _kind(exact, diagnosis)
                yield FailedRecipient(addresses, kind, exact, mask_all(diagnosis or f"status {exact}"))


def _recognised(raw: bytes, mail: Message) -> Iterator[FailedRecipient]:
    """The recipients of a bounce in a server's own words; only of mail that a mail server sent."""
    if mail.get_content_type() == "multipart/report" or any(_AWAY.fullmatch(name) for name in mail):
        return
    if not _MAILER.search(str(mail.get("From", ""))) and "X-Failed-Recipients" not in mail:
        return
    from flufl.bounce import all_failures

    # Of its detectors, one that stumbles over a mail is passed over, which is nothing for a person to read.
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)
    # The time that its patterns take grows with the square of a line's length.
    folded = _LONG_LINE.sub(rb"\g<0>\r\n ", raw)
    temporary, permanent = all_failures(email.message_from_bytes(folded, policy=_Plain()))
    text = _text(mail)
    if not temporary and not permanent:
        permanent = set(_NAMED.findall(text))
    for found, lasting in ((permanent, True), (temporary, False)):
        for address in sorted(found)[:_REPORTS]:
            name = address.decode("ascii", "replace") if isinstance(address, bytes) else str(address)
            said = _said_of(name, text)
            status = _first_status(said)
            yield FailedRecipient((name,), _kind(status, said) if lasting else BounceKind.SOFT, status, mask_all(said))


def _kind(status: str, diagnosis: str) -> BounceKind:
    """Whether the address is to blame; a full mailbox, a filter or a server that was away are not it."""
    if status.startswith("4") or _FULL.search(diagnosis) or status in _SENDERS_FAULT:
        return BounceKind.SOFT
    if status.startswith("5.1.") and status not in _UNKNOWN:
        return BounceKind.HARD
    gone = status in _NO_HOST or (status in _UNKNOWN and _GONE.search(diagnosis))
    if gone and not _REFUSED.search(diagnosis) and not re.match(r"\s*4\d\d", diagnosis):
        return BounceKind.HARD
    return BounceKind.SOFT


def _digests(raw: bytes, mail: Message) -> Iterator[str]:
    """Messages that a bounce names: by the address it came to (VERP), the original's headers, its references.

    Whoever reads a made-up one finds no message: `ledger.message_digest`.
    """
    for name in _ARRIVED:
        for value in mail.get_all(name, []):
            yield from _VERP.findall(str(value))
    yield from (each.decode() for each in _DIGEST.findall(raw))
    for part in _parts(mail):  # Encoded ones, in which the bytes above show nothing.
        content = part.get_payload(decode=True)
        yield from (each.decode() for each in _DIGEST.findall(content if isinstance(content, bytes) else b""))


def _parts(mail: Message) -> Iterator[Message]:
    for number, part in enumerate(mail.walk()):
        if number >= _PARTS:
            return
        yield part


def _text(mail: Message) -> str:
    texts = []
    for part in _parts(mail):
        if part.get_content_type() == "text/plain":
            payload = part.get_payload(decode=True)
            texts.append(payload.decode("utf-8", "replace") if isinstance(payload, bytes) else "")
    return "\n".join(texts)[:READ_BYTES]


def _said_of(address: str, text: str) -> str:
    """What stands behind an address in a server's own words, at most three lines."""
    place = text.lower().find(address.lower())
    lines = text[place + len(address) : place + 2000].splitlines() if place >= 0 else []
    return _one_line(" ".join(each.strip(" >:") for each in lines[:4]))


def _recipient(value: object) -> str:
    return str(value).partition(";")[2].strip().strip("<>") if value is not None else ""


def _first_status(text: str) -> str:
    found = _STATUS.search(text)
    return found[0] if found else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
