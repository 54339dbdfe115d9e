"""Narrowings as SQL: one statement each over the plain columns of `orders`, and the indexes that they want."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from decimal import Decimal

from sendplan.dataclass import dataclass
from sendplan.deciding.narrowing import BY_ACCOUNT, Index, Narrowing, Previous
from sendplan.expressions.bounds import (
    Absent,
    AllOf,
    Always,
    AnyOf,
    Balance,
    Bound,
    Compared,
    Contains,
    Last,
    Latest,
    Listed,
    Never,
    NotDigits,
    Operand,
    Present,
    conjuncts,
    parts_of,
)
from sendplan.fields import Field, FieldType
from sendplan.ledger import ANY_STEP, MessageKey
from sendplan.store.sql.database import Dialect
from sendplan.store.sql.encoding import SCALE, Cell, column, encode_instant, quoted

PREFIX = "narrow_"
"""Begins the names of all indexes that come and go with the rules."""

ACCOUNTS = (
    "WITH RECURSIVE found(account) AS (SELECT min(account) FROM orders UNION ALL"
    " SELECT (SELECT min(account) FROM orders WHERE account > found.account) FROM found WHERE account IS NOT NULL)"
    " SELECT account FROM found WHERE account IS NOT NULL"
)
"""The accounts that have orders, leaping through their index from one to the next."""

_LARGEST = 2**63 - 1
MOST_TERMS = 500
"""Comparisons in one statement: SQLite's own limit is an expression 1,000 levels deep, and every `OR` is one level."""
MOST_PARAMETERS = 10_000
"""Values in one statement; SQLite takes 32,766 or more."""
_FALSE, _TRUE = "1 = 0", "1 = 1"


@dataclass(slots=True)
class _Writer:
    """Writes one condition, collecting its parameters."""

    fields: Mapping[str, Field]
    """The fields that the store has; others are absent in every order."""
    dialect: Dialect
    literal: bool = False
    """Whether whole numbers stand in the text itself: SQLite matches a partial index by its text."""
    parameters: list[Cell] = field(default_factory=list)

    def condition(self, bound: Bound) -> str:
        match bound:
            case Always():
                return _TRUE
            case Never():
                return _FALSE
            case AllOf(parts=parts):
                return self.joined(" AND ", parts, neutral=_TRUE, decisive=_FALSE)
            case AnyOf(parts=parts):
                return self.joined(" OR ", parts, neutral=_FALSE, decisive=_TRUE)
            case Present(column=name):
                return f"{self._column(name)} IS NOT NULL" if name in self.fields else _FALSE
            case Absent(column=name):
                return f"{self._column(name)} IS NULL" if name in self.fields else _TRUE
            case Listed():
                return self._listed(bound)
            case Contains(column=name, text=text):
                if name not in self.fields:
                    return _FALSE
                return self.dialect.contains(self._column(name), self.constant(text))
            case NotDigits(column=name, length=length):
                if name not in self.fields:
                    return _FALSE
                return self.dialect.not_digits(self._column(name), length)
            case Compared():
                return self._compared(bound)

    def joined(self, word: str, parts: Iterable[Bound], *, neutral: str, decisive: str) -> str:
        """Without constants: SQLite folds them, and would then not see any more which index fits."""
        mark = len(self.parameters)
        terms = [term for part in parts if (term := self.condition(part)) != neutral]
        if decisive in terms:
            del self.parameters[mark:]
            return decisive
        return f"({word.join(terms)})" if terms else neutral

    def constant(self, value: Cell) -> str:
        if self.literal and isinstance(value, int):
            return str(value)
        self.parameters.append(value)
        return "?"

    def operand(self, operand: Operand) -> str | None:
        """None when it is absent in every order."""
        match operand:
            case Latest(columns=names):
                if not all(name in self.fields for name in names):
                    return None
                return self.dialect.latest(list(map(self._column, names)))
            case Last(columns=names):
                present = [self._column(name) for name in names if name in self.fields]
                return self.dialect.last(present) if present else None
            case Balance(column=name, minus=minus):
                if name not in self.fields:
                    return None
                less = "".join(f" - coalesce({self._column(each)}, 0)" for each in minus if each in self.fields)
                return f"({self._column(name)}{less})"
        return self._column(operand) if operand in self.fields else None

    def _column(self, name: str) -> str:
        return quoted(column(self.fields[name]))

    def _type(self, operand: Operand) -> FieldType:
        match operand:
            case Latest() | Last():
                return FieldType.MOMENT
            case Balance(column=name):
                return self.fields[name].type
        return self.fields[operand].type

    def _compared(self, bound: Compared) -> str:
        operand, value = self.operand(bound.operand), bound.value
        if operand is None:
            return _FALSE
        if isinstance(value, datetime):
            return self._moment(operand, bound.operator, value)
        if isinstance(value, str):
            return f"{operand} {_SQL_OPERATORS[bound.operator]} {self.constant(value)}"
        scale = SCALE if self._type(bound.operand) is FieldType.DECIMAL else 1
        return self._number(operand, bound.operator, value, scale)

    def _moment(self, operand: str, operator: str, value: datetime) -> str:
        """A cell holds whole seconds, one millisecond more for a bare date's local start."""
        cell = encode_instant(value)
        if operator == "<" and not value.microsecond:
            return f"{operand} < {self.constant(cell)}"
        if operator == ">=":
            return f"{operand} >= {self.constant(cell)}"
        return f"{operand} {'>' if operator == '>' else '<='} {self.constant(cell + 1)}"

    def _number(self, operand: str, operator: str, value: int | Decimal, scale: int) -> str:
        """A cell holds a whole number: between two of them a limit is rounded to the side that keeps its meaning."""
        whole, exact = _scaled(value, scale)
        if not exact and operator in ("==", "!="):
            return _FALSE if operator == "==" else f"{operand} IS NOT NULL"
        if not exact:
            operator = "<=" if operator in ("<", "<=") else ">"
        if abs(whole) > _LARGEST:
            fits = operator == "!=" or (operator in ("<", "<=")) is (whole > 0)
            return f"{operand} IS NOT NULL" if fits and operator != "==" else _FALSE
        return f"{operand} {_SQL_OPERATORS[operator]} {self.constant(whole)}"

    def _listed(self, bound: Listed) -> str:
        if bound.column not in self.fields:
            return _FALSE
        cells: list[Cell] = []
        scale = SCALE if self.fields[bound.column].type is FieldType.DECIMAL else 1
        for value in sorted(bound.values):
            if isinstance(value, str):
                cells.append(value)
            elif (scaled := _scaled(value, scale))[1] and abs(scaled[0]) <= _LARGEST:
                cells.append(scaled[0])
        name = self._column(bound.column)
        if not cells:
            return f"{name} IS NOT NULL" if bound.negated else _FALSE
        return f"{name} {'NOT IN' if bound.negated else 'IN'} ({', '.join(map(self.constant, cells))})"


