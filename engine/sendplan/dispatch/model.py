"""What a dispatch works on and what came of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sendplan.dataclass import dataclass
from sendplan.plan import Reason
from sendplan.problems import Exit
from sendplan.project.settings import TRANSACTIONAL
from sendplan.scopes import Scope

if TYPE_CHECKING:
    from sendplan.deciding.decision import Decision
    from sendplan.deciding.facts import Facts


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an entry of the plan is decided to be right before its mail."""

    reason: Reason
    """Anything but `send` leaves the message open."""
    why: str
    """One sentence for a person; empty with `send`."""
    facts: Facts | None = None
    """The order that was decided on."""
    decision: Decision | None = None
    classes: frozenset[str] = frozenset()
    """All classes of messages that there are, for the suppression list."""

    @property
    def klass(self) -> str:
        """The message's class, for the suppression list."""
        step = self.decision.step if self.decision else None
        return step.klass if step else TRANSACTIONAL

    @property
    def version(self) -> int:
        """Of the order decided on: the intent only holds for this one."""
        return self.facts.version if self.facts else 0

    @property
    def address(self) -> str:
        """The buyer's, for the suppression list."""
        return str(self.facts.values.get("email", "")) if self.facts else ""

    @property
    def expires_at(self) -> datetime | None:
        """From when on the message may no longer go out (UTC)."""
        return self.decision.expires_at if self.decision else None


class Ending(StrEnum):
    """How an entry of the plan ended."""

    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    OPEN = "open"
    """Not sent, and a later plan decides again."""


LEVELS: Mapping[Ending, int] = {
    Ending.SENT: logging.INFO,
    Ending.DEFERRED: logging.INFO,
    Ending.FAILED: logging.WARNING,
    Ending.UNCERTAIN: logging.ERROR,
    Ending.OPEN: logging.INFO,
}
"""How loud each is in the log."""


class Cause(StrEnum):
    """Why a message stayed open, beside the reasons of a decision."""

    RENDERING = "rendering"
    SENDER_DOWN = "sender_down"
    LOGIN = "login"
    SENDER_REFUSED = "sender_refused"
    RATE = "rate"
    QUOTA = "quota"
    """The provider's limit."""
    LIMITS = "limits"
    """The sender's own limits in the settings."""
    TAKEN = "taken"
    CHANGING = "changing"
    STOPPED = "stopped"


CAUSES: Mapping[Scope, Cause] = {
    Scope.HOST: Cause.SENDER_DOWN,
    Scope.LOGIN: Cause.LOGIN,
    Scope.CREDENTIALS: Cause.LOGIN,
    Scope.SENDER: Cause.SENDER_REFUSED,
    Scope.ACCOUNT_RATE: Cause.RATE,
    Scope.ACCOUNT_QUOTA: Cause.QUOTA,
    Scope.ADDRESS: Cause.SENDER_REFUSED,
}
"""What stops a whole sender; `address`: when it knows none of several buyers in a row."""

_WRONG = frozenset({Cause.RENDERING, *CAUSES.values(), Cause.STOPPED, Reason.ERROR})
"""Open, and not because that is how it should be."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one entry."""

    key: str
    ending: Ending
    why: str
    """One sentence for a person; the server's reply where there was one."""
    cause: Reason | Cause | None = None
    """Why it stayed open, or is deferred for its sender's sake."""
    next_attempt: datetime | None = None
    """When a deferred message is tried again (UTC)."""
    copy_refused: str = ""
    """What the server answered when it did not take the copy of a mail that was sent."""


@dataclass(frozen=True, slots=True)
class DispatchReport:
    """What became of a plan."""

    plan: str
    results: tuple[Result, ...]
    """In plan order."""
    stopped: Mapping[str, str]
    """Senders that were stopped, and why."""
    interrupted: bool = False
    """The plan may be continued."""
    trouble: str = ""
    """The error of the store or the system that broke the run off."""

    def count(self, ending: Ending) -> int:
        """How many entries ended so."""
        return sum(result.ending is ending for result in self.results)

    @property
    def open(self) -> tuple[Result, ...]:
        """What stayed open, with the reasons."""
        return tuple(result for result in self.results if result.ending is Ending.OPEN)

    @property
    def exit_code(self) -> Exit:
        """5 when an outcome is unknown, 4 when something failed, could not be tried or broke off, else 0."""
        if self.count(Ending.UNCERTAIN):
            return Exit.SOME_UNKNOWN
        failed = any(each.ending is Ending.FAILED or each.cause in _WRONG for each in self.results)
        return Exit.SOME_FAILED if failed or self.trouble else Exit.DONE


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long a sender rests, in seconds, when its server asks for it."""

    after_failure: float = 1.0
    """After a connection that failed."""
    probes: tuple[float, ...] = (15.0, 60.0)
    """Before each try of a server that went away; after the last one it is given up."""
    rate: tuple[float, ...] = (60.0, 120.0, 240.0, 480.0, 900.0)
    """After each time that the server finds us too fast; after the last one the rest is left open."""
    quota: float = 90.0
    """The longest wait for one of our own limits; what takes longer is left open."""
