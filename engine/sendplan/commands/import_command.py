"""`sendplan import`: orders from files into the store."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from sendplan.commands.context import format_option, load_project, load_settings, progress_bar, project_option, store_of
from sendplan.commands.output import print_json
from sendplan.commands.reading import history_json, import_json, print_history, print_import
from sendplan.deciding.candidates import indexes
from sendplan.importing.files import FORMATS
from sendplan.importing.import_report import ImportReport
from sendplan.importing.mapping_file import shipped_names, shipped_path
from sendplan.operating.histories import HistoryReport, take_history
from sendplan.operating.imports import failures, read_imports, take_file
from sendplan.problems import Exit, did_you_mean
from sendplan.project import project as projects
from sendplan.project.settings import Settings
from sendplan.store import Store

PREVIEWED = 10
"""Orders that a dry run prints for people."""


@click.command("import")
@click.argument("files", nargs=-1, metavar="[FILE]…", type=click.Path(path_type=Path))
@click.option(
    "--mapping",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="How the file's columns become fields.",
)
@click.option("--from", "system", metavar="SYSTEM", help="A mapping that comes with sendplan.")
@click.option("--strict", is_flag=True, help="One bad row refuses the whole file.")
@click.option("--dry-run", is_flag=True, help="Show the orders as they would be stored, and store nothing.")
@click.option(
    "--draft", is_flag=True, help="Write a first mapping from a look at FILE, with comments where it guesses."
)
@click.option("--history", is_flag=True, help="FILE is what an old system has sent: order, rule, step, at.")
@format_option("text", "json")
@project_option
def command(
    files: tuple[Path, ...],
    mapping: Path | None,
    system: str | None,
    strict: bool,
    dry_run: bool,
    draft: bool,
    history: bool,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Read orders from each FILE: new ones are added, known ones updated, all or nothing.

    A FILE is CSV, JSON, JSON lines, XML or XLSX, also packed (.gz), a folder of them, or `-` for standard input. A bad
    row is reported with its line and does not stop the others. Without FILE, the files under `imports:` are read.
    """
    if history:
        if not files or draft or mapping is not None or system is not None:
            raise click.UsageError("--history takes FILEs with the columns order, rule, step, at, and no mapping")
        return _record_history(files, project_dir, strict, dry_run, format_)
    settings = load_settings(project_dir)
    if draft:
        if len(files) != 1 or mapping is not None or system is not None or strict or dry_run:
            raise click.UsageError("--draft takes one FILE and no other option")
        return _draft(files[0], settings)
    if not files:
        if mapping is not None or system is not None or strict or dry_run:
            raise click.UsageError("--mapping, --from, --strict and --dry-run belong to a FILE")
        if not settings.imports:
            raise click.UsageError("name a FILE, or the files to read under `imports:` in sendplan.yaml")
        return _import_all(settings, format_)
    if system is not None:
        mapping = _shipped(system, mapping)
    at = datetime.now(UTC).replace(microsecond=0)
    store = store_of(settings)
    done: list[tuple[str, ImportReport]] = []
    listed = None if not dry_run else sys.maxsize if format_ == "json" else PREVIEWED
    with progress_bar("Importing", "rows") as progress:
        for given in files:
            for path, name in _opened(given):
                with path as opened:
                    report = take_file(
                        opened,
                        mapping,
                        settings,
                        store,
                        at,
                        strict=strict,
                        dry_run=listed,
                        name=name,
                        progress=progress,
                    )
                done.append((name, report))
    if not dry_run:
        _index(settings, store)
    if format_ == "json":
        reports = [import_json(report) for _, report in done]
        print_json(reports[0] if len(reports) == 1 else {"files": {name: import_json(each) for name, each in done}})
    else:
        for name, report in done:
            print_import(name, report)
    return Exit.FINDINGS if any(report.problems for _, report in done) else Exit.DONE


def _draft(given: Path, settings: Settings) -> int:
    """A mapping on standard output, and beside it what to do next."""
    from sendplan.importing.drafting.writing import first_mapping

    opened = list(_opened(given))
    if len(opened) != 1:
        raise click.UsageError(f"--draft looks at one file, and the folder `{given}` holds {len(opened)}")
    ((path, name),) = opened
    with path as file:
        click.echo(first_mapping(file, name, settings), nl=False)
    click.echo(
        "write this to a file such as mappings/web.yaml, look at what is marked `guess`, then try it: "
        f"sendplan import {name} --mapping mappings/web.yaml --dry-run",
        err=True,
    )
    return Exit.DONE


def _record_history(
    files: tuple[Path, ...], project_dir: Path | None, strict: bool, dry_run: bool, format_: str
) -> int:
    """Record what another system has sent, so that no rule sends it again."""
    project, _ = load_project(project_dir)
    store = store_of(project.settings)
    now = datetime.now(UTC).replace(microsecond=0)
    done: list[tuple[str, HistoryReport]] = []
    for given in files:
        for path, name in _opened(given):
            with path as opened:
                done.append((name, take_history(opened, name, project, store, now, strict=strict, dry_run=dry_run)))
    for name, report in done if format_ == "text" else ():
        print_history(name, report)
    if format_ == "json":
        print_json({"files": {name: history_json(report) for name, report in done}})
    return Exit.FINDINGS if any(report.problems for _, report in done) else Exit.DONE


def _shipped(system: str, mapping: Path | None) -> Path:
    if mapping is not None:
        raise click.UsageError("--mapping and --from exclude each other; a mapping file may say `extends: SYSTEM`")
    if system not in shipped_names():
        raise click.UsageError(
            f"no mapping called `{system}` comes with sendplan; {did_you_mean(system, shipped_names())}"
        )
    return shipped_path(system)


def _opened(given: Path) -> Iterator[tuple[AbstractContextManager[Path], str]]:
    """The files behind an argument, each as something to open and the name that messages use."""
    if str(given) == "-":
        yield _standard_input(), "-"
        return
    if not given.exists():
        raise click.UsageError(f"there is no file `{given}`")
    if not given.is_dir():
        yield _as_it_is(given), str(given)
        return
    found = sorted(each for each in given.iterdir() if Path(each.name.removesuffix(".gz")).suffix.lower() in FORMATS)
    if not found:
        raise click.UsageError(f"the folder `{given}` holds no file of orders ({', '.join(FORMATS)}, also .gz)")
    for each in found:
        yield _as_it_is(each), str(each)


@contextmanager
def _as_it_is(path: Path) -> Iterator[Path]:
    yield path


@contextmanager
def _standard_input() -> Iterator[Path]:
    """Standard input as a file, for places are read again when something is wrong there."""
    with tempfile.NamedTemporaryFile(prefix="sendplan-") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield Path(copy.name)


def _import_all(settings: Settings, format_: str) -> int:
    store = store_of(settings)
    with progress_bar("Importing", "rows") as progress:
        imports = read_imports(settings, store, datetime.now(UTC).replace(microsecond=0), progress=progress)
    _index(settings, store)
    if format_ == "json":
        print_json({"imports": {each.name: import_json(each.report) for each in imports}})
    else:
        for each in imports:
            print_import(each.file, each.report)
    return Exit.FINDINGS if failures(imports) else Exit.DONE


def _index(settings: Settings, store: Store) -> None:
    """Have the indexes that the project's rules want; planning itself makes none (docs/architecture.md#rules)."""
    project, _ = projects.load(settings.folder)
    if project is not None:
        store.ensure_indexes(indexes(project, datetime.now(UTC)))
