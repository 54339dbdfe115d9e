"""What a decision would be if one thing were otherwise: what was missed, and what waits on an unknown field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sendplan.addresses import mailbox
from sendplan.deciding.decide import decide
from sendplan.deciding.decision import Decision
from sendplan.deciding.timing import MISSED_FOR
from sendplan.plan import Reason, Status
from sendplan.project.rules import Rule
from sendplan.project.settings import Settings

_LEAVES = frozenset({Status.SEND, Status.LATER, Status.HELD})


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
    return lost if known and decision.status in _LEAVES else None


def _was_snoozed(decision: Decision, settings: Settings, lost: datetime) -> bool:
    facts, overrides = decision.situation.facts, decision.situation.overrides
    found = overrides.snoozed(facts.id, mailbox(str(facts.values.get("email", ""))), decision.rule.ids)
    return any(settings.calendar.instant(each.until) > lost for each in found)


def _without_end(rule: Rule, reason: Reason) -> Rule:
    if reason is Reason.TOO_OLD:
        return replace(rule, lookback=None)
    return replace(rule, steps=tuple(replace(step, expires=None) for step in rule.steps))


def waits_on(decision: Decision, settings: Settings) -> tuple[str, ...]:
    """The fields whose absence alone keeps a message from being listed."""
    rule, names = decision.rule, list[str]()
    while decision.unknown:
        names += decision.unknown
        rule, settings = _known(rule, settings, decision)
        decision = decide(rule, settings, decision.situation)
    return tuple(dict.fromkeys(names)) if decision.status in _LEAVES else ()


def _known(rule: Rule, settings: Settings, decision: Decision) -> tuple[Rule, Settings]:
    """The rule and settings without the question that met the unknown."""
    if decision.reason is Reason.TRIGGER_UNKNOWN:
        return replace(rule, steps=tuple(replace(step, triggers=()) for step in rule.steps)), settings
    if decision.reason is Reason.REGION_EXCLUDED:
        return replace(rule, steps=tuple(replace(step, regions=None) for step in rule.steps)), settings
    classes = {name: replace(each, requires=None) for name, each in settings.classes.items()}
    return rule, replace(settings, classes=classes)
