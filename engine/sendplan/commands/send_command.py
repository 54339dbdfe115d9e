"""`sendplan send`: exactly what a plan file says, once."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import clock_of, format_option, load_project, now_option, project_option
from sendplan.commands.sending import check_brake, deliver_with_progress, print_report
from sendplan.plan_file import check_fresh, read_plan


@click.command("send")
@click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@now_option
@click.option("--approve", type=int, metavar="N", help="Send a plan over `limits.per_run`; N is its number of sends.")
@format_option("text", "json")
@project_option
def command(plan_path: Path, now: str | None, approve: int | None, format_: str, project_dir: Path | None) -> int:
    """Send PLAN's `send` entries; each is decided again right before its mail, and none is ever sent twice."""
    project, _ = load_project(project_dir)
    clock = clock_of(now, project.settings.calendar)
    plan = read_plan(plan_path)
    check_fresh(plan, project, clock.now)
    check_brake(plan, project, approve)
    report = deliver_with_progress(plan, project, clock)
    print_report(report, format_)
    return report.exit_code