_SQL_OPERATORS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _scaled(value: int | Decimal, scale: int) -> tuple[int, bool]:
    """The number as a store keeps it, rounded down, and whether that is exact."""
    numerator, denominator = value.as_integer_ratio()
    whole, rest = divmod(numerator * scale, denominator)
    return whole, rest == 0


def definition(index: Index, fields: Mapping[str, Field], dialect: Dialect) -> tuple[str, str] | None:
    """An index's name and the statement that creates it; None when a column is not there."""
    if not _fits((index.only,)):
        return None
    writer = _Writer(fields, dialect, literal=True)
    key = [writer.operand(each) for each in index.key]
    condition = writer.condition(index.only)
    if None in key or writer.parameters or condition == _FALSE:
        return None
    what = f"ON orders ({', '.join(filter(None, key))})"
    if condition != _TRUE:
        what += f" WHERE {condition}"
    name = PREFIX + hashlib.sha256(what.encode()).hexdigest()[:12]
    return name, f"CREATE INDEX IF NOT EXISTS {name} {what}"


def definitions(indexes: Iterable[Index], fields: Mapping[str, Field], dialect: Dialect) -> dict[str, str]:
    """Name → statement."""
    found = (definition(index, fields, dialect) for index in indexes)
    return dict(each for each in found if each is not None)


@dataclass(frozen=True, slots=True)
class Walk:
    """What stands behind the columns of a statement: where it looks, and what the orders that it finds have met."""

    source: str
    parameters: Sequence[Cell]


