"""What several hosts tell each other through the store while they send a plan together (docs/hosts.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sendplan.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Lot:
    """A few messages of one sender that one host takes at once; those of one order are never in two of them."""

    number: int
    """Its place in the plan."""
    sender: str
    keys: tuple[str, ...]
    """The messages as people write them, in the order in which they leave."""


@dataclass(frozen=True, slots=True)
class OpenPlan:
    """A plan in which other hosts may take part."""

    id: str
    sending_at: datetime | None
    """The time that somebody gave it to go by (UTC); None: the clock."""


@dataclass(frozen=True, slots=True)
class PlanProgress:
    """How far a plan has come over all hosts, as one that takes part in it sees it."""

    executing: bool
    """False once it has ended, or was stopped."""
    led: bool
    """Whether who began it is still there."""
    free: frozenset[str]
    """Senders of which there is something to take."""
    held: bool
    """Whether others have something in hand, or had when they vanished and it is not yet free again."""
    others: bool
    """Whether any other host is there that could take what is free."""


@dataclass(frozen=True, slots=True)
class Host:
    """A process that sends, or waits for something to send."""

    owner: str
    """Host, process and a nonce of its boot."""
    plan: str
    """What it sends; empty while it waits."""
    lease_until: datetime
    """When it counts as vanished unless it is heard of (UTC, the store's clock)."""
    connections: Mapping[str, int]
    """Sender → how many connections it may open."""

    @property
    def name(self) -> str:
        """The computer."""
        return self.owner.partition(" ")[0]

    @property
    def process(self) -> str:
        """The process on it."""
        return self.owner.partition(" ")[2].partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Rate:
    """What a sender has sent over all hosts, counted in recipients as its limits are."""

    minute: int
    """In the last minute."""
    day: int
    """In the last 24 hours."""
