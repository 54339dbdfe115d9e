"""What every command needs: its project, the store, and the clock, which is read here and nowhere below."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sendplan.commands.output import colored, print_problems
from sendplan.events import emit, json_only, logging_to
from sendplan.problems import Exit, Problem, UserError, code_of_signal
from sendplan.project.project_folder import FILE, find_folder
from sendplan.user_cache import ignore_cache

if TYPE_CHECKING:
    # What a command does not use is not loaded for it.
    from sendplan.calendar import Calendar
    from sendplan.planning.planner import Clock
    from sendplan.project.project import Project
    from sendplan.project.settings import Settings
    from sendplan.store import Reader, Store

F = TypeVar("F", bound=Callable[..., Any])


def project_option(command: F) -> F:
    """`--project DIR` and `--no-cache` on every command."""
    command = click.option(
        "--no-cache",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=lambda context, option, given: ignore_cache() if given else None,
        help="Work everything out anew instead of reading it from the user's cache, and keep nothing there.",
    )(command)
    return click.option(
        "--project",
        "project_dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="The project's folder; by default the nearest one upward with a sendplan.yaml.",
    )(command)


def now_option(command: F) -> F:
    """`--now T` on commands that look at the clock."""
    return click.option("--now", metavar="T", help="Go by this time (ISO 8601, the shop's zone) instead of the clock.")(
        command
    )


def format_option(*formats: str) -> Callable[[F], F]:
    """`--format`; the first one is the default."""
    return click.option(
        "--format", "format_", type=click.Choice(formats), default=formats[0], show_default=True, help="Output format."
    )


def log_option(command: Callable[..., int]) -> Callable[..., int]:
    """`--log-format` on commands that send: the log is theirs from their first line to their last.

    A log in JSON shares its stream with nothing: what ends the command is an event, too.
    """

    @wraps(command)
    def logged(*arguments: Any, log_format: str | None, **named: Any) -> int:
        with logging_to(sys.stderr, log_format):
            try:
                return command(*arguments, **named)
            except UserError as error:
                if not json_only():
                    raise
                print_problems(error.problems, "text", err=True)
                return int(error.exit_code)
            except KeyboardInterrupt as error:
                if not json_only():
                    raise
                emit("interrupted")
                return code_of_signal(error)
            except click.ClickException as error:
                if not json_only():
                    raise
                emit("problem", logging.ERROR, message=error.format_message())
                return int(Exit.USAGE)

    return click.option(
        "--log-format",
        type=click.Choice(("text", "json")),
        help="Write one line per event to stderr, without addresses.",
    )(logged)


def folder_of(project_dir: Path | None) -> Path:
    """The project's folder; raises UserError when there is none."""
    if project_dir is None:
        return find_folder(Path.cwd())
    if not (project_dir / FILE).is_file():
        problem = Problem("no-project", f"`{project_dir}` does not contain {FILE}", None, "give a project's folder")
        raise UserError(problem, Exit.USAGE)
    return project_dir.resolve()


def load_project(project_dir: Path | None, *, kept: bool = False) -> tuple[Project, list[Problem]]:
    """The project and the problems of its broken rules; raises UserError when the settings cannot be used.

    With `kept`, which is for commands that send and change nothing, as it was read before, where nothing has changed.
    """
    if kept:
        from sendplan import checked

        project, problems = checked.load(folder_of(project_dir))
    else:
        from sendplan.project import project as projects

        project, problems = projects.load(folder_of(project_dir))
    if project is None:
        raise UserError(problems)
    return project, problems


def load_settings(project_dir: Path | None) -> Settings:
    """The settings alone; raises UserError when they cannot be used."""
    from sendplan.project.settings_file import read_settings

    settings, _, problems = read_settings(folder_of(project_dir))
    if settings is None:
        raise UserError(problems)
    return settings


def reader_of(project: Project) -> Reader:
    """The store for reading."""
    from sendplan.store import open_reader

    settings = project.settings
    return open_reader(settings.store, settings.folder, settings.fields, settings.calendar)


@contextmanager
def reader_for(settings: Settings) -> Iterator[Reader]:
    """The store for reading, for a while."""
    from sendplan.store import open_reader

    with closing(open_reader(settings.store, settings.folder, settings.fields, settings.calendar)) as reader:
        yield reader


@contextmanager
def store_for(settings: Settings) -> Iterator[Store]:
    """The store for writing, for a while."""
    from sendplan.store import open_store

    with closing(open_store(settings.store, settings.folder, settings.fields, settings.calendar)) as store:
        yield store


def store_of(settings: Settings) -> Store:
    """The store for writing, until the command ends."""
    return click.get_current_context().with_resource(store_for(settings))


def clock_of(now: str | None, calendar: Calendar, option: str = "--now") -> Clock:
    """The command's clock: the real one, or `--now`, which hides later events when it lies in the past."""
    from sendplan.planning.planner import Clock

    real = datetime.now(UTC).replace(microsecond=0)
    if now is None:
        return Clock(real)
    given = calendar.parse(now)
    if given is None:
        raise click.UsageError(f"{option}: `{now}` is not a valid ISO 8601 time; write 2026-08-22 or 2026-08-22T12:00")
    return Clock(given, replay=given < real)


def clock_of_sending(now: str | None, calendar: Calendar) -> Callable[[], Clock]:
    """Read for each mail anew, so that a long run notices when a window closes; `--now` stands still."""
    if now is None:
        return lambda: clock_of(None, calendar)
    fixed = clock_of(now, calendar)
    return lambda: fixed


@contextmanager
def progress_bar(what: str, unit: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """On a terminal, a bar that is told how much is done; elsewhere nothing."""
    if not sys.stderr.isatty() or json_only():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    # Rich's own answer to NO_COLOR would keep bold and dim.
    console = Console(stderr=True, color_system="auto" if colored(sys.stderr) else None)
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.completed:,.0f} " + unit), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
