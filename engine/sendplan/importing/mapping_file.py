"""Mapping files: everything that can be checked without the file itself, with places (docs/mapping.md)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sendplan import resources
from sendplan.expressions.columns import ColumnScope, Conversions, Needs, Paths, is_path, reads_every_row, typed
from sendplan.expressions.elements import ColumnRef, PartRef
from sendplan.expressions.evaluate import Meaning, meaning
from sendplan.expressions.grammar import Mistake, parse
from sendplan.expressions.nodes import Column, FieldRef, Get, Kind, Node, walk
from sendplan.fields import Field, FieldType, Value
from sendplan.importing.conversion import ConversionError, Converter, Notation, convert, converter, plain_text
from sendplan.importing.dates import ISO, format_problem, known_language
from sendplan.importing.files import FORMATS
from sendplan.importing.mapping import (
    LINE_FIELDS,
    ColumnSource,
    ConstantSource,
    ExpressionSource,
    FieldSource,
    FileMapping,
    LinesSource,
    Source,
    TextSource,
    importable,
)
from sendplan.importing.numbers import number_reader
from sendplan.importing.tables import TableLayout
from sendplan.problems import Problem, Span, did_you_mean
from sendplan.project.settings import Settings
from sendplan.reading.source import Document, KeyPath, load

SHIPPED = "mappings"
"""The folder of the mappings that come with sendplan."""
_OPTIONS = {
    "date": (FieldType.MOMENT,),
    "decimal": (FieldType.DECIMAL, FieldType.INTEGER),
    "thousands": (FieldType.DECIMAL, FieldType.INTEGER),
    "timezone": (FieldType.MOMENT,),
    "true": (FieldType.FLAG,),
    "false": (FieldType.FLAG,),
}
"""Options that fit only some types of fields."""
_MERGED = ("fields", "let")
_NAME = re.compile(r"[^\W\d]\w*")


def read_mapping(path: Path, settings: Settings, file: Path | None = None) -> tuple[FileMapping | None, list[Problem]]:
    """A mapping file, checked against the project's fields and accounts; no mapping when something is wrong.

    `file` is what it will read, as far as that is known: its ending tells the format that the mapping does not name.
    """
    from sendplan.reading.schemas import validated

    document, problems = load(path)
    if document is None:
        return None, problems
    data, found = validated(document, "mapping")
    problems = [*problems, *found]
    if problems:
        return None, problems
    return _built(document, data, settings, file)


def shipped_mapping(
    name: str, settings: Settings, file: Path | None = None
) -> tuple[FileMapping | None, list[Problem]]:
    """A mapping that comes with sendplan, alone."""
    return read_mapping(shipped_path(name), settings, file)


def shipped_path(name: str) -> Path:
    """Where the mapping of this name is."""
    return resources.shipped() / SHIPPED / f"{name}.yaml"


def shipped_names() -> tuple[str, ...]:
    """The mappings that come with sendplan."""
    return tuple(sorted(path.stem for path in (resources.shipped() / SHIPPED).glob("*.yaml")))


def _built(
    document: Document, data: dict[str, Any], settings: Settings, file: Path | None
) -> tuple[FileMapping | None, list[Problem]]:
    builder = _Builder(document, settings)
    merged = builder.extended(data)
    if merged is None:
        return None, builder.problems
    builder.read(merged, file)
    mapping = builder.mapping(merged)
    return (mapping if not builder.problems else None), builder.problems


class _Builder:
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
        self.needs: list[tuple[str, Paths, Span | None]] = []

    # --- extends ---

    def extended(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """The keys of the mapping over those of the one that it extends."""
        name = data.get("extends")
        if name is None:
            return data
        if name not in shipped_names():
            message = f"no mapping called `{name}` comes with sendplan"
            self.note("unknown-name", ("extends",), message, did_you_mean(name, shipped_names()))
            return None
        from sendplan.reading.schemas import validated

        base, problems = load(shipped_path(name))
        if base is None or problems:
            self.problems += problems
            return None
        below = validated(base, "mapping")[0]
        merged = {**below, **{key: value for key, value in data.items() if key != "extends"}}
        for key in _MERGED:
            both = {**(below.get(key) or {}), **(data.get(key) or {})}
            merged[key] = {each: value for each, value in both.items() if value is not None}
        return {key: value for key, value in merged.items() if value is not None}

    # --- the whole file's keys ---

    def read(self, data: dict[str, Any], file: Path | None) -> None:
        """Check what holds for the whole file, and keep what fields and expressions need of it."""
        format_ = data.get("format") or (FORMATS.get(_ending(file), "csv") if file else None)
        self.table = format_ in ("csv", "xlsx") or (format_ is None and "orders" not in data)
        self.grouped = "group" in data
        self._check_keys(data, format_)
        self._check_encoding(data.get("encoding"))
        zone, months = data.get("timezone"), data.get("months")
        if not self._check_zone(zone, ("timezone",)):
            zone = None
        if months and not known_language(months):
            self.note("wrong-value", ("months",), f"`{months}` is not a language", "such as de or fr")
            months = None
        self._check_separators(data, ())
        dates = tuple(data.get("dates", (ISO,)))
        for index, each in enumerate(dates if "dates" in data else ()):
            self._check_format(each, ("dates", index))
        self.empty = frozenset(str(each).strip() for each in data.get("empty", ()))
        self.notation = Notation(
            dates=dates,
            zone=zone,
            months=months,
            decimal=data.get("decimal", "."),
            thousands=data.get("thousands"),
        )
        for index, name in enumerate(data.get("accounts", ())):
            self._check_account(name, ("accounts", index))
        self._read_parts(data.get("let") or {})

    def _check_keys(self, data: Mapping[str, Any], format_: str | None) -> None:
        tables, trees = ("csv", "xlsx"), ("json", "jsonl", "xml")
        where = {
            **dict.fromkeys(("delimiter", "quotes"), ("csv",)),
            "sheet": ("xlsx",),
            **dict.fromkeys(("header", "group"), tables),
            "orders": trees,
        }
        for key, formats in where.items():
            if key in data and format_ is not None and format_ not in formats:
                message = f"`{key}` has a meaning in {' and '.join(formats)}, this is {format_}"
                self.note("wrong-key", (key,), message, key=True)
        for key in ("group", "sheet"):
            if isinstance(data.get(key), str):
                self._check_cut((key,), data[key])

    def _check_encoding(self, name: str | None) -> None:
        if name is None:
            return
        try:
            " ".encode(name)  # refuses what is a codec and yet none of text, such as `hex`
            codecs.lookup(name)
        except (LookupError, ValueError):
            help = "such as utf-8, cp1252 or iso-8859-15"
            self.note("wrong-value", ("encoding",), f"unknown encoding `{name}`", help)

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
        if name not in self.settings.accounts:
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

    # --- let ---

    def _read_parts(self, let: Mapping[str, Any]) -> None:
        for name, text in let.items():
            path: KeyPath = ("let", name)
            if not _NAME.fullmatch(name) or name in ("rows", "seen"):
                help = "a name is one word; a comma inside { } ends a value: put the expression in quotes"
                self.note("wrong-key", path, f"`{name}` cannot be a name", help, key=True)
                continue
            root = self._parsed(text, path)
            if root is None:
                continue
            scope = self._scope(self._conversions(self.notation))
            self._mistakes(typed(root, scope, _expression_text(text), None)[1], path, text)
            self.parts[name] = root

    # --- expressions ---

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
        root, mistakes = parse(_expression_text(text))
        self._mistakes(mistakes, path, text)
        return root

    def _mistakes(self, mistakes: list[Mistake], path: KeyPath, text: str) -> None:
        shift = len(text) - len(_expression_text(text))
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
        made, mistakes = typed(root, scope, _expression_text(text), want, **options)
        self._mistakes(mistakes, path, text)
        return root, made.root, made.kind

    # --- the mapping ---

    def mapping(self, data: dict[str, Any]) -> FileMapping:
        """The whole, after `read`."""
        accounts = data.get("accounts")
        scope = self._scope(self._conversions(self.notation))
        only: Meaning | None = None
        every_row = False
        if "only" in data:
            root, made, _ = self._typed(data["only"], ("only",), scope, Kind.CONDITION)
            if root is not None and made is not None:
                only, every_row = meaning(made), self.grouped and self._asks_every_row(root)
                self._need("only", root)
        if "group" in data:
            self.needs.append(("group", frozenset({(data["group"],)}), self.document.span(("group",))))
        sources = [self.source(name, given) for name, given in data.get("fields", {}).items()]
        built = tuple(each for each in sources if each is not None)
        self._check_identity(data)
        named = {path[0] for each in built for paths in each.needs for path in paths if path}
        named |= {path[0] for _, paths, _ in self.needs for path in paths if path}
        return FileMapping(
            format=data.get("format"),
            encoding=data.get("encoding"),
            table=TableLayout(
                delimiter="\t" if data.get("delimiter") == "tab" else data.get("delimiter"),
                quotes=data.get("quotes") != "none",
                sheet=data.get("sheet"),
                header=tuple(data.get("header", ())),
            ),
            orders=tuple(data["orders"].split(".")) if data.get("orders") else (),
            accounts=tuple(accounts) if accounts is not None else None,
            group=data.get("group"),
            only=only,
            only_reads_every_row=every_row,
            match=data.get("match"),
            empty=self.empty,
            needs=tuple(self.needs),
            sources=(*built, *self._default_account(data)),
            columns=frozenset(named),
        )

    def _asks_every_row(self, root: Node) -> bool:
        used = [root, *self.parts.values()] if any(self._uses(root, name) for name in self.parts) else [root]
        return any(map(reads_every_row, used))

    def _uses(self, root: Node, name: str) -> bool:
        return any(isinstance(each, FieldRef) and each.name == name for each in walk(root))

    def _default_account(self, data: Mapping[str, Any]) -> Iterator[FieldSource]:
        """The single account that the mapping, else the project, names."""
        listed = data.get("accounts") or list(self.settings.accounts)
        if "account" not in data.get("fields", {}) and len(listed) == 1:
            field = self.fields["account"]
            yield FieldSource(field, ConstantSource(listed[0]), self._convert(field, self.notation, None))

    def _check_identity(self, data: Mapping[str, Any]) -> None:
        fields, match = data.get("fields", {}), data.get("match")
        if match is None and "id" not in fields:
            help = "name the column that identifies an order, or `match` a field of orders that are there"
            self.note(
                "missing-key", ("fields",), "`id` is missing: it tells which order a row is about", help, key=True
            )
        if match is None:
            return
        field = self.fields.get(match)
        if field is None or field.type is not FieldType.TEXT:
            help = did_you_mean(match, [name for name, each in self.fields.items() if each.type is FieldType.TEXT])
            self.note("wrong-value", ("match",), f"orders cannot be found by `{match}`", help)
        elif match not in fields:
            message = f"`{match}` is missing: orders are found by it"
            self.note("missing-key", ("fields",), message, f"add `{match}: COLUMN`", key=True)
        if "id" in fields:
            self.note("wrong-key", ("match",), "with `match` the orders are found without `id`", "remove one", key=True)

    # --- fields ---

    def source(self, name: str, given: Any) -> FieldSource | None:
        """One entry under `fields`."""
        path: KeyPath = ("fields", name)
        field = self.fields.get(name)
        if field is None:
            help = did_you_mean(name, self.fields, listing=False)
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
        label = _expression_text(text).strip()
        if is_path(root) and isinstance(made, ColumnRef | PartRef) and not self._starts_with_part(root, scope):
            return self._source(field, ColumnSource(_steps(made)), root, scope, notation, values, options, path, label)
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

    def _need(self, key: str, root: Node) -> None:
        needs = Needs()
        needs.read(root, self.parts)
        self.needs += [(key, paths, self.document.span((key,))) for paths in needs.found]

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


def _steps(node: Node) -> tuple[str, ...]:
    return (
        (*_steps(node.base), node.name)
        if isinstance(node, PartRef)
        else (node.name,)
        if isinstance(node, ColumnRef)
        else ()
    )


def _expression_text(text: str) -> str:
    return text[1:] if text.startswith("=") else text


def _ending(file: Path) -> str:
    return Path(file.name.removesuffix(".gz")).suffix.lower()
