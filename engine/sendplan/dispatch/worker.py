"""One connection's work: take an entry, decide again, compose, send, write down what came of it.

See docs/sending.md#what-happens-to-one-message.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from typing import assert_never

from sendplan.dispatch.desk import Desk, UnrecordedError, recipients_of
from sendplan.dispatch.job import Job, Services, composed, left_open
from sendplan.dispatch.lane import Lane
from sendplan.dispatch.model import CAUSES, LEVELS, Cause, Ending, Result, Verdict
from sendplan.dispatch.refusals_in_a_row import IN_A_ROW, RefusalCounted
from sendplan.dispatch.retries import delay
from sendplan.dispatch.stopping import Stop
from sendplan.events import emit
from sendplan.ledger import State
from sendplan.mail.dialing import SmtpError, Trouble
from sendplan.mail.opening import open_session
from sendplan.mail.replies import Phase, Reply
from sendplan.mail.smtp import Accepted, Lost, Outcome, Refused, Session, Unknown, Unreadable, Withdrawn
from sendplan.plan import Entry, Reason
from sendplan.problems import UserError
from sendplan.scopes import Scope
from sendplan.store.claims import ClaimResult, ClaimStatus

FRESH_SECONDS = 60.0
"""How old a decision may be at the intent: the server may have taken long over the mail before."""

CLAIM_SECONDS = 60.0
"""How long after it was asked for an intent may still be followed by the end of its message; far below a lease."""

_RULE_STOPPED = f"{IN_A_ROW} messages of this rule in a row were refused in the same way"


def awake() -> float:
    """Seconds by a clock that nobody sets and that goes on while the computer sleeps, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Again(Enum):
    """Why an entry goes back to its lane."""

    RESTED = auto()
    """The sender rests first; nothing was tried with this message."""
    LOST = auto()
    """Its connection broke before anything was sent."""
    CHANGED = auto()
    """Its order changed while the mail was on the way."""


class LeaseLostError(Exception):
    """Another executor has the plan by now."""


