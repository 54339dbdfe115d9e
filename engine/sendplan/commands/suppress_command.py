"""`sendplan suppress`: addresses that get no mail any more, or none of one class."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from sendplan.commands.context import format_option, load_settings, project_option, store_of
from sendplan.commands.output import print_json, print_table
from sendplan.commands.person import person
from sendplan.operating.by_hand import BY_HAND
from sendplan.operating.suppressing import ALL_MAIL, Namer, SuppressionChange, suppress, unsuppress
from sendplan.operating.unsubscribes import REASON
from sendplan.problems import Exit
from sendplan.store.records import Suppression
from sendplan.text import clean


@click.command("suppress")
@click.argument("addresses", metavar="[ADDR...]", nargs=-1)
@click.option("--token", metavar="TOKEN", help="Instead: the buyer and the class that an unsubscribe link names.")
@click.option(
    "--from",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Instead: every address and token in FILE, one a line.",
)
@click.option("--class", "klass", metavar="CLASS", help="Only mail of this class, as after an unsubscribe.")
@click.option(
    "--reason", metavar="TEXT", help=f"Why, for those who look at the list; `{BY_HAND}`, or `{REASON}` for a token."
)
@click.option("--remove", is_flag=True, help="Take this suppression off the list; others of the address stay.")
@click.option("--list", "list_", is_flag=True, help="Show the list.")
@format_option("text", "json")
@project_option
def command(
    addresses: tuple[str, ...],
    token: str | None,
    file: Path | None,
    klass: str | None,
    reason: str | None,
    remove: bool,
    list_: bool,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Send nothing to ADDR any more; also filled by servers that say an address does not exist."""
    if sum((list_, bool(addresses), token is not None, file is not None)) != 1:
        raise click.UsageError("give an address, a --token or a file with --from, or show them all with --list")
    settings = load_settings(project_dir)
    store = store_of(settings)
    if list_:
        return _list(store.suppressions(), klass, format_)
    namer = Namer(settings, store, klass=klass, reason=reason, removing=remove)
    if file is not None:
        listings = namer.file(file)
    else:
        listings = namer.addresses(addresses) if token is None else namer.token(token)
    done = (unsuppress if remove else suppress)(person(store), listings)
    said = [_state(each, remove) for each in done]
    if format_ == "json":
        states = [
            {"address": each.address, "class": each.klass or None, "state": state}
            for each, state in zip(listings, said, strict=True)
        ]
        print_json(states[0] if len(states) == 1 and not file else states)
    else:
        for each, state in zip(listings, said, strict=True):
            click.echo(clean(f"{each.address}: {state}{f' ({each.klass})' if each.klass else ''}"))
        if not listings:
            click.echo("no address in the file")
    return Exit.DONE


def _state(each: SuppressionChange, removing: bool) -> str:
    if not removing:
        return "suppressed" if each.changed else "already suppressed"
    state = "removed" if each.changed else "was not on the list"
    return f"{state}, stays suppressed for {', '.join(each.left)}" if each.left else state


def _list(suppressions: Iterable[Suppression], klass: str | None, format_: str) -> int:
    found = [each for each in suppressions if klass in (None, each.klass)]
    if format_ == "json":
        print_json(
            [
                {
                    "address": each.address,
                    "class": each.klass or None,
                    "at": each.at.isoformat(),
                    "reason": each.reason,
                }
                for each in found
            ]
        )
    elif found:
        rows = [(each.address, each.klass or ALL_MAIL, each.at.date().isoformat(), each.reason) for each in found]
        print_table(("Address", "Gets no", "Since", "Reason"), rows)
    else:
        click.echo("no address is suppressed")
    return Exit.DONE
