"""A typed expression → Python source over cells, part by part; nothing that a user wrote stands in it.

Three-valued logic becomes two conditions: one that is met where the expression is true, one where it is false. Where
neither is met it is unknown. Texts, amounts and durations enter through the namespace, by names of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import CodeType
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.deciding.facts import DERIVED
from sendplan.deciding.narrowing import FAR
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
)
from sendplan.expressions.types import item_values, number
from sendplan.fields import Field, FieldType
from sendplan.planning.compiled.cells import CellCalendar, Unusual, extreme, listed
from sendplan.project.settings import Settings
from sendplan.store.sql.encoding import SCALE
from sendplan.units import Duration


class CellType(Enum):
    """What a value is among cells."""

    TEXT = "text"
    FLAG = "flag"
    LIST = "list"
    MOMENT = "moment"
    WHOLE = "whole number"
    SCALED = "amount, in ten-thousandths"


_KEPT = {
    FieldType.TEXT: CellType.TEXT,
    FieldType.FLAG: CellType.FLAG,
    FieldType.LIST: CellType.LIST,
    FieldType.MOMENT: CellType.MOMENT,
    FieldType.INTEGER: CellType.WHOLE,
    FieldType.DECIMAL: CellType.SCALED,
}
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass(frozen=True, slots=True)
class Code:
    """A value: its source, None where it is missing."""

    source: str
    kept: CellType
    always: bool = False
    """It is never missing."""
    number: int | Decimal | None = None
    """Of a constant number."""


@dataclass(slots=True)
class FunctionWriter:
    """Writes one function for orders of accounts that share params; collects the columns and constants it needs."""

    settings: Settings
    params: Mapping[str, ParamValue]
    calendar: CellCalendar
    hidden: bool
    """Whether the clock was set back, so that events after it are hidden."""
    columns: dict[str, str] = field(default_factory=dict)
    """Stored field → the variable that holds it."""
    namespace: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    sent: dict[str, Sent] = field(default_factory=dict)
    """Variable → the message whose sending it holds."""
    _names: dict[str, str] = field(default_factory=dict)
    _constants: dict[tuple[str, Hashable], str] = field(default_factory=dict)
    _adders: dict[tuple[Duration, int], str] = field(default_factory=dict)
    _days: float = 0

    # --- parts of a function ---

    def function(self, arguments: Sequence[str], columns: Mapping[str, str]) -> Callable[..., Any]:
        """What the lines say, of a row with these columns (`columns`: stored field → variable)."""
        named = ", ".join(["_id", "_stored", "_ledger", "_refused", *columns.values()])
        body = [f"{named} = row", *self._hiding(), *self.lines]
        source = "\n    ".join([f"def function({', '.join(['row', *arguments])}):", *body]) + "\n"
        exec(_compiled(source), self.namespace)
        return self.namespace["function"]  # type: ignore[no-any-return]

    def _hiding(self) -> Iterator[str]:
        """Take away what time travel hides; `_CLOCK` is its clock plus the mark of a bare date."""
        fields = [self.settings.fields[name] for name in self.columns] if self.hidden else []
        later = [(each.name, each.hidden_with) for each in fields if each.hidden_with]
        for name, event in (*later, *((each.name, each.name) for each in fields if each.event)):
            at = self.columns[event]
            yield f"if {at} is not None and {at} > _CLOCK: {self.columns[name]} = None"

    def constant(self, value: Hashable, hint: str) -> str:
        """The name under which a value enters."""
        name = self._constants.get((hint, value))
        if name is None:
            name = self._constants[hint, value] = f"{hint}_{len(self._constants)}"
            self.namespace[name] = value
        return name

    def adder(self, duration: Duration, sign: int = 1) -> str:
        """The name of the function that adds a duration."""
        key = (duration, sign)
        self.count_days(duration)
        if key not in self._adders:
            self._adders[key] = self.constant(self.calendar.adder(duration, sign), "_add")
        return self._adders[key]

    def count_days(self, duration: Duration) -> None:
        """Raises Unusual when dates may lead out of the calendar: the interpreter knows where that is an error."""
        self._days += duration.most_days
        if self._days > FAR:
            raise Unusual

    def variable(self, source: str) -> str:
        """The name of a value that is worked out once."""
        if source.isidentifier():
            return source
        if source not in self._names:
            self._names[source] = f"_{len(self._names)}"
            self.lines.append(f"{self._names[source]} = {source}")
        return self._names[source]

    def column(self, name: str) -> str:
        """The variable that holds a stored field, as it looks at the plan's clock."""
        each = self.settings.fields[name]
        self.columns[name] = f"own_{name}" if each.own else name
        if self.hidden and each.hidden_with:
            self.column(each.hidden_with)
        return self.columns[name]

    # --- values ---

    def field(self, name: str) -> Code:
        """A field with its default, or as it is derived from others: all of it as the catalogue says."""
        each = self.settings.fields[name]
        if each.type is FieldType.RECORDS:
            raise Unusual
        kept = _KEPT[each.type]
        if name in ("id", "account"):
            return Code(f"_{name}", kept, always=True)
        if each.derived_from:
            derive = f"_{name}"
            self.namespace[derive] = DERIVED[name]
            return Code(f"{derive}({', '.join(map(self.column, each.derived_from))})", kept)
        return self._stored(each, self.column(name), kept)

    def _stored(self, each: Field, column: str, kept: CellType) -> Code:
        if each.name == "portal":
            portals = {name: account.portal for name, account in self.settings.accounts.items()}
            self.namespace["_PORTALS"] = portals
            return Code(f"({column} if {column} is not None else _PORTALS[_account])", kept, always=True)
        if kept is CellType.FLAG:
            if each.default not in (False, True):
                raise Unusual
            source = f"bool({column})" if each.default is False else f"({column} is None or bool({column}))"
            return Code(source, kept, always=True)
        if kept is CellType.LIST:
            self.namespace["_listed"] = listed
            default = self.constant(each.default, "_LIST") if each.default is not None else "None"
            source = f"({default} if {column} is None else _listed({column}))"
            return Code(source, kept, always=each.default is not None)
        if len(each.instead) == 1:
            instead = self.field(each.instead[0])
            return Code(f"({column} if {column} is not None else {instead.source})", kept, always=instead.always)
        if each.instead or each.default is not None:
            self.lines.append(f"if {column} is None: return ASK")
            return Code(column, kept, always=True)
        return Code(column, kept, always=each.always)

    def value(self, node: Node) -> Code:
        """A part that is not a condition."""
        match node:
            case FieldRef(name=name):
                return self.field(name)
            case Literal(value=value):
                return self._constant(value)
            case ParamRef(name=name):
                return self._constant(self.params[name])
            case Sent():
                name = f"_sent_{len(self.sent)}"
                self.sent[name] = node
                return Code(name, CellType.MOMENT, always=True)
            case Add():
                return self._add(node)
            case Extreme():
                return self._extreme(node)
            case Conditional(value=value, condition=condition, otherwise=otherwise) if otherwise is not None:
                first, second = self.value(value), self.value(otherwise)
                if first.kept is not second.kept:
                    raise Unusual
                return Code(self._chosen(condition, first.source, second.source), first.kept)
        raise Unusual

    def _constant(self, value: object) -> Code:
        match value:
            case bool():
                return Code(str(value), CellType.FLAG, always=True)
            case int() | Decimal():
                return Code("", CellType.WHOLE, always=True, number=value)
            case str():
                return Code(self.constant(value, "_TEXT"), CellType.TEXT, always=True)
        raise Unusual

    def _chosen(self, condition: Node, value: str, otherwise: str) -> str:
        return f"({value} if {self.true(condition)} else {otherwise} if {self.false(condition)} else None)"

    def _add(self, node: Add) -> Code:
        left = self.value(node.left)
        if left.kept is CellType.MOMENT:
            # Worked out in any case, as the interpreter does: a date beyond the calendar is an error wherever it is.
            later = self._later(self.variable(left.source), node.right, node.sign)
            return Code(self.variable(later), CellType.MOMENT)
        right = self.value(node.right)
        if left.number is not None and right.number is not None:
            return Code("", CellType.WHOLE, always=True, number=left.number + node.sign * right.number)
        first, second, kept = self._alike(left, right)
        sides = [self.variable(each) for each in (first, second)]
        both = f"{sides[0]} {'+' if node.sign > 0 else '-'} {sides[1]}"
        return Code(f"(None if {self._missing(zip(sides, (left, right), strict=True))} else {both})", kept)

    def _later(self, moment: str, right: Node, sign: int) -> str:
        """A moment plus a duration, or plus one of two."""
        match right:
            case Literal(value=Duration() as duration):
                return f"{self.adder(duration, sign)}({moment})"
            case ParamRef(name=name) if isinstance(param := self.params[name], Duration):
                return f"{self.adder(param, sign)}({moment})"
            case Conditional(value=value, condition=condition, otherwise=otherwise) if otherwise is not None:
                first, second = (self._later(moment, each, sign) for each in (value, otherwise))
                return self._chosen(condition, first, second)
        raise Unusual

    def _extreme(self, node: Extreme) -> Code:
        values = [self.value(each.value) for each in node.arguments]
        moments = all(each.kept is CellType.MOMENT for each in values)
        sources, kept = [each.source for each in values], CellType.MOMENT
        if not moments:
            kept = CellType.SCALED if any(each.kept is CellType.SCALED for each in values) else CellType.WHOLE
            sources = [self._in_unit(each, kept) for each in values]
        left_out = [each.if_set for each in node.arguments]
        choose = self.constant(extreme(node.name, left_out, moments=moments), f"_{node.name}")
        return Code(f"{choose}({', '.join(sources)})", kept)

    def _alike(self, left: Code, right: Code) -> tuple[str, str, CellType]:
        """Two numbers in one unit."""
        kept = CellType.SCALED if CellType.SCALED in (left.kept, right.kept) else CellType.WHOLE
        return self._in_unit(left, kept), self._in_unit(right, kept), kept

    def _in_unit(self, code: Code, kept: CellType) -> str:
        if code.number is not None:
            return str(_whole(code.number * (SCALE if kept is CellType.SCALED else 1)))
        if code.kept is kept:
            return code.source
        if code.kept is CellType.WHOLE and kept is CellType.SCALED:
            whole = self.variable(code.source)
            return f"(None if {whole} is None else {whole} * {SCALE})"
        raise Unusual

    def _missing(self, sides: Iterable[tuple[str, Code]]) -> str:
        return " or ".join(f"{source} is None" for source, code in sides if not code.always) or "False"

    # --- conditions ---

    def true(self, node: Node) -> str:
        """Met where the condition is true."""
        return self._truth(node, True)

    def false(self, node: Node) -> str:
        """Met where the condition is false."""
        return self._truth(node, False)

    def _truth(self, node: Node, wanted: bool) -> str:
        match node:
            case Not(operand=operand):
                return self._truth(operand, not wanted)
            case And(parts=parts):
                return f"({(' and ' if wanted else ' or ').join(self._truth(each, wanted) for each in parts)})"
            case Or(parts=parts):
                return f"({(' or ' if wanted else ' and ').join(self._truth(each, wanted) for each in parts)})"
            case IsSet(operand=operand, negated=negated):
                return self._is_set(operand, negated is not wanted)
            case Compare():
                return self._compare(node, wanted)
            case In():
                return self._in(node, wanted)
            case Has():
                return self._has(node, wanted)
        code = self.value(node)
        if code.kept is CellType.FLAG:
            return code.source if wanted else f"(not {code.source})"
        if code.kept is CellType.MOMENT:  # read as "is set"
            return self._present(code, wanted)
        raise Unusual

    def _is_set(self, operand: Node, wanted: bool) -> str:
        if isinstance(operand, Not | And | Or | IsSet | Compare | In | Has):
            raise Unusual
        return self._present(self.value(operand), wanted)

    def _present(self, code: Code, wanted: bool) -> str:
        if code.always:
            return str(wanted)
        return f"({code.source} is {'not ' if wanted else ''}None)"

    def _compare(self, node: Compare, wanted: bool) -> str:
        left, right = self.value(node.left), self.value(node.right)
        operator = node.operator if wanted else _NEGATED[node.operator]
        if left.number is not None and right.number is not None:
            raise Unusual
        numbers = (CellType.WHOLE, CellType.SCALED)
        if left.kept in numbers and right.kept in numbers:
            first, second, _ = self._alike(left, right)
        elif left.kept is right.kept:
            first, second = left.source, right.source
        else:
            raise Unusual
        first, second = self._once(first), self._once(second)
        known = [f"{each} is not None" for each, code in ((first, left), (second, right)) if not code.always]
        if left.kept is CellType.MOMENT:
            first, second = f"{first} - {first} % 1000", f"{second} - {second} % 1000"
        return f"({' and '.join([*known, f'{first} {operator} {second}'])})"

    def _once(self, source: str) -> str:
        return source if source.lstrip("-").isdigit() else self.variable(source)

    def _in(self, node: In, wanted: bool) -> str:
        code = self.value(node.left)
        if code.number is not None or code.kept not in (CellType.TEXT, CellType.WHOLE, CellType.SCALED):
            raise Unusual
        items: Any = self.params[node.items.name] if isinstance(node.items, ParamRef) else item_values(node.items)
        if code.kept is not CellType.TEXT:
            named = items if isinstance(node.items, ParamRef) else map(number, items)
            items = _numbers(named, SCALE if code.kept is CellType.SCALED else 1)
        found = self._once(code.source)
        known = [] if code.always else [f"{found} is not None"]
        word = "in" if node.negated is not wanted else "not in"
        return f"({' and '.join([*known, f'{found} {word} ' + self.constant(frozenset(items), '_ITEMS')])})"

    def _has(self, node: Has, wanted: bool) -> str:
        left, right = self.value(node.left), self.value(node.right)
        if left.kept is not CellType.LIST or right.kept is not CellType.TEXT:
            raise Unusual
        sides = [(self.variable(each.source), each) for each in (left, right)]
        known = [f"{source} is not None" for source, code in sides if not code.always]
        word = "in" if wanted else "not in"
        return f"({' and '.join([*known, f'{sides[1][0]} {word} {sides[0][0]}'])})"


def _numbers(items: Any, scale: int) -> list[int]:
    """The numbers of a list as cells; one that lies between two cells is equal to none."""
    scaled = [each * scale for each in items if isinstance(each, int | Decimal)]
    return [int(each) for each in scaled if each == int(each)]


def _whole(value: int | Decimal) -> int:
    if value != int(value):
        raise Unusual
    return int(value)


@lru_cache(maxsize=1024)
def _compiled(source: str) -> CodeType:
    """Alike rules have one source: what differs enters through the namespace."""
    return compile(source, "<compiled rule>", "exec")
