"""The entries under `fields` of a mapping file: where a field's value comes from (docs/mapping.md#fields)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sendplan.expressions.columns import ColumnScope, is_path, typed
from sendplan.expressions.elements import ColumnRef, PartRef
from sendplan.expressions.evaluate import Meaning, meaning
from sendplan.expressions.needs import Needs
from sendplan.expressions.nodes import Column, FieldRef, Get, Kind, Node
from sendplan.fields import Field, FieldType, Value
from sendplan.importing.conversion import ConversionError, Converter, Notation, convert, converter
from sendplan.importing.mapping import (
    LINE_FIELDS,
    ColumnSource,
    ConstantSource,
    ExpressionSource,
    FieldSource,
    LinesSource,
    Source,
    TextSource,
)
from sendplan.importing.mapping_checks import MappingChecks, as_written, expression_text
from sendplan.problems import did_you_mean
from sendplan.reading.source import KeyPath

_OPTIONS = {
    "date": (FieldType.MOMENT,),
    "decimal": (FieldType.DECIMAL, FieldType.INTEGER),
    "thousands": (FieldType.DECIMAL, FieldType.INTEGER),
    "timezone": (FieldType.MOMENT,),
    "true": (FieldType.FLAG,),
    "false": (FieldType.FLAG,),
}
"""Options that fit only some types of fields."""


class MappingFields(MappingChecks):
    """Reads the entries under `fields`."""

    def source(self, name: str, given: Any) -> FieldSource | None:
        """One entry under `fields`."""
        path: KeyPath = ("fields", name)
        field = self.fields.get(name)
        if field is None:
            help = did_you_mean(name, self.fields, listing=False)
            if not re.fullmatch(r"\w+", name):
                help = "a comma inside { } ends a value: put the value before it in quotes"
            own = f"add it under `fields:` in sendplan.yaml, such as `{name}: text`"
            self.note(
                "unknown-field", path, f"there is no field `{name}`", f"{help} or {own}" if help else own, key=True
            )
            return None
        scope = self._scope(self._conversions(self.notation))
        return self._field(field, given, path, scope)

    def _field(self, field: Field, given: Any, path: KeyPath, scope: ColumnScope) -> FieldSource | None:
        options: dict[str, Any] = given if isinstance(given, dict) else {}
        if field.type is FieldType.RECORDS and "each" not in options:
            if isinstance(given, str) and not given.startswith("="):
                return self._plain(field, given, path, scope, self.notation, None, options)
            self.note(
                "missing-key", path, f"`{field.name}` is made of `each: LIST`", "name the list of lines", key=True
            )
            return None
        self._check_options(field, options, path)
        notation = self._field_notation(options)
        values = options.get("values")
        if "each" in options:
            return self._lines(field, options, path, scope)
        if "value" in options:
            return self._constant(field, options["value"], (*path, "value"))
        if "template" in options:
            return self._template(field, options, (*path, "template"), scope)
        text = given if isinstance(given, str) else options.get("column", options.get("is"))
        assert isinstance(text, str)
        at: KeyPath = path if isinstance(given, str) else (*path, "column" if "column" in options else "is")
        if "is" in options or (isinstance(given, str) and given.startswith("=")):
            return self._expression(field, text, at, scope, notation, values, options)
        return self._plain(field, text, at, scope, notation, values, options)

    def _check_options(self, field: Field, options: dict[str, Any], path: KeyPath) -> None:
        for key, types in _OPTIONS.items():
            if key in options and field.type not in types:
                message = f"`{key}` does not fit `{field.name}`, which is a {field.type}"
                self.note("wrong-key", (*path, key), message, "", key=True)
        if "each" in options and field.type is not FieldType.RECORDS:
            message = f"`each` makes lines of an order, `{field.name}` is a {field.type}"
            self.note("wrong-key", (*path, "each"), message, key=True)
        if "date" in options:
            listed = options["date"] if isinstance(options["date"], list) else [options["date"]]
            for index, each in enumerate(listed):
                self._check_format(
                    each, (*path, "date", index) if isinstance(options["date"], list) else (*path, "date")
                )
        if not self._check_zone(options.get("timezone"), (*path, "timezone")):
            options["timezone"] = None
        self._check_separators(options, path)

    def _field_notation(self, options: Mapping[str, Any]) -> Notation:
        dates = options.get("date", self.notation.dates)
        return replace(
            self.notation,
            dates=(dates,) if isinstance(dates, str) else tuple(dates),
            zone=options.get("timezone", self.notation.zone),
            decimal=options.get("decimal", self.notation.decimal),
            thousands=options.get("thousands", self.notation.thousands),
            true=tuple(options.get("true", ())),
            false=tuple(options.get("false", ())),
        )

    def _convert(self, field: Field, notation: Notation, values: Mapping[str, Any] | None) -> Converter:
        plain = converter(field, self.settings.calendar, notation)
        return plain if values is None else translated(values, plain)

    def _plain(
        self,
        field: Field,
        text: str,
        path: KeyPath,
        scope: ColumnScope,
        notation: Notation,
        values: Mapping[str, Any] | None,
        options: Mapping[str, Any],
    ) -> FieldSource:
        self._check_cut(path, text)
        names = (text.strip(),) if scope.table else tuple(text.strip().split("."))
        if not all(names):
            self.note("wrong-value", path, f"`{text}` is not a path", "such as billing.email")
        base: Meaning | None = None
        rest = names
        root: Node = Column(0, 0, names[0])
        if not scope.table and names[0] in scope.parts:
            root, rest = FieldRef(0, 0, names[0]), names[1:]
            placed = typed(root, scope, text, None)[0].root
            base = meaning(placed)
        for name in names[1:]:
            root = Get(0, 0, root, name)
        source: Source = ColumnSource(rest, base)
        return self._source(field, source, root, scope, notation, values, options, path, text.strip())

    def _expression(
        self,
        field: Field,
        text: str,
        path: KeyPath,
        scope: ColumnScope,
        notation: Notation,
        values: Mapping[str, Any] | None,
        options: Mapping[str, Any],
    ) -> FieldSource | None:
        convert_ = self._convert(field, notation, values)
        moment = field.type is FieldType.MOMENT
        conversions = self._conversions(notation, convert_ if moment and values is not None else None)
        seen = moment and field.name != "ordered" and not scope.element
        root, made, kind = self._typed(
            text,
            path,
            replace(scope, conversions=conversions),
            None,
            extremes=Kind.MOMENT if moment else Kind.NUMBER,
            seen=seen,
        )
        if root is None or made is None:
            return None
        if values is None:
            self._check_result(field, kind, path)
        label = expression_text(text).strip()
        steps = _steps(made) if is_path(root) and not self._starts_with_part(root, scope) else None
        if steps is not None:
            return self._source(field, ColumnSource(steps), root, scope, notation, values, options, path, label)
        source = ExpressionSource(meaning(made), rounded=field.type is FieldType.DECIMAL)
        return self._source(field, source, root, scope, notation, values, options, path, label)

    def _starts_with_part(self, root: Node, scope: ColumnScope) -> bool:
        while isinstance(root, Get):
            root = root.base
        return isinstance(root, FieldRef) and root.name in scope.parts

    def _check_result(self, field: Field, kind: Kind | None, path: KeyPath) -> None:
        """Whether what an expression always gives can be a value of its field."""
        fits: dict[FieldType, tuple[Kind, ...]] = {
            FieldType.TEXT: (Kind.TEXT, Kind.NUMBER),
            FieldType.INTEGER: (Kind.NUMBER, Kind.TEXT),
            FieldType.DECIMAL: (Kind.NUMBER, Kind.TEXT),
            FieldType.MOMENT: (Kind.MOMENT, Kind.TEXT, Kind.NUMBER),
            FieldType.FLAG: (Kind.CONDITION, Kind.TEXT, Kind.NUMBER),
            FieldType.LIST: (Kind.TEXT, Kind.LIST),
        }
        if kind is not None and kind not in fits[field.type]:
            self.note("type-mismatch", path, f"this is a {kind}, but `{field.name}` is a {field.type}")

    def _source(
        self,
        field: Field,
        source: Source,
        root: Node,
        scope: ColumnScope,
        notation: Notation,
        values: Mapping[str, Any] | None,
        options: Mapping[str, Any],
        path: KeyPath,
        label: str,
    ) -> FieldSource:
        needs = Needs()
        needs.read(root, scope.parts)
        convert_ = self._convert(field, notation, values)
        optional = options.get("optional", False)
        span = self.document.span(path)
        return FieldSource(field, source, convert_, label, tuple(needs.found), optional, notation, span)

    def _constant(self, field: Field, raw: object, path: KeyPath) -> FieldSource:
        value: Value | None = None
        try:
            value = convert(field, raw, self.settings.calendar)
        except ConversionError as error:
            self.note("wrong-value", path, f"`{field.name}` {error.message}", error.help)
        if field.name == "account" and value is not None:
            self._check_account(str(value), path)
        return FieldSource(field, ConstantSource(value), lambda raw: value, span=self.document.span(path))

    def _template(
        self, field: Field, options: Mapping[str, Any], path: KeyPath, scope: ColumnScope
    ) -> FieldSource | None:
        text: str = options["template"]
        parts: list[tuple[str, Meaning | None]] = []
        roots: list[Node] = []
        position = 0
        for found in re.finditer(r"\{\{|\}\}|\{([^{}]*)\}|[{}]", text):
            literal = text[position : found.start()]
            position = found.end()
            if found[0] in ("{{", "}}"):
                parts.append((literal + found[0][0], None))
                continue
            if found[1] is None or not found[1].strip():
                message = "the template has a brace without its counterpart"
                self.note("wrong-value", path, message, "columns are written in braces: {name}")
                return None
            names = (found[1].strip(),) if scope.table else tuple(found[1].strip().split("."))
            part = not scope.table and names[0] in scope.parts
            root: Node = FieldRef(0, 0, names[0]) if part else Column(0, 0, names[0])
            for name in names[1:]:
                root = Get(0, 0, root, name)
            roots.append(root)
            parts.append((literal, meaning(typed(root, scope, found[1], Kind.TEXT)[0].root)))
        parts.append((text[position:], None))
        if not roots:
            self.note(
                "wrong-value", path, "the template does not name a column", "columns are written in braces: {name}"
            )
        needs = Needs()
        for each in roots:
            needs.read(each, scope.parts)
        values = options.get("values")
        return FieldSource(
            field,
            TextSource(tuple(parts)),
            self._convert(field, self._field_notation(options), values),
            text,
            tuple(needs.found),
            options.get("optional", False),
            span=self.document.span(path),
        )

    def _lines(self, field: Field, options: Mapping[str, Any], path: KeyPath, scope: ColumnScope) -> FieldSource | None:
        text, at = options["each"], (*path, "each")
        root, made, kind = self._typed(text, at, scope, None)
        if root is None or made is None:
            return None
        if kind is not None:
            self.note("type-mismatch", at, f"`each` needs a list, this is a {kind}")
        needs = Needs()
        origins = needs.read(root, scope.parts)
        inner = scope.of_element()
        fields = []
        for name, given in options.items():
            if name in ("each", "optional"):
                continue
            line_field = LINE_FIELDS.get(name)
            if line_field is None:
                help = did_you_mean(name, LINE_FIELDS)
                self.note("unknown-key", (*path, name), f"a line of an order has no `{name}`", help, key=True)
                continue
            read = self._field(line_field, given, (*path, name), inner)
            if read is not None:
                below = tuple(frozenset((*one, *two) for one in origins for two in paths) for paths in read.needs)
                fields.append(replace(read, needs=below))
        found = [*needs.found, *(paths for each in fields if not each.optional for paths in each.needs if paths)]
        return FieldSource(
            field,
            LinesSource(meaning(made), tuple(fields)),
            converter(field, self.settings.calendar),
            text,
            tuple(found),
            options.get("optional", False),
            span=self.document.span(at),
        )


def translated(values: Mapping[str, Any], convert_: Converter) -> Converter:
    """Through a list of what the file writes and what that means; `*` is everything that is not listed."""
    known = {str(key).strip(): value for key, value in values.items()}

    def from_any(raw: object) -> Value | None:
        if isinstance(raw, date):
            return convert_(raw)
        written = str(raw) if not isinstance(raw, bool) else as_written(raw)
        for key in (written, as_written(raw)):
            if key in known:
                return convert_(known[key]) if known[key] is not None else None
        if "*" in known:
            return convert_(known["*"]) if known["*"] is not None else None
        help = f'add `"{written}": …` under `values`, or `"*": …` for all others'
        raise ConversionError("is not listed under `values`", raw, help)

    return from_any


def _steps(node: Node) -> tuple[str, ...] | None:
    """The way from the order to what a path names; None for a path that begins elsewhere, such as `rows.SKU`."""
    if isinstance(node, PartRef):
        above = _steps(node.base)
        return None if above is None else (*above, node.name)
    return (node.name,) if isinstance(node, ColumnRef) else None
