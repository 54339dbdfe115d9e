"""One mail a day to the owner while something needs a person (docs/operating.md#alerts).

It is no order's mail and no rule's: nothing of it enters the ledger, and no buyer is named in it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.dispatch.model import CAUSES
from sendplan.events import emit
from sendplan.mail.dialing import SmtpError, Timeouts
from sendplan.mail.message import Message, notice
from sendplan.mail.opening import open_session
from sendplan.mail.smtp import Accepted, Lost, Refused, Unknown, Unreadable, Withdrawn
from sendplan.operating.overview import Concern, Overview
from sendplan.problems import UserError
from sendplan.project.project import Project
from sendplan.project.settings import Sender
from sendplan.scopes import Scope
from sendplan.store.protocols import Store
from sendplan.text import clean, counted

ALERTED = "alerted"
"""The store's note of the day on which the last alert went."""

PATIENCE = Timeouts(connect=15, command=30, data=30, body=30, result=60)
"""The next run shall not be late for this."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A mail to the owner that was due."""

    sender: str | None
    """Which sender carried it; None when none could."""
    failures: tuple[str, ...] = ()
    """What came of the senders that were tried before, one sentence each."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a sender did not carry it."""

    why: str
    scope: Scope | None = None


def alert_owner(project: Project, store: Store, overview: Overview, now: datetime) -> Alert | None:
    """Write to the owner, at most once a day of the shop, that something needs a person; None when no mail is due.

    `now` (UTC) decides which day it is. When no sender can carry the mail, the next run tries again.
    """
    settings = project.settings
    if settings.alerts is None or not overview.needs_person:
        return None
    today = settings.calendar.day(now).isoformat()
    with store.together():
        before = store.meta(ALERTED)
        if before == today:
            return None
        # Before the mail leaves, so that of two runs at once only one writes.
        store.set_meta(ALERTED, today)
    alert = _carried(project, store, overview, now)
    if alert.sender is None:
        store.set_meta(ALERTED, before or "")
        emit("alert_failed", logging.ERROR, tried=len(alert.failures))
    else:
        emit("alert_sent", sender=alert.sender)
    return alert


def _carried(project: Project, store: Store, overview: Overview, now: datetime) -> Alert:
    settings = project.settings
    to = settings.redirect or settings.alerts or ""
    subject = f"{settings.shop.name}: sendplan needs you"
    text = "\n".join(_lines(overview, settings.calendar))
    failures: list[str] = []
    for sender in _working(project, overview):
        try:
            failure = _tried(sender, notice(sender, to, subject, text, settings.calendar.local(now)))
        except UserError as error:
            failure = Failure(str(error))
        if failure is None:
            return Alert(sender.name, tuple(failures))
        if failure.scope is not None and failure.scope in CAUSES:
            # Later runs then try it with one mail, and do not ask for a refused login again and again.
            store.report_sender(sender.name, failure.scope, failure.why)
        failures.append(f"{sender.name}: {failure.why}")
    return Alert(None, tuple(failures))


def _working(project: Project, overview: Overview) -> Iterator[Sender]:
    """The senders against which nothing is known, in the order of the settings."""
    reported = {each.report.sender for each in overview.senders}
    yield from (each for each in project.settings.senders.values() if each.name not in reported)


def _tried(sender: Sender, message: Message) -> Failure | None:
    """Why the mail was not taken; None when it was, or may have been. Raises UserError without the password."""
    try:
        session = open_session(sender, PATIENCE)
    except SmtpError as error:
        return Failure(error.detail, error.scope)
    try:
        outcome = session.submit(message, lambda: True)
    finally:
        session.quit()
    match outcome:
        case Accepted() | Unknown():
            return None
        case Refused(reply=reply, scope=scope):
            return Failure(str(reply), scope)
        case Lost(detail=detail):
            return Failure(detail, Scope.HOST)
        case Withdrawn() | Unreadable():
            raise AssertionError(outcome)
        case _:
            assert_never(outcome)


def _lines(overview: Overview, calendar: Calendar) -> Iterator[str]:
    yield "Something keeps mail from leaving, or has to be settled by a person."
    yield ""
    for concern, count in overview.concerns.items():
        yield from _told(overview, concern, count, calendar)
    yield ""
    yield "`sendplan status` shows all of it. This mail comes at most once a day, for as long as it is so."


def _told(overview: Overview, concern: Concern, count: int, calendar: Calendar) -> Iterator[str]:
    match concern:
        case Concern.STORE_DOUBTED:
            yield clean(f"- Nothing is sent: {overview.doubt}. See `sendplan adopt`.")
        case Concern.OVER_LIMIT:
            yield f"- Nothing is sent: {count:,} mails are due, more than `limits.per_run` allows."
            yield "  Look at `sendplan plan -o plan.json`; if it is right, `sendplan send plan.json --approve N`."
        case Concern.APPROVAL:
            yield f"{counted(count, 'mail')} waiting until a person approves the plan: see `sendplan approve`"
        case Concern.SENDERS:
            for trouble in overview.senders:
                since = calendar.text(trouble.report.since)[:16].replace("T", " ")
                yield clean(f"- Sender {trouble.report.sender} cannot send since {since}: {trouble.report.reply}")
                if trouble.advice:
                    yield clean(f"  What to change: {trouble.advice}")
        case Concern.UNSETTLED:
            yield f"- {counted(count, 'message')} failed, or nobody knows whether sent: settle with `sendplan resolve`."
        case Concern.ERRORS:
            yield f"- {counted(count, 'message')} cannot be decided on or written."
        case Concern.KEPT:
            yield f"- {counted(count, 'message')} held back by something that nobody chose."
        case Concern.MISSED:
            yield f"- {counted(count, 'message')} missed: expired or too old before they could leave."
        case Concern.IMPORTS:
            for each in overview.imports:
                if not each.good:
                    refused = f"{counted(each.bad, 'row')} refused" if each.stored else "the file was refused"
                    first = f", first {each.refused[0].place} {each.refused[0].message}" if each.refused else ""
                    yield clean(f"- Import {each.source or each.file}: {refused}{first}")
        case _:
            assert_never(concern)
