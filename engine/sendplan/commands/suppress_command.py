"""`sendplan suppress`: addresses that get no mail any more, or none of one class."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click

from sendplan.addresses import address_error, mailbox, masked
from sendplan.commands.context import format_option, load_settings, project_option, store_of
from sendplan.commands.output import print_json, print_table
from sendplan.commands.person import note
from sendplan.ledger import EVERY_CLASS
from sendplan.problems import Exit, did_you_mean
from sendplan.project.settings import Settings
from sendplan.store import Store
from sendplan.store.protocols import Suppression
from sendplan.text import clean

ALL_MAIL = "all mail"


@click.command("suppress")
@click.argument("addresses", metavar="[ADDR...]", nargs=-1)
@click.option("--class", "klass", metavar="CLASS", help="Only mail of this class, as after an unsubscribe.")
@click.option("--reason", metavar="TEXT", default="by hand", help="Why, for those who look at the list.")
@click.option("--remove", is_flag=True, help="Take this suppression off the list; others of the address stay.")
@click.option("--list", "list_", is_flag=True, help="Show the list.")
@format_option("text", "json")
@project_option
def command(
    addresses: tuple[str, ...],
    klass: str | None,
    reason: str,
    remove: bool,
    list_: bool,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Send nothing to ADDR any more; also filled by servers that say an address does not exist."""
    if list_ is bool(addresses):
        raise click.UsageError("give an address, or show them all with --list")
    settings = load_settings(project_dir)
    store = store_of(settings)
    if list_:
        return _list(store.suppressions(), klass, format_)
    _check(addresses, klass, settings, remove=remove)
    of = EVERY_CLASS if klass is None else klass
    with store.together():
        told = {each: _removed(store, each, of) if remove else _added(store, each, of, reason) for each in addresses}
    if format_ == "json":
        states = [{"address": address, "class": klass, "state": said} for address, said in told.items()]
        print_json(states[0] if len(addresses) == 1 else states)
    else:
        for address, said in told.items():
            click.echo(clean(f"{address}: {said}{f' ({klass})' if klass else ''}"))
    return Exit.DONE


def _check(addresses: Iterable[str], klass: str | None, settings: Settings, *, remove: bool) -> None:
    """Raises UsageError for what is no address and no class; what is on the list already may always be removed."""
    wrong = [f"`{each}` is not an e-mail address: {error}" for each in addresses if (error := address_error(each))]
    if klass is not None and klass not in settings.classes:
        wrong.append(f"there is no class `{klass}`; {did_you_mean(klass, settings.classes)}")
    if wrong and not remove:
        raise click.UsageError("\n".join(wrong))


def _added(store: Store, address: str, klass: str, reason: str) -> str:
    added = store.suppress(address, at=datetime.now(UTC), reason=reason, klass=klass)
    if added:
        note(store, "suppress", masked(address), " ".join(filter(None, (klass, reason))))
    return "suppressed" if added else "already suppressed"


def _removed(store: Store, address: str, klass: str) -> str:
    removed = store.unsuppress(address, klass)
    if removed:
        note(store, "unsuppress", masked(address), klass)
    said = "removed" if removed else "was not on the list"
    left = [each.klass or ALL_MAIL for each in store.suppressions() if each.address == mailbox(address)]
    return f"{said}, stays suppressed for {', '.join(left)}" if left else said


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
