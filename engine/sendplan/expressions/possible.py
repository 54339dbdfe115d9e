"""Which outcomes a condition can have at all: true, false, unknown.

Every field is tried with one value from each stretch between the constants that it is compared with, and missing; the
evaluator itself decides. What cannot be enumerated, such as a comparison of two fields, may be anything: so an outcome
that is not in the answer is certainly impossible, and there are no false alarms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise, product
from math import prod
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from sendplan.calendar import Calendar
from sendplan.expressions import Environment, Node, ParamRef, ParamValue, Sent, walk
from sendplan.expressions.evaluate import condition
from sendplan.expressions.nodes import (
    Add,
    And,
    Compare,
    Conditional,
    Extreme,
    FieldRef,
    In,
    IsSet,
    Item,
    Literal,
    Not,
    Or,
)
from sendplan.expressions.types import number
from sendplan.fields import Field, FieldType, Value

Outcomes: TypeAlias = frozenset[bool | None]
"""None is unknown."""

_Leaf = TypeVar("_Leaf", bound=Node)

ANYTHING: Outcomes = frozenset({True, False, None})
_MOST = 5_000
"""Combinations of values that are tried at most; a condition with more may be anything."""

_THERE = "!"
"""Begins the name of a made-up field that every order has."""
_CALENDAR = Calendar(ZoneInfo("UTC"), "DE")
"""No condition that is tried counts days."""


class Possible:
    """The outcomes of conditions under one set of params; a part that comes again is not tried again."""

    def __init__(self, fields: Mapping[str, Field], params: Mapping[str, ParamValue]) -> None:
        self.fields = fields
        self.params = params
        self.simplifier = _Simplifier(fields, params)
        self.known: dict[Node, Outcomes] = {}

    def outcomes(self, node: Node) -> Outcomes:
        """Everything that a checked condition can evaluate to, over all orders; it may hold more, never less."""
        return self._of(self.simplifier.condition(node))

    def _of(self, node: Node) -> Outcomes:
        """Parts that share no field are independent, and joined by the tables of three-valued logic alone."""
        if isinstance(node, Not):
            return frozenset(None if each is None else not each for each in self._of(node.operand))
        if isinstance(node, And | Or):
            groups = list(_groups(node.parts))
            if len(groups) > 1:
                decisive = isinstance(node, Or)
                found: Outcomes = frozenset({not decisive})
                for group in groups:
                    pairs = product(found, self._of(_joined(node, group)))
                    found = frozenset(_kleene(each, decisive) for each in pairs)
                return found
        known = self.known.get(node)
        if known is None:
            known = self.known[node] = self._tried(node)
        return known

    def _tried(self, node: Node) -> Outcomes:
        constants: dict[str, set[Any]] = {name: set() for name in sorted(_names(node))}
        for name, constant in _constants(node, self.params):
            constants[name].add(constant)
        domains = {name: self._domain(name, each) for name, each in constants.items()}
        if prod(map(len, domains.values())) > _MOST:
            return ANYTHING
        evaluate = condition(node)
        found: set[bool | None] = set()
        for values in product(*domains.values()):
            given = {name: value for name, value in zip(domains, values, strict=True) if value is not None}
            environment = Environment(given, _CALENDAR, self.params, lambda sent: None)
            outcome = evaluate(environment)
            found.add(outcome if isinstance(outcome, bool) else None)
            if len(found) == len(ANYTHING):
                break
        return frozenset(found)

    def _domain(self, name: str, constants: Collection[Any]) -> list[Value | None]:
        """One value from every stretch, and None for missing."""
        field = self.fields.get(name)
        if field is None:  # what stands for something that may be anything
            return [*([] if name.startswith(_THERE) else [None]), -1, 0, 1]
        if field.type is FieldType.FLAG:
            return [True, False]
        missing: list[Value | None] = [] if field.always else [None]
        if field.type is FieldType.MOMENT:
            return [*missing, _CALENDAR.instant(date(2024, 1, 1))]
        if field.type is FieldType.TEXT:
            texts = [each for each in constants if isinstance(each, str)]
            return [*missing, "\x01", *(each for text in texts for each in (text, f"{text}\x01"))]
        numbers = _numbers([each for each in constants if not isinstance(each, str)], field.type is FieldType.INTEGER)
        if name == "open_amount":
            numbers = sorted({Decimal(0), *(each for each in numbers if each >= 0)})  # it is never negative
        return [*missing, *numbers]


def _numbers(constants: Iterable[int | Decimal], whole: bool) -> list[Decimal]:
    """Each constant, and a number below, between and above them; only whole ones of an integer field."""
    values = sorted({Decimal(each) for each in constants}) or [Decimal(0)]
    between = [(low + high) / 2 for low, high in pairwise(values)]
    numbers = {values[0] - 1, *values, *between, values[-1] + 1}
    if whole:
        numbers = {each for value in numbers for each in (value // 1, value // 1 + 1)}
    return sorted(numbers)


def _groups(parts: Iterable[Node]) -> Iterator[list[Node]]:
    """The parts, together where they share a field."""
    groups: list[tuple[set[str], list[Node]]] = []
    for part in parts:
        names, together = _names(part), [part]
        apart = []
        for group in groups:
            if group[0] & names:
                names, together = names | group[0], group[1] + together
            else:
                apart.append(group)
        groups = [*apart, (names, together)]
    return (group for _, group in groups)


def _joined(node: And | Or, parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else replace(node, parts=tuple(parts))


def _kleene(outcomes: tuple[bool | None, ...], decisive: bool) -> bool | None:
    if decisive in outcomes:
        return decisive
    return None if None in outcomes else not decisive


def _names(node: Node) -> set[str]:
    return {each.name for each in walk(node) if isinstance(each, FieldRef)}


def _constants(node: Node, params: Mapping[str, ParamValue]) -> Iterator[tuple[str, Any]]:
    for each in walk(node):
        match each:
            case Compare(left=FieldRef(name=name), right=Literal(value=value)):
                yield name, value
            case In(left=FieldRef(name=name), items=ParamRef(name=param)):
                listed = params[param]
                assert isinstance(listed, tuple)
                yield from ((name, value) for value in listed)
            case In(left=FieldRef(name=name), items=tuple(items)):
                yield from ((name, item.text) for item in items)


class _Simplifier:
    """Rewrites a condition so that it only compares fields with constants, and forgets where it stands.

    What is not of that kind becomes a made-up field: the same part the same field, free to be anything.
    """

    def __init__(self, fields: Mapping[str, Field], params: Mapping[str, ParamValue]) -> None:
        self.fields = fields
        self.params = params

    def condition(self, node: Node) -> Node:
        match node:
            case Not(operand=operand):
                return Not(0, 0, self.condition(operand))
            case And(parts=parts) | Or(parts=parts):
                return type(node)(0, 0, tuple(self._flattened(type(node), parts)))
            case Literal() | FieldRef():
                return _anywhere(node)
            case Compare():
                return self._compare(node)
            case IsSet(operand=operand, negated=negated):
                return IsSet(0, 0, _anywhere(operand) if isinstance(operand, FieldRef) else _made_up(operand), negated)
            case In(left=FieldRef(name=name), items=items, negated=negated):
                return self._in(FieldRef(0, 0, name), items, negated)
            case In(negated=True):
                return Not(0, 0, self._may_be_anything(replace(node, negated=False)))
            case ParamRef() | Sent() | Add() | Extreme() | Conditional():
                return IsSet(0, 0, _made_up(node), negated=False)
        return self._may_be_anything(node)

    def _flattened(self, kind: type[And | Or], parts: Iterable[Node]) -> dict[Node, None]:
        """The parts, those of an inner `and` in an `and` too, each once: then few of them share a field."""
        found: dict[Node, None] = {}
        for part in map(self.condition, parts):
            found |= dict.fromkeys(part.parts if isinstance(part, kind) else (part,))
        return found

    def _compare(self, node: Compare) -> Node:
        left, right, operator = self._plain(node.left), self._plain(node.right), node.operator
        if isinstance(left, Literal) or (not isinstance(right, Literal) and _key(left) > _key(right)):
            left, right, operator = right, left, _MIRRORED[operator]
        if not isinstance(right, Literal) or not isinstance(left, Literal | FieldRef):
            # Both sides together may lie in any order, the same one wherever they are compared.
            left, right = self._made_up(Compare(0, 0, "==", left, right)), Literal(0, 0, 0)
        return Compare(0, 0, operator, left, right)

    def _plain(self, node: Node) -> Node:
        """A param's number or text as a literal; a switch stays a param, for an account may turn it."""
        value = self.params[node.name] if isinstance(node, ParamRef) else None
        if value is None or isinstance(value, bool | tuple):
            return _anywhere(node) if isinstance(node, Literal | FieldRef) else node
        return Literal(0, 0, value)

    def _in(self, field: FieldRef, items: tuple[Item, ...] | ParamRef, negated: bool) -> Node:
        """Items of a number field are compared as the numbers that they are."""
        if isinstance(items, ParamRef):
            return In(0, 0, field, _anywhere(items), negated)
        if self.fields[field.name].type is FieldType.TEXT:
            return In(0, 0, field, tuple(_anywhere(item) for item in items), negated)
        numbers = [found for item in items if (found := number(item.text)) is not None]
        either = Or(0, 0, tuple(Compare(0, 0, "==", field, Literal(0, 0, each)) for each in numbers))
        return Not(0, 0, either) if negated else either

    def _may_be_anything(self, node: Node) -> Node:
        return Compare(0, 0, "==", self._made_up(node), Literal(0, 0, 0))

    def _made_up(self, node: Node) -> FieldRef:
        """The field that stands for a part, which every order has when it has all that the part reads."""
        read = [each for each in walk(node) if isinstance(each, FieldRef | Sent)]
        there = all(isinstance(each, FieldRef) and self._is_there(each.name) for each in read)
        return FieldRef(0, 0, f"{_THERE if there else ''}({_key(node)})")

    def _is_there(self, name: str) -> bool:
        field = self.fields.get(name)
        return name.startswith(_THERE) or (field is not None and field.always)


_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _anywhere(node: _Leaf) -> _Leaf:
    """The same leaf, wherever it stands."""
    return replace(node, start=0, end=0)


def _made_up(node: Node) -> FieldRef:
    """The field that stands for a part: the same one for the same part."""
    return FieldRef(0, 0, f"({_key(node)})")


def _key(value: Any) -> str:
    """A part as text, wherever it stands."""
    if isinstance(value, tuple):
        return " ".join(map(_key, value))
    if not isinstance(value, Node):
        return repr(value)
    given = [_key(getattr(value, each.name)) for each in dataclass_fields(value) if each.name not in ("start", "end")]
    return f"{type(value).__name__}({' '.join(given)})"
