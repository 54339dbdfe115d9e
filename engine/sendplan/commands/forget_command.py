"""`sendplan forget`: erase a person, or tell all that is known of one."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import format_option, load_settings, project_option, reader_for, store_for
from sendplan.commands.output import print_json
from sendplan.operating.forgetting import DataSubject, find_person, forget_person, person_json
from sendplan.problems import Exit
from sendplan.text import clean, counted


@click.command("forget")
@click.argument("who", metavar="ADDR|CUSTOMER")
@click.option("--dry-run", is_flag=True, help="Tell all that is known of this person, and forget nothing.")
@format_option("text", "json")
@project_option
def command(who: str, dry_run: bool, format_: str, project_dir: Path | None) -> int:
    """Erase a person: orders, texts and addresses. What was sent stays known by a hash, so nothing goes twice.

    Later rows of a forgotten order are passed over. With --dry-run and --format json, the answer to a buyer who asks
    what is known of them.
    """
    settings = load_settings(project_dir)
    with reader_for(settings) as reader:
        person = find_person(reader, settings, who)
        if dry_run and format_ == "json":
            print_json(person_json(person, reader, settings))
            return Exit.DONE
    if not dry_run:
        with store_for(settings) as store:
            forget_person(store, settings, person)
    if format_ == "json":
        print_json({"orders": len(person.orders), "suppressions": len(person.suppressions), "forgotten": True})
        return Exit.DONE
    click.echo(clean(f"{'Would forget' if dry_run else 'Forgot'} {_what(person)}."))
    if not dry_run:
        click.echo("Backups, plan files and rehearsals that were made before still hold them: delete those yourself.")
    return Exit.DONE


def _what(person: DataSubject) -> str:
    parts = [
        counted(len(person.orders), "order"),
        *([counted(len(person.suppressions), "suppression")] if person.suppressions else []),
        *([counted(len(person.snoozes), "snooze")] if person.snoozes else []),
    ]
    ids = ", ".join(order.id for order in person.orders)
    return f"{' and '.join(parts)}{f' ({ids})' if ids else ''}"
