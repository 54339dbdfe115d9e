"""`sendplan simulate`: replay or forecast a rule set on a virtual clock."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from sendplan.commands.context import format_option, load_project, progress_bar, project_option, reader_of
from sendplan.commands.output import print_json, print_problems, print_table
from sendplan.comparing.revisions import project_at
from sendplan.output_file import FileKind, write_file
from sendplan.problems import Exit
from sendplan.simulation.chart import text_bar
from sendplan.simulation.forecast import Forecast, forecast
from sendplan.simulation.volumes import ComparedVolumes, Row, period_rows, region_rows
from sendplan.text import clean

BAR_WIDTH = 40


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
    with ExitStack() as opened:
        before = None if rules_from is None else opened.enter_context(project_at(project.settings.folder, rules_from))
        orders = reader_of(project).counts().get("orders", 0)
        show = opened.enter_context(progress_bar("Simulating", "orders", orders if before is None else 2 * orders))
        done = forecast(project, first, last, every=every, before=before, name=rules_from or "", progress=show)
    if format_ == "json":
        print_json(done.to_json())
    else:
        _print(done)
    if html is not None:
        write_file(html, FileKind.PAGE, [done.to_html().encode()])
        click.echo(f"Written to {html}", err=format_ == "json")
    for warning in done.warnings:
        click.echo(f"warning: {clean(warning)}", err=True)
    if project.broken:
        print_problems([each for each in problems if each.is_error], "text", err=True)
        return Exit.FINDINGS
    return Exit.DONE


def _print(done: Forecast) -> None:
    click.echo(f"{clean(done.title)}\n{clean(done.subtitle)}\n")
    compared, periods = done.compared, done.periods
    _print_rows("Rule", compared, done.message_rows())
    if regions := region_rows(compared):
        _print_rows("Region", compared, regions)
    _print_rows(periods.span, compared, period_rows(compared, periods), bars=True)


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
