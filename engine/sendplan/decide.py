"""(rule, order, history, now) → decision with one named reason: the heart, and a pure function (LANGUAGE §5).

`decide` reads no clock, store, file or network. Planning, explaining, simulating and the re-check before each mail
all call it; the checks that it kept on the way are the explanation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sendplan.addresses import address_error
from sendplan.calendar import Duration
from sendplan.expressions import Environment, Expression, Sent, Traced
from sendplan.facts import Facts
from sendplan.fields import PERSONAL, Moment, Value
from sendplan.ledger import History, MessageKey, Operator, Record, State
from sendplan.plan import STATUS_OF, Reason, Status
from sendplan.regions import ADDRESS_FIELDS, locate
from sendplan.rules import Rule, Step
from sendplan.settings import Account, Settings


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a decision about one order looks at, besides the rules."""

    now: datetime
    """UTC."""
    facts: Facts
    history: History
    imported: Mapping[str, datetime] = field(default_factory=dict)
    """Field → when an import last carried it for the order's account (UTC)."""
    operator: Operator = field(default_factory=Operator)
    outcomes: Mapping[MessageKey, Reason] = field(default_factory=dict)
    """What was decided, in this run and for this order, on the messages that come earlier."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question of a decision, with the values under every part of the conditions asked."""

    reason: Reason
    """What the decision is when this check does not pass."""
    passed: bool
    why: str
    evaluated: tuple[tuple[Expression, Traced], ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether one rule's message for one order leaves now, and why or why not."""

    rule: Rule
    step: Step | None
    """The step spoken of; None where the question does not get that far."""
    reason: Reason
    why: str
    """One sentence for a person."""
    situation: Situation
    """What was decided on."""
    due: Moment | None = None
    expires_at: datetime | None = None
    send_at: datetime | None = None
    region: str | None = None
    facts: Mapping[str, Value | None] = field(default_factory=dict)
    """Every field that was read, without personal ones; None when the order lacks it."""
    checks: tuple[Check, ...] = ()
    expired_while_held: bool = False

    @property
    def status(self) -> Status | None:
        """How a plan lists it; None when it does not."""
        return STATUS_OF.get(self.reason)

    @property
    def key(self) -> MessageKey:
        """The message's ledger key within the order."""
        return self.step.keys[0] if self.step else (self.rule.id, "")


_PENDING = frozenset({Reason.IN_FLIGHT, Reason.ERROR})
"""Beside everything listed as later or held: the message may still leave, so whoever reads `sent(…)` waits."""


def decide(rule: Rule, settings: Settings, situation: Situation) -> Decision:
    """The decision of one rule for one order: the first reason of the closed list that applies wins."""
    decider = _Decider(rule, settings, situation)
    try:
        return decider.decision()
    except OverflowError:
        return decider.conclude(Reason.ERROR, "a date of this order lies beyond the years 1 to 9999")


class _Decider:
    def __init__(self, rule: Rule, settings: Settings, situation: Situation) -> None:
        self.rule = rule
        self.settings = settings
        self.calendar = settings.calendar
        self.situation = situation
        self.now = situation.now
        self.values = situation.facts.values
        self.account: Account | None = settings.accounts.get(situation.facts.account)
        self.records = tuple(situation.history.find(step.keys) for step in rule.enabled_steps())
        self.furthest = max((n for n, each in enumerate(self.records) if _is(each, State.SENT)), default=-1)
        self.environment = Environment(
            self.values, self.calendar, self.account.params if self.account else settings.params, self._sent
        )
        self.pending: list[str] = []
        self.checks: list[Check] = []
        self.read: set[str] = set()
        self.step: Step | None = None
        self.due: Moment | None = None
        self.expires_at: datetime | None = None
        self.opening: datetime | None = None
        self.send_at: datetime | None = None
        self.region: str | None = None
        self.expired_while_held = False

    # --- the course of the questions ---

    def decision(self) -> Decision:
        """Ask the questions in the order of the closed list until one is decisive."""
        questions: tuple[Callable[[], Check | None], ...] = (
            self._known_account,
            self._account_skips,
            self._disabled,
            self._position,
            self._before_start,
            self._too_old,
            self._trigger,
            self._region,
            self._class,
            self._suppressed,
            self._address,
            self._waiting,
            self._not_due,
            self._expired,
            self._held,
            self._paused,
            self._stale,
            self._retry,
            self._window,
        )
        for question in questions:
            check = question()
            if check is not None:
                self.checks.append(check)
                if not check.passed:
                    return self.conclude(check.reason, check.why)
        self.send_at = self.now
        return self.conclude(Reason.SEND, f"due {self._text(self.due)}: {self._due_origin()}")

    def conclude(self, reason: Reason, why: str) -> Decision:
        """The decision with everything noted on the way."""
        facts = {name: self.values.get(name) for name in sorted(self.read - PERSONAL)}
        return Decision(
            self.rule,
            self.step,
            reason,
            why,
            self.situation,
            due=self.due,
            expires_at=self.expires_at,
            send_at=self.send_at,
            region=self.region,
            facts=facts,
            checks=tuple(self.checks),
            expired_while_held=self.expired_while_held,
        )

    def _evaluate(self, expression: Expression) -> Traced:
        self.read |= expression.fields()
        self.pending += [f"`{node.ref}`" for node in expression.sent() if self._is_pending(node)]
        return expression.evaluate(self.environment)

    # --- questions; None means that there is nothing to ask ---

    def _known_account(self) -> Check:
        name = self.situation.facts.account
        if self.account is None:
            return Check(Reason.ERROR, False, f"account `{name}` is not in sendplan.yaml")
        return Check(Reason.ERROR, True, f"account {name}, {self.account.portal}")

    def _account_skips(self) -> Check | None:
        assert self.account is not None
        if self.rule.id in self.account.skip:
            return Check(Reason.ACCOUNT_SKIPS_RULE, False, f"account {self.account.name} skips this rule")
        return None

    def _disabled(self) -> Check | None:
        if not self.rule.enabled:
            return Check(Reason.DISABLED, False, "the rule is switched off")
        if not self.rule.steps:
            return Check(Reason.DISABLED, False, "no step of the ladder is switched on")
        return None

    def _position(self) -> Check:
        """Which step is next: the one after the furthest sent; the ledger's row of it may already decide."""
        position = self.furthest + 1
        if position >= len(self.rule.steps):
            last = self.records[self.furthest]
            assert last is not None
            self.step = self.rule.steps[-1]
            return Check(Reason.ALREADY_SENT, False, f"sent on {self._text(self.calendar.day(last.at))}")
        self.step = self.rule.steps[position]
        record = self.records[position]
        if record is None or record.state is State.DEFERRED:
            said = "not sent yet" if record is None else f"deferred after {record.attempts} attempts"
            return Check(Reason.ALREADY_SENT, True, said)
        if record.state is State.SENDING:
            return Check(Reason.IN_FLIGHT, False, "it is being sent right now")
        if record.state is State.DROPPED:
            return self._after_dropped(position)
        outcome = "failed" if record.state is State.FAILED else "has an unknown outcome"
        return Check(Reason.UNRESOLVED, False, f"the message {outcome} and waits for `sendplan resolve`")

    def _after_dropped(self, position: int) -> Check:
        for later in range(position + 1, len(self.rule.steps)):
            if not _is(self.records[later], State.DROPPED):
                self.step = self.rule.steps[later]
                why = f"the earlier step {self.rule.steps[position].id} was dropped"
                return Check(Reason.PREDECESSOR_UNSENT, False, why)
        return Check(Reason.ALREADY_SENT, False, "a person dropped this message")

    def _before_start(self) -> Check | None:
        adopted = self.situation.operator.orders_from
        if adopted is not None and self.calendar.instant(self._ordered()) < adopted:
            # Ladders too: nobody knows how far the forgotten part of the ledger had come.
            why = f"ordered on {self._ordered_day()}, the store was adopted at {self._text(adopted)} and begins there"
            return Check(Reason.BEFORE_START, False, why)
        start = self.rule.orders_from
        if start is None or self._begun():
            return None
        self.read.add("ordered")
        day = self._ordered_day()
        return Check(Reason.BEFORE_START, day >= start, f"ordered on {day}, the rule begins with orders from {start}")

    def _too_old(self) -> Check | None:
        if self.rule.lookback is None or self._begun():
            return None
        self.read.add("ordered")
        day = self._ordered_day()
        earliest = self.calendar.day(self.calendar.add(self.calendar.day(self.now), self.rule.lookback, -1))
        why = f"ordered on {day}, the rule looks back {self.rule.lookback} to {earliest}"
        return Check(Reason.TOO_OLD, day >= earliest, why)

    def _trigger(self) -> Check:
        assert self.step is not None
        evaluated = tuple((trigger, self._evaluate(trigger)) for trigger in self.step.triggers)
        for expression, traced in evaluated:
            if traced.value is False:
                return Check(Reason.TRIGGER_FALSE, False, f"{decisive_part(expression, traced)} is not so", evaluated)
        for _, traced in evaluated:
            if traced.value is None:
                missing = " and ".join(f"`{name}`" for name in traced.missing)
                return Check(Reason.TRIGGER_UNKNOWN, False, f"{missing} is missing", evaluated)
        return Check(Reason.TRIGGER_FALSE, True, "the trigger holds", evaluated)

    def _region(self) -> Check:
        assert self.step is not None
        located = locate(self.settings.regions, self.values)
        self.read |= {name for name in ADDRESS_FIELDS if name in self.values} | ({located.missing or "country"})
        self.region = located.region
        allowed = self.step.regions
        if located.missing and (allowed is None or allowed >= {region.name for region in self.settings.regions}):
            # Whichever region it turns out to be, it is allowed.
            return Check(Reason.REGION_EXCLUDED, True, f"{located.why}, but every region is allowed")
        if allowed is None or located.region in allowed:
            return Check(Reason.REGION_EXCLUDED, True, located.why)
        if located.missing:
            return Check(Reason.REGION_EXCLUDED, False, f"the region is unknown: `{located.missing}` is missing")
        names = ", ".join(sorted(allowed)) or "no region"
        if located.region is None:
            return Check(Reason.REGION_EXCLUDED, False, located.why)
        return Check(Reason.REGION_EXCLUDED, False, f"{located.region} is not among {names}")

    def _class(self) -> Check | None:
        assert self.step is not None
        requires = self.settings.classes[self.step.klass].requires
        if requires is None:
            return None
        traced = self._evaluate(requires)
        if traced.value is True:
            return Check(Reason.CLASS_BLOCKED, True, f"class {self.step.klass} allows it", ((requires, traced),))
        why = f"class {self.step.klass} requires {decisive_part(requires, traced)}"
        return Check(Reason.CLASS_BLOCKED, False, why, ((requires, traced),))

    def _suppressed(self) -> Check | None:
        email = str(self.values.get("email", "")).lower()
        if email in self.situation.operator.suppressed:
            return Check(Reason.SUPPRESSED, False, "the address is on the suppression list")
        return None

    def _address(self) -> Check:
        if "email" not in self.values:
            return Check(Reason.NO_ADDRESS, False, "`email` is missing")
        error = address_error(str(self.values["email"]))
        if error is not None:
            return Check(Reason.NO_ADDRESS, False, "`email` is not a valid address")
        return Check(Reason.NO_ADDRESS, True, "there is an address")

    def _waiting(self) -> Check:
        evaluated: tuple[tuple[Expression, Traced], ...] = ()
        missing: tuple[str, ...] = ()
        if self.furthest < 0:
            traced = self._evaluate(self.rule.due)
            evaluated, missing = ((self.rule.due, traced),), traced.missing
            self.due = traced.value if isinstance(traced.value, date) else None
        else:
            self.due = self._due_after_previous()
        if self.pending:
            self.due = None
            first = dict.fromkeys(self.pending)
            return Check(Reason.WAITING, False, f"{' and '.join(first)} has not gone out yet", evaluated)
        if self.due is None:
            names = " and ".join(f"`{name}`" for name in missing)
            return Check(Reason.WAITING, False, f"the due date waits for {names}", evaluated)
        return Check(Reason.WAITING, True, f"{self._due_origin()} = {self._text(self.due)}", evaluated)

    def _not_due(self) -> Check:
        assert self.due is not None
        return Check(Reason.NOT_DUE, self.calendar.instant(self.due) <= self.now, f"due {self._text(self.due)}")

    def _expired(self) -> Check | None:
        assert self.step is not None
        assert self.due is not None
        window = self.settings.windows[self.step.window] if self.step.window else None
        self.opening = self.calendar.next_opening(window, self.now) if window else self.now
        if self.step.expires is None:
            return None
        self.expires_at = self.calendar.instant(self.calendar.add(self.due, self.step.expires))
        limit = f"it expires {self._text(self.expires_at)}"
        if self.now >= self.expires_at:
            why = f"{limit.replace('expires', 'expired')}, {self.step.expires} after it was due"
            return self._noting_hold(Check(Reason.EXPIRED, False, why))
        retry = self._next_attempt()
        if retry is not None and retry >= self.expires_at:
            return self._noting_hold(Check(Reason.EXPIRED, False, f"{limit}, before the next attempt"))
        if self.opening is None or self.opening >= self.expires_at:
            return self._noting_hold(Check(Reason.EXPIRED, False, f"{limit}, before window {self.step.window} opens"))
        return Check(Reason.EXPIRED, True, limit)

    def _noting_hold(self, check: Check) -> Check:
        hold = self._held()
        self.expired_while_held = hold is not None and not hold.passed
        return check

    def _held(self) -> Check | None:
        evaluated: list[tuple[Expression, Traced]] = []
        for hold in self.settings.holds:
            traced = self._evaluate(hold.when)
            evaluated.append((hold.when, traced))
            if traced.value is not False:
                unknown = f" (unknown: {', '.join(traced.missing)} is missing)" if traced.value is None else ""
                return Check(Reason.HELD, False, f"{hold.reason}{unknown}", tuple(evaluated))
        return Check(Reason.HELD, True, "no hold applies", tuple(evaluated)) if evaluated else None

    def _paused(self) -> Check | None:
        assert self.account is not None
        for name, what in ((self.rule.id, "the rule"), (self.account.sender, "the sender"), ("*", "everything")):
            if name in self.situation.operator.paused:
                subject = what if name == "*" else f"{what} {name}"
                return Check(Reason.PAUSED, False, f"{subject} is paused until `sendplan resume`")
        return None

    def _stale(self) -> Check | None:
        watched = sorted(self.rule.reads & self.settings.fresh_within.keys())
        for name in watched:
            limit: Duration = self.settings.fresh_within[name]
            at = self.situation.imported.get(name)
            if at is None:
                return Check(Reason.STALE_DATA, False, f"`{name}` was never imported for this account")
            if self.calendar.instant(self.calendar.add(at, limit)) < self.now:
                why = f"`{name}` was last imported {self._text(at)}, more than {limit} ago"
                return Check(Reason.STALE_DATA, False, why)
        return Check(Reason.STALE_DATA, True, f"fresh: {', '.join(watched)}") if watched else None

    def _retry(self) -> Check | None:
        retry = self._next_attempt()
        if retry is None:
            return None
        if retry > self.now:
            self.send_at = retry
            return Check(Reason.RETRY_LATER, False, f"the server said later; next attempt {self._text(retry)}")
        return Check(Reason.RETRY_LATER, True, f"the next attempt was due {self._text(retry)}")

    def _window(self) -> Check | None:
        assert self.step is not None
        if self.step.window is None:
            return None
        if self.opening == self.now:
            return Check(Reason.OUTSIDE_WINDOW, True, f"window {self.step.window} is open")
        self.send_at = self.opening
        when = f"opens {self._text(self.opening)}" if self.opening else "never opens again"
        return Check(Reason.OUTSIDE_WINDOW, False, f"window {self.step.window} {when}")

    # --- what the questions share ---

    def _begun(self) -> bool:
        return self.furthest >= 0

    def _ordered(self) -> Moment:
        ordered = self.values["ordered"]
        assert isinstance(ordered, date)
        return ordered

    def _ordered_day(self) -> date:
        return self.calendar.day(self._ordered())

    def _due_after_previous(self) -> Moment:
        previous = self.records[self.furthest]
        assert previous is not None
        assert self.step is not None
        assert self.step.after is not None
        return self.calendar.add(self.calendar.day(previous.at), self.step.after)

    def _due_origin(self) -> str:
        if self.furthest < 0:
            return self.rule.due.text
        previous = self.records[self.furthest]
        assert previous is not None
        assert self.step is not None
        return f"{self.rule.steps[self.furthest].id} sent {self.calendar.day(previous.at)} + {self.step.after}"

    def _next_attempt(self) -> datetime | None:
        record = self.records[self.furthest + 1]
        return record.next_attempt if record is not None and record.state is State.DEFERRED else None

    def _sent(self, node: Sent) -> Moment | None:
        record = self.situation.history.find(node.keys)
        if _is(record, State.SENT):
            assert record is not None
            return record.at
        return self.now if self.situation.outcomes.get(node.keys[0]) is Reason.SEND else None

    def _is_pending(self, node: Sent) -> bool:
        """Whether that message may still leave, or may have left: in doubt the reader waits, even with `if set`."""
        record = self.situation.history.find(node.keys)
        if _is(record, State.SENT):
            return False
        if record is not None and record.state in (State.SENDING, State.DEFERRED, State.UNCERTAIN):
            return self.situation.outcomes.get(node.keys[0]) is not Reason.SEND
        outcome = self.situation.outcomes.get(node.keys[0])
        return outcome in _PENDING or STATUS_OF.get(outcome) in (Status.LATER, Status.HELD) if outcome else False

    def _text(self, moment: Moment | None) -> str:
        return self.calendar.text(moment) if moment is not None else "never"


def decisive_part(expression: Expression, traced: Traced) -> str:
    """The text of the smallest part of an `and` that makes the whole not true."""
    while traced.parts and type(traced.node).__name__ == "And":
        traced = next((part for part in traced.parts if part.value is not True), traced.parts[0])
    return f"`{expression.text[traced.node.start : traced.node.end]}`"


def _is(record: Record | None, state: State) -> bool:
    return record is not None and record.state is state
