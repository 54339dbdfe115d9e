"""Expression → bound: what an order's stored columns must be like for a condition to be true, false or unknown.

Every answer is sound: it holds for each order of which the question is true, and perhaps for others. What cannot be
said in columns is left out, and the interpreter decides (docs/architecture.md#rules).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.expressions.bounds import (
    ALWAYS,
    NEVER,
    Absent,
    Balance,
    Bound,
    Compared,
    Constant,
    Latest,
    Listed,
    Present,
    all_of,
    any_of,
)
from sendplan.expressions.evaluate import COMPARISONS
from sendplan.expressions.inverse import before_adding
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
    walk,
)
from sendplan.expressions.types import item_values, number
from sendplan.fields import EVENTS, OPEN_AMOUNT, Field, FieldType
from sendplan.units import Duration

_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_TURNED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}

OPEN_BALANCE = Balance("total", ("paid_amount", "credited"))
"""`open_amount` where it is not settled by `paid` alone, and not negative."""


@dataclass(frozen=True, slots=True)
class Pushdown:
    """Narrows the expressions of one set of params."""

    fields: Mapping[str, Field]
    calendar: Calendar
    params: Mapping[str, ParamValue]
    accounts: Mapping[str, tuple[str, str]]
    """Account as stored orders name it → its present name, and the portal of its orders that name none."""
    hide_after: datetime | None = None
    """Under time travel, the clock after which events are hidden (docs/project.md#orders)."""
    undecided: bool = False
    """Whether a conditional may take either branch where its condition is unknown."""

    # --- conditions ---

    def true(self, condition: Node) -> Bound:
        """Met by every order of which the condition is true."""
        return self._truth(condition, True)

    def not_false(self, condition: Node) -> Bound:
        """Met by every order of which the condition is true or unknown."""
        return any_of((self._truth(condition, True), self.unknown(condition)))

    def _truth(self, node: Node, wanted: bool) -> Bound:
        match node:
            case Not(operand=operand):
                return self._truth(operand, not wanted)
            case And(parts=parts):
                return (all_of if wanted else any_of)(self._truth(part, wanted) for part in parts)
            case Or(parts=parts):
                return (any_of if wanted else all_of)(self._truth(part, wanted) for part in parts)
            case IsSet(operand=operand, negated=negated):
                return self.present(operand) if wanted is not negated else self.absent(operand)
            case Compare():
                return self._comparison(node, node.operator if wanted else _NEGATED[node.operator])
            case In():
                return self._membership(node, negated=node.negated is wanted)
            case Has(left=left, right=right):
                return all_of((self.present(left), self.present(right)))
            case Literal(value=bool(value)):
                return ALWAYS if value is wanted else NEVER
            case ParamRef(name=name) if isinstance(self.params[name], bool):
                return ALWAYS if self.params[name] is wanted else NEVER
            case FieldRef(name=name) if self.fields[name].type is FieldType.FLAG:
                return _flag(name, wanted)
        return self.present(node) if wanted else self.absent(node)

    def unknown(self, node: Node) -> Bound:
        """Met by every order of which the condition is unknown."""
        match node:
            case Not(operand=operand):
                return self.unknown(operand)
            case And(parts=parts) | Or(parts=parts):
                return any_of(self.unknown(part) for part in parts)
            case Compare(left=left, right=right) | Has(left=left, right=right):
                return any_of((self.absent(left), self.absent(right)))
            case In(left=left):
                return self.absent(left)
        return NEVER

    def _comparison(self, node: Compare, operator: str) -> Bound:
        right, left = self._constant(node.right), self._constant(node.left)
        if left is not None and right is not None:
            return ALWAYS if COMPARISONS[operator](left, right) else NEVER
        if right is not None:
            return self.compared(node.left, operator, right)
        if left is not None:
            return self.compared(node.right, _TURNED[operator], left)
        return all_of((self.present(node.left), self.present(node.right)))

    def _membership(self, node: In, *, negated: bool) -> Bound:
        if not isinstance(node.left, FieldRef) or self.fields[node.left.name].derived_from:
            return self.present(node.left)
        name = node.left.name
        values: Any = self._items(node, text=self.fields[name].type is FieldType.TEXT)
        if name in ("account", "portal"):
            return self._of_account(name, Listed(name, values, negated), lambda text: (text in values) is not negated)
        return self._by_default(name, lambda column: self._visible(column, Listed(column, values, negated)))

    def _items(self, node: In, *, text: bool) -> frozenset[Any]:
        if isinstance(node.items, ParamRef):
            listed = self.params[node.items.name]
            assert isinstance(listed, tuple)
            return frozenset(each for each in listed if isinstance(each, str) is text)
        if text:
            return item_values(node.items)
        return frozenset(each for item in node.items if (each := number(item.text)) is not None)

    def _constant(self, node: Node) -> Constant | None:
        """The value of a part that is the same for all orders."""
        match node:
            case Literal(value=value) if not isinstance(value, Duration):
                return value
            case ParamRef(name=name):
                param = self.params[name]
                return None if isinstance(param, Duration | tuple) else param
            case Add(left=left, right=right, sign=sign):
                first, second = self._constant(left), self._constant(right)
                if isinstance(first, int | Decimal) and isinstance(second, int | Decimal):
                    return first + sign * second
        return None

    # --- values ---

    def compared(self, node: Node, operator: str, value: Constant) -> Bound:
        """Met by every order whose value of the expression is there and stands so to the constant.

        Of a moment the constant is an instant (UTC), and only `< <= > >=` are asked. Raises OverflowError beyond the
        years 1 to 9999.
        """
        match node:
            case FieldRef(name=name):
                return self._field(name, operator, value)
            case Conditional():
                return self._branches(node, lambda branch: self.compared(branch, operator, value))
            case Add(left=left, right=Conditional() as chosen) if not _chooses(left):
                first = replace(node, right=chosen.value)
                second = None if chosen.otherwise is None else replace(node, right=chosen.otherwise)
                return self.compared(replace(chosen, value=first, otherwise=second), operator, value)
            case Add(left=left, right=right, sign=sign):
                duration = self.duration(right)
                if duration is not None:
                    assert isinstance(value, datetime)
                    return self.compared(left, *before_adding(self.calendar, operator, value, duration, sign))
                return self.present(node) if isinstance(value, datetime) else self._sum(node, operator, value)
            case Extreme():
                return self._extreme(node, operator, value)
        return self.present(node)

    def _branches(self, node: Conditional, bound: Callable[[Node], Bound]) -> Bound:
        """Met by every order of which the branch taken meets the bound."""
        either = self.unknown(node.condition) if self.undecided else NEVER
        parts = [all_of((any_of((self._truth(node.condition, True), either)), bound(node.value)))]
        if node.otherwise is not None:
            parts.append(all_of((any_of((self._truth(node.condition, False), either)), bound(node.otherwise))))
        return any_of(parts)

    def duration(self, node: Node) -> Duration | None:
        found = node.value if isinstance(node, Literal) else None
        if isinstance(node, ParamRef):
            param = self.params[node.name]
            found = param if isinstance(param, Duration) else None
        return found if isinstance(found, Duration) else None

    def _sum(self, node: Add, operator: str, value: Constant) -> Bound:
        assert isinstance(value, int | Decimal)
        left, right = self._constant(node.left), self._constant(node.right)
        if isinstance(right, int | Decimal):
            return self.compared(node.left, operator, value - node.sign * right)
        if isinstance(left, int | Decimal):
            turned = operator if node.sign > 0 else _TURNED[operator]
            return self.compared(node.right, turned, node.sign * (value - left))
        return self.present(node)

    def _extreme(self, node: Extreme, operator: str, value: Constant) -> Bound:
        if operator in ("==", "!="):
            return self.present(node)
        columns = self._columns(node)
        if columns:
            operand = Latest(columns) if len(columns) > 1 else columns[0]
            return all_of((self.present(node), Compared(operand, operator, value)))
        everyone = (node.name == "max") is (operator in ("<", "<="))
        parts = []
        for argument in node.arguments:
            part = self.compared(argument.value, operator, value)
            left_out = self.absent(argument.value) if everyone and argument.if_set else NEVER
            parts.append(any_of((part, left_out)))
        return all_of((self.present(node), (all_of if everyone else any_of)(parts)))

    def _columns(self, node: Extreme) -> tuple[str, ...]:
        """The columns of a `max` over nothing but stored moments; else none."""
        names = {each.value.name for each in node.arguments if isinstance(each.value, FieldRef) and not each.if_set}
        plain = all(self.fields[name].type is FieldType.MOMENT and not self.fields[name].instead for name in names)
        only_fields = all(isinstance(each.value, FieldRef) and not each.if_set for each in node.arguments)
        return tuple(sorted(names)) if node.name == "max" and plain and only_fields else ()

    def _field(self, name: str, operator: str, value: Constant) -> Bound:
        field = self.fields[name]
        if name == OPEN_AMOUNT.name:
            return self._open_amount(operator, value)
        if field.type is FieldType.FLAG:
            return _flag(name, value is (operator == "=="))
        if field.type is FieldType.TEXT and operator not in ("==", "!="):
            return self.present(FieldRef(0, 0, name))
        if name in ("account", "portal"):
            compared = Compared(name, operator, value)
            return self._of_account(name, compared, lambda text: COMPARISONS[operator](text, value))
        return self._by_default(name, lambda column: self._visible(column, Compared(column, operator, value)))

    def _of_account(self, name: str, named: Bound, matches: Callable[[str], bool]) -> Bound:
        """The account's present name; or the portal that the order names, else its account's."""
        at = ("account", "portal").index(name)
        accounts = frozenset(account for account, texts in self.accounts.items() if matches(texts[at]))
        listed = Listed("account", accounts) if accounts else NEVER
        return listed if name == "account" else any_of((named, all_of((Absent(name), listed))))

    def _by_default(self, name: str, bound: Callable[[str], Bound]) -> Bound:
        """The field's own column, else what stands in for it; of several columns only presence is known."""
        instead = self.fields[name].instead
        if not instead:
            return bound(name)
        made = bound(instead[0]) if len(instead) == 1 else all_of(self._stand_ins(name, Present))
        return any_of((bound(name), all_of((Absent(name), made))))

    def _stand_ins(self, name: str, bound: Callable[[str], Bound]) -> list[Bound]:
        return [bound(each) for each in self.fields[name].instead if not self.fields[each].always]

    def _open_amount(self, operator: str, value: Constant) -> Bound:
        if operator == "!=":
            return self.present(FieldRef(0, 0, OPEN_AMOUNT.name))
        if operator == "==":
            return all_of((self._open_amount("<=", value), self._open_amount(">=", value)))
        balance: Bound = Compared(OPEN_BALANCE, operator, value)
        if self.hide_after is not None:
            # The amount paid later is hidden as well.
            balance = any_of((balance, Compared("paid", ">", self.hide_after)))
        paid = FieldRef(0, 0, "paid")
        if operator in ("<", "<="):
            return any_of((self.present(paid), balance)) if COMPARISONS[operator](0, value) else NEVER
        if COMPARISONS[operator](0, value):
            return self.present(FieldRef(0, 0, OPEN_AMOUNT.name))
        return all_of((self.absent(paid), balance))

    # --- presence ---

    def present(self, node: Node) -> Bound:
        """Met by every order for which the part has a value."""
        match node:
            case Conditional():
                return self._branches(node, self.present)
            case FieldRef(name=name):
                return self._field_present(name)
            case Add(left=left, right=right):
                return all_of((self.present(left), self.present(right)))
            case Extreme(arguments=arguments):
                required = [self.present(each.value) for each in arguments if not each.if_set]
                return all_of(required) if required else any_of(self.present(each.value) for each in arguments)
        return ALWAYS

    def absent(self, node: Node) -> Bound:
        """Met by every order for which the part is missing."""
        match node:
            case Conditional(condition=condition):
                return any_of((self.unknown(condition), self._branches(node, self.absent)))
            case Literal() | ParamRef():
                return NEVER
            case FieldRef(name=name):
                return self._field_absent(name)
            case Add(left=left, right=right):
                return any_of((self.absent(left), self.absent(right)))
            case Extreme(arguments=arguments):
                required = [self.absent(each.value) for each in arguments if not each.if_set]
                return any_of(required) if required else all_of(self.absent(each.value) for each in arguments)
        return ALWAYS

    def _field_present(self, name: str) -> Bound:
        if self._never_missing(name):
            return ALWAYS
        if name == OPEN_AMOUNT.name:
            return any_of((Present("total"), self._field_present("paid")))
        if self.fields[name].instead:
            return any_of((Present(name), all_of(self._stand_ins(name, Present))))
        return self._by_default(name, lambda column: self._visible(column, Present(column)))

    def _field_absent(self, name: str) -> Bound:
        if self._never_missing(name):
            return NEVER
        if name == OPEN_AMOUNT.name:
            return all_of((Absent("total"), self._field_absent("paid")))
        if self.fields[name].instead:
            return all_of((Absent(name), any_of(self._stand_ins(name, Absent))))
        hidden = self.fields[name].hidden_with or name
        if self.hide_after is not None and hidden in EVENTS:
            return any_of((Absent(name), Compared(hidden, ">", self.hide_after)))
        return Absent(name)

    def _never_missing(self, name: str) -> bool:
        return self.fields[name].always

    def _visible(self, column: str, bound: Bound) -> Bound:
        if self.hide_after is not None and column in EVENTS:
            return all_of((bound, Compared(column, "<=", self.hide_after)))
        return bound


def _chooses(node: Node) -> bool:
    """Whether it has branches of its own: several in a row would double the bound with each."""
    return any(isinstance(part, Conditional) for part in walk(node))


def _flag(name: str, wanted: bool) -> Bound:
    """A flag is false when absent."""
    if wanted:
        return Compared(name, "==", True)
    return any_of((Absent(name), Compared(name, "==", False)))
