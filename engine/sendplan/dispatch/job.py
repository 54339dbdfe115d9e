"""From an entry of the plan to a mail that may leave, or to the reason why it does not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sendplan.dataclass import dataclass
from sendplan.dispatch.model import Cause, Ending, Pauses, Result, Verdict
from sendplan.events import emit
from sendplan.mail.dialing import Timeouts
from sendplan.plan import Entry, Reason
from sendplan.problems import UserError
from sendplan.project.settings import Sender
from sendplan.store.protocols import Store

if TYPE_CHECKING:
    from sendplan.mail.message import Message

DecideAgain = Callable[[Store, Entry], Verdict]
Compose = Callable[[Verdict], "Message"]


@dataclass(frozen=True, slots=True)
class Services:
    """What an execution uses of the world around it; the first three are called from several threads."""

    open_store: Callable[[], Store]
    decide_again: DecideAgain
    compose: Compose
    senders: Mapping[str, Sender]
    journals: Path
    clock: Callable[[], datetime]
    """The time of sending (UTC)."""
    mark: Callable[[int], None] = lambda high_water: None
    """Notes, durably and outside the store, how far the ledger has come (`Store.high_water`): before each end of a
    message, and in the end."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    pauses: Pauses = field(default_factory=Pauses)


@dataclass(frozen=True, slots=True)
class Job:
    """An entry that was decided on and has its mail."""

    entry: Entry
    verdict: Verdict
    message: Message
    since: float
    """When it was decided on, by the monotonic clock."""


def composed(compose: Compose, entry: Entry, verdict: Verdict) -> Message | Result:
    """The mail, or why there is none: whatever is wrong with one, the others go on."""
    try:
        return compose(verdict)
    except UserError as error:
        return left_open(entry, Cause.RENDERING, str(error))
    except Exception as error:
        return left_open(entry, Cause.RENDERING, f"internal error: {type(error).__name__}")


def left_open(entry: Entry, cause: Reason | Cause, why: str) -> Result:
    """The result of a message that was not sent."""
    emit(
        "open",
        logging.WARNING if cause is Cause.RENDERING else logging.INFO,
        order=entry.order,
        rule=entry.rule,
        step=entry.step,
        cause=cause,
    )
    return Result(entry.key, Ending.OPEN, why, cause)
