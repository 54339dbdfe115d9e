"""Every import of a project, by hand or under `imports:`, and its line in the log that `status` reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sendplan.addresses import mask_all
from sendplan.dataclass import dataclass
from sendplan.importing.import_file import import_file
from sendplan.importing.import_report import ImportReport
from sendplan.importing.shared_fields import Writer, source_of, writer, writers
from sendplan.problems import Problem
from sendplan.project.settings import ImportSource, Settings
from sendplan.store.protocols import Store
from sendplan.store.records import Imported, ImportProblem, ImportRecord
from sendplan.text import clean

TOLD = 20
"""Refused rows that the log keeps one by one; it counts the others."""


@dataclass(frozen=True, slots=True)
class SourceImport:
    """What came of one file under `imports:`."""

    name: str
    file: str
    """As people see it: relative to the project's folder where it lies in there."""
    report: ImportReport


def take_file(
    file: Path,
    mapping: Path | None,
    settings: Settings,
    store: Store,
    at: datetime,
    *,
    name: str | None = None,
    strict: bool = False,
    dry_run: int | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> ImportReport:
    """Import a file, and note what came of it unless nothing was meant to be stored.

    `at` is the real time (UTC); the others are those of `import_file`. What a file of payments under `imports:`
    writes too (docs/mapping.md#payments) a file of orders neither clears nor renews.
    """
    entry = source_of(mapping, settings)
    others = [each for each in writers(settings) if entry is None or each.name != entry.name]
    own = writer("", mapping, settings, file) if any(each.matches for each in others) else None
    together = own.together(others) if own is not None and not own.matches else frozenset()
    return _take(
        file,
        mapping,
        settings,
        store,
        at,
        name=name,
        strict=strict,
        dry_run=dry_run,
        together=together,
        progress=progress,
    )


def _take(
    file: Path,
    mapping: Path | None,
    settings: Settings,
    store: Store,
    at: datetime,
    *,
    source: str = "",
    name: str | None = None,
    strict: bool = False,
    dry_run: int | None = None,
    together: frozenset[str] = frozenset(),
    progress: Callable[[int], None] = lambda rows: None,
) -> ImportReport:
    """Import a file, whose name under `imports:` is `source`, and note what came of it."""
    name = name or shown(file, settings)
    report = import_file(
        file,
        mapping,
        settings,
        store,
        at,
        data_from=_written(file, at),
        strict=strict,
        dry_run=dry_run,
        name=name,
        together=together,
        progress=progress,
    )
    report = replace(report, problems=_renamed(report.problems, settings), warnings=_renamed(report.warnings, settings))
    if dry_run is None:
        _note(report, name, source, store, at)
    return report


def read_imports(
    settings: Settings, store: Store, at: datetime, *, progress: Callable[[int], None] = lambda rows: None
) -> tuple[SourceImport, ...]:
    """Read every file under `imports:`, one after the other; `at` is the real time (UTC).

    A bad row, a file that is not there and one that is refused stop none of the others; their problems are in the
    reports. Raises UserError for a store that cannot be written.
    """
    written = writers(settings)
    done = tuple(
        SourceImport(
            each.name,
            shown(each.file, settings),
            _read(each, own.together(written), settings, store, at, progress),
        )
        for each, own in zip(settings.imports, written, strict=True)
    )
    _renew_shared(written, [each.report for each in done], settings, store)
    return done


def _renew_shared(written: Sequence[Writer], reports: Sequence[ImportReport], settings: Settings, store: Store) -> None:
    """What several files write is as old as the oldest of them; while one of them is missing, nothing renews it."""
    fresh: dict[tuple[datetime, str], set[str]] = {}
    for field in sorted(frozenset().union(*(each.together(written) for each in written))):
        for account in settings.accounts:
            ages = [
                report.data_from
                for each, report in zip(written, reports, strict=True)
                if field in each.fields and each.writes_for(account) and _counts(field, each, report)
            ]
            brought = any(field in each.carried and account in each.accounts for each in reports)
            known = [each for each in ages if each is not None]
            if brought and len(known) == len(ages):
                fresh.setdefault((min(known), account), set()).add(field)
    for (data_from, account), fields in fresh.items():
        with store.importing("", data_from, settings.account_names) as run:
            run.carried(fields, [account])


def _counts(field: str, own: Writer, report: ImportReport) -> bool:
    """Whether a file has a say in how old a field is: one that was read and lacks the column has none."""
    return own.matches or field in report.carried or report.data_from is None


def failures(imports: Iterable[SourceImport]) -> tuple[Problem, ...]:
    """Everything that was refused: rows and whole files."""
    return tuple(problem for each in imports for problem in each.report.problems)


def shown(path: Path, settings: Settings) -> str:
    """A path as people wrote it in the settings."""
    return str(path.relative_to(settings.folder) if path.is_relative_to(settings.folder) else path)


def _read(
    source: ImportSource,
    together: frozenset[str],
    settings: Settings,
    store: Store,
    at: datetime,
    progress: Callable[[int], None],
) -> ImportReport:
    if source.file.exists():
        return _take(
            source.file,
            source.mapping,
            settings,
            store,
            at,
            source=source.name,
            together=together,
            progress=progress,
        )
    file = shown(source.file, settings)
    message = f"import `{source.name}`: there is no file `{file}`"
    help_ = "look at what writes it; orders and payments stay as the last import left them"
    report = ImportReport(problems=(Problem("file-missing", message, None, help_),))
    _note(report, file, source.name, store, at)
    return report


def _note(report: ImportReport, file: str, source: str, store: Store, at: datetime) -> None:
    refused = tuple(
        ImportProblem(str(each.span) if each.span else "", each.code, clean(mask_all(each.message)))
        for each in report.problems[:TOLD]
    )
    if report.nameless:
        refused = (_nameless(report.nameless, file), *refused)
    done = Imported(report.inserted, report.updated, report.unchanged)
    store.note_import(ImportRecord(at, clean(file), done, report.bad, source, report.stored, refused))


def _nameless(rows: int, file: str) -> ImportProblem:
    """For whom nothing is held: a person has to look at these rows."""
    what = (
        "1 bad row names no order, so none is held for it"
        if rows == 1
        else (f"{rows:,} bad rows name no order, so none is held for them")
    )
    return ImportProblem(
        "", "bad-row", f"{clean(file)}: {what}; `sendplan import` with --dry-run --format json lists all"
    )


def _written(file: Path, at: datetime) -> datetime:
    """How old the data of a file is: when it was last written (UTC), or `at` for a pipe."""
    if not file.is_file():
        return at
    return min(at, datetime.fromtimestamp(int(file.stat().st_mtime), UTC))


def _renamed(problems: Iterable[Problem], settings: Settings) -> tuple[Problem, ...]:
    """The same problems in files named as people wrote them."""
    return tuple(
        replace(each, span=replace(each.span, file=shown(Path(each.span.file), settings))) if each.span else each
        for each in problems
    )
