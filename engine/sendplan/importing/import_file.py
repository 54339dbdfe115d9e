"""`import`: a file's rows become orders, in one transaction; bad rows are told and left out (docs/mapping.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, assert_never
from zlib import error as ZlibError  # noqa: N812 - its own name is `error`

from sendplan.expressions.columns import Paths
from sendplan.expressions.elements import SEEN
from sendplan.fields import Value
from sendplan.importing.bad_rows import BadRow, BadRows, RowCode
from sendplan.importing.conversion import Notation, converter
from sendplan.importing.files import OrderFile
from sendplan.importing.grouping import groups
from sendplan.importing.mapping import FileMapping, importable, unmapped
from sendplan.importing.mapping_file import read_mapping
from sendplan.importing.selecting import Selection
from sendplan.importing.shapes import ABSENT, Groups, RawOrder, Rows, Shape, Trees, walked
from sendplan.importing.suspicions import Suspicions
from sendplan.importing.tables import OddRow, Table
from sendplan.importing.values import FieldReader, Mistakes, check_required
from sendplan.ledger import RefusedData
from sendplan.problems import Problem, Severity, UserError, did_you_mean
from sendplan.project.settings import Settings
from sendplan.store.protocols import ImportRun, Refusal, RefusedRow, Store, StoredOrder
from sendplan.text import clean

_COLUMNS_TOLD = 20
"""Columns without a field that are told one by one."""
BATCH = 2_000
"""Records converted and stored at once."""
REQUIRED = ("id", "account", "ordered")

Columns: TypeAlias = dict[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a dry run would do with one order."""

    line: int
    values: Mapping[str, Value]
    """The order as it would be stored."""
    before: StoredOrder | None
    """As it is now; None for a new one."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or a dry run would do."""

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    bad: int = 0
    passed_over: int = 0
    """Rows, or with `group` orders, for which `only` was not true."""
    problems: tuple[Problem, ...] = ()
    """Bad rows, or what kept the whole file out."""
    warnings: tuple[Problem, ...] = ()
    stored: bool = False
    """False when nothing of the file was taken."""
    previews: tuple[Preview, ...] = ()
    """Of a dry run, the orders, as many as were asked for."""
    unused: tuple[str, ...] = ()
    """Columns, or first keys of orders, that no field reads."""
    refused: Mapping[int, tuple[RowCode, ...]] = field(default_factory=dict)
    """Line of a bad row → what is wrong with it, of the first ones."""


