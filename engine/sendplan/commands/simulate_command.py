"""`sendplan simulate`: replay or forecast a rule set on a virtual clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from sendplan.calendar import Calendar, cron_error
from sendplan.commands.context import format_option, load_project, progress_bar, project_option
from sendplan.commands.output import print_json, print_problems, print_table
from sendplan.comparing.revisions import broken_there, project_at
from sendplan.fields import Moment
from sendplan.output_file import FileKind, write_file
from sendplan.planning.planner import never_carried
from sendplan.problems import Exit
from sendplan.project.project import Project
from sendplan.simulation.chart import text_bar
from sendplan.simulation.simulate import Send, Simulation, closed_windows, simulate, starts_of, usual_runs
from sendplan.simulation.simulation_page import page
from sendplan.simulation.volumes import (
    ComparedVolumes,
    Row,
    Volumes,
    message_rows,
    period_rows,
    periods,
    region_rows,
    volumes,
)
from sendplan.store import Reader, open_reader
from sendplan.store.protocols import overrides_of
from sendplan.text import clean, counted

BAR_WIDTH = 40


@dataclass(frozen=True, slots=True)
class _Span:
    """The time between `--from` and `--to`, both included."""

    first: Moment
    last: Moment
    begin: datetime
    """UTC, like `end`."""
    end: datetime


@click.command("simulate")
@click.option("--from", "first", required=True, metavar="D", help="The first day, or time (ISO 8601, the shop's zone).")
@click.option("--to", "last", required=True, metavar="D", help="The last day, or time.")
@click.option(
    "--every",
    metavar="CRON",
    help="When there is a run, on the shop's clock; by default the project's `schedule`, else daily at 06:00 and "
    "when a window opens.",
)
@click.option("--rules-from", metavar="REV", help="Compare with the rules of a git revision or another folder.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a page with a chart."
)
@format_option("table", "json")
@project_option
def command(
    first: str,
    last: str,
    every: str | None,
    rules_from: str | None,
    html: Path | None,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Play the rules over the store's orders on a virtual clock, from a day to a day, and count what would be sent.

    Events of orders come to light at their own time; the ledger starts as it stood at --from. Nothing is sent.
    """
    project, problems = load_project(project_dir)
    calendar = project.settings.calendar
    span = _span(first, last, calendar)
    other = None
    with ExitStack() as opened:
        before = None if rules_from is None else opened.enter_context(project_at(project.settings.folder, rules_from))
        runs = _runs(every, [project, *([] if before is None else [before])], span)
        done = _simulated(project, project, runs, span)
        warnings = list(_warnings(project, done))
        if before is not None and rules_from is not None:
            other = _simulated(before, project, runs, span)
            warnings += broken_there(before, rules_from)
    rhythm = every or project.settings.schedule or "daily at 06:00 and when a window opens"
    if format_ == "json":
        print_json(simulation_json(span, done, other, rules_from, calendar))
    else:
        _print(project, span, done, other, rules_from, rhythm)
    if html is not None:
        write_file(html, FileKind.PAGE, [_page(project, span, done, other, rules_from, warnings).encode()])
        click.echo(f"Written to {html}", err=format_ == "json")
    for warning in warnings:
        click.echo(f"warning: {clean(warning)}", err=True)
    if project.broken:
        print_problems([each for each in problems if each.is_error], "text", err=True)
        return Exit.FINDINGS
    return Exit.DONE


def _span(first: str, last: str, calendar: Calendar) -> _Span:
    begin, end = _moment("--from", first, calendar), _moment("--to", last, calendar)
    until = calendar.instant(end)
    if not isinstance(end, datetime):
        until = calendar.instant(end + timedelta(days=1)) - timedelta(seconds=1)
    if until < calendar.instant(begin):
        raise click.UsageError(f"--to {last} is before --from {first}")
    return _Span(begin, end, calendar.instant(begin), until)


def _moment(option: str, text: str, calendar: Calendar) -> Moment:
    instant = calendar.parse(text)
    if instant is None:
        raise click.UsageError(f"{option}: `{text}` is not a valid date; write 2026-08-22, or 2026-08-22T12:00")
    return date.fromisoformat(text) if len(text) <= 10 else instant


def _runs(every: str | None, projects: Sequence[Project], span: _Span) -> list[datetime]:
    wrong = cron_error(every) if every is not None else None
    if wrong is not None:
        raise click.UsageError(f"--every: `{every}`: {wrong}")
    if every is None:
        runs = usual_runs(projects, span.begin, span.end)
    else:
        runs = list(projects[0].settings.calendar.firings(every, span.begin, span.end))
    if not runs:
        raise click.UsageError("no run falls between --from and --to; choose other times, or other runs with --every")
    return runs


def _simulated(rules: Project, at: Project, runs: Sequence[datetime], span: _Span) -> Simulation:
    """The rules of one project on the store of the other, which is the same but for its rules."""
    reader = _reader(rules, at)
    overrides = overrides_of(
        (each for each in reader.suppressions() if each.at < span.begin),
        (each for each in reader.snoozes() if each.at < span.begin),
    )
    total = reader.counts().get("orders")
    with progress_bar("Simulating", "orders", total) as progress:
        return simulate(rules, starts_of(reader, span.begin), runs, overrides=overrides, progress=progress)


