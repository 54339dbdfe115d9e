"""Three-valued evaluation that keeps the value of every part: the trace is the explanation (LANGUAGE §2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any, TypeAlias

from sendplan.calendar import Calendar, Duration
from sendplan.expressions.nodes import (
    Add,
    And,
    Compare,
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
)
from sendplan.expressions.types import item_values, number
from sendplan.fields import Moment, Value


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands for a value that is not there, or for a condition that is neither true nor false."""

    names: tuple[str, ...]
    """The fields (or sent messages) whose absence makes it so."""


Result: TypeAlias = Value | Duration | Missing
Seen: TypeAlias = dict[int, Result]
"""The value of every part that was evaluated, by the identity of its node."""

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True, slots=True)
class Environment:
    """What an expression is evaluated on, and what was seen while doing so."""

    values: Mapping[str, Value]
    calendar: Calendar
    params: Mapping[str, ParamValue]
    sent: Callable[[Sent], Moment | None]
    """When a message really went out."""
    seen: Seen = field(default_factory=dict)


def evaluate(node: Node, env: Environment) -> Result:
    """The value of an expression; with it, that of everything below it enters `env.seen`.

    Nothing is short-circuited, so that the trace shows every part. Raises OverflowError beyond the years 1 to 9999.
    """
    value = _MEANING[type(node)](node, env)
    env.seen[id(node)] = value
    return value


def condition(node: Node, env: Environment) -> Result:
    """Like `evaluate`, with a moment read as "is set": true or false, never unknown."""
    return _asked(node, evaluate(node, env))


def _asked(node: Node, value: Result) -> Result:
    if type(value) is Missing:
        # A flag always has a value, so what is missing here is a moment.
        return False if isinstance(node, FieldRef | Sent | Add | Extreme) else value
    return True if isinstance(value, date) else value


def _literal(node: Literal, env: Environment) -> Result:
    return node.value


def _field(node: FieldRef, env: Environment) -> Result:
    found = env.values.get(node.name)
    return Missing((node.name,)) if found is None else found


def _param(node: ParamRef, env: Environment) -> Result:
    return env.params[node.name]  # type: ignore[return-value]


def _sent(node: Sent, env: Environment) -> Result:
    at = env.sent(node)
    return Missing((f'sent("{node.ref}")',)) if at is None else at


def _not(node: Not, env: Environment) -> Result:
    value = condition(node.operand, env)
    return value if type(value) is Missing else not value


def _and(node: And, env: Environment) -> Result:
    values = [condition(part, env) for part in node.parts]
    return False if False in values else _missing(values) or True


def _or(node: Or, env: Environment) -> Result:
    values = [condition(part, env) for part in node.parts]
    return True if True in values else _missing(values) or False


def _is_set(node: IsSet, env: Environment) -> Result:
    return (type(evaluate(node.operand, env)) is Missing) == node.negated


def _in(node: In, env: Environment) -> Result:
    left = evaluate(node.left, env)
    return left if type(left) is Missing else (left in _items(node, env, left)) != node.negated


def _compare(node: Compare, env: Environment) -> Result:
    left, right = evaluate(node.left, env), evaluate(node.right, env)
    missing = _missing((left, right))
    if missing:
        return missing
    return _OPERATORS[node.operator](_ordinal(left, env.calendar), _ordinal(right, env.calendar))


def _has(node: Has, env: Environment) -> Result:
    left, right = evaluate(node.left, env), evaluate(node.right, env)
    return _missing((left, right)) or right in left  # type: ignore[operator]


def _add(node: Add, env: Environment) -> Result:
    left, right = evaluate(node.left, env), evaluate(node.right, env)
    missing = _missing((left, right))
    if missing:
        return missing
    if isinstance(right, Duration):
        assert isinstance(left, date)
        return env.calendar.add(left, right, node.sign)
    assert isinstance(left, int | Decimal)
    assert isinstance(right, int | Decimal)
    return left + node.sign * right


def _extreme(node: Extreme, env: Environment) -> Result:
    values = [evaluate(argument.value, env) for argument in node.arguments]
    counted = [
        value
        for value, argument in zip(values, node.arguments, strict=True)
        if not (argument.if_set and type(value) is Missing)
    ]
    choose = max if node.name == "max" else min
    counted = counted or values
    return _missing(counted) or choose(counted, key=lambda value: _ordinal(value, env.calendar))


_MEANING: Mapping[type[Node], Callable[[Any, Environment], Result]] = {
    Literal: _literal,
    FieldRef: _field,
    ParamRef: _param,
    Sent: _sent,
    Not: _not,
    And: _and,
    Or: _or,
    IsSet: _is_set,
    In: _in,
    Compare: _compare,
    Has: _has,
    Add: _add,
    Extreme: _extreme,
}


def _missing(values: Iterable[Result]) -> Missing | None:
    """None, or what the values miss together."""
    missing = [value for value in values if type(value) is Missing]
    if not missing:
        return None
    if len(missing) == 1:
        return missing[0]
    return Missing(tuple(dict.fromkeys(name for each in missing for name in each.names)))


def _ordinal(value: Result, calendar: Calendar) -> Any:
    """A value in comparable form: a date counts from its local start."""
    return calendar.instant(value) if isinstance(value, date) else value


def _items(node: In, env: Environment, value: Result) -> frozenset[Any]:
    if isinstance(node.items, ParamRef):
        listed = env.params[node.items.name]
        assert isinstance(listed, tuple)
        return frozenset(listed)
    if isinstance(value, str):
        return item_values(node.items)
    return frozenset(number(item.text) for item in node.items)


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
    parts = tuple(traced(part, seen, asked=joins) for part in children(node) if id(part) in seen)
    found = Traced(node, None, parts, value.names) if isinstance(value, Missing) else Traced(node, value, parts)
    answer = _asked(node, value) if asked else value
    return found if answer is value else Traced(node, answer, (found,))  # type: ignore[arg-type]
