"""`sendplan run`: plan and send in one, for cron; with `--every` it stays and repeats."""

from __future__ import annotations

import secrets
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from sendplan.calendar import Calendar, cron_error
from sendplan.commands.context import (
    clock_of_sending,
    format_option,
    load_project,
    log_option,
    now_option,
    project_option,
    reader_of,
    store_for,
)
from sendplan.commands.output import clean, print_problems
from sendplan.commands.sending import check_brake, deliver_with_progress, print_report
from sendplan.deciding.candidates import indexes
from sendplan.dispatch.delivery import stopping
from sendplan.events import logging_to
from sendplan.planning.planner import make_plan
from sendplan.problems import Exit, UserError


@click.command("run")
@now_option
@click.option("--every", metavar="CRON", help="Stay, and run at these times of the shop's clock.")
@format_option("text", "json")
@log_option
@project_option
def command(now: str | None, every: str | None, format_: str, log_format: str | None, project_dir: Path | None) -> int:
    """Plan and send in one go. A plan over `limits.per_run` is refused and nothing leaves."""
    if every is not None and now is not None:
        raise click.UsageError("--every goes by the clock, not by --now")
    if every is not None and (wrong := cron_error(every)):
        raise click.UsageError(f"--every: {wrong}")
    with stopping() as stop, logging_to(sys.stderr, log_format):
        if every is None:
            return _run_once(project_dir, now, format_, stop)
        return _repeat(project_dir, every, format_, stop)


def _run_once(project_dir: Path | None, now: str | None, format_: str, stop: threading.Event) -> int:
    project, problems = load_project(project_dir)
    clock = clock_of_sending(now, project.settings.calendar)
    with store_for(project.settings) as store:
        store.ensure_indexes(indexes(project, clock().now))
    plan = make_plan(project, reader_of(project), clock())
    for warning in plan.warnings:
        click.echo(f"warning: {clean(warning)}", err=True)
    check_brake(plan, project, None)
    # No plan file that could be sent twice: what an equal plan left open, or a person opened again, may leave now.
    plan = replace(plan, id=f"{plan.id}-{secrets.token_hex(4)}")
    report = deliver_with_progress(plan, project, clock, stop)
    print_report(report, format_)
    if project.broken:
        print_problems([each for each in problems if each.is_error], "text", err=True)
        return report.exit_code or Exit.FINDINGS
    return report.exit_code


def _repeat(project_dir: Path | None, every: str, format_: str, stop: threading.Event) -> int:
    """Run at each firing; one run that cannot go on is reported and does not end the others."""
    project, _ = load_project(project_dir)
    worst = 0
    while (firing := _next_firing(project.settings.calendar, every)) and not _wait_until(firing, stop):
        try:
            worst = max(worst, _run_once(project_dir, None, format_, stop))
        except UserError as error:
            print_problems(error.problems, "text", err=True)
            worst = max(worst, int(error.exit_code))
    return worst


def _next_firing(calendar: Calendar, every: str) -> datetime | None:
    start = datetime.now(UTC) + timedelta(seconds=1)
    return next(calendar.firings(every, start, start + timedelta(days=366 * 5)), None)


def _wait_until(moment: datetime, stop: threading.Event) -> bool:
    """Whether waiting was ended by a signal. Short naps, since the machine may sleep or its clock be set."""
    while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:
        if stop.wait(min(left, 30.0)):
            return True
    return stop.is_set()
