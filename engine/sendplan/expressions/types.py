"""Static types: every name and operator of an expression is checked when rules are loaded (docs/language.md#values)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from decimal import Decimal, InvalidOperation

from sendplan.dataclass import dataclass
from sendplan.expressions.cursor import Mistake
from sendplan.expressions.nodes import (
    Add,
    And,
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
    Item,
    Kind,
    Literal,
    Multiply,
    Node,
    Not,
    Or,
    ParamRef,
    ParamValue,
    Sent,
    Where,
)
from sendplan.fields import Field, FieldType
from sendplan.ledger import MessageKey
from sendplan.problems import did_you_mean
from sendplan.units import Duration

KIND_OF_FIELD = {
    FieldType.TEXT: Kind.TEXT,
    FieldType.INTEGER: Kind.NUMBER,
    FieldType.DECIMAL: Kind.NUMBER,
    FieldType.MOMENT: Kind.MOMENT,
    FieldType.FLAG: Kind.CONDITION,
    FieldType.LIST: Kind.LIST,
}


@dataclass(frozen=True, slots=True)
class Names:
    """The names that an expression may use."""

    fields: Mapping[str, Field]
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    messages: Mapping[str, tuple[MessageKey, ...]] | None = field(default_factory=dict)
    """What `sent("…")` may name → ledger keys, now and earlier ones; None where `sent` has no meaning."""
    ladders: frozenset[str] = frozenset()
    """Rules with a ladder, whose steps `sent` must name."""
    broken: frozenset[str] | None = frozenset()
    """Rules that cannot be used, of whose messages nothing is known; None when a whole file of rules is unreadable, so
    that any name may be one of them."""


def kind_of_value(value: ParamValue) -> Kind:
    """The type of a literal or param."""
    if isinstance(value, bool):
        return Kind.CONDITION
    if isinstance(value, int | Decimal):
        return Kind.NUMBER
    if isinstance(value, Duration):
        return Kind.DURATION
    return Kind.LIST if isinstance(value, tuple) else Kind.TEXT


def check(root: Node, scope: Names, expected: Kind) -> tuple[Node, list[Mistake]]:
    """The tree with its names resolved, and every mistake in it; `expected` is what the whole must be."""
    checker = _Checker(scope)
    if expected is Kind.CONDITION:
        return checker.condition(root), checker.mistakes
    node, kind = checker.typed(root)
    if kind not in (expected, None):
        help_ = "a date is a field such as `shipped`, or one plus a duration: `shipped + 7 days`"
        checker.note(root, f"this is a {kind}, but a {expected} is needed here", help_)
    return node, checker.mistakes


class _Checker:
    """Returns kinds bottom-up; None stands for a part whose mistake is already noted."""

    def __init__(self, scope: Names) -> None:
        self.scope = scope
        self.mistakes: list[Mistake] = []

    def note(self, node: Node, message: str, help_: str = "", code: str = "type-mismatch") -> None:
        self.mistakes.append(Mistake(node.start, node.end, message, help_, code))

    def condition(self, node: Node) -> Node:
        """A part that must be a condition; a moment counts as `is set`."""
        checked, kind = self.typed(node)
        if kind not in (Kind.CONDITION, Kind.MOMENT, None):
            help_ = f"compare it, or write `{checked.name} is set`" if isinstance(checked, FieldRef) else "compare it"
            self.note(node, f"a condition is needed here, this is a {kind}", help_)
        return checked

    def typed(self, node: Node) -> tuple[Node, Kind | None]:
        match node:
            case Literal(value=value):
                return node, kind_of_value(value)
            case FieldRef():
                return node, self._field(node)
            case ParamRef():
                return node, self._param(node)
            case Sent():
                return self._sent(node), Kind.MOMENT
            case Not(operand=operand):
                return replace(node, operand=self.condition(operand)), Kind.CONDITION
            case And(parts=parts) | Or(parts=parts):
                return replace(node, parts=tuple(self.condition(part) for part in parts)), Kind.CONDITION
            case Compare():
                return self._compare(node), Kind.CONDITION
            case In():
                return self._in(node), Kind.CONDITION
            case Has():
                return self._has(node), Kind.CONDITION
            case IsSet(operand=operand):
                return replace(node, operand=self.typed(operand)[0]), Kind.CONDITION
            case Add():
                return self._add(node)
            case Extreme():
                return self._extreme(node)
            case Conditional():
                return self._conditional(node)
            case Column() | Get() | Where() | Multiply() | Call():
                self._only_in_mappings(node)
                return node, None
        raise AssertionError(node)

    def _only_in_mappings(self, node: Column | Get | Where | Multiply | Call) -> None:
        match node:
            case Column():
                self.note(node, "`col` is for mapping files", "write the field's name", "expression-syntax")
            case Get():
                self.note(node, "a field has no parts", "write one field's name", "expression-syntax")
            case Where():
                self.note(
                    node, "`[ ]` keeps elements only in mapping files", "write `in [one, two]`", "expression-syntax"
                )
            case Multiply():
                help_ = "amounts can only be added and subtracted"
                self.note(node, f"`{node.operator}` has no meaning here", help_, "expression-syntax")
            case Call():
                help_ = 'the functions of rules are max(…), min(…) and sent("rule")'
                self.note(node, f"`{node.name}` is a function of mapping files", help_, "expression-syntax")

    def _conditional(self, node: Conditional) -> tuple[Node, Kind | None]:
        value, kind = self.typed(node.value)
        checked = replace(node, value=value, condition=self.condition(node.condition))
        if node.otherwise is None:
            self.note(node, "`else` is missing", "write `A if CONDITION else B`", "expression-syntax")
            return checked, None
        otherwise, other_kind = self.typed(node.otherwise)
        checked = replace(checked, otherwise=otherwise)
        if kind is None or other_kind is None:
            return checked, None
        for part, found in ((node.value, kind), (node.otherwise, other_kind)):
            if found not in (Kind.MOMENT, Kind.DURATION):
                self.note(part, f"`if … else` chooses between dates or durations, this is a {found}")
                return checked, None
        if kind is not other_kind:
            self.note(node, "both sides of `if … else` must be dates, or both durations")
            return checked, None
        return checked, kind

    def _field(self, node: FieldRef) -> Kind | None:
        field_ = self.scope.fields.get(node.name)
        if field_ is None:
            self.note(
                node,
                f"there is no field `{node.name}`",
                did_you_mean(node.name, self.scope.fields),
                "unknown-field",
            )
            return None
        if field_.type is FieldType.RECORDS:
            self.note(node, f"`{node.name}` is for templates only", "use `items` for the number of pieces")
            return None
        return KIND_OF_FIELD[field_.type]

    def _param(self, node: ParamRef) -> Kind | None:
        if node.name not in self.scope.params:
            help_ = did_you_mean(node.name, self.scope.params) or "define it under `params:` in sendplan.yaml"
            self.note(node, f"there is no param `{node.name}`", help_, "unknown-name")
            return None
        return kind_of_value(self.scope.params[node.name])

    def _sent(self, node: Sent) -> Sent:
        if self.scope.messages is None:
            self.note(node, "`sent` has no meaning here", "only a rule's trigger and due may ask what was sent")
            return node
        keys = self.scope.messages.get(node.ref)
        if keys is not None:
            return replace(node, keys=keys)
        rule, _, step = node.ref.partition("/")
        if rule not in self.scope.ladders and (self.scope.broken is None or rule in self.scope.broken):
            return replace(node, keys=((rule, step),))
        if rule in self.scope.ladders:
            steps = [each for each in self.scope.messages if each.startswith(f"{rule}/")]
            help_ = "name a step: " + " or ".join(f'`sent("{each}")`' for each in steps)
            message = f"`{rule}` is a ladder without a step `{step}`" if step else f"`{rule}` is a ladder"
            self.note(node, message, help_, "unknown-name")
        elif rule in self.scope.messages:
            self.note(node, f"`{rule}` is not a ladder, it has no steps", f'write `sent("{rule}")`', "unknown-name")
        else:
            help_ = did_you_mean(node.ref, self.scope.messages)
            self.note(node, f"there is no rule `{node.ref}`", help_, "unknown-name")
        return node

    def _compare(self, node: Compare) -> Node:
        left, left_kind = self.typed(node.left)
        right, right_kind = self._beside(left_kind, node.right)
        if left_kind and right_kind and left_kind is not right_kind:
            help_ = _help_to_compare(node, frozenset({left_kind, right_kind}))
            self.note(node, f"a {left_kind} cannot be compared with a {right_kind}", help_)
        elif left_kind in (Kind.LIST, Kind.DURATION):
            help_ = (
                'write `tags has "word"`' if left_kind is Kind.LIST else "compare the dates: `shipped + 7 days < paid`"
            )
            self.note(node, f"a {left_kind} cannot be compared", help_)
        elif left_kind is Kind.CONDITION and node.operator not in ("==", "!="):
            self.note(node, "conditions are not ordered", "join them with `and`, `or`, `not`")
        return replace(node, left=left, right=right)

    def _beside(self, kind: Kind | None, node: Node) -> tuple[Node, Kind | None]:
        """The right side of a comparison: after a text, a word that is no field was meant as a text."""
        if kind is Kind.TEXT and isinstance(node, FieldRef) and node.name not in self.scope.fields:
            known = did_you_mean(node.name, self.scope.fields, listing=False)
            help_ = f'write "{node.name}" in quotes when the text is meant' + (f"; {known}" if known else "")
            self.note(node, f"there is no field `{node.name}`", help_, "unknown-field")
            return node, None
        return self.typed(node)

    def _in(self, node: In) -> Node:
        left, kind = self.typed(node.left)
        if kind not in (Kind.TEXT, Kind.NUMBER, None):
            help_ = 'write `tags has "word"`' if kind is Kind.LIST else "`in` takes a text or a number"
            self.note(node.left, f"a {kind} cannot be looked up in a list", help_)
            kind = None
        if isinstance(node.items, ParamRef):
            self._in_param(node.items, kind)
        elif kind is Kind.TEXT:
            for item in node.items:
                if item.bare and item.text in self.scope.fields:
                    message = f"`{item.text}` is also a field's name"
                    self.note(item, message, f'write "{item.text}" in quotes when the text is meant')
        elif kind is Kind.NUMBER:
            for item in node.items:
                if not item.bare or number(item.text) is None:
                    self.note(item, f"`{item.text}` is not a number")
        return replace(node, left=left)

    def _in_param(self, param: ParamRef, kind: Kind | None) -> None:
        param_kind = self._param(param)
        if param_kind not in (Kind.LIST, None):
            self.note(param, f"`params.{param.name}` is a {param_kind}, `in` needs a list")
        elif param_kind is Kind.LIST and kind is not None:
            items = self.scope.params[param.name]
            assert isinstance(items, tuple)
            for item in items:
                if kind_of_value(item) is not kind:
                    message = f"a {kind} cannot be looked up in `params.{param.name}`, which holds `{item}`"
                    self.note(param, message, "quote texts, and leave numbers without quotes")
                    return

    def _has(self, node: Has) -> Node:
        left, left_kind = self.typed(node.left)
        right, right_kind = self._beside(Kind.TEXT, node.right)
        if left_kind not in (Kind.LIST, None):
            text = left_kind is Kind.TEXT
            help_ = "compare a text with `==` or `in [one, two]`" if text else 'write `tags has "word"`'
            self.note(node.left, f"`has` looks into a list, this is a {left_kind}", help_)
        if right_kind not in (Kind.TEXT, None):
            self.note(node.right, f"`has` looks for a text, this is a {right_kind}", "put it in quotes")
        return replace(node, left=left, right=right)

    def _add(self, node: Add) -> tuple[Node, Kind | None]:
        left, left_kind = self.typed(node.left)
        right, right_kind = self.typed(node.right)
        checked = replace(node, left=left, right=right)
        if left_kind is None or right_kind is None:
            return checked, None
        if left_kind is Kind.MOMENT and right_kind is Kind.DURATION:
            return checked, Kind.MOMENT
        if left_kind is right_kind is Kind.NUMBER:
            return checked, Kind.NUMBER
        sign = "+" if node.sign > 0 else "-"
        help_ = "a duration is added to a date: `shipped + 7 days`"
        if left_kind is Kind.MOMENT and right_kind is Kind.NUMBER:
            help_ = "add the unit, such as `7 days`"
        elif left_kind is right_kind is Kind.MOMENT:
            help_ = "compare dates instead: `shipped + 7 days <= paid`"
        elif Kind.MOMENT not in (left_kind, right_kind):
            help_ = "only a date and a duration, or two numbers, can be joined"
        elif isinstance(right, Literal) and isinstance(right.value, str) and Duration.parse(right.value):
            help_ = "remove the quotes"
        self.note(node, f"`{sign}` cannot join a {left_kind} and a {right_kind}", help_)
        return checked, None

    def _extreme(self, node: Extreme) -> tuple[Node, Kind | None]:
        arguments = []
        kinds: list[Kind] = []
        for argument in node.arguments:
            value, kind = self.typed(argument.value)
            arguments.append(replace(argument, value=value))
            if kind not in (Kind.MOMENT, Kind.NUMBER, None):
                self.note(argument, f"`{node.name}` takes dates or numbers, this is a {kind}")
            elif kind is not None:
                kinds.append(kind)
        if len(set(kinds)) > 1:
            self.note(node, f"the arguments of `{node.name}` must all be dates or all be numbers")
        return replace(node, arguments=tuple(arguments)), kinds[0] if kinds else None


def _help_to_compare(node: Compare, kinds: frozenset[Kind]) -> str:
    if Kind.LIST in kinds:
        return 'write `tags has "word"`'
    if Kind.TEXT in kinds and Kind.MOMENT not in kinds:
        return "quote texts, and leave numbers without quotes"
    flag = next((each for each in (node.left, node.right) if isinstance(each, Literal)), None)
    field = next((each for each in (node.left, node.right) if isinstance(each, FieldRef)), None)
    if flag is not None and isinstance(flag.value, bool) and field is not None:
        return f"write `{field.name} {'is set' if flag.value is (node.operator == '==') else 'is not set'}`"
    return "a date is compared with a date: `shipped + 7 days < paid`" if Kind.MOMENT in kinds else ""


def number(text: str) -> Decimal | None:
    """A bare list item as a number, or None."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and "_" not in text else None


def item_values(items: tuple[Item, ...]) -> frozenset[str]:
    """The texts of a list in brackets."""
    return frozenset(item.text for item in items)
