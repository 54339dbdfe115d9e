"""Distances in time: none, the wrong way round, or longer than the rule looks back (manual M14, M16)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sendplan.expressions import Node, ParamRef, ParamValue, Sent, walk
from sendplan.expressions.nodes import Add, Extreme, FieldRef, Literal
from sendplan.fields import EVENTS
from sendplan.lint.branches import branches
from sendplan.lint.subject import Subject, warning
from sendplan.problems import Problem, Span
from sendplan.project.rules import Rule
from sendplan.units import Duration


def zero_offsets(subject: Subject) -> Iterator[Problem]:
    """`+ 0 days` looks like a switch, and is none."""
    for variant, rule in subject.rules():
        for node in walk(rule.due.root):
            if isinstance(node, Add) and _is_zero(node.right, variant.params):
                without = rule.due.text[node.left.start : node.left.end]
                message = f"0 does not switch the rule off: it is due immediately, with `{without}`"
                help_ = f"write `enabled: false` to switch it off, or leave the offset out: `{without}`"
                yield warning("zero-days", message, _within(subject, rule, node), help_)
        for step in rule.steps[1:]:
            if step.after is not None and step.after.amount == 0:
                place = subject.step_span(rule, step, "after")
                if place == rule.span:
                    place = subject.span(rule, "ladder", "every")
                message = f"0 does not switch `{step.id}` off: it follows on the day of the step before"
                yield warning("zero-days", message, place, "write `enabled: false` in the step to switch it off")


def wrong_signs(subject: Subject) -> Iterator[Problem]:
    """A message that is due before what it mentions has happened."""
    for variant, rule, due in ((*each, due) for each in subject.rules() for due in branches(each[1].due.root)):
        below = {child for node in walk(due) if isinstance(node, Add) for child in [node.left]}
        for node in walk(due):
            if isinstance(node, Add) and node not in below and _net_days(node, variant.params) < 0:
                anchor = _anchor(node)
                if all(_has_happened(each) for each in _fields(anchor)):
                    text = rule.due.text[anchor.start : anchor.end]
                    message = (
                        f"due before `{text}`, which is known only once it has happened: it would go out immediately"
                    )
                    help_ = f"write `+`: `{rule.due.text[node.start : node.end].replace('-', '+')}`"
                    yield warning("wrong-sign", message, _within(subject, rule, node), help_)


def short_lookbacks(subject: Subject) -> Iterator[Problem]:
    """An order is too old to begin with before the ladder's last step (or the only message) is due."""
    for variant, rule in subject.rules():
        if rule.lookback is None or not rule.steps:
            continue
        earliest = [_earliest(due, variant.params) for due in branches(rule.due.root)]
        known = [each for each in earliest if each is not None]
        if len(known) < len(earliest):
            continue
        first = min(known)
        last = first + sum(step.after.least_days for step in rule.steps[1:] if step.after is not None)
        reach = rule.lookback.most_days
        place = subject.span(rule, "lookback")
        if first > reach:
            message = f"the rule never begins: it is due {_days(first)} after the order or later"
            help_ = f"look back {_days(last)} at least, or write `lookback: none`"
            yield warning("lookback-short", f"{message}, and looks back {rule.lookback}", place, help_)
        elif last > reach:
            message = f"the ladder takes {_days(last)}, and the rule looks back {rule.lookback}"
            help_ = "an order that is imported or held in between never begins; look back further"
            yield warning("lookback-short", message, place, help_)


def _within(subject: Subject, rule: Rule, node: Node) -> Span:
    document, path = subject.places[rule.id]
    return document.within((*path, "due"), node.start, node.end)


def _duration(node: Node, params: Mapping[str, ParamValue]) -> Duration | None:
    value = params.get(node.name) if isinstance(node, ParamRef) else node.value if isinstance(node, Literal) else None
    return value if isinstance(value, Duration) else None


def _is_zero(node: Node, params: Mapping[str, ParamValue]) -> bool:
    duration = _duration(node, params)
    return duration is not None and duration.amount == 0


def _anchor(node: Node) -> Node:
    """What a chain of offsets counts from."""
    while isinstance(node, Add):
        node = node.left
    return node


def _net_days(node: Node, params: Mapping[str, ParamValue]) -> float:
    """The sum of a chain of offsets, at most."""
    total = 0.0
    while isinstance(node, Add):
        duration = _duration(node.right, params)
        if duration is not None:
            total += duration.most_days if node.sign > 0 else -duration.least_days
        node = node.left
    return total


def _fields(node: Node) -> list[Node]:
    return [each for each in walk(node) if isinstance(each, FieldRef | Sent)]


def _has_happened(node: Node) -> bool:
    """Whether the moment always lies in the past: not `payment_due`, nor what a project's own field may announce."""
    return isinstance(node, Sent) or (isinstance(node, FieldRef) and node.name in ("ordered", *EVENTS))


def _earliest(node: Node, params: Mapping[str, ParamValue]) -> float | None:
    """Days from the order to a moment, at least; None where that is unknown."""
    match node:
        case FieldRef() | Sent():
            return 0.0 if _has_happened(node) or (isinstance(node, FieldRef) and node.name == "payment_due") else None
        case Add(left=left, right=right, sign=sign):
            before, duration = _earliest(left, params), _duration(right, params)
            if before is None or duration is None:
                return None
            return before + (duration.least_days if sign > 0 else -duration.most_days)
        case Extreme(name=name, arguments=arguments):
            needed = [each.value for each in arguments if not each.if_set]
            counted = needed if name == "max" and needed else [each.value for each in arguments]
            found = [_earliest(each, params) for each in counted]
            known = [each for each in found if each is not None]
            if name == "max" and needed:
                return max(known, default=None)
            return min(known) if len(known) == len(found) else None
    return None


def _days(number: float) -> str:
    return "1 day" if round(number) == 1 else f"{number:.0f} days"
