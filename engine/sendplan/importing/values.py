"""Records of a file → values of fields, column by column (docs/mapping.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias, assert_never

from sendplan.expressions.elements import SEEN, BadValue, elements, filled, scalar, within
from sendplan.expressions.evaluate import Environment, Missing
from sendplan.fields import Field, FieldType, Value, decimal_text
from sendplan.importing.bad_rows import BadRow
from sendplan.importing.conversion import Converter, rounded
from sendplan.importing.mapping import (
    ColumnSource,
    ConstantSource,
    ExpressionSource,
    FieldSource,
    LinesSource,
    Source,
    TextSource,
)
from sendplan.importing.shapes import ABSENT, Group, RawOrder, Shape, walked
from sendplan.problems import did_you_mean

Mistakes: TypeAlias = dict[int, list[BadRow]]
"""Position in the batch → everything wrong with that record."""

_REMEMBERED = 50_000
"""Different texts of a column whose values are kept."""


class _Memo(dict[Any, Any]):
    """Text → value, each converted once."""

    __slots__ = ("_convert",)

    def __init__(self, convert: Callable[[object], Any]) -> None:
        self._convert = convert

    def __missing__(self, raw: Any) -> Any:
        if len(self) >= _REMEMBERED:
            self.clear()
        value = self[raw] = self._convert(raw)
        return value


@dataclass(slots=True)
class FieldReader:
    """Reads one field from the records of one file."""

    source: FieldSource
    shape: Shape
    empty: frozenset[str]
    _memo: _Memo = field(init=False)

    def __post_init__(self) -> None:
        self._memo = _Memo(self._text)

    def column(
        self, batch: Sequence[RawOrder], environments: Sequence[Environment], mistakes: Mistakes
    ) -> Sequence[Any]:
        """The field's values (None clears it, ABSENT leaves it); what is wrong goes to `mistakes`."""
        source = self.source.source
        if isinstance(source, ConstantSource):
            return [source.value] * len(batch)
        if isinstance(source, ColumnSource):
            return self._from_column(source, batch, environments, mistakes)
        read = partial(self._evaluated, source)
        return [self._one(read, env, position, batch, mistakes) for position, env in enumerate(environments)]

    def _from_column(
        self,
        source: ColumnSource,
        batch: Sequence[RawOrder],
        environments: Sequence[Environment],
        mistakes: Mistakes,
    ) -> Sequence[Any]:
        if source.base is not None:
            raws: Sequence[object] = [_below(source.base(env), source.path) for env in environments]
        else:
            raws = self.shape.raws(source.path, batch)
        memo = self._memo
        try:
            return [memo[raw] if type(raw) is str else self._other(raw) for raw in raws]
        except BadValue:
            return [self._one(self._value, raw, position, batch, mistakes) for position, raw in enumerate(raws)]

    def _one(
        self, read: Callable[[Any], Any], given: Any, position: int, batch: Sequence[RawOrder], mistakes: Mistakes
    ) -> Any:
        try:
            return read(given)
        except BadValue as error:
            line, record = batch[position]
            column = error.label or self.source.label
            if isinstance(record, Group):
                line = record.line_of(column, error.raw)
            mistakes.setdefault(position, []).append(
                BadRow(
                    line,
                    help=error.help,
                    column=column,
                    field=self.source.field,
                    label=column,
                    what=error.what,
                    raw=error.raw,
                    notation=self.source.notation,
                )
            )
            return None

    # --- one value ---

    def _text(self, raw: object) -> Value | None:
        found = filled(raw, self.empty)
        return None if found is None else self.source.convert(found)

    def _other(self, raw: object) -> Any:
        return raw if raw is ABSENT else self._value(raw)

    def _value(self, raw: object) -> Any:
        """What stands in the file as a value; a list where one value is wanted gives its first."""
        if raw is ABSENT or raw is SEEN:
            return raw
        if type(raw) is list:
            several = [each for each in map(scalar, elements(raw)) if filled(each, self.empty) is not None]
            if self.source.field.type is FieldType.LIST:
                return self.source.convert(several) if several else None
            if self.source.field.type is FieldType.RECORDS:
                return self.source.convert(raw)
            raw = several[0] if several else None
        raw = filled(scalar(raw), self.empty)
        if raw is None:
            return None
        if type(raw) is dict and self.source.field.type is not FieldType.RECORDS:
            raise BadValue("is a record", None, f"name one of its parts: {', '.join(list(raw)[:6])}")
        return self.source.convert(raw)

    def _evaluated(self, source: Source, env: Environment) -> Any:
        match source:
            case ExpressionSource():
                return self._expression(source, env)
            case TextSource():
                return self._template(source, env)
            case LinesSource():
                return self._lines(source, env)
            case ConstantSource(value=value):
                return value
            case ColumnSource():
                raise AssertionError(source)
        assert_never(source)

    def _expression(self, source: ExpressionSource, env: Environment) -> Any:
        found: Any = source.meaning(env)
        if type(found) is Missing:
            return None
        if source.rounded and type(found) is Decimal:
            found = rounded(found)
        return self._value(found)

    def _template(self, source: TextSource, env: Environment) -> Any:
        """None when one of its cells is empty, as half an address is none."""
        texts: list[str] = []
        for literal, meaning in source.parts:
            texts.append(literal)
            if meaning is not None:
                found = meaning(env)
                if type(found) is Missing:
                    return None
                texts.append(str(found))
        return self.source.convert("".join(texts))

    def _lines(self, source: LinesSource, env: Environment) -> tuple[Mapping[str, object], ...] | None:
        found = source.elements(env)
        if type(found) is Missing:
            return None
        return tuple(line for each in elements(found) if (line := self._line(source, env, each)))

    def _line(self, source: LinesSource, env: Environment, element: object) -> dict[str, object]:
        inner = within(env, element)
        line: dict[str, object] = {}
        for each in source.fields:
            try:
                value = _line_value(each, inner, element, self.empty)
            except BadValue as error:
                error.label = error.label or each.label
                error.what = f"in a line's {each.field.name}: {error.what}"
                raise
            if value is not None:
                line[each.field.name] = value
        return line


