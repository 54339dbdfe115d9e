"""Mails that came back to the shop → bounces in the ledger, suppressed addresses, unsubscribes (docs/bounces.md)."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from sendplan.addresses import mailbox, masked
from sendplan.dataclass import dataclass
from sendplan.ledger import Bounce, BounceKind, Mailed
from sendplan.mail.bounces import READ_BYTES, FailedRecipient, Incoming, read_mail
from sendplan.operating.unsubscribes import unsubscribe
from sendplan.plan import key_of
from sendplan.problems import Problem, UserError
from sendplan.project.settings import BounceMailbox, Sender, Settings
from sendplan.secret import read_secret
from sendplan.store.protocols import Store

MAILBOX_PLACE = "mailbox"
"""The note, with the mailbox's name behind it, of how far it has been read."""


class Found(StrEnum):
    """What became of one mail."""

    HARD = "hard"
    """A bounce: its address gets no mail any more."""
    SOFT = "soft"
    """A bounce that says nothing against the address."""
    UNSUBSCRIBED = "unsubscribed"
    UNMATCHED = "unmatched"
    """A bounce of no message that is known, or of an address that the message did not go to."""
    OTHER = "other"
    """Not a bounce: left alone."""
    REPEATED = "repeated"
    """Read before."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of one mail, for a person."""

    source: str
    """The file, or the place in the mailbox."""
    found: Found
    message: str = ""
    """Its message's key."""
    why: str = ""


def take(raw: bytes, source: str, settings: Settings, store: Store, now: datetime) -> Reading:
    """Enter what a mail reports, once, however often and in whatever way it is read; `now` is UTC."""
    raw = raw[:READ_BYTES]
    incoming = read_mail(raw)
    with store.together():
        if not store.note_mail(hashlib.sha256(raw).hexdigest(), now):
            return Reading(source, Found.REPEATED)
        if incoming.failures:
            return _bounced(incoming, source, store, now)
        for token in incoming.tokens:
            if (done := unsubscribe(token, settings, store, now)) is not None and done.known:
                return Reading(source, Found.UNSUBSCRIBED, why=f"{masked(done.address)}: {', '.join(done.classes)}")
    return Reading(source, Found.OTHER)


def _bounced(incoming: Incoming, source: str, store: Store, now: datetime) -> Reading:
    matched = [found for digest in incoming.digests[:50] if (found := store.mailed(digest)) is not None]
    for mailed in matched:
        failure = next((each for each in incoming.failures if _went_to(mailed, each)), None)
        if failure is None:
            continue
        bounce = Bounce(mailed.order, mailed.key, failure.kind, now, mailed.address, failure.diagnosis, failure.status)
        store.note_bounce(bounce)
        if failure.kind is BounceKind.HARD:
            store.suppress(mailed.address, at=now, reason=f"bounced: {failure.diagnosis}")
        key = key_of(mailed.order, mailed.key[0], mailed.key[1] or None)
        return Reading(source, Found(failure.kind.value), key, failure.diagnosis)
    why = "the message went to another address" if matched else "no message of this store is named in it"
    return Reading(source, Found.UNMATCHED, why=f"{why}: {incoming.failures[0].diagnosis}")


def _went_to(mailed: Mailed, failure: FailedRecipient) -> bool:
    """Nobody's address is believed but the one that this message went to: bounces can be forged."""
    return bool(mailed.address) and mailed.address in map(mailbox, failure.addresses)


def read_mailbox(
    sender: Sender, settings: Settings, store: Store, now: datetime, environment: Mapping[str, str] = os.environ
) -> Iterator[Reading]:
    """Take every mail that came into a sender's mailbox since the last time.

    Raises UserError for a mailbox that cannot be read, a missing password, and without imap-tools.
    """
    box = sender.mailbox
    assert box is not None
    try:
        from sendplan.mail.imap import fetch_new
    except ImportError as error:
        raise UserError(missing_extra(error)) from error
    password = read_secret(box.password, environment) if box.password else ""
    if box.password and not password:
        message = f"the mailbox of sender `{sender.name}` needs a password, and {box.password} holds none"
        raise UserError(Problem("missing-password", message, None, "set it where sendplan runs"))
    name = f"{MAILBOX_PLACE} {box.username}@{box.host}:{box.port}/{box.folder}"
    for fetched in fetch_new(box, password, store.meta(name), READ_BYTES, sender.ca_file):
        with store.together():
            reading = take(fetched.raw, f"{box.username} {fetched.place}", settings, store, now)
            store.set_meta(name, fetched.place)
        yield reading


def read_mailboxes(
    names: Iterable[str], settings: Settings, store: Store, now: datetime
) -> tuple[list[Reading], list[Problem]]:
    """Every one of these senders' mailboxes; one that cannot be read is a problem, and the others are read."""
    readings: list[Reading] = []
    problems: list[Problem] = []
    for name in names:
        try:
            readings += read_mailbox(settings.senders[name], settings, store, now)
        except UserError as error:
            problems += error.problems
        except ImportError as error:
            problems.append(missing_extra(error))
    return readings, problems


def with_mailbox(settings: Settings) -> list[str]:
    """The senders whose mailbox can be read, each mailbox once."""
    first: dict[BounceMailbox, str] = {}
    for name, sender in settings.senders.items():
        if sender.mailbox is not None:
            first.setdefault(sender.mailbox, name)
    return list(first.values())


def missing_extra(error: ImportError) -> Problem:
    """Said when the packages for bounces are not installed."""
    help_ = "pip install 'sendplan[bounces]'"
    return Problem("missing-extra", f"reading bounces needs the package {error.name or 'imap-tools'}", None, help_)


def tally(readings: Iterable[Reading]) -> Mapping[Found, int]:
    """How many mails of each kind."""
    return Counter(each.found for each in readings)
