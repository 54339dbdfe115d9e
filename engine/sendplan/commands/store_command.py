"""`sendplan store`: what is done to the store as a whole."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import format_option, load_settings, progress_bar, project_option
from sendplan.commands.output import print_json
from sendplan.problems import Exit
from sendplan.project.settings_file import holds_password
from sendplan.store import back_up, copy_store
from sendplan.store_kinds import HELP_PASSWORD
from sendplan.text import clean


@click.group("store")
def command() -> None:
    """Copy the store as a whole."""


@command.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@project_option
def backup(file: Path, project_dir: Path | None) -> int:
    """Write a consistent copy of the store to FILE, also while mails are sent.

    An earlier backup in its place is replaced, no other file.
    """
    settings = load_settings(project_dir)
    back_up(settings.store, settings.folder, file)
    click.echo(f"Written to {file}")
    return Exit.DONE


@command.command("copy")
@click.argument("url")
@format_option("text", "json")
@project_option
def copy(url: str, format_: str, project_dir: Path | None) -> int:
    """Move the project to another store at URL: sqlite:///FILE, or postgresql://USER@HOST/DATABASE.

    Everything is compared row by row, then the old store is left: nothing works on it any more. Called again, an
    interrupted copy goes on where it ended.
    """
    settings = load_settings(project_dir)
    if holds_password(url):
        raise click.UsageError(f"the address must not hold a password: {HELP_PASSWORD}")
    with progress_bar("Copying", "rows") as progress:
        copied = copy_store(settings.store, settings.folder, url, settings.fields, settings.calendar, progress)
    if format_ == "json":
        print_json({"store": url, "rows": copied.rows, "dropped": list(copied.dropped)})
        return Exit.DONE
    counts = ", ".join(f"{rows} {table}" for table, rows in copied.rows.items()) or "nothing"
    click.echo(clean(f"Copied and compared: {counts}"))
    if copied.dropped:
        click.echo(clean(f"Left behind, since the project names them no more: {', '.join(copied.dropped)}"))
    click.echo(clean(f"Now write `store: {url}` in sendplan.yaml; the old store is left."))
    return Exit.DONE
