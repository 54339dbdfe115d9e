"""`sendplan pause` and `sendplan resume`: an operator stops a sender, a rule, or everything, and lets it go on."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import format_option, load_project, project_option, store_of
from sendplan.commands.output import print_json
from sendplan.commands.person import person
from sendplan.operating.by_hand import EVERYTHING
from sendplan.operating.meant import pausable
from sendplan.problems import Exit


@click.command("pause")
@click.argument("name", metavar="[SENDER|RULE]", required=False)
@format_option("text", "json")
@project_option
def command(name: str | None, format_: str, project_dir: Path | None) -> int:
    """Hold the messages of a sender or rule, or all of them; read before each mail, also by runs under way."""
    project, _ = load_project(project_dir)
    target = pausable(project, name)
    store = store_of(project.settings)
    _tell(target, "paused" if person(store).pause(target) else "already paused", format_)
    return Exit.DONE


@click.command("resume")
@click.argument("name", metavar="[SENDER|RULE]", required=False)
@format_option("text", "json")
@project_option
def resume(name: str | None, format_: str, project_dir: Path | None) -> int:
    """End a pause of a sender, a rule, or everything."""
    project, _ = load_project(project_dir)
    target = pausable(project, name)
    store = store_of(project.settings)
    _tell(target, "resumed" if person(store).resume(target) else "was not paused", format_)
    return Exit.DONE


def _tell(target: str, state: str, format_: str) -> None:
    if format_ == "json":
        print_json({"name": target, "state": state})
    else:
        click.echo(f"{'everything' if target == EVERYTHING else target}: {state}")
