"""A mailbox over IMAP, read without changing anything in it (docs/bounces.md#the-mailbox).

Needs imap-tools, the extra `bounces`.
"""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError

from sendplan.dataclass import dataclass
from sendplan.problems import Problem, UserError
from sendplan.project.settings import BounceMailbox

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS = 30
_AT_ONCE = 1_000
"""Mails that are read in one go; the others wait for the next."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Fetched:
    """One mail in the mailbox."""

    place: str
    """`UIDVALIDITY:UID`: everything up to it has been read."""
    raw: bytes


def fetch_new(
    mailbox: BounceMailbox, password: str | None, last: str | None, limit: int, ca_file: Path | None = None
) -> Iterator[Fetched]:
    """The mails behind the `place` that was read last, oldest first, at most `limit` bytes of each.

    Nothing is marked, moved or deleted. Raises UserError when the mailbox cannot be read.
    """
    if mailbox.security == "none" and mailbox.host not in _LOOPBACK:
        raise _unreadable(mailbox, "without encryption the password would be readable on its way; set `security: tls`")
    try:
        box = _open(mailbox, ca_file)
        try:
            box.login(mailbox.username, password or "", initial_folder=None)
            box.folder.set(mailbox.folder, readonly=True)
            validity = str(box.folder.status(mailbox.folder, ["UIDVALIDITY"])["UIDVALIDITY"])
            known, _, number = (last or "").partition(":")
            first = int(number) + 1 if known == validity and number.isdigit() else 1
            for uid in [each for each in _uids(box, first) if int(each) >= first][:_AT_ONCE]:
                yield Fetched(f"{validity}:{uid}", _beginning(box, uid, limit))
        finally:
            _close(box)
    except (ImapToolsError, imaplib.IMAP4.error, OSError, ValueError, KeyError) as error:
        raise _unreadable(mailbox, " ".join(str(error).split())[:200]) from error


def _open(mailbox: BounceMailbox, ca_file: Path | None) -> BaseMailBox:
    if mailbox.security == "none":
        return MailBoxUnencrypted(mailbox.host, mailbox.port, timeout=_SECONDS)
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=str(ca_file))
    kind = MailBox if mailbox.security == "tls" else MailBoxStartTls
    return kind(mailbox.host, mailbox.port, timeout=_SECONDS, ssl_context=context)


def _close(box: BaseMailBox) -> None:
    """Also one that refused the login, or is gone."""
    try:
        box.client.logout()
    except (imaplib.IMAP4.error, OSError):
        box.client.shutdown()


def _uids(box: BaseMailBox, first: int) -> Sequence[str]:
    return sorted(box.uids(f"UID {first}:*"), key=int)


def _beginning(box: BaseMailBox, uid: str, limit: int) -> bytes:
    _, data = box.client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{limit}>)")
    return next((bytes(each[1]) for each in data if isinstance(each, tuple)), b"")


def _unreadable(mailbox: BounceMailbox, why: str) -> UserError:
    message = f"the mailbox {mailbox.username} at {mailbox.host} cannot be read: {why}"
    return UserError(Problem("mailbox-unreadable", message, None, "look at `mailbox` of this sender in sendplan.yaml"))
