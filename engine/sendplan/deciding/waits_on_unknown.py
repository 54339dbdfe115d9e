"""Messages that only an unknown field keeps from being listed: what they wait on.

docs/sending.md
"""

from __future__ import annotations

from dataclasses import replace

from sendplan.deciding.decide import decide
from sendplan.deciding.decision import Decision
from sendplan.plan import WOULD_LEAVE, Reason
from sendplan.project.rules import Rule
from sendplan.project.settings import Settings


def waits_on(decision: Decision, settings: Settings) -> tuple[str, ...]:
    """The fields whose absence alone keeps a message from being listed."""
    rule, names = decision.rule, list[str]()
    while decision.unknown:
        names += decision.unknown
        rule, settings = _known(rule, settings, decision)
        decision = decide(rule, settings, decision.situation)
    return tuple(dict.fromkeys(names)) if decision.status in WOULD_LEAVE else ()


def _known(rule: Rule, settings: Settings, decision: Decision) -> tuple[Rule, Settings]:
    """The rule and settings without the question that met the unknown."""
    if decision.reason is Reason.TRIGGER_UNKNOWN:
        return replace(rule, steps=tuple(replace(step, triggers=()) for step in rule.steps)), settings
    if decision.reason is Reason.REGION_EXCLUDED:
        return replace(rule, steps=tuple(replace(step, regions=None) for step in rule.steps)), settings
    classes = {name: replace(each, requires=None) for name, each in settings.classes.items()}
    return rule, replace(settings, classes=classes)
