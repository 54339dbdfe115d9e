"""`sendplan store`: what is done to the store as a whole."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import load_settings, project_option
from sendplan.problems import Exit
from sendplan.store import back_up


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
