"""`sendplan init`: a new project from the example shop."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import click

from sendplan import resources
from sendplan.problems import Exit, Problem, UserError

NOW = "2026-08-24 12:00"
"""The time at which the sample orders show a bit of everything, on the shop's clock."""

COPIED = {
    **{name: name for name in ("sendplan.yaml", "rules", "templates", "schemas", "fixtures/orders.csv")},
    **{name: name for name in ("fixtures/scenarios", "fixtures/snapshots")},
    "fixtures/example_tests.py": "tests/test_plans.py",
    "fixtures/example_plan.txt": "tests/__snapshots__/test_plans/test_monday_in_august.plan.txt",
}
"""What a new project gets: its place in the example shop → its place in the project."""


@click.command("init")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".", metavar="[DIR]")
def command(directory: Path) -> int:
    """Make a new project in DIR (here by default): the example shop, ready to edit. Nothing is overwritten."""
    taken = [name for name in COPIED.values() if (directory / name).exists()]
    if taken:
        message = f"`{directory}` already contains {', '.join(taken)}"
        help_ = "choose an empty folder: `sendplan init shop`"
        raise UserError(Problem("project-exists", message, None, help_), Exit.USAGE)
    copy_example(directory)
    ignored = directory / ".gitignore"
    if not ignored.exists():
        ignored.write_text("/var/\n", encoding="utf-8")
    where = "" if directory == Path() else f"cd {shlex.quote(str(directory))} && "
    click.echo(f"Created a new project in {directory.resolve()}. Its sample orders are from August 2026.")
    click.echo(f'Try: {where}sendplan check && sendplan import fixtures/orders.csv && sendplan plan --now "{NOW}"')
    return Exit.DONE


def copy_example(directory: Path) -> None:
    """Copy the example shop's files into a folder."""
    source = resources.shipped()
    for name, place in COPIED.items():
        target = directory / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source / name, target)
