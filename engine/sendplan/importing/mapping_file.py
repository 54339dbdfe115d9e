"""Mapping files: everything that can be checked without the file itself, with places (docs/mapping.md)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sendplan import resources
from sendplan.expressions.columns import Paths, reads_every_row, typed
from sendplan.expressions.evaluate import Meaning, meaning
from sendplan.expressions.needs import Needs
from sendplan.expressions.nodes import FieldRef, Kind, Node, walk
from sendplan.fields import FieldType
from sendplan.importing.conversion import Notation
from sendplan.importing.dates import ISO, known_language
from sendplan.importing.files import FORMATS
from sendplan.importing.mapping import (
    ConstantSource,
    FieldSource,
    FileMapping,
)
from sendplan.importing.mapping_checks import expression_text
from sendplan.importing.mapping_fields import MappingFields
from sendplan.importing.tables import TableLayout
from sendplan.problems import Problem, Span, did_you_mean
from sendplan.project.settings import Settings
from sendplan.reading.source import Document, KeyPath, load

SHIPPED = "mappings"
"""The folder of the mappings that come with sendplan."""
_MERGED = ("fields", "let")
_NAME = re.compile(r"[^\W\d]\w*")


def read_mapping(path: Path, settings: Settings, file: Path | None = None) -> tuple[FileMapping | None, list[Problem]]:
    """A mapping file, checked against the project's fields and accounts; no mapping when something is wrong.

    `file` is what it will read, as far as that is known: its ending tells the format that the mapping does not name.
    """
    from sendplan.reading.schemas import validated

    document, problems = load(path, project=settings.folder)
    if document is None:
        return None, problems
    data, found = validated(document, "mapping")
    problems = [*problems, *found]
    if problems:
        return None, [*problems, *_further(document, path, data, settings, file, problems)]
    return _built(document, path, data, settings, file)


def _further(
    document: Document, path: Path, data: Any, settings: Settings, file: Path | None, known: list[Problem]
) -> list[Problem]:
    """What is wrong beside what the schema does not allow, and does not merely follow from it."""
    from sendplan.reading.schemas import without_wrong

    rest, gone = without_wrong(data, "mapping")
    if not isinstance(rest, dict) or any(each[0] in _DECIDING for each in gone):
        return []
    if any(each[-1] in ("decimal", "thousands") for each in gone):
        _without_notation(rest)
    places = {(each.span.line, each.span.column) for each in known if each.span}
    found = _built(document, path, rest, settings, file)[1]
    return [
        each
        for each in found
        if each.code != "missing-key" and not (each.span and (each.span.line, each.span.column) in places)
    ]


_DECIDING = ("extends", "format", "group", "let", "orders")
"""Keys by which everything else is read."""


def _without_notation(data: dict[str, Any]) -> None:
    """Without separators: alone, the one that is left would mean something else."""
    for each in (data, *(field for field in data.get("fields", {}).values() if isinstance(field, dict))):
        each.pop("decimal", None)
        each.pop("thousands", None)


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
    document: Document, path: Path, data: dict[str, Any], settings: Settings, file: Path | None
) -> tuple[FileMapping | None, list[Problem]]:
    builder, ours = _Builder(document, settings), path.parent == shipped_path(path.stem).parent
    merged = builder.extended(data)
    if merged is None:
        return None, builder.problems
    builder.read(merged, file)
    mapping = builder.mapping(merged, _shipped_fields(ours, data, merged))
    return (mapping if not builder.problems else None), builder.problems


def _shipped_fields(ours: bool, own: Mapping[str, Any], merged: Mapping[str, Any]) -> frozenset[str]:
    """The fields that are read as a mapping says that comes with sendplan; `ours` is one of these itself."""
    fields = frozenset(merged.get("fields", {}))
    if "extends" in own:
        return fields - frozenset(own.get("fields", {}))
    return fields if ours else frozenset()


class _Builder(MappingFields):
    """Reads a whole mapping."""

    def __init__(self, document: Document, settings: Settings) -> None:
        super().__init__(document, settings)
        self.needs: list[tuple[str, Paths, Span | None]] = []

    def extended(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """The keys of the mapping over those of the one that it extends."""
        name = data.get("extends")
        if name is None:
            return self._without_nulls(data)
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
            base_keys, own = below.get(key) or {}, data.get(key) or {}
            for each in (
                each for each, value in own.items() if value is None and each not in base_keys and key == "fields"
            ):
                message = f"`{name}` has no `{each}` that could be removed"
                help = did_you_mean(each, base_keys, listing=False)
                self.note("unknown-name", (key, each), message, help, key=True)
            both = {**base_keys, **own}
            merged[key] = {each: value for each, value in both.items() if value is not None}
        return {key: value for key, value in merged.items() if value is not None}

    def _without_nulls(self, data: dict[str, Any]) -> dict[str, Any]:
        """A mapping that extends none has nothing that `null` could remove: something was left empty."""
        kept = self._filled(data, ())
        for key in [each for each in kept if each in _MERGED]:
            kept[key] = self._filled(kept[key], (key,))
        return kept

    def _filled(self, data: dict[str, Any], path: KeyPath) -> dict[str, Any]:
        # What is empty because its name is torn (`let: {to: join(a, b)}`) is told for the name.
        empty = [key for key, value in data.items() if value is None and (path != ("let",) or _NAME.fullmatch(key))]
        for key in empty:
            help = "write a value, or leave the line out; `null` removes what a mapping under `extends` has"
            self.note("empty-value", (*path, key), f"`{key}` is empty", help, key=True)
        return {key: value for key, value in data.items() if key not in empty}

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
            self._mistakes(typed(root, scope, expression_text(text), None)[1], path, text)
            self.parts[name] = root

    def mapping(self, data: dict[str, Any], shipped: frozenset[str]) -> FileMapping:
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
            shipped=shipped,
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

    def _need(self, key: str, root: Node) -> None:
        needs = Needs()
        needs.read(root, self.parts)
        self.needs += [(key, paths, self.document.span((key,))) for paths in needs.found]


def _ending(file: Path) -> str:
    return Path(file.name.removesuffix(".gz")).suffix.lower()
