"""What every part of a mapping file is checked with: expressions, formats, names, and their places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sendplan.expressions.columns import ColumnScope, Conversions, typed
from sendplan.expressions.cursor import Mistake
from sendplan.expressions.grammar import parse
from sendplan.expressions.nodes import Kind, Node
from sendplan.fields import Field, FieldType
from sendplan.importing.conversion import ConversionError, Converter, Notation, converter, plain_text
from sendplan.importing.dates import format_problem
from sendplan.importing.mapping import (
    importable,
)
from sendplan.importing.numbers import number_reader
from sendplan.problems import Problem, did_you_mean
from sendplan.project.settings import Settings
from sendplan.reading.source import Document, KeyPath


class MappingChecks:
    """What is known of a mapping while it is read, and everything that is wrong with it so far."""

    def __init__(self, document: Document, settings: Settings) -> None:
        self.document = document
        self.settings = settings
        self.fields = importable(settings)
        self.problems: list[Problem] = []
        self.table = True
        self.grouped = False
        self.notation = Notation()
        self.empty: frozenset[str] = frozenset()
        self.parts: dict[str, Node] = {}

    def _check_zone(self, name: str | None, path: KeyPath) -> bool:
        try:
            return name is None or bool(ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.note("wrong-value", path, f"unknown time zone `{name}`", "such as UTC or Europe/Berlin")
            return False

    def _check_separators(self, data: Mapping[str, Any], path: KeyPath) -> None:
        decimal = data.get("decimal", self.notation.decimal)
        thousands = data.get("thousands", self.notation.thousands)
        if decimal == thousands and ("thousands" in data or "decimal" in data):
            key = "thousands" if "thousands" in data else "decimal"
            self.note("wrong-value", (*path, key), f"`{decimal}` cannot separate both decimals and thousands")

    def _check_format(self, format_: str, path: KeyPath) -> None:
        problem = format_problem(format_)
        if problem is not None:
            self.note("wrong-value", path, *problem)

    def _check_account(self, name: str, path: KeyPath) -> None:
        if name not in self.settings.account_names:
            self.note("unknown-name", path, f"unknown account `{name}`", did_you_mean(name, self.settings.accounts))

    def _check_cut(self, path: KeyPath, text: str) -> None:
        """A ` #` inside a name begins a comment to YAML: `Order #` becomes `Order`."""
        span = self.document.span(path)
        rest = span.text[span.end_column - 1 :]
        found = re.match(r"\s+#(?!\s+\S)\S*", rest)
        if found is None or not span.text[: span.end_column - 1].endswith(text):
            return
        whole = (text + rest).rstrip()
        self.note("yaml-expression", path, "` #` begins a comment and cuts off the name", f'write "{whole}" in quotes')

    def _scope(self, conversions: Conversions) -> ColumnScope:
        return ColumnScope(conversions, dict(self.parts), self.empty, self.table, self.grouped)

    def _conversions(self, notation: Notation, element: Converter | None = None) -> Conversions:
        """How columns inside an expression become numbers, dates, flags and texts."""
        calendar = self.settings.calendar

        def of(type_: FieldType) -> Converter:
            return converter(Field("", type_, own=True), calendar, notation)

        number: Any = number_reader(notation.decimal, notation.thousands)
        moment = of(FieldType.MOMENT)
        return Conversions(
            number=number, moment=element or moment, flag=of(FieldType.FLAG), text=as_written, texts=of(FieldType.LIST)
        )

    def _parsed(self, text: str, path: KeyPath) -> Node | None:
        root, mistakes = parse(expression_text(text))
        if mistakes and self._cut_by_comment(path, text):
            return None
        self._mistakes(mistakes, path, text)
        return root

    def _cut_by_comment(self, path: KeyPath, text: str) -> bool:
        """Whether ` #` inside a quoted word of an unquoted expression began a comment."""
        span = self.document.span(path)
        rest = span.text[span.end_column - 1 :]
        if not re.match(r"\s+#", rest) or text.count('"') % 2 == 0:
            return False
        help = f"write the whole in quotes: '{(text + rest).rstrip()}'"
        self.note("yaml-expression", path, "` #` begins a comment and cuts off the expression", help)
        return True

    def _mistakes(self, mistakes: list[Mistake], path: KeyPath, text: str) -> None:
        shift = len(text) - len(expression_text(text))
        for each in mistakes:
            span = self.document.within(path, each.start + shift, each.end + shift)
            problem = Problem(each.code, each.message, span, each.help)
            if problem not in self.problems:
                self.problems.append(problem)

    def _typed(
        self, text: str, path: KeyPath, scope: ColumnScope, want: Kind | None, **options: Any
    ) -> tuple[Node | None, Node | None, Kind | None]:
        """An expression's tree as it was read and as it is evaluated, and its type."""
        root = self._parsed(text, path)
        if root is None:
            return None, None, None
        made, mistakes = typed(root, scope, expression_text(text), want, **options)
        self._mistakes(mistakes, path, text)
        return root, made.root, made.kind

    def note(self, code: str, path: KeyPath, message: str, help: str = "", *, key: bool = False) -> None:
        span = self.document.key_span(path) if key else self.document.span(path)
        self.problems.append(Problem(code, message, span, help))


def as_written(raw: object) -> str:
    """A value as the text that comparisons see: a whole number without `.0`, a flag as true or false."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, dict):
        raise ConversionError("is a record", help="name one of its parts")
    if hasattr(raw, "isoformat"):
        return str(raw.isoformat(" ") if hasattr(raw, "hour") else raw.isoformat())
    return plain_text(raw)


def expression_text(text: str) -> str:
    return text[1:] if text.startswith("=") else text