class Worker:
    """One connection of a lane; `run` it in a thread of its own."""

    def __init__(
        self,
        lane: Lane,
        number: int,
        *,
        open_desk: Callable[[], Desk],
        services: Services,
        stop: Stop,
        report: Callable[[Result], None],
    ) -> None:
        self._lane = lane
        self._number = number
        self._open_desk = open_desk
        self._services = services
        self._stop = stop
        self._report = report
        self._session: Session | None = None
        self._ahead: Job | None = None
        """The next mail, prepared so that its envelope may leave together with the end of the one before."""
        self._desk: Desk

    def run(self) -> None:
        """Work until the lane has nothing more."""
        self._desk = self._open_desk()
        try:
            while (job := self._ahead or self._next()) is not None:
                self._ahead = None
                self._handle(job)
        finally:
            self._quit()
            self._desk.store.close()

    def _next(self) -> Job | None:
        """Wait for a mail that may leave over a connection that is ready; None when there is nothing more."""
        self._desk.flush()
        while (entry := self._take()) is not None:
            job = self._prepared(entry) if self._ready_session() else None
            if job is not None:
                return job
            if self._session is None:
                self._once_more(entry, Again.RESTED)
            self._desk.flush()
        return None

    def _take(self) -> Entry | None:
        """Without a connection while other hosts have all that the sender's limits allow."""
        while (entry := self._lane.take(self._number)) is None:
            self._quit()
            if not self._lane.parked(self._number):
                break
        return entry

    def _quit(self) -> None:
        if self._session is not None:
            self._session.quit()
            self._session = None
            self._lane.connected(-1)

    def _prepared(self, entry: Entry) -> Job | None:
        """Decided again and composed; None when it is not to be sent, which has been reported."""
        since = time.monotonic()
        if self._lane.streaks.stopped(entry.rule):
            self._done(entry, left_open(entry, Reason.PAUSED, _RULE_STOPPED))
            return None
        verdict = self._services.decide_again(self._desk.store, entry)
        if verdict.reason is not Reason.SEND:
            self._done(entry, left_open(entry, verdict.reason, verdict.why))
            return None
        message = composed(self._services.compose, entry, verdict)
        if isinstance(message, Result):
            self._done(entry, message)
            return None
        return Job(entry, verdict, message, since)

    def _handle(self, job: Job) -> None:
        session = self._session
        assert session is not None
        entry = self._lane.ahead(self._number) if session.pipelining else None
        self._ahead = self._prepared(entry) if entry is not None else None
        intent: list[ClaimResult] = []
        following = self._ahead.message if self._ahead else None
        try:
            outcome = session.submit(job.message, lambda: self._may_send(job, intent), following)
            result = self._conclude(job, outcome, intent)
        except UnrecordedError as error:
            result = self._result(job.entry, Ending.UNCERTAIN, f"its outcome could not be recorded: {error}")
        if self._ahead is not None and not self._may_follow(self._ahead, session):
            session.close()
            self._once_more(self._ahead.entry, Again.RESTED)
            self._ahead = None
        if isinstance(result, Again):
            self._desk.flush()  # Whoever takes it next must find it in the ledger as it is now.
            self._once_more(job.entry, result)
        else:
            self._done(job.entry, result)

    def _may_follow(self, job: Job, session: Session) -> bool:
        """Whether nothing came up, while it was prepared, that stops its sender or rule."""
        return session.usable and not self._lane.resting and not self._lane.streaks.stopped(job.entry.rule)

    def _once_more(self, entry: Entry, again: Again) -> None:
        if self._lane.put_back(entry, lost=again is not Again.RESTED):
            return
        if again is Again.CHANGED:
            cause, why = Cause.CHANGING, "the order kept changing while its mail was being sent"
        else:
            cause, why = self._lane.stopped or (Cause.SENDER_DOWN, "the connection broke repeatedly")
        self._done(entry, left_open(entry, cause, why))

    def _done(self, entry: Entry, result: Result) -> None:
        """Report a result and let the order's next mail go on, once the ledger holds what came before."""

        def tell() -> None:
            self._report(result)
            self._lane.done(entry)

        self._desk.afterwards(tell)

    def _ready_session(self) -> Session | None:
        """A connection that takes another mail; None when there is none now, and the lane knows why."""
        if self._session is not None and self._session.usable:
            return self._session
        self._quit()
        sender = self._lane.sender
        try:
            self._session = open_session(sender, self._services.timeouts)
        except SmtpError as error:
            if error.trouble is Trouble.GIVEN_UP:
                self._lane.stop(Cause.STOPPED, error.detail)
            else:
                self._connection_failed(error)
        except UserError as error:
            self._lane.cannot_log_in(str(error))
        else:
            self._lane.connected(1)
            self._lane.opened()
        return self._session

    def _connection_failed(self, error: SmtpError) -> None:
        emit(
            "connection_failed",
            logging.WARNING,
            sender=self._lane.sender.name,
            phase=error.phase,
            trouble=error.trouble,
        )
        said = str(error.reply or error.detail)
        match error.scope:
            case Scope.LOGIN | Scope.SENDER | Scope.ACCOUNT_QUOTA:
                self._lane.refused(error.scope, said)
            case Scope.ACCOUNT_RATE:
                self._lane.slow_down(said)
            case Scope.CREDENTIALS:
                self._lane.cannot_log_in(said)
            case Scope.HOST | Scope.MESSAGE_LATER | Scope.ADDRESS | Scope.MESSAGE_FAILED | None:
                self._lane.connection_failed(said)
            case _:
                assert_never(error.scope)

    def _may_send(self, job: Job, intent: list[ClaimResult]) -> bool:
        """Everything but the dot has left: write the intent, durable, with every guard in it."""
        if self._stop.is_set():
            return False
        begun = awake()
        fresh = time.monotonic() - job.since < FRESH_SECONDS
        intent.append(
            self._desk.intend(job.entry, job.verdict, self._lane.sender, job.message)
            if fresh
            else ClaimResult(ClaimStatus.CHANGED)
        )
        if intent[0].status is ClaimStatus.OK and awake() - begun > CLAIM_SECONDS:
            # This computer slept, or was stopped: by now others may count the message as theirs.
            self._desk.release(job.entry, "its intent had grown old before its end was sent")
            intent[0] = ClaimResult(ClaimStatus.CHANGED)
        return intent[0].status is ClaimStatus.OK

    def _conclude(self, job: Job, outcome: Outcome, intent: list[ClaimResult]) -> Result | Again:
        entry = job.entry
        match outcome:
            case Accepted(reply, queue_id, copy_refused):
                self._lane.sent(recipients_of(job.message))
                self._lane.accepted(entry.rule)
                self._desk.settle(entry, State.SENT, str(reply), queue_id=queue_id)
                told = f"; the copy was refused: {copy_refused}" if copy_refused else ""
                result = self._result(entry, Ending.SENT, f"{reply}{told}", code=reply.code)
                return replace(result, copy_refused=str(copy_refused) if copy_refused else "")
            case Unknown(detail):
                self._lane.sent(recipients_of(job.message))
                self._desk.settle(entry, State.UNCERTAIN, detail)
                if not self._stop.is_set():
                    self._lane.host_failed(detail)
                return self._result(entry, Ending.UNCERTAIN, f"it is not known whether it was sent: {detail}")
            case Withdrawn():
                return self._withdrawn(entry, intent)
            case Unreadable(detail):
                return left_open(entry, Cause.RENDERING, detail)
            case Lost():
                return self._lost(entry, outcome)
            case Refused():
                return self._refused(entry, job.verdict, outcome)
            case _:
                assert_never(outcome)

    def _withdrawn(self, entry: Entry, intent: list[ClaimResult]) -> Result | Again:
        if not intent:
            return left_open(entry, Cause.STOPPED, "stopped before its last byte")
        match intent[0].status:
            case ClaimStatus.CHANGED:
                return Again.CHANGED
            case ClaimStatus.LEASE_LOST:
                raise LeaseLostError
            case ClaimStatus.QUOTA:
                why = f"the limits of sender {self._lane.sender.name} are reached for now"
                self._lane.wait_for_quota(intent[0].wait, why)
                return Again.RESTED
            case ClaimStatus.PAUSED:
                return left_open(entry, Reason.PAUSED, "it was paused a moment ago")
            case ClaimStatus.SNOOZED:
                return left_open(entry, Reason.HELD, "it was snoozed a moment ago")
            case ClaimStatus.SUPPRESSED:
                return left_open(entry, Reason.SUPPRESSED, "the address was suppressed a moment ago")
            case ClaimStatus.TAKEN | ClaimStatus.OK:
                return left_open(entry, Cause.TAKEN, "another process handled this message a moment ago")
            case _:
                assert_never(intent[0].status)

    def _lost(self, entry: Entry, lost: Lost) -> Result | Again:
        """Certainly not sent. A connection that only died of age while it was idle says nothing about its server."""
        assert self._session is not None
        if lost.intended:
            self._desk.release(entry, lost.detail)
        if lost.trouble is Trouble.GIVEN_UP:
            return left_open(entry, Cause.STOPPED, lost.detail)
        emit("connection_lost", logging.WARNING, sender=self._lane.sender.name, phase=lost.phase, trouble=lost.trouble)
        if not (self._session.reused and lost.phase is Phase.SENDER):
            self._lane.host_failed(lost.detail)
        return Again.LOST

    def _refused(self, entry: Entry, verdict: Verdict, refused: Refused) -> Result | Again:
        reply, intended = refused.reply, refused.phase is Phase.RESULT
        match refused.scope:
            case Scope.ADDRESS:
                self._lane.answered()
                return self._unknown_address(entry, verdict, reply)
            case Scope.MESSAGE_FAILED:
                self._lane.answered()
                return self._refused_for_good(entry, reply, intended=intended)
            case Scope.MESSAGE_LATER:
                self._lane.answered()
                again = self._desk.postpone(entry, verdict, reply, intended=intended)
                ending = Ending.FAILED if again is None else Ending.DEFERRED
                emit(ending, LEVELS[ending], order=entry.order, rule=entry.rule, step=entry.step, code=reply.code)
                return Result(entry.key, ending, str(reply), next_attempt=again)
            case Scope.LOGIN | Scope.CREDENTIALS | Scope.SENDER | Scope.ACCOUNT_QUOTA:
                self._lane.refused(refused.scope, str(reply))
            case Scope.ACCOUNT_RATE:
                self._lane.slow_down(str(reply))
            case Scope.HOST:
                self._lane.host_failed(str(reply))
            case _:
                assert_never(refused.scope)
        if not intended:
            return Again.LOST if refused.scope is Scope.HOST else Again.RESTED
        again = self._desk.clock()
        if refused.scope in (Scope.HOST, Scope.ACCOUNT_RATE):
            again += delay(entry.key, 1)
        self._desk.release(entry, str(reply), again=again)
        return Result(entry.key, Ending.DEFERRED, str(reply), CAUSES[refused.scope], again)

    def _unknown_address(self, entry: Entry, verdict: Verdict, reply: Reply) -> Result:
        """The server says that there is no such buyer, which is hardly true of several in a row."""
        sender = self._lane.sender.name
        doubted = self._lane.doubting
        if not doubted:
            self._desk.fail_address(entry, verdict, reply)
        if self._lane.streaks.unknown_address(sender):
            if not doubted:
                self._desk.trust_addresses_again(sender)
            self._lane.refused(Scope.ADDRESS, f"{IN_A_ROW} addresses in a row were refused: {reply}")
        if doubted:
            return left_open(entry, Cause.SENDER_REFUSED, str(reply))
        return self._result(entry, Ending.FAILED, str(reply), code=reply.code)

    def _refused_for_good(self, entry: Entry, reply: Reply, *, intended: bool) -> Result:
        refusal = self._lane.streaks.refused(entry.rule, reply)
        if refusal is not RefusalCounted.TOO_LATE:
            self._desk.fail(entry, reply, intended=intended)
            if refusal is RefusalCounted.LAST:
                self._desk.pause_rule(entry.rule, reply)
            return self._result(entry, Ending.FAILED, str(reply), code=reply.code)
        if not intended:
            return left_open(entry, Reason.PAUSED, _RULE_STOPPED)
        self._desk.release(entry, str(reply))
        return Result(entry.key, Ending.DEFERRED, _RULE_STOPPED, Reason.PAUSED, self._desk.clock())

    def _result(self, entry: Entry, ending: Ending, why: str, code: int | None = None) -> Result:
        name = self._lane.sender.name
        emit(ending, LEVELS[ending], order=entry.order, rule=entry.rule, step=entry.step, sender=name, code=code)
        return Result(entry.key, ending, why)
