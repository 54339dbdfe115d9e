"""`sendplan suppress`: addresses that get no mail any more, or none of one class."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import click

from sendplan.addresses import address_error, mailbox
from sendplan.commands.context import format_option, load_settings, project_option, store_of
from sendplan.commands.output import print_json, print_table
from sendplan.commands.person import person
from sendplan.ledger import EVERY_CLASS
from sendplan.operating.by_hand import BY_HAND
from sendplan.operating.unsubscribes import REASON, resolve
from sendplan.problems import Exit, Problem, Span, UserError, did_you_mean
from sendplan.project.settings import Settings
from sendplan.store import Store
from sendplan.store.protocols import Suppression
from sendplan.text import clean

ALL_MAIL = "all mail"


class _Read(Protocol):
    def __call__(self, text: str, *, is_token: bool) -> list[_Entry] | str: ...


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the list: to be put on it, or taken off."""

    address: str
    klass: str
    """A class's name, or `EVERY_CLASS`."""
    reason: str = BY_HAND


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
    if klass is not None and klass not in settings.classes and not remove:
        raise click.UsageError(f"there is no class `{klass}`; {did_you_mean(klass, settings.classes)}")
    read = partial(_entries, klass=klass, settings=settings, store=store, remove=remove)
    if file is not None:
        entries = _of_file(file, read)
    else:
        entries = _of_line(addresses if token is None else (token,), read, is_token=token is not None)
    if reason is not None:
        entries = [replace(each, reason=reason) for each in entries]
    entries = _once_each(entries)
    with store.together():
        said = _removed(store, entries) if remove else [_added(store, each) for each in entries]
    if format_ == "json":
        states = [
            {"address": each.address, "class": each.klass or None, "state": state}
            for each, state in zip(entries, said, strict=True)
        ]
        print_json(states[0] if len(states) == 1 and not file else states)
    else:
        for each, state in zip(entries, said, strict=True):
            click.echo(clean(f"{each.address}: {state}{f' ({each.klass})' if each.klass else ''}"))
        if not entries:
            click.echo("no address in the file")
    return Exit.DONE


def _once_each(entries: Iterable[_Entry]) -> list[_Entry]:
    first: dict[tuple[str, str], _Entry] = {}
    for each in entries:
        first.setdefault((mailbox(each.address), each.klass), each)
    return list(first.values())


def _of_line(texts: Iterable[str], read: _Read, *, is_token: bool) -> list[_Entry]:
    """Raises UsageError with everything that is wrong on the command line."""
    found = [read(each, is_token=is_token) for each in texts]
    if wrong := [each for each in found if isinstance(each, str)]:
        raise click.UsageError("\n".join(wrong))
    return [entry for each in found if not isinstance(each, str) for entry in each]


def _of_file(file: Path, read: _Read) -> list[_Entry]:
    """Empty lines count for nothing; raises UserError with every line that is wrong."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 (byte {error.start + 1})"
        problem = Problem("yaml-encoding", message, Span(str(file), 1, 1, 2), "save it as UTF-8")
        raise UserError(problem, Exit.USAGE) from error
    entries: list[_Entry] = []
    problems: list[Problem] = []
    for number, line in enumerate(re.split("\r\n|\r|\n", text), 1):
        written = line.strip()
        if not written:
            continue
        found = read(written, is_token="@" not in written)
        if isinstance(found, str):
            column = line.index(written) + 1
            span = Span(str(file), number, column, column + len(written), line)
            problems.append(Problem("wrong-value", found, span, "write one address or one token a line"))
        else:
            entries += found
    if problems:
        raise UserError(problems, Exit.USAGE)
    return entries


def _entries(
    text: str, *, is_token: bool, klass: str | None, settings: Settings, store: Store, remove: bool
) -> list[_Entry] | str:
    """What an address or a token stands for, or what is wrong with it.

    What is on the list already may always be removed, so that a removal looks at no address.
    """
    if not is_token:
        error = None if remove else address_error(text)
        of = EVERY_CLASS if klass is None else klass
        return f"`{text}` is not an e-mail address: {error}" if error else [_Entry(text, of)]
    found = resolve(text, settings, store)
    if found is None:
        return f"`{text}` is no token that this store has made; copy all of what stands in the link"
    if not found.known:
        return f"`{text}` is a token of an earlier version, and fits no buyer in this store"
    classes = found.classes if klass is None else (klass,)
    if not classes:
        return f"`{text}` ends all advertising, and no class has `unsubscribe: required`; name one with --class"
    return [_Entry(found.address, each, REASON) for each in classes]


def _added(store: Store, entry: _Entry) -> str:
    added = person(store).suppress(entry.address, entry.klass, entry.reason)
    return "suppressed" if added else "already suppressed"


def _removed(store: Store, entries: Iterable[_Entry]) -> list[str]:
    said = [(each, _unsuppress(store, each)) for each in entries]
    left: dict[str, list[str]] = {}
    for each in store.suppressions():
        left.setdefault(each.address, []).append(each.klass or ALL_MAIL)
    stays = ((state, left.get(mailbox(each.address))) for each, state in said)
    return [f"{state}, stays suppressed for {', '.join(names)}" if names else state for state, names in stays]


def _unsuppress(store: Store, entry: _Entry) -> str:
    removed = person(store).unsuppress(entry.address, entry.klass)
    return "removed" if removed else "was not on the list"


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
