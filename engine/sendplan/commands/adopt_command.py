"""`sendplan adopt`: accept a foreign or restored store, and begin from now."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import clock_of, format_option, load_project, now_option, project_option, store_of
from sendplan.commands.output import print_json, print_table
from sendplan.operating.adopting import adopt
from sendplan.problems import Exit


@click.command("adopt")
@now_option
@format_option("text", "json")
@project_option
def command(now: str | None, format_: str, project_dir: Path | None) -> int:
    """Accept a copied or restored store: tell what it would have mailed (again), then begin with orders from now on.

    Messages of earlier orders are left alone from then on, ladders included: nobody knows what they were sent. A store
    that nothing is wrong with stays as it is.
    """
    project, _ = load_project(project_dir)
    clock = clock_of(now, project.settings.calendar)
    store = store_of(project.settings)
    done = adopt(project, store, clock)
    again = done.would_have_sent
    if format_ == "json":
        keys = [entry.key for entry in again]
        print_json({"why": done.why, "orders_from": done.orders_from, "would_have_sent": keys})
        return Exit.DONE
    if done.why is None:
        click.echo("Nothing to adopt: this is the store that the project sends from. It stays as it is.")
        return Exit.DONE
    click.echo(f"Reason: {done.why}")
    if again:
        rows = [(entry.key, entry.to or "", entry.why) for entry in again]
        print_table(("Message", "To", "Why"), rows, title=f"It would have sent, perhaps again ({len(again)})")
    if done.orders_from is None:
        click.echo("Accepted as it is: other hosts send from this store.")
    else:
        click.echo(f"Adopted: only orders from {done.orders_from} on get mail from now on.")
    return Exit.DONE
