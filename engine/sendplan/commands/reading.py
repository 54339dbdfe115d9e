"""What `import` and `run` share: how the import of a file is told."""

from __future__ import annotations

from typing import Any

import click

from sendplan import report
from sendplan.commands.output import clean, print_problems
from sendplan.importing.import_file import ImportReport


def print_import(file: str, done: ImportReport) -> None:
    """What a file changed, and what in it was refused."""
    problems = [*done.problems, *done.warnings]
    if problems:
        print_problems(problems, "text", err=True)
    said = f"{done.inserted} new, {done.updated} updated, {done.unchanged} unchanged, {done.bad} bad"
    click.echo(
        f"{clean(file)}: {report.counted(done.rows, 'row')}: {said}" + ("" if done.stored else "; nothing was stored")
    )


def import_json(done: ImportReport) -> dict[str, Any]:
    """The same for machines."""
    counts = {
        "rows": done.rows,
        "inserted": done.inserted,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "bad": done.bad,
        "stored": done.stored,
    }
    return counts | report.problems_json([*done.problems, *done.warnings])
