"""The expression tree: frozen nodes that remember where in the text they stand (docs/language.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from sendplan.dataclass import dataclass
from sendplan.ledger import MessageKey
from sendplan.units import Duration

ParamValue: TypeAlias = int | Decimal | str | bool | Duration | tuple[str | int | Decimal, ...]
"""What `params:` may hold."""


class Kind(StrEnum):
    """Static types of expressions."""

    CONDITION = "condition"
    MOMENT = "moment"
    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    DURATION = "duration"


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression: characters `start` to `end` (not included) of its text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, a quoted text, `true`, `false`, or a duration such as `7 days`."""

    value: int | Decimal | str | bool | Duration


@dataclass(frozen=True, slots=True)
class FieldRef(Node):
    """An order's field."""

    name: str


@dataclass(frozen=True, slots=True)
class ParamRef(Node):
    """`params.NAME`."""

    name: str


@dataclass(frozen=True, slots=True)
class Sent(Node):
    """`sent("rule")` or `sent("rule/step")`: when that message really went out."""

    ref: str
    keys: tuple[MessageKey, ...] = ()
    """The message's ledger key, then its earlier ones (`formerly`); filled in when the types are checked."""


@dataclass(frozen=True, slots=True)
class Item(Node):
    """One item of a list in brackets; `bare` when it is not quoted."""

    text: str
    bare: bool


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """`left OP right` with OP one of `== != < <= > >=`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class In(Node):
    """`left in [...]` or `left not in [...]`; also `in params.NAME`."""

    left: Node
    items: tuple[Item, ...] | ParamRef
    negated: bool


@dataclass(frozen=True, slots=True)
class Has(Node):
    """`tags has "wholesale"`."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class IsSet(Node):
    """`field is set` or `field is not set`: never unknown."""

    operand: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`not condition`."""

    operand: Node


@dataclass(frozen=True, slots=True)
class And(Node):
    """All parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    """Any part."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Add(Node):
    """`left + right`, or `left - right` with sign -1."""

    left: Node
    right: Node
    sign: int


@dataclass(frozen=True, slots=True)
class Argument(Node):
    """One argument of `max` or `min`; left out when missing and `if_set`."""

    value: Node
    if_set: bool


@dataclass(frozen=True, slots=True)
class Extreme(Node):
    """`max(…)` or `min(…)`."""

    name: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """`value if condition else otherwise`; without `else`, which only mapping files may leave out, None."""

    value: Node
    condition: Node
    otherwise: Node | None


# --- what only mapping files have (docs/project.md#mapping-files) ---


@dataclass(frozen=True, slots=True)
class Column(Node):
    """`col("Paid at")`: a column with other characters than those of a word."""

    name: str


@dataclass(frozen=True, slots=True)
class Get(Node):
    """`base.name`: a part of a record, or of every record of a list."""

    base: Node
    name: str


@dataclass(frozen=True, slots=True)
class Where(Node):
    """`base[condition]`: the elements that meet it."""

    base: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class Multiply(Node):
    """`left * right` or `left / right`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`sum(…)`, `count(…)`, `first(…)`, `last(…)` or `join(…)`."""

    name: str
    arguments: tuple[Node, ...]


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a node, in order."""
    match node:
        case (
            Compare(left=left, right=right)
            | Has(left=left, right=right)
            | Add(left=left, right=right)
            | Multiply(left=left, right=right)
        ):
            return (left, right)
        case In(left=left, items=items):
            return (left, items) if isinstance(items, ParamRef) else (left,)
        case IsSet(operand=operand) | Not(operand=operand):
            return (operand,)
        case And(parts=parts) | Or(parts=parts):
            return parts
        case Extreme(arguments=arguments):
            return tuple(argument.value for argument in arguments)
        case Conditional(value=value, condition=condition, otherwise=otherwise):
            return (value, condition) if otherwise is None else (value, condition, otherwise)
        case Get(base=base):
            return (base,)
        case Where(base=base, condition=condition):
            return (base, condition)
        case Call(arguments=called):
            return called
        case _:
            return ()


def replaced(node: Node, old: Node, new: Node) -> Node:
    """The tree with `new` in the place of one of its nodes."""
    if node is old:
        return new
    changed: dict[str, Any] = {}
    for each in fields(node):
        value = getattr(node, each.name)
        if isinstance(value, Node):
            changed[each.name] = replaced(value, old, new)
        elif isinstance(value, tuple):
            changed[each.name] = tuple(replaced(part, old, new) if isinstance(part, Node) else part for part in value)
    return replace(node, **changed)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, in the order of the text."""
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        pending += reversed(children(each))