class CandidateQueries:
    """Writes the statements for one store: the fields that it has, and the indexes that are there."""

    def __init__(self, fields: Iterable[Field], indexes: frozenset[str], dialect: Dialect, *, has_ledger: bool) -> None:
        self._fields = {each.name: each for each in fields}
        self._indexes = indexes
        self._dialect = dialect
        self._has_ledger = has_ledger

    def accounts(self) -> str:
        """The statement that lists the accounts of all orders."""
        by_account = definition(BY_ACCOUNT, self._fields, self._dialect)
        quick = by_account is not None and by_account[0] in self._indexes
        return ACCOUNTS if quick else "SELECT DISTINCT account FROM orders"

    def walks(self, narrowings: Sequence[Narrowing]) -> list[Walk]:
        """What finds the orders within any of these narrowings; one order may be found by several.

        Narrowings that look through the same part of the same index are one walk.
        """
        alike: dict[tuple[str | None, frozenset[Bound]], list[Narrowing]] = {}
        for each in narrowings:
            if each.previous is None or self._has_ledger:
                index = self._index(each.index)
                alike.setdefault((index, _within(each) if index else frozenset()), []).append(each)
        groups = (part for group in alike.values() for part in (_bearable_together(group)))
        return [walk for walk in map(self._walk, groups) if walk is not None]

    def _walk(self, narrowings: Sequence[Narrowing]) -> Walk | None:
        """One walk; None when it cannot find any order."""
        writer = _Writer(self._fields, self._dialect)
        literally = _Writer(self._fields, self._dialect, literal=True)
        first = narrowings[0]
        index = self._index(first.index)
        # The index's own condition stands there as it stands in the index, or SQLite would not see that it fits.
        known = conjuncts(first.index.only) if index and first.index else ()
        terms = list(map(literally.condition, known))
        asked = [_Asked.of(each, known, has_ledger=self._has_ledger) for each in narrowings]
        shared = asked[0].shared_with(asked[1:])
        terms += shared.terms(writer)
        if _FALSE in terms:
            return None
        mark = len(writer.parameters)
        branches: list[str] = []
        for each in asked:
            before = len(writer.parameters)
            own = each.without(shared).terms(writer)
            if _FALSE in own:
                del writer.parameters[before:]
            elif not own:
                del writer.parameters[mark:]
                branches = [_TRUE]
                break
            else:
                branches.append(f"({' AND '.join(own)})")
        if not branches:
            return None
        if branches != [_TRUE]:
            terms.append(f"({' OR '.join(branches)})")
        by = self._dialect.by_index(index) if index else ""
        return Walk(f"FROM orders{by} WHERE {' AND '.join(terms) or _TRUE}", writer.parameters)

    def ledger(self, rules: Collection[str]) -> tuple[str, Sequence[Cell]]:
        """A column: the ledger's rows of an order under these rules as lines of text; NULL when there is none."""
        if not self._has_ledger or not rules:
            return "NULL", ()
        line = " || '|' || ".join(
            ("rule", "step", "state", "CAST(at AS text)", "coalesce(CAST(next_attempt AS text), '')")
        )
        wanted = ", ".join("?" * len(rules))
        lines = f"SELECT {self._dialect.lines(line)} FROM messages WHERE order_id = orders.id AND rule IN ({wanted})"
        return f"({lines})", sorted(rules)

    def _index(self, index: Index | None) -> str | None:
        known = definition(index, self._fields, self._dialect) if index else None
        return known[0] if known and known[0] in self._indexes else None


def _within(narrowing: Narrowing) -> frozenset[Bound]:
    """What bounds the part of the index that is looked through."""
    key = narrowing.index.key if narrowing.index else ()
    bounds = conjuncts(narrowing.orders)
    return frozenset(each for each in bounds if isinstance(each, Compared) and each.operand in key)


def _bearable_together(narrowings: Sequence[Narrowing]) -> list[list[Narrowing]]:
    """In as few groups as one statement each can bear."""
    groups: list[list[Narrowing]] = []
    for each in narrowings:
        if groups and _fit_together([*groups[-1], each]):
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def _fit_together(narrowings: Sequence[Narrowing]) -> bool:
    asked = [conjuncts(each.orders) for each in narrowings]
    shared = frozenset(asked[0]).intersection(*asked[1:])
    own = [bound for bounds in asked for bound in bounds if bound not in shared]
    keys = sum(len(each.unsettled) + (len(each.previous.keys) if each.previous else 0) for each in narrowings)
    return _fits((*shared, *own)) and keys <= MOST_TERMS


