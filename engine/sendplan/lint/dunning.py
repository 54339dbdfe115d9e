"""Asking for money: only on fresh payment data, and in words that fit the ladder."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sendplan.expressions import Node, children
from sendplan.expressions.nodes import FieldRef, IsSet, Not
from sendplan.lint.subject import Subject, warning
from sendplan.problems import Problem, Span
from sendplan.project.project_folder import TEMPLATES
from sendplan.project.rules import Rule, Step

_PAYMENT = ("paid", "paid_amount")
_DUNNING = re.compile(r"dunning|mahnung|mahnstufe", re.IGNORECASE)
_ORDINALS = (
    ("first", "erste", "1"),
    ("second", "zweite", "2"),
    ("third", "dritte", "3"),
    ("fourth", "vierte", "4"),
    ("fifth", "fünfte", "5"),
)
_LEVELS = tuple(
    re.compile(
        rf"(?<![a-z0-9])(?:{english}|{german}[rn]?|{digit}\.)(?:[\s_-]+(?:and|und)[\s_-]+(?:final|letzten?r?))?[\s_-]+"
        rf"(?:dunning|mahnung)",
        re.IGNORECASE,
    )
    for english, german, digit in _ORDINALS
)
"""How texts call each level of dunning, from the first."""


def unfresh_payments(subject: Subject) -> Iterator[Problem]:
    """A rule for what is not paid, which goes on when payments no longer come in."""
    for _, rule in subject.rules():
        watched = subject.project.settings.fresh_within.keys() & set(_PAYMENT)
        if watched & rule.reads:
            continue
        for step in rule.written:
            field = next((each for trigger in step.triggers for each in _demands(trigger.root)), None)
            if field is not None:
                message = f"the rule reads `{field}`, and nothing holds it when payments are no longer imported"
                help_ = "write `fresh_within: {paid: 36 hours}` in sendplan.yaml"
                yield warning("payment-not-fresh", message, subject.step_span(rule, step, "trigger"), help_)
                break


def _demands(node: Node, negated: bool = False) -> Iterator[str]:
    """The fields by which a condition asks for an unpaid order."""
    match node:
        case FieldRef(name=name):
            if name == "open_amount" or name == "paid_amount" or (name == "paid" and negated):
                yield name
        case Not(operand=operand):
            yield from _demands(operand, not negated)
        case IsSet(operand=operand, negated=unset):
            yield from _demands(operand, negated != unset)
        case _:
            for child in children(node):
                yield from _demands(child, negated)


def missing_levels(subject: Subject) -> Iterator[Problem]:
    """A text, or a param such as a fee, speaks of a level of dunning that the ladder does not reach."""
    most = 0
    for _, rule in subject.rules():
        levels = _dunning_steps(rule)
        most = max(most, len(levels))
        for step in rule.steps if levels else ():
            own = levels.index(step) + 1 if step in levels else 0
            for path in subject.files_of(step.template):
                yield from _wrong_levels(subject, rule, step, own, len(levels), path)
    if most:
        yield from _params_for_missing_levels(subject, most)


def _dunning_steps(rule: Rule) -> list[Step]:
    """A ladder's steps that dun; a first one with another name only reminds."""
    if not rule.ladder:
        return []
    return [step for step in rule.steps if _DUNNING.search(step.id) or _DUNNING.search(step.template)]


def _wrong_levels(subject: Subject, rule: Rule, step: Step, own: int, most: int, path: str) -> Iterator[Problem]:
    text = subject.templates[path]
    subject_line = next((line for line in text.splitlines() if line.startswith("subject:")), "")
    for level, pattern in enumerate(_LEVELS, start=1):
        said = pattern.search(text)
        if said is None:
            continue
        place = subject.step_span(rule, step, "template")
        if level > most:
            message = f"`{TEMPLATES}/{path}` speaks of `{said[0]}`, but the ladder has {_levels(most)} of dunning"
            yield warning("missing-level", message, place, "change the text, or add the step to the ladder")
        elif level > own and pattern.search(subject_line):
            name = f"level {own} of dunning" if own else "a reminder before any dunning"
            message = f"the subject of `{TEMPLATES}/{path}` says `{said[0]}`, but step `{step.id}` is {name}"
            yield warning("missing-level", message, place, "change the subject, or use another template")


def _params_for_missing_levels(subject: Subject, most: int) -> Iterator[Problem]:
    for name in subject.project.settings.params:
        for level, pattern in enumerate(_LEVELS, start=1):
            if level > most and pattern.search(name):
                place: Span = subject.settings_key("params", name)
                message = f"`{name}` is meant for a level that is not there: the ladder has {_levels(most)} of dunning"
                yield warning("missing-level", message, place, "remove it, or add the step to the ladder")


def _levels(number: int) -> str:
    return "1 level" if number == 1 else f"{number} levels"
