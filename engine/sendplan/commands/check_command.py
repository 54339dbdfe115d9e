"""`sendplan check`: schemas, types, names, templates; every problem at once."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan import checked
from sendplan.commands.context import folder_of, format_option, project_option
from sendplan.commands.output import print_problems
from sendplan.problems import Exit


@click.command("check")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@format_option("text", "json", "github")
@project_option
def command(strict: bool, format_: str, project_dir: Path | None) -> int:
    """Check settings, rules and templates, and report all problems with their places and what to write instead."""
    problems = checked.check(folder_of(project_dir))
    print_problems(problems, format_)
    failing = any(problem.is_error or strict for problem in problems)
    return Exit.FINDINGS if failing else Exit.DONE
