"""`import`: a file's rows become orders, in one transaction; bad rows are told and left out (docs/mapping.md)."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from zlib import error as ZlibError  # noqa: N812 - its own name is `error`

from sendplan.dataclass import dataclass
from sendplan.importing.bad_rows import BadRow, RowCode
from sendplan.importing.contradictions import contradictions
from sendplan.importing.conversion import Notation, converter
from sendplan.importing.files import OrderFile
from sendplan.importing.import_report import ImportReport
from sendplan.importing.mapping import FileMapping, importable, unmapped
from sendplan.importing.mapping_file import read_mapping
from sendplan.importing.opened_file import OpenedFile
from sendplan.importing.refused_orders import RefusedOrders
from sendplan.importing.shapes import ABSENT, RawOrder
from sendplan.importing.storing import Columns, Storing
from sendplan.importing.suspicions import Suspicions, unused_columns, warnings
from sendplan.importing.values import FieldReader, Mistakes, check_required
from sendplan.problems import Problem, UserError
from sendplan.project.settings import Settings
from sendplan.store.protocols import ImportRun, Store
from sendplan.text import clean

BATCH = 2_000
"""Records converted and stored at once."""
REQUIRED = ("id", "account", "ordered")
_ALLOCATIONS = 100_000
"""After so many containers Python looks for circles among them."""


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
    together: frozenset[str] = frozenset(),
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Take a file of orders into the store; `at` (UTC) is now.

    `data_from` (UTC) is how old the data is, for freshness (docs/mapping.md#refused-rows); None: as old as `at`.
    Good rows are stored together, bad ones are told; with `strict` one bad row refuses the file. With `dry_run`
    nothing is stored, and the report has so many orders. `name` is how messages name the file. `progress` is told the
    number of rows read so far. Of the fields in `together`, which another file writes too, an empty cell clears none,
    and this file alone renews none. Marks of refused rows are stored together with the rest, or alone with the
    refusal of a whole file. Raises StoreError for a store that cannot be written; nothing is stored then.
    """
    if isinstance(mapping, Path):
        read, problems = read_mapping(mapping, settings, path)
        if read is None:
            return ImportReport(problems=tuple(problems))
        mapping = read
    mapping = mapping or _without(settings)
    file = OrderFile(path, name or str(path), mapping.encoding, mapping.format)
    work = _Import(OpenedFile(file, mapping, settings), at, dry_run, together)
    data_from = data_from or at
    with store.importing(clean(path.name), data_from, settings.account_names) as run:
        report = _tried(work, run, strict, progress or (lambda rows: None))
        if not report.stored:
            run.undo()
            if dry_run is None:
                report = replace(report, nameless=_mark_all(work.opened, run))
    return replace(report, data_from=data_from if report.stored and work.renews else None)


def _tried(work: _Import, run: ImportRun, strict: bool, progress: Callable[[int], None]) -> ImportReport:
    """What came of the file, or what keeps all of it out."""
    file = work.opened.file
    try:
        return work.run(run, strict, progress)
    except UserError as error:
        problems = tuple(error.problems)
    except UnicodeDecodeError as error:
        problems = (file.undecodable(error),)
    except (OSError, EOFError, ZlibError) as error:
        known = error if isinstance(error, OSError | EOFError) else EOFError(str(error))
        problems = (file.unreadable(known),)
    report = work.report()
    return replace(report, problems=(*report.problems, *problems))


def _mark_all(refused: OpenedFile, run: ImportRun) -> int:
    """Mark every order of a refused file whose id can be read: nothing that the file says of it was stored.

    The number of its rows that name none comes back.
    """
    mapping, file = refused.mapping, refused.file
    # What a file that was refused carries, or would if its columns were there.
    fields = refused.fields or frozenset(each.field.name for each in mapping.sources or ()) - {"id", "account"}
    naming = tuple(each for each in mapping.sources or () if each.field.name == (mapping.match or "id"))
    again = OpenedFile(file, replace(mapping, sources=naming, needs=(), only=None), refused.settings)
    orders, rows = RefusedOrders(again, run), 0
    try:
        for record in again.records(orders.leave_out):
            orders.leave_out(record, passed_over=False)
            rows += 1
    except (UserError, OSError, EOFError, ZlibError, UnicodeDecodeError):
        pass  # The refusal itself has told it; what was read so far is marked.
    orders.mark(fields)
    return rows + again.bad.lines - orders.named


