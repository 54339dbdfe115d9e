"""Conditions that no order can change: always true, or never (three-valued: docs/language.md#what-is-missing)."""

from __future__ import annotations

from collections.abc import Iterator

from sendplan.expressions import Expression
from sendplan.expressions.nodes import And
from sendplan.expressions.possible import Outcomes, Possible
from sendplan.lint.subject import Subject, warning
from sendplan.problems import Problem, Span
from sendplan.project.rules import Rule, Step


def constant_triggers(subject: Subject) -> Iterator[Problem]:
    """A trigger that holds for every order, or for none; also together with its step's and its class's condition."""
    for variant in subject.variants:
        possible = Possible(subject.project.settings.fields, variant.params)
        for rule in variant.rules:
            for step in rule.written:
                found = [*_each_trigger(subject, possible, rule, step)]
                yield from found
                if not found:
                    yield from _together(subject, possible, rule, step)


def _each_trigger(subject: Subject, possible: Possible, rule: Rule, step: Step) -> Iterator[Problem]:
    for number, trigger in enumerate(step.triggers):
        place = subject.span(rule, "trigger") if number == 0 else subject.step_span(rule, step, "trigger")
        yield from _constant(possible.outcomes(trigger.root), place)


def _together(subject: Subject, possible: Possible, rule: Rule, step: Step) -> Iterator[Problem]:
    requires = subject.project.settings.classes[step.klass].requires
    parts = [*step.triggers, *([requires] if requires is not None else [])]
    if len(parts) > 1 and True not in possible.outcomes(And(0, 0, tuple(each.root for each in parts))):
        others = "the rule's and the step's triggers" if len(step.triggers) > 1 else "the trigger"
        other = f" and what class `{step.klass}` requires" if requires is not None else ""
        message = f"{others}{other} are never true together: nothing is sent"
        yield warning("never-true", message, subject.step_span(rule, step, "trigger"), "change one of them")


def constant_settings(subject: Subject) -> Iterator[Problem]:
    """A hold or a class whose condition holds for every order, or for none."""
    settings = subject.project.settings
    conditions: list[tuple[Expression, Span]] = [
        (hold.when, subject.settings_span("holds", hold.name, "when")) for hold in settings.holds
    ]
    for name, each in settings.classes.items():
        if each.requires is not None:
            conditions.append((each.requires, subject.settings_span("classes", name, "requires")))
    possible = Possible(settings.fields, settings.params)
    for condition, place in conditions:
        yield from _constant(possible.outcomes(condition.root), place)


def _constant(outcomes: Outcomes, place: Span) -> Iterator[Problem]:
    if True not in outcomes:
        yield warning("never-true", "this is never true, whatever the order", place, "its parts exclude each other")
    elif False not in outcomes:
        whose = " that has the fields it reads" if None in outcomes else ""
        message = f"this is true for every order{whose}"
        yield warning("always-true", message, place, "remove the part that says nothing, or write what you mean")