def _line_value(source: FieldSource, env: Environment, element: object, empty: frozenset[str]) -> Value | None:
    reader = FieldReader(source, _NO_SHAPE, empty)
    match source.source:
        case ConstantSource(value=value):
            return value
        case ColumnSource(path=path):
            raw = walked(element, path)
            if type(raw) is Decimal and source.field.type is FieldType.DECIMAL:
                raw = rounded(raw)  # a price is shown, never added up
            found = reader._value(raw)
        case ExpressionSource() as expression:
            found = reader._expression(expression, env)
        case TextSource() as template:
            found = reader._template(template, env)
        case LinesSource():
            found = None
    return None if found is ABSENT else found


class _NoShape:
    """A line's fields are read from the element alone."""

    def has(self, name: str) -> bool:
        return True

    def raws(self, path: tuple[str, ...], batch: Sequence[RawOrder]) -> Sequence[object]:
        return ()

    def environment(self, record: RawOrder) -> Environment:
        raise AssertionError(record)


_NO_SHAPE = _NoShape()


def _below(base: object, path: tuple[str, ...]) -> object:
    return None if type(base) is Missing else walked(base, path)


def check_required(
    names: Sequence[str],
    columns: Sequence[Sequence[Any]],
    batch: Sequence[RawOrder],
    accounts: Mapping[str, Any],
    mistakes: Mistakes,
    fields: Mapping[str, tuple[Field, str]],
    required: Sequence[str],
) -> None:
    """Note the records that lack what every order has, or name an account that the project does not have."""
    for name in required:
        if name in names:
            values = columns[names.index(name)]
            if None in values:
                _note_missing(name, values, batch, mistakes, fields[name])
    if "account" in names:
        values = columns[names.index("account")]
        if not accounts.keys() >= set(values):
            for position, value in enumerate(values):
                if value is not None and value is not ABSENT and value not in accounts:
                    what = "names an account that sendplan.yaml does not have"
                    help = did_you_mean(str(value), accounts)
                    field_, label = fields[name := "account"]
                    bad = BadRow(batch[position][0], "", help, label, field_, label or name, what, str(value))
                    mistakes.setdefault(position, []).append(bad)


def _note_missing(
    name: str, values: Sequence[Any], batch: Sequence[RawOrder], mistakes: Mistakes, field: tuple[Field, str]
) -> None:
    for position, value in enumerate(values):
        told = mistakes.get(position, ())
        if value is None and not any(each.field is not None and each.field.name == name for each in told):
            bad = BadRow(batch[position][0], f"`{name}` is missing", column=field[1] or None)
            mistakes.setdefault(position, []).append(bad)


def as_json(value: object) -> object:
    """A value of an order as it is shown in JSON: decimals as text, moments in UTC, bare dates as dates."""
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, Mapping):
        return {name: as_json(each) for name, each in value.items()}
    return value


__all__ = ["Converter", "FieldReader", "Mistakes", "as_json", "check_required"]
