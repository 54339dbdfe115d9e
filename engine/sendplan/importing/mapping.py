"""A mapping as frozen values: how a file is read, and where each field's value comes from (docs/mapping.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field as dataclass_field
from typing import TypeAlias

from sendplan.dataclass import dataclass
from sendplan.expressions.columns import Paths
from sendplan.expressions.evaluate import Meaning
from sendplan.fields import Field, FieldType, Value
from sendplan.importing.conversion import Converter, Notation
from sendplan.importing.tables import TableLayout
from sendplan.problems import Span
from sendplan.project.settings import Settings

LINE_FIELDS = {
    "name": Field("name", FieldType.TEXT, own=True),
    "sku": Field("sku", FieldType.TEXT, own=True),
    "quantity": Field("quantity", FieldType.INTEGER),
    "price": Field("price", FieldType.DECIMAL),
}
"""What an order's line may hold."""


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """A column of a table, or a path into a record; `base` is the `let` that the path begins with."""

    path: tuple[str, ...]
    base: Meaning | None = None


@dataclass(frozen=True, slots=True)
class ExpressionSource:
    """An expression over the columns."""

    meaning: Meaning
    rounded: bool
    """Whether it is calculated, so that it may have more decimals than money has."""


@dataclass(frozen=True, slots=True)
class ConstantSource:
    """Every order's value; None clears the field."""

    value: Value | None


@dataclass(frozen=True, slots=True)
class TextSource:
    """A text put together from columns: each literal text with the value that follows it."""

    parts: tuple[tuple[str, Meaning | None], ...]


@dataclass(frozen=True, slots=True)
class LinesSource:
    """An order's lines: the elements of a list, or the rows of a grouped order."""

    elements: Meaning
    fields: tuple[FieldSource, ...]


Source: TypeAlias = ColumnSource | ExpressionSource | ConstantSource | TextSource | LinesSource


@dataclass(frozen=True, slots=True)
class FieldSource:
    """Where one field's values come from, and how they become values of the field."""

    field: Field
    source: Source
    convert: Converter
    label: str = ""
    """How messages name what stands in the file."""
    needs: tuple[Paths, ...] = ()
    """The columns and paths that it reads: of each set one must be there."""
    optional: bool = False
    notation: Notation = dataclass_field(default_factory=Notation)
    span: Span | None = None
    """Where the mapping says so."""


@dataclass(frozen=True, slots=True)
class FileMapping:
    """How a file is to be read; without sources its columns carry the fields' own names."""

    format: str | None = None
    """`csv`, `json`, `jsonl`, `xml` or `xlsx`; told by the file's ending when None."""
    encoding: str | None = None
    table: TableLayout = dataclass_field(default_factory=TableLayout)
    orders: tuple[str, ...] = ()
    """JSON, XML: the way to the orders."""
    accounts: tuple[str, ...] | None = None
    """For which accounts the file is complete; those it has rows for when None."""
    group: str | None = None
    only: Meaning | None = None
    only_reads_every_row: bool = False
    match: str | None = None
    """The field by which orders that are there are found, instead of `id`."""
    empty: frozenset[str] = frozenset()
    needs: tuple[tuple[str, Paths, Span | None], ...] = ()
    """What the mapping reads beside its fields, with the key that does."""
    sources: tuple[FieldSource, ...] | None = None
    columns: frozenset[str] = frozenset()
    """Every column, or first part of a path, that the mapping names."""
    shipped: frozenset[str] = frozenset()
    """Fields as a mapping reads them that comes with sendplan: that an export has none of one is nothing to tell."""
    own_names: bool = False
    """Without a mapping file: the columns carry the fields' own names."""

    @property
    def asks_rows(self) -> bool:
        """Whether anything is evaluated on a whole row or record."""
        return self.only is not None or any(
            not isinstance(each.source, ColumnSource | ConstantSource) or getattr(each.source, "base", None)
            for each in self.sources or ()
        )


def importable(settings: Settings) -> dict[str, Field]:
    """The fields that a file can carry: all but the derived ones."""
    return {name: field for name, field in settings.fields.items() if not field.derived_from}


def unmapped(settings: Settings, convert: Mapping[str, Converter]) -> tuple[FieldSource, ...]:
    """Every field from a column of its own name."""
    return tuple(
        FieldSource(field, ColumnSource((name,)), convert[name], name, optional=True)
        for name, field in importable(settings).items()
    )
