"""`sendplan run`: import, plan and send in one, for cron; with `--stay` it repeats by the project's schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from sendplan.commands.bounces_command import print_readings, readings_json
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
)
from sendplan.commands.output import print_json, print_problems, remark, warn
from sendplan.commands.reading import import_json, print_import
from sendplan.commands.sending import deliver_with_progress, print_report, report_json
from sendplan.commands.watching import Watchers, metrics_options, watching
from sendplan.cron import firings
from sendplan.dataclass import dataclass
from sendplan.dispatch.stopping import Stop, interruptible, stopping
from sendplan.operating.imports import SourceImport, failures
from sendplan.operating.running import prepare, read_files, read_returned, ready, takes_on
from sendplan.planning.planner import Clock, make_plan
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.project import Project
from sendplan.project.settings import Settings
from sendplan.text import counted


@dataclass(frozen=True, slots=True)
class _Options:
    project_dir: Path | None
    now: str | None
    with_imports: bool
    format_: str
    watchers: Watchers
    """Who is told how the project stands after each run."""


@click.command("run")
@now_option
@click.option("--no-import", is_flag=True, help="Leave the files under `imports:` alone.")
@click.option("--stay", is_flag=True, help="Stay, and run at the times that the project's `schedule` names.")
@metrics_options
@format_option("text", "json")
@log_option
@project_option
def command(
    now: str | None,
    no_import: bool,
    stay: bool,
    metrics_file: Path | None,
    metrics_port: tuple[str, int] | None,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Read the files under `imports:`, plan, and send, in one go.

    A bad row stops nothing but its order. A plan over `limits.per_run` is refused and nothing leaves.
    """
    if stay and now is not None:
        raise click.UsageError("--stay goes by the clock, not by --now")
    if metrics_port is not None and not stay:
        raise click.UsageError("--metrics-port belongs to --stay; a single run writes a --metrics-file")
    with stopping() as stop, watching(metrics_file, metrics_port) as watchers:
        options = _Options(project_dir, now, not no_import, format_, watchers)
        return _repeat(options, stop) if stay else _run_once(options, stop)


def _run_once(options: _Options, stop: Stop) -> int:
    project, problems = load_project(options.project_dir)
    clock = clock_of_sending(options.now, project.settings.calendar)
    try:
        code = _import_and_send(project, problems, clock, options, stop)
    except UserError as error:
        print_problems(error.problems, "text", err=True)
        code = int(error.exit_code)
    options.watchers.tell(project, clock())
    return code


def _import_and_send(
    project: Project, problems: Sequence[Problem], clock: Callable[[], Clock], options: _Options, stop: Stop
) -> int:
    imports: tuple[SourceImport, ...] = ()
    if options.with_imports:
        with interruptible(stop), progress_bar("Importing", "rows") as progress:
            imports = read_files(project.settings, _real_time(), progress)
    if options.format_ == "text":
        for each in imports:
            print_import(each.file, each.report)
    else:
        _tell(failures(imports))
    with interruptible(stop):
        if forgotten := prepare(project, clock().now, _real_time()):
            remark(f"{counted(forgotten, 'order')} older than {project.settings.retention} forgotten")
    with interruptible(stop):
        returned, unread = read_returned(project.settings, _real_time())
    if returned and options.format_ == "text":
        print_readings(returned)
    _tell(unread)
    with interruptible(stop):
        plan = make_plan(project, reader_of(project), clock())
    for warning in plan.warnings:
        warn(warning)
    sending_at = clock().now if options.now is not None else None
    ready_plan = ready(plan, project, _real_time())
    report = deliver_with_progress(ready_plan, project, clock, stop, sending_at=sending_at)
    if options.format_ == "json":
        read = {
            "imports": {each.name: import_json(each.report) for each in imports},
            "bounces": readings_json(returned),
        }
        print_json(read | report_json(report))
    else:
        print_report(report, options.format_)
    broken = [each for each in problems if each.is_error] if project.broken else []
    _tell(broken)
    return report.exit_code or (Exit.FINDINGS if broken or unread or failures(imports) else Exit.DONE)


def _real_time() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _tell(problems: Sequence[Problem]) -> None:
    if problems:
        print_problems(problems, "text", err=True)


def _repeat(options: _Options, stop: Stop) -> int:
    """Run at each firing; one run that cannot go on is reported and does not end the others."""
    settings = load_settings(options.project_dir)
    worst = 0
    while (firing := _next_firing(settings)) and not _wait_until(firing, stop):
        try:
            settings = load_settings(options.project_dir)
            if takes_on(settings, firing):
                worst = max(worst, _run_once(options, stop))
        except KeyboardInterrupt:
            remark("interrupted before anything was sent")
            break
        except UserError as error:
            print_problems(error.problems, "text", err=True)
            worst = max(worst, int(error.exit_code))
        except OSError as error:
            warn(f"this run could not go on: {error}")
            worst = max(worst, int(Exit.SOME_FAILED))
    return worst


def _next_firing(settings: Settings) -> datetime | None:
    """The next moment of the project's schedule; None when it names no day that exists."""
    if settings.schedule is None:
        raise UserError(_NO_SCHEDULE, Exit.USAGE)
    start = datetime.now(UTC) + timedelta(seconds=1)
    return next(firings(settings.calendar, settings.schedule, start, start + timedelta(days=366 * 5)), None)


def _wait_until(moment: datetime, stop: Stop) -> bool:
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
