"""`sendplan schemas`: the project's own names in its schema files, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

import click

from sendplan import resources
from sendplan.commands.context import load_project, project_option
from sendplan.commands.output import print_problems
from sendplan.problems import Exit
from sendplan.project import schema_files
from sendplan.project.schema_files import FileOutcome


@click.command("schemas")
@project_option
def command(project_dir: Path | None) -> int:
    """Write the project's names into its schema files, from which editors complete. A changed file is left alone."""
    project, problems = load_project(project_dir)
    if (project.settings.folder / schema_files.FOLDER).resolve() == resources.shipped() / schema_files.FOLDER:
        raise click.UsageError("these are sendplan's own schemas; give a project's folder with --project DIR")
    if problems:
        print_problems(problems, "text", err=True)
    for file, outcome in schema_files.write_schemas(project):
        match outcome:
            case FileOutcome.WRITTEN:
                click.echo(f"written    {file}")
            case FileOutcome.UNCHANGED:
                click.echo(f"unchanged  {file}")
            case FileOutcome.KEPT:
                click.echo(f"kept       {file}")
                hint = "to have it written anew, delete it and run this again"
                click.echo(f"`{file}` was changed by hand, or comes from another version: {hint}", err=True)
            case _:
                assert_never(outcome)
    return Exit.DONE
