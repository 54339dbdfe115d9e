"""`import`: a file's rows become orders, in one transaction; bad rows are reported and left out (LANGUAGE §1, §11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TypeAlias, assert_never

from sendplan.fields import Value
from sendplan.importing.conversion import ConversionError, Converter, converter
from sendplan.importing.mapping import FieldSource, FileMapping, importable, read_mapping
from sendplan.importing.rows import BadRow, Header, Row, RowFile
from sendplan.problems import Problem, Severity, UserError, did_you_mean
from sendplan.project.settings import Settings
from sendplan.report import clean
from sendplan.store.protocols import ImportRun, Refusal, RefusedRow, Store

BATCH = 2_000
"""Rows converted and stored at once."""
LISTED = 1_000
"""Bad rows that are reported one by one; the others are counted."""
REQUIRED = ("id", "account", "ordered")

Columns: TypeAlias = list[Sequence[Value | None]]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did."""

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    bad: int = 0
    problems: tuple[Problem, ...] = ()
    """Bad rows, or what kept the whole file out."""
    warnings: tuple[Problem, ...] = ()
    stored: bool = False
    """False when nothing of the file was taken."""


def import_file(
    path: Path,
    mapping_path: Path | None,
    settings: Settings,
    store: Store,
    at: datetime,
    *,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Take a CSV, JSON or JSON lines file into the store; `at` (UTC) is when its data came.

    Good rows are stored together, bad ones are reported; with `strict` one bad row refuses the file. `progress` is
    told the number of rows read so far.
    """
    mapping = FileMapping()
    if mapping_path is not None:
        read, problems = read_mapping(mapping_path, settings)
        if read is None:
            return ImportReport(problems=tuple(problems))
        mapping = read
    work = _Import(RowFile(path, mapping), mapping, settings)
    try:
        with store.importing(clean(path.name), at) as run:
            return work.run(run, strict, progress or (lambda rows: None))
    except UserError as error:
        return replace(work.report(), problems=error.problems)
    except _Refused:
        return work.report()


class _Refused(Exception):  # noqa: N818 - it undoes the transaction, it is no error
    """A strict import met bad rows."""


@dataclass(slots=True)
class _Import:
    """The state of one import while it runs."""

    file: RowFile
    mapping: FileMapping
    settings: Settings
    rows: int = 0
    bad: int = 0
    listed: list[BadRow] = field(default_factory=list)
    carried: set[str] = field(default_factory=set)
    layouts: dict[Header, _Layout] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)
    """Columns that no field takes."""
    absent: set[str] | None = None
    """Columns of the mapping that no row had so far."""

    def run(self, run: ImportRun, strict: bool, progress: Callable[[int], None]) -> ImportReport:
        """Everything between the transaction's begin and end."""
        for header, batch in self._batches():
            self._take(run, self._layout(header), batch)
            progress(self.rows)
        self._note_unreadable()
        if self.file.header and not self.layouts:
            self._layout(self.file.header)
        if strict and self.bad:
            raise _Refused
        run.carried(self.carried, self.mapping.accounts)
        imported = run.finish(self.bad)
        return replace(
            self.report(),
            inserted=imported.inserted,
            updated=imported.updated,
            unchanged=imported.unchanged,
            stored=True,
        )

    def report(self) -> ImportReport:
        """What is known without the store: the counts of rows, the bad ones, the warnings."""
        self.listed.sort(key=lambda each: each.number)
        spans = self.file.spans(self.listed)
        problems = [
            Problem("bad-row", f"`{each.column}` {each.message}" if each.column else each.message, span, each.help)
            for each, span in zip(self.listed, spans, strict=True)
        ]
        return ImportReport(self.rows, bad=self.bad, problems=tuple(problems), warnings=tuple(self._warnings()))

    def _batches(self) -> Iterator[tuple[Header, list[Row]]]:
        for header, group in groupby(self.file.rows(), key=lambda each: each[0]):
            rows = (row for _, row in group)
            while batch := list(islice(rows, BATCH)):
                self._note_unreadable()
                self.rows += len(batch)
                yield header, batch

    def _note_unreadable(self) -> None:
        self.rows += len(self.file.bad)
        for each in self.file.bad:
            self._note(each)
        self.file.bad.clear()

    def _take(self, run: ImportRun, layout: _Layout, batch: list[Row]) -> None:
        if "id" not in layout.names:
            for number, _ in batch:
                self._note(BadRow(number, "`id` is missing"))
            return
        columns, bad = layout.convert(batch)
        for each in bad.values():
            self._note(each)
        good = [
            (number, values)
            for (number, _), values in zip(batch, zip(*columns, strict=True), strict=True)
            if number not in bad
        ]
        for refused in run.upsert(layout.names, good):
            self._note(self._refused(refused))

    def _note(self, bad: BadRow) -> None:
        self.bad += 1
        if len(self.listed) < LISTED:
            self.listed.append(bad)

    def _refused(self, row: RefusedRow) -> BadRow:
        match row.refusal:
            case Refusal.DUPLICATE:
                first = self.file.line(int(row.detail))
                return BadRow(row.number, f"the order `{row.id}` stands on line {first} already", "keep one of them")
            case Refusal.ACCOUNT_CHANGED:
                message = f"the order `{row.id}` belongs to the account `{row.detail}`"
                return BadRow(row.number, message, "an order's account cannot change; ids are unique over all accounts")
            case Refusal.INCOMPLETE:
                return BadRow(row.number, f"the order `{row.id}` is new and has no `{row.detail}`")
            case _:
                assert_never(row.refusal)

    def _layout(self, header: Header) -> _Layout:
        layout = self.layouts.get(header)
        if layout is None:
            layout = self.layouts[header] = _Layout(header, self._sources(header), self.settings)
            self.carried.update(layout.names)
            if "id" not in layout.names and self.file.format == "csv":
                raise UserError(self._no_id(header))
        return layout

    def _sources(self, header: Header) -> list[FieldSource]:
        """The fields that rows with these columns carry."""
        present = set(header)
        if self.mapping.sources is not None:
            absent = {name for each in self.mapping.sources for name in each.columns()} - present
            self.absent = absent if self.absent is None else self.absent & absent
            return [each for each in self.mapping.sources if present.issuperset(each.columns())]
        fields = importable(self.settings)
        self.unknown |= dict.fromkeys(name for name in header if name and name not in fields)
        return [FieldSource(fields[name], column=name) for name in header if name in fields]

    def _no_id(self, header: Header) -> Problem:
        help = did_you_mean("id", header)
        if self.mapping.sources is None and not help.startswith("did"):
            help = "a mapping file says which column is which field: --mapping FILE"
        return self.file.problem(1, "no column carries the field `id`", help)

    def _warnings(self) -> Iterator[Problem]:
        fields = importable(self.settings)
        for name in self.unknown:
            help = did_you_mean(name, fields)
            known = help if help.startswith("did") else "it is left out; a mapping says which field it carries"
            problem = self.file.problem(1, f"no field is called `{name}`", known)
            yield replace(problem, code="unknown-column", severity=Severity.WARNING)
        for name in sorted(self.absent or ()):
            message = f"the file has no column `{name}`, which the mapping names"
            problem = self.file.problem(1, message, did_you_mean(name, self.file.header))
            yield replace(problem, code="absent-column", severity=Severity.WARNING)


class _Layout:
    """The conversion of rows that have the same columns, prepared once."""

    def __init__(self, header: Header, sources: Sequence[FieldSource], settings: Settings) -> None:
        self.names = tuple(each.field.name for each in sources)
        self._header = header
        self._sources = sources
        self._accounts = settings.accounts.keys()
        self._converters: list[Converter] = [
            converter(each.field, settings.calendar, each.notation) for each in sources
        ]

    def convert(self, batch: Sequence[Row]) -> tuple[Columns, dict[int, BadRow]]:
        """The values column by column, and by number what is wrong with a row."""
        bad: dict[int, BadRow] = {}
        cells = dict(zip(self._header, zip(*(cells for _, cells in batch), strict=True), strict=True))
        columns = [self._column(index, batch, cells, bad) for index in range(len(self.names))]
        for name in REQUIRED:
            if name in self.names:
                self._require(name, columns[self.names.index(name)], batch, bad)
        return columns, bad

    def _column(
        self, index: int, batch: Sequence[Row], cells: Mapping[str, Sequence[Any]], bad: dict[int, BadRow]
    ) -> Sequence[Value | None]:
        source, convert = self._sources[index], self._converters[index]
        if not source.columns():
            return [source.constant] * len(batch)
        raws = cells[source.column] if source.column is not None else self._filled(source, batch)
        try:
            return _converted(convert, raws)
        except ConversionError:
            return [self._cell(source, convert, number, raw, bad) for (number, _), raw in zip(batch, raws, strict=True)]

    def _filled(self, source: FieldSource, batch: Sequence[Row]) -> list[str | None]:
        parts = [(text, None if name is None else self._header.index(name)) for text, name in source.template]
        return [_filled(parts, cells) for _, cells in batch]

    def _cell(
        self, source: FieldSource, convert: Converter, number: int, raw: object, bad: dict[int, BadRow]
    ) -> Value | None:
        try:
            return convert(raw)
        except ConversionError as error:
            message = error.message if source.column else f"`{source.field.name}` {error.message}"
            bad.setdefault(number, BadRow(number, message, error.help, source.column))
            return None

    def _require(self, name: str, values: Sequence[Value | None], batch: Sequence[Row], bad: dict[int, BadRow]) -> None:
        column = self._sources[self.names.index(name)].column
        if None in values:
            for (number, _), value in zip(batch, values, strict=True):
                if value is None:
                    bad.setdefault(number, BadRow(number, f"`{name}` is missing"))
        if name == "account" and not self._accounts >= set(values):
            for (number, _), value in zip(batch, values, strict=True):
                if value not in self._accounts:
                    message = f"names an account that sendplan.yaml does not have: `{value}`"
                    bad.setdefault(number, BadRow(number, message, did_you_mean(str(value), self._accounts), column))


def _converted(convert: Converter, raws: Sequence[Any]) -> list[Value | None]:
    """A whole column; where its texts repeat, as countries and dates do, each is converted once."""
    distinct = set(raws) if set(map(type, raws)) == {str} else set()
    if not distinct or len(distinct) * 2 > len(raws):
        return [convert(raw) for raw in raws]
    values = {raw: convert(raw) for raw in distinct}
    return [values[raw] for raw in raws]


def _filled(parts: Sequence[tuple[str, int | None]], cells: Sequence[Any]) -> str | None:
    """A template's text; None when one of its cells is empty, as half an address is none."""
    texts = []
    for text, at in parts:
        texts.append(text)
        if at is not None:
            cell = "" if cells[at] is None else str(cells[at]).strip()
            if not cell:
                return None
            texts.append(cell)
    return "".join(texts)