def _reader(rules: Project, at: Project) -> Reader:
    return open_reader(at.settings.store, at.settings.folder, rules.settings.fields, rules.settings.calendar)


def _warnings(project: Project, done: Simulation) -> Iterator[str]:
    settings = project.settings
    reader = _reader(project, project)
    if not reader.counts().get("orders"):
        yield "there are no orders in the store yet: run `sendplan import FILE`"
    yield from never_carried(project, reader.imported())
    for window, rules in closed_windows(project, done.runs).items():
        yield (
            f"no run falls into window {window}, so {' and '.join(rules)} sends nothing here; "
            "choose other runs with --every"
        )
    refused = done.refused(settings.per_run)
    if refused:
        shown = [f"{settings.calendar.text(run)[:16].replace('T', ' ')} ({count:,})" for run, count in refused]
        more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
        yield (
            f"`limits.per_run` ({settings.per_run:,}) would have stopped the run of {', '.join(shown[:5])}{more} "
            "until somebody approves it; its messages count as sent here"
        )
    for rule, count in done.errors.items():
        yield f"{rule}: {count:,} orders could not be decided; `sendplan explain ORDER` says why"


# --- output ---


def simulation_json(
    span: _Span, done: Simulation, other: Simulation | None, rules_from: str | None, calendar: Calendar
) -> dict[str, Any]:
    """The JSON of docs/commands.md#sendplan-simulate; with `--rules-from` the other rule set's under an own key."""
    data = {"from": calendar.text(span.first), "to": calendar.text(span.last), **_sends_json(done, calendar)}
    return data if other is None else {**data, "rules_from": {"revision": rules_from, **_sends_json(other, calendar)}}


def _sends_json(done: Simulation, calendar: Calendar) -> dict[str, Any]:
    counted = volumes(done.sends, calendar)
    return {
        "sends": [_send_json(send, calendar) for send in done.sends],
        "volumes": {
            "by_rule": counted.by_rule,
            "by_day": {str(day): count for day, count in counted.by_day.items()},
            "by_region": counted.by_region,
        },
    }


def _send_json(send: Send, calendar: Calendar) -> dict[str, Any]:
    return {
        "at": calendar.text(send.at),
        "key": send.key,
        "rule": send.rule,
        "step": send.step,
        "order": send.order,
        "region": send.region,
    }


def _compared(project: Project, done: Simulation, other: Simulation | None, rules_from: str | None) -> ComparedVolumes:
    calendar = project.settings.calendar
    return ComparedVolumes(
        volumes(done.sends, calendar), volumes(other.sends, calendar) if other is not None else None, rules_from or ""
    )


def _title(project: Project, span: _Span) -> str:
    calendar = project.settings.calendar
    return f"{project.settings.shop.name}: simulation from {calendar.text(span.first)} to {calendar.text(span.last)}"


def _subtitle(project: Project, done: Simulation, total: Volumes, rhythm: str = "") -> str:
    runs, messages = counted(len(done.runs), "run"), counted(total.total, "message")
    when = f" ({rhythm})" if rhythm else ""
    return f"{runs}{when}, {project.settings.shop.timezone}: {messages}"


def _print(
    project: Project, span: _Span, done: Simulation, other: Simulation | None, rules_from: str | None, rhythm: str
) -> None:
    compared = _compared(project, done, other, rules_from)
    click.echo(clean(_title(project, span)))
    click.echo(clean(_subtitle(project, done, compared.present, rhythm)) + "\n")
    _print_rows("Rule", compared, message_rows(compared, _steps(project)))
    regions = region_rows(compared)
    if regions:
        _print_rows("Region", compared, regions)
    calendar = project.settings.calendar
    spans = periods(calendar.day(span.begin), calendar.day(span.end))
    _print_rows(spans.span, compared, period_rows(compared, spans), bars=True)


def _print_rows(name: str, compared: ComparedVolumes, rows: list[Row], *, bars: bool = False) -> None:
    """A table of numbers, ranged right; with `bars` the chart beside it."""
    headings = compared.headings()
    cells = [compared.numbers(present, other) for _, present, other, _ in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    top = max((present for _, present, _, _ in rows), default=0)
    lines = []
    for (label, present, _, is_part), numbers in zip(rows, cells, strict=True):
        ranged = [number.rjust(width) for number, width in zip(numbers, widths, strict=True)]
        bar = [text_bar(present, top, BAR_WIDTH)] if bars else []
        lines.append([f"  {label}" if is_part else label, *ranged, *bar])
    titles = [title.rjust(width) for title, width in zip(headings, widths, strict=True)]
    print_table([name, *titles, *([""] if bars else [])], lines)


def _page(
    project: Project,
    span: _Span,
    done: Simulation,
    other: Simulation | None,
    rules_from: str | None,
    warnings: Sequence[str],
) -> str:
    compared = _compared(project, done, other, rules_from)
    calendar = project.settings.calendar
    spans = periods(calendar.day(span.begin), calendar.day(span.end))
    subtitle = _subtitle(project, done, compared.present)
    return page(_title(project, span), subtitle, compared, spans, _steps(project), warnings)


def _steps(project: Project) -> dict[str, list[str]]:
    """The rules that are in use, with their active steps."""
    return {rule.id: [step.id for step in rule.steps if step.id] for rule in project.rules if rule.enabled}
