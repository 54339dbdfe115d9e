"""What a project's scenarios have exercised, and what none of them has tried yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any, TypeAlias

from sendplan.dataclass import dataclass
from sendplan.deciding.decision import Decision
from sendplan.expressions import Expression, Node, Traced, children, walk
from sendplan.expressions.nodes import And, Conditional, Literal, Not, Or
from sendplan.expressions.possible import Possible
from sendplan.plan import Reason
from sendplan.project.project import Project
from sendplan.project.rules import Rule, Step

_SIDES: dict[bool | None, str] = {True: "true", False: "false", None: "unknown"}

Part: TypeAlias = tuple[str, str, str]
"""Where a condition stands (`rule dunning`, `hold parked`), its whole text, and the part's text."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that no scenario has exercised."""

    section: str
    """`rules`, `steps`, `conditions`, `regions`, `holds` or `windows`."""
    facts: dict[str, Any]
    """For machines."""
    sentence: str
    """For people."""
    end: str = ""
    """The end of the sentence, where others begin alike."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was exercised, out of how much, and the rest."""

    exercised: int
    total: int
    gaps: tuple[Gap, ...]

    def to_json(self) -> dict[str, Any]:
        """The gaps by section; every section is there."""
        sections = {name: [gap.facts for gap in self.gaps if gap.section == name] for name in SECTIONS}
        return {"exercised": self.exercised, "total": self.total, **sections}

    def to_text(self) -> str:
        """A sentence for each gap, by section."""
        lines = [f"Coverage: {self.exercised} of {self.total} things that can go one way or another were exercised"]
        for name, heading in SECTIONS.items():
            # What begins alike, as the parts of one condition do, is told once with all its ends.
            told: dict[str, list[str]] = {}
            for gap in self.gaps:
                if gap.section == name:
                    told.setdefault(gap.sentence, []).append(gap.end)
            if told:
                lines += ["", heading, *(f"  - {begin}{' or '.join(ends)}" for begin, ends in told.items())]
        return "\n".join(lines)


SECTIONS = {
    "rules": "Rules that send nothing in any scenario",
    "steps": "Steps that no scenario reaches",
    "conditions": "Conditions of which one side is never seen",
    "regions": "Regions that no scenario sees excluded",
    "holds": "Holds that hold nothing in any scenario",
    "windows": "Windows of which one side is never seen",
}


