"""Messages that only an unknown field keeps from being listed: what they wait on.

docs/sending.md
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sendplan.deciding.decide import decide
from sendplan.deciding.decision import Decision
from sendplan.plan import WOULD_LEAVE, Reason
from sendplan.project.rules import Rule
from sendplan.project.settings import Settings


def waits_on(decision: Decision, settings: Settings) -> tuple[str, ...]:
    """The fields whose absence alone keeps a message from being listed, if only with one branch of a conditional."""
    return tuple(dict.fromkeys(_waits_on(decision, decision.rule, settings) or ()))


def _waits_on(decision: Decision, rule: Rule, settings: Settings) -> tuple[str, ...] | None:
    """None when the message would not be listed either."""
    if not decision.unknown:
        return () if decision.status in WOULD_LEAVE else None
    for known, under in _known(rule, settings, decision):
        found = _waits_on(decide(known, under, decision.situation), known, under)
        if found is not None:
            return decision.unknown + found
    return None


def _known(rule: Rule, settings: Settings, decision: Decision) -> Iterator[tuple[Rule, Settings]]:
    """The rule and settings without the question that met the unknown, in each way in which it may be answered."""
    if decision.reason is Reason.TRIGGER_UNKNOWN:
        yield replace(rule, steps=tuple(replace(step, triggers=()) for step in rule.steps)), settings
    elif decision.reason is Reason.REGION_EXCLUDED:
        yield replace(rule, steps=tuple(replace(step, regions=None) for step in rule.steps)), settings
    elif decision.reason is Reason.CLASS_BLOCKED:
        classes = {name: replace(each, requires=None) for name, each in settings.classes.items()}
        yield rule, replace(settings, classes=classes)
    else:
        yield from ((replace(rule, due=due), settings) for due in rule.due.branches(decision.seen))
