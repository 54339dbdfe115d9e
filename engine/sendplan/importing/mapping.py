"""Mapping files: which column of a foreign file carries which field, and how it is written (LANGUAGE §11)."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

from sendplan.fields import Field, FieldType, Value
from sendplan.importing.conversion import ConversionError, Notation, convert
from sendplan.problems import Problem, did_you_mean
from sendplan.project.settings import Settings
from sendplan.reading.source import Document, KeyPath, load

_NOTATION_OF = {
    "date": (FieldType.MOMENT,),
    "decimal": (FieldType.DECIMAL,),
    "true": (FieldType.FLAG,),
    "false": (FieldType.FLAG,),
}


@dataclass(frozen=True, slots=True)
class FieldSource:
    """Where one field's values come from: a column, a text put together from columns, or a constant."""

    field: Field
    column: str | None = None
    template: tuple[tuple[str, str | None], ...] = ()
    """Literal texts, each with the column that follows it."""
    constant: Value | None = None
    """With neither column nor template, every order's value; None clears the field."""
    notation: Notation | None = None
    """None is the usual one."""

    def columns(self) -> tuple[str, ...]:
        """Every column that it reads."""
        if self.column is not None:
            return (self.column,)
        return tuple(column for _, column in self.template if column is not None)


@dataclass(frozen=True, slots=True)
class FileMapping:
    """How a file is to be read; without sources its columns carry the fields' own names."""

    format: str | None = None
    """`csv`, `json` or `jsonl`; told by the file's ending when None."""
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    accounts: tuple[str, ...] | None = None
    """For which accounts the file is complete; those it has rows for when None."""
    sources: tuple[FieldSource, ...] | None = None


def importable(settings: Settings) -> dict[str, Field]:
    """The fields that a file can carry: all but the derived ones."""
    return {name: field for name, field in settings.fields.items() if not field.derived_from}


def read_mapping(path: Path, settings: Settings) -> tuple[FileMapping | None, list[Problem]]:
    """A mapping file, checked against the project's fields and accounts; no mapping when something is wrong."""
    from sendplan.reading.schemas import validated

    document, problems = load(path)
    if document is None:
        return None, problems
    data, found = validated(document, "mapping")
    problems += found
    if any(each.is_error for each in problems):
        return None, problems
    reader = _Reader(document, settings, problems)
    mapping = reader.mapping(data)
    return (None if any(each.is_error for each in problems) else mapping), problems


class _Reader:
    def __init__(self, document: Document, settings: Settings, problems: list[Problem]) -> None:
        self.document = document
        self.settings = settings
        self.problems = problems
        self.fields = importable(settings)

    def mapping(self, data: Mapping[str, Any]) -> FileMapping:
        encoding = data.get("encoding", "utf-8")
        try:
            " ".encode(encoding)  # refuses what is a codec and yet none of text, such as `hex`
            encoding = codecs.lookup(encoding).name
        except (LookupError, ValueError):
            self.note(
                "wrong-value", ("encoding",), f"unknown encoding `{encoding}`", "such as utf-8, cp1252 or iso-8859-15"
            )
        accounts = data.get("accounts")
        for index, name in enumerate(accounts or ()):
            if name not in self.settings.accounts:
                known = did_you_mean(name, self.settings.accounts)
                self.note("unknown-name", ("accounts", index), f"unknown account `{name}`", known)
        sources = [self.source(name, data["fields"][name]) for name in data["fields"]]
        if "id" not in data["fields"]:
            self.note("missing-key", ("fields",), "`id` is missing: it tells which order a row is about", "", key=True)
        return FileMapping(
            format=data.get("format"),
            delimiter=data.get("delimiter", ","),
            encoding="utf-8-sig" if encoding == "utf-8" else encoding,
            accounts=tuple(accounts) if accounts is not None else None,
            sources=tuple(each for each in sources if each is not None),
        )

    def source(self, name: str, given: Any) -> FieldSource | None:
        path: KeyPath = ("fields", name)
        field = self.fields.get(name)
        if field is None:
            self.note("unknown-field", path, f"unknown field `{name}`", did_you_mean(name, self.fields), key=True)
            return None
        if isinstance(given, str):
            return FieldSource(field, column=given)
        for key, types in _NOTATION_OF.items():
            if key in given and field.type not in types:
                self.note(
                    "wrong-key", (*path, key), f"`{key}` does not fit `{name}`, which is a {field.type}", "", key=True
                )
        notation = Notation(
            date=given.get("date"),
            decimal=given.get("decimal", "."),
            true=tuple(given.get("true", ())),
            false=tuple(given.get("false", ())),
        )
        if "value" in given:
            return FieldSource(field, constant=self.constant(field, given["value"], (*path, "value")))
        if "template" in given:
            return FieldSource(field, template=self.template(given["template"], path), notation=notation)
        return FieldSource(field, column=given["column"], notation=notation)

    def constant(self, field: Field, raw: object, path: KeyPath) -> Value | None:
        try:
            value = convert(field, raw, self.settings.calendar)
        except ConversionError as error:
            self.note("wrong-value", path, f"`{field.name}` {error.message}", error.help)
            return None
        if field.name == "account" and value not in self.settings.accounts:
            self.note(
                "unknown-name", path, f"unknown account `{value}`", did_you_mean(str(value), self.settings.accounts)
            )
        return value

    def template(self, text: str, path: KeyPath) -> tuple[tuple[str, str | None], ...]:
        try:
            parts = [(literal, column) for literal, column, _, _ in Formatter().parse(text)]
        except ValueError:
            message = "the template has a brace without its counterpart"
            self.note("wrong-value", (*path, "template"), message, "columns stand in braces: {name}")
            return ()
        if not any(column for _, column in parts):
            self.note(
                "wrong-value", (*path, "template"), "the template names no column", "columns stand in braces: {name}"
            )
        return tuple(parts)

    def note(self, code: str, path: KeyPath, message: str, help: str = "", *, key: bool = False) -> None:
        span = self.document.key_span(path) if key else self.document.span(path)
        self.problems.append(Problem(code, message, span, help))