@dataclass(frozen=True, slots=True)
class _Asked:
    """The conditions of a narrowing, one by one."""

    orders: tuple[Bound, ...]
    unsettled: tuple[MessageKey, ...] = ()
    previous: Previous | None = None

    @classmethod
    def of(cls, narrowing: Narrowing, known: Collection[Bound], *, has_ledger: bool) -> _Asked:
        """As many as one statement can bear, without what is `known` of every order there."""
        bearable = has_ledger and len(narrowing.unsettled) <= MOST_TERMS
        orders = tuple(each for each in _bearable(conjuncts(narrowing.orders)) if each not in known)
        return cls(orders, narrowing.unsettled if bearable else (), narrowing.previous)

    def shared_with(self, others: Sequence[_Asked]) -> _Asked:
        """What all of them ask."""
        return _Asked(
            tuple(bound for bound in self.orders if all(bound in each.orders for each in others)),
            self.unsettled if all(each.unsettled == self.unsettled for each in others) else (),
            self.previous if all(each.previous == self.previous for each in others) else None,
        )

    def without(self, shared: _Asked) -> _Asked:
        """What it asks beside that."""
        return _Asked(
            tuple(bound for bound in self.orders if bound not in shared.orders),
            () if self.unsettled == shared.unsettled else self.unsettled,
            None if self.previous == shared.previous else self.previous,
        )

    def terms(self, writer: _Writer) -> list[str]:
        """As SQL; those that are always met are left out."""
        terms = list(map(writer.condition, self.orders))
        if self.unsettled:
            terms.append(_unsettled(self.unsettled, writer))
        if self.previous is not None:
            terms.append(_previous(self.previous, writer))
        return [each for each in terms if each != _TRUE]


def _bearable(bounds: Iterable[Bound]) -> Iterator[Bound]:
    """As many of the conditions as one statement can bear; it finds more orders without the others, never fewer."""
    terms = values = 0
    for bound in bounds:
        own_terms, own_values = _size((bound,))
        if terms + own_terms <= MOST_TERMS and values + own_values <= MOST_PARAMETERS:
            terms, values = terms + own_terms, values + own_values
            yield bound


def _fits(bounds: Iterable[Bound]) -> bool:
    terms, values = _size(bounds)
    return terms <= MOST_TERMS and values <= MOST_PARAMETERS


def _size(bounds: Iterable[Bound]) -> tuple[int, int]:
    """How many comparisons there are, and how many values."""
    parts = [part for bound in bounds for part in parts_of(bound)]
    return len(parts), sum(len(part.values) if isinstance(part, Listed) else 1 for part in parts)


def _unsettled(keys: Sequence[MessageKey], writer: _Writer) -> str:
    rows = f"NOT {_exists(('order_id = orders.id', _keys(keys, writer)), writer)}"
    # That a deferred row is not a sent one must be said, or SQLite would not use the index of those.
    deferred = f"SELECT order_id FROM messages WHERE state <> 'sent' AND state = 'deferred' AND {_keys(keys, writer)}"
    return f"({rows} OR id IN ({deferred}))"


def _previous(previous: Previous, writer: _Writer) -> str:
    keys = _keys(previous.keys, writer) if len(previous.keys) <= MOST_TERMS else _TRUE
    terms = ["order_id = orders.id", keys, "state = 'sent'"]
    terms += (writer._moment("at", operator, value) for operator, value in previous.at)
    return _exists(terms, writer)


def _exists(terms: Iterable[str], writer: _Writer) -> str:
    """Whether the ledger has such a row of the order: looked up order by order, however long the ledger is."""
    return f"EXISTS (SELECT 1 FROM messages WHERE {' AND '.join(terms)}{writer.dialect.row_by_row})"


def _keys(keys: Sequence[MessageKey], writer: _Writer) -> str:
    return f"({' OR '.join(_key(rule, step, writer) for rule, step in keys)})"


def _key(rule: str, step: str, writer: _Writer) -> str:
    whatever = step == ANY_STEP
    of_rule = f"rule = {writer.constant(rule)}"
    return of_rule if whatever else f"({of_rule} AND step = {writer.constant(step)})"


def index_names(names: Iterable[str]) -> frozenset[str]:
    """The names of ours among those of all indexes."""
    return frozenset(name for name in names if name.startswith(PREFIX))
