"""What a sink shall do wrong, and when: scripted faults for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

from sendplan.dataclass import dataclass


class SmtpStep(StrEnum):
    """Where a script may interfere."""

    CONNECT = "CONNECT"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "BODY"
    """The first part of a message has arrived."""
    DOT = "DOT"
    """The whole message has arrived and is not written down yet."""
    STORED = "STORED"
    """It is written down and not answered yet."""
    RSET = "RSET"
    QUIT = "QUIT"


@dataclass(frozen=True, slots=True)
class Say:
    """Answer this instead; the text may be anything, and is sent as it is with CR LF after it."""

    line: str | bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """Hang up without a word."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Say nothing until the client hangs up or the server stops."""


@dataclass(frozen=True, slots=True)
class Flood:
    """Answer with a line that never ends."""


Action: TypeAlias = Say | Drop | Stall | Flood


@dataclass(frozen=True, slots=True)
class Cue:
    """What a script decides on."""

    step: SmtpStep
    argument: str
    """What the client said after the command; the first bytes of the message at `BODY`."""
    connection: int
    """Counts from 1."""
    mails: int
    """Accepted so far, over all connections."""


Script: TypeAlias = Callable[[Cue], Action | None]
"""None: answer as a healthy server does."""


def at(step: SmtpStep, *actions: Action | None, containing: str = "") -> Script:
    """A script that plays `actions` one after the other at `step`, the last one again and again.

    With `containing`, only where the client's argument holds this text.
    """
    remaining = list(actions)
    lock = threading.Lock()

    def play(moment: Cue) -> Action | None:
        if moment.step is not step or containing not in moment.argument:
            return None
        with lock:
            return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return play
