"""Types of a mapping file's expressions: a column takes the type that its place needs (docs/mapping.md#types).

The tree of the one grammar becomes one whose columns are converted where they are used; `evaluate` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any, TypeAlias

from sendplan.dataclass import dataclass
from sendplan.expressions.cursor import Mistake
from sendplan.expressions.elements import (
    Arithmetic,
    ColumnRef,
    Converted,
    EachRow,
    FirstSeen,
    Kept,
    LetRef,
    PartRef,
    Reduced,
    RowsRef,
)
from sendplan.expressions.nodes import (
    Add,
    And,
    Argument,
    Call,
    Column,
    Compare,
    Conditional,
    Extreme,
    FieldRef,
    Get,
    Has,
    In,
    IsSet,
    Kind,
    Literal,
    Multiply,
    Node,
    Not,
    Or,
    ParamRef,
    Sent,
    Where,
    children,
)
from sendplan.expressions.types import kind_of_value
from sendplan.units import Duration

Path: TypeAlias = tuple[str, ...]
"""A way from the order into a part of it: names, lists passed through."""
Paths: TypeAlias = frozenset[Path]


@dataclass(frozen=True, slots=True)
class Conversions:
    """What a file writes → numbers, moments, flags, texts, lists; each raises BadValue."""

    number: Callable[[object], Any]
    moment: Callable[[object], Any]
    flag: Callable[[object], Any]
    text: Callable[[object], Any]
    texts: Callable[[object], Any]

    def of(self, kind: Kind) -> Callable[[object], Any]:
        """The conversion to this type."""
        return {
            Kind.NUMBER: self.number,
            Kind.MOMENT: self.moment,
            Kind.CONDITION: self.flag,
            Kind.TEXT: self.text,
            Kind.LIST: self.texts,
        }[kind]


@dataclass(frozen=True, slots=True)
class ColumnScope:
    """What the names of an expression mean."""

    conversions: Conversions
    parts: Mapping[str, Node] = field(default_factory=dict)
    """`let`: name → its tree as it was read, each using only those above it."""
    empty: frozenset[str] = frozenset()
    table: bool = False
    """CSV and XLSX, whose orders have rows and whose columns have no parts."""
    grouped: bool = False
    """Several rows may be one order."""
    element: bool = False
    """Within `[ ]` and `each:`, where the names are an element's own."""

    def of_element(self) -> ColumnScope:
        """The names inside a list's element."""
        return replace(self, parts={}, grouped=False, element=True)

    def of_row(self) -> ColumnScope:
        """The names in a function's argument, which is asked of every row."""
        return replace(self, grouped=False)


@dataclass(frozen=True, slots=True)
class ColumnExpression:
    """An expression over columns, ready to be evaluated."""

    root: Node
    kind: Kind | None
    """Its type; None when that of its columns, which the field converts."""


def typed(
    root: Node, scope: ColumnScope, text: str, want: Kind | None, *, extremes: Kind = Kind.NUMBER, seen: bool = False
) -> tuple[ColumnExpression, list[Mistake]]:
    """The tree with its columns converted as each place needs, and every mistake in it.

    `want` is the type that the whole must have, None when it stays as the file writes it; `extremes` is the type of
    what `max` and `min` compare there, and `seen` says whether that word may be the result.
    """
    typer = _Typer(scope, text, extremes)
    if seen:
        typer.results = set(_results(root))
    kind = typer.kind(root)
    return ColumnExpression(typer.place(root, want), kind), typer.mistakes


def is_path(node: Node) -> bool:
    """Whether the expression is nothing but a column or a path."""
    return isinstance(node, FieldRef | Column) or (isinstance(node, Get) and is_path(node.base))


def reads_every_row(node: Node) -> bool:
    """Whether the expression asks all rows of an order together."""
    if isinstance(node, Call | Extreme) or (isinstance(node, FieldRef) and node.name == "rows"):
        return not (isinstance(node, Call) and node.name == "join") or any(map(reads_every_row, children(node)))
    return any(map(reads_every_row, children(node)))


def _results(node: Node) -> list[int]:
    """The parts that the whole may come out as, through every `if … else`."""
    if not isinstance(node, Conditional):
        return [id(node)]
    return [*_results(node.value), *(_results(node.otherwise) if node.otherwise is not None else ())]


