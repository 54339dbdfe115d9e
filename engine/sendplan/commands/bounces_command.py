"""`sendplan bounces`: what came back to the shop, from mailboxes or files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sendplan.commands.context import format_option, load_settings, project_option, store_of
from sendplan.commands.output import print_json, print_problems, print_table
from sendplan.mail.bounces import READ_BYTES, is_mail
from sendplan.operating.returned_mail import (
    Found,
    Reading,
    missing_extra,
    read_mailboxes,
    take,
    tally,
    with_mailbox,
)
from sendplan.problems import Exit, Problem, UserError, did_you_mean
from sendplan.project.settings import Settings
from sendplan.text import clean

_TOLD = (Found.HARD, Found.SOFT, Found.UNSUBSCRIBED, Found.UNMATCHED)


@click.command("bounces")
@click.argument("what", metavar="[SENDER] [FILE.eml...]", nargs=-1)
@format_option("text", "json")
@project_option
def command(what: tuple[str, ...], format_: str, project_dir: Path | None) -> int:
    """Read the mails that came back, from SENDER's mailbox or from files; without any, from every mailbox.

    An address that does not exist gets no mail any more; nothing in the mailbox is changed.
    """
    settings = load_settings(project_dir)
    names, files = _told_apart(what, settings)
    mails = {file: _beginning(file) for file in files}
    _refuse_others(mails)
    store, now = store_of(settings), datetime.now(UTC).replace(microsecond=0)
    try:
        readings = [take(mails[file], file.name, settings, store, now) for file in files]
    except ImportError as error:
        raise UserError(missing_extra(error)) from error
    read, problems = read_mailboxes(names, settings, store, now)
    readings += read
    if format_ == "json":
        print_json(readings_json(readings))
    else:
        print_readings(readings)
    if problems:
        print_problems(problems, "text", err=True)
    return Exit.FINDINGS if problems else Exit.DONE


def _told_apart(what: Sequence[str], settings: Settings) -> tuple[list[str], list[Path]]:
    """Senders and files; raises UsageError for what is neither."""
    names = [each for each in what[:1] if each in settings.senders]
    files = [Path(each) for each in what[len(names) :]]
    for file in files:
        if not file.is_file():
            help_ = did_you_mean(str(file), settings.senders) if "." not in file.name else ""
            raise click.UsageError(f"`{file}` is neither a sender nor a file{f'; {help_}' if help_ else ''}")
    if names and settings.senders[names[0]].mailbox is None:
        raise click.UsageError(f"sender `{names[0]}` has no `mailbox` in sendplan.yaml; name files, or add it")
    if not what:
        names = with_mailbox(settings)
        if not names:
            raise click.UsageError("no sender has a `mailbox` in sendplan.yaml; name files, or add one")
    return names, files


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(READ_BYTES)


def _refuse_others(mails: Mapping[Path, bytes]) -> None:
    """Raises UserError for files that are no mails."""
    others = [file for file, raw in mails.items() if not is_mail(raw)]
    help_ = "save the mail that came back as it is, with its headers (`.eml`)"
    if others:
        raise UserError([Problem("wrong-value", f"`{file}` is not a mail", None, help_) for file in others], Exit.USAGE)


def print_readings(readings: Sequence[Reading]) -> None:
    """What became of each mail that said something, and how many there were of each kind."""
    rows = [(each.source, each.found.value, each.message, clean(each.why)) for each in readings if each.found in _TOLD]
    if rows:
        print_table(("Mail", "Kind", "Message", "Why"), rows)
    counts = tally(readings)
    told = ", ".join(f"{counts[kind]} {kind.value}" for kind in Found if counts.get(kind))
    click.echo(f"bounces: {told or 'no new mail'}")


def readings_json(readings: Sequence[Reading]) -> dict[str, Any]:
    """The same for machines."""
    counts = tally(readings)
    return {
        "counts": {kind.value: counts.get(kind, 0) for kind in Found},
        "mails": [
            {"source": each.source, "kind": each.found.value, "message": each.message or None, "why": each.why}
            for each in readings
        ],
    }
