"""Rehearsals: the same decisions and the same mails, to a test address or into files, without a trace in the ledger."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from sendplan.dispatch.desk import recipients_of
from sendplan.dispatch.job import Compose, DecideAgain, composed, left_open
from sendplan.dispatch.minute_pace import Pace
from sendplan.dispatch.model import CAUSES, Cause, DispatchReport, Ending, Result
from sendplan.dispatch.stopping import Stop
from sendplan.mail.attachments import AttachmentError
from sendplan.mail.dialing import SmtpError, Timeouts, Trouble
from sendplan.mail.message import Message, mailbox
from sendplan.mail.opening import open_session
from sendplan.mail.smtp import Accepted, Lost, Outcome, Refused, Session, Unknown, Unreadable
from sendplan.output_file import FileKind, make_folder, write_file
from sendplan.plan import Entry, Plan, Reason, Status
from sendplan.problems import UserError
from sendplan.project.settings import Sender
from sendplan.scopes import Scope
from sendplan.store.protocols import Store


def rehearse_to_address(
    plan: Plan,
    address: str,
    *,
    store: Store,
    decide_again: DecideAgain,
    compose: Compose,
    senders: Mapping[str, Sender],
    stop: Stop | None = None,
    progress: Callable[[Result], None] = lambda result: None,
    timeouts: Timeouts | None = None,
) -> DispatchReport:
    """Send every mail of the plan to `address` alone, one after the other; `compose` must redirect to it.

    A mail that has any other recipient is not sent, whatever the reason: a rehearsal never reaches a buyer. A sender
    whose password or token cannot be read here stops. Raises UserError for an address that is none.
    """
    only = mailbox(address, "redirect").address
    entries = plan.with_status(Status.SEND)
    ending = stop or Stop()
    posts: dict[str, _Post] = {}

    def deliver(entry: Entry, message: Message) -> Result:
        if message.recipients != (only,) or message.copy is not None:
            return left_open(entry, Cause.RENDERING, "the mail would not have gone to the rehearsal's address alone")
        if entry.sender is None or entry.sender not in senders:
            return left_open(entry, Cause.LOGIN, f"sender {entry.sender} is no longer in the settings")
        post = posts.setdefault(
            entry.sender, _Post(senders[entry.sender], replace(timeouts or Timeouts(), over=ending.gives_up), ending)
        )
        return post.deliver(entry, message)

    try:
        results = _results(entries, store, decide_again, compose, deliver, ending, progress)
    finally:
        for post in posts.values():
            post.close()
    stopped = {name: post.stopped.why for name, post in posts.items() if post.stopped}
    return DispatchReport(plan.id, results, stopped, interrupted=ending.is_set())


def rehearse_to_folder(
    plan: Plan,
    folder: Path,
    *,
    store: Store,
    decide_again: DecideAgain,
    compose: Compose,
    stop: Stop | None = None,
    progress: Callable[[Result], None] = lambda result: None,
) -> DispatchReport:
    """Write every mail of the plan into `folder` as `NNN-KEY.eml`, in plan order, without any network."""
    make_folder(folder)
    entries = plan.with_status(Status.SEND)
    numbers = {entry.key: number for number, entry in enumerate(entries, start=1)}
    width = max(3, len(str(len(entries))))

    def write(entry: Entry, message: Message) -> Result:
        name = f"{numbers[entry.key]:0{width}}-{re.sub(r'[^A-Za-z0-9._-]+', '_', entry.key)[:120]}.eml"
        try:
            write_file(folder / name, FileKind.MAIL, message.chunks(), named=False)
        except AttachmentError as error:
            return left_open(entry, Cause.RENDERING, str(error))
        return Result(entry.key, Ending.SENT, f"written to {folder / name}")

    ending = stop or Stop()
    results = _results(entries, store, decide_again, compose, write, ending, progress)
    return DispatchReport(plan.id, results, {}, interrupted=ending.is_set())


def _results(
    entries: Iterable[Entry],
    store: Store,
    decide_again: DecideAgain,
    compose: Compose,
    deliver: Callable[[Entry, Message], Result],
    stop: Stop,
    progress: Callable[[Result], None],
) -> tuple[Result, ...]:
    results = []
    for entry in entries:
        result = (
            left_open(entry, Cause.STOPPED, "stopped by a person")
            if stop.is_set()
            else _result(entry, store, decide_again, compose, deliver)
        )
        results.append(result)
        progress(result)
    return tuple(results)


def _result(
    entry: Entry, store: Store, decide_again: DecideAgain, compose: Compose, deliver: Callable[[Entry, Message], Result]
) -> Result:
    verdict = decide_again(store, entry)
    if verdict.reason is not Reason.SEND:
        return left_open(entry, verdict.reason, verdict.why)
    message = composed(compose, entry, verdict)
    return message if isinstance(message, Result) else deliver(entry, message)


class _Post:
    """One sender's connection."""

    def __init__(self, sender: Sender, timeouts: Timeouts, stop: Stop) -> None:
        self._sender = sender
        self._timeouts = timeouts
        self._stop = stop
        self._session: Session | None = None
        self._pace = Pace(sender.limits.per_minute)
        self.stopped: Result | None = None

    def deliver(self, entry: Entry, message: Message) -> Result:
        """Send one mail; a connection that broke twice, or a refusal of the sender, ends the rehearsal."""
        if self.stopped is not None:
            return replace(self.stopped, key=entry.key)
        if self._stop.wait(self._pace.wait(time.monotonic())):
            return left_open(entry, Cause.STOPPED, "stopped by a person")
        try:
            outcome = self._submit(message)
            if isinstance(outcome, Lost):
                outcome = self._submit(message)
        except SmtpError as error:
            cause = Cause.STOPPED if error.trouble is Trouble.GIVEN_UP else Cause.SENDER_DOWN
            self.stopped = left_open(entry, cause, str(error))
            return self.stopped
        except UserError as error:
            self.stopped = left_open(entry, Cause.LOGIN, str(error))
            return self.stopped
        if isinstance(outcome, Refused) and outcome.scope in CAUSES and outcome.scope is not Scope.ADDRESS:
            self.stopped = left_open(entry, CAUSES[outcome.scope], str(outcome.reply))
            return self.stopped
        self._pace.sent(time.monotonic(), recipients_of(message))
        return _result_of(entry, outcome)

    def _submit(self, message: Message) -> Outcome:
        if self._session is None or not self._session.usable:
            self.close()
            self._session = open_session(self._sender, self._timeouts)
        return self._session.submit(message, lambda: not self._stop.is_set())

    def close(self) -> None:
        """Say goodbye."""
        if self._session is not None:
            self._session.quit()


def _result_of(entry: Entry, outcome: Outcome) -> Result:
    match outcome:
        case Accepted(reply):
            return Result(entry.key, Ending.SENT, str(reply))
        case Refused(_, reply):
            return Result(entry.key, Ending.FAILED, str(reply))
        case Unknown(detail):
            return Result(entry.key, Ending.UNCERTAIN, detail)
        case Unreadable(detail):
            return left_open(entry, Cause.RENDERING, detail)
        case Lost(detail=detail):
            return left_open(entry, Cause.SENDER_DOWN, detail)
        case _:
            return left_open(entry, Cause.STOPPED, "stopped by a person")
