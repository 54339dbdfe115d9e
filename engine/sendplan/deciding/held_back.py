"""What keeps a due message back without any rule: suppressed and snoozed addresses, pauses, data that may be wrong.

See docs/language.md#reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from sendplan.addresses import mailbox
from sendplan.calendar import Calendar
from sendplan.deciding.decision import Check, Situation
from sendplan.ledger import EVERY_CLASS, Overrides
from sendplan.plan import Reason
from sendplan.project.rules import Rule, Step
from sendplan.project.settings import TRANSACTIONAL, Account, Settings
from sendplan.units import Duration

_NEXT_INSTANT = datetime.resolution
"""Data is stale when more than the limit has passed."""


def suppressed(step: Step, settings: Settings, situation: Situation) -> Check | None:
    """Whether the address gets no mail, or none of this class; of a class that is gone, only transactional."""
    for klass, reason in sorted(situation.overrides.suppressed.get(_mailbox(situation), {}).items()):
        if stops(klass, step, settings):
            what = "is on the suppression list" if klass == EVERY_CLASS else f"gets no mail of class {klass}"
            return Check(Reason.SUPPRESSED, False, f"the address {what}{f': {reason}' if reason else ''}")
    return None


def stops(klass: str, step: Step, settings: Settings) -> bool:
    """Whether an address that is suppressed for a class does not get this message."""
    gone = klass not in settings.classes and step.klass != TRANSACTIONAL
    return klass == EVERY_CLASS or klass == step.klass or gone


def snoozed(rule: Rule, settings: Settings, situation: Situation) -> Check | None:
    """Whether a person put the message off; of several snoozes that are not over, the one that lasts longest."""
    calendar = settings.calendar
    found = situation.overrides.snoozed(situation.facts.id, _mailbox(situation), rule.ids)
    lasting = (each for each in found if calendar.instant(each.until) > situation.now)
    snooze = max(lasting, key=lambda each: each.until, default=None)
    if snooze is None:
        return None
    reason = f": {snooze.reason}" if snooze.reason else ""
    said = f"snoozed until {snooze.until}{reason}"
    return Check(Reason.HELD, False, said, change=calendar.instant(snooze.until))


def paused(rule: Rule, account: Account, overrides: Overrides) -> Check | None:
    """Whether the rule, the sender or everything is paused."""
    for name, what in ((rule.id, "the rule"), (account.sender, "the sender"), ("*", "everything")):
        if name in overrides.paused:
            subject = what if name == "*" else f"{what} {name}"
            return Check(Reason.PAUSED, False, f"{subject} is paused until `sendplan resume`")
    return None


def stale(rule: Rule, settings: Settings, situation: Situation) -> Check | None:
    """Whether what is stored of the order may be wrong: an import refused its row, or its data are too old."""
    refused = situation.history.refused
    if refused is not None:
        why = f"the import of {refused.file} refused its row on line {refused.line}: what is stored may be wrong"
        return Check(Reason.STALE_DATA, False, why)
    return outdated(rule, settings, situation.imported, situation.now)


def outdated(rule: Rule, settings: Settings, imported: Mapping[str, datetime], now: datetime) -> Check | None:
    """Whether what the rule reads came too long ago (`imported`: field → when last, UTC)."""
    watched = sorted(rule.reads & settings.fresh_within.keys())
    ends: list[datetime] = []
    for name in watched:
        limit = settings.fresh_within[name]
        at = imported.get(name)
        if at is None:
            return Check(Reason.STALE_DATA, False, f"`{name}` was never imported for this account")
        end = settings.calendar.after(at, limit)
        if end < now:
            return Check(Reason.STALE_DATA, False, partial(_stale_since, settings.calendar, name, at, limit))
        ends.append(end + _NEXT_INSTANT)
    if not watched:
        return None
    return Check(Reason.STALE_DATA, True, lambda: f"fresh: {', '.join(watched)}", change=min(ends))


def _stale_since(calendar: Calendar, name: str, at: datetime, limit: Duration) -> str:
    return f"`{name}` was last imported {calendar.text(at)}, more than {limit} ago"


def _mailbox(situation: Situation) -> str:
    return mailbox(str(situation.facts.values.get("email", "")))