def import_file(
    path: Path,
    mapping: Path | FileMapping | None,
    settings: Settings,
    store: Store,
    at: datetime,
    *,
    data_from: datetime | None = None,
    strict: bool = False,
    dry_run: int | None = None,
    name: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Take a file of orders into the store; `at` (UTC) is now.

    `data_from` (UTC) is how old the data is, for freshness (docs/mapping.md#refused-rows); None: as old as `at`.
    Good rows are stored together, bad ones are told; with `strict` one bad row refuses the file. With `dry_run`
    nothing is stored, and the report has so many orders. `name` is how messages name the file. `progress` is told the
    number of rows read so far.
    """
    if isinstance(mapping, Path):
        read, problems = read_mapping(mapping, settings, path)
        if read is None:
            return ImportReport(problems=tuple(problems))
        mapping = read
    mapping = mapping or _without(settings)
    file = OrderFile(path, name or str(path), mapping.encoding, mapping.format)
    work = _Import(file, mapping, settings, at, dry_run)
    report = _run(work, store, data_from or at, strict, progress or (lambda rows: None))
    if not report.stored and dry_run is None:
        _mark_all(work, store, at)
    return report


def _run(
    work: _Import, store: Store, data_from: datetime, strict: bool, progress: Callable[[int], None]
) -> ImportReport:
    """One transaction: everything that is good, or nothing and why."""
    file = work.file
    try:
        with store.importing(clean(file.path.name), data_from, work.settings.account_names) as run:
            return work.run(run, strict, progress)
    except UserError as error:
        return replace(work.report(), problems=(*work.report().problems, *error.problems))
    except _Undone as undone:
        return undone.report
    except UnicodeDecodeError as error:
        return replace(work.report(), problems=(file.undecodable(error),))
    except (OSError, EOFError, ZlibError) as error:
        known = error if isinstance(error, OSError | EOFError) else EOFError(str(error))
        return replace(work.report(), problems=(file.unreadable(known),))


def _mark_all(refused: _Import, store: Store, at: datetime) -> None:
    """Mark every order of a refused file whose id can be read: nothing that the file says of it was stored."""
    mapping = refused.mapping
    name = mapping.match or "id"
    naming = tuple(each for each in mapping.sources or () if each.field.name == name)
    work = _Import(refused.file, replace(mapping, sources=naming, needs=(), only=None), refused.settings, at, None)
    with store.importing(clean(refused.file.path.name), at) as run:
        work.mark_all(run, refused.carries())


def _without(settings: Settings) -> FileMapping:
    """The mapping of a file whose columns carry the fields' own names."""
    convert = {name: converter(each, settings.calendar, Notation()) for name, each in importable(settings).items()}
    return FileMapping(sources=unmapped(settings, convert), own_names=True)


class _Undone(Exception):  # noqa: N818 - it undoes the transaction, it is no error
    """Nothing shall be stored: a dry run, or bad rows of a strict import."""

    def __init__(self, report: ImportReport) -> None:
        self.report = report
        super().__init__()


@dataclass(slots=True)
class _Import:
    """The state of one import while it runs."""

    file: OrderFile
    mapping: FileMapping
    settings: Settings
    at: datetime
    dry_run: int | None
    table: Table | None = None
    encoded: bool = False
    """Whether values are read as the store keeps them."""
    shape: Shape = field(init=False)
    selection: Selection = field(init=False)
    bad: BadRows = field(default_factory=BadRows)
    readers: list[FieldReader] = field(default_factory=list)
    rows: int = 0
    carried: set[str] = field(default_factory=set)
    unmet: list[tuple[str, Paths, Any]] = field(default_factory=list)
    """What the mapping reads and no record had so far."""
    suspicions: Suspicions = field(default_factory=Suspicions)
    previews: list[Preview] = field(default_factory=list)
    left_out: list[tuple[RawOrder, bool]] = field(default_factory=list)
    """Records that are not stored and whose orders were not looked at yet, and whether `only` passed them over."""
    refused: dict[str, int] = field(default_factory=dict)
    """Order → line of the first of its rows that was refused."""
    store_run: ImportRun = field(init=False)

    def run(self, run: ImportRun, strict: bool, progress: Callable[[int], None]) -> ImportReport:
        """Everything between the transaction's begin and end."""
        self.store_run = run
        records = self._open()
        while batch := list(islice(records, BATCH)):
            self._take(run, batch)
            self.rows = self.selection.kept + self.selection.passed_over + self.bad.lines
            progress(self.rows)
        self._mark(self._fields())
        self.rows = self.selection.kept + self.selection.passed_over + self.bad.lines
        self._check_met()
        if self.table is not None:
            self.carried |= {each.source.field.name for each in self.readers if self._carries(each)}
        if not self.bad.lines or self.selection.kept > self.suspicions.refused:
            listed = self.mapping.accounts
            run.carried(self.carried, None if listed is None else map(self.settings.present_account, listed))
        imported = run.finish(self.bad.lines)
        told = self.report()
        counts = replace(
            told,
            inserted=imported.inserted,
            updated=imported.updated,
            unchanged=imported.unchanged,
            passed_over=told.passed_over + imported.forgotten,
        )
        if self.dry_run is not None or (strict and self.bad.lines):
            kept = counts if self.dry_run is not None else self.report()
            raise _Undone(kept)
        return replace(counts, stored=True)

    def report(self) -> ImportReport:
        """What is known without the store: the counts of rows, the bad ones, the warnings."""
        selection = getattr(self, "selection", None)
        passed_over = selection.passed_over if selection is not None else 0
        rows = passed_over + self.bad.lines + (selection.kept - self.suspicions.refused if selection else 0)
        return ImportReport(
            rows,
            bad=self.bad.lines,
            passed_over=passed_over,
            problems=tuple(self.bad.problems(self.file, self.table, rows)),
            warnings=tuple(self._warnings()),
            previews=tuple(self.previews),
            unused=self._unused(),
            refused=dict(self.bad.codes),
        )

    # --- opening ---

    def _open(self) -> Iterator[RawOrder]:
        """The records that are kept, in the file's own form."""
        calendar, format_ = self.settings.calendar, self.file.format
        if format_ in ("csv", "xlsx"):
            yield from self._open_table()
            return
        from sendplan.importing.json_trees import json_line_records, json_records
        from sendplan.importing.xml_trees import xml_records

        self.shape = Trees(calendar)
        self.selection = Selection(self.mapping, self.shape, self.bad, self._leave_out)
        self.readers = self._readers(self.mapping.sources or ())
        self.unmet = self._needed()
        read = {"json": json_records, "jsonl": json_line_records, "xml": xml_records}[format_]
        yield from self.selection.records(read(self.file, self.mapping.orders))

    def _open_table(self) -> Iterator[RawOrder]:
        self.table = table = Table(self.file, self.mapping.table)
        self.selection = Selection(self.mapping, Rows({}, self.settings.calendar), self.bad, self._leave_out)
        rows = table.start()
        self._check_columns(table)
        if self.mapping.group is None:
            used = {name: index for name, index in table.positions.items() if self._is_used(name)}
            self.shape = self.selection.shape = Rows(used, self.settings.calendar)
            self.readers = self._readers(self.mapping.sources or ())
            yield from self.selection.records(rows)
            return
        self.shape = self.selection.shape = Groups(frozenset(table.positions), self.settings.calendar)
        self.readers = self._readers(self.mapping.sources or ())
        grouped = groups(self._named(rows, table), self.mapping.group, self.mapping.empty, self._stray)
        yield from self.selection.groups(grouped)

    def _is_used(self, name: str) -> bool:
        return name in self.mapping.columns or self.mapping.own_names

    def _named(self, rows: Iterator[tuple[int, list[Any]] | OddRow], table: Table) -> Iterator[Any]:
        """The cells that the mapping reads, by column."""
        used = [(name, index) for name, index in table.positions.items() if self._is_used(name)]
        for row in rows:
            odd = row if isinstance(row, OddRow) else None
            if odd is not None and odd.cells is None:
                self.bad.note(odd.line, [BadRow(odd.line, odd.message, odd.help, code=RowCode.CELLS)])
                continue
            line, cells = (odd.line, odd.cells or []) if odd is not None else row  # type: ignore[misc]
            yield line, {name: cells[index] for name, index in used}, odd

    def _stray(self, line: int) -> None:
        self.bad.note(
            line, [BadRow(line, f"`{self.mapping.group}` is empty, and no order stands above", code=RowCode.GROUP)]
        )

    def _readers(self, sources: Sequence[Any]) -> list[FieldReader]:
        present = [each for each in sources if self._may_read(each)]
        texts = self.file.format == "csv" and self.mapping.group is None
        # With nothing else to be asked of a value, each text becomes at once what the store keeps of it.
        self.encoded = texts and self.dry_run is None and self.mapping.match is None and not self.mapping.asks_rows
        return [
            FieldReader(
                each,
                self.shape,
                self.mapping.empty,
                texts,
                self.store_run.encoder(each.field.name) if self.encoded else None,
            )
            for each in present
        ]

    def _may_read(self, source: Any) -> bool:
        """Whether a field is read at all: an optional one is not when the file has nothing of what it names."""
        if not source.optional or self.table is None:
            return True
        paths = [path for paths in source.needs for path in paths] or [source.source.path]
        return any(self.shape.has(path[0]) for path in paths)

    # --- columns that must be there ---

    def _check_columns(self, table: Table) -> None:
        if self.mapping.own_names:
            self._check_own_names(table)
            return
        missing = [
            self._lacks(key, paths, span)
            for key, paths, span in self._needed()
            if not any(path[0] in table.positions for path in paths)
        ]
        twice = [
            self.file.header_problem(
                table.header_line,
                f"the column `{name}` appears twice, and the mapping reads it",
                "rename one of them in the file",
            )
            for name in sorted(table.repeated & self.mapping.columns)
        ]
        if missing or twice:
            raise UserError([*dict.fromkeys(missing), *twice])

    def _check_own_names(self, table: Table) -> None:
        fields = importable(self.settings)
        for name in sorted(table.repeated & fields.keys()):
            raise UserError(self.file.header_problem(table.header_line, f"the column `{name}` appears twice"))
        if "id" not in table.positions:
            help = did_you_mean("id", table.header)
            if not help.startswith("did"):
                help = "a mapping file tells which column is which field: --mapping FILE"
            raise UserError(self.file.header_problem(table.header_line, "no column provides the field `id`", help))

    def _needed(self) -> list[tuple[str, Paths, Any]]:
        """Everything that must be there: what reads it, the ways to it, and where the mapping says so."""
        found = list(self.mapping.needs)
        for each in self.mapping.sources or ():
            if not each.optional:
                found += [(each.field.name, paths, each.span) for paths in each.needs]
        return found

    def _lacks(self, key: str, paths: Paths, span: Any) -> Problem:
        name = ".".join(min(paths))
        if self.table is not None:
            message = f"the file has no column `{name}`, which `{key}` reads"
            help = self.table.suggestion(name)
            known = help if help.startswith("did") else ""
        else:
            message, known = f"no order of the file has `{name}`, which `{key}` reads", ""
        optional = "" if key in ("only", "group") else "add `optional: true` when it may be absent"
        return Problem("absent-column", message, span, " or ".join(filter(None, (known, optional))))

    def _check_met(self) -> None:
        if self.unmet and self.selection.kept:
            missing = [self._lacks(key, paths, span) for key, paths, span in self.unmet]
            raise UserError(list(dict.fromkeys(missing)))

    def _meet(self, batch: Sequence[RawOrder]) -> None:
        """Forget the paths that some record has."""
        for _, record in batch:
            if not self.unmet:
                return
            self.unmet = [each for each in self.unmet if all(walked(record, path) is ABSENT for path in each[1])]

    # --- a batch ---

    def _take(self, run: ImportRun, batch: list[RawOrder]) -> None:
        if self.unmet:
            self._meet(batch)
        self.suspicions.see(batch if self.table is None else ())
        asks = self.mapping.asks_rows
        environments = [self.shape.environment(each) for each in batch] if asks else []
        mistakes: Mistakes = {}
        columns: Columns = {each.source.field.name: each.column(batch, environments, mistakes) for each in self.readers}
        self._check_required(columns, batch, mistakes)
        if "account" in columns:
            present = self.settings.account_names
            columns["account"] = [present.get(each, each) for each in columns["account"]]
        if self.mapping.match is not None:
            columns = self._matched(run, columns, batch, mistakes)
        for position, told in mistakes.items():
            self.bad.note(batch[position][0], told)
            self.suspicions.refused += 1
            self._leave_out(batch[position], passed_over=False)
        good = [position for position in range(len(batch)) if position not in mistakes]
        if mistakes:
            columns = {name: [values[position] for position in good] for name, values in columns.items()}
        lines = [batch[position][0] for position in good]
        layouts = _layouts(columns, len(lines)) if self.table is None else [(tuple(columns), None)] if lines else []
        for names, chosen in layouts:
            values = {name: columns[name] if chosen is None else [columns[name][at] for at in chosen] for name in names}
            self._store(run, values, lines if chosen is None else [lines[at] for at in chosen])

    # --- refused rows ---

    def _leave_out(self, record: RawOrder, passed_over: bool) -> None:
        """Remember a record that is not stored, to mark its order."""
        self.left_out.append((record, passed_over))
        if len(self.left_out) >= BATCH:
            self._read_left_out()

    def _read_left_out(self) -> None:
        """Which orders the records are of that were not stored; one that `only` hides is bad when it is there."""
        left_out, self.left_out = self.left_out, []
        orders = self._orders_of([record for record, _ in left_out])
        hidden = [id_ for (_, passed), ids in zip(left_out, orders, strict=True) if passed for id_ in ids]
        known = self.store_run.stored(hidden) if hidden else {}
        for (record, passed), ids in zip(left_out, orders, strict=True):
            line = record[0]
            marked = [id_ for id_ in ids if id_ in known] if passed else ids
            if passed and marked:
                self.selection.passed_over -= 1
                message = f"the order `{marked[0]}` is stored, and `only` passes its row over now"
                help = "store what has changed (such as `cancelled`) instead of passing the row over"
                self.bad.note(line, [BadRow(line, message, help, code=RowCode.HIDDEN)])
            self.refused.update({id_: line for id_ in marked if id_ not in self.refused})

    def _orders_of(self, records: Sequence[RawOrder]) -> list[tuple[str, ...]]:
        """The orders that each record speaks of; none where its id cannot be read."""
        name = self.mapping.match or "id"
        reader = next((each for each in self.readers if each.source.field.name == name), None)
        if reader is None or not records:
            return [() for _ in records]
        mistakes: Mistakes = {}
        environments = [self.shape.environment(each) for each in records] if self.mapping.asks_rows else []
        texts = reader.column(records, environments, mistakes)
        read = [text if isinstance(text, str) and at not in mistakes else None for at, text in enumerate(texts)]
        if self.mapping.match is None:
            return [() if text is None else (text,) for text in read]
        found = self.store_run.matching(name, {each for each in read if each is not None})
        return [() if text is None else tuple(id_ for id_, _ in found.get(text, ())) for text in read]

    def mark_all(self, run: ImportRun, fields: frozenset[str]) -> None:
        """Mark the orders of all rows, as far as the file can be read."""
        self.store_run = run
        try:
            for record in self._open():
                self._leave_out(record, passed_over=False)
        except (UserError, OSError, EOFError, ZlibError, UnicodeDecodeError):
            pass  # The refusal itself has told it; what was read so far is marked.
        self._mark(fields)

    def carries(self) -> frozenset[str]:
        """What a file that was refused carries, or would if its columns were there."""
        return self._fields() or frozenset(each.field.name for each in self.mapping.sources or ()) - {"id", "account"}

    def _mark(self, fields: frozenset[str]) -> None:
        """Mark the orders of which rows were refused."""
        self._read_left_out()
        for ids in _batched(self.refused, BATCH):
            self.store_run.mark({id_: RefusedData(self.file.name, self.refused[id_], fields) for id_ in ids})

    def _fields(self) -> frozenset[str]:
        """What the file carries, beside what names the order."""
        return frozenset(each.source.field.name for each in self.readers) - {"id", "account", self.mapping.match}

    def _check_required(self, columns: Columns, batch: Sequence[RawOrder], mistakes: Mistakes) -> None:
        fields = {each.source.field.name: (each.source.field, each.source.label) for each in self.readers}
        required = (self.mapping.match,) if self.mapping.match is not None else REQUIRED
        names = self.settings.account_names
        check_required(list(columns), list(columns.values()), batch, names, mistakes, fields, required)
        if self.mapping.match is None and self.table is None:
            for position, (line, _) in enumerate(batch):
                if columns["id"][position] is ABSENT:
                    mistakes.setdefault(position, []).append(BadRow(line, "`id` is missing", code=RowCode.MISSING))

    def _matched(self, run: ImportRun, columns: Columns, batch: Sequence[RawOrder], mistakes: Mistakes) -> Columns:
        """The columns with the ids of the orders that are found by `match`."""
        match = self.mapping.match
        assert match is not None
        accounts = columns.get("account")
        present = self.settings.present_account
        texts = columns[match]
        found = run.matching(match, {each for each in texts if isinstance(each, str)})
        ids: list[Any] = []
        for position, text in enumerate(texts):
            allowed = self.mapping.accounts if accounts is None else (accounts[position],)
            named = None if allowed is None else set(map(present, allowed))
            orders = [id_ for id_, account in found.get(text, ()) if named is None or present(account) in named]
            ids.append(orders[0] if len(orders) == 1 else None)
            if len(orders) != 1 and position not in mistakes:
                message = f'no order has `{match}` = "{text}"'
                if orders:
                    message = f'`{match}` = "{text}" belongs to {len(orders)} orders: {", ".join(orders[:3])}'
                mistakes[position] = [BadRow(batch[position][0], message, column=match, code=RowCode.MATCH)]
        return {"id": ids} | {name: each for name, each in columns.items() if name not in (match, "account")}

    def _store(self, run: ImportRun, columns: Columns, lines: Sequence[int]) -> None:
        names = tuple(columns)
        self.carried.update(names)
        self.suspicions.count(columns, len(lines))
        if self.mapping.asks_rows and any(SEEN in values for values in columns.values()):
            columns = self._first_seen(run, columns)
        rows = list(zip(lines, zip(*columns.values(), strict=True), strict=True))
        before = self._before(run, columns, lines)
        refused = run.upsert(names, rows, encoded=self.encoded)
        for each in refused:
            self.bad.note(each.number, [self._refused(each)])
            self.refused.setdefault(each.id, each.number)
        self.suspicions.refused += len(refused)
        numbers = {each.number for each in refused}
        run.brought(
            [id_ for id_, line in zip(columns["id"], lines, strict=True) if line not in numbers], self._fields()
        )
        self._preview(names, rows, before, numbers)

    def _first_seen(self, run: ImportRun, columns: Columns) -> Columns:
        """`seen` as a moment: what is stored stays; else this import's time, on a new order when it was ordered."""
        stored = run.stored(columns["id"])
        made = dict(columns)
        for name, values in columns.items():
            made[name] = [
                self._moment_seen(stored.get(columns["id"][at]), name, columns, at) if value is SEEN else value
                for at, value in enumerate(values)
            ]
        return made

    def _moment_seen(self, stored: StoredOrder | None, name: str, columns: Columns, at: int) -> Any:
        if stored is not None:
            return stored.values.get(name, self.at)
        return columns["ordered"][at] if "ordered" in columns else self.at

    def _refused(self, row: RefusedRow) -> BadRow:
        match row.refusal:
            case Refusal.DUPLICATE:
                message = f"the order `{row.id}` is on line {row.detail} already"
                help_ = "keep one of them, or `group` rows that belong together"
                alike, code = "the order is on an earlier line already", RowCode.DUPLICATE
            case Refusal.ACCOUNT_CHANGED:
                message = f"the order `{row.id}` belongs to the account `{row.detail}`"
                help_ = "an order's account cannot change; ids must be unique across all accounts"
                alike, code = f"the order belongs to the account `{row.detail}`", RowCode.OTHER_ACCOUNT
            case Refusal.INCOMPLETE:
                message = f"the order `{row.id}` is new and has no `{row.detail}`"
                help_ = self._completing(row.detail)
                alike, code = f"the order is new and has no `{row.detail}`", RowCode.INCOMPLETE
            case _:
                assert_never(row.refusal)
        return BadRow(row.number, message, help_, alike=alike, code=code)

    def _completing(self, field: str) -> str:
        """What to write so that new orders have a field that each must have."""
        if field != "account":
            return f"name its column under `fields:` of a mapping: `{field}: COLUMN`"
        known = ", ".join(self.settings.accounts)
        return (
            "say in a mapping whose orders these are, e.g. `accounts: "
            f"[{next(iter(self.settings.accounts), '')}]`, beside `extends:` if it comes with sendplan; known: {known}"
        )

    # --- a dry run ---

    def _before(self, run: ImportRun, columns: Columns, lines: Sequence[int]) -> Mapping[str, StoredOrder]:
        if self.dry_run is None or len(self.previews) >= self.dry_run:
            return {}
        return run.stored(columns["id"][: self.dry_run - len(self.previews)])

    def _preview(
        self, names: tuple[str, ...], rows: Sequence[Any], before: Mapping[str, StoredOrder], refused: set[int]
    ) -> None:
        if self.dry_run is None:
            return
        for line, values in rows[: self.dry_run - len(self.previews)]:
            if line in refused:
                continue
            given = dict(zip(names, values, strict=True))
            stored = before.get(given["id"])
            whole = {**(stored.values if stored else {}), **given}
            self.previews.append(Preview(line, {k: v for k, v in whole.items() if v is not None}, stored))

    # --- what else is told ---

    def _carries(self, reader: FieldReader) -> bool:
        path = getattr(reader.source.source, "path", None)
        return path is None or self.shape.has(path[0])

    def _unused(self) -> tuple[str, ...]:
        names = self.table.header if self.table is not None else tuple(self.suspicions.keys)
        used = importable(self.settings).keys() if self.mapping.own_names else self.mapping.columns
        return tuple(dict.fromkeys(name for name in names if name and name not in used))

    def _warnings(self) -> Iterator[Problem]:
        line = self.table.header_line if self.table is not None else 1
        if self.mapping.own_names:
            fields = importable(self.settings)
            unused = self._unused()
            for name in unused[:_COLUMNS_TOLD]:
                help = did_you_mean(name, fields)
                known = help if help.startswith("did") else "it is ignored; a mapping can say which field it belongs to"
                problem = self.file.header_problem(line, f"there is no field called `{name}`", known)
                yield replace(problem, code="unknown-column", severity=Severity.WARNING)
            if len(unused) > _COLUMNS_TOLD:
                more = f"{len(unused) - _COLUMNS_TOLD:,} more columns belong to no field"
                help = "a mapping can say which column is which field"
                span = self.file.span(line, 1)
                yield Problem("unknown-column", more, span, help, Severity.WARNING)
            return
        selection = getattr(self, "selection", None)
        if selection is None:
            return
        quiet = self.mapping.shipped
        mapped = [s for s in (each.source for each in self.readers) if not s.optional and s.field.name not in quiet]
        for message, help in self.suspicions.told(mapped, selection.kept, selection.passed_over, selection.continuing):
            yield Problem("import-suspicious", message, self.file.span(line, 1), help, Severity.WARNING)


def _batched(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """The ids, so many at once."""
    each = iter(ids)
    while chunk := list(islice(each, size)):
        yield chunk


def _layouts(columns: Columns, length: int) -> Iterator[tuple[tuple[str, ...], list[int] | None]]:
    """The records by the fields that they carry, as names and positions; None for all of them."""
    if not length:
        return
    lacking = [name for name, values in columns.items() if ABSENT in values]
    if not lacking:
        yield tuple(columns), None
        return
    found: dict[tuple[str, ...], list[int]] = {}
    for at in range(length):
        absent = {name for name in lacking if columns[name][at] is ABSENT}
        found.setdefault(tuple(name for name in columns if name not in absent), []).append(at)
    yield from found.items()
