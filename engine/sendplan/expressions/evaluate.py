"""Three-valued evaluation that keeps the value of every part: the trace is the explanation.

See docs/language.md#what-is-missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import date
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any, TypeAlias

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.expressions.nodes import (
    Add,
    And,
    Compare,
    Conditional,
    Extreme,
    FieldRef,
    Has,
    In,
    IsSet,
    Literal,
    Node,
    Not,
    Or,
    ParamRef,
    ParamValue,
    Sent,
    children,
    walk,
)
from sendplan.expressions.types import item_values, number
from sendplan.fields import Moment, Value
from sendplan.units import Duration


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands for a value that is not there, or for a condition that is neither true nor false."""

    names: tuple[str, ...]
    """The fields (or sent messages) whose absence makes it so."""


Evaluated: TypeAlias = Value | Duration | Missing
Seen: TypeAlias = dict[int, Evaluated]
"""The value of every part that was evaluated, by the identity of its node."""

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True, slots=True)
class Environment:
    """What an expression is evaluated on, and what was seen while doing so."""

    values: Mapping[str, Value]
    calendar: Calendar
    params: Mapping[str, ParamValue]
    sent: Callable[[Sent], Moment | None]
    """When a message really went out."""
    seen: Seen = field(default_factory=dict)
    order: Environment | None = None
    """In a mapping file, the whole order's environment while the names are those of one of its rows or elements."""
    rows: Sequence[Mapping[str, Any]] = ()
    """In a mapping file, the rows of the order."""
    parts: dict[object, Evaluated] = field(default_factory=dict)
    """In a mapping file, the values of `let` that were asked for."""


Meaning: TypeAlias = Callable[[Environment], Evaluated]
"""A part of an expression as a function: its value, which also enters `env.seen`."""


@dataclass(frozen=True, slots=True)
class OwnMeaning(Node):
    """A node that says itself what it means, as those do that only mapping files have."""

    def compute(self) -> Meaning:
        """The node as a function of what it is evaluated on."""
        raise NotImplementedError


def meaning(node: Node) -> Meaning:
    """A node's meaning, put together once and called for every order.

    Nothing but a conditional is short-circuited, so that the trace shows every part. What it returns raises
    OverflowError beyond the years 1 to 9999.
    """
    compute = node.compute() if isinstance(node, OwnMeaning) else _MEANING[type(node)](node)
    key = id(node)

    def evaluate(env: Environment) -> Evaluated:
        value = env.seen[key] = compute(env)
        return value

    return evaluate


def condition(node: Node) -> Meaning:
    """Like `meaning`, with a moment read as "is set": true or false, never unknown."""
    evaluate = meaning(node)
    if not isinstance(node, _MOMENTS):
        return evaluate
    return lambda env: _asked(node, evaluate(env))


_MOMENTS = (FieldRef, Sent, Add, Extreme, Conditional)
"""What may be a moment. A flag always has a value, so what is missing here is a moment."""


def _asked(node: Node, value: Evaluated) -> Evaluated:
    if type(value) is Missing:
        return False if isinstance(node, _MOMENTS) else value
    return True if isinstance(value, date) else value


def _literal(node: Literal) -> Meaning:
    return lambda env: node.value


def _field(node: FieldRef) -> Meaning:
    name, missing = node.name, Missing((node.name,))
    return lambda env: env.values.get(name, missing)


def _param(node: ParamRef) -> Meaning:
    return lambda env: env.params[node.name]  # type: ignore[return-value]


def _sent(node: Sent) -> Meaning:
    missing = Missing((f'sent("{node.ref}")',))
    return lambda env: env.sent(node) or missing


def _not(node: Not) -> Meaning:
    operand = condition(node.operand)

    def evaluate(env: Environment) -> Evaluated:
        value = operand(env)
        return value if type(value) is Missing else not value

    return evaluate


def _joined(node: And | Or) -> Meaning:
    """`and` is decided by false, `or` by true; else unknown as soon as one part is."""
    parts, decisive = [condition(part) for part in node.parts], isinstance(node, Or)

    def evaluate(env: Environment) -> Evaluated:
        values = [part(env) for part in parts]
        return decisive if decisive in values else _missing(values) or not decisive

    return evaluate


def _is_set(node: IsSet) -> Meaning:
    operand = meaning(node.operand)
    return lambda env: (type(operand(env)) is Missing) == node.negated


def _in(node: In) -> Meaning:
    left = meaning(node.left)
    texts = item_values(node.items) if isinstance(node.items, tuple) else frozenset()
    numbers = frozenset(map(number, texts))

    def evaluate(env: Environment) -> Evaluated:
        value = left(env)
        if type(value) is Missing:
            return value
        if isinstance(node.items, ParamRef):
            return (value in env.params[node.items.name]) != node.negated  # type: ignore[operator]
        return (value in (texts if isinstance(value, str) else numbers)) != node.negated

    return evaluate


