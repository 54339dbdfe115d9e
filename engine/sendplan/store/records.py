"""What a store tells of orders, imports, plans, people and senders: frozen values, the same of every store.

docs/architecture.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from sendplan.addresses import mailbox
from sendplan.dataclass import dataclass
from sendplan.fields import Value
from sendplan.ledger import (
    EVERY_CLASS,
    Overrides,
    Snooze,
    SnoozeSubject,
)
from sendplan.problems import UserError
from sendplan.scopes import Scope

REPEAT_AFTER_LEASE = 600.0
"""Seconds after the end of a vanished executor's lease in which nobody repeats its messages.

See docs/sending.md#what-to-do-with-an-uncertain-message.
"""


SECRET = "secret"
"""The note of what only this store knows: it signs links to unsubscribe."""


LEFT = "left"
"""The note of where a store was copied to: nothing works on it any more."""


class StoreError(UserError):
    """The store cannot be read or written, whatever its driver calls that; nothing was changed by the failed call."""


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order as it was imported: no defaults, no derived fields; an absent field is not in `values`."""

    id: str
    account: str
    version: int
    """Raised by every import that changes the order."""
    values: Mapping[str, Value]
    stored_at: datetime | None = None
    """When an import first brought it (UTC, the real clock); None where nobody kept that."""


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """Messages that an execution did not send, for one cause."""

    cause: str
    """A reason of a decision, or the dispatcher's own."""
    why: str
    """One sentence for a person, of the first of them."""
    count: int
    keys: tuple[str, ...] = ()
    """The first of them, as people write them."""


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A plan that was handed to the dispatcher."""

    id: str
    state: str
    """`executing`, `interrupted` or `finished`."""
    created: datetime
    sent: int = 0
    failed: int = 0
    uncertain: int = 0
    owner: str = ""
    """Who executes it, or did last."""
    lease_until: datetime | None = None
    """When its lease ends (UTC, the real clock); None once it is given back."""
    open: tuple[LeftOpen, ...] = ()
    """What its latest execution left open, and why."""
    copies_refused: tuple[str, ...] = ()
    """What servers answered to copies that they did not take, each answer once."""

    @property
    def left_open(self) -> int:
        """How many messages its latest execution left open."""
        return sum(each.count for each in self.open)


class Refusal(StrEnum):
    """Why the store does not take one row of an import."""

    DUPLICATE = "duplicate"
    """An earlier row of the same file has this id; `detail` is its number."""
    ACCOUNT_CHANGED = "account_changed"
    """The order is there under another account, named by `detail`."""
    INCOMPLETE = "incomplete"
    """A new order without the required field that `detail` names."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was left out of an import."""

    number: int
    id: str
    refusal: Refusal
    detail: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import changed in the store."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    forgotten: int = 0
    """Rows of orders that were forgotten, which are passed over."""


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """Why an import refused a row, or the whole file."""

    place: str
    """File, line and column; empty for a file that is not there."""
    code: str
    message: str
    """Without addresses."""


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """What came of one import, for `status`."""

    at: datetime
    """When it was made (UTC, the real clock)."""
    file: str
    imported: Imported = Imported()
    bad: int = 0
    """How many rows were refused."""
    source: str = ""
    """Its name under `imports:`; empty for a file that somebody named."""
    stored: bool = True
    """False when nothing of the file was taken."""
    refused: tuple[ImportProblem, ...] = ()
    """The first of what was refused."""

    @property
    def good(self) -> bool:
        """Whether all of the file was taken."""
        return self.stored and not self.bad


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's yes to what a plan sends."""

    plan: str
    digest: str
    """Of the rules, settings and templates that it was given for."""
    keys: frozenset[str]
    """The messages, as people write them."""
    at: datetime
    """When (UTC, the real clock)."""
    who: str


SHOWN_ACTS = 1000
"""How many acts are listed, the latest."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person changed by hand."""

    at: datetime
    """When (UTC, the real clock)."""
    who: str
    act: str
    """`approve`, `resolve`, `pause`, `resume`, `suppress`, `unsuppress`, `snooze`, `wake` or `look`."""
    subject: str
    """What it was done to; an address is masked."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that gets no mail, or none of one class."""

    address: str
    """As `addresses.mailbox` spells it."""
    at: datetime
    reason: str
    klass: str = EVERY_CLASS


@dataclass(frozen=True, slots=True)
class Pause:
    """A sender or rule that a person, or the dispatcher for a person, has paused."""

    name: str
    """`*` is everything."""
    at: datetime
    reason: str
    automatic: bool = False
    """Whether the dispatcher did it, not a person."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """Why a sender cannot send: a report and no pause, later runs try it with one mail."""

    sender: str
    scope: Scope
    """`host`, `login`, `sender`, `account_rate`, `account_quota`, or `address`: it knew none of several buyers."""
    reply: str
    """What the server answered, or how it could not be reached."""
    since: datetime
    """When it was first so (UTC, the real clock)."""
    tried_at: datetime
    """The latest try (UTC, the real clock)."""


def overrides_of(
    suppressions: Iterable[Suppression],
    snoozes: Iterable[Snooze],
    *,
    paused: frozenset[str] = frozenset(),
    orders_from: datetime | None = None,
) -> Overrides:
    """What people decided, as decisions look it up."""
    classes: dict[str, dict[str, str]] = {}
    for each in suppressions:
        # An older store holds addresses as they were written.
        classes.setdefault(mailbox(each.address), {})[each.klass] = each.reason
    put_off: dict[tuple[SnoozeSubject, str], tuple[Snooze, ...]] = {}
    for snooze in snoozes:
        key = (snooze.subject, snooze.name)
        put_off[key] = (*put_off.get(key, ()), snooze)
    return Overrides(classes, put_off, paused, orders_from)


OrderCells: TypeAlias = tuple[Any, ...]
"""An order as a store keeps it: id, account, its ledger rows (lines of `rule|step|state|at|next_attempt`; None without
any), whether an import refused a row of it, then the cells of fields, None being missing."""
