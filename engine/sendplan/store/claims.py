"""What the dispatcher asks of the ledger around each final dot: intents, what the store answers, and outcomes.

See docs/sending.md#what-happens-to-one-message.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from sendplan.dataclass import dataclass
from sendplan.ledger import MessageKey, State
from sendplan.project.settings import Limits


@dataclass(frozen=True, slots=True)
class Intent:
    """A message whose end is about to be sent."""

    order: str
    key: MessageKey
    version: int
    """Of the order that was decided on."""
    token: str
    """Of the lease under which it is sent."""
    sender: str
    address: str
    klass: str
    classes: Collection[str]
    """All classes of messages that there are."""
    recipients: int
    limits: Limits
    at: datetime
    """The time that the run goes by (UTC)."""


class ClaimStatus(StrEnum):
    """Whether the end of a message may be sent now; anything but `ok` leaves the ledger as it was."""

    OK = "ok"
    CHANGED = "changed"
    """The order is not the one decided on any more: decide again."""
    TAKEN = "taken"
    """The message is in flight, settled, or deferred until later: somebody else dealt with it."""
    PAUSED = "paused"
    SNOOZED = "snoozed"
    SUPPRESSED = "suppressed"
    QUOTA = "quota"
    """The sender's limit is used up for now."""
    LEASE_LOST = "lease_lost"
    """The executor's lease has expired or is another's: stop, the plan is no longer its own."""


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The answer to an intent."""

    status: ClaimStatus
    wait: float = 0.0
    """With `quota`, the seconds until the limit frees."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of one intent: `sent`, `deferred` (with its next attempt), `failed` or `uncertain`."""

    order: str
    key: MessageKey
    token: str
    """Of the lease under which the intent was written."""
    to: State
    at: datetime
    reply: str
    queue_id: str = ""
    next_attempt: datetime | None = None
    charged: bool = True
    """Whether the attempt counts: one that failed for the host's or the account's sake does not."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What became of outcomes and intents that were written together."""

    answers: tuple[ClaimResult | None, ...]
    """To each intent; None when that takes another question (`Store.claim`), and the ledger is as it was."""
    high_water: int
    """How far the ledger has come with them."""
