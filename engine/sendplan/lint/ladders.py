"""Ladders: as long as their depth, without a step that nobody can reach, and none that a delay ends."""

from __future__ import annotations

from collections.abc import Iterator

from sendplan.lint.subject import Subject, warning
from sendplan.problems import Problem, Span
from sendplan.project.rules import Rule, Step


def short_ladders(subject: Subject) -> Iterator[Problem]:
    """`depth` asks for more steps than are switched on."""
    for _, rule in subject.rules():
        if rule.depth is not None and len(rule.steps) < rule.depth:
            steps = "1 step" if len(rule.steps) == 1 else f"{len(rule.steps)} steps"
            message = f"the ladder has a depth of {rule.depth}, but only {steps} can be used"
            help_ = f"write {rule.depth - len(rule.steps)} more, or lower the depth to {len(rule.steps)}"
            yield warning("ladder-short", message, subject.span(rule, "ladder", "depth"), help_)


def unreachable_steps(subject: Subject) -> Iterator[Problem]:
    """A step without a region, or allowed in a region where a step before it is shut out (manual M12)."""
    everywhere = tuple(region.name for region in subject.project.settings.regions)
    for _, rule in subject.rules():
        for number, step in enumerate(rule.steps):
            place = subject.step_span(rule, step, "regions", or_id=True)
            if step.regions is not None and not step.regions:
                message = "nothing is sent: the step's regions and the rule's have none in common"
                yield warning("step-unreachable", message, place, "name a region of the rule here, or remove the step")
                continue
            for earlier, regions in _stops(rule.steps[:number], step, everywhere):
                names = " and ".join(regions)
                ends = f"`{earlier.id}` is switched off there, which ends the ladder"
                message = f"`{step.id}` is never reached in {names}: {ends}"
                yield warning("step-unreachable", message, place, _help(rule, step, earlier, regions))


def expiring_steps(subject: Subject) -> Iterator[Problem]:
    """A later step that expires: what holds it for so long ends the ladder for the order."""
    for _, rule in subject.rules():
        by_place: dict[Span, list[Step]] = {}
        for step in rule.steps[1:]:
            if step.expires is not None:
                by_place.setdefault(subject.step_span(rule, step, "expires"), []).append(step)
        for place, steps in by_place.items():
            names = " or ".join(f"`{step.id}`" for step in steps)
            message = f"what keeps {names} from leaving for {steps[0].expires} ends the ladder of that order"
            help_ = "write `expires` into the first step alone, or not at all: the trigger says when a ladder is over"
            yield warning("expires-ladder", message, place, help_)


def _stops(before: tuple[Step, ...], step: Step, everywhere: tuple[str, ...]) -> Iterator[tuple[Step, tuple[str, ...]]]:
    """The earlier steps that stop this one, each with the regions where it is the first to do so."""
    left = [name for name in everywhere if step.regions is None or name in step.regions]
    for earlier in before:
        stopped = tuple(name for name in left if earlier.regions is not None and name not in earlier.regions)
        left = [name for name in left if name not in stopped]
        if stopped:
            yield earlier, stopped


def _help(rule: Rule, step: Step, earlier: Step, regions: tuple[str, ...]) -> str:
    names = ", ".join(regions)
    return f"add {names} to the regions of `{earlier.id}`, or take {names} out of those of `{step.id}`"
