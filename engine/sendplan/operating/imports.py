"""The files under `imports:`: what `run`, and `import` without FILE, read (docs/operating.md#imports)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sendplan.importing.import_file import ImportReport, import_file
from sendplan.problems import Problem
from sendplan.project.settings import ImportSource, Settings
from sendplan.store.protocols import Store


@dataclass(frozen=True, slots=True)
class SourceImport:
    """What came of one of them."""

    name: str
    file: str
    """As people see it: relative to the project's folder where it lies in there."""
    report: ImportReport


def read_imports(
    settings: Settings, store: Store, at: datetime, *, progress: Callable[[int], None] = lambda rows: None
) -> tuple[SourceImport, ...]:
    """Read every file under `imports:`, one after the other; `at` (UTC) is when its data came.

    A bad row, a file that is not there and one that is refused stop none of the others; their problems are in the
    reports. Raises UserError for a store that cannot be written.
    """
    return tuple(
        SourceImport(each.name, shown(each.file, settings), _read(each, settings, store, at, progress))
        for each in settings.imports
    )


def failures(imports: Iterable[SourceImport]) -> tuple[Problem, ...]:
    """Everything that was refused: rows and whole files."""
    return tuple(problem for each in imports for problem in each.report.problems)


def shown(path: Path, settings: Settings) -> str:
    """A path as people wrote it in the settings."""
    return str(path.relative_to(settings.folder) if path.is_relative_to(settings.folder) else path)


def _read(
    source: ImportSource, settings: Settings, store: Store, at: datetime, progress: Callable[[int], None]
) -> ImportReport:
    file = shown(source.file, settings)
    if not source.file.exists():
        message = f"import `{source.name}`: there is no file `{file}`"
        help_ = "look at what writes it; orders and payments stay as the last import left them"
        return ImportReport(problems=(Problem("file-missing", message, None, help_),))
    try:
        report = import_file(source.file, source.mapping, settings, store, at, progress=progress)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        problem = Problem("file-unreadable", f"import `{source.name}`: `{file}` cannot be read: {why}")
        return ImportReport(problems=(problem,))
    return replace(report, problems=_renamed(report.problems, settings), warnings=_renamed(report.warnings, settings))


def _renamed(problems: Iterable[Problem], settings: Settings) -> tuple[Problem, ...]:
    """The same problems in files named as people wrote them."""
    return tuple(
        replace(each, span=replace(each.span, file=shown(Path(each.span.file), settings))) if each.span else each
        for each in problems
    )
