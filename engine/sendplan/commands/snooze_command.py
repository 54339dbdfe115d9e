"""`sendplan snooze`: an order's or a buyer's messages wait until a day begins."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from sendplan.addresses import masked
from sendplan.commands.context import format_option, load_project, project_option, store_of
from sendplan.commands.output import print_json, print_problems
from sendplan.commands.person import person
from sendplan.ledger import SnoozeSubject
from sendplan.operating.meant import day_ahead, order_or_buyer
from sendplan.planning.finding import named
from sendplan.planning.lookup import known_rules
from sendplan.problems import Exit, Problem, Severity
from sendplan.text import clean


@click.command("snooze")
@click.argument("what", metavar="ORDER|ADDR")
@click.option("--until", metavar="DATE", help="They may leave again when this day of the shop begins.")
@click.option("--rule", metavar="RULE", help="Only this rule's messages.")
@click.option("--reason", metavar="TEXT", default="", help="Why, for those who look at the plan.")
@click.option("--remove", is_flag=True, help="End the snooze.")
@format_option("text", "json")
@project_option
def command(
    what: str, until: str | None, rule: str | None, reason: str, remove: bool, format_: str, project_dir: Path | None
) -> int:
    """Hold all messages of an order, or to an address, until a day begins; also for runs under way.

    ORDER is an id or a number.
    """
    if remove is (until is not None):
        raise click.UsageError("give the day with --until, or end a snooze with --remove")
    project, _ = load_project(project_dir)
    known_rules(project, (rule,) if rule else ())
    day = day_ahead(until, project.settings.calendar.day(datetime.now(UTC))) if until is not None else None
    store = store_of(project.settings)
    subject, name = order_or_buyer(store, what)
    if day is None:
        said = "goes on" if person(store).wake(subject, name, rule) else "was not snoozed"
    else:
        person(store).snooze(subject, name, day, rule or "", reason)
        said = f"snoozed until {day}"
        if subject is SnoozeSubject.ADDRESS and not named(store, name):
            print_problems([_nobodys(name)], "text", err=True)
    if format_ == "json":
        print_json({subject.value: name, "rule": rule, "until": str(day) if day else None, "state": said})
    else:
        click.echo(clean(f"{name}{f', {rule}' if rule else ''}: {said}"))
    return Exit.DONE


def _nobodys(address: str) -> Problem:
    message = f"no order has the address {masked(address)} yet: the snooze waits for one"
    return Problem("unknown-name", message, None, "see `sendplan find TEXT`", Severity.WARNING)
