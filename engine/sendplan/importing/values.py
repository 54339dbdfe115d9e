"""Records of a file → values of fields, column by column (docs/mapping.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias, assert_never

from sendplan.dataclass import dataclass
from sendplan.expressions.elements import SEEN, BadValue, ErrorCell, elements, filled, scalar, within
from sendplan.expressions.evaluate import Environment, Missing
from sendplan.fields import Field, FieldType, decimal_text
from sendplan.importing.bad_rows import BadRow, RowCode
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

_REMEMBERED = 8_000
"""Different texts of a column whose values are kept."""
_OFTEN = 1.2
"""How often each must have come on average, for others to be worth remembering."""


class _Memo(dict[str, Any]):
    """Text → value, each read once."""

    __slots__ = ("_read", "was_full")

    def __init__(self, read: Callable[[str], Any]) -> None:
        self._read = read
        self.was_full = False

    def __missing__(self, raw: str) -> Any:
        if len(self) >= _REMEMBERED:
            self.clear()
            self.was_full = True
        value = self[raw] = self._read(raw)
        return value


@dataclass(slots=True)
class FieldReader:
    """Reads one field from the records of one file."""

    source: FieldSource
    shape: Shape
    empty: frozenset[str]
    texts: bool = False
    """Whether the file holds nothing but texts."""
    encode: Callable[[Any], Any] | None = None
    """How the store keeps the field's values, where they go there as they come."""
    _read: Callable[[str], Any] = field(init=False)
    _memo: _Memo = field(init=False)
    _repeats: bool = True
    """Whether texts come again, so that it pays to remember them."""
    _seen: int = 0
    """Texts since the memory was empty."""
    _convert: Callable[[object], Any] = field(init=False)
    parts: tuple[FieldReader, ...] = ()
    """The readers of an order line's fields."""
    has_thirds: bool = False
    """Whether an amount may have come with three decimals, of which nothing says that they are no thousands."""

    def __post_init__(self) -> None:
        if isinstance(self.source.source, LinesSource):
            self.parts = tuple(FieldReader(each, self.shape, self.empty) for each in self.source.source.fields)
        self._convert = self.source.convert if self.encode is None else _encoding(self.source.convert, self.encode)
        self._read = self._text_reader()
        self._memo = _Memo(self._read)

    @property
    def _decimal_mark(self) -> str | None:
        """What stands before the decimals of an amount; None where it can be nothing else, or no amount is read."""
        notation = self.source.notation
        return notation.decimal if self.source.field.type is FieldType.DECIMAL and notation.thousands is None else None

    def _text_reader(self) -> Callable[[str], Any]:
        """From a text of the file to the value, or to what the store keeps of it."""
        convert, empty, mark = self._convert, self.empty, self._decimal_mark

        def read(raw: str) -> Any:
            text = raw.strip()
            if not text or text in empty:
                return None
            if text[0] == "=":
                text = filled(text, empty)  # type: ignore[assignment]
                if text is None:
                    return None
            if mark is not None and (text[-4:-3] == mark or not text[-1].isdigit()):
                self.has_thirds = True
            return convert(text)

        return read

    def column(
        self, batch: Sequence[RawOrder], environments: Sequence[Environment], mistakes: Mistakes
    ) -> Sequence[Any]:
        """The field's values (None clears it, ABSENT leaves it); what is wrong goes to `mistakes`."""
        source = self.source.source
        if isinstance(source, ConstantSource):
            value = source.value if self.encode is None or source.value is None else self.encode(source.value)
            return [value] * len(batch)
        if isinstance(source, ColumnSource):
            return self._from_column(source, batch, environments, mistakes)
        read = partial(self._evaluated, source)
        return [
            ABSENT if self._lacks_all(batch[position][1]) else self._one(read, env, position, batch, mistakes)
            for position, env in enumerate(environments)
        ]

    def _lacks_all(self, record: object) -> bool:
        """Whether an optional expression has nothing to read in this record, so that it says nothing of the field."""
        if not self.source.optional or type(record) is not dict:
            return False
        return all(walked(record, path) is ABSENT for paths in self.source.needs for path in paths)

    def _from_column(
        self, source: ColumnSource, batch: Sequence[RawOrder], environments: Sequence[Environment], mistakes: Mistakes
    ) -> Sequence[Any]:
        if source.base is not None:
            raws: Sequence[object] = [_below(source.base(env), source.path) for env in environments]
        else:
            raws = self.shape.raws(source.path, batch)
        memo = self._memo
        try:
            if self.texts:
                return self._from_texts(raws)  # type: ignore[arg-type]
            return [memo[raw] if type(raw) is str else self._other(raw) for raw in raws]
        except BadValue:
            return [self._one(self._value, raw, position, batch, mistakes) for position, raw in enumerate(raws)]

    def _from_texts(self, raws: Sequence[str]) -> Sequence[Any]:
        if raws.count("") == len(raws):  # as whole columns of an export often are
            return [None] * len(raws)
        if not self._repeats:
            return list(map(self._read, raws))
        values = list(map(self._memo.__getitem__, raws))
        self._seen += len(raws)
        if self._memo.was_full:
            # Ids, addresses and moments are hardly ever the same twice.
            self._repeats = self._seen > _REMEMBERED * _OFTEN
            self._seen, self._memo.was_full = 0, False
        return values

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
                    help=error.unsaid,
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

    def _other(self, raw: object) -> Any:
        return raw if raw is ABSENT else self._value(raw)

    def _value(self, raw: object) -> Any:
        """What stands in the file as a value; a list where one value is wanted gives its first."""
        if raw is ABSENT or raw is SEEN:
            return raw
        if type(raw) is list:
            several = [each for each in map(scalar, elements(raw)) if filled(each, self.empty) is not None]
            if self.source.field.type is FieldType.LIST:
                return self._convert(several) if several else None
            if self.source.field.type is FieldType.RECORDS:
                return self._convert(raw)
            raw = several[0] if several else None
        raw = filled(scalar(raw), self.empty)
        if raw is None:
            return None
        if type(raw) is ErrorCell:
            raise raw.refusal()
        if type(raw) is dict and self.source.field.type is not FieldType.RECORDS:
            raise BadValue("is a record", None, f"name one of its parts: {', '.join(list(raw)[:6])}")
        return self._read(raw) if type(raw) is str else self._convert(raw)

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
            if self._decimal_mark is not None and _has_thirds(found):
                self.has_thirds = True
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
        return tuple(line for each in elements(found) if (line := self._line(env, each)))

    def _line(self, env: Environment, element: object) -> dict[str, object]:
        inner = within(env, element)
        line: dict[str, object] = {}
        for each in self.parts:
            try:
                value = each.part(inner, element)
            except BadValue as error:
                error.label = error.label or each.source.label
                error.what = f"in a line's {each.source.field.name}: {error.what}"
                raise
            if value is not None and value is not ABSENT:
                line[each.source.field.name] = value
        return line

    def part(self, env: Environment, element: object) -> Any:
        """The value of a line's field."""
        source = self.source.source
        if not isinstance(source, ColumnSource):
            return self._evaluated(source, env)
        raw = walked(element, source.path)
        if type(raw) is str:
            return self._memo[raw]
        if type(raw) is Decimal and self.source.field.type is FieldType.DECIMAL:
            raw = rounded(raw)  # a price is shown, never added up
        return self._value(raw)


def _has_thirds(number: Decimal) -> bool:
    """Whether a sum or product has more than two decimals, zeros too, as one of them had."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent < -2


def _encoding(convert: Converter, encode: Callable[[Any], Any]) -> Callable[[object], Any]:
    def stored(raw: object) -> Any:
        value = convert(raw)
        return None if value is None else encode(value)

    return stored


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
            bad = BadRow(batch[position][0], f"`{name}` is missing", column=field[1] or None, code=RowCode.MISSING)
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