def _without(settings: Settings) -> FileMapping:
    """The mapping of a file whose columns carry the fields' own names."""
    convert = {name: converter(each, settings.calendar, Notation()) for name, each in importable(settings).items()}
    return FileMapping(sources=unmapped(settings, convert), own_names=True)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Rows are very many small containers without circles: Python need not look for those all the time."""
    before = gc.get_threshold()
    gc.set_threshold(_ALLOCATIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@dataclass(slots=True)
class _Import:
    """One import while it runs: batches of records are read, checked and stored."""

    opened: OpenedFile
    at: datetime
    dry_run: int | None
    together: frozenset[str]
    renews: bool = False
    """Whether it is news for freshness: it is not when every row was refused."""
    carried: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    suspicions: Suspicions = field(default_factory=Suspicions)
    refused: RefusedOrders = field(init=False)
    storing: Storing | None = None
    doubtful: tuple[Problem, ...] = ()
    """Values that were read, although other rows say that they mean something else."""

    def run(self, run: ImportRun, strict: bool, progress: Callable[[int], None]) -> ImportReport:
        """Store what is good; the report says whether that is to stay."""
        opened = self.opened
        self.refused = RefusedOrders(opened, run)
        self.storing = storing = Storing(opened, run, self.refused, self.suspicions, self.at, self.dry_run)
        storing.together = self.together
        records = opened.records(self.refused.leave_out, run.encoder if self.dry_run is None else None)
        with _few_collections():
            while batch := list(islice(records, BATCH)):
                self._take(storing, batch)
                progress(opened.rows)
        opened.read_through = True
        self.doubtful = tuple(contradictions(opened, self.refused, run))
        self.refused.mark(opened.fields)
        if opened.selection.kept:
            opened.needed.check_met()
        imported = run.finish(opened.bad.lines)
        self._note_carried(run, storing)
        told = self.report()
        counts = replace(
            told,
            inserted=imported.inserted,
            updated=imported.updated,
            unchanged=imported.unchanged,
            passed_over=told.passed_over + imported.forgotten,
        )
        if self.dry_run is not None:
            return counts
        return told if strict and opened.bad.lines else replace(counts, stored=True)

    def report(self) -> ImportReport:
        """What is known without the store: the counts of rows, the bad ones, the warnings."""
        opened = self.opened
        selection = opened.selection
        rows = opened.rows - self.suspicions.refused
        return ImportReport(
            rows,
            bad=opened.bad.lines,
            nameless=opened.bad.lines - self.refused.named if self.storing is not None else 0,
            passed_over=selection.passed_over,
            problems=tuple(opened.bad.problems(opened.file, opened.table, rows)),
            warnings=(*warnings(opened, self.suspicions), *self._implausible(), *self.doubtful),
            previews=tuple(self.storing.previews) if self.storing is not None else (),
            unused=unused_columns(opened, self.suspicions),
            carried=self.carried,
            accounts=self.accounts,
            refused=dict(opened.bad.codes),
        )

    def _implausible(self) -> Iterable[Problem]:
        return self.storing.implausible.problems(self.opened.file) if self.storing is not None else ()

    def _take(self, storing: Storing, batch: Sequence[RawOrder]) -> None:
        """Read the values of a batch, and store the records with which nothing is wrong."""
        opened = self.opened
        if opened.table is None:
            opened.needed.look_into(batch)
            self.suspicions.see(batch)
        asks = opened.mapping.asks_rows
        environments = [opened.shape.environment(each) for each in batch] if asks else []
        mistakes: Mistakes = {}
        columns: Columns = {
            each.source.field.name: each.column(batch, environments, mistakes) for each in opened.readers
        }
        self._check_required(columns, batch, mistakes)
        if "account" in columns:
            present = opened.settings.account_names
            columns["account"] = [present.get(each, each) for each in columns["account"]]
        if opened.mapping.match is not None:
            columns = storing.matched(columns, batch, mistakes)
        lines = [line for line, _ in batch]
        if mistakes:
            self._refuse(batch, mistakes)
            good = [position for position in range(len(batch)) if position not in mistakes]
            columns = {name: [values[position] for position in good] for name, values in columns.items()}
            lines = [lines[position] for position in good]
        storing.store(columns, lines)

    def _refuse(self, batch: Sequence[RawOrder], mistakes: Mistakes) -> None:
        for position, told in mistakes.items():
            self.opened.bad.note(batch[position][0], told)
            self.suspicions.refused += 1
            self.refused.leave_out(batch[position], passed_over=False)

    def _check_required(self, columns: Columns, batch: Sequence[RawOrder], mistakes: Mistakes) -> None:
        opened = self.opened
        fields = {each.source.field.name: (each.source.field, each.source.label) for each in opened.readers}
        match = opened.mapping.match
        names = opened.settings.account_names
        required = REQUIRED if match is None else (match,)
        check_required(list(columns), list(columns.values()), batch, names, mistakes, fields, required)
        if match is None and opened.table is None:
            for position, (line, _) in enumerate(batch):
                if columns["id"][position] is ABSENT:
                    mistakes.setdefault(position, []).append(BadRow(line, "`id` is missing", code=RowCode.MISSING))

    def _note_carried(self, run: ImportRun, storing: Storing) -> None:
        """For freshness: the fields of the file, unless every row of it was refused."""
        opened = self.opened
        carried = storing.carried
        if opened.table is not None:
            carried = carried | {each.source.field.name for each in opened.readers if self._carries(each)}
        if not opened.bad.lines or opened.selection.kept > self.suspicions.refused:
            listed = opened.mapping.accounts
            present = None if listed is None else [opened.settings.present_account(each) for each in listed]
            self.renews, self.carried = True, frozenset(carried)
            self.accounts = frozenset(run.carried(self.carried - self.together, present))

    def _carries(self, reader: FieldReader) -> bool:
        path = getattr(reader.source.source, "path", None)
        return path is None or self.opened.shape.has(path[0])
