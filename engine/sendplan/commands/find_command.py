"""`sendplan find`: orders as people know them, with what each rule says of them."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import (
    clock_of,
    format_option,
    load_project,
    now_option,
    project_option,
    reader_of,
)
from sendplan.commands.output import print_json
from sendplan.planning.finding import MOST, find, found_json, rule_lines, title
from sendplan.problems import Exit
from sendplan.text import clean


@click.command("find")
@click.argument("text")
@click.option("--limit", type=click.IntRange(min=1), default=MOST, show_default=True, help="How many orders at most.")
@click.option("--show-addresses", is_flag=True, help="Do not mask buyers' addresses.")
@now_option
@format_option("text", "json")
@project_option
def command(
    text: str, limit: int, show_addresses: bool, now: str | None, format_: str, project_dir: Path | None
) -> int:
    """Orders that TEXT finds, with what each rule says: by id, number, name, e-mail address or customer.

    Parts of them are enough, and case does not matter; of several words all must be found.
    """
    project, _ = load_project(project_dir, kept=True)
    calendar = project.settings.calendar
    clock = clock_of(now, calendar)
    # One more than is shown tells whether there are more.
    found = find(project, reader_of(project), text, clock, limit=limit + 1)
    shown, more = found[:limit], len(found) > limit
    if format_ == "json":
        orders = [found_json(each, calendar, show_addresses=show_addresses) for each in shown]
        print_json({"now": calendar.text(clock.now), "more": more, "orders": orders})
        return Exit.DONE
    if not shown:
        click.echo(clean(f"no order is found by `{text}`"))
    for number, each in enumerate(shown):
        heading = title(each.facts, calendar, show_addresses=show_addresses)
        lines = map(clean, (heading, *rule_lines(each.decisions, project.broken)))
        click.echo("\n".join([*([""] if number else []), *lines]))
    if more:
        click.echo(f"\nand more: search for more words, or raise --limit {limit}", err=True)
    return Exit.DONE
