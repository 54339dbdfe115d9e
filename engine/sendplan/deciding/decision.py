"""What a decision is made on, and what it says: the reason, and every check on the way to it.

See docs/language.md#reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import NamedTuple, TypeAlias

from sendplan.dataclass import dataclass
from sendplan.deciding.facts import Facts
from sendplan.expressions import Expression, Seen, Sent, Traced
from sendplan.fields import Moment, Value
from sendplan.ledger import History, MessageKey, Overrides, State
from sendplan.plan import STATUS_OF, Reason, Status
from sendplan.project.rules import Rule, Step
from sendplan.project.settings import Hold

OUTSIDE = "a date of this order is outside the years 1 to 9999"
_PENDING = frozenset({Reason.IN_FLIGHT, Reason.ERROR})
"""Beside everything listed as later or held: the message may still leave, so whoever reads `sent(…)` waits."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a decision about one order looks at, besides the rules."""

    now: datetime
    """UTC."""
    facts: Facts
    history: History
    imported: Mapping[str, datetime] = field(default_factory=dict)
    """Field → when an import last carried it for the order's account (UTC)."""
    overrides: Overrides = field(default_factory=Overrides)
    outcomes: Mapping[MessageKey, Reason] = field(default_factory=dict)
    """What was decided, in this run and for this order, on the messages that come earlier."""

    def sent(self, node: Sent) -> datetime | None:
        """When a message went out (UTC); `now` when it goes out in this run, None when it does not."""
        record = self.history.find(node.keys)
        if record is not None and record.state is State.SENT:
            return record.at
        return self.now if self.outcomes.get(node.keys[0]) is Reason.SEND else None

    def later(self, now: datetime, deciding: MessageKey) -> Situation:
        """The same data at a later moment, at which this run's sends have gone out, but for the one decided on."""
        keys = [key for key, outcome in self.outcomes.items() if outcome is Reason.SEND and key != deciding]
        history = self.history.with_sent(self.facts.id, keys, self.now)
        return replace(self, now=now, history=history)

    def is_pending(self, node: Sent) -> bool:
        """Whether that message may still leave, or may have left: in doubt the reader waits, even with `if set`."""
        record = self.history.find(node.keys)
        if record is not None and record.state is State.SENT:
            return False
        if record is not None and record.state in (State.SENDING, State.DEFERRED, State.UNCERTAIN):
            return self.outcomes.get(node.keys[0]) is not Reason.SEND
        outcome = self.outcomes.get(node.keys[0])
        return outcome is not None and (outcome in _PENDING or STATUS_OF[outcome] in (Status.LATER, Status.HELD))


Sentence: TypeAlias = str | Callable[[], str]
"""A sentence for a person, or how to put it together when somebody reads it: most are never read."""


class Check(NamedTuple):
    """One question of a decision."""

    reason: Reason
    """What the decision is when this check does not pass."""
    passed: bool
    say: Sentence
    evaluated: tuple[Expression, ...] = ()
    """The conditions and dates that it asks for; `Decision.traced` has their values."""
    change: datetime | Callable[[], datetime | None] | None = None
    """What `until` is, or how to find it."""

    @property
    def why(self) -> str:
        """One sentence for a person."""
        return _said(self.say)

    @property
    def until(self) -> datetime | None:
        """While no data changes, the answer stays the same before this instant (UTC); None: time never changes it.

        It may be early, never late: whoever waits for a change asks again then. The instant itself is the first at
        which the answer may be another.
        """
        try:
            return self.change() if callable(self.change) else self.change
        except OverflowError:  # beyond the calendar, so it never comes
            return None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether one rule's message for one order leaves now, and why or why not."""

    rule: Rule
    step: Step | None
    """The step spoken of; None where the question does not get that far."""
    reason: Reason
    say: Sentence = field(compare=False)
    situation: Situation
    """What was decided on."""
    due: Moment | None = None
    expires_at: datetime | None = None
    send_at: datetime | None = None
    region: str | None = None
    facts: Mapping[str, Value | None] = field(default_factory=dict)
    """Every field that was read, without personal ones; None when the order lacks it."""
    checks: tuple[Check, ...] = ()
    seen: Seen = field(default_factory=dict, repr=False)
    """The value of every part of the conditions and dates asked for."""
    hold: Hold | None = None
    """What holds it."""
    unknown: tuple[str, ...] = ()
    """The missing fields that stop it, where a trigger, a region, a class or a condition of the due date is neither met
    nor not."""
    lost_at: datetime | None = None
    """When it expired or grew too old (UTC), if that is what stops it; `now` when it cannot leave in time any more."""

    @property
    def why(self) -> str:
        """One sentence for a person."""
        return _said(self.say)

    @property
    def status(self) -> Status | None:
        """How a plan lists it; None when it does not."""
        return STATUS_OF[self.reason]

    @property
    def until(self) -> datetime | None:
        """When time alone may next make it another decision, as `Check.until` says it of one question."""
        return min((until for check in self.checks if (until := check.until) is not None), default=None)

    @property
    def key(self) -> MessageKey:
        """The message's ledger key within the order."""
        return self.step.keys[0] if self.step else (self.rule.id, "")

    def traced(self, expression: Expression) -> Traced:
        """A condition or date that was asked for, with the value of every part."""
        return expression.traced(self.seen)


def said_of_send(due: str, origin: str) -> str:
    """Why a message leaves."""
    return f"due {due}: {origin}"


def said_of_following(last: str, at: str, step: Step) -> str:
    """What a due date was counted from that goes by the last message."""
    return f"{last} sent {at} + {step.after}"


def said_of_retry(at: str) -> str:
    """Why a message waits for its next attempt."""
    return f"the server said later; next attempt {at}"


def _said(say: Sentence) -> str:
    try:
        return say if isinstance(say, str) else say()
    except OverflowError:
        return OUTSIDE
