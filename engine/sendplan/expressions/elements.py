"""Values of a file in an expression: cells, parts of records, lists, and the functions over them (docs/mapping.md).

Only the trees that `columns.py` makes hold these nodes; everything else is evaluated like a rule's expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, DecimalException
from operator import add, mul, sub, truediv
from typing import Any, TypeAlias

from sendplan.dataclass import dataclass
from sendplan.expressions.evaluate import (
    Environment,
    Evaluated,
    Meaning,
    Missing,
    OwnMeaning,
    condition,
    meaning,
    ordinal,
)
from sendplan.expressions.nodes import Node

OWN_TEXT = ""
"""The key of an XML element's own text, where it also has attributes or children."""
_NOTHING = Missing(())


Help: TypeAlias = str | Callable[[], str]


class BadValue(ValueError):  # noqa: N818 - it is told as a row's mistake
    """A value of a file that is not what its place needs; `what` is wrong with `raw`, which stands under `label`.

    `help` says what to write instead; one that takes long to find is a function, called for what is told.
    """

    def __init__(self, what: str, raw: object = None, help: Help = "", label: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.raw = raw
        self.unsaid = help
        self.label = label

    @property
    def help(self) -> str:
        """What to write instead."""
        return said(self.unsaid)


def said(help: Help) -> str:
    """The help as it is told."""
    return help if isinstance(help, str) else help()


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """A cell of a spreadsheet that is neither empty nor a value; whoever reads it refuses the row."""

    text: str
    """The error as it is shown, or the formula."""
    what: str
    """What is wrong with it."""
    help: str

    def __str__(self) -> str:
        return self.text

    def refusal(self) -> BadValue:
        """The mistake of a row that needs the cell."""
        return BadValue(self.what, self.text, self.help)


@dataclass(frozen=True, slots=True)
class ColumnRef(OwnMeaning):
    """A column of the order, row or element at hand."""

    name: str
    empty: frozenset[str]

    def compute(self) -> Meaning:
        return _cell(self)


@dataclass(frozen=True, slots=True)
class PartRef(OwnMeaning):
    """A part of a record, or of every record of a list."""

    base: Node
    name: str
    empty: frozenset[str]

    def compute(self) -> Meaning:
        return _step(self)


@dataclass(frozen=True, slots=True)
class Arithmetic(OwnMeaning):
    """`left OP right` of numbers, OP one of `+ - * /`; of lists each with its counterpart."""

    operator: str
    left: Node
    right: Node

    def compute(self) -> Meaning:
        return _arithmetic(self)


@dataclass(frozen=True, slots=True)
class Kept(OwnMeaning):
    """The elements of a list that meet a condition."""

    base: Node
    condition: Node

    def compute(self) -> Meaning:
        return _where(self)


@dataclass(frozen=True, slots=True)
class Reduced(OwnMeaning):
    """`sum`, `count`, `first`, `last`, `join`, `max` or `min` over everything that the arguments hold."""

    name: str
    arguments: tuple[Node, ...]

    def compute(self) -> Meaning:
        return _called(self)


@dataclass(frozen=True, slots=True)
class RowsRef(OwnMeaning):
    """`rows`: every row of the order."""

    def compute(self) -> Meaning:
        return _rows(self)


@dataclass(frozen=True, slots=True)
class FirstSeen(OwnMeaning):
    """`seen`: when an import first saw it so."""

    def compute(self) -> Meaning:
        return _first_seen(self)


@dataclass(frozen=True, slots=True)
class LetRef(OwnMeaning):
    """A name under `let:`, whose value is the order's wherever it is used."""

    name: str
    value: Node

    def compute(self) -> Meaning:
        return _part(self)


@dataclass(frozen=True, slots=True)
class EachRow(OwnMeaning):
    """A function's argument, evaluated for every row of a grouped order."""

    value: Node

    def compute(self) -> Meaning:
        return _each_row(self)


@dataclass(frozen=True, slots=True)
class Converted(OwnMeaning):
    """A value of the file as the type that its place needs; with `many` every element of a list."""

    value: Node
    convert: Callable[[object], Any]
    label: str
    """How messages name it."""
    many: bool = False

    def compute(self) -> Meaning:
        return _converted(self)


SEEN = object()
"""What `seen` stands for until the store says when that was."""


def filled(value: object, empty: frozenset[str] = frozenset()) -> object | None:
    """The value without blanks around it; None for what is missing: blanks, null, [], {} and the texts of `empty`."""
    if type(value) is str:
        text = value.strip()
        if text[:2] == '="' and text[-1:] == '"' and len(text) > 2:
            text = text[2:-1].strip()  # how a CSV keeps Excel from making a number of `01067`
        return text if text and text not in empty else None
    if value is None or isinstance(value, list | dict):
        return value or None
    return None if empty and str(value) in empty else value


def scalar(value: object) -> object | None:
    """An XML element's own text where it has attributes too; everything else as it is."""
    return filled(value[OWN_TEXT]) if type(value) is dict and OWN_TEXT in value else value


def elements(value: object) -> Iterator[object]:
    """The filled elements of a list; one value is a list of one."""
    for each in value if type(value) is list else (value,):
        found = filled(each)
        if found is not None and type(found) is not Missing:
            yield found


def _cleaned(value: object, empty: frozenset[str]) -> object | None:
    """As `filled`, also inside a list, where None keeps the place of what is missing."""
    if type(value) is not list:
        return filled(value, empty)
    cleaned = [filled(each, empty) for each in value]
    return cleaned if any(each is not None for each in cleaned) else None


def _cell(node: ColumnRef) -> Meaning:
    name, empty, missing = node.name, node.empty, Missing((node.name,))

    def evaluate(env: Environment) -> Evaluated:
        value = _cleaned(env.values.get(name), empty)
        if type(value) is ErrorCell:
            error = value.refusal()
            error.label = name
            raise error
        return missing if value is None else value  # type: ignore[return-value]

    return evaluate


def _step(node: PartRef) -> Meaning:
    base, name, empty, missing = meaning(node.base), node.name, node.empty, Missing((node.name,))

    def evaluate(env: Environment) -> Evaluated:
        value: Any = base(env)
        if type(value) is Missing:
            return value
        found = _cleaned(part_of(value, name), empty)
        return missing if found is None else found  # type: ignore[return-value]

    return evaluate


def part_of(value: object, name: str) -> object | None:
    """A part of a record; of a list one flat list of its records' parts, None where one lacks it."""
    if type(value) is dict:
        return value.get(name)
    if type(value) is not list:
        return None
    flat: list[object] = []
    for each in value:
        found = part_of(each, name)
        if type(found) is list:
            flat += found
        else:
            flat.append(found)
    return flat


def _where(node: Kept) -> Meaning:
    base, kept = meaning(node.base), condition(node.condition)

    def evaluate(env: Environment) -> Evaluated:
        value: Any = base(env)
        if type(value) is Missing:
            return value
        found = [each for each in elements(value) if kept(within(env, each)) is True]
        return found or _NOTHING  # type: ignore[return-value]

    return evaluate


def within(env: Environment, element: object) -> Environment:
    """What an expression about one element or row is evaluated on: the names are its own."""
    values: Mapping[str, Any] = element if type(element) is dict else {}
    return Environment(values, env.calendar, env.params, env.sent, order=env.order or env)


def _rows(node: RowsRef) -> Meaning:
    return lambda env: list((env.order or env).rows)  # type: ignore[return-value]


def _first_seen(node: FirstSeen) -> Meaning:
    return lambda env: SEEN  # type: ignore[return-value]


def _part(node: LetRef) -> Meaning:
    value, key = meaning(node.value), object()

    def evaluate(env: Environment) -> Evaluated:
        order = env.order or env
        if key not in order.parts:
            order.parts[key] = value(order)
        return order.parts[key]

    return evaluate


def _each_row(node: EachRow) -> Meaning:
    value = meaning(node.value)

    def evaluate(env: Environment) -> Evaluated:
        found: list[object] = []
        for row in (env.order or env).rows:
            each: Any = value(within(env, row))
            found += each if type(each) is list else [each]
        return found  # type: ignore[return-value]

    return evaluate


def _converted(node: Converted) -> Meaning:
    value, convert, label, many = meaning(node.value), node.convert, node.label, node.many

    def one(raw: object) -> Any:
        raw = scalar(raw)
        if raw is None or type(raw) is Missing:
            return None
        try:
            return convert(raw)
        except BadValue as error:
            error.label = error.label or label
            error.raw = raw if error.raw is None else error.raw
            raise

    def evaluate(env: Environment) -> Evaluated:
        found: Any = value(env)
        if type(found) is Missing:
            return found
        if type(found) is list:
            if many:
                converted = [one(each) for each in found]
                return converted if any(each is not None for each in converted) else Missing((label,))  # type: ignore[return-value]
            several = list(elements(found))
            if len(several) > 1:
                help = f"take one of them: first({label}), or those that meet a condition: {label}[…]"
                raise BadValue(f"is a list of {len(several)}", help=help, label=label)
            found = several[0] if several else None
        result = one(found)
        return Missing((label,)) if result is None else result

    return evaluate


def _called(node: Reduced) -> Meaning:
    arguments, reduce = [meaning(each) for each in node.arguments], _REDUCE[node.name]

    def evaluate(env: Environment) -> Evaluated:
        values = [each(env) for each in arguments]
        result = reduce([each for value in values for each in elements(value)], env)
        if result is None:
            names = [name for value in values if type(value) is Missing for name in value.names]
            return Missing(tuple(dict.fromkeys(names)))
        return result  # type: ignore[no-any-return]

    return evaluate


def _joined(values: list[Any], env: Environment) -> str | None:
    return " ".join(str(each) for each in values) or None


def _extreme(choose: Callable[..., Any]) -> Callable[[list[Any], Environment], Any]:
    def reduce(values: list[Any], env: Environment) -> Any:
        return choose(values, key=lambda each: ordinal(each, env.calendar)) if values else None

    return reduce


_REDUCE: Mapping[str, Callable[[list[Any], Environment], Any]] = {
    "sum": lambda values, env: sum(values, start=Decimal(0)),
    "count": lambda values, env: len(values),
    "first": lambda values, env: values[0] if values else None,
    "last": lambda values, env: values[-1] if values else None,
    "join": _joined,
    "max": _extreme(max),
    "min": _extreme(min),
}


_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {"+": add, "-": sub, "*": mul, "/": truediv}


def _arithmetic(node: Arithmetic) -> Meaning:
    one, other, operation = meaning(node.left), meaning(node.right), _OPERATIONS[node.operator]

    def compute(first: Any, second: Any) -> Any:
        try:
            return operation(Decimal(first), Decimal(second))
        except DecimalException as error:
            raise BadValue(f"cannot be calculated: {first} {node.operator} {second}") from error

    def evaluate(env: Environment) -> Evaluated:
        first: Any = one(env)
        second: Any = other(env)
        for each in (first, second):
            if type(each) is Missing:
                return each
        lists = [each for each in (first, second) if type(each) is list]
        if not lists:
            return compute(first, second)  # type: ignore[no-any-return]
        length = len(lists[0])
        if any(len(each) != length for each in lists):
            raise BadValue("joins lists of different lengths", help="both must be parts of the same list")
        firsts = first if type(first) is list else [first] * length
        seconds = second if type(second) is list else [second] * length
        pairs = zip(firsts, seconds, strict=True)
        return [None if a is None or b is None else compute(a, b) for a, b in pairs]  # type: ignore[return-value]

    return evaluate