def _compare(node: Compare) -> Meaning:
    left, right, compare = meaning(node.left), meaning(node.right), COMPARISONS[node.operator]

    def evaluate(env: Environment) -> Evaluated:
        values = left(env), right(env)
        return _missing(values) or compare(*(ordinal(value, env.calendar) for value in values))

    return evaluate


def _has(node: Has) -> Meaning:
    left, right = meaning(node.left), meaning(node.right)

    def evaluate(env: Environment) -> Evaluated:
        values = left(env), right(env)
        return _missing(values) or values[1] in values[0]  # type: ignore[operator]

    return evaluate


def _add(node: Add) -> Meaning:
    left, right = meaning(node.left), meaning(node.right)

    def evaluate(env: Environment) -> Evaluated:
        first, second = left(env), right(env)
        missing = _missing((first, second))
        if missing:
            return missing
        if isinstance(second, Duration):
            assert isinstance(first, date)
            return env.calendar.add(first, second, node.sign)
        assert isinstance(first, int | Decimal)
        assert isinstance(second, int | Decimal)
        return first + node.sign * second

    return evaluate


def _extreme(node: Extreme) -> Meaning:
    arguments = [(meaning(argument.value), argument.if_set) for argument in node.arguments]
    choose = max if node.name == "max" else min

    def evaluate(env: Environment) -> Evaluated:
        values = [(value(env), if_set) for value, if_set in arguments]
        counted = [value for value, if_set in values if not (if_set and type(value) is Missing)]
        counted = counted or [value for value, _ in values]
        return _missing(counted) or choose(counted, key=lambda value: ordinal(value, env.calendar))

    return evaluate


def _conditional(node: Conditional) -> Meaning:
    """Only the branch taken is read; an unknown condition makes the whole missing, and so does a missing `else`."""
    asked, value = condition(node.condition), meaning(node.value)
    otherwise = meaning(node.otherwise) if node.otherwise is not None else None

    def evaluate(env: Environment) -> Evaluated:
        answer = asked(env)
        if type(answer) is Missing:
            return answer
        if answer:
            return value(env)
        return otherwise(env) if otherwise is not None else Missing(())

    return evaluate


_MEANING: Mapping[type[Node], Callable[[Any], Meaning]] = {
    Literal: _literal,
    FieldRef: _field,
    ParamRef: _param,
    Sent: _sent,
    Not: _not,
    And: _joined,
    Or: _joined,
    IsSet: _is_set,
    In: _in,
    Compare: _compare,
    Has: _has,
    Add: _add,
    Extreme: _extreme,
    Conditional: _conditional,
}


def _missing(values: Iterable[Evaluated]) -> Missing | None:
    """None, or what the values miss together."""
    missing = [value for value in values if type(value) is Missing]
    if not missing:
        return None
    if len(missing) == 1:
        return missing[0]
    return Missing(tuple(dict.fromkeys(name for each in missing for name in each.names)))


def ordinal(value: Evaluated, calendar: Calendar) -> Any:
    """A value in comparable form: a date counts from its local start."""
    return calendar.instant(value) if isinstance(value, date) else value


def undecided(node: Node, seen: Seen) -> Iterator[tuple[Conditional, Missing]]:
    """The conditionals in it whose condition was unknown, with what made it so."""
    for each in walk(node):
        if isinstance(each, Conditional) and id(each) in seen:
            answer = _asked(each.condition, seen[id(each.condition)])
            if isinstance(answer, Missing):
                yield each, answer


@dataclass(frozen=True, slots=True)
class Traced:
    """A part of an expression with its value and the parts below it."""

    node: Node
    value: Value | Duration | None
    """None is missing (a value) or unknown (a condition)."""
    parts: tuple[Traced, ...] = ()
    missing: tuple[str, ...] = ()
    """The fields (or sent messages) whose absence makes the value missing or unknown."""


def traced(node: Node, seen: Seen, *, asked: bool) -> Traced:
    """What was seen of an expression, as a tree; `asked` when it was evaluated as a condition."""
    value = seen[id(node)]
    joins = isinstance(node, And | Or | Not)
    decides = node.condition if isinstance(node, Conditional) else None
    parts = tuple(traced(part, seen, asked=joins or part is decides) for part in children(node) if id(part) in seen)
    found = Traced(node, None, parts, value.names) if isinstance(value, Missing) else Traced(node, value, parts)
    answer = _asked(node, value) if asked else value
    return found if answer is value else Traced(node, answer, (found,))  # type: ignore[arg-type]
