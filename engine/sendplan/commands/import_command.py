"""`sendplan import`: orders from a file into the store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from sendplan import report
from sendplan.commands.context import format_option, load_settings, progress_bar, project_option, store_of
from sendplan.commands.output import clean, print_json, print_problems
from sendplan.deciding.candidates import indexes
from sendplan.importing.import_file import import_file
from sendplan.problems import Exit
from sendplan.project import project as projects
from sendplan.project.settings import Settings
from sendplan.store import Store


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--mapping",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="How the file's columns become fields.",
)
@click.option("--strict", is_flag=True, help="One bad row refuses the whole file.")
@format_option("text", "json")
@project_option
def command(file: Path, mapping: Path | None, strict: bool, format_: str, project_dir: Path | None) -> int:
    """Read orders from FILE (CSV, JSON or JSON lines): new ones are added, known ones updated, all or nothing.

    A bad row is reported with its line and does not stop the others.
    """
    settings = load_settings(project_dir)
    store = store_of(settings)
    with progress_bar("Importing", "rows") as progress:
        done = import_file(
            file, mapping, settings, store, datetime.now(UTC).replace(microsecond=0), strict=strict, progress=progress
        )
    _index(settings, store)
    counts = {
        "rows": done.rows,
        "inserted": done.inserted,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "bad": done.bad,
        "stored": done.stored,
    }
    problems = [*done.problems, *done.warnings]
    if format_ == "json":
        print_json(counts | report.problems_json(problems))
    else:
        if problems:
            print_problems(problems, "text", err=True)
        said = f"{done.inserted} new, {done.updated} updated, {done.unchanged} unchanged, {done.bad} bad"
        click.echo(
            f"{clean(str(file))}: {report.counted(done.rows, 'row')}: {said}"
            + ("" if done.stored else "; nothing was stored")
        )
    return Exit.FINDINGS if done.problems else Exit.DONE


def _index(settings: Settings, store: Store) -> None:
    """Have the indexes that the project's rules want; planning itself makes none (ARCHITECTURE rule 7)."""
    project, _ = projects.load(settings.folder)
    if project is not None:
        store.ensure_indexes(indexes(project, datetime.now(UTC)))
