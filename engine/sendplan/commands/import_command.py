"""`sendplan import`: orders from a file into the store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from sendplan.commands.context import format_option, load_settings, progress_bar, project_option, store_of
from sendplan.commands.output import print_json
from sendplan.commands.reading import import_json, print_import
from sendplan.deciding.candidates import indexes
from sendplan.importing.import_file import import_file
from sendplan.operating.imports import failures, read_imports
from sendplan.problems import Exit
from sendplan.project import project as projects
from sendplan.project.settings import Settings
from sendplan.store import Store


@click.command("import")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--mapping",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="How the file's columns become fields.",
)
@click.option("--strict", is_flag=True, help="One bad row refuses the whole file.")
@format_option("text", "json")
@project_option
def command(file: Path | None, mapping: Path | None, strict: bool, format_: str, project_dir: Path | None) -> int:
    """Read orders from FILE (CSV, JSON or JSON lines): new ones are added, known ones updated, all or nothing.

    A bad row is reported with its line and does not stop the others. Without FILE, the files under `imports:` are read.
    """
    settings = load_settings(project_dir)
    if file is None:
        if mapping is not None or strict:
            raise click.UsageError("--mapping and --strict belong to a FILE; `imports:` names its own mappings")
        if not settings.imports:
            raise click.UsageError("name a FILE, or the files to read under `imports:` in sendplan.yaml")
        return _import_all(settings, format_)
    store = store_of(settings)
    with progress_bar("Importing", "rows") as progress:
        done = import_file(
            file, mapping, settings, store, datetime.now(UTC).replace(microsecond=0), strict=strict, progress=progress
        )
    _index(settings, store)
    if format_ == "json":
        print_json(import_json(done))
    else:
        print_import(str(file), done)
    return Exit.FINDINGS if done.problems else Exit.DONE


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
    """Have the indexes that the project's rules want; planning itself makes none (ARCHITECTURE rule 7)."""
    project, _ = projects.load(settings.folder)
    if project is not None:
        store.ensure_indexes(indexes(project, datetime.now(UTC)))
