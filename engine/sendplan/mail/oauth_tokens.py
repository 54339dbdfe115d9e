"""OAuth 2 tokens of senders: kept owner-only on this computer, renewed by one process at a time.

docs/mail-accounts.md#where-the-token-is
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from sendplan.dataclass import dataclass
from sendplan.events import emit
from sendplan.mail.authorities import Granted, account_of, renewed
from sendplan.mail.dialing import SmtpError, Timeouts, Trouble, reason_of
from sendplan.mail.replies import Phase
from sendplan.problems import Problem, UserError
from sendplan.project.settings import Sender

MARGIN = 300.0
"""Seconds before its end that a token is renewed: it must last for a connection, and clocks differ."""
LOCK_SECONDS = 90.0
"""How long one waits while another process renews the token."""


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What a login left; every text in it but `account` is secret."""

    account: str
    """Whose it is and of which application, see `account_of`."""
    access: str
    refresh: str
    ends: float
    """When the access token ends (seconds since 1970, this computer's clock)."""

    def lasts(self, now: float) -> bool:
        """Whether it may be used. A token with a longer life than it ever had was kept under a wrong clock."""
        return MARGIN < self.ends - now < _LONGEST


_LONGEST = 48 * 3600.0
_LARGEST = 256 * 1024
"""Bytes of a token's file that are read."""


def token_file(sender: Sender) -> Path:
    """The file that keeps the sender's token on this computer."""
    assert sender.oauth2 is not None
    if sender.oauth2.token is not None:
        return sender.oauth2.token.resolve()  # What replaces the token must not replace the link to it.
    return sender.oauth2.tokens / f"{hashlib.sha256(account_of(sender).encode()).hexdigest()[:32]}.json"


def login_problem(sender: Sender) -> Problem | None:
    """Why this computer has no token of the sender; None when it has one, which may yet be refused."""
    try:
        _stored(sender)
    except UserError as error:
        return error.problems[0]
    return None


def access_token(sender: Sender, *, refused: str | None = None, timeouts: Timeouts | None = None) -> str:
    """A token that the mail server may take, renewed when it is about to end or is the one that was `refused`.

    Raises UserError when this computer has none, SmtpError when the login service takes it back or cannot be reached.
    """
    token = _stored(sender)
    if token.lasts(time.time()) and token.access != refused:
        return token.access
    path = token_file(sender)
    try:
        with _locked(path, timeouts or Timeouts()):
            token = _stored(sender)  # Another process may have renewed it while this one waited.
            if not token.lasts(time.time()) or token.access == refused:
                token = _kept(token, renewed(sender, token.refresh))
                _write(path, token)
    except OSError as error:
        message = f"the token of sender `{sender.name}` cannot be renewed: {path.parent}: {reason_of(error)}"
        help_ = "let the user that runs sendplan write into that folder, and see that the disk is not full"
        raise UserError(Problem("not-logged-in", message, help=help_)) from None
    return token.access


def keep(sender: Sender, granted: Granted) -> Path:
    """Keep what a login brought; the file it is in. Raises OSError."""
    path = token_file(sender)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(path, Timeouts()):
        _write(path, _kept(StoredToken(account_of(sender), "", "", 0), granted))
    return path


def _kept(token: StoredToken, granted: Granted) -> StoredToken:
    """A service that sends no new refresh token leaves the old one in force (RFC 6749 §6)."""
    ends = time.time() + granted.seconds
    return replace(token, access=granted.access, refresh=granted.refresh or token.refresh, ends=ends)


def _stored(sender: Sender) -> StoredToken:
    path = token_file(sender)
    try:
        token = _read(path)
        if token.account == account_of(sender):
            return token
        why = f"the token in {path} is of another account"
    except FileNotFoundError:
        why = "this computer has no token of it"
    except (OSError, ValueError, TypeError, RecursionError):
        why = f"the token in {path} cannot be read"
    message = f"sender `{sender.name}` is not logged in: {why}"
    raise UserError(Problem("not-logged-in", message, help=f"log in: sendplan login {sender.name}"))


def _read(path: Path) -> StoredToken:
    """What `_write` has written. Raises OSError, ValueError, TypeError, RecursionError for anything else.

    A file that others may read, as a copy or a restored backup is, becomes its owner's alone, and that is told.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is not a file")
        if found.st_mode & 0o077 and found.st_uid == os.geteuid():
            os.fchmod(file, 0o600)
            emit("token_exposed", logging.WARNING, file=path, advice="log in again if anybody else may have read it")
        token = StoredToken(**json.loads(opened.read(_LARGEST)))
    if not all(isinstance(each, str) and each for each in (token.account, token.access, token.refresh)):
        raise TypeError("its keys have other types")
    if not isinstance(token.ends, float | int):
        raise TypeError("its end is not a number")
    return token


def _write(path: Path, token: StoredToken) -> None:
    """Whole or not at all, and readable by the owner alone from its first byte."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(json.dumps(asdict(token)).encode())
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def _locked(path: Path, timeouts: Timeouts) -> Iterator[None]:
    """One process at a time; the lock is a file of its own, since the token's is replaced."""
    file = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for _ in timeouts.waits(Phase.LOGIN, time.monotonic() + LOCK_SECONDS):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.02)
        else:
            detail = "another process has been renewing the token for too long"
            raise SmtpError(Phase.LOGIN, Trouble.TIMED_OUT, detail)
        yield
    finally:
        os.close(file)
