"""The expression language: grammar → types → evaluation with a trace (docs/language.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import TypeAlias

from sendplan.dataclass import dataclass
from sendplan.expressions.evaluate import Environment, Evaluated, Meaning, Missing, Seen, Traced, condition, meaning
from sendplan.expressions.evaluate import traced as _traced
from sendplan.expressions.evaluate import undecided as _undecided
from sendplan.expressions.grammar import parse
from sendplan.expressions.nodes import And, FieldRef, Kind, Node, ParamRef, ParamValue, Sent, children, replaced, walk
from sendplan.expressions.types import Names, check, kind_of_value
from sendplan.fields import Field
from sendplan.problems import Problem, Span

__all__ = [
    "And",
    "Condition",
    "Environment",
    "Evaluated",
    "Expression",
    "FieldRef",
    "Kind",
    "Missing",
    "Names",
    "Node",
    "ParamRef",
    "ParamValue",
    "Seen",
    "Sent",
    "Traced",
    "children",
    "compile_expression",
    "kind_of_value",
    "walk",
]

Locate: TypeAlias = Callable[[int, int], Span]
"""Where characters `start` to `end` of an expression stand in the user's file."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression: a condition or a date."""

    text: str
    root: Node
    kind: Kind
    _fields: frozenset[str] = field(init=False, repr=False, compare=False)
    _sent: tuple[Sent, ...] = field(init=False, repr=False, compare=False)
    _meaning: Meaning = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Every decision asks for these, so the tree is walked only once.
        nodes = tuple(walk(self.root))
        object.__setattr__(self, "_fields", frozenset(node.name for node in nodes if isinstance(node, FieldRef)))
        object.__setattr__(self, "_sent", tuple(node for node in nodes if isinstance(node, Sent)))
        object.__setattr__(self, "_meaning", self._first)

    def _first(self, env: Environment) -> Evaluated:
        """The first evaluation: most expressions of a large project are only checked."""
        made = condition(self.root) if self.kind is Kind.CONDITION else meaning(self.root)
        object.__setattr__(self, "_meaning", made)
        return made(env)

    def evaluate(self, env: Environment) -> Evaluated:
        """Its value; of a condition True, False or Missing (unknown). That of every part enters `env.seen`."""
        return self._meaning(env)

    def traced(self, seen: Seen) -> Traced:
        """Its value with the value of every part, as they were seen."""
        return _traced(self.root, seen, asked=self.kind is Kind.CONDITION)

    def undecided(self, seen: Seen) -> frozenset[str]:
        """The fields (or sent messages) whose absence left it open which branch of a conditional counts."""
        found = _undecided(self.root, seen)
        return frozenset(name for _, missing in found for name in missing.names)

    def branches(self, seen: Seen) -> tuple[Expression, ...]:
        """What it would be with either branch of a conditional that was left open; none where nothing was."""
        node = next((each for each, _ in _undecided(self.root, seen)), None)
        if node is None or node.otherwise is None:
            return ()
        return tuple(replace(self, root=replaced(self.root, node, each)) for each in (node.value, node.otherwise))

    def fields(self) -> frozenset[str]:
        """The fields that it names."""
        return self._fields

    def sent(self) -> tuple[Sent, ...]:
        """The messages that it asks about."""
        return self._sent

    def params(self) -> frozenset[str]:
        """The params that it names."""
        return frozenset(node.name for node in walk(self.root) if isinstance(node, ParamRef))


Condition: TypeAlias = Expression
"""An expression whose kind is CONDITION."""


def compile_expression(text: str, kind: Kind, scope: Names, locate: Locate) -> tuple[Expression | None, list[Problem]]:
    """The checked expression, or None, with every mistake in it as a problem."""
    root, mistakes = parse(text)
    if root is not None:
        # A foreign operator was understood, so the names and types around it can be checked all the same.
        root, further = check(root, scope, kind)
        mistakes = sorted([*mistakes, *further], key=lambda mistake: mistake.start)
    problems = [
        Problem(mistake.code, mistake.message, locate(mistake.start, mistake.end), mistake.help) for mistake in mistakes
    ]
    return (Expression(text, root, kind) if root is not None and not problems else None), problems


def stored_fields(names: frozenset[str], fields: Mapping[str, Field]) -> frozenset[str]:
    """The stored fields behind these names: a derived field counts as those it reads."""
    return frozenset(each for name in names for each in (fields[name].derived_from or (name,)))