@dataclass(slots=True)
class Coverage:
    """Notes what every decision of the scenarios exercised: `observe` is the hook of `scenarios.run`."""

    project: Project
    sent: set[tuple[str, str]] = field(default_factory=set)
    """(rule, step) of what was sent."""
    sides: set[tuple[Part, bool | None]] = field(default_factory=set)
    excluded: set[tuple[str, str, str]] = field(default_factory=set)
    """(rule, step, region) that a filter shut out."""
    holding: set[str] = field(default_factory=set)
    windows: set[tuple[str, bool]] = field(default_factory=set)
    """(window, whether it was open)."""

    def observe(self, decision: Decision) -> None:
        """Note one decision."""
        step = decision.step
        if step is None:
            return
        if decision.reason is Reason.SEND:
            self.sent.add((decision.rule.id, step.id))
        if decision.reason is Reason.REGION_EXCLUDED and decision.region is not None:
            self.excluded.add((decision.rule.id, step.id, decision.region))
        if decision.reason is Reason.HELD and decision.hold is not None:
            self.holding.add(decision.hold.name)
        places = {id(condition): where for where, condition in self._conditions_of(decision.rule, step)}
        for check in decision.checks:
            for expression in check.evaluated:
                traced = decision.traced(expression)
                where = places.get(id(expression))
                seen = [(where, traced)] if where is not None else _choices(decision, traced)
                for place, condition in seen:
                    found = _seen(expression, condition)
                    self.sides |= {((place, expression.text, text), value) for text, value in found}
            if check.reason is Reason.OUTSIDE_WINDOW and step.window is not None:
                self.windows.add((step.window, check.passed))

    def _conditions_of(self, rule: Rule, step: Step) -> Iterator[tuple[str, Expression]]:
        """The conditions that a message is asked, each with where it stands."""
        yield from _triggers(rule, step)
        requires = self.project.settings.classes[step.klass].requires
        if requires is not None:
            yield f"class {step.klass}", requires
        for hold in self.project.settings.holds:
            yield f"hold {hold.name}", hold.when

    def report(self) -> Report:
        """Everything that a scenario can exercise, and what none did."""
        gaps: list[Gap | None] = [
            *self._rules(),
            *self._conditions(),
            *self._regions(),
            *self._holds(),
            *self._windows(),
        ]
        missing = tuple(gap for gap in gaps if gap is not None)
        return Report(len(gaps) - len(missing), len(gaps), missing)

    # --- what there is: a gap, or None for what was exercised ---

    def _rules(self) -> Iterator[Gap | None]:
        for rule in self._enabled():
            sent = [step for step in rule.steps if (rule.id, step.id) in self.sent]
            yield None if sent else Gap("rules", {"rule": rule.id}, rule.id)
            for step in rule.steps if rule.ladder else ():
                gap = Gap("steps", {"rule": rule.id, "step": step.id}, f"{rule.id}/{step.id}")
                yield None if step in sent else gap

    def _conditions(self) -> Iterator[Gap | None]:
        for (where, whole, text), possible in self._parts().items():
            for side in sorted(possible, key=lambda each: list(_SIDES).index(each)):
                facts = {"where": where, "condition": text, "never": _SIDES[side]}
                gap = Gap("conditions", facts, f"{where}: `{text}` is never ", _SIDES[side])
                yield None if ((where, whole, text), side) in self.sides else gap

    def _parts(self) -> dict[Part, set[bool | None]]:
        """Every part of every condition, with the outcomes that it can have."""
        settings = self.project.settings
        conditions = [each for rule in self._enabled() for step in rule.steps for each in _triggers(rule, step)]
        used = {step.klass for rule in self._enabled() for step in rule.steps}
        for name, each in settings.classes.items():
            if each.requires is not None and name in used:
                conditions.append((f"class {name}", each.requires))
        conditions += [(f"hold {hold.name}", hold.when) for hold in settings.holds]
        possible = Possible(settings.fields, settings.params)
        roots = [(where, condition.text, condition.root) for where, condition in conditions]
        for rule in self._enabled():
            chosen = (node.condition for node in walk(rule.due.root) if isinstance(node, Conditional))
            roots += [(_due_of(rule), rule.due.text, condition) for condition in chosen]
        parts: dict[Part, set[bool | None]] = {}
        for where, text, root in roots:
            for node in _parts_of(root):
                parts[where, text, text[node.start : node.end]] = set(possible.outcomes(node))
        return parts

    def _regions(self) -> Iterator[Gap | None]:
        names = [region.name for region in self.project.settings.regions]
        for rule in self._enabled():
            for step in rule.steps:
                for name in names if step.regions is not None else ():
                    if step.regions is not None and name not in step.regions:
                        message = "/".join(part for part in (rule.id, step.id) if part)
                        facts = {"rule": rule.id, "step": step.id or None, "region": name}
                        gap = Gap("regions", facts, f"{message}: {name}")
                        yield None if (rule.id, step.id, name) in self.excluded else gap

    def _holds(self) -> Iterator[Gap | None]:
        for hold in self.project.settings.holds:
            yield None if hold.name in self.holding else Gap("holds", {"hold": hold.name}, hold.name)

    def _windows(self) -> Iterator[Gap | None]:
        used = {step.window for rule in self._enabled() for step in rule.steps}
        for name in self.project.settings.windows:
            for open_ in (True, False) if name in used else ():
                never = "open" if open_ else "shut"
                gap = Gap("windows", {"window": name, "never": never}, f"{name} is never {never}")
                yield None if (name, open_) in self.windows else gap

    def _enabled(self) -> Iterator[Rule]:
        return (rule for rule in self.project.rules if rule.enabled)


def _triggers(rule: Rule, step: Step) -> list[tuple[str, Expression]]:
    """The rule's condition, then the step's own."""
    wheres = (f"rule {rule.id}", f"step {rule.id}/{step.id}")
    return list(zip(wheres, step.triggers, strict=False))


def _due_of(rule: Rule) -> str:
    return f"due date of {rule.id}"


def _choices(decision: Decision, traced: Traced) -> Iterator[tuple[str, Traced]]:
    """The conditions by which a date was chosen, as they turned out."""
    for part in traced.parts:
        if isinstance(traced.node, Conditional) and part.node is traced.node.condition:
            yield _due_of(decision.rule), part
        else:
            yield from _choices(decision, part)


def _parts_of(node: Node) -> Iterator[Node]:
    """A condition's parts that are conditions themselves; a `not` has the sides of what it turns round."""
    if isinstance(node, Not):
        yield from _parts_of(node.operand)
    elif not isinstance(node, Literal):
        yield node
        for part in children(node) if isinstance(node, And | Or) else ():
            yield from _parts_of(part)


def _seen(expression: Expression, traced: Traced) -> Iterator[tuple[str, bool | None]]:
    """The text and outcome of each such part."""
    node = traced.node
    if isinstance(node, Not):
        yield from _seen(expression, traced.parts[0])
    elif not isinstance(node, Literal):
        assert traced.value is None or isinstance(traced.value, bool)
        yield expression.text[node.start : node.end], traced.value
        for part in traced.parts if isinstance(node, And | Or) else ():
            yield from _seen(expression, part)
