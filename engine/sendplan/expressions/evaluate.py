"""Three-valued evaluation that keeps the value of every part: the trace is the explanation (LANGUAGE §2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
)
from sendplan.expressions.types import item_values, number
from sendplan.fields import Moment, Value

Result: TypeAlias = Value | Duration | None
"""None is missing (a value) or unknown (a condition)."""

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True, slots=True)
class Traced:
    """A part of an expression with its value and the parts below it."""

    node: Node
    value: Result
    parts: tuple[Traced, ...] = ()
    missing: tuple[str, ...] = ()
    """The fields (or sent messages) whose absence makes the value missing or unknown."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What an expression is evaluated on."""

    values: Mapping[str, Value]
    calendar: Calendar
    params: Mapping[str, ParamValue]
    sent: Callable[[Sent], Moment | None]
    """When a message really went out."""


def evaluate(node: Node, env: Environment) -> Traced:
    """The value of an expression and of everything below it.

    Nothing is short-circuited, so that the trace shows every part. Raises OverflowError beyond the years 1 to 9999.
    """
    match node:
        case Literal(value=value):
            return Traced(node, value)
        case FieldRef(name=name):
            found = env.values.get(name)
            return Traced(node, found, missing=() if found is not None else (name,))
        case ParamRef(name=name):
            return Traced(node, env.params[name])  # type: ignore[arg-type]
        case Sent(ref=ref):
            at = env.sent(node)
            return Traced(node, at, missing=() if at is not None else (f'sent("{ref}")',))
        case Extreme():
            return _extreme(node, env)
        case Not(operand=operand):
            return _not(node, condition(operand, env))
        case And(parts=parts):
            return _joined(node, tuple(condition(part, env) for part in parts), decisive=False)
        case Or(parts=parts):
            return _joined(node, tuple(condition(part, env) for part in parts), decisive=True)
        case IsSet(operand=operand, negated=negated):
            inner = evaluate(operand, env)
            return Traced(node, (inner.value is not None) != negated, (inner,))
        case In(left=left):
            inner = evaluate(left, env)
            return _strict(node, (inner,), lambda: (inner.value in _items(node, env, inner.value)) != node.negated)
        case Compare(left=left, right=right):
            sides = (evaluate(left, env), evaluate(right, env))
            return _strict(node, sides, lambda: _compare(node.operator, *sides, env.calendar))
        case Has(left=left, right=right):
            sides = (evaluate(left, env), evaluate(right, env))
            return _strict(node, sides, lambda: sides[1].value in sides[0].value)  # type: ignore[operator]
        case Add(left=left, right=right):
            sides = (evaluate(left, env), evaluate(right, env))
            return _strict(node, sides, lambda: _add(node.sign, *sides, env.calendar))
    raise AssertionError(node)


def condition(node: Node, env: Environment) -> Traced:
    """Like `evaluate`, with a moment read as "is set": true or false, never unknown."""
    traced = evaluate(node, env)
    if isinstance(traced.value, date):
        return Traced(node, True, (traced,))
    if traced.value is None and isinstance(node, FieldRef | Sent | Add | Extreme):
        # A flag always has a value, so what is missing here is a moment.
        return Traced(node, False, (traced,))
    return traced


def _strict(node: Node, parts: tuple[Traced, ...], value: Callable[[], Result]) -> Traced:
    """Missing when any part is."""
    missing = tuple(dict.fromkeys(name for part in parts for name in part.missing))
    return Traced(node, None if missing else value(), parts, missing)


def _not(node: Node, inner: Traced) -> Traced:
    return Traced(node, None if inner.value is None else not inner.value, (inner,), inner.missing)


def _joined(node: Node, parts: tuple[Traced, ...], *, decisive: bool) -> Traced:
    """`and` (decided by false) or `or` (decided by true); else unknown as soon as one part is."""
    if any(part.value is decisive for part in parts):
        return Traced(node, decisive, parts)
    missing = tuple(dict.fromkeys(name for part in parts for name in part.missing))
    return Traced(node, None if missing else not decisive, parts, missing)


def _extreme(node: Extreme, env: Environment) -> Traced:
    parts = tuple(evaluate(argument.value, env) for argument in node.arguments)
    counted = [
        part for part, argument in zip(parts, node.arguments, strict=True) if not (argument.if_set and part.missing)
    ]
    if not counted:
        counted = list(parts)
    missing = tuple(dict.fromkeys(name for part in counted for name in part.missing))
    if missing:
        return Traced(node, None, parts, missing)
    choose = max if node.name == "max" else min
    return Traced(
        node, choose((part.value for part in counted), key=lambda value: _ordinal(value, env.calendar)), parts
    )


def _compare(operator: str, left: Traced, right: Traced, calendar: Calendar) -> bool:
    return _OPERATORS[operator](_ordinal(left.value, calendar), _ordinal(right.value, calendar))


def _ordinal(value: Result, calendar: Calendar) -> Any:
    """A value in comparable form: a date counts from its local start."""
    return calendar.instant(value) if isinstance(value, date) else value


def _add(sign: int, left: Traced, right: Traced, calendar: Calendar) -> Result:
    if isinstance(right.value, Duration):
        assert isinstance(left.value, date)
        return calendar.add(left.value, right.value, sign)
    assert isinstance(left.value, int | Decimal)
    assert isinstance(right.value, int | Decimal)
    return left.value + sign * right.value


def _items(node: In, env: Environment, value: Result) -> frozenset[Any]:
    if isinstance(node.items, ParamRef):
        listed = env.params[node.items.name]
        assert isinstance(listed, tuple)
        return frozenset(listed)
    if isinstance(value, str):
        return item_values(node.items)
    return frozenset(number(item.text) for item in node.items)