class _Typer:
    def __init__(self, scope: ColumnScope, text: str, extremes: Kind) -> None:
        self.scope = scope
        self.text = text
        self.extremes = extremes
        self.results: set[int] = set()
        """The nodes that may be `seen`."""
        self.mistakes: list[Mistake] = []

    def note(self, node: Node, message: str, help: str = "", code: str = "type-mismatch") -> None:
        mistake = Mistake(node.start, node.end, message, help, code)
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)

    def label(self, node: Node) -> str:
        return node.name if isinstance(node, FieldRef | Column) else self.text[node.start : node.end]

    def within(self, scope: ColumnScope) -> _Typer:
        """The typer of an inner scope, which notes into the same list."""
        inner = _Typer(scope, self.text, Kind.NUMBER)
        inner.mistakes = self.mistakes
        return inner

    def is_part(self, node: Node) -> bool:
        return isinstance(node, FieldRef) and node.name in self.scope.parts

    # --- types, from below ---

    def kind(self, node: Node) -> Kind | None:
        """The type of a part; None when it is as the file writes it."""
        match node:
            case Literal(value=value):
                return kind_of_value(value)
            case FieldRef(name=name) if name in self.scope.parts:
                return self.of_parts_above(name).kind(self.scope.parts[name])
            case FieldRef(name="seen"):
                return Kind.MOMENT
            case Add(right=right):
                return Kind.MOMENT if self.kind(right) is Kind.DURATION else Kind.NUMBER
            case Multiply() | Call(name="sum" | "count"):
                return Kind.NUMBER
            case Call(name="join"):
                return Kind.TEXT
            case Call(arguments=arguments):
                return self.kind(arguments[0])
            case Extreme(arguments=extremes):
                kinds = [self.kind(each.value) for each in extremes]
                return next((each for each in kinds if each in (Kind.NUMBER, Kind.MOMENT)), None)
            case Conditional(value=value, otherwise=otherwise):
                first = self.kind(value)
                second = first if otherwise is None else self.kind(otherwise)
                return first if first is second else None
            case Compare() | In() | Has() | IsSet() | Not() | And() | Or():
                return Kind.CONDITION
        return None

    def of_parts_above(self, name: str) -> _Typer:
        """A `let` may use those above it, so it is read with those alone."""
        above = {}
        for each, tree in self.scope.parts.items():
            if each == name:
                break
            above[each] = tree
        inner = self.within(replace(self.scope, parts=above))
        inner.extremes = self.extremes
        return inner

    # --- conversions, from above ---

    def place(self, node: Node, want: Kind | None, *, many: bool = False) -> Node:
        """The part as the type that its place needs; with `many`, also of every element of a list."""
        match node:
            case Conditional(value=value, condition=condition, otherwise=otherwise):
                return replace(
                    node,
                    value=self.place(value, want, many=many),
                    condition=self.condition(condition),
                    otherwise=None if otherwise is None else self.place(otherwise, want, many=many),
                )
            case And(parts=parts) | Or(parts=parts):
                return self.fit(replace(node, parts=tuple(map(self.condition, parts))), node, Kind.CONDITION, want)
            case Not(operand=operand):
                return self.fit(replace(node, operand=self.condition(operand)), node, Kind.CONDITION, want)
            case Compare():
                return self.fit(self.compare(node), node, Kind.CONDITION, want)
            case In():
                return self.fit(self.membership(node), node, Kind.CONDITION, want)
            case Has(left=left, right=right):
                has = replace(node, left=self.place(left, Kind.LIST), right=self.place(right, Kind.TEXT))
                return self.fit(has, node, Kind.CONDITION, want)
            case IsSet(operand=operand):
                return self.fit(replace(node, operand=self.asked(operand)), node, Kind.CONDITION, want)
            case Add() if self.kind(node.right) is Kind.DURATION:
                shifted = replace(node, left=self.place(node.left, Kind.MOMENT), right=self.duration(node.right))
                return self.fit(shifted, node, Kind.MOMENT, want)
            case Add(left=left, right=right, sign=sign):
                return self.arithmetic(node, "+" if sign > 0 else "-", left, right, want, many)
            case Multiply(operator=operator, left=left, right=right):
                return self.arithmetic(node, operator, left, right, want, many)
            case Call():
                return self.call(node, want, many)
            case Extreme():
                return self.extreme(node, want)
            case FieldRef(name=name) if name in self.scope.parts:
                placed = self.of_parts_above(name).place(self.scope.parts[name], want, many=many)
                return LetRef(node.start, node.end, name, placed)
            case Literal(value=value):
                return self.fit(node, node, kind_of_value(value), want)
            case FieldRef(name="seen"):
                return self.seen(node, want)
            case ParamRef() | Sent():
                self.note(node, "rules have this, mapping files do not", "name a column of the file")
                return node
        return self.converted(self.raw(node), node, want, many)

    def fit(self, placed: Node, node: Node, got: Kind, want: Kind | None) -> Node:
        """A part whose type is known, where another may be needed."""
        if want is None or got is want:
            return placed
        if got is Kind.MOMENT and want is Kind.CONDITION:
            return IsSet(node.start, node.end, placed, negated=False)
        if got is Kind.TEXT or (got is Kind.NUMBER and want in (Kind.TEXT, Kind.LIST)):
            return self.converted(placed, node, want, many=False)
        if got is Kind.NUMBER and want is Kind.CONDITION:
            self.note(node, "a condition is needed here, this is a number", "compare it: `… > 0`")
        else:
            self.note(node, f"this is a {got}, but a {want} is needed here")
        return placed

    def converted(self, placed: Node, node: Node, want: Kind | None, many: bool) -> Node:
        if want is None:
            return placed
        if self.leads(node) and not isinstance(node, FieldRef | Column):
            self.rows_as_value(node)
        convert = self.scope.conversions.of(want)
        return Converted(node.start, node.end, placed, convert, self.label(node), many or want is Kind.LIST)

    def rows_as_value(self, node: Node) -> None:
        if self.scope.table:
            self.note(node, "this is a row, not a value", 'name one of its columns: `….col("Name")`')

    def condition(self, node: Node) -> Node:
        return self.place(node, Kind.CONDITION)

    def asked(self, node: Node) -> Node:
        """What `is set` asks about, lists and records too."""
        placed = self.place(node, None)
        return Converted(node.start, node.end, placed, lambda raw: raw, self.label(node), many=True)

    def duration(self, node: Node) -> Node:
        if isinstance(node, Conditional):
            otherwise = None if node.otherwise is None else self.duration(node.otherwise)
            condition = self.condition(node.condition)
            return replace(node, value=self.duration(node.value), condition=condition, otherwise=otherwise)
        if not (isinstance(node, Literal) and isinstance(node.value, Duration)):
            self.note(node, "a length of time is needed here", "such as `7 days`")
        return node

    def arithmetic(self, node: Node, operator: str, left: Node, right: Node, want: Kind | None, many: bool) -> Node:
        one, other = (self.place(each, Kind.NUMBER, many=many) for each in (left, right))
        return self.fit(Arithmetic(node.start, node.end, operator, one, other), node, Kind.NUMBER, want)

    def compare(self, node: Compare) -> Node:
        kinds = (self.kind(node.left), self.kind(node.right))
        ordered = node.operator not in ("==", "!=")
        beside = next((each for each in (Kind.NUMBER, Kind.MOMENT, Kind.CONDITION) if each in kinds), Kind.TEXT)
        if ordered and beside is Kind.TEXT:
            left, right = self.label(node.left), self.label(node.right)
            if Kind.TEXT in kinds:
                self.note(node, f"texts are not compared with `{node.operator}`", "compare with a number, or use `==`")
            else:
                help = f"for numbers write `{left} - {right} {node.operator} 0`"
                self.note(node, f"`{node.operator}` between two columns does not say what they are", help)
        elif ordered and beside is Kind.CONDITION:
            self.note(node, "conditions are not ordered", "join them with `and`, `or`, `not`")
        return replace(node, left=self.place(node.left, beside), right=self.place(node.right, beside))

    def membership(self, node: In) -> Node:
        if isinstance(node.items, ParamRef):
            self.note(node.items, "rules have params, mapping files do not", "write the items: `in [one, two]`")
            return node
        number = self.kind(node.left) is Kind.NUMBER
        return replace(node, left=self.place(node.left, Kind.NUMBER if number else Kind.TEXT))

    # --- functions ---

    def call(self, node: Call, want: Kind | None, many: bool) -> Node:
        match node.name:
            case "sum":
                summed = self.reduced(node, [self.argument(each, Kind.NUMBER) for each in node.arguments])
                return self.fit(summed, node, Kind.NUMBER, want)
            case "count":
                counted = self.reduced(node, [self.argument(each, None) for each in node.arguments])
                return self.fit(counted, node, Kind.NUMBER, want)
            case "join":
                texts = self.reduced(node, [self.place(each, Kind.TEXT, many=True) for each in node.arguments])
                return self.fit(texts, node, Kind.TEXT, want)
        kind = self.kind(node)
        chosen = self.reduced(node, [self.argument(each, kind) for each in node.arguments])
        return self.converted(chosen, node, want, many) if kind is None else self.fit(chosen, node, kind, want)

    def reduced(self, node: Call, arguments: list[Node]) -> Reduced:
        return Reduced(node.start, node.end, node.name, tuple(arguments))

    def extreme(self, node: Extreme, want: Kind | None) -> Node:
        kind = self.kind(node) or (want if want in (Kind.NUMBER, Kind.MOMENT) else self.extremes)
        arguments = []
        for each in node.arguments:
            value = self.argument(each.value, kind)
            best = Reduced(each.start, each.end, node.name, (value,))
            arguments.append(Argument(each.start, each.end, best, each.if_set))
        chosen = replace(node, arguments=tuple(arguments))
        return chosen if want is None else self.fit(chosen, node, kind, want)

    def argument(self, node: Node, want: Kind | None) -> Node:
        """A function's argument: in a grouped order it is asked of every row when it names a column of one."""
        if self.scope.grouped and not self.scope.element and self.names_a_column(node):
            placed = self.within(self.scope.of_row()).place(node, want)
            return EachRow(node.start, node.end, placed)
        return self.place(node, want, many=True)

    def names_a_column(self, node: Node) -> bool:
        match node:
            case FieldRef(name=name):
                return name not in self.scope.parts and name not in ("rows", "seen")
            case Column():
                return True
            case Where(base=base):
                return self.names_a_column(base)
        return any(map(self.names_a_column, children(node)))

    # --- what the file holds ---

    def seen(self, node: FieldRef, want: Kind | None) -> Node:
        if id(node) not in self.results:
            help = "write it as a field's result: `seen if CONDITION`"
            self.note(node, "`seen` stands alone, as the moment of a field", help)
        elif want is not None:
            return self.fit(FirstSeen(node.start, node.end), node, Kind.MOMENT, want)
        return FirstSeen(node.start, node.end)

    def raw(self, node: Node) -> Node:
        """Columns, paths, lists and what is chosen of them, as the file writes them."""
        match node:
            case FieldRef(name="rows"):
                if not self.scope.table or self.scope.element:
                    where = "inside `[ ]` and `each:`" if self.scope.element else "in json and xml, which have lists"
                    self.note(node, f"there is no `rows` {where}", 'a column of that name is `col("rows")`')
                return RowsRef(node.start, node.end)
            case FieldRef(name=name) | Column(name=name):
                return ColumnRef(node.start, node.end, name, self.scope.empty)
            case Get(base=base, name=name):
                self.has_parts(node, base)
                return PartRef(node.start, node.end, self.place(base, None), name, self.scope.empty)
            case Where(base=base, condition=condition):
                self.has_parts(node, base)
                inner = self.within(self.scope.of_element())
                return Kept(node.start, node.end, self.place(base, None), inner.condition(condition))
        return self.place(node, None)

    def leads(self, node: Node) -> bool:
        """Whether the value may be a row or a record rather than a cell."""
        match node:
            case FieldRef(name=name) if name in self.scope.parts:
                return self.of_parts_above(name).leads(self.scope.parts[name])
            case FieldRef(name="rows"):
                return self.scope.table
            case Where(base=base) | Call(name="first" | "last", arguments=(base,)):
                return self.leads(base)
            case Conditional(value=value):
                return self.leads(value)
        return False

    def has_parts(self, node: Node, base: Node) -> None:
        kind = self.kind(base)
        if kind is not None:
            self.note(node, f"a {kind} has no parts", "")
        elif self.scope.table and not self.leads(base):
            name = self.label(node)
            self.note(node, "a column has no parts", f'a column of that name is written `col("{name}")`')


# --- which columns and paths an expression needs ---
