"""(rule, order, history, now) → decision with one named reason: a pure function (docs/language.md#reasons).

`decide` reads no clock, store, file or network. Planning, explaining, simulating and the re-check before each mail
all call it; the checks that it kept on the way are the explanation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import partial

from sendplan.addresses import address_error
from sendplan.deciding.decision import (
    OUTSIDE,
    Check,
    Decision,
    Sentence,
    Situation,
    said_of_following,
    said_of_retry,
    said_of_send,
)
from sendplan.deciding.held_back import paused, snoozed, stale, suppressed
from sendplan.deciding.progress import progress
from sendplan.deciding.timing import earliest_day, last_chance, lookback_ends, window_changes
from sendplan.expressions import And, Environment, Evaluated, Expression, FieldRef, Missing, walk
from sendplan.fields import PERSONAL, Moment
from sendplan.ledger import Record, State
from sendplan.plan import Reason
from sendplan.project.regions import ADDRESS_FIELDS, locate
from sendplan.project.rules import Rule, Step
from sendplan.project.settings import Account, Hold, Settings
from sendplan.windows import Window, next_opening


def decide(rule: Rule, settings: Settings, situation: Situation) -> Decision:
    """The decision of one rule for one order: the first reason of the closed list that applies wins."""
    decider = _Decider(rule, settings, situation)
    try:
        return decider.decision()
    except OverflowError:
        return decider.conclude(Reason.ERROR, OUTSIDE)


class _Decider:
    def __init__(self, rule: Rule, settings: Settings, situation: Situation) -> None:
        self.rule = rule
        self.settings = settings
        self.calendar = settings.calendar
        self.situation = situation
        self.now = situation.now
        self.values = situation.facts.values
        self.account: Account | None = settings.accounts.get(situation.facts.account)
        self.progress = progress(rule, situation.history)
        self.last = self.progress.last
        self.environment = Environment(
            self.values, self.calendar, self.account.params if self.account else settings.params, situation.sent
        )
        self.pending: list[str] = []
        self.checks: list[Check] = []
        self.read: set[str] = set()
        self.step: Step | None = None
        self.due: Moment | None = None
        self.own_due: Evaluated | None = None
        self.follows: Moment | None = None
        """When the message went out after which the step counts, where that decides on the due date."""
        self.expires_at: datetime | None = None
        self.window: Window | None = None
        self.opening: datetime | None = None
        self.send_at: datetime | None = None
        self.region: str | None = None
        self.hold: Hold | None = None
        self.unknown: tuple[str, ...] = ()
        self.lost_at: datetime | None = None

    # --- the course of the questions ---

    def decision(self) -> Decision:
        """Ask the questions in the order of the closed list until one is decisive."""
        checks = self.checks
        for question in _QUESTIONS:
            check = question(self)
            if check is not None:
                checks.append(check)
                if not check.passed:
                    return self.conclude(check.reason, check.say)
        self.send_at = self.now
        due = self.due
        return self.conclude(Reason.SEND, lambda: said_of_send(self._text(due), self._origin()))

    def conclude(self, reason: Reason, say: Sentence) -> Decision:
        """The decision with everything noted on the way."""
        facts = {name: self.values.get(name) for name in sorted(self.read - PERSONAL)}
        return Decision(
            self.rule,
            self.step,
            reason,
            say,
            self.situation,
            due=self.due,
            expires_at=self.expires_at,
            send_at=self.send_at,
            region=self.region,
            facts=facts,
            checks=tuple(self.checks),
            seen=self.environment.seen,
            hold=self.hold,
            unknown=self.unknown,
            lost_at=self.lost_at,
        )

    def _evaluate(self, expression: Expression) -> Evaluated:
        self.read |= expression.fields()
        result = expression.evaluate(self.environment)
        for node in expression.sent():
            # In the branch that was not taken nobody waits.
            if id(node) in self.environment.seen and self.situation.is_pending(node):
                self.pending.append(node.ref)
        return result

    # --- questions; None means that there is nothing to ask ---

    def _known_account(self) -> Check:
        name, account = self.situation.facts.account, self.account
        if account is None:
            return Check(Reason.ERROR, False, f"account `{name}` is not in sendplan.yaml")
        return Check(Reason.ERROR, True, lambda: f"account {name}, {account.portal}")

    def _account_skips(self) -> Check | None:
        assert self.account is not None
        if self.account.closed:
            return Check(Reason.ACCOUNT_SKIPS_RULE, False, f"account {self.account.name} is closed")
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
        """Which step is next; its row of the ledger may already decide."""
        if not self.progress.left:
            last = self.last
            assert last is not None
            self.step = self.rule.steps[-1]
            return Check(Reason.ALREADY_SENT, False, lambda: f"sent on {self._text(self.calendar.day(last.at))}")
        self.step, record = self.progress.left[0]
        for row in filter(None, (record, self.progress.doubtful)):
            name = "the message" if row is record else f"the message {row.step or row.rule}"
            if row.state is State.SENDING:
                return Check(Reason.IN_FLIGHT, False, f"{name} is being sent right now")
            if row.state is State.UNCERTAIN:
                why = f"{name} has an unknown outcome and waits for `sendplan resolve`"
                return Check(Reason.UNRESOLVED, False, why)
        if record is None or record.state is State.DEFERRED:
            said = "not sent yet" if record is None else f"deferred after {record.attempts} attempts"
            return Check(Reason.ALREADY_SENT, True, said)
        if record.state is State.DROPPED:
            return self._after_dropped()
        return Check(Reason.UNRESOLVED, False, "the message failed and waits for `sendplan resolve`")

    def _after_dropped(self) -> Check:
        (dropped, _), *later = self.progress.left
        for step, record in later:
            if not _is(record, State.DROPPED):
                self.step = step
                return Check(Reason.PREDECESSOR_UNSENT, False, f"the earlier step {dropped.id} was dropped")
        return Check(Reason.ALREADY_SENT, False, "a person dropped this message")

    def _before_start(self) -> Check | None:
        adopted = self.situation.overrides.orders_from
        if adopted is not None and self.calendar.instant(self._ordered()) < adopted:
            # Ladders too: nobody knows how far the forgotten part of the ledger had come.
            return Check(
                Reason.BEFORE_START,
                False,
                lambda: (
                    f"ordered on {self._ordered_day()}, the store was adopted at {self._text(adopted)} and begins there"
                ),
            )
        start = self.rule.orders_from
        if start is None or self.last is not None:
            return None
        self.read.add("ordered")
        day = self._ordered_day()
        return Check(
            Reason.BEFORE_START, day >= start, lambda: f"ordered on {day}, the rule begins with orders from {start}"
        )

    def _too_old(self) -> Check | None:
        lookback = self.rule.lookback
        if lookback is None:
            return None
        calendar = self.calendar
        earliest = earliest_day(calendar, lookback, self.now)
        if self.last is None:
            name, day = self._beginning(earliest)
            said = f"{name} on"
            if day < earliest:
                self._unknown(self.rule.due.undecided(self.environment.seen))
        else:
            due = self._due_now()
            if not isinstance(due, date):
                return None
            day = calendar.day(due)
            said = "due"
        if day < earliest:
            self.lost_at = lookback_ends(calendar, lookback, day)
        change = (lambda: lookback_ends(calendar, lookback, day)) if day >= earliest else None
        return Check(
            Reason.TOO_OLD,
            day >= earliest,
            lambda: f"{said} {day}, the rule looks back {lookback} to {earliest}",
            change=change,
        )

    def _beginning(self, earliest: date) -> tuple[str, date]:
        """The field whose day decides on the lookback: `ordered`, or the latest moment that the due date reads."""
        self.read.add("ordered")
        found = [("ordered", self._ordered_day())]
        if found[0][1] < earliest:
            self._due_now()
            for node in walk(self.rule.due.root):
                value = self.environment.seen.get(id(node)) if isinstance(node, FieldRef) else None
                if isinstance(node, FieldRef) and isinstance(value, date):
                    found.append((node.name, self.calendar.day(value)))
        return max(found, key=lambda each: each[1])

    def _trigger(self) -> Check:
        assert self.step is not None
        triggers = self.step.triggers
        values = [self._evaluate(trigger) for trigger in triggers]
        if False in values:
            refused = triggers[values.index(False)]
            return Check(Reason.TRIGGER_FALSE, False, lambda: f"{self._decisive_part(refused)} is not true", triggers)
        names = dict.fromkeys(name for value in values if isinstance(value, Missing) for name in value.names)
        if names:
            self._unknown(names)
            return Check(Reason.TRIGGER_UNKNOWN, False, lambda: f"{_quoted(names)} is missing", triggers)
        return Check(Reason.TRIGGER_FALSE, True, "the trigger holds", triggers)

    def _region(self) -> Check:
        assert self.step is not None
        located = locate(self.settings.regions, self.values)
        self.read |= self.values.keys() & ADDRESS_FIELDS
        if located.missing:
            self.read.add(located.missing)
        self.region = located.region
        allowed = self.step.regions
        if located.missing and (allowed is None or allowed >= {region.name for region in self.settings.regions}):
            # Whichever region it turns out to be, it is allowed.
            return Check(Reason.REGION_EXCLUDED, True, f"{located.why}, but every region is allowed")
        if allowed is None or located.region in allowed:
            return Check(Reason.REGION_EXCLUDED, True, located.why)
        if located.missing:
            self._unknown((located.missing,))
            return Check(Reason.REGION_EXCLUDED, False, f"the region is unknown: `{located.missing}` is missing")
        if located.region is None:
            return Check(Reason.REGION_EXCLUDED, False, located.why)
        return Check(
            Reason.REGION_EXCLUDED,
            False,
            lambda: f"{located.region} is not among {', '.join(sorted(allowed)) or 'no region'}",
        )

    def _class(self) -> Check | None:
        assert self.step is not None
        klass = self.step.klass
        requires = self.settings.classes[klass].requires
        if requires is None:
            return None
        value = self._evaluate(requires)
        if isinstance(value, Missing):
            self._unknown(value.names)
        if value is True:
            return Check(Reason.CLASS_BLOCKED, True, lambda: f"class {klass} allows it", (requires,))
        return Check(
            Reason.CLASS_BLOCKED, False, lambda: f"class {klass} requires {self._decisive_part(requires)}", (requires,)
        )

    def _unknown(self, names: Iterable[str]) -> None:
        """Note the fields; a message that has not gone out is not one of them."""
        self.unknown = tuple(sorted(name for name in names if name in self.settings.fields))

    def _suppressed(self) -> Check | None:
        assert self.step is not None
        return suppressed(self.step, self.settings, self.situation)

    def _address(self) -> Check:
        if "email" not in self.values:
            return Check(Reason.NO_ADDRESS, False, "`email` is missing")
        error = address_error(str(self.values["email"]))
        if error is not None:
            return Check(Reason.NO_ADDRESS, False, "`email` is not a valid address")
        return Check(Reason.NO_ADDRESS, True, "there is an address")

    def _waiting(self) -> Check:
        asked = (self.rule.due,)
        due = self._due_now()
        if self.pending:
            pending = tuple(dict.fromkeys(self.pending))
            return Check(Reason.WAITING, False, lambda: f"{_quoted(pending)} has not gone out yet", asked)
        if isinstance(due, Missing):
            names = due.names
            self._unknown(self.rule.due.undecided(self.environment.seen))
            return Check(Reason.WAITING, False, lambda: f"the due date waits for {_quoted(names)}", asked)
        assert isinstance(due, date)
        self.due = due
        return Check(Reason.WAITING, True, lambda: f"{self._origin()} = {self._text(due)}", asked)

    def _due_now(self) -> Evaluated:
        """The step's own due date: the rule's, in a ladder not before the last message and the step's distance."""
        if self.own_due is None:
            self.own_due = self._counted(self._evaluate(self.rule.due))
        return self.own_due

    def _counted(self, due: Evaluated) -> Evaluated:
        assert self.step is not None
        after = self.step.after
        if self.last is None or after is None or not isinstance(due, date):
            return due
        following = self.calendar.add(self.last.at, after)
        if self.calendar.instant(following) <= self.calendar.instant(due):
            return due
        self.follows = self.last.at if after.exact else self.calendar.day(self.last.at)
        return following

    def _not_due(self) -> Check:
        assert self.due is not None
        due, text = self.due, self.calendar.text
        begins = self.calendar.instant(due)
        reached = begins <= self.now
        return Check(Reason.NOT_DUE, reached, lambda: f"due {text(due)}", change=None if reached else begins)

    def _expired(self) -> Check | None:
        assert self.step is not None
        assert self.due is not None
        self.window = self.settings.windows[self.step.window] if self.step.window else None
        self.opening = next_opening(self.calendar, self.window, self.now) if self.window else self.now
        expires, name = self.step.expires, self.step.window
        if expires is None:
            return None
        end = self.expires_at = self.calendar.after(self.due, expires)
        if self.now >= end:
            return self._lost(end, lambda: f"it expired {self._text(end)}, {expires} after it was due")
        retry = self._next_attempt()
        if retry is not None and retry >= end:
            return self._lost(end, lambda: f"it expires {self._text(end)}, before the next attempt")
        if self.opening is None or self.opening >= end:
            return self._lost(end, lambda: f"it expires {self._text(end)}, before window {name} opens")
        text, window = self.calendar.text, self.window
        change = end if window is None else lambda: last_chance(self.calendar, window, self.now, end)
        return Check(Reason.EXPIRED, True, lambda: f"it expires {text(end)}", change=change)

    def _lost(self, end: datetime, say: Sentence) -> Check:
        self.lost_at = min(end, self.now)
        return Check(Reason.EXPIRED, False, say)

    def _held(self) -> Check | None:
        snooze = snoozed(self.rule, self.settings, self.situation)
        if snooze is not None:
            return snooze
        asked: tuple[Expression, ...] = ()
        for hold in self.settings.holds:
            value = self._evaluate(hold.when)
            asked += (hold.when,)
            if value is not False:
                self.hold = hold
                missing = f" (unknown: {', '.join(value.names)} is missing)" if isinstance(value, Missing) else ""
                return Check(Reason.HELD, False, f"{hold.reason}{missing}", asked)
        return Check(Reason.HELD, True, "no hold applies", asked) if asked else None

    def _paused(self) -> Check | None:
        assert self.account is not None
        return paused(self.rule, self.account, self.situation.overrides)

    def _stale(self) -> Check | None:
        return stale(self.rule, self.settings, self.situation)

    def _retry(self) -> Check | None:
        retry = self._next_attempt()
        if retry is None:
            return None
        if retry > self.now:
            self.send_at = retry
            return Check(
                Reason.RETRY_LATER,
                False,
                lambda: said_of_retry(self._text(retry)),
                change=retry,
            )
        return Check(Reason.RETRY_LATER, True, lambda: f"the next attempt was due {self._text(retry)}")

    def _window(self) -> Check | None:
        window = self.window
        if window is None:
            return None
        if self.opening == self.now:
            change = partial(window_changes, self.calendar, window, self.now)
            return Check(Reason.OUTSIDE_WINDOW, True, f"window {window.name} is open", change=change)
        self.send_at = opening = self.opening
        return Check(
            Reason.OUTSIDE_WINDOW,
            False,
            lambda: f"window {window.name} {f'opens {self._text(opening)}' if opening else 'never opens again'}",
            change=opening,
        )

    # --- what the questions share ---

    def _origin(self) -> str:
        """What the due date was counted from."""
        if self.follows is None:
            return self.rule.due.text
        assert self.step is not None
        return said_of_following(self.progress.last_step or self.rule.id, self._text(self.follows), self.step)

    def _ordered(self) -> Moment:
        ordered = self.values["ordered"]
        assert isinstance(ordered, date)
        return ordered

    def _ordered_day(self) -> date:
        return self.calendar.day(self._ordered())

    def _next_attempt(self) -> datetime | None:
        _, record = self.progress.left[0]
        return record.next_attempt if record is not None and record.state is State.DEFERRED else None

    def _decisive_part(self, expression: Expression) -> str:
        """The text of the smallest part of an `and` that makes the whole not true."""
        part = expression.traced(self.environment.seen)
        while isinstance(part.node, And):
            part = next((each for each in part.parts if each.value is not True), part.parts[0])
        return f"`{expression.text[part.node.start : part.node.end]}`"

    def _text(self, moment: Moment | None) -> str:
        return self.calendar.text(moment) if moment is not None else "never"


_QUESTIONS: tuple[Callable[[_Decider], Check | None], ...] = (
    _Decider._known_account,
    _Decider._account_skips,
    _Decider._disabled,
    _Decider._position,
    _Decider._before_start,
    _Decider._too_old,
    _Decider._trigger,
    _Decider._region,
    _Decider._class,
    _Decider._suppressed,
    _Decider._address,
    _Decider._waiting,
    _Decider._not_due,
    _Decider._expired,
    _Decider._held,
    _Decider._paused,
    _Decider._stale,
    _Decider._retry,
    _Decider._window,
)


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _is(record: Record | None, state: State) -> bool:
    return record is not None and record.state is state
