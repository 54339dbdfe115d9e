"""`sendplan diff`: two plan files, or two rule sets over the same store and clock."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import clock_of, format_option, load_project, now_option, project_option
from sendplan.commands.output import print_json, print_problems
from sendplan.comparing.difference import Difference, of_plans, of_rules
from sendplan.comparing.revisions import project_at
from sendplan.planning.plan_file import read_plan
from sendplan.problems import Exit
from sendplan.text import clean


@click.command("diff")
@click.argument("plans", nargs=-1, metavar="[OLD NEW]", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--rules-from", metavar="REV", help="Compare with the rules of a git revision or another folder.")
@now_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 10 when there is a difference.")
@format_option("text", "json", "markdown")
@project_option
def command(
    plans: tuple[Path, ...],
    rules_from: str | None,
    now: str | None,
    detailed_exitcode: bool,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Show what changes between the plan files OLD and NEW, or from the rules of a revision to the present ones.

    A message is added, dropped, moved to another day, changed (template, sender, step …) or kept. Nothing is sent.
    """
    code = Exit.DONE
    if rules_from is not None and not plans:
        difference, code = _of_rules(rules_from, now, format_, project_dir)
    elif rules_from is None and len(plans) == 2:
        if now is not None:
            raise click.UsageError("--now goes with --rules-from; a plan file has its own time")
        old, new = plans
        difference = of_plans(read_plan(old), read_plan(new), (str(old), str(new)))
        _print(difference, format_)
    else:
        raise click.UsageError("give two plan files, or a revision or folder with --rules-from")
    return Exit.DIFFERENT if code is Exit.DONE and detailed_exitcode and difference.changes else code


def _of_rules(revision: str, now: str | None, format_: str, project_dir: Path | None) -> tuple[Difference, Exit]:
    project, problems = load_project(project_dir)
    clock = clock_of(now, project.settings.calendar)
    with project_at(project.settings.folder, revision) as before:
        difference = of_rules(before, project, clock, (revision, "the present rules"))
    _print(difference, format_)
    for warning in difference.warnings:
        click.echo(f"warning: {clean(warning)}", err=True)
    if project.broken:
        print_problems([each for each in problems if each.is_error], "text", err=True)
    return difference, Exit.FINDINGS if project.broken else Exit.DONE


def _print(difference: Difference, format_: str) -> None:
    if format_ == "json":
        print_json(difference.to_json())
    elif format_ == "markdown":
        click.echo(clean(difference.to_markdown()))
    else:
        click.echo(clean(difference.to_text()))
