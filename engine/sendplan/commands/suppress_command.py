"""`sendplan suppress`: addresses that get no mail any more."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from sendplan.addresses import address_error
from sendplan.commands.context import format_option, load_settings, project_option, store_of
from sendplan.commands.output import print_json, print_table
from sendplan.problems import Exit
from sendplan.store import Store
from sendplan.text import clean


@click.command("suppress")
@click.argument("address", metavar="ADDR", required=False)
@click.option("--remove", is_flag=True, help="Take the address off the list.")
@click.option("--list", "list_", is_flag=True, help="Show the list.")
@format_option("text", "json")
@project_option
def command(address: str | None, remove: bool, list_: bool, format_: str, project_dir: Path | None) -> int:
    """Send nothing to ADDR any more; also filled by servers that say an address does not exist."""
    if list_ is (address is not None):
        raise click.UsageError("give an address, or show them all with --list")
    settings = load_settings(project_dir)
    store = store_of(settings)
    if address is None:
        return _list(store, format_)
    if not remove and (wrong := address_error(address)):
        raise click.UsageError(f"`{address}` is not an e-mail address: {wrong}")
    if remove:
        said = "removed" if store.unsuppress(address) else "was not on the list"
    else:
        said = "suppressed" if store.suppress(address, at=datetime.now(UTC), reason="by hand") else "already suppressed"
    if format_ == "json":
        print_json({"address": address, "state": said})
    else:
        click.echo(clean(f"{address}: {said}"))
    return Exit.DONE


def _list(store: Store, format_: str) -> int:
    found = store.suppressions()
    if format_ == "json":
        print_json([{"address": each.address, "at": each.at.isoformat(), "reason": each.reason} for each in found])
    elif found:
        rows = [(each.address, each.at.date().isoformat(), each.reason) for each in found]
        print_table(("Address", "Since", "Reason"), rows)
    else:
        click.echo("no address is suppressed")
    return Exit.DONE
