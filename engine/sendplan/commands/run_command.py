"""`sendplan run`: import, plan and send in one, for cron; with `--stay` it repeats by the project's schedule."""

from __future__ import annotations

import secrets
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from sendplan.commands.context import (
    clock_of_sending,
    format_option,
    load_project,
    load_settings,
    log_option,
    now_option,
    progress_bar,
    project_option,
    reader_of,
    store_for,
)
from sendplan.commands.output import clean, print_json, print_problems
from sendplan.commands.reading import import_json, print_import
from sendplan.commands.sending import check_brake, deliver_with_progress, print_report, report_json
from sendplan.deciding.candidates import indexes
from sendplan.dispatch.delivery import stopping
from sendplan.events import logging_to
from sendplan.operating.imports import SourceImport, failures, read_imports
from sendplan.planning.planner import Clock, make_plan
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.project import Project
from sendplan.project.settings import Settings


@click.command("run")
@now_option
@click.option("--no-import", is_flag=True, help="Leave the files under `imports:` alone.")
@click.option("--stay", is_flag=True, help="Stay, and run at the times that the project's `schedule` names.")
@format_option("text", "json")
@log_option
@project_option
def command(
    now: str | None, no_import: bool, stay: bool, format_: str, log_format: str | None, project_dir: Path | None
) -> int:
    """Read the files under `imports:`, plan, and send, in one go.

    A bad row stops nothing but its order. A plan over `limits.per_run` is refused and nothing leaves.
    """
    if stay and now is not None:
        raise click.UsageError("--stay goes by the clock, not by --now")
    with stopping() as stop, logging_to(sys.stderr, log_format):
        if stay:
            return _repeat(project_dir, not no_import, format_, stop)
        return _run_once(project_dir, now, not no_import, format_, stop)


def _run_once(
    project_dir: Path | None, now: str | None, with_imports: bool, format_: str, stop: threading.Event
) -> int:
    project, problems = load_project(project_dir)
    clock = clock_of_sending(now, project.settings.calendar)
    imports = _prepare(project, clock, with_imports)
    if format_ == "text":
        for each in imports:
            print_import(each.file, each.report)
    else:
        _tell(failures(imports))
    plan = make_plan(project, reader_of(project), clock())
    for warning in plan.warnings:
        click.echo(f"warning: {clean(warning)}", err=True)
    check_brake(plan, project, None)
    # No plan file that could be sent twice: what an equal plan left open, or a person opened again, may leave now.
    plan = replace(plan, id=f"{plan.id}-{secrets.token_hex(4)}")
    report = deliver_with_progress(plan, project, clock, stop)
    if format_ == "json":
        print_json({"imports": {each.name: import_json(each.report) for each in imports}} | report_json(report))
    else:
        print_report(report, format_)
    broken = [each for each in problems if each.is_error] if project.broken else []
    _tell(broken)
    return report.exit_code or (Exit.FINDINGS if broken or failures(imports) else Exit.DONE)


def _prepare(project: Project, clock: Callable[[], Clock], with_imports: bool) -> tuple[SourceImport, ...]:
    """Read the imports and have the indexes that planning wants."""
    settings = project.settings
    with store_for(settings) as store:
        imports: tuple[SourceImport, ...] = ()
        if with_imports and settings.imports:
            with progress_bar("Importing", "rows") as progress:
                imports = read_imports(settings, store, datetime.now(UTC).replace(microsecond=0), progress=progress)
        store.ensure_indexes(indexes(project, clock().now))
    return imports


def _tell(problems: Sequence[Problem]) -> None:
    if problems:
        print_problems(problems, "text", err=True)


def _repeat(project_dir: Path | None, with_imports: bool, format_: str, stop: threading.Event) -> int:
    """Run at each firing; one run that cannot go on is reported and does not end the others."""
    settings = load_settings(project_dir)
    worst = 0
    while (firing := _next_firing(settings)) and not _wait_until(firing, stop):
        try:
            settings = load_settings(project_dir)
            worst = max(worst, _run_once(project_dir, None, with_imports, format_, stop))
        except UserError as error:
            print_problems(error.problems, "text", err=True)
            worst = max(worst, int(error.exit_code))
    return worst


def _next_firing(settings: Settings) -> datetime | None:
    """The next moment of the project's schedule; None when it names no day that exists."""
    if settings.schedule is None:
        raise UserError(_NO_SCHEDULE, Exit.USAGE)
    start = datetime.now(UTC) + timedelta(seconds=1)
    return next(settings.calendar.firings(settings.schedule, start, start + timedelta(days=366 * 5)), None)


def _wait_until(moment: datetime, stop: threading.Event) -> bool:
    """Whether waiting was ended by a signal. Short naps, since the machine may sleep or its clock be set."""
    while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:
        if stop.wait(min(left, 30.0)):
            return True
    return stop.is_set()


_NO_SCHEDULE = Problem(
    "missing-key",
    "`run --stay` needs a `schedule` in sendplan.yaml",
    help='write when to run, on the shop\'s clock: schedule: "*/10 8-17 * * mon-fri"',
)
