"""Messages that were missed: they would have left, had they not expired or grown too old within the last days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sendplan.addresses import mailbox
from sendplan.deciding.decide import decide
from sendplan.deciding.decision import Decision
from sendplan.deciding.timing import MISSED_FOR
from sendplan.plan import WOULD_LEAVE, Reason
from sendplan.project.rules import Rule
from sendplan.project.settings import Settings


def missed_at(
    decision: Decision, settings: Settings, first_runs: Mapping[str, datetime], stored_at: datetime | None
) -> datetime | None:
    """When a message was missed (UTC): it would be listed, had it not expired or grown too old within the last days.

    Its order was in the store before (`stored_at`, UTC; None: for as long as one knows), and its rule in an earlier run
    (`first_runs`: rule → its first run, UTC); nobody snoozed it over that time. None when it was not missed.
    See docs/sending.md#missed.
    """
    rule, lost = decision.rule, decision.lost_at
    if lost is None or _was_snoozed(decision, settings, lost):
        return None
    ran = min((first_runs[id_] for id_ in rule.ids if id_ in first_runs), default=None)
    while decision.lost_at is not None:
        if decision.lost_at < decision.situation.now - MISSED_FOR:
            return None
        lost = min(lost, decision.lost_at)
        rule = _without_end(rule, decision.reason)
        decision = decide(rule, settings, decision.situation)
    known = ran is not None and ran < lost and (stored_at is None or stored_at < lost)
    return lost if known and decision.status in WOULD_LEAVE else None


def _was_snoozed(decision: Decision, settings: Settings, lost: datetime) -> bool:
    facts, overrides = decision.situation.facts, decision.situation.overrides
    found = overrides.snoozed(facts.id, mailbox(str(facts.values.get("email", ""))), decision.rule.ids)
    return any(settings.calendar.instant(each.until) > lost for each in found)


def _without_end(rule: Rule, reason: Reason) -> Rule:
    if reason is Reason.TOO_OLD:
        return replace(rule, lookback=None)
    return replace(rule, steps=tuple(replace(step, expires=None) for step in rule.steps))
